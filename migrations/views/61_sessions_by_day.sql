-- Days of any zone.
create or replace function analytics.sessions_by_day(range_from text, range_to text, zone text)
  returns table (day_start timestamptz, day date, source_id int, source text, provider text, session_kind text,
                 channel text, session_count bigint, ended_session_count bigint, never_started_session_count bigint,
                 minutes_basis text, minutes_consumed numeric, minutes_consumed_unknown_count bigint,
                 wall_clock_minutes numeric, wall_clock_unknown_count bigint,
                 participant_minutes numeric, participant_count bigint, participant_unknown_count bigint,
                 resolved_session_count bigint, unresolved_session_count bigint, open_session_count bigint,
                 outcome_unknown_count bigint,
                 message_count bigint, user_message_count bigint, assistant_message_count bigint,
                 message_unknown_count bigint)
  language sql stable
begin atomic
  select b.bucket_start, analytics.local_date(b.bucket_start, zone), d.*
    from analytics.buckets(range_from, range_to, '1 day', zone) b
   cross join lateral analytics.sessions_between(b.bucket_start, b.bucket_end) d;
end;

comment on function analytics.sessions_by_day is
  'Sessions by the day they began in, in an IANA time zone. All values may be added over days, sources, kinds and '
  'channels. Breakout rooms and deleted sessions are left out. A day without sessions has no row. Columns as in '
  'sessions_daily.';
