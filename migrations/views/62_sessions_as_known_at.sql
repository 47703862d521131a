-- Sessions without changes since the instant are found by their own times, as in sessions; the others are as many as
-- there are changes since. One statement without variables, so that the planner inlines it and a condition on a time
-- reaches the index.
create or replace function analytics.sessions_as_known_at(known_at timestamptz)
  returns table (
    started_at timestamptz, session_id bigint, source_id int, source text, provider text, provider_session_id text,
    session_kind text, provider_status text, session_state text, outcome text, is_flagged_unresolved boolean,
    channel text, person_id text, is_part_of_session boolean, group_key text, ended_at timestamptz,
    completed_at timestamptz, last_activity_at timestamptz, duration_seconds numeric, minutes_consumed numeric,
    minutes_basis text, elapsed_minutes numeric, is_provisional boolean, max_concurrent_participants int,
    message_count int, has_outcomes boolean, message_support text, first_seen_at timestamptz,
    is_deleted_at_provider boolean, is_counted boolean)
  language sql stable parallel safe
begin atomic
  select s.started_at, s.session_id, s.source_id, s.source, s.provider, s.provider_session_id,
         s.session_kind, s.provider_status, s.session_state, s.outcome, s.is_flagged_unresolved,
         s.channel, s.person_id, s.is_part_of_session, s.group_key, s.ended_at,
         s.completed_at, case when not ran_on.is_so then s.last_activity_at end,
         case when not ran_on.is_so then s.duration_seconds end, case when not ran_on.is_so then s.minutes_consumed end,
         s.minutes_basis, case when not ran_on.is_so then s.elapsed_minutes end, s.is_provisional,
         s.max_concurrent_participants,
         s.message_count, s.has_outcomes, s.message_support, s.first_seen_at,
         s.is_deleted_at_provider, s.is_counted
    from analytics.sessions s
   -- the progress of a live session is not recorded, so its length at the instant is not known
   cross join lateral (select s.session_state = 'live' and s.last_changed_at > known_at as is_so) ran_on
   where s.first_seen_at <= known_at
     and not exists (select from analytics.session_changes c
                      where c.source_id = s.source_id and c.provider_session_id = s.provider_session_id
                        and c.changed_at > known_at)
  union all
  -- of a field that changed several times since, the first change has its value at the instant
  select case when was.fields ? 'started_at' then (was.fields ->> 'started_at')::timestamptz else s.started_at end,
         s.session_id, s.source_id, s.source, s.provider, s.provider_session_id, s.session_kind,
         case when was.fields ? 'provider_status' then was.fields ->> 'provider_status' else s.provider_status end,
         was_state.session_state,
         case when was.fields ? 'outcome' then was.fields ->> 'outcome' else s.outcome end,
         case when was.fields ? 'is_flagged_unresolved' then (was.fields ->> 'is_flagged_unresolved')::boolean
              else s.is_flagged_unresolved end,
         case when was.fields ? 'channel' then was.fields ->> 'channel' else s.channel end,
         case when was.fields ? 'person_id' then was.fields ->> 'person_id' else s.person_id end,
         was_counted.is_part_of_session,
         case when was.fields ? 'group_key' then was.fields ->> 'group_key' else s.group_key end,
         case when was.fields ? 'ended_at' then (was.fields ->> 'ended_at')::timestamptz else s.ended_at end,
         case when was.fields ? 'completed_at' then (was.fields ->> 'completed_at')::timestamptz else s.completed_at end,
         case when was_state.session_state = 'live' then null
              when was.fields ? 'last_activity_at' then (was.fields ->> 'last_activity_at')::timestamptz
              else s.last_activity_at end,
         was_length.duration_seconds,
         case when s.minutes_basis is null or was_state.session_state = 'live' then null
              when was.fields ? 'provider_minutes' then (was.fields ->> 'provider_minutes')::numeric
              else s.minutes_consumed end,
         s.minutes_basis, was_length.duration_seconds / 60, was_state.session_state in ('live', 'open'),
         case when was.fields ? 'max_concurrent_participants' then (was.fields ->> 'max_concurrent_participants')::int
              else s.max_concurrent_participants end,
         case when was.fields ? 'message_count' then (was.fields ->> 'message_count')::int else s.message_count end,
         s.has_outcomes, s.message_support, s.first_seen_at,
         was_counted.is_deleted_at_provider,
         analytics.is_counted(was_counted.is_part_of_session, was_counted.is_deleted_at_provider)
    from (select first.source_id, first.provider_session_id, jsonb_object_agg(first.field, first.old_value) as fields
            from (select distinct on (c.source_id, c.provider_session_id, c.field)
                         c.source_id, c.provider_session_id, c.field, c.old_value
                    from analytics.session_changes c
                   where c.changed_at > known_at
                   order by c.source_id, c.provider_session_id, c.field, c.change_id) first
           group by first.source_id, first.provider_session_id) was
    join analytics.sessions s on s.source_id = was.source_id and s.provider_session_id = was.provider_session_id
   cross join lateral (select case when was.fields ? 'session_state' then was.fields ->> 'session_state'
                                   else s.session_state end as session_state) was_state
   cross join lateral (select case when was_state.session_state = 'live' then null
                                   when was.fields ? 'duration_seconds' then (was.fields ->> 'duration_seconds')::numeric
                                   else s.duration_seconds end as duration_seconds) was_length
   cross join lateral (select case when was.fields ? 'parent_provider_session_id'
                                   then was.fields ->> 'parent_provider_session_id' is not null
                                   else s.is_part_of_session end as is_part_of_session,
                              case when was.fields ? 'is_deleted_at_provider'
                                   then (was.fields ->> 'is_deleted_at_provider')::boolean
                                   else s.is_deleted_at_provider end as is_deleted_at_provider) was_counted
   where s.first_seen_at <= known_at;
end;

comment on function analytics.sessions_as_known_at is
  'Sessions as they were known at an instant. Sessions first stored later are left out, and fields that changed later '
  'have their earlier value. Minutes, length and last activity of a session that was live at the instant and '
  'continued are null: their progress is not recorded. Columns mean what they mean in sessions; columns without '
  'recorded changes are left out.';
