create or replace function analytics.session_speakers(of_source int, of_session bigint)
  returns table (speaker_id text, word_count bigint, char_count bigint, is_timed boolean, speaking_seconds numeric,
                 all_speaking_seconds numeric)
  language sql stable parallel safe
begin atomic
  select t.speaker_id, sum(t.word_count)::bigint, sum(t.char_count)::bigint, bool_and(t.is_timed),
         sum(t.speaking_seconds), sum(sum(t.speaking_seconds)) over ()
    from analytics.speaking_times t
   where t.source_id = of_source and t.session_id = of_session
   group by t.speaker_id;
end;

comment on function analytics.session_speakers is
  'Speakers of a session, one row each: words, characters, speaking_seconds, and the speaking_seconds of all '
  'speakers. Where is_timed is false, ten characters count as a second. A null speaker_id: the speaker is not '
  'reported.';
