-- The closed hours as they follow from the sessions: what is stored in ingest.closed_hours, and what that is compared
-- with. Sessions without minutes, or without a length, are apart from those that have them, so that a sum is null only
-- where all of its sessions lack the value.
create or replace function ingest.hours_from_rows(range_from timestamptz, range_to timestamptz)
  returns setof ingest.closed_hours
  language sql stable
begin atomic
  select r.counted_by, r.hour::core.instant, r.source_id,
         row_number() over (partition by r.counted_by, r.hour, r.source_id
                                order by r.session_kind, r.session_state, r.outcome, r.channel, r.chat_state,
                                         r.is_completed, r.has_message_count, r.has_participant_count,
                                         r.provider_minutes is null, r.duration_seconds is null)::int as place,
         r.session_kind, r.session_state, r.outcome, r.channel, r.chat_state, r.is_completed, r.has_message_count,
         r.has_participant_count, r.session_count, r.provider_minutes, r.duration_seconds
    from (select 'started_at' as counted_by, date_trunc('hour', s.started_at, 'UTC') as hour, s.source_id, s.session_kind, s.session_state, s.outcome,
                 s.channel, s.chat_state, s.completed_at is not null as is_completed, s.has_message_count,
                 s.participant_count is not null as has_participant_count, count(*)::int as session_count,
                 sum(s.minutes_consumed) as provider_minutes, sum(s.duration_seconds) as duration_seconds
            from ingest.narrow_sessions s
           where s.started_at >= range_from and s.started_at < range_to and s.is_counted
           group by 2, s.source_id, s.session_kind, s.session_state, s.outcome, s.channel, s.chat_state,
                    s.completed_at is not null, s.has_message_count, s.participant_count is not null,
                    s.minutes_consumed is null, s.duration_seconds is null
          union all
          select 'completed_at' as counted_by, date_trunc('hour', s.completed_at, 'UTC'), s.source_id, s.session_kind, s.session_state, s.outcome,
                 s.channel, s.chat_state, true, s.has_message_count,
                 s.participant_count is not null, count(*)::int, sum(s.minutes_consumed), sum(s.duration_seconds)
            from ingest.narrow_sessions s
           where s.completed_at >= range_from and s.completed_at < range_to and s.is_counted
           group by 2, s.source_id, s.session_kind, s.session_state, s.outcome, s.channel, s.chat_state,
                    s.has_message_count, s.participant_count is not null,
                    s.minutes_consumed is null, s.duration_seconds is null) r;
end;

comment on function ingest.hours_from_rows is
  'Counted sessions of the hours of a range, by start and by completion, added up over those that are alike.';
