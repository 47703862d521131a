-- By the rules of is_timed and speaking_seconds: time where it is known for the whole session, else characters.
create or replace view analytics.speaking_times as
select t.started_at, t.session_id, t.source_id, t.position, t.speaker_id, t.word_count, t.char_count, t.is_timed,
       analytics.speaking_seconds(t.is_timed, t.offset_seconds, t.end_offset_seconds, t.char_count) as speaking_seconds,
       t.changed_at
  from (select g.started_at, g.session_id, g.source_id, g.position, g.speaker_id, g.word_count, g.char_count,
               g.offset_seconds, g.end_offset_seconds, g.changed_at,
               bool_and(analytics.is_timed(g.offset_seconds, g.end_offset_seconds, g.char_count))
                 over (partition by g.source_id, g.session_id) as is_timed
          from analytics.transcript_segments g) t;

comment on view analytics.speaking_times is
  'Utterances with their speaking time, by which the speakers of a session are compared. For some sessions alone, ask in '
  'a lateral subquery for each of them, as question 12 of docs/analysts.md does: no other session is then read.';
comment on column analytics.speaking_times.started_at is 'Time of the utterance; null: not readable.';
comment on column analytics.speaking_times.session_id is 'Number of the session.';
comment on column analytics.speaking_times.source_id is 'Number of its source.';
comment on column analytics.speaking_times.position is 'Place in the transcript, from 0.';
comment on column analytics.speaking_times.speaker_id is 'As in transcript_segments.';
comment on column analytics.speaking_times.word_count is 'As in transcript_segments.';
comment on column analytics.speaking_times.char_count is 'As in transcript_segments.';
comment on column analytics.speaking_times.is_timed is
  'Whether each utterance of the session with text has a start and an end.';
comment on column analytics.speaking_times.speaking_seconds is
  'Length of the utterance, seconds; where is_timed is false, ten characters count as a second.';
comment on column analytics.speaking_times.changed_at is 'As in sessions.';
