-- The first instant of a date: the earlier of two midnights where clocks fall back over midnight, the end of the jump
-- where they jump over it.
create or replace function analytics.start_of_day(day date, zone text) returns timestamptz
  language sql immutable parallel safe
  return case when (day::timestamp at time zone zone - interval '1 hour') at time zone zone = day::timestamp
              then day::timestamp at time zone zone - interval '1 hour'
              when (day::timestamp at time zone zone - interval '30 minutes') at time zone zone = day::timestamp
              then day::timestamp at time zone zone - interval '30 minutes'
              else day::timestamp at time zone zone end;

comment on function analytics.start_of_day is 'First instant of a date in an IANA time zone.';
