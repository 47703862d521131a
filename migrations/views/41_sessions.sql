create or replace view analytics.sessions as select s.started_at, s.session_id, s.source_id, s.source, s.provider, s.provider_session_id, s.session_kind, s.provider_status, s.session_state, s.outcome, s.is_flagged_unresolved, s.channel, s.person_id, s.parent_session_id, s.is_part_of_session, s.group_key, s.created_at, s.ended_at, s.ended_at_source, s.completed_at, s.last_activity_at, s.duration_seconds, s.minutes_consumed, s.minutes_basis, round(s.duration_seconds / 60.000000000000000000, 18) as elapsed_minutes, s.is_provisional, s.max_concurrent_participants, s.message_count, s.user_message_count, s.assistant_message_count, s.user_word_count, s.assistant_word_count, s.first_response_seconds, s.avatar_id, s.voice_name, s.api_key_type, s.workspace_id, s.feed_id, s.skill_type, s.sub_intent_type, s.trail_length, s.app_id, s.meeting_id, s.session_type, s.live_participants, s.total_participants, s.recording_status, s.has_outcomes, s.message_support, s.provider_updated_at, s.first_seen_at, s.last_changed_at, s.is_deleted_at_provider, s.participant_count, s.person_count, round(round(s.participant_minutes * 60000) / 60000.000000000000000000, 18) as participant_minutes, s.unknown_duration_count, s.peak_participants, s.minutes_consumed - round(round(s.participant_minutes * 60000) / 60000.000000000000000000, 18) as unexplained_minutes, s.unexplained_minutes_class, s.transcript_state, s.transcript_word_count, s.summary_state, s.chat_state, s.quality_report_count, s.launch_quality, s.launch_voice, s.launch_stt_provider, s.launch_idle_timeout_seconds, s.launch_duration_limit_seconds, s.is_connected, s.is_never_started, s.turn_count, s.reply_seconds, s.active_seconds, s.is_unanswered, s.last_sender_role, s.last_message_at, s.attended_seconds, s.rejoined_person_count, s.first_joined_at, s.is_stale_open, s.effective_ended_at, s.is_handed_off from (select s_1.*,
                  case when s_1.session_kind = 'chat' then
                    (select case when src.human_steps = '{}' then null
                                 when s_1.skill_type = any(src.human_steps)
                                   or exists (select from core.konvo_trail_steps t
                                               where t.source_id = s_1.source_id and t.session_id = s_1.session_id
                                                 and t.step_type = any(src.human_steps))
                                   or exists (select from core.messages m
                                               where m.source_id = s_1.source_id and m.session_id = s_1.session_id
                                                 and m.provider_origin = any(src.human_steps)) then true
                                 when s_1.trail_length is not null then false end
                       from core.sources src where src.source_id = s_1.source_id) end as is_handed_off
             from (select s_1_1.*,
                  analytics.is_stale_open(s_1_1.session_state, s_1_1.started_at, s_1_1.last_activity_at, s_1_1.live_participants, now())
                    as is_stale_open,
                  analytics.effective_ended_at(s_1_1.session_state, s_1_1.started_at, s_1_1.ended_at, s_1_1.last_activity_at,
                                               s_1_1.live_participants, now()) as effective_ended_at
             from (select s_1_1_1.started_at::timestamptz as started_at,
       s_1_1_1.session_id, s_1_1_1.source_id, src.source_slug as source, src.provider, s_1_1_1.provider_session_id,
       s_1_1_1.session_kind, s_1_1_1.provider_status, s_1_1_1.session_state, s_1_1_1.outcome, s_1_1_1.is_flagged_unresolved,
       s_1_1_1.channel, s_1_1_1.person_id, parent.session_id as parent_session_id,
       s_1_1_1.parent_provider_session_id is not null as is_part_of_session, s_1_1_1.group_key,
       s_1_1_1.created_at::timestamptz as created_at, s_1_1_1.ended_at::timestamptz as ended_at, s_1_1_1.ended_at_source,
       s_1_1_1.completed_at::timestamptz as completed_at, s_1_1_1.last_activity_at::timestamptz as last_activity_at,
       s_1_1_1.duration_seconds,
       -- only sources that meter give any: without the source beside it, minutes are read from an index alone
       s_1_1_1.provider_minutes as minutes_consumed,
       src.minutes_basis,
       s_1_1_1.duration_seconds / 60 as elapsed_minutes,
       s_1_1_1.session_state in ('live', 'open') as is_provisional,
       s_1_1_1.max_concurrent_participants,
       stats.message_count, stats.user_message_count, stats.assistant_message_count,
       stats.user_word_count, stats.assistant_word_count, stats.first_response_seconds,
       kp.avatar_id, kp.voice_name, kp.api_key_type,
       kv.workspace_id, kv.feed_id, kv.skill_type, kv.sub_intent_type, kv.trail_length,
       rk.app_id, rk.meeting_id, rk.session_type, rk.live_participants, rk.total_participants, rk.recording_status,
       src.has_outcomes, src.message_support,
       s_1_1_1.provider_updated_at::timestamptz as provider_updated_at, s_1_1_1.first_seen_at::timestamptz as first_seen_at,
       s_1_1_1.last_changed_at::timestamptz as last_changed_at, s_1_1_1.is_deleted_at_provider,
       who.participant_count, who.person_count, told.participant_minutes, who.unknown_duration_count,
       who.peak_participants, told.unexplained_minutes,
       case when told.unexplained_minutes is null then null
            when s_1_1_1.session_state in ('live', 'open') then 'still_live'
            when told.unexplained_minutes = 0 or abs(told.unexplained_minutes) < who.participant_count then 'rounding'
            when who.participant_count < rk.total_participants or who.unknown_duration_count > 0
            then 'participants_missing'
            else 'other' end as unexplained_minutes_class,
       coalesce(spoken.state, case when s_1_1_1.session_kind not in ('meeting', 'livestream') then null
                                   when 'transcript' = any(src.session_streams) then 'pending'
                                   else 'not_fetched' end) as transcript_state,
       words.word_count as transcript_word_count,
       coalesce(summed_up.state, case when s_1_1_1.session_kind not in ('meeting', 'livestream') then null
                                      when 'summary' = any(src.session_streams) then 'pending'
                                      else 'not_fetched' end) as summary_state,
       coalesce(chat.state, case when s_1_1_1.session_kind not in ('meeting', 'livestream') then null
                                 when 'chat' = any(src.session_streams) then 'pending'
                                 else 'not_fetched' end) as chat_state,
       (select (count(*) filter (where q.has_report))::int
          from core.participant_quality q
         where q.source_id = s_1_1_1.source_id and q.session_id = s_1_1_1.session_id
        having count(*) > 0) as quality_report_count,
       -- no join: it would have every query read the provider's id, which no index by time holds
       (select l.quality from core.konpro_launches l
         where l.source_id = s_1_1_1.source_id and l.provider_session_id = s_1_1_1.provider_session_id) as launch_quality,
       (select l.voice_id from core.konpro_launches l
         where l.source_id = s_1_1_1.source_id and l.provider_session_id = s_1_1_1.provider_session_id) as launch_voice,
       (select l.stt_provider from core.konpro_launches l
         where l.source_id = s_1_1_1.source_id and l.provider_session_id = s_1_1_1.provider_session_id) as launch_stt_provider,
       (select l.activity_idle_timeout_seconds from core.konpro_launches l
         where l.source_id = s_1_1_1.source_id and l.provider_session_id = s_1_1_1.provider_session_id) as launch_idle_timeout_seconds,
       (select l.session_duration_limit_seconds from core.konpro_launches l
         where l.source_id = s_1_1_1.source_id and l.provider_session_id = s_1_1_1.provider_session_id) as launch_duration_limit_seconds,
       case s_1_1_1.session_kind
            when 'avatar' then case when s_1_1_1.provider_status = 'connected' or s_1_1_1.duration_seconds > 0 then true
                                    when s_1_1_1.provider_status is not null or s_1_1_1.duration_seconds is not null then false end
            when 'chat' then stats.user_message_count > 0
            else case when coalesce(who.participant_count, rk.total_participants) > 0 or s_1_1_1.provider_minutes > 0 then true
                      when coalesce(who.participant_count, rk.total_participants) = 0 then false end
       end as is_connected,
       case s_1_1_1.session_kind
            when 'avatar' then case when s_1_1_1.duration_seconds > 0 then false
                                    when s_1_1_1.session_state <> 'unknown' then s_1_1_1.session_state = 'never_started' end
            when 'chat' then stats.user_message_count = 0
            else case when s_1_1_1.session_state <> 'ended' then false
                      else coalesce(who.participant_count, rk.total_participants) = 0 end
       end as is_never_started,
       stats.turn_count, stats.reply_seconds, stats.active_seconds, stats.is_unanswered, stats.last_sender_role,
       stats.last_message_at::timestamptz as last_message_at,
       who.attended_ms * 0.001 as attended_seconds, who.rejoined_person_count,
       who.first_joined_at::timestamptz as first_joined_at
  from core.sessions s_1_1_1
  -- each of these joins is on a unique key: a query that names none of its columns does not pay for it
  left join core.sources src on src.source_id = s_1_1_1.source_id
  left join core.sessions parent
    on parent.source_id = s_1_1_1.source_id and parent.provider_session_id = s_1_1_1.parent_provider_session_id
  left join core.session_stats stats on stats.source_id = s_1_1_1.source_id and stats.session_id = s_1_1_1.session_id
  left join core.konpro_sessions kp on kp.source_id = s_1_1_1.source_id and kp.session_id = s_1_1_1.session_id
  left join core.konvo_sessions kv on kv.source_id = s_1_1_1.source_id and kv.session_id = s_1_1_1.session_id
  left join core.realtimekit_sessions rk on rk.source_id = s_1_1_1.source_id and rk.session_id = s_1_1_1.session_id
  left join core.session_participation who on who.source_id = s_1_1_1.source_id and who.session_id = s_1_1_1.session_id
  left join core.transcripts words on words.source_id = s_1_1_1.source_id and words.session_id = s_1_1_1.session_id
  left join ingest.artifact_tasks spoken
    on spoken.source_id = s_1_1_1.source_id and spoken.session_id = s_1_1_1.session_id and spoken.stream = 'transcript'
  left join ingest.artifact_tasks chat
    on chat.source_id = s_1_1_1.source_id and chat.session_id = s_1_1_1.session_id and chat.stream = 'chat'
  left join ingest.artifact_tasks summed_up
    on summed_up.source_id = s_1_1_1.source_id and summed_up.session_id = s_1_1_1.session_id and summed_up.stream = 'summary'
 cross join lateral (
       select minutes as participant_minutes,
              s_1_1_1.provider_minutes - minutes as unexplained_minutes
         from (select case when who.participant_count = 0 or who.unknown_duration_count < who.participant_count
                           then who.participant_ms::numeric / 60000 end as minutes) m) told) s_1_1) s_1) s;

comment on view analytics.sessions is
  'One row per conversation, meeting or avatar stream of any provider. No personal data.';
comment on column analytics.sessions.started_at is
  'When it began; its creation where the provider gives no start. The anchor of most metrics.';
comment on column analytics.sessions.session_id is
  'Our number; stays the same for the same source and provider_session_id.';
comment on column analytics.sessions.source_id is 'Source it belongs to.';
comment on column analytics.sessions.source is 'Slug of the source.';
comment on column analytics.sessions.provider is 'konpro, konvo or realtimekit.';
comment on column analytics.sessions.provider_session_id is 'The providers id, to the letter.';
comment on column analytics.sessions.session_kind is 'avatar, chat, meeting or livestream.';
comment on column analytics.sessions.provider_status is 'The providers status, to the letter; null: not said.';
comment on column analytics.sessions.session_state is
  'live, ended, open (a chat not completed), never_started or unknown.';
comment on column analytics.sessions.outcome is
  'resolved, unresolved, open, unknown (not said) or not_applicable (the provider has no outcomes).';
comment on column analytics.sessions.is_flagged_unresolved is
  'The providers unresolved flag, completed or not; null: not said or not applicable.';
comment on column analytics.sessions.channel is 'Way of contact, to the letter; null: not said or not applicable.';
comment on column analytics.sessions.person_id is 'Pseudonym of the person; null: not known.';
comment on column analytics.sessions.parent_session_id is 'The session this one is a part of, if that is stored.';
comment on column analytics.sessions.is_part_of_session is
  'True for a breakout room: leave it out of sums, its parent may include it.';
comment on column analytics.sessions.group_key is 'What groups sessions at the provider: meeting, feed or avatar.';
comment on column analytics.sessions.created_at is 'When the provider created it.';
comment on column analytics.sessions.ended_at is 'When it ended; null: still running, open, or not known.';
comment on column analytics.sessions.ended_at_source is 'provider: as given; duration: start plus duration.';
comment on column analytics.sessions.completed_at is
  'When a chat was completed; the anchor of resolution metrics. Null: not completed or not applicable.';
comment on column analytics.sessions.last_activity_at is 'The last sign of life the provider reports.';
comment on column analytics.sessions.duration_seconds is
  'Wall-clock length in seconds; for an open chat up to its last message; null: not known.';
comment on column analytics.sessions.minutes_consumed is
  'What the provider meters, minutes, at most 18 digits after the point; null: not known, or not metered. A sum of n '
  'rows is exact to n times half of the last digit.';
comment on column analytics.sessions.minutes_basis is
  'participant_time or session_time; null: the provider meters nothing. Minutes of different bases are different '
  'things.';
comment on column analytics.sessions.elapsed_minutes is
  'Wall-clock length, duration_seconds / 60, at most 18 digits after the point; null: not known.';
comment on column analytics.sessions.is_provisional is
  'True while the session runs or is open: its figures may still change.';
comment on column analytics.sessions.max_concurrent_participants is
  'Most people at once; null: not applicable or not said.';
comment on column analytics.sessions.message_count is 'Messages stored; null: never fetched, which is not zero.';
comment on column analytics.sessions.user_message_count is
  'Messages of the customer; null in meetings, where nobody is served.';
comment on column analytics.sessions.assistant_message_count is
  'Messages of the AI or agent; null in meetings, where nobody serves.';
comment on column analytics.sessions.user_word_count is 'Words of the customer; null in meetings.';
comment on column analytics.sessions.assistant_word_count is 'Words of the AI or agent; null in meetings.';
comment on column analytics.sessions.first_response_seconds is
  'From the first user message to the first reply, seconds; null: no question or no reply.';
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
comment on column analytics.sessions.total_participants is
  'RealtimeKit: people over the whole session; null: not said.';
comment on column analytics.sessions.recording_status is 'RealtimeKit: state of the recording.';
comment on column analytics.sessions.has_outcomes is 'Whether the provider has outcomes at all.';
comment on column analytics.sessions.message_support is 'inline, per_session, not_fetched or none, as in sources.';
comment on column analytics.sessions.provider_updated_at is 'The providers own change time; null: it gives none.';
comment on column analytics.sessions.first_seen_at is 'When it was first stored.';
comment on column analytics.sessions.last_changed_at is 'When anything about it last changed here.';
comment on column analytics.sessions.is_deleted_at_provider is
  'True once the provider no longer lists it; leave it out of figures.';
comment on column analytics.sessions.participant_count is
  'Presences: each join counts; null: never fetched, which is not zero.';
comment on column analytics.sessions.person_count is
  'People among them; a presence of nobody known counts as one. Null: never fetched.';
comment on column analytics.sessions.participant_minutes is
  'Sum of the lengths of the presences, minutes; those without a length are left out. Null: never fetched, or no '
  'length known.';
comment on column analytics.sessions.unknown_duration_count is 'Presences without a length.';
comment on column analytics.sessions.peak_participants is
  'Most presences at once, by joining and leaving; one whose end is not known raises no peak. Null: never fetched, or '
  'no end is known.';
comment on column analytics.sessions.unexplained_minutes is
  'minutes_consumed minus participant_minutes, signed; null: one of them is unknown.';
comment on column analytics.sessions.unexplained_minutes_class is
  'Why they differ: still_live, rounding (less than a minute for each presence), participants_missing (fewer '
  'presences than the provider counts, or some without a length), other.';
comment on column analytics.sessions.transcript_state is
  'State of the transcript as in session_artifacts; null: not applicable.';
comment on column analytics.sessions.transcript_word_count is 'Words of the transcript; null: there is none.';
comment on column analytics.sessions.summary_state is
  'State of the summary as in session_artifacts; null: not applicable.';
comment on column analytics.sessions.chat_state is
  'State of a meetings chat as in session_artifacts; null: not applicable, its messages come with the session or not '
  'at all.';
comment on column analytics.sessions.quality_report_count is 'Presences with a quality report; null: never asked.';
comment on column analytics.sessions.launch_quality is
  'KonPro: picture quality it was started with through this service; null: left to the provider, or started '
  'elsewhere.';
comment on column analytics.sessions.launch_voice is
  'KonPro: voice it was started with through this service; null: left to the provider, or started elsewhere.';
comment on column analytics.sessions.launch_stt_provider is
  'KonPro: speech-to-text it was started with through this service; null: left to the provider, or started elsewhere.';
comment on column analytics.sessions.launch_idle_timeout_seconds is
  'KonPro: idle time-out it was started with through this service, seconds; null: left to the provider, or started '
  'elsewhere.';
comment on column analytics.sessions.launch_duration_limit_seconds is
  'KonPro: longest it may take, as the provider answered when it was started through this service, seconds; null: not '
  'said, or started elsewhere.';
comment on column analytics.sessions.is_connected is
  'Whether anything came about: an avatar stream that connected or lasted, a chat with a message of the customer, a '
  'meeting with a participant or minutes. Null: not known.';
comment on column analytics.sessions.is_never_started is
  'Whether nothing came about: an avatar stream that never connected, a chat without a message of the customer, a '
  'meeting that ended without a participant. Null: not known.';
comment on column analytics.sessions.turn_count is
  'Chats: changes from the customer to the other side. Null: messages were never fetched, or there are no two sides.';
comment on column analytics.sessions.reply_seconds is
  'Chats: for each turn of the customer that was replied to, seconds from its first message to the reply, in order. '
  'Null as turn_count.';
comment on column analytics.sessions.active_seconds is
  'Chats: gaps between messages, each counted with at most five minutes, seconds. Null as turn_count.';
comment on column analytics.sessions.is_unanswered is
  'Chats: the customer wrote, and nobody else after that. Null as turn_count.';
comment on column analytics.sessions.last_sender_role is
  'Who wrote last: user, assistant or unknown. Null: nobody wrote, or as turn_count.';
comment on column analytics.sessions.last_message_at is
  'When the last message was sent. Null: no message with a time is stored.';
comment on column analytics.sessions.attended_seconds is
  'Meetings: time of all people, overlapping presences of a person once, within the session, seconds. Null: it runs, '
  'the end of a presence is not known, or participants were never fetched.';
comment on column analytics.sessions.rejoined_person_count is
  'Meetings: people with several presences. Null: participants were never fetched.';
comment on column analytics.sessions.first_joined_at is
  'Meetings: when the first one joined. Null: nobody did, or participants were never fetched.';
comment on column analytics.sessions.is_stale_open is
  'True for a chat that is open, and for a live meeting that nobody is in, when nothing has happened for 24 hours. '
  'Never null.';
comment on column analytics.sessions.effective_ended_at is
  'Until when the session is taken to have run: started_at if it never started; ended_at; now, while it runs; 30 '
  'minutes after the last sign of life once it is_stale_open. Null: its end is not known. For minutes split over '
  'time, and for concurrency.';
comment on column analytics.sessions.is_handed_off is
  'Konvo: whether a human took part, by the human_steps of its source. Null: these are not configured, or the way of '
  'the chat was not fetched; other providers.';
