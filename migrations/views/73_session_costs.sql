-- Names follow FOCUS. Minutes of a meeting are sold presence by presence, if a card in force at its start names presets
-- or rounds each presence; else as the provider meters them. Quotients are rounded to 18 digits where they are made.
do $do$
begin
  execute format($view$
create or replace view analytics.session_costs as
select s.started_at, s.completed_at, s.session_id, s.source_id, s.source, s.provider, s.session_kind, s.channel,
       s.outcome, sold.pricing_unit, sold.preset_name, sold.consumed_quantity, card.rounding as pricing_rounding,
       analytics.rounded_minutes(sold.consumed_quantity, sold.by_connection, card.rounding, card.step_minutes)
         as pricing_quantity,
       card.unit_price as list_unit_price,
       round(analytics.rounded_minutes(sold.consumed_quantity, sold.by_connection, card.rounding, card.step_minutes)
             * card.unit_price, 18) as list_cost,
       card.currency as billing_currency, sold.rate_card_id,
       s.is_provisional, s.is_part_of_session, s.is_deleted_at_provider, s.is_counted, s.changed_at
  from analytics.priced_sessions s
%s
  left join ingest.cards_in_force card on card.rate_card_id = sold.rate_card_id$view$,
    case when exists (select from pg_extension where extname = 'citus') then $citus$
 -- Citus takes no union with rows that are on no node.
 cross join unnest(array['minute', 'session', 'resolution']) unit (name)
  left join lateral (
       select x.* from ingest.connection_lines x where x.source_id = s.source_id and x.session_id = s.session_id) x
    on unit.name = 'minute' and s.is_sold_by_connection
  join lateral (
       select unit.name as pricing_unit, x.preset_name,
              case when unit.name = 'session' then (s.session_state <> 'never_started')::int
                   when unit.name = 'resolution' then (nullif(s.outcome, 'unknown') = 'resolved')::int
                   when s.is_sold_by_connection then x.consumed_quantity
                   else s.minutes_consumed end as consumed_quantity,
              case when unit.name <> 'minute' then 0
                   when s.is_sold_by_connection then x.by_connection
                   else ceil(s.minutes_consumed) end as by_connection,
              case when unit.name = 'session' then s.session_card_id
                   when unit.name = 'resolution' then s.resolution_card_id
                   when s.is_sold_by_connection then x.rate_card_id
                   else s.minute_card_id end as rate_card_id
         from (values (1)) one) sold
    on case when unit.name <> 'minute' then sold.rate_card_id is not null
            when s.is_sold_by_connection then x.session_id is not null
            else s.minutes_basis is not null end
$citus$ else $postgres$
 cross join lateral (
       select 'minute' as pricing_unit, null::text as preset_name, s.minutes_consumed as consumed_quantity,
              ceil(s.minutes_consumed) as by_connection, s.minute_card_id as rate_card_id
        where s.minutes_basis is not null and not s.is_sold_by_connection
       union all
       select 'minute' as pricing_unit, x.preset_name, x.consumed_quantity, x.by_connection, x.rate_card_id
         from ingest.connection_lines x
        where s.is_sold_by_connection and x.source_id = s.source_id and x.session_id = s.session_id
       union all
       -- a session that is not sold has a quantity of 0; an unknown outcome has none
       select sale.unit as pricing_unit, null::text as preset_name, sale.quantity, sale.quantity, sale.rate_card_id
         from (values ('session', (s.session_state <> 'never_started')::int, s.session_card_id),
                      ('resolution', case when s.outcome <> 'unknown' then (s.outcome = 'resolved')::int end,
                       s.resolution_card_id)) as sale (unit, quantity, rate_card_id)
        where sale.rate_card_id is not null) sold
$postgres$ end);
end
$do$;

comment on view analytics.session_costs is
  'Quantities sold of each session and their cost, by the rate cards in force. A session has one row for each unit '
  'that is priced, and one for its metered minutes even where no card prices them; no row where nothing is sold. The '
  'setting tributary.rate_cards, a JSON list of cards, replaces the cards for a what-if query.';
comment on column analytics.session_costs.started_at is 'Time when the session began; decides which card is in force.';
comment on column analytics.session_costs.completed_at is 'Time when a chat was completed.';
comment on column analytics.session_costs.session_id is 'Number of the session.';
comment on column analytics.session_costs.source_id is 'Number of its source.';
comment on column analytics.session_costs.source is 'Slug of the source.';
comment on column analytics.session_costs.provider is 'Provider of the source.';
comment on column analytics.session_costs.session_kind is 'avatar, chat, meeting or livestream.';
comment on column analytics.session_costs.channel is 'As in sessions.';
comment on column analytics.session_costs.outcome is 'As in sessions.';
comment on column analytics.session_costs.pricing_unit is 'minute, session or resolution.';
comment on column analytics.session_costs.preset_name is
  'Preset of the participants whose minutes these are; null: not sold by preset, or not known.';
comment on column analytics.session_costs.consumed_quantity is 'Quantity used, in pricing_unit; null: not known.';
comment on column analytics.session_costs.pricing_rounding is 'Rounding of the card; null: no card prices it.';
comment on column analytics.session_costs.pricing_quantity is
  'Quantity sold, after rounding; without a card, the quantity used; null: not known.';
comment on column analytics.session_costs.list_unit_price is 'Price of one unit; null: no card prices it.';
comment on column analytics.session_costs.list_cost is
  'pricing_quantity times list_unit_price, rounded to 18 digits after the point; null: no price, or quantity not '
  'known, which is not zero.';
comment on column analytics.session_costs.billing_currency is 'ISO 4217; null: no card prices it.';
comment on column analytics.session_costs.rate_card_id is 'Number of the rate card; null: no card prices it.';
comment on column analytics.session_costs.is_provisional is 'True while the session runs or is open.';
comment on column analytics.session_costs.is_part_of_session is 'True for a breakout room; metrics leave it out.';
comment on column analytics.session_costs.is_deleted_at_provider is
  'True once the provider no longer lists the session; sums leave it out.';
comment on column analytics.session_costs.is_counted is
  'Whether metrics count the session: no breakout room, and not deleted at the provider.';
comment on column analytics.session_costs.changed_at is
  'As in sessions. Other rate cards change rows at any time: copy the view whole once rate_cards has changed.';
