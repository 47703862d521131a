-- By the rules of is_timed and speaking_seconds: time where it is known for the whole session, else characters.
create or replace function analytics.session_speakers(of_source int, of_session bigint)
  returns table (speaker_id text, word_count bigint, char_count bigint, is_timed boolean, speaking_seconds numeric,
                 all_speaking_seconds numeric)
  language sql stable parallel safe
begin atomic
  select u.speaker_id, sum(u.word_count)::bigint, sum(u.char_count)::bigint, bool_and(u.is_timed), sum(u.seconds),
         sum(sum(u.seconds)) over ()
    from (select t.speaker_id, t.word_count, t.char_count, t.is_timed,
                 analytics.speaking_seconds(t.is_timed, t.offset_seconds, t.end_offset_seconds, t.char_count) as seconds
            from (select g.speaker_id, g.word_count, g.char_count, g.offset_seconds, g.end_offset_seconds,
                         bool_and(analytics.is_timed(g.offset_seconds, g.end_offset_seconds, g.char_count)) over ()
                           as is_timed
                    from analytics.transcript_segments g
                   where g.source_id = of_source and g.session_id = of_session) t) u
   group by u.speaker_id;
end;

comment on function analytics.session_speakers is
  'Speakers of a session, one row each: words, characters, speaking_seconds, and the speaking_seconds of all '
  'speakers. Where is_timed is false, ten characters count as a second. A null speaker_id: the speaker is not '
  'reported.';
