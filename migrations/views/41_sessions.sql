-- Each join is on a unique key, so that a query that names none of its columns does not pay for it. A look-up on a
-- column that no index by time holds is a subquery: a join would make every query read that column. The change times
-- stand first, so that the planner may begin with them: it orders the first eight tables freely.
create or replace view analytics.sessions as
select s.started_at::timestamptz as started_at,
       s.session_id, s.source_id, src.source_slug as source, src.provider, s.provider_session_id,
       s.session_kind, s.provider_status, s.session_state, s.outcome, s.is_flagged_unresolved,
       s.channel, s.person_id, parent.session_id as parent_session_id,
       s.parent_provider_session_id is not null as is_part_of_session, s.group_key,
       s.created_at::timestamptz as created_at, s.ended_at::timestamptz as ended_at, s.ended_at_source,
       s.completed_at::timestamptz as completed_at, s.last_activity_at::timestamptz as last_activity_at,
       s.duration_seconds,
       -- only sources that meter have any: without a look at the source, minutes are read from an index alone
       s.provider_minutes as minutes_consumed,
       src.minutes_basis,
       round(s.duration_seconds / 60.000000000000000000, 18) as elapsed_minutes,
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
       who.participant_count, who.person_count, presences.minutes as participant_minutes, who.unknown_duration_count,
       who.peak_participants, s.provider_minutes - presences.minutes as unexplained_minutes,
       case when s.provider_minutes - presences.minutes is null then null
            when s.session_state in ('live', 'open') then 'still_live'
            when s.provider_minutes - presences.minutes = 0
              or abs(s.provider_minutes - presences.minutes) < who.participant_count then 'rounding'
            when who.participant_count < rk.total_participants or who.unknown_duration_count > 0
            then 'participants_missing'
            else 'other' end as unexplained_minutes_class,
       coalesce(transcript.state, case when s.session_kind not in ('meeting', 'livestream') then null
                                       when 'transcript' = any(src.session_streams) then 'pending'
                                       else 'not_fetched' end) as transcript_state,
       words.word_count as transcript_word_count,
       coalesce(summary.state, case when s.session_kind not in ('meeting', 'livestream') then null
                                    when 'summary' = any(src.session_streams) then 'pending'
                                    else 'not_fetched' end) as summary_state,
       coalesce(chat.state, case when s.session_kind not in ('meeting', 'livestream') then null
                                 when 'chat' = any(src.session_streams) then 'pending'
                                 else 'not_fetched' end) as chat_state,
       (select (count(*) filter (where q.has_report))::int
          from core.participant_quality q
         where q.source_id = s.source_id and q.session_id = s.session_id
        having count(*) > 0) as quality_report_count,
       (select l.quality from core.session_launches l
         where l.source_id = s.source_id and l.provider_session_id = s.provider_session_id) as launch_quality,
       (select l.voice_id from core.session_launches l
         where l.source_id = s.source_id and l.provider_session_id = s.provider_session_id) as launch_voice,
       (select l.stt_provider from core.session_launches l
         where l.source_id = s.source_id and l.provider_session_id = s.provider_session_id) as launch_stt_provider,
       (select l.activity_idle_timeout_seconds from core.session_launches l
         where l.source_id = s.source_id and l.provider_session_id = s.provider_session_id)
         as launch_idle_timeout_seconds,
       (select l.session_duration_limit_seconds from core.session_launches l
         where l.source_id = s.source_id and l.provider_session_id = s.provider_session_id)
         as launch_duration_limit_seconds,
       case s.session_kind
            when 'avatar' then case when s.provider_status = 'connected' or s.duration_seconds > 0 then true
                                    when s.provider_status is not null or s.duration_seconds is not null then false end
            when 'chat' then stats.user_message_count > 0
            else case when coalesce(who.participant_count, rk.total_participants) > 0 or s.provider_minutes > 0
                      then true
                      when coalesce(who.participant_count, rk.total_participants) = 0 then false end
       end as is_connected,
       case s.session_kind
            when 'avatar' then case when s.duration_seconds > 0 then false
                                    when s.session_state <> 'unknown' then s.session_state = 'never_started' end
            when 'chat' then stats.user_message_count = 0
            else case when s.session_state <> 'ended' then false
                      else coalesce(who.participant_count, rk.total_participants) = 0 end
       end as is_never_started,
       stats.turn_count, stats.reply_seconds, stats.active_seconds, stats.is_unanswered, stats.last_sender_role,
       stats.last_message_at::timestamptz as last_message_at,
       who.attended_ms * 0.001 as attended_seconds, who.rejoined_person_count,
       who.first_joined_at::timestamptz as first_joined_at,
       -- as of the moment at which the view is read
       analytics.is_stale_open(s.session_state, s.started_at, s.last_activity_at, rk.live_participants, now())
         as is_stale_open,
       analytics.effective_ended_at(s.session_state, s.started_at, s.ended_at, s.last_activity_at,
                                    rk.live_participants, now()) as effective_ended_at,
       case when s.session_kind = 'chat' then
         case when src.human_steps = '{}' then null
              when kv.skill_type = any(src.human_steps)
                or exists (select from core.trail_steps t
                            where t.source_id = s.source_id and t.session_id = s.session_id
                              and t.step_type = any(src.human_steps))
                or exists (select from core.messages m
                            where m.source_id = s.source_id and m.session_id = s.session_id
                              and m.provider_origin = any(src.human_steps)) then true
              when kv.trail_length is not null then false end end as is_handed_off,
       analytics.is_counted(s.parent_provider_session_id is not null, s.is_deleted_at_provider) as is_counted,
       c.changed_at::timestamptz as changed_at, stats.untimed_message_count
  from core.sessions s
  left join core.session_change_times c on c.source_id = s.source_id and c.session_id = s.session_id
  left join core.sources src on src.source_id = s.source_id
  left join core.sessions parent
    on parent.source_id = s.source_id and parent.provider_session_id = s.parent_provider_session_id
  left join core.session_stats stats on stats.source_id = s.source_id and stats.session_id = s.session_id
  left join core.konpro_sessions kp on kp.source_id = s.source_id and kp.session_id = s.session_id
  left join core.konvo_sessions kv on kv.source_id = s.source_id and kv.session_id = s.session_id
  left join core.realtimekit_sessions rk on rk.source_id = s.source_id and rk.session_id = s.session_id
  left join core.session_participation who on who.source_id = s.source_id and who.session_id = s.session_id
  left join core.transcripts words on words.source_id = s.source_id and words.session_id = s.session_id
  left join ingest.artifact_tasks transcript
    on transcript.source_id = s.source_id and transcript.session_id = s.session_id
   and transcript.stream = 'transcript'
  left join ingest.artifact_tasks chat
    on chat.source_id = s.source_id and chat.session_id = s.session_id and chat.stream = 'chat'
  left join ingest.artifact_tasks summary
    on summary.source_id = s.source_id and summary.session_id = s.session_id and summary.stream = 'summary'
 cross join lateral (
       -- null: never fetched, or no length is known
       select case when who.participant_count = 0 or who.unknown_duration_count < who.participant_count
                   then round(who.participant_ms / 60000.000000000000000000, 18) end as minutes) presences;

comment on view analytics.sessions is
  'One row per conversation, meeting or avatar stream of any provider. No personal data.';
comment on column analytics.sessions.started_at is
  'Time when it began; its creation where the provider gives no start. The anchor of most metrics.';
comment on column analytics.sessions.session_id is
  'Number of the session in this database; stays the same for the same source and provider_session_id.';
comment on column analytics.sessions.source_id is 'Number of the source it belongs to.';
comment on column analytics.sessions.source is 'Slug of the source.';
comment on column analytics.sessions.provider is 'Provider of the source.';
comment on column analytics.sessions.provider_session_id is 'The provider''s id, verbatim.';
comment on column analytics.sessions.session_kind is 'avatar, chat, meeting or livestream.';
comment on column analytics.sessions.provider_status is 'The provider''s status, verbatim; null: not reported.';
comment on column analytics.sessions.session_state is
  'live, ended, open (a chat not completed), never_started or unknown.';
comment on column analytics.sessions.outcome is
  'resolved, unresolved, open, unknown (not reported) or not_applicable (the provider has no outcomes).';
comment on column analytics.sessions.is_flagged_unresolved is
  'The provider''s unresolved flag, completed or not; null: not reported or not applicable.';
comment on column analytics.sessions.channel is 'Channel of contact, verbatim; null: not reported or not applicable.';
comment on column analytics.sessions.person_id is 'Pseudonym of the person; null: not known.';
comment on column analytics.sessions.parent_session_id is
  'Number of the session that this one is a part of, if that is stored.';
comment on column analytics.sessions.is_part_of_session is
  'True for a breakout room; metrics leave it out, since its parent may include it.';
comment on column analytics.sessions.group_key is 'Key that groups sessions at the provider: meeting, feed or avatar.';
comment on column analytics.sessions.created_at is 'Time when the provider created it.';
comment on column analytics.sessions.ended_at is 'Time when it ended; null: still running, open, or not known.';
comment on column analytics.sessions.ended_at_source is 'provider: as reported; duration: start plus duration.';
comment on column analytics.sessions.completed_at is
  'Time when a chat was completed; the anchor of resolution metrics. Null: not completed or not applicable.';
comment on column analytics.sessions.last_activity_at is 'Time of the last activity that the provider reports.';
comment on column analytics.sessions.duration_seconds is
  'Wall-clock length in seconds; for an open chat up to its last message; null: not known.';
comment on column analytics.sessions.minutes_consumed is
  'Minutes that the provider meters, at most 18 digits after the point; null: not known, or not metered. A sum of n '
  'rows is exact to n times half of the last digit.';
comment on column analytics.sessions.minutes_basis is
  'participant_time or session_time; null: the provider meters nothing. Minutes of different bases are not '
  'comparable.';
comment on column analytics.sessions.elapsed_minutes is
  'Wall-clock length, duration_seconds / 60, at most 18 digits after the point; null: not known.';
comment on column analytics.sessions.is_provisional is
  'True while the session runs or is open: its values may still change.';
comment on column analytics.sessions.max_concurrent_participants is
  'Greatest number of people at once; null: not applicable or not reported.';
comment on column analytics.sessions.message_count is 'Stored messages; null: never fetched, which is not zero.';
comment on column analytics.sessions.user_message_count is
  'Messages of the customer; null in meetings, which have no customer.';
comment on column analytics.sessions.assistant_message_count is
  'Messages of the AI or agent; null in meetings, which have no agent.';
comment on column analytics.sessions.user_word_count is 'Words of the customer. Null: a meeting, or a text of theirs cannot be read.';
comment on column analytics.sessions.assistant_word_count is 'Words of the AI or agent. Null: a meeting, or a text of theirs cannot be read.';
comment on column analytics.sessions.first_response_seconds is
  'From the first user message to the first reply, seconds; null: no question or no reply.';
comment on column analytics.sessions.avatar_id is 'KonPro: id of the avatar.';
comment on column analytics.sessions.voice_name is 'KonPro: name of the voice; null: none chosen.';
comment on column analytics.sessions.api_key_type is 'KonPro: kind of API key.';
comment on column analytics.sessions.workspace_id is 'Konvo: id of the workspace.';
comment on column analytics.sessions.feed_id is 'Konvo: id of the feed.';
comment on column analytics.sessions.skill_type is 'Konvo: skill of the AI.';
comment on column analytics.sessions.sub_intent_type is 'Konvo: sub-intent.';
comment on column analytics.sessions.trail_length is 'Konvo: number of steps of the trail; null: not fetched.';
comment on column analytics.sessions.app_id is 'RealtimeKit: id of the app.';
comment on column analytics.sessions.meeting_id is 'RealtimeKit: id of the meeting, or room name in older meetings.';
comment on column analytics.sessions.session_type is 'RealtimeKit: meeting, livestream or participant.';
comment on column analytics.sessions.live_participants is 'RealtimeKit: people in the session when last read.';
comment on column analytics.sessions.total_participants is
  'RealtimeKit: people over the whole session; null: not reported.';
comment on column analytics.sessions.recording_status is 'RealtimeKit: state of the recording.';
comment on column analytics.sessions.has_outcomes is 'Whether the provider has outcomes at all.';
comment on column analytics.sessions.message_support is 'inline, per_session, not_fetched or none, as in sources.';
comment on column analytics.sessions.provider_updated_at is 'The provider''s own change time; null: not reported.';
comment on column analytics.sessions.first_seen_at is 'Time when it was first stored.';
comment on column analytics.sessions.last_changed_at is 'Time when a stored value of it last changed.';
comment on column analytics.sessions.is_deleted_at_provider is
  'True once the provider no longer lists it; metrics leave it out.';
comment on column analytics.sessions.participant_count is
  'Presences: each join counts; null: never fetched, which is not zero.';
comment on column analytics.sessions.person_count is
  'People in the session; each presence of an unknown person counts as one. Null: never fetched.';
comment on column analytics.sessions.participant_minutes is
  'Sum of the lengths of the presences, minutes; those without a length are left out. Null: never fetched, or no '
  'length known.';
comment on column analytics.sessions.unknown_duration_count is 'Presences without a length.';
comment on column analytics.sessions.peak_participants is
  'Greatest number of presences at once, by joining and leaving. A presence whose end is not known does not count. '
  'Null: never fetched, or no end is known.';
comment on column analytics.sessions.unexplained_minutes is
  'minutes_consumed minus participant_minutes, signed; null: one of them is unknown.';
comment on column analytics.sessions.unexplained_minutes_class is
  'Reason for unexplained_minutes: still_live, rounding (less than a minute for each presence), participants_missing '
  '(fewer presences than the provider counts, or some without a length), other.';
comment on column analytics.sessions.transcript_state is
  'State of the transcript as in session_artifacts; null: not applicable.';
comment on column analytics.sessions.transcript_word_count is 'Words of the transcript; null: there is none.';
comment on column analytics.sessions.summary_state is
  'State of the summary as in session_artifacts; null: not applicable.';
comment on column analytics.sessions.chat_state is
  'State of a meeting''s chat, as in session_artifacts; null: not applicable, messages come with the session or there '
  'are none.';
comment on column analytics.sessions.quality_report_count is 'Presences with a quality report; null: never requested.';
comment on column analytics.sessions.launch_quality is
  'KonPro: video quality with which it was started through this service; null: left to the provider, or started '
  'elsewhere.';
comment on column analytics.sessions.launch_voice is
  'KonPro: voice with which it was started through this service; null: left to the provider, or started elsewhere.';
comment on column analytics.sessions.launch_stt_provider is
  'KonPro: speech-to-text service with which it was started through this service; null: left to the provider, or '
  'started elsewhere.';
comment on column analytics.sessions.launch_idle_timeout_seconds is
  'KonPro: idle timeout with which it was started through this service, seconds; null: left to the provider, or '
  'started elsewhere.';
comment on column analytics.sessions.launch_duration_limit_seconds is
  'KonPro: longest duration, from the provider''s answer when the session was started through this service, seconds; '
  'null: not reported, or started elsewhere.';
comment on column analytics.sessions.is_connected is
  'Whether the session took place: an avatar stream that connected or has a length, a chat with a message of the '
  'customer, a meeting with a participant or minutes. Null: not known.';
comment on column analytics.sessions.is_never_started is
  'Whether the session never took place: an avatar stream that never connected, a chat without a message of the '
  'customer, a meeting that ended without a participant. Null: not known.';
comment on column analytics.sessions.turn_count is
  'Chats: changes from the customer to the other side. Null: messages were never fetched, or there are no two sides.';
comment on column analytics.sessions.reply_seconds is
  'Chats: for each turn of the customer that was answered, seconds from its first message to the reply, in order. '
  'Null as turn_count.';
comment on column analytics.sessions.active_seconds is
  'Chats: sum of the gaps between messages that have a time, each at most five minutes, in seconds: too little where '
  'untimed_message_count is not 0. Null as turn_count, and where no two of several messages have a time.';
comment on column analytics.sessions.is_unanswered is
  'Chats: whether the customer wrote and no reply followed. Null as turn_count.';
comment on column analytics.sessions.last_sender_role is
  'Sender of the last message: user, assistant or unknown. Null: there is no message, or as turn_count.';
comment on column analytics.sessions.last_message_at is
  'Time of the last message. Null: no message with a time is stored.';
comment on column analytics.sessions.attended_seconds is
  'Meetings: time of all people within the session, overlapping presences of a person counted once, seconds. Null: it '
  'runs, begin or end of a presence is not known, or participants were never fetched.';
comment on column analytics.sessions.rejoined_person_count is
  'Meetings: people with several presences. Null: participants were never fetched.';
comment on column analytics.sessions.first_joined_at is
  'Meetings: time of the first join. Null: there was none, or participants were never fetched.';
comment on column analytics.sessions.is_stale_open is
  'True for an open chat, or a live meeting without participants, if nothing has happened for 24 hours. Never null.';
comment on column analytics.sessions.effective_ended_at is
  'The end that the session is counted to: started_at if it never started; else ended_at; now, while it runs; 30 '
  'minutes after its last activity once it is_stale_open. Null: its end is not known. For concurrency and for minutes '
  'split over time.';
comment on column analytics.sessions.is_handed_off is
  'Konvo: whether a human took part, by the human_steps of its source. Null: these are not configured, the trail of '
  'the chat was not fetched, or another provider.';
comment on column analytics.sessions.is_counted is
  'Whether metrics count the session: no breakout room, and not deleted at the provider.';
comment on column analytics.sessions.changed_at is
  'Time when a row of the session last changed here, in any view: also when a participant, a message, a transcript, a '
  'summary, a quality report or a first visit came later. For incremental copies; see changes_complete_through.';
comment on column analytics.sessions.untimed_message_count is
  'Messages without a time. Null: messages were never fetched.';
