create or replace view analytics.transcripts as
select a.started_at, a.session_id, a.source_id, a.source, a.provider, a.state, a.reason, a.next_try_at,
       t.fetched_at::timestamptz as fetched_at, t.segment_count, t.word_count, t.speaker_count, t.format,
       t.language_code, a.ended_at, a.is_part_of_session, a.is_deleted_at_provider
  from analytics.session_artifacts a
  left join core.transcripts t on t.source_id = a.source_id and t.session_id = a.session_id
 where a.stream = 'transcript';

comment on view analytics.transcripts is 'One row per session that can have a transcript, with what is known about it.';
comment on column analytics.transcripts.started_at is 'When the session began.';
comment on column analytics.transcripts.session_id is 'The session.';
comment on column analytics.transcripts.source_id is 'Its source.';
comment on column analytics.transcripts.source is 'Slug of the source.';
comment on column analytics.transcripts.provider is 'konpro, konvo or realtimekit.';
comment on column analytics.transcripts.state is
  'As in session_artifacts: available, empty, pending, not_enabled, expired, failed or not_fetched.';
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
comment on column analytics.transcripts.is_deleted_at_provider is
  'True once the provider no longer lists the session; leave it out of figures.';
