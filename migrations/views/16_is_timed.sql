create or replace function analytics.is_timed(offset_seconds numeric, end_offset_seconds numeric, char_count int) returns boolean
  language sql immutable parallel safe
  return char_count = 0 or coalesce(end_offset_seconds > offset_seconds, false);

comment on function analytics.is_timed is
  'Whether the speaking time of an utterance is known: it has a start and a later end, or no text.';
