-- The text and the name of the speaker are personal: see analytics_pii.
create or replace view analytics.transcript_segments as
select t.started_at::timestamptz as started_at, t.session_id, t.source_id, src.source_slug as source, src.provider,
       t.position, t.offset_ms * 0.001 as offset_seconds, t.end_offset_ms * 0.001 as end_offset_seconds,
       -- the presence, where the format has it; else the person's only presence
       coalesce(p.participant_id,
                (select case when count(*) = 1 then min(only_one.participant_id) end
                   from core.participants only_one
                  where only_one.source_id = t.source_id and only_one.session_id = t.session_id
                    and only_one.person_id = t.speaker_id)) as participant_id,
       t.speaker_id, t.word_count, t.char_count,
       s.parent_provider_session_id is not null as is_part_of_session, s.is_deleted_at_provider,
       analytics.is_counted(s.parent_provider_session_id is not null, s.is_deleted_at_provider) as is_counted,
       c.changed_at::timestamptz as changed_at
  from core.transcript_segments t
  left join core.session_change_times c on c.source_id = t.source_id and c.session_id = t.session_id
  join core.sources src on src.source_id = t.source_id
  left join core.participants p on p.source_id = t.source_id and p.session_id = t.session_id
                               and p.provider_participant_id = t.provider_participant_id
  left join core.sessions s on s.source_id = t.source_id and s.session_id = t.session_id;

comment on view analytics.transcript_segments is
  'One row per utterance, without its text and the speaker''s name (see analytics_pii.transcript_segments).';
comment on column analytics.transcript_segments.started_at is 'Time of the utterance; null: not readable.';
comment on column analytics.transcript_segments.session_id is 'Number of the session.';
comment on column analytics.transcript_segments.source_id is 'Number of its source.';
comment on column analytics.transcript_segments.source is 'Slug of the source.';
comment on column analytics.transcript_segments.provider is 'Provider of the source.';
comment on column analytics.transcript_segments.position is 'Place in the transcript, from 0.';
comment on column analytics.transcript_segments.offset_seconds is
  'Start of the utterance, seconds from the start of the session; null: not readable.';
comment on column analytics.transcript_segments.end_offset_seconds is
  'End of the utterance, seconds from the start of the session; null: the format has none.';
comment on column analytics.transcript_segments.participant_id is
  'Number of the speaker''s presence; null: not known, or one of several of the same person.';
comment on column analytics.transcript_segments.speaker_id is
  'Pseudonym of the speaker, the person_id of participants where known; null: not reported.';
comment on column analytics.transcript_segments.word_count is
  'Words by the segmentation of Unicode (UAX 29); in scripts without spaces, each ideograph or cluster of letters is '
  'a word.';
comment on column analytics.transcript_segments.char_count is 'Characters.';
comment on column analytics.transcript_segments.is_part_of_session is 'True for a breakout room; metrics leave it out.';
comment on column analytics.transcript_segments.is_deleted_at_provider is
  'True once the provider no longer lists the session; metrics leave it out.';
comment on column analytics.transcript_segments.is_counted is
  'Whether metrics count the session: no breakout room, and not deleted at the provider.';
comment on column analytics.transcript_segments.changed_at is
  'Time when a row of its session last changed, in any view; see changes_complete_through.';
