-- From the first to the last day with a session. Each day is read by itself, so that a condition on days, or a limit,
-- reads these days alone.
create or replace view analytics.sessions_daily as
select days.day_start, analytics.local_date(days.day_start, 'UTC') as day, d.*
  from (select date_trunc('day', min(s.started_at), 'UTC') as first, max(s.started_at)::timestamptz as last
          from core.sessions s) range
 cross join lateral generate_series(range.first, range.last, interval '24 hours') days (day_start)
 cross join lateral analytics.sessions_between(days.day_start, days.day_start + interval '24 hours') d;

comment on view analytics.sessions_daily is
  'Sessions by the UTC day they began in. All values may be added over days, sources, kinds and channels. For days of '
  'another zone, see sessions_by_day. Breakout rooms and deleted sessions are left out. A day without sessions has no '
  'row; stream_freshness shows whether it is complete.';
comment on column analytics.sessions_daily.day_start is 'First instant of the day.';
comment on column analytics.sessions_daily.day is 'The day, in UTC.';
comment on column analytics.sessions_daily.source_id is 'Number of the source.';
comment on column analytics.sessions_daily.source is 'Slug of the source.';
comment on column analytics.sessions_daily.provider is 'Provider of the source.';
comment on column analytics.sessions_daily.session_kind is 'avatar, chat, meeting or livestream.';
comment on column analytics.sessions_daily.channel is 'Konvo: channel of contact; null: not reported, or no chat.';
comment on column analytics.sessions_daily.session_count is 'Sessions that began on the day.';
comment on column analytics.sessions_daily.ended_session_count is 'Of these, sessions that have ended.';
comment on column analytics.sessions_daily.never_started_session_count is 'Of these, sessions that never started.';
comment on column analytics.sessions_daily.minutes_basis is
  'The time that metered minutes measure: participant_time or session_time; null: nothing is metered. A sum over '
  'different bases must say so.';
comment on column analytics.sessions_daily.minutes_consumed is
  'Metered minutes of the sessions that began on the day, rounded to 12 digits after the point; null: not applicable, '
  'or not known for any session.';
comment on column analytics.sessions_daily.minutes_consumed_unknown_count is
  'Sessions whose metered minutes are not known.';
comment on column analytics.sessions_daily.wall_clock_minutes is
  'Minutes from start to end, an open chat up to its last message; null: not known for any session.';
comment on column analytics.sessions_daily.wall_clock_unknown_count is 'Sessions whose length is not known.';
comment on column analytics.sessions_daily.participant_minutes is
  'Meetings: sum of the presences, minutes; null: not applicable, or not known for any session.';
comment on column analytics.sessions_daily.participant_count is
  'Meetings: presences; null: not applicable, or never fetched.';
comment on column analytics.sessions_daily.participant_unknown_count is
  'Meetings whose presences are not known, or that have ended with a presence of unknown length.';
comment on column analytics.sessions_daily.resolved_session_count is
  'Sessions that began on the day and were resolved on any later day; null: not applicable. The metric '
  'resolved_sessions differs: it counts by the day of completion.';
comment on column analytics.sessions_daily.unresolved_session_count is
  'As resolved_session_count, completed and flagged unresolved.';
comment on column analytics.sessions_daily.open_session_count is 'As resolved_session_count, not completed yet.';
comment on column analytics.sessions_daily.outcome_unknown_count is
  'Sessions whose outcome the provider did not report.';
comment on column analytics.sessions_daily.message_count is
  'Messages of the sessions that began on the day, on any day; null: not applicable, or none was fetched.';
comment on column analytics.sessions_daily.user_message_count is
  'Of these, messages of the customer; null in meetings.';
comment on column analytics.sessions_daily.assistant_message_count is
  'Of these, messages of the AI or agent; null in meetings.';
comment on column analytics.sessions_daily.message_unknown_count is
  'Sessions that can have messages and whose messages were never fetched.';
