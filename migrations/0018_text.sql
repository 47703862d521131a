-- Speakers of subtitles whose names stand in the text. Participants that become known later may show that a text
-- before a colon is no name, or is one.

alter table core.transcript_segments add column is_speaker_in_text boolean not null default false;
comment on column core.transcript_segments.is_speaker_in_text is 'The name of the speaker was taken off the text, where it stood before a colon.';

comment on column analytics.messages.word_count is 'Words by the segmentation of Unicode (UAX 29); of scripts without spaces each ideograph or cluster of letters. Null: no text (media).';
comment on column analytics.transcript_segments.word_count is 'Words by the segmentation of Unicode (UAX 29); of scripts without spaces each ideograph or cluster of letters.';
