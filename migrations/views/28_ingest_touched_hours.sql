-- The hours in which sessions are that changed since an instant, and those in which they once were; of at most so many
-- sessions, null: of all. Former times are all that are recorded, since they are dated by another clock.
create or replace function ingest.touched_hours(since timestamptz, at_most bigint)
  returns table (session_count bigint, of_start timestamptz[], of_completion timestamptz[])
  language sql stable
begin atomic
  with changed as (
    select s.source_id, s.provider_session_id, s.started_at::timestamptz as started_at,
           s.completed_at::timestamptz as completed_at
      from core.session_change_times c
      join core.sessions s on s.source_id = c.source_id and s.session_id = c.session_id
     where c.changed_at >= since
     limit at_most
  ), former as (
    select h.field, x.at::timestamptz as at
      from changed c
      join ingest.session_changes h on h.source_id = c.source_id and h.provider_session_id = c.provider_session_id
     cross join lateral (values (h.old_value), (h.new_value)) x (at)
     where h.field in ('started_at', 'completed_at') and x.at is not null
  )
  select (select count(*) from changed),
         array(select date_trunc('hour', c.started_at, 'UTC') from changed c
               union
               select date_trunc('hour', f.at, 'UTC') from former f where f.field = 'started_at'),
         array(select date_trunc('hour', c.completed_at, 'UTC') from changed c where c.completed_at is not null
               union
               select date_trunc('hour', f.at, 'UTC') from former f where f.field = 'completed_at');
end;

comment on function ingest.touched_hours is 'Hours of sessions that changed: closed hours of them are outdated.';
