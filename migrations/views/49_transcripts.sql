-- One row also where there is no transcript, with the reason.
create or replace view analytics.transcripts as
select a.started_at, a.session_id, a.source_id, a.source, a.provider, a.state, a.reason, a.next_try_at,
       t.fetched_at::timestamptz as fetched_at, t.segment_count, t.word_count, t.speaker_count, t.format,
       t.language_code, a.ended_at, a.is_part_of_session, a.is_deleted_at_provider,
       a.is_counted, a.changed_at
  from analytics.session_artifacts a
  left join core.transcripts t on t.source_id = a.source_id and t.session_id = a.session_id
 where a.stream = 'transcript';

comment on view analytics.transcripts is 'State and size of transcripts: one row per session that can have one.';
comment on column analytics.transcripts.started_at is 'Time when the session began.';
comment on column analytics.transcripts.session_id is 'Number of the session.';
comment on column analytics.transcripts.source_id is 'Number of its source.';
comment on column analytics.transcripts.source is 'Slug of the source.';
comment on column analytics.transcripts.provider is 'Provider of the source.';
comment on column analytics.transcripts.state is
  'As in session_artifacts: available, empty, pending, not_enabled, expired, failed or not_fetched.';
comment on column analytics.transcripts.reason is 'Result of the last try, for programs; null: no fault, or not tried.';
comment on column analytics.transcripts.next_try_at is 'Time of the next try; null: nothing is left to do.';
comment on column analytics.transcripts.fetched_at is 'Time when it was fetched; null: there is none.';
comment on column analytics.transcripts.segment_count is 'Utterances; null: there is no transcript.';
comment on column analytics.transcripts.word_count is 'Words; null: there is no transcript.';
comment on column analytics.transcripts.speaker_count is 'Speakers; null: there is no transcript.';
comment on column analytics.transcripts.format is 'Format of the file: json, csv, srt or vtt.';
comment on column analytics.transcripts.language_code is 'Language, if the file states it.';
comment on column analytics.transcripts.ended_at is 'Time when the session ended.';
comment on column analytics.transcripts.is_part_of_session is 'True for a breakout room; metrics leave it out.';
comment on column analytics.transcripts.is_deleted_at_provider is
  'True once the provider no longer lists the session; metrics leave it out.';
comment on column analytics.transcripts.is_counted is
  'Whether metrics count the session: no breakout room, and not deleted at the provider.';
comment on column analytics.transcripts.changed_at is
  'As in session_artifacts: reason and next_try_at may be newer.';
