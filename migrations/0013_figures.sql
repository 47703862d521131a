-- What figures need beyond counting: turns and replies of chats, how long people stayed, when they first came, and the
-- list of figures itself.

-- Worked out once, with a session's messages. Null: of a meeting, where nobody serves; reply_seconds and
-- last_message_at know only messages with a time.
alter table core.session_stats
  add column last_message_at  core.instant,
  add column turn_count       int,        -- changes from the customer to the other side
  add column is_unanswered    boolean,    -- the customer wrote, and nobody after that
  add column last_sender_role text,
  add column active_seconds   numeric check (active_seconds >= 0), -- gaps between messages, each at most five minutes
  add column reply_seconds    numeric[];  -- for each turn: from its first message to the reply

with said as (
  select m.source_id, m.session_id, m.sent_at, m.sender_role, m.sender_role = 'user' as is_user,
         row_number() over in_order as place,
         coalesce(lag(m.sender_role = 'user') over in_order, false) as is_after_user,
         case when m.sent_at - lag(m.sent_at) over in_order is not null
              then least(m.sent_at - lag(m.sent_at) over in_order, interval '5 minutes') end as gap
    from core.messages m
    join core.session_stats t using (source_id, session_id)
   where t.user_message_count is not null
  window in_order as (partition by m.source_id, m.session_id order by m.sent_at, m.position)
), turned as (
  select *, count(*) filter (where is_user and not is_after_user)
              over (partition by source_id, session_id order by place) as turn
    from said
), turns as (
  select source_id, session_id, turn, min(sent_at) filter (where is_user) as asked_at,
         min(sent_at) filter (where not is_user) as replied_at, bool_or(not is_user) as is_replied
    from turned where turn > 0 group by 1, 2, 3
), replies as (
  select source_id, session_id, count(*) filter (where is_replied) as turn_count,
         array_agg(trim_scale(trunc(extract(epoch from replied_at - asked_at), 3)) order by turn)
           filter (where is_replied and replied_at >= asked_at) as reply_seconds
    from turns group by 1, 2
), whole as (
  select source_id, session_id, max(sent_at) as last_message_at, bool_or(is_user) as has_user,
         (array_agg(sender_role order by place desc))[1] as last_sender_role,
         trim_scale(trunc(coalesce(extract(epoch from sum(gap)), 0), 3)) as active_seconds
    from said group by 1, 2
)
update core.session_stats t
   set last_message_at = w.last_message_at, last_sender_role = w.last_sender_role,
       active_seconds = coalesce(w.active_seconds, 0), turn_count = coalesce(r.turn_count, 0),
       is_unanswered = coalesce(w.has_user, false) and coalesce(r.turn_count, 0) = 0,
       reply_seconds = coalesce(r.reply_seconds, '{}')
  from core.session_stats same
  left join whole w using (source_id, session_id)
  left join replies r using (source_id, session_id)
 where same.user_message_count is not null and t.source_id = same.source_id and t.session_id = same.session_id;

-- Words of messages are summed over time from the index too.
drop index core.messages_by_time;
create index messages_by_time on core.messages (sent_at) include (source_id, session_id, sender_role, word_count);

-- With the number and the kind, questions that look at what else belongs to a session find it from the index; and views
-- that could join by the number, though a question does not, keep being answered from it alone.
drop index core.sessions_by_start;
create index sessions_by_start on core.sessions (started_at)
  include (session_id, source_id, session_kind, session_state, outcome, channel, provider_minutes, duration_seconds,
           parent_provider_session_id, is_deleted_at_provider, is_flagged_unresolved);
drop index core.sessions_by_completion;
create index sessions_by_completion on core.sessions (completed_at)
  include (session_id, source_id, session_state, outcome, channel, parent_provider_session_id, is_deleted_at_provider)
  where completed_at is not null;
-- The few that no figure counts, so that rows of sessions can be counted without looking up every session.
create index sessions_left_out on core.sessions (source_id, session_id)
  where parent_provider_session_id is not null or is_deleted_at_provider;

-- Worked out once, with a session's participants.
alter table core.session_participation
  add column first_joined_at       core.instant,
  add column attended_ms           bigint check (attended_ms >= 0), -- each person's time, overlaps once, within the session; null: it runs
  add column rejoined_person_count int;                             -- people with several presences

with persons as (
  select p.source_id, p.session_id, coalesce(p.person_id, 'presence ' || p.provider_participant_id) as who,
         min(p.joined_at) as first_joined_at, count(*) as presences,
         range_agg(tstzrange(greatest(p.joined_at, s.started_at), least(coalesce(p.left_at, s.ended_at), s.ended_at)))
           filter (where greatest(p.joined_at, s.started_at) < least(coalesce(p.left_at, s.ended_at), s.ended_at)) as stays
    from core.participants p join core.sessions s using (source_id, session_id)
   group by 1, 2, 3
), counted as (
  select source_id, session_id, min(first_joined_at) as first_joined_at,
         count(*) filter (where presences > 1) as rejoined_person_count,
         sum((select sum(extract(epoch from upper(stay) - lower(stay))) from unnest(stays) stay)) * 1000 as attended_ms
    from persons group by 1, 2
)
update core.session_participation w
   set first_joined_at = c.first_joined_at, rejoined_person_count = coalesce(c.rejoined_person_count, 0),
       attended_ms = case when s.ended_at is not null then coalesce(trunc(c.attended_ms), 0) end
  from core.session_participation same
  join core.sessions s using (source_id, session_id)
  left join counted c using (source_id, session_id)
 where w.source_id = same.source_id and w.session_id = same.session_id;

-- When somebody came first, of all that is stored: the start of the first session the person was in.
alter table core.people add column first_visit_at core.instant;
update core.people k
   set first_visit_at = v.at
  from (select source_id, person_id, min(at) as at
          from (select source_id, person_id, started_at as at from core.sessions where person_id is not null
                union all
                select p.source_id, p.person_id, s.started_at
                  from core.participants p join core.sessions s using (source_id, session_id)
                 where p.person_id is not null) x
         group by 1, 2) v
 where k.source_id = v.source_id and k.person_id = v.person_id;
drop index core.sessions_by_person;
create index sessions_by_person on core.sessions (source_id, person_id, started_at) where person_id is not null;

create or replace view analytics.sessions as
select s.started_at::timestamptz as started_at,
       s.session_id, s.source_id, src.source_slug as source, src.provider, s.provider_session_id,
       s.session_kind, s.provider_status, s.session_state, s.outcome, s.is_flagged_unresolved,
       s.channel, s.person_id, parent.session_id as parent_session_id,
       s.parent_provider_session_id is not null as is_part_of_session, s.group_key,
       s.created_at::timestamptz as created_at, s.ended_at::timestamptz as ended_at, s.ended_at_source,
       s.completed_at::timestamptz as completed_at, s.last_activity_at::timestamptz as last_activity_at,
       s.duration_seconds,
       -- only sources that meter give any: without the source beside it, minutes are read from an index alone
       s.provider_minutes as minutes_consumed,
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
       -- no join: it would have every query read the provider's id, which no index by time holds
       (select l.quality from core.konpro_launches l
         where l.source_id = s.source_id and l.provider_session_id = s.provider_session_id) as launch_quality,
       (select l.voice_id from core.konpro_launches l
         where l.source_id = s.source_id and l.provider_session_id = s.provider_session_id) as launch_voice,
       (select l.stt_provider from core.konpro_launches l
         where l.source_id = s.source_id and l.provider_session_id = s.provider_session_id) as launch_stt_provider,
       (select l.activity_idle_timeout_seconds from core.konpro_launches l
         where l.source_id = s.source_id and l.provider_session_id = s.provider_session_id) as launch_idle_timeout_seconds,
       (select l.session_duration_limit_seconds from core.konpro_launches l
         where l.source_id = s.source_id and l.provider_session_id = s.provider_session_id) as launch_duration_limit_seconds,
       case s.session_kind
            when 'avatar' then case when s.provider_status = 'connected' or s.duration_seconds > 0 then true
                                    when s.provider_status is not null or s.duration_seconds is not null then false end
            when 'chat' then stats.user_message_count > 0
            else case when coalesce(who.participant_count, rk.total_participants) > 0 or s.provider_minutes > 0 then true
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
       who.first_joined_at::timestamptz as first_joined_at
  from core.sessions s
  -- each of these joins is on a unique key: a query that names none of its columns does not pay for it
  left join core.sources src on src.source_id = s.source_id
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
 cross join lateral (
       select minutes as participant_minutes,
              s.provider_minutes - minutes as unexplained_minutes
         from (select case when who.participant_count = 0 or who.unknown_duration_count < who.participant_count
                           then who.participant_ms::numeric / 60000 end as minutes) m) told;

-- Who was in which session: the contact of a chat, and each presence in a meeting.
create view analytics.visits as
select s.started_at::timestamptz as started_at, s.session_id, s.source_id, src.source_slug as source, src.provider,
       s.session_kind, s.person_id, k.first_visit_at::timestamptz as first_visit_at,
       coalesce(s.person_id, 'session ' || s.session_id) as visitor, s.person_id is not null as is_identified,
       s.parent_provider_session_id is not null as is_part_of_session, s.is_deleted_at_provider
  from core.sessions s
  left join core.sources src on src.source_id = s.source_id
  left join core.people k on k.source_id = s.source_id and k.person_id = s.person_id
 where s.session_kind = 'chat'
union all
select s.started_at::timestamptz, s.session_id, s.source_id, src.source_slug, src.provider,
       s.session_kind, p.person_id, k.first_visit_at::timestamptz,
       coalesce(p.person_id, 'presence ' || p.participant_id), p.person_id is not null,
       s.parent_provider_session_id is not null, s.is_deleted_at_provider
  from core.sessions s
  left join core.sources src on src.source_id = s.source_id
  join core.participants p on p.source_id = s.source_id and p.session_id = s.session_id
  left join core.people k on k.source_id = p.source_id and k.person_id = p.person_id;

create view analytics.sync_runs as
select r.started_at::timestamptz as started_at, r.run_id, r.source_id, src.source_slug as source, src.provider,
       r.stream, r.purpose, r.finished_at::timestamptz as finished_at, r.verdict, r.reason, r.page_count, r.record_count,
       r.inserted_count, r.updated_count, r.unchanged_count, r.rejected_count, r.provider_total
  from ingest.runs r
  join core.sources src using (source_id);

-- The list of figures, written from the service whenever it migrates.
create table ingest.metric_definitions (
  metric_id          text not null,
  definition_version int not null,
  valid_from         core.instant not null,
  label              text not null,
  description        text not null,
  unit               text not null,
  additivity         text not null,
  formula            text not null,
  null_rule          text not null,
  anchor             text not null,
  needs              text not null,
  applies_to         text not null,
  dimensions         text[] not null,
  primary key (metric_id, definition_version)
);
comment on table ingest.metric_definitions is 'What each figure means; earlier versions stay.';
create view analytics.metric_definitions as
select d.valid_from::timestamptz as valid_from, d.metric_id, d.definition_version, d.label, d.description, d.unit,
       d.additivity, d.formula, d.null_rule, d.anchor, d.applies_to,
       array(select distinct src.provider from core.sources src
              where case d.needs
                    when 'nothing' then true
                    when 'minutes' then src.minutes_basis is not null
                    when 'outcomes' then src.has_outcomes
                    when 'messages' then src.message_support in ('inline', 'per_session')
                    when 'participants' then 'participants' = any(src.session_streams)
                    when 'transcript' then 'transcript' = any(src.session_streams)
                    when 'summary' then 'summary' = any(src.session_streams)
                    when 'quality' then 'quality' = any(src.session_streams)
                    when 'avatars' then 'avatar' = any(src.session_kinds)
                    when 'chats' then 'chat' = any(src.session_kinds)
                    when 'people'
                    then 'chat' = any(src.session_kinds) or 'participants' = any(src.session_streams)
                    else false end
              order by 1) as providers,
       d.dimensions,
       not exists (select from ingest.metric_definitions later
                    where later.metric_id = d.metric_id and later.definition_version > d.definition_version) as is_current
  from ingest.metric_definitions d;

comment on column analytics.sessions.is_connected is 'Whether anything came about: an avatar stream that connected or lasted, a chat with a message of the customer, a meeting with a participant or minutes. Null: not known.';
comment on column analytics.sessions.is_never_started is 'Whether nothing came about: an avatar stream that never connected, a chat without a message of the customer, a meeting that ended without a participant. Null: not known.';
comment on column analytics.sessions.turn_count is 'Chats: changes from the customer to the other side. Null: messages were never fetched, or there are no two sides.';
comment on column analytics.sessions.reply_seconds is 'Chats: for each turn of the customer that was replied to, seconds from its first message to the reply, in order. Null as turn_count.';
comment on column analytics.sessions.active_seconds is 'Chats: gaps between messages, each counted with at most five minutes, seconds. Null as turn_count.';
comment on column analytics.sessions.is_unanswered is 'Chats: the customer wrote, and nobody else after that. Null as turn_count.';
comment on column analytics.sessions.last_sender_role is 'Who wrote last: user, assistant or unknown. Null: nobody wrote, or as turn_count.';
comment on column analytics.sessions.last_message_at is 'When the last message was sent. Null: no message with a time is stored.';
comment on column analytics.sessions.attended_seconds is 'Meetings: time of all people, overlapping presences of a person once, within the session, seconds. Null: it runs, or participants were never fetched.';
comment on column analytics.sessions.rejoined_person_count is 'Meetings: people with several presences. Null: participants were never fetched.';
comment on column analytics.sessions.first_joined_at is 'Meetings: when the first one joined. Null: nobody did, or participants were never fetched.';
comment on view analytics.visits is 'Who was in which session: one row for the contact of a chat, and one for each presence in a meeting. Avatars know no people.';
comment on column analytics.visits.started_at is 'When the session began.';
comment on column analytics.visits.session_id is 'The session.';
comment on column analytics.visits.source_id is 'Its source.';
comment on column analytics.visits.source is 'Slug of the source.';
comment on column analytics.visits.provider is 'konpro, konvo or realtimekit.';
comment on column analytics.visits.session_kind is 'chat, meeting or livestream.';
comment on column analytics.visits.person_id is 'Pseudonym of the person; null: nobody knows who it was.';
comment on column analytics.visits.first_visit_at is 'Start of the first session the person was in; null: not known who it was.';
comment on column analytics.visits.visitor is 'The person, or what stands for somebody nobody knows: counts once for each such session or presence.';
comment on column analytics.visits.is_identified is 'Whether the person is known.';
comment on column analytics.visits.is_part_of_session is 'True for a breakout room: leave it out of sums.';
comment on column analytics.visits.is_deleted_at_provider is 'True once the provider no longer lists the session; leave it out of figures.';
comment on view analytics.sync_runs is 'One row per run: one reading of one stream of one source, with its verdict.';
comment on column analytics.sync_runs.started_at is 'When it began.';
comment on column analytics.sync_runs.run_id is 'Our number.';
comment on column analytics.sync_runs.source_id is 'Its source.';
comment on column analytics.sync_runs.source is 'Slug of the source.';
comment on column analytics.sync_runs.provider is 'konpro, konvo or realtimekit.';
comment on column analytics.sync_runs.stream is 'Kind of record.';
comment on column analytics.sync_runs.purpose is 'poll, backfill or reconcile.';
comment on column analytics.sync_runs.finished_at is 'When it ended; null: it runs.';
comment on column analytics.sync_runs.verdict is 'complete, incomplete, failed, rate_limited or cancelled; null: it runs.';
comment on column analytics.sync_runs.reason is 'Why it is not complete; null: it is.';
comment on column analytics.sync_runs.page_count is 'Pages read.';
comment on column analytics.sync_runs.record_count is 'Records the provider sent, repeats included.';
comment on column analytics.sync_runs.inserted_count is 'Of these, new.';
comment on column analytics.sync_runs.updated_count is 'Of these, changed.';
comment on column analytics.sync_runs.unchanged_count is 'Of these, known already.';
comment on column analytics.sync_runs.rejected_count is 'Of these, not readable.';
comment on column analytics.sync_runs.provider_total is 'The providers own count; null: it gave none.';
comment on view analytics.metric_definitions is 'What each figure means, as the service works it out; one row per figure and version.';
comment on column analytics.metric_definitions.valid_from is 'Since when it is worked out so.';
comment on column analytics.metric_definitions.metric_id is 'Its name in questions and answers.';
comment on column analytics.metric_definitions.definition_version is 'Grows when the figure changes its meaning.';
comment on column analytics.metric_definitions.label is 'Its name for people.';
comment on column analytics.metric_definitions.description is 'What it means.';
comment on column analytics.metric_definitions.unit is 'What is counted.';
comment on column analytics.metric_definitions.additivity is 'sum; ratio_of_sums (add the parts); maximum, percentile and distinct (nothing may be added); state_as_of (adds over groups, not over time).';
comment on column analytics.metric_definitions.formula is 'How it is worked out, over the views of this schema.';
comment on column analytics.metric_definitions.null_rule is 'When it is null, beyond data that is not complete yet.';
comment on column analytics.metric_definitions.anchor is 'The time that puts a row into a bucket.';
comment on column analytics.metric_definitions.applies_to is 'What a provider must have for it to mean anything.';
comment on column analytics.metric_definitions.providers is 'Providers here for which it can be told.';
comment on column analytics.metric_definitions.dimensions is 'What it can be grouped by.';
comment on column analytics.metric_definitions.is_current is 'False: a later version is there.';
