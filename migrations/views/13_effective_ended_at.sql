create or replace function analytics.effective_ended_at(session_state text, started_at timestamptz, ended_at timestamptz,
                                             last_activity_at timestamptz, live_participants int, at timestamptz)
  returns timestamptz
  language sql stable parallel safe
  return case when session_state = 'never_started' then started_at
              when ended_at is not null then greatest(started_at, ended_at)
              when analytics.is_stale_open(session_state, started_at, last_activity_at, live_participants, at)
              then greatest(started_at, last_activity_at) + interval '30 minutes'
              when session_state in ('live', 'open') then greatest(started_at, at) end;

comment on function analytics.effective_ended_at is
  'Until when a session is taken to have run, as of an instant: its start if it never started; its end, if that is '
  'not before its start; while it runs, that instant; 30 minutes after the last sign of life once it is_stale_open. '
  'Null: its end is not known.';
