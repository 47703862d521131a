-- Speakers of subtitles whose names stand in the text. Participants that become known later may show that a text
-- before a colon is no name, or is one.

alter table core.transcript_segments add column is_speaker_in_text boolean not null default false;
comment on column core.transcript_segments.is_speaker_in_text is 'The name of the speaker was taken off the text, where it stood before a colon.';
