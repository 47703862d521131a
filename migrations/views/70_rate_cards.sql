create or replace view analytics.rate_cards as
select c.valid_from::timestamptz as valid_from, c.valid_to::timestamptz as valid_to, c.rate_card_id, c.source_id,
       src.source_slug as source, src.provider, c.scenario, c.unit, c.unit_price, c.currency, c.preset_pattern,
       c.rounding, c.step_minutes, c.recorded_at::timestamptz as recorded_at
  from core.rate_cards c
  join core.sources src using (source_id)
 where c.replaced_at is null;

comment on view analytics.rate_cards is 'Prices that stand, by source.';
comment on column analytics.rate_cards.valid_from is 'First start of a session it prices.';
comment on column analytics.rate_cards.valid_to is 'First start after those it prices; null: until further notice.';
comment on column analytics.rate_cards.rate_card_id is 'Our number.';
comment on column analytics.rate_cards.source_id is 'Its source.';
comment on column analytics.rate_cards.source is 'Slug of the source.';
comment on column analytics.rate_cards.provider is 'konpro, konvo or realtimekit.';
comment on column analytics.rate_cards.scenario is 'actual: what is paid; other names: what might be.';
comment on column analytics.rate_cards.unit is 'What is priced: minute, session or resolution.';
comment on column analytics.rate_cards.unit_price is 'Price of one, exact.';
comment on column analytics.rate_cards.currency is 'ISO 4217; the same for all cards of a scenario.';
comment on column analytics.rate_cards.preset_pattern is
  'Presets of participants it is for, * for any text; where several fit, the longest wins.';
comment on column analytics.rate_cards.rounding is
  'none; ceil_per_connection: each presence to the next minute; ceil_per_session: each session to the next minute; '
  'step: each session to the next multiple of step_minutes.';
comment on column analytics.rate_cards.step_minutes is 'Minutes sold at a time; null but for rounding step.';
comment on column analytics.rate_cards.recorded_at is 'When it was entered.';
