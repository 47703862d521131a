-- The minutes of each session as they are sold where cards name presets or round each presence. Only sessions of
-- sources and times with such cards are sold so: the reader decides.
create or replace view ingest.connection_lines as
-- presences are not known yet, so neither are price and what is sold; a meeting without presences costs nothing at any
-- price
select s.source_id, s.session_id, null::text as preset_name,
       case when who.participant_count is null then s.provider_minutes else 0 end as consumed_quantity,
       case when who.participant_count is not null then 0::numeric end as by_connection,
       case when who.participant_count is not null
            then (select min(c.rate_card_id) from ingest.cards_in_force c
                   where c.source_id = s.source_id and c.unit = 'minute'
                     and s.started_at >= c.valid_from and s.started_at < c.valid_to) end as rate_card_id
  from core.sessions s
  left join core.session_participation who on who.source_id = s.source_id and who.session_id = s.session_id
 where coalesce(who.participant_count, 0) = 0
union all
select p.source_id, p.session_id, p.preset_name, round(sum(p.duration_seconds) / 60.000000000000000000, 18),
       sum(ceil(p.duration_seconds / 60)), fit.rate_card_id
  from (select s.source_id, s.session_id, s.started_at, p.preset_name, p.duration_ms * 0.001 as duration_seconds
          from core.sessions s
          join core.session_participation who on who.source_id = s.source_id and who.session_id = s.session_id
          join core.participants p on p.source_id = s.source_id and p.session_id = s.session_id) p
  left join lateral (
       select c.rate_card_id from ingest.cards_in_force c
        where c.source_id = p.source_id and c.unit = 'minute'
          and p.started_at >= c.valid_from and p.started_at < c.valid_to
          and analytics.fits_pattern(p.preset_name, c.preset_pattern)
        order by length(c.preset_pattern) desc, c.preset_pattern = '*', c.preset_pattern limit 1) fit on true
 group by p.source_id, p.session_id, p.preset_name, fit.rate_card_id, p.duration_seconds is null;
