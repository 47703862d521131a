-- The end for queries that split the time of a session, or that look for the sessions at an instant. A chat that is
-- never closed does not run for ever: once it is stale, it ended half an hour after its last activity. A session that
-- never started has no length, even where the provider reports one.
create or replace function analytics.effective_ended_at(session_state text, started_at timestamptz,
                                                        ended_at timestamptz, last_activity_at timestamptz,
                                                        live_participants int, at timestamptz)
  returns timestamptz
  language sql stable parallel safe
  return case when session_state = 'never_started' then started_at
              when ended_at is not null then greatest(started_at, ended_at)
              when analytics.is_stale_open(session_state, started_at, last_activity_at, live_participants, at)
              then greatest(started_at, last_activity_at) + interval '30 minutes'
              when session_state in ('live', 'open') then greatest(started_at, at) end;

comment on function analytics.effective_ended_at is
  'The end that a session is counted to, as of an instant: its start if it never started; else its end, but not '
  'before its start; while it runs, that instant; 30 minutes after its last activity once it is_stale_open. Null: its '
  'end is not known.';
