-- Only meetings and livestreams have artifacts. A task is created once the poll has seen the session; before that, the
-- streams that the source fetches are pending and the others not fetched.
create or replace view analytics.session_artifacts as
select s.started_at::timestamptz as started_at, s.session_id, s.source_id, src.source_slug as source, src.provider,
       kind.stream,
       coalesce(t.state, case when kind.stream = any(src.session_streams) then 'pending' else 'not_fetched' end)
         as state,
       t.reason, coalesce(t.attempts, 0) as attempts,
       t.last_attempt_at::timestamptz as last_attempt_at, t.next_try_at::timestamptz as next_try_at,
       t.content_at::timestamptz as content_at, t.settled_at::timestamptz as settled_at,
       s.ended_at::timestamptz as ended_at,
       s.parent_provider_session_id is not null as is_part_of_session, s.is_deleted_at_provider,
       analytics.is_counted(s.parent_provider_session_id is not null, s.is_deleted_at_provider) as is_counted,
       c.changed_at::timestamptz as changed_at
  from core.sessions s
  left join core.session_change_times c on c.source_id = s.source_id and c.session_id = s.session_id
  join core.sources src on src.source_id = s.source_id
 cross join (values ('participants'), ('chat'), ('transcript'), ('summary'), ('quality')) kind (stream)
  left join ingest.artifact_tasks t
    on t.source_id = s.source_id and t.session_id = s.session_id and t.stream = kind.stream
 where s.session_kind in ('meeting', 'livestream');

comment on view analytics.session_artifacts is
  'State of each stream that is fetched for a session: one row per meeting or livestream and stream. No row: not '
  'applicable.';
comment on column analytics.session_artifacts.started_at is 'Time when the session began.';
comment on column analytics.session_artifacts.session_id is 'Number of the session.';
comment on column analytics.session_artifacts.source_id is 'Number of its source.';
comment on column analytics.session_artifacts.source is 'Slug of the source.';
comment on column analytics.session_artifacts.provider is 'Provider of the source.';
comment on column analytics.session_artifacts.stream is 'participants, chat, transcript, summary or quality.';
comment on column analytics.session_artifacts.state is
  'available; empty (it exists without content); pending (may still come); not_enabled (the provider makes none); '
  'expired (the provider no longer has it); failed; not_fetched (this source does not request it).';
comment on column analytics.session_artifacts.reason is
  'Result of the last try, for programs: not_found, no_link, link_dead, zero_bytes and others; null: no fault, or not '
  'tried.';
comment on column analytics.session_artifacts.attempts is 'Number of tries.';
comment on column analytics.session_artifacts.last_attempt_at is 'Time of the last try; null: never.';
comment on column analytics.session_artifacts.next_try_at is
  'Time of the next try; null: nothing is left to do, or the session was not polled yet.';
comment on column analytics.session_artifacts.content_at is 'Time when content was last found; null: never.';
comment on column analytics.session_artifacts.settled_at is 'Time when the state became final; null: it may change.';
comment on column analytics.session_artifacts.ended_at is
  'Time when the session ended; null: it runs, or that is not known.';
comment on column analytics.session_artifacts.is_part_of_session is 'True for a breakout room; metrics leave it out.';
comment on column analytics.session_artifacts.is_deleted_at_provider is
  'True once the provider no longer lists the session; metrics leave it out.';
comment on column analytics.session_artifacts.is_counted is
  'Whether metrics count the session: no breakout room, and not deleted at the provider.';
comment on column analytics.session_artifacts.changed_at is
  'As in sessions. Tries that change no state are left out: reason, attempts, last_attempt_at and next_try_at may be '
  'newer.';
