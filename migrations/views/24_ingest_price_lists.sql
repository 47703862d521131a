-- The prices of each source over time: a session finds the card in force at its start by the place of its start in an
-- array, and not by a look-up. Where no card is in force, an entry has nulls.
create or replace view ingest.price_lists as
select step.source_id,
       array_agg(step.at order by step.at) filter (where step.unit = 'minute') as minute_starts,
       array_agg(step.rate_card_id order by step.at) filter (where step.unit = 'minute') as minute_cards,
       array_agg(step.unit_price order by step.at) filter (where step.unit = 'minute') as minute_prices,
       array_agg(step.rounding order by step.at) filter (where step.unit = 'minute') as minute_roundings,
       array_agg(step.step_minutes order by step.at) filter (where step.unit = 'minute') as minute_steps,
       array_agg(step.at order by step.at) filter (where step.unit = 'session') as session_starts,
       array_agg(step.rate_card_id order by step.at) filter (where step.unit = 'session') as session_cards,
       array_agg(step.unit_price order by step.at) filter (where step.unit = 'session') as session_prices,
       array_agg(step.at order by step.at) filter (where step.unit = 'resolution') as resolution_starts,
       array_agg(step.rate_card_id order by step.at) filter (where step.unit = 'resolution') as resolution_cards,
       array_agg(step.unit_price order by step.at) filter (where step.unit = 'resolution') as resolution_prices,
       -- when minutes of meetings are sold presence by presence
       range_agg(step.sold_by_connection) as connection_periods
  from (select c.source_id, case when c.preset_pattern = '*' then c.unit end as unit, c.valid_from as at,
               c.rate_card_id, c.unit_price, c.rounding, c.step_minutes,
               case when c.unit = 'minute' and (c.preset_pattern <> '*' or c.rounding = 'ceil_per_connection')
                    then tstzrange(c.valid_from, c.valid_to) end as sold_by_connection
          from ingest.cards_in_force c
        union all
        select c.source_id, c.unit, c.valid_to, null, null, null, null, null
          from ingest.cards_in_force c
         where c.preset_pattern = '*' and c.valid_to < 'infinity'
           and not exists (select from ingest.cards_in_force next
                            where next.source_id = c.source_id and next.unit = c.unit and next.preset_pattern = '*'
                              and next.valid_from = c.valid_to)) step
 group by step.source_id;
