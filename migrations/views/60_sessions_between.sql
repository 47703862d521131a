-- No roll-up table: each day is one range scan, exact in any zone. Sums are rounded once, from exact numbers.
create or replace function analytics.sessions_between(range_from timestamptz, range_to timestamptz)
  returns table (source_id int, source text, provider text, session_kind text,
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
  select s.source_id, s.source, s.provider, s.session_kind, s.channel,
         count(*), count(*) filter (where s.session_state = 'ended'),
         count(*) filter (where s.session_state = 'never_started'),
         s.minutes_basis, trim_scale(round(sum(s.minutes_consumed), 12)),
         count(*) filter (where s.minutes_basis is not null and s.minutes_consumed is null),
         trim_scale(round(sum(s.duration_seconds) / 60, 12)), count(*) filter (where s.duration_seconds is null),
         trim_scale(round(sum(s.participant_minutes), 12)), sum(s.participant_count)::bigint,
         count(*) filter (where s.session_kind in ('meeting', 'livestream')
                            and (s.participant_minutes is null
                                 or not s.is_provisional and s.unknown_duration_count > 0)),
         case when s.has_outcomes then count(*) filter (where s.outcome = 'resolved') end,
         case when s.has_outcomes then count(*) filter (where s.outcome = 'unresolved') end,
         case when s.has_outcomes then count(*) filter (where s.outcome = 'open') end,
         count(*) filter (where s.outcome = 'unknown'),
         sum(s.message_count)::bigint, sum(s.user_message_count)::bigint, sum(s.assistant_message_count)::bigint,
         count(*) filter (where s.message_support <> 'none' and s.message_count is null
                            and s.chat_state is distinct from 'not_enabled')
    from analytics.sessions s
   where s.started_at >= range_from and s.started_at < range_to
     and s.is_counted
   group by s.source_id, s.source, s.provider, s.session_kind, s.channel, s.minutes_basis, s.has_outcomes;
end;

comment on function analytics.sessions_between is
  'Sessions that began in a range, by source, kind and channel. Breakout rooms and deleted sessions are left out. '
  'Columns as in sessions_daily.';
