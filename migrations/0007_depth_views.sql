-- The contract with analysts, deeper: who was in a session, what was said, how well it was heard, and what is missing.

-- How often what is stored of a stream was written. Each transaction that writes raises it last, so that it counts in
-- the order of commits, which no clock does: an answer that is held already is recognised by the sum of these.
create table ingest.data_versions (
  version   bigint not null,
  source_id int not null references core.sources,
  stream    text not null,
  primary key (source_id, stream)
) with (fillfactor = 50);
-- What was stored before counts as one writing.
insert into ingest.data_versions (source_id, stream, version) select source_id, 'sessions', 1 from core.sources;

create or replace view analytics.sources as
select source_id, source_slug as source, provider, minutes_basis, has_outcomes, message_support,
       session_kinds, history_from::timestamptz as history_from, is_enabled, session_streams
  from core.sources;

-- What there can be beside a session, and how far it has come. Only meetings and livestreams have any of it. A task
-- is made once the poll has seen the session; before, what the source fetches is pending and the rest not fetched.
create view analytics.session_artifacts as
select s.started_at::timestamptz as started_at, s.session_id, s.source_id, src.source_slug as source, src.provider,
       kind.stream,
       coalesce(t.state, case when kind.stream = any(src.session_streams) then 'pending' else 'not_fetched' end) as state,
       t.reason, coalesce(t.attempts, 0) as attempts,
       t.last_attempt_at::timestamptz as last_attempt_at, t.next_try_at::timestamptz as next_try_at,
       t.content_at::timestamptz as content_at, t.settled_at::timestamptz as settled_at,
       s.ended_at::timestamptz as ended_at,
       s.parent_provider_session_id is not null as is_part_of_session, s.is_deleted_at_provider
  from core.sessions s
  join core.sources src using (source_id)
 cross join (values ('participants'), ('chat'), ('transcript'), ('summary'), ('quality')) kind (stream)
  left join ingest.artifact_tasks t
    on t.source_id = s.source_id and t.session_id = s.session_id and t.stream = kind.stream
 where s.session_kind in ('meeting', 'livestream');

-- One row for each presence. Who is not said to have left an ended session left with its end.
create view analytics.participants as
select p.joined_at::timestamptz as joined_at, p.participant_id, p.session_id, p.source_id,
       src.source_slug as source, src.provider, p.provider_participant_id,
       coalesce(p.left_at, case when s.session_state = 'ended' then greatest(p.joined_at, s.ended_at) end)::timestamptz
         as left_at,
       p.left_at is null and s.session_state = 'ended' and s.ended_at is not null as is_left_at_derived,
       p.duration_ms * 0.001 as duration_seconds,
       p.person_id, p.preset_name, p.is_rejoin, s.session_kind,
       s.session_state in ('live', 'open') as is_provisional,
       s.parent_provider_session_id is not null as is_part_of_session, s.is_deleted_at_provider,
       p.provider_updated_at::timestamptz as provider_updated_at
  from core.participants p
  join core.sources src using (source_id)
  join core.sessions s on s.source_id = p.source_id and s.session_id = p.session_id;

create view analytics.participant_quality as
select p.joined_at::timestamptz as joined_at, p.participant_id, q.session_id, q.source_id,
       src.source_slug as source, src.provider, q.provider_participant_id, q.has_report,
       q.audio_out_mos_avg as audio_mos_avg,
       q.audio_out_mos_avg, q.audio_out_mos_p50, q.audio_out_mos_p75, q.audio_out_mos_p90, q.audio_out_packet_loss_avg,
       q.audio_out_loss_over_5_rate, q.audio_out_loss_over_10_rate, q.audio_out_loss_over_25_rate,
       q.audio_out_loss_over_50_rate, q.audio_out_rtt_ms_avg, q.audio_out_rtt_over_100_rate,
       q.audio_out_rtt_over_250_rate, q.audio_out_rtt_over_500_rate,
       q.audio_in_mos_avg, q.audio_in_mos_p50, q.audio_in_mos_p75, q.audio_in_mos_p90, q.audio_in_packet_loss_avg,
       q.audio_in_loss_over_5_rate, q.audio_in_loss_over_10_rate, q.audio_in_loss_over_25_rate,
       q.audio_in_loss_over_50_rate, q.audio_in_rtt_ms_avg, q.audio_in_rtt_over_100_rate,
       q.audio_in_rtt_over_250_rate, q.audio_in_rtt_over_500_rate,
       q.video_out_mos_avg, q.video_out_packet_loss_avg, q.video_out_rtt_ms_avg, q.video_out_fps_avg,
       q.video_in_mos_avg, q.video_in_packet_loss_avg, q.video_in_rtt_ms_avg, q.video_in_fps_avg,
       q.country_code, q.device_os, q.is_mobile, q.network_type, q.used_turn, q.sdk_name, q.sdk_version,
       q.fetched_at::timestamptz as fetched_at
  from core.participant_quality q
  join core.sources src using (source_id)
  -- on a unique key: a query that names none of its columns does not pay for it
  left join core.participants p on p.source_id = q.source_id and p.session_id = q.session_id
                               and p.provider_participant_id = q.provider_participant_id;

create view analytics.transcripts as
select a.started_at, a.session_id, a.source_id, a.source, a.provider, a.state, a.reason, a.next_try_at,
       t.fetched_at::timestamptz as fetched_at, t.segment_count, t.word_count, t.speaker_count, t.format,
       t.language_code, a.ended_at, a.is_part_of_session, a.is_deleted_at_provider
  from analytics.session_artifacts a
  left join core.transcripts t on t.source_id = a.source_id and t.session_id = a.session_id
 where a.stream = 'transcript';

create view analytics.transcript_segments as
select t.started_at::timestamptz as started_at, t.session_id, t.source_id, src.source_slug as source, src.provider,
       t.position, t.offset_ms * 0.001 as offset_seconds, t.end_offset_ms * 0.001 as end_offset_seconds,
       -- the presence, where the form says it; else the only one of the person
       coalesce(p.participant_id,
                (select case when count(*) = 1 then min(only_one.participant_id) end
                   from core.participants only_one
                  where only_one.source_id = t.source_id and only_one.session_id = t.session_id
                    and only_one.person_id = t.speaker_id)) as participant_id,
       t.speaker_id, t.word_count, t.char_count
  from core.transcript_segments t
  join core.sources src using (source_id)
  left join core.participants p on p.source_id = t.source_id and p.session_id = t.session_id
                               and p.provider_participant_id = t.provider_participant_id;

create view analytics.session_summaries as
select m.session_id, m.source_id, src.source_slug as source, src.provider, m.word_count, m.format,
       m.fetched_at::timestamptz as fetched_at
  from core.session_summaries m
  join core.sources src using (source_id);

create or replace view analytics.sessions as
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
       s.last_changed_at::timestamptz as last_changed_at, s.is_deleted_at_provider,
       who.participant_count, who.person_count, told.participant_minutes, who.unknown_duration_count,
       who.peak_participants, told.unexplained_minutes,
       case when told.unexplained_minutes is null then null
            when s.session_state in ('live', 'open') then 'still_live'
            when told.unexplained_minutes = 0 or abs(told.unexplained_minutes) < who.participant_count then 'rounding'
            when who.participant_count < rk.total_participants or who.unknown_duration_count > 0
            then 'participants_missing'
            else 'other' end as unexplained_minutes_class,
       coalesce(spoken.state, case when s.session_kind not in ('meeting', 'livestream') then null
                                   when 'transcript' = any(src.session_streams) then 'pending'
                                   else 'not_fetched' end) as transcript_state,
       words.word_count as transcript_word_count,
       coalesce(summed_up.state, case when s.session_kind not in ('meeting', 'livestream') then null
                                      when 'summary' = any(src.session_streams) then 'pending'
                                      else 'not_fetched' end) as summary_state,
       coalesce(chat.state, case when s.session_kind not in ('meeting', 'livestream') then null
                                 when 'chat' = any(src.session_streams) then 'pending'
                                 else 'not_fetched' end) as chat_state,
       (select (count(*) filter (where q.has_report))::int
          from core.participant_quality q
         where q.source_id = s.source_id and q.session_id = s.session_id
        having count(*) > 0) as quality_report_count,
       launch.quality as launch_quality, launch.voice_id as launch_voice, launch.stt_provider as launch_stt_provider,
       launch.activity_idle_timeout_seconds as launch_idle_timeout_seconds,
       launch.session_duration_limit_seconds as launch_duration_limit_seconds
  from core.sessions s
  join core.sources src using (source_id)
  -- each of these joins is on a unique key: a query that names none of its columns does not pay for it
  left join core.sessions parent
    on parent.source_id = s.source_id and parent.provider_session_id = s.parent_provider_session_id
  left join core.session_stats stats on stats.source_id = s.source_id and stats.session_id = s.session_id
  left join core.konpro_sessions kp on kp.source_id = s.source_id and kp.session_id = s.session_id
  left join core.konvo_sessions kv on kv.source_id = s.source_id and kv.session_id = s.session_id
  left join core.realtimekit_sessions rk on rk.source_id = s.source_id and rk.session_id = s.session_id
  left join core.session_participation who on who.source_id = s.source_id and who.session_id = s.session_id
  left join core.transcripts words on words.source_id = s.source_id and words.session_id = s.session_id
  left join ingest.artifact_tasks spoken
    on spoken.source_id = s.source_id and spoken.session_id = s.session_id and spoken.stream = 'transcript'
  left join ingest.artifact_tasks chat
    on chat.source_id = s.source_id and chat.session_id = s.session_id and chat.stream = 'chat'
  left join ingest.artifact_tasks summed_up
    on summed_up.source_id = s.source_id and summed_up.session_id = s.session_id and summed_up.stream = 'summary'
  left join core.konpro_launches launch
    on launch.source_id = s.source_id and launch.provider_session_id = s.provider_session_id
 cross join lateral (
       select minutes as participant_minutes,
              case when src.minutes_basis is not null then s.provider_minutes end - minutes as unexplained_minutes
         from (select case when who.participant_count = 0 or who.unknown_duration_count < who.participant_count
                           then who.participant_ms::numeric / 60000 end as minutes) m) told;

create or replace view analytics.session_minutes as
select s.started_at, s.session_id, s.source_id, s.source, s.provider, s.session_kind, s.session_state, s.channel,
       k.minutes_kind, k.minutes_basis, k.minutes, s.is_provisional, s.is_part_of_session, s.is_deleted_at_provider
  from analytics.sessions s
 cross join lateral (values
         ('consumed', s.minutes_basis, s.minutes_consumed, s.minutes_basis is not null),
         ('elapsed', 'elapsed', s.elapsed_minutes, true),
         ('participant', 'participant_time', s.participant_minutes, s.session_kind in ('meeting', 'livestream'))
       ) k (minutes_kind, minutes_basis, minutes, is_applicable)
 where k.is_applicable;

create or replace view analytics.messages as
select m.sent_at::timestamptz as sent_at, m.session_id, m.source_id, src.source_slug as source, src.provider,
       m.provider_message_id, m.position, m.sender_role, m.provider_origin, m.char_count, m.word_count,
       p.participant_id, m.payload_type
  from core.messages m
  join core.sources src using (source_id)
  left join core.participants p on p.source_id = m.source_id and p.session_id = m.session_id
                               and p.provider_participant_id = m.provider_participant_id;

-- Names and texts: another schema, another role.
create or replace view analytics_pii.messages as
select m.sent_at::timestamptz as sent_at, m.session_id, m.source_id, m.provider_message_id, m.position, m.sender_role,
       m.body, p.participant_id
  from core.messages m
  left join core.participants p on p.source_id = m.source_id and p.session_id = m.session_id
                               and p.provider_participant_id = m.provider_participant_id;

create view analytics_pii.participants as
select p.participant_id, p.session_id, p.source_id, p.provider_participant_id, p.provider_user_id, p.person_id,
       p.custom_participant_id, p.display_name
  from core.participants p;

create view analytics_pii.transcript_segments as
select t.started_at::timestamptz as started_at, t.session_id, t.source_id, t.position, t.speaker_id,
       t.speaker_label, t.body
  from core.transcript_segments t;

create view analytics_pii.session_summaries as
select m.session_id, m.source_id, m.format, m.body
  from core.session_summaries m;

-- Who may see names may see the rest too, now and later.
do $$
begin
  if exists (select 1 from pg_roles where rolname = 'tributary_analyst_pii') then
    grant select on all tables in schema analytics to tributary_analyst_pii;
    alter default privileges in schema analytics grant select on tables to tributary_analyst_pii;
  end if;
end $$;

-- What every view and column means.
comment on column analytics.sources.session_streams is 'What is fetched session by session: participants, chat, transcript, summary, quality; empty: nothing.';
comment on column analytics.sources.message_support is 'inline: messages come with the session; per_session: they are fetched after its end; not_fetched: it has them, they are unknown; none: not applicable.';
comment on column analytics.people.identity_kind is 'Which of the providers identities was hashed. In meetings: custom_participant (the customers own id), else participant_user (the providers id of the person).';
comment on view analytics.session_artifacts is 'One row per meeting or livestream and stream fetched for it: how far it has come. No row: not applicable.';
comment on column analytics.session_artifacts.started_at is 'When the session began.';
comment on column analytics.session_artifacts.session_id is 'The session.';
comment on column analytics.session_artifacts.source_id is 'Its source.';
comment on column analytics.session_artifacts.source is 'Slug of the source.';
comment on column analytics.session_artifacts.provider is 'konpro, konvo or realtimekit.';
comment on column analytics.session_artifacts.stream is 'participants, chat, transcript, summary or quality.';
comment on column analytics.session_artifacts.state is 'available; empty (there, and nothing in it); pending (may still come); not_enabled (the provider made none); expired (the provider has it no longer); failed; not_fetched (this source does not ask for it).';
comment on column analytics.session_artifacts.reason is 'What the last try met, for programs: not_found, no_link, link_dead, zero_bytes and others; null: nothing, or not tried.';
comment on column analytics.session_artifacts.attempts is 'Tries so far.';
comment on column analytics.session_artifacts.last_attempt_at is 'When it was last tried; null: never.';
comment on column analytics.session_artifacts.next_try_at is 'When it is tried next; null: nothing is left to do, or nobody has seen the session yet.';
comment on column analytics.session_artifacts.content_at is 'When something was last found; null: never.';
comment on column analytics.session_artifacts.settled_at is 'When it was decided for good; null: not yet.';
comment on column analytics.session_artifacts.ended_at is 'When the session ended; null: it runs, or that is not known.';
comment on column analytics.session_artifacts.is_part_of_session is 'True for a breakout room: leave it out of sums.';
comment on column analytics.session_artifacts.is_deleted_at_provider is 'True once the provider no longer lists the session; leave it out of figures.';
comment on view analytics.participants is 'One row for each time somebody joined a session; the same person twice is two rows with one person_id. No names (see analytics_pii.participants).';
comment on column analytics.participants.joined_at is 'When the presence began; null: not said.';
comment on column analytics.participants.participant_id is 'Our number of the presence.';
comment on column analytics.participants.session_id is 'The session.';
comment on column analytics.participants.source_id is 'Its source.';
comment on column analytics.participants.source is 'Slug of the source.';
comment on column analytics.participants.provider is 'konpro, konvo or realtimekit.';
comment on column analytics.participants.provider_participant_id is 'The providers id of the presence (peer); new on each join.';
comment on column analytics.participants.left_at is 'When it ended; null: still there, or not known.';
comment on column analytics.participants.is_left_at_derived is 'True where the provider gave no end and left_at is the end of the session.';
comment on column analytics.participants.duration_seconds is 'Length by the provider, seconds, exact; null: not said.';
comment on column analytics.participants.person_id is 'Pseudonym of the person; null: nobody knows who it was.';
comment on column analytics.participants.preset_name is 'What the person was allowed to do; null: not said.';
comment on column analytics.participants.is_rejoin is 'True where the same person was in this session before.';
comment on column analytics.participants.session_kind is 'meeting or livestream.';
comment on column analytics.participants.is_provisional is 'True while the session runs: the row may still change.';
comment on column analytics.participants.is_part_of_session is 'True for a breakout room: leave it out of sums.';
comment on column analytics.participants.is_deleted_at_provider is 'True once the provider no longer lists the session; leave it out of figures.';
comment on column analytics.participants.provider_updated_at is 'The providers own change time; null: not said.';
comment on view analytics.participant_quality is 'One row for each presence whose quality report was asked for. No address, no place below the country.';
comment on column analytics.participant_quality.joined_at is 'When the presence began.';
comment on column analytics.participant_quality.participant_id is 'The presence, joins participants.';
comment on column analytics.participant_quality.session_id is 'The session.';
comment on column analytics.participant_quality.source_id is 'Its source.';
comment on column analytics.participant_quality.source is 'Slug of the source.';
comment on column analytics.participant_quality.provider is 'konpro, konvo or realtimekit.';
comment on column analytics.participant_quality.provider_participant_id is 'The providers id of the presence.';
comment on column analytics.participant_quality.has_report is 'False: the provider has no statistics of it, and all figures are null. No row: never asked.';
comment on column analytics.participant_quality.audio_mos_avg is 'Sound sent, mean opinion score 1 to 5, average; the same as audio_out_mos_avg. What others heard of this person.';
comment on column analytics.participant_quality.audio_out_mos_avg is 'Sound sent: mean opinion score 1 to 5, average; null: not measured.';
comment on column analytics.participant_quality.audio_out_mos_p50 is 'Sound sent: mean opinion score, median.';
comment on column analytics.participant_quality.audio_out_mos_p75 is 'Sound sent: mean opinion score, 75th percentile.';
comment on column analytics.participant_quality.audio_out_mos_p90 is 'Sound sent: mean opinion score, 90th percentile.';
comment on column analytics.participant_quality.audio_out_packet_loss_avg is 'Sound sent: lost packets, share of all, 0 to 1.';
comment on column analytics.participant_quality.audio_out_loss_over_5_rate is 'Sound sent: share of samples with 5 % loss or more, 0 to 1.';
comment on column analytics.participant_quality.audio_out_loss_over_10_rate is 'Sound sent: share of samples with 10 % loss or more, 0 to 1.';
comment on column analytics.participant_quality.audio_out_loss_over_25_rate is 'Sound sent: share of samples with 25 % loss or more, 0 to 1.';
comment on column analytics.participant_quality.audio_out_loss_over_50_rate is 'Sound sent: share of samples with 50 % loss or more, 0 to 1.';
comment on column analytics.participant_quality.audio_out_rtt_ms_avg is 'Sound sent: round trip, milliseconds, average.';
comment on column analytics.participant_quality.audio_out_rtt_over_100_rate is 'Sound sent: share of samples with a round trip of 100 ms or more, 0 to 1.';
comment on column analytics.participant_quality.audio_out_rtt_over_250_rate is 'Sound sent: share of samples with a round trip of 250 ms or more, 0 to 1.';
comment on column analytics.participant_quality.audio_out_rtt_over_500_rate is 'Sound sent: share of samples with a round trip of 500 ms or more, 0 to 1.';
comment on column analytics.participant_quality.audio_in_mos_avg is 'Sound received: mean opinion score 1 to 5, average; null: not measured.';
comment on column analytics.participant_quality.audio_in_mos_p50 is 'Sound received: mean opinion score, median.';
comment on column analytics.participant_quality.audio_in_mos_p75 is 'Sound received: mean opinion score, 75th percentile.';
comment on column analytics.participant_quality.audio_in_mos_p90 is 'Sound received: mean opinion score, 90th percentile.';
comment on column analytics.participant_quality.audio_in_packet_loss_avg is 'Sound received: lost packets, share of all, 0 to 1.';
comment on column analytics.participant_quality.audio_in_loss_over_5_rate is 'Sound received: share of samples with 5 % loss or more, 0 to 1.';
comment on column analytics.participant_quality.audio_in_loss_over_10_rate is 'Sound received: share of samples with 10 % loss or more, 0 to 1.';
comment on column analytics.participant_quality.audio_in_loss_over_25_rate is 'Sound received: share of samples with 25 % loss or more, 0 to 1.';
comment on column analytics.participant_quality.audio_in_loss_over_50_rate is 'Sound received: share of samples with 50 % loss or more, 0 to 1.';
comment on column analytics.participant_quality.audio_in_rtt_ms_avg is 'Sound received: round trip, milliseconds, average.';
comment on column analytics.participant_quality.audio_in_rtt_over_100_rate is 'Sound received: share of samples with a round trip of 100 ms or more, 0 to 1.';
comment on column analytics.participant_quality.audio_in_rtt_over_250_rate is 'Sound received: share of samples with a round trip of 250 ms or more, 0 to 1.';
comment on column analytics.participant_quality.audio_in_rtt_over_500_rate is 'Sound received: share of samples with a round trip of 500 ms or more, 0 to 1.';
comment on column analytics.participant_quality.video_out_mos_avg is 'Picture sent: mean opinion score 1 to 5, average; null: not measured.';
comment on column analytics.participant_quality.video_out_packet_loss_avg is 'Picture sent: lost packets, share of all, 0 to 1.';
comment on column analytics.participant_quality.video_out_rtt_ms_avg is 'Picture sent: round trip, milliseconds, average.';
comment on column analytics.participant_quality.video_out_fps_avg is 'Picture sent: pictures a second, average.';
comment on column analytics.participant_quality.video_in_mos_avg is 'Picture received: mean opinion score 1 to 5, average; null: not measured.';
comment on column analytics.participant_quality.video_in_packet_loss_avg is 'Picture received: lost packets, share of all, 0 to 1.';
comment on column analytics.participant_quality.video_in_rtt_ms_avg is 'Picture received: round trip, milliseconds, average.';
comment on column analytics.participant_quality.video_in_fps_avg is 'Picture received: pictures a second, average.';
comment on column analytics.participant_quality.country_code is 'Country, ISO 3166 alpha-2; null: not said.';
comment on column analytics.participant_quality.device_os is 'Operating system, without version.';
comment on column analytics.participant_quality.is_mobile is 'Whether it was a mobile device.';
comment on column analytics.participant_quality.network_type is 'Kind of network: 4g, wifi.';
comment on column analytics.participant_quality.used_turn is 'Whether media went through a relay.';
comment on column analytics.participant_quality.sdk_name is 'Name of the client library.';
comment on column analytics.participant_quality.sdk_version is 'Version of the client library.';
comment on column analytics.participant_quality.fetched_at is 'When the report was fetched.';
comment on view analytics.transcripts is 'One row per session that can have a transcript, with what is known about it.';
comment on column analytics.transcripts.started_at is 'When the session began.';
comment on column analytics.transcripts.session_id is 'The session.';
comment on column analytics.transcripts.source_id is 'Its source.';
comment on column analytics.transcripts.source is 'Slug of the source.';
comment on column analytics.transcripts.provider is 'konpro, konvo or realtimekit.';
comment on column analytics.transcripts.state is 'As in session_artifacts: available, empty, pending, not_enabled, expired, failed or not_fetched.';
comment on column analytics.transcripts.reason is 'What the last try met; null: nothing.';
comment on column analytics.transcripts.next_try_at is 'When it is tried next; null: nothing is left to do.';
comment on column analytics.transcripts.fetched_at is 'When it was fetched; null: there is none.';
comment on column analytics.transcripts.segment_count is 'Utterances; null: there is no transcript.';
comment on column analytics.transcripts.word_count is 'Words; null: there is no transcript.';
comment on column analytics.transcripts.speaker_count is 'Speakers; null: there is no transcript.';
comment on column analytics.transcripts.format is 'Form it came in: json, csv, srt or vtt.';
comment on column analytics.transcripts.language_code is 'Language, where the file says it.';
comment on column analytics.transcripts.ended_at is 'When the session ended.';
comment on column analytics.transcripts.is_part_of_session is 'True for a breakout room: leave it out of sums.';
comment on column analytics.transcripts.is_deleted_at_provider is 'True once the provider no longer lists the session; leave it out of figures.';
comment on view analytics.transcript_segments is 'One row per utterance, without its text and the speakers name (see analytics_pii.transcript_segments).';
comment on column analytics.transcript_segments.started_at is 'When it was said; null: not readable.';
comment on column analytics.transcript_segments.session_id is 'The session.';
comment on column analytics.transcript_segments.source_id is 'Its source.';
comment on column analytics.transcript_segments.source is 'Slug of the source.';
comment on column analytics.transcript_segments.provider is 'konpro, konvo or realtimekit.';
comment on column analytics.transcript_segments.position is 'Place in the transcript, from 0.';
comment on column analytics.transcript_segments.offset_seconds is 'From the start of the session, seconds; null: not readable.';
comment on column analytics.transcript_segments.end_offset_seconds is 'Where it ends, seconds from the start; null: the form does not say.';
comment on column analytics.transcript_segments.participant_id is 'Presence of the speaker; null: not known, or one of several of the same person.';
comment on column analytics.transcript_segments.speaker_id is 'Pseudonym of the speaker, the person_id of participants where known; null: not said.';
comment on column analytics.transcript_segments.word_count is 'Words.';
comment on column analytics.transcript_segments.char_count is 'Characters.';
comment on view analytics.session_summaries is 'One row per summary, without its text (see analytics_pii.session_summaries).';
comment on column analytics.session_summaries.session_id is 'The session.';
comment on column analytics.session_summaries.source_id is 'Its source.';
comment on column analytics.session_summaries.source is 'Slug of the source.';
comment on column analytics.session_summaries.provider is 'konpro, konvo or realtimekit.';
comment on column analytics.session_summaries.word_count is 'Words.';
comment on column analytics.session_summaries.format is 'markdown or text.';
comment on column analytics.session_summaries.fetched_at is 'When it was fetched.';
comment on column analytics.sessions.participant_count is 'Presences: each join counts; null: never fetched, which is not zero.';
comment on column analytics.sessions.person_count is 'People among them; a presence of nobody known counts as one. Null: never fetched.';
comment on column analytics.sessions.participant_minutes is 'Sum of the lengths of the presences, minutes; those without a length are left out. Null: never fetched, or no length known.';
comment on column analytics.sessions.unknown_duration_count is 'Presences without a length.';
comment on column analytics.sessions.peak_participants is 'Most presences at once, by joining and leaving; null: never fetched.';
comment on column analytics.sessions.unexplained_minutes is 'minutes_consumed minus participant_minutes, signed; null: one of them is unknown.';
comment on column analytics.sessions.unexplained_minutes_class is 'Why they differ: still_live, rounding (less than a minute for each presence), participants_missing (fewer presences than the provider counts, or some without a length), other.';
comment on column analytics.sessions.transcript_state is 'State of the transcript as in session_artifacts; null: not applicable.';
comment on column analytics.sessions.transcript_word_count is 'Words of the transcript; null: there is none.';
comment on column analytics.sessions.summary_state is 'State of the summary as in session_artifacts; null: not applicable.';
comment on column analytics.sessions.chat_state is 'State of a meetings chat as in session_artifacts; null: not applicable, its messages come with the session or not at all.';
comment on column analytics.sessions.quality_report_count is 'Presences with a quality report; null: never asked.';
comment on column analytics.sessions.message_count is 'Messages stored; null: never fetched, which is not zero.';
comment on column analytics.sessions.user_message_count is 'Messages of the customer; null in meetings, where nobody is served.';
comment on column analytics.sessions.assistant_message_count is 'Messages of the AI or agent; null in meetings, where nobody serves.';
comment on column analytics.sessions.user_word_count is 'Words of the customer; null in meetings.';
comment on column analytics.sessions.assistant_word_count is 'Words of the AI or agent; null in meetings.';
comment on column analytics.sessions.message_support is 'inline, per_session, not_fetched or none, as in sources.';
comment on column analytics.sessions.launch_quality is 'KonPro: picture quality it was started with through this service; null: left to the provider, or started elsewhere.';
comment on column analytics.sessions.launch_voice is 'KonPro: voice it was started with through this service; null: left to the provider, or started elsewhere.';
comment on column analytics.sessions.launch_stt_provider is 'KonPro: speech-to-text it was started with through this service; null: left to the provider, or started elsewhere.';
comment on column analytics.sessions.launch_idle_timeout_seconds is 'KonPro: idle time-out it was started with through this service, seconds; null: left to the provider, or started elsewhere.';
comment on column analytics.sessions.launch_duration_limit_seconds is 'KonPro: longest it may take, as the provider answered when it was started through this service, seconds; null: not said, or started elsewhere.';
comment on column analytics.session_minutes.minutes_kind is 'consumed (what the provider meters), elapsed (wall clock) or participant (sum of the presences).';
comment on column analytics.session_minutes.minutes_basis is 'participant_time, session_time or elapsed. Never add different bases or kinds without saying so.';
comment on column analytics.messages.sender_role is 'user, assistant, participant (of a meeting) or unknown.';
comment on column analytics.messages.participant_id is 'Presence of the sender; null: not a meeting, or not known.';
comment on column analytics.messages.payload_type is 'The providers word for text and media in a meeting; null: not said.';
comment on column analytics_pii.messages.sender_role is 'user, assistant, participant (of a meeting) or unknown.';
comment on column analytics_pii.messages.participant_id is 'Presence of the sender; null: not a meeting, or not known.';
comment on view analytics_pii.participants is 'Who was in a session, by name. Personal data.';
comment on column analytics_pii.participants.participant_id is 'The presence, joins analytics.';
comment on column analytics_pii.participants.session_id is 'The session.';
comment on column analytics_pii.participants.source_id is 'Its source.';
comment on column analytics_pii.participants.provider_participant_id is 'The providers id of the presence.';
comment on column analytics_pii.participants.provider_user_id is 'The providers id of the person.';
comment on column analytics_pii.participants.person_id is 'Pseudonym, joins analytics.';
comment on column analytics_pii.participants.custom_participant_id is 'The customers own id of the person.';
comment on column analytics_pii.participants.display_name is 'Name shown.';
comment on view analytics_pii.transcript_segments is 'What was said, by whom. Personal data.';
comment on column analytics_pii.transcript_segments.started_at is 'When it was said.';
comment on column analytics_pii.transcript_segments.session_id is 'The session.';
comment on column analytics_pii.transcript_segments.source_id is 'Its source.';
comment on column analytics_pii.transcript_segments.position is 'Place in the transcript, from 0.';
comment on column analytics_pii.transcript_segments.speaker_id is 'Pseudonym, joins analytics.';
comment on column analytics_pii.transcript_segments.speaker_label is 'Name of the speaker as the transcript has it.';
comment on column analytics_pii.transcript_segments.body is 'What was said.';
comment on view analytics_pii.session_summaries is 'Texts of summaries. Personal data.';
comment on column analytics_pii.session_summaries.session_id is 'The session.';
comment on column analytics_pii.session_summaries.source_id is 'Its source.';
comment on column analytics_pii.session_summaries.format is 'markdown or text.';
comment on column analytics_pii.session_summaries.body is 'The text.';
