-- Cards in force; replaced ones stay in core.rate_cards.
create or replace view analytics.rate_cards as
select c.valid_from::timestamptz as valid_from, c.valid_to::timestamptz as valid_to, c.rate_card_id, c.source_id,
       src.source_slug as source, src.provider, c.scenario, c.unit, c.unit_price, c.currency, c.preset_pattern,
       c.rounding, c.step_minutes, c.recorded_at::timestamptz as recorded_at
  from core.rate_cards c
  join core.sources src using (source_id)
 where c.replaced_at is null;

comment on view analytics.rate_cards is 'Prices in force, by source.';
comment on column analytics.rate_cards.valid_from is 'First start of a session it prices.';
comment on column analytics.rate_cards.valid_to is 'First start after those it prices; null: until further notice.';
comment on column analytics.rate_cards.rate_card_id is 'Number of the row in this database.';
comment on column analytics.rate_cards.source_id is 'Number of its source.';
comment on column analytics.rate_cards.source is 'Slug of the source.';
comment on column analytics.rate_cards.provider is 'Provider of the source.';
comment on column analytics.rate_cards.scenario is 'actual: the prices paid; other names: alternatives.';
comment on column analytics.rate_cards.unit is 'Unit that is priced: minute, session or resolution.';
comment on column analytics.rate_cards.unit_price is 'Price of one unit, exact.';
comment on column analytics.rate_cards.currency is 'ISO 4217; the same for all cards of a scenario.';
comment on column analytics.rate_cards.preset_pattern is
  'Presets of participants that it applies to; * matches any text. Where several patterns match, the longest wins.';
comment on column analytics.rate_cards.rounding is
  'none; ceil_per_connection: each presence to the next minute; ceil_per_session: each session to the next minute; '
  'step: each session to the next multiple of step_minutes.';
comment on column analytics.rate_cards.step_minutes is 'Minutes sold at a time; null unless rounding is step.';
comment on column analytics.rate_cards.recorded_at is 'Time when it was entered.';
