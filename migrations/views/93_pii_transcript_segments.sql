create or replace view analytics_pii.transcript_segments as
select t.started_at::timestamptz as started_at, t.session_id, t.source_id, t.position, t.speaker_id,
       t.speaker_label, t.body
  from core.transcript_segments t;

comment on view analytics_pii.transcript_segments is 'What was said, by whom. Personal data.';
comment on column analytics_pii.transcript_segments.started_at is 'When it was said.';
comment on column analytics_pii.transcript_segments.session_id is 'The session.';
comment on column analytics_pii.transcript_segments.source_id is 'Its source.';
comment on column analytics_pii.transcript_segments.position is 'Place in the transcript, from 0.';
comment on column analytics_pii.transcript_segments.speaker_id is 'Pseudonym, joins analytics.';
comment on column analytics_pii.transcript_segments.speaker_label is 'Name of the speaker as the transcript has it.';
comment on column analytics_pii.transcript_segments.body is 'What was said.';
