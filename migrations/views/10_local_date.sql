create or replace function analytics.local_date(at timestamptz, zone text) returns date
  language sql immutable parallel safe
  return (at at time zone zone)::date;

comment on function analytics.local_date is 'The calendar day of an instant in an IANA time zone.';
