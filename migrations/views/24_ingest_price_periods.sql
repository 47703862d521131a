-- The prices of each source over time, a row for each period in which no card begins or ends. A session is in one
-- period, which it finds without a look-up of cards. Where no card of a unit is in force, its columns are null.
create or replace view ingest.price_periods as
select period.source_id, period.valid_from, period.valid_to,
       max(c.rate_card_id) filter (where c.unit = 'minute' and c.preset_pattern = '*') as minute_card_id,
       max(c.unit_price) filter (where c.unit = 'minute' and c.preset_pattern = '*') as minute_price,
       max(c.rounding) filter (where c.unit = 'minute' and c.preset_pattern = '*') as minute_rounding,
       max(c.step_minutes) filter (where c.unit = 'minute' and c.preset_pattern = '*') as minute_step,
       max(c.rate_card_id) filter (where c.unit = 'session') as session_card_id,
       max(c.unit_price) filter (where c.unit = 'session') as session_price,
       max(c.rate_card_id) filter (where c.unit = 'resolution') as resolution_card_id,
       max(c.unit_price) filter (where c.unit = 'resolution') as resolution_price,
       -- whether minutes of meetings are sold presence by presence
       bool_or(c.unit = 'minute' and (c.preset_pattern <> '*' or c.rounding = 'ceil_per_connection'))
         as is_sold_by_connection
  from (select source_id, at as valid_from,
               coalesce(lead(at) over (partition by source_id order by at), 'infinity') as valid_to
          from (select distinct c.source_id, change.at
                  from ingest.cards_in_force c
                 cross join lateral (values (c.valid_from), (c.valid_to)) change (at)
                 where change.at < 'infinity') changes) period
  join ingest.cards_in_force c
    on c.source_id = period.source_id and c.valid_from <= period.valid_from and c.valid_to > period.valid_from
 group by period.source_id, period.valid_from, period.valid_to;
