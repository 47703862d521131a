-- The day rule of every query by local days.
create or replace function analytics.local_date(at timestamptz, zone text) returns date
  language sql immutable parallel safe
  return (at at time zone zone)::date;

comment on function analytics.local_date is 'Calendar day of an instant in an IANA time zone.';
