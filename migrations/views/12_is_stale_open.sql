-- Nothing happened in the session for a day, so its provider probably never reports an end. One rule for views and
-- metrics: views ask about now(), metrics also about earlier instants.
create or replace function analytics.is_stale_open(session_state text, started_at timestamptz,
                                                   last_activity_at timestamptz, live_participants int, at timestamptz)
  returns boolean
  language sql stable parallel safe
  return (session_state = 'open' or session_state = 'live' and coalesce(live_participants, 1) = 0)
         and at - greatest(started_at, last_activity_at) > interval '24 hours';

comment on function analytics.is_stale_open is
  'Whether a session counts as open at an instant although nothing has happened for 24 hours: an open chat, or a live '
  'meeting without participants. Never null.';
