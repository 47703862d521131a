-- The contract with analysts: views without personal data. Columns are only added; every one is commented.

create function analytics.local_date(at timestamptz, zone text) returns date
  language sql immutable parallel safe
  return (at at time zone zone)::date;
comment on function analytics.local_date is 'The calendar day of an instant in an IANA time zone.';

create function analytics.buckets(bucket_from timestamptz, bucket_to timestamptz, step interval, zone text)
  returns table (bucket_start timestamptz, bucket_end timestamptz)
  language sql stable
begin atomic
  -- below a day: absolute steps, so that a day may have 23 or 25 hours
  select g, least(g + step, bucket_to)
    from generate_series(bucket_from, bucket_to - interval '1 microsecond', step) g
   where step < interval '1 day'
  union all
  -- From a day up: local dates, counted from the first one (31 January + 2 months is 31 March). A date begins at its
  -- first instant: where clocks fall back over midnight that is the earlier of two, where they jump over it the end
  -- of the jump, and a date that a zone left out has none.
  select cut.bucket_start, cut.bucket_end
    from (select start as bucket_start, lead(start, 1, bucket_to) over (order by start) as bucket_end
            from (select distinct greatest(bucket_from,
                         case when (late - interval '1 hour') at time zone zone = midnight then late - interval '1 hour'
                              when (late - interval '30 minutes') at time zone zone = midnight
                              then late - interval '30 minutes'
                              else late end) as start
                    from generate_series(0, (extract(epoch from bucket_to - bucket_from)
                                             / extract(epoch from step))::int + 2) n
                   cross join lateral (select (bucket_from at time zone zone)::date + n * step as midnight) d
                   cross join lateral (select midnight at time zone zone as late) l) starts
           where start < bucket_to) cut
   where step >= interval '1 day' and cut.bucket_start < cut.bucket_end;
end;
comment on function analytics.buckets is
  'Half-open buckets of a range, without holes. Steps below a day are absolute; from a day up they follow the calendar of the zone.';

-- How far each stream is proven complete: the end of the complete range that holds the start of the source's history.
create view analytics.stream_freshness as
select src.source_slug as source, src.provider, st.stream,
       w.window_to::timestamptz as complete_through,
       st.last_success_at::timestamptz as last_success_at,
       st.last_attempt_at::timestamptz as last_attempt_at,
       coalesce(st.last_verdict, 'never_ran') as last_verdict,
       src.history_from::timestamptz as history_from,
       (select count(*) from ingest.rejects r
         where r.source_id = st.source_id and r.stream = st.stream and r.resolved_at is null) as open_reject_count,
       src.is_enabled
  from ingest.streams st
  join core.sources src using (source_id)
  left join lateral (
       select window_to from ingest.windows w
        where w.source_id = st.source_id and w.stream = st.stream and w.is_complete
          and w.window_from <= src.history_from and w.window_to > src.history_from
        limit 1) w on true;

create view analytics.sources as
select source_id, source_slug as source, provider, minutes_basis, has_outcomes, message_support,
       session_kinds, history_from::timestamptz as history_from, is_enabled
  from core.sources;

create view analytics.people as
select p.person_id, p.source_id, src.source_slug as source, src.provider, p.identity_kind,
       p.first_seen_at::timestamptz as first_seen_at
  from core.people p
  join core.sources src using (source_id);

create view analytics.sessions as
select s.started_at::timestamptz as started_at,
       s.session_id, s.source_id, src.source_slug as source, s.provider, s.provider_session_id,
       s.session_kind, s.provider_status, s.session_state, s.outcome, s.is_flagged_unresolved,
       s.channel, s.person_id, parent.session_id as parent_session_id,
       s.parent_provider_session_id is not null as is_part_of_session, s.group_key,
       s.created_at::timestamptz as created_at, s.ended_at::timestamptz as ended_at, s.ended_at_source,
       s.completed_at::timestamptz as completed_at, s.last_activity_at::timestamptz as last_activity_at,
       s.duration_seconds,
       case when src.minutes_basis is not null then s.provider_minutes end as minutes_consumed,
       src.minutes_basis,
       s.duration_seconds / 60 as elapsed_minutes,
       s.session_state in ('live', 'open') as is_provisional,
       s.max_concurrent_participants,
       stats.message_count, stats.user_message_count, stats.assistant_message_count,
       stats.user_word_count, stats.assistant_word_count, stats.first_response_seconds,
       kp.avatar_id, kp.voice_name, kp.api_key_type,
       kv.workspace_id, kv.feed_id, kv.skill_type, kv.sub_intent_type, kv.trail_length,
       rk.app_id, rk.meeting_id, rk.session_type, rk.live_participants, rk.total_participants, rk.recording_status,
       src.has_outcomes, src.message_support,
       s.provider_updated_at::timestamptz as provider_updated_at, s.first_seen_at::timestamptz as first_seen_at,
       s.last_changed_at::timestamptz as last_changed_at, s.is_deleted_at_provider
  from core.sessions s
  join core.sources src using (source_id)
  -- each of these joins is on a unique key: a query that names none of its columns does not pay for it
  left join core.sessions parent
    on parent.source_id = s.source_id and parent.provider_session_id = s.parent_provider_session_id
  left join core.session_stats stats on stats.source_id = s.source_id and stats.session_id = s.session_id
  left join core.konpro_sessions kp on kp.source_id = s.source_id and kp.session_id = s.session_id
  left join core.konvo_sessions kv on kv.source_id = s.source_id and kv.session_id = s.session_id
  left join core.realtimekit_sessions rk on rk.source_id = s.source_id and rk.session_id = s.session_id;

-- A row per session and kind of minutes it can have. No row: not applicable. A row without minutes: unknown.
create view analytics.session_minutes as
select s.started_at, s.session_id, s.source_id, s.source, s.provider, s.session_kind, s.session_state, s.channel,
       k.minutes_kind, k.minutes_basis, k.minutes, s.is_provisional, s.is_part_of_session, s.is_deleted_at_provider
  from analytics.sessions s
 cross join lateral (values
         ('consumed', s.minutes_basis, s.minutes_consumed, s.minutes_basis is not null),
         ('elapsed', 'elapsed', s.elapsed_minutes, true)
       ) k (minutes_kind, minutes_basis, minutes, is_applicable)
 where k.is_applicable;

create view analytics.messages as
select m.sent_at::timestamptz as sent_at, m.session_id, m.source_id, src.source_slug as source, src.provider,
       m.provider_message_id, m.position, m.sender_role, m.provider_origin, m.char_count, m.word_count
  from core.messages m
  join core.sources src using (source_id);

create view analytics.session_trail_steps as
select t.session_id, t.source_id, src.source_slug as source, src.provider, t.step_number, t.step_type
  from core.konvo_trail_steps t
  join core.sources src using (source_id);

create view analytics.rejected_records as
select r.first_seen_at::timestamptz as first_seen_at, r.reject_id, r.source_id, src.source_slug as source, src.provider,
       r.stream, r.reason_code, r.json_pointer, r.detail, r.resolved_at::timestamptz as resolved_at
  from ingest.rejects r
  join core.sources src using (source_id);

create view analytics.contract_version as select 1 as contract_version;

-- Text and contact fields: another schema, another role.
create view analytics_pii.messages as
select m.sent_at::timestamptz as sent_at, m.session_id, m.source_id, m.provider_message_id, m.position, m.sender_role, m.body
  from core.messages m;

create view analytics_pii.session_contacts as
select s.session_id, s.source_id, s.person_id, kv.contact_id, kv.external_user_id, rk.meeting_title
  from core.sessions s
  left join core.konvo_sessions kv on kv.source_id = s.source_id and kv.session_id = s.session_id
  left join core.realtimekit_sessions rk on rk.source_id = s.source_id and rk.session_id = s.session_id;

-- Roles belong to the whole server, and their makers may lack the right to make them: then an administrator does, and
-- a later `tributary migrate` is not held up.
do $$
begin
  create role tributary_analyst nologin;
exception when duplicate_object or unique_violation then null;
  when insufficient_privilege then raise notice 'the role tributary_analyst was not made: no right to create roles';
end $$;
do $$
begin
  create role tributary_analyst_pii nologin;
exception when duplicate_object or unique_violation then null;
  when insufficient_privilege then raise notice 'the role tributary_analyst_pii was not made: no right to create roles';
end $$;
do $$
begin
  if exists (select 1 from pg_roles where rolname = 'tributary_analyst') then
    grant usage on schema analytics to tributary_analyst;
    grant select on all tables in schema analytics to tributary_analyst;
    alter default privileges in schema analytics grant select on tables to tributary_analyst;
  end if;
  if exists (select 1 from pg_roles where rolname = 'tributary_analyst_pii') then
    grant usage on schema analytics, analytics_pii to tributary_analyst_pii;
    grant select on all tables in schema analytics, analytics_pii to tributary_analyst_pii;
    alter default privileges in schema analytics_pii grant select on tables to tributary_analyst_pii;
  end if;
end $$;

-- What every view and column means.
comment on view analytics.stream_freshness is 'How far each stream of each source is proven complete, and how its last run ended.';
comment on column analytics.stream_freshness.source is 'Slug of the source.';
comment on column analytics.stream_freshness.provider is 'konpro, konvo or realtimekit.';
comment on column analytics.stream_freshness.stream is 'Kind of record polled.';
comment on column analytics.stream_freshness.complete_through is 'Everything before this instant is proven to be stored; null: nothing is proven yet.';
comment on column analytics.stream_freshness.last_success_at is 'When a run last ended complete; null: never.';
comment on column analytics.stream_freshness.last_attempt_at is 'When a run last began; null: never.';
comment on column analytics.stream_freshness.last_verdict is 'complete, incomplete, failed, rate_limited, cancelled or never_ran.';
comment on column analytics.stream_freshness.history_from is 'Nothing older is asked for.';
comment on column analytics.stream_freshness.open_reject_count is 'Records that could not be normalized and wait for a fix.';
comment on column analytics.stream_freshness.is_enabled is 'Whether the source is still configured.';
comment on view analytics.sources is 'Configured accounts and what their provider can tell at all.';
comment on column analytics.sources.source_id is 'Our number for the source; leads every key.';
comment on column analytics.sources.source is 'Slug of the source.';
comment on column analytics.sources.provider is 'konpro, konvo or realtimekit.';
comment on column analytics.sources.minutes_basis is 'What its metered minutes measure: participant_time or session_time; null: it meters nothing.';
comment on column analytics.sources.has_outcomes is 'Whether it says if a conversation was resolved; false: resolution is not applicable.';
comment on column analytics.sources.message_support is 'inline: messages are stored; not_fetched: it has them, they are unknown; none: not applicable.';
comment on column analytics.sources.session_kinds is 'Kinds of session it can have: avatar, chat, meeting, livestream.';
comment on column analytics.sources.history_from is 'Nothing older is asked for.';
comment on column analytics.sources.is_enabled is 'Whether the source is still configured.';
comment on view analytics.people is 'People behind sessions, as pseudonyms: a keyed hash that cannot be reversed.';
comment on column analytics.people.person_id is 'Pseudonym; the same person at the same source has the same one.';
comment on column analytics.people.source_id is 'Source the person belongs to.';
comment on column analytics.people.source is 'Slug of the source.';
comment on column analytics.people.provider is 'konpro, konvo or realtimekit.';
comment on column analytics.people.identity_kind is 'Which of the providers identities was hashed.';
comment on column analytics.people.first_seen_at is 'When the person was first stored.';
comment on view analytics.sessions is 'One row per conversation, meeting or avatar stream of any provider. No personal data.';
comment on column analytics.sessions.started_at is 'When it began; its creation where the provider gives no start. The anchor of most metrics.';
comment on column analytics.sessions.session_id is 'Our number; stays the same for the same source and provider_session_id.';
comment on column analytics.sessions.source_id is 'Source it belongs to.';
comment on column analytics.sessions.source is 'Slug of the source.';
comment on column analytics.sessions.provider is 'konpro, konvo or realtimekit.';
comment on column analytics.sessions.provider_session_id is 'The providers id, to the letter.';
comment on column analytics.sessions.session_kind is 'avatar, chat, meeting or livestream.';
comment on column analytics.sessions.provider_status is 'The providers status, to the letter; null: not said.';
comment on column analytics.sessions.session_state is 'live, ended, open (a chat not completed), never_started or unknown.';
comment on column analytics.sessions.outcome is 'resolved, unresolved, open, unknown (not said) or not_applicable (the provider has no outcomes).';
comment on column analytics.sessions.is_flagged_unresolved is 'The providers unresolved flag, completed or not; null: not said or not applicable.';
comment on column analytics.sessions.channel is 'Way of contact, to the letter; null: not said or not applicable.';
comment on column analytics.sessions.person_id is 'Pseudonym of the person; null: not known.';
comment on column analytics.sessions.parent_session_id is 'The session this one is a part of, if that is stored.';
comment on column analytics.sessions.is_part_of_session is 'True for a breakout room: leave it out of sums, its parent may include it.';
comment on column analytics.sessions.group_key is 'What groups sessions at the provider: meeting, feed or avatar.';
comment on column analytics.sessions.created_at is 'When the provider created it.';
comment on column analytics.sessions.ended_at is 'When it ended; null: still running, open, or not known.';
comment on column analytics.sessions.ended_at_source is 'provider: as given; duration: start plus duration.';
comment on column analytics.sessions.completed_at is 'When a chat was completed; the anchor of resolution metrics. Null: not completed or not applicable.';
comment on column analytics.sessions.last_activity_at is 'The last sign of life the provider reports.';
comment on column analytics.sessions.duration_seconds is 'Wall-clock length in seconds; for an open chat up to its last message; null: not known.';
comment on column analytics.sessions.minutes_consumed is 'Minutes the provider meters, see minutes_basis; null: unknown, or not applicable where minutes_basis is null.';
comment on column analytics.sessions.minutes_basis is 'participant_time or session_time; null: the provider meters nothing. Minutes of different bases are different things.';
comment on column analytics.sessions.elapsed_minutes is 'Wall-clock length in minutes; null: not known.';
comment on column analytics.sessions.is_provisional is 'True while the session runs or is open: its figures may still change.';
comment on column analytics.sessions.max_concurrent_participants is 'Most people at once; null: not applicable or not said.';
comment on column analytics.sessions.message_count is 'Messages stored; null: never fetched, which is not zero.';
comment on column analytics.sessions.user_message_count is 'Messages of the customer.';
comment on column analytics.sessions.assistant_message_count is 'Messages of the AI or agent.';
comment on column analytics.sessions.user_word_count is 'Words of the customer.';
comment on column analytics.sessions.assistant_word_count is 'Words of the AI or agent.';
comment on column analytics.sessions.first_response_seconds is 'From the first user message to the first reply, seconds; null: no question or no reply.';
comment on column analytics.sessions.avatar_id is 'KonPro: avatar.';
comment on column analytics.sessions.voice_name is 'KonPro: voice; null: none chosen.';
comment on column analytics.sessions.api_key_type is 'KonPro: kind of key.';
comment on column analytics.sessions.workspace_id is 'Konvo: workspace.';
comment on column analytics.sessions.feed_id is 'Konvo: feed.';
comment on column analytics.sessions.skill_type is 'Konvo: skill of the AI.';
comment on column analytics.sessions.sub_intent_type is 'Konvo: sub-intent.';
comment on column analytics.sessions.trail_length is 'Konvo: steps of the trail; null: state not fetched.';
comment on column analytics.sessions.app_id is 'RealtimeKit: app.';
comment on column analytics.sessions.meeting_id is 'RealtimeKit: meeting, or room name in older meetings.';
comment on column analytics.sessions.session_type is 'RealtimeKit: meeting, livestream or participant.';
comment on column analytics.sessions.live_participants is 'RealtimeKit: people in the session when last read.';
comment on column analytics.sessions.total_participants is 'RealtimeKit: people over the whole session; null: not said.';
comment on column analytics.sessions.recording_status is 'RealtimeKit: state of the recording.';
comment on column analytics.sessions.has_outcomes is 'Whether the provider has outcomes at all.';
comment on column analytics.sessions.message_support is 'inline, not_fetched or none, as in sources.';
comment on column analytics.sessions.provider_updated_at is 'The providers own change time; null: it gives none.';
comment on column analytics.sessions.first_seen_at is 'When it was first stored.';
comment on column analytics.sessions.last_changed_at is 'When anything about it last changed here.';
comment on column analytics.sessions.is_deleted_at_provider is 'True once the provider no longer lists it; leave it out of figures.';
comment on view analytics.session_minutes is 'Minutes ledger: one row per session and kind of minutes it can have. No row: not applicable. A row without minutes: unknown, not zero.';
comment on column analytics.session_minutes.started_at is 'When the session began.';
comment on column analytics.session_minutes.session_id is 'The session.';
comment on column analytics.session_minutes.source_id is 'Its source.';
comment on column analytics.session_minutes.source is 'Slug of the source.';
comment on column analytics.session_minutes.provider is 'konpro, konvo or realtimekit.';
comment on column analytics.session_minutes.session_kind is 'avatar, chat, meeting or livestream.';
comment on column analytics.session_minutes.session_state is 'As in sessions.';
comment on column analytics.session_minutes.channel is 'As in sessions.';
comment on column analytics.session_minutes.minutes_kind is 'consumed (what the provider meters) or elapsed (wall clock).';
comment on column analytics.session_minutes.minutes_basis is 'participant_time, session_time or elapsed. Never add different bases without saying so.';
comment on column analytics.session_minutes.minutes is 'Minutes, exact; null: unknown.';
comment on column analytics.session_minutes.is_provisional is 'True while the session runs or is open.';
comment on column analytics.session_minutes.is_part_of_session is 'True for a breakout room: leave it out of sums.';
comment on column analytics.session_minutes.is_deleted_at_provider is 'True once the provider no longer lists the session.';
comment on view analytics.messages is 'One row per message, without its text (see analytics_pii.messages).';
comment on column analytics.messages.sent_at is 'When it was sent; null: the provider gave no readable time.';
comment on column analytics.messages.session_id is 'The session.';
comment on column analytics.messages.source_id is 'Its source.';
comment on column analytics.messages.source is 'Slug of the source.';
comment on column analytics.messages.provider is 'konpro, konvo or realtimekit.';
comment on column analytics.messages.provider_message_id is 'The providers id.';
comment on column analytics.messages.position is 'Place in the providers order, from 0.';
comment on column analytics.messages.sender_role is 'user, assistant or unknown.';
comment on column analytics.messages.provider_origin is 'The providers own word for the sender.';
comment on column analytics.messages.char_count is 'Characters; null: no text (media).';
comment on column analytics.messages.word_count is 'Words; null: no text (media).';
comment on view analytics.session_trail_steps is 'Konvo: the way of a chat through the AIs skills, one row a step.';
comment on column analytics.session_trail_steps.session_id is 'The session.';
comment on column analytics.session_trail_steps.source_id is 'Its source.';
comment on column analytics.session_trail_steps.source is 'Slug of the source.';
comment on column analytics.session_trail_steps.provider is 'Always konvo so far.';
comment on column analytics.session_trail_steps.step_number is 'Place in the trail, from 1.';
comment on column analytics.session_trail_steps.step_type is 'Kind of step; null: its form is not documented.';
comment on view analytics.rejected_records is 'Records that could not be normalized; their bytes are kept elsewhere.';
comment on column analytics.rejected_records.first_seen_at is 'When it first came.';
comment on column analytics.rejected_records.reject_id is 'Our number.';
comment on column analytics.rejected_records.source_id is 'Its source.';
comment on column analytics.rejected_records.source is 'Slug of the source.';
comment on column analytics.rejected_records.provider is 'konpro, konvo or realtimekit.';
comment on column analytics.rejected_records.stream is 'Kind of record.';
comment on column analytics.rejected_records.reason_code is 'Why, for programs.';
comment on column analytics.rejected_records.json_pointer is 'Where in the record.';
comment on column analytics.rejected_records.detail is 'Why, in words.';
comment on column analytics.rejected_records.resolved_at is 'When the same record came again readable; null: open.';
comment on view analytics.contract_version is 'Version of the analytics schema.';
comment on column analytics.contract_version.contract_version is 'Grows when a column is removed; additions do not count.';
comment on view analytics_pii.messages is 'Message texts. Personal data.';
comment on column analytics_pii.messages.sent_at is 'When it was sent.';
comment on column analytics_pii.messages.session_id is 'The session.';
comment on column analytics_pii.messages.source_id is 'Its source.';
comment on column analytics_pii.messages.provider_message_id is 'The providers id.';
comment on column analytics_pii.messages.position is 'Place in the providers order, from 0.';
comment on column analytics_pii.messages.sender_role is 'user, assistant or unknown.';
comment on column analytics_pii.messages.body is 'The text; null: media.';
comment on view analytics_pii.session_contacts is 'Contact fields and free titles of sessions. Personal data.';
comment on column analytics_pii.session_contacts.session_id is 'The session.';
comment on column analytics_pii.session_contacts.source_id is 'Its source.';
comment on column analytics_pii.session_contacts.person_id is 'Pseudonym, joins analytics.';
comment on column analytics_pii.session_contacts.contact_id is 'Konvo: contact.';
comment on column analytics_pii.session_contacts.external_user_id is 'Konvo: the contacts id at the channel, often a phone number.';
comment on column analytics_pii.session_contacts.meeting_title is 'RealtimeKit: title of the meeting.';
