-- Arguments are texts, so that a date is one of the zone of the query and not of the database session.
create or replace function analytics.instant(moment text, zone text) returns timestamptz
  language sql stable parallel safe
  return case when moment ~ '^\d{4}-\d\d?-\d\d?$' then analytics.start_of_day(moment::date, zone)
              when moment ~ '^\d{4}-\d\d?-\d\d?[T ]\d\d?:\d\d(:\d\d(\.\d+)?)?$'
              then moment::timestamp at time zone zone
              when moment ~ '^\d{4}-\d\d?-\d\d?.*(Z|[T ]\d\d?:\d\d[^ ]* ?[+-]\d\d?(:?\d\d)*| ?[A-Za-z][A-Za-z_+/0-9-]*)$'
              then moment::timestamptz
              when moment = 'now' then now()
              -- the server names the text that it refuses
              else ('neither a date nor a time: ' || moment)::timestamptz end;

comment on function analytics.instant is
  'An instant, from a text as the functions of this schema take it: a date (2026-11-01) or a local time '
  '(2026-11-01 08:00) of the zone, an instant with a zone of its own (2026-11-01T08:00Z, 2026-11-01 Europe/Berlin), '
  'or now. Write an expression as text: (now() - interval ''7 days'')::text.';
