-- Texts: another schema, another role.
create or replace view analytics_pii.transcript_segments as
select t.started_at::timestamptz as started_at, t.session_id, t.source_id, t.position, t.speaker_id,
       t.speaker_label, t.body,
       c.changed_at::timestamptz as changed_at
  from core.transcript_segments t
  left join core.session_change_times c on c.source_id = t.source_id and c.session_id = t.session_id;

comment on view analytics_pii.transcript_segments is 'Texts of utterances, with names of speakers. Personal data.';
comment on column analytics_pii.transcript_segments.started_at is 'Time of the utterance.';
comment on column analytics_pii.transcript_segments.session_id is 'Number of the session.';
comment on column analytics_pii.transcript_segments.source_id is 'Number of its source.';
comment on column analytics_pii.transcript_segments.position is 'Place in the transcript, from 0.';
comment on column analytics_pii.transcript_segments.speaker_id is 'Pseudonym of the person; joins analytics.';
comment on column analytics_pii.transcript_segments.speaker_label is 'Name of the speaker in the transcript.';
comment on column analytics_pii.transcript_segments.body is 'Text of the utterance.';
comment on column analytics_pii.transcript_segments.changed_at is 'As in analytics.sessions.';
