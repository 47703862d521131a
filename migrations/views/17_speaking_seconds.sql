-- See is_timed.
create or replace function analytics.speaking_seconds(is_timed boolean, offset_seconds numeric,
                                                      end_offset_seconds numeric, char_count int) returns numeric
  language sql immutable parallel safe
  return case when char_count = 0 then 0
              when is_timed then end_offset_seconds - offset_seconds
              else char_count * 0.1 end;

comment on function analytics.speaking_seconds is
  'Length of an utterance, seconds; a tenth of a second per character where is_timed is false. Pass the same is_timed '
  'for all utterances of a session: true if it is true for each.';
