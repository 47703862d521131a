-- `minutes` of a session, or of its presences with one preset; `by_connection` is the same with each presence rounded
-- up on its own, and null where the presences are not known: then neither is what is sold.
create or replace function analytics.rounded_minutes(minutes numeric, by_connection numeric, rounding text,
                                                     step_minutes int) returns numeric
  language sql immutable parallel safe
  return case
    when by_connection is null then null
    when rounding = 'ceil_per_connection' then by_connection
    when rounding = 'ceil_per_session' then ceil(minutes)
    when rounding = 'step' then ceil(minutes / step_minutes) * step_minutes
    else minutes end;

comment on function analytics.rounded_minutes is
  'Minutes as they are sold, by the rounding of a rate card; without a rounding, as used. Null: not known.';
