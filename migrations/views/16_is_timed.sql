-- Shares of speaking time are by time, if every utterance with text has a start and an end; else by characters, ten of
-- them as a second. Words are no measure: some languages write no spaces.
create or replace function analytics.is_timed(offset_seconds numeric, end_offset_seconds numeric, char_count int)
  returns boolean
  language sql immutable parallel safe
  return char_count = 0 or coalesce(end_offset_seconds > offset_seconds, false);

comment on function analytics.is_timed is
  'Whether the speaking time of an utterance is known: it has a start and a later end, or no text.';
