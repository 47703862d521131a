create or replace view analytics.session_artifacts as
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

comment on view analytics.session_artifacts is
  'One row per meeting or livestream and stream fetched for it: how far it has come. No row: not applicable.';
comment on column analytics.session_artifacts.started_at is 'When the session began.';
comment on column analytics.session_artifacts.session_id is 'The session.';
comment on column analytics.session_artifacts.source_id is 'Its source.';
comment on column analytics.session_artifacts.source is 'Slug of the source.';
comment on column analytics.session_artifacts.provider is 'konpro, konvo or realtimekit.';
comment on column analytics.session_artifacts.stream is 'participants, chat, transcript, summary or quality.';
comment on column analytics.session_artifacts.state is
  'available; empty (there, and nothing in it); pending (may still come); not_enabled (the provider made none); '
  'expired (the provider has it no longer); failed; not_fetched (this source does not ask for it).';
comment on column analytics.session_artifacts.reason is
  'What the last try met, for programs: not_found, no_link, link_dead, zero_bytes and others; null: nothing, or not '
  'tried.';
comment on column analytics.session_artifacts.attempts is 'Tries so far.';
comment on column analytics.session_artifacts.last_attempt_at is 'When it was last tried; null: never.';
comment on column analytics.session_artifacts.next_try_at is
  'When it is tried next; null: nothing is left to do, or nobody has seen the session yet.';
comment on column analytics.session_artifacts.content_at is 'When something was last found; null: never.';
comment on column analytics.session_artifacts.settled_at is 'When it was decided for good; null: not yet.';
comment on column analytics.session_artifacts.ended_at is
  'When the session ended; null: it runs, or that is not known.';
comment on column analytics.session_artifacts.is_part_of_session is 'True for a breakout room: leave it out of sums.';
comment on column analytics.session_artifacts.is_deleted_at_provider is
  'True once the provider no longer lists the session; leave it out of figures.';
