-- The minutes of each session as they are sold where cards name presets or round each presence. Only sessions of
-- sources and times with such cards are sold so: the reader decides.
create or replace view ingest.connection_lines as
-- presences are not known yet, so neither is the price; a meeting without presences costs nothing at any price
select s.source_id, s.session_id, null::text as preset_name,
       case when who.participant_count is null then s.provider_minutes else 0 end as consumed_quantity,
       case when who.participant_count is null then ceil(s.provider_minutes) else 0 end as by_connection,
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

-- The sums over the lines of each session.
create or replace view ingest.connection_sums as
select x.source_id, x.session_id, sum(round(line.quantity * c.unit_price, 18)) as cost,
       bool_and(line.quantity is not null and c.unit_price is not null) as is_priced,
       case when bool_and(x.consumed_quantity is not null or c.unit_price is not null)
            then coalesce(sum(x.consumed_quantity) filter (where c.unit_price is null), 0) end as unpriced_minutes,
       case when bool_and(line.quantity is not null) then sum(line.quantity) end as minutes
  from ingest.connection_lines x
  left join ingest.cards_in_force c on c.rate_card_id = x.rate_card_id
 cross join lateral (
       select analytics.rounded_minutes(x.consumed_quantity, x.by_connection, c.rounding, c.step_minutes)
                as quantity) line
 group by x.source_id, x.session_id;

-- The same for readers of sessions. A function, so that it is planned only where it is needed, and once.
create or replace function ingest.connection_amounts(of_source int, of_session bigint, out cost numeric,
                                                     out is_priced boolean, out unpriced_minutes numeric,
                                                     out minutes numeric)
  language plpgsql stable security definer set search_path = ''
as $$
begin
  select x.cost, x.is_priced, x.unpriced_minutes, x.minutes into cost, is_priced, unpriced_minutes, minutes
    from ingest.connection_sums x
   where x.source_id = of_source and x.session_id = of_session;
end
$$;
