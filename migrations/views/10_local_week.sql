-- Of the local date, so that it does not depend on when a day begins.
create or replace function analytics.local_week(at timestamptz, zone text) returns date
  language sql immutable parallel safe
  return (at at time zone zone)::date - (extract(isodow from at at time zone zone)::int - 1);

comment on function analytics.local_week is 'Monday of the ISO week of an instant in an IANA time zone.';
