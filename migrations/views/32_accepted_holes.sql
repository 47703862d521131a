create or replace view analytics.accepted_holes as
select h.window_from::timestamptz as window_from, h.window_to::timestamptz as window_to, h.hole_id, h.source_id,
       src.source_slug as source, src.provider, h.stream, h.note, h.accepted_at::timestamptz as accepted_at,
       coalesce((select range_agg(tstzrange(w.window_from, w.window_to)) @> tstzrange(h.window_from, h.window_to)
                   from ingest.windows w
                  where w.source_id = h.source_id and w.stream = h.stream and w.is_complete), false) as is_proven_since
  from ingest.accepted_holes h
  join core.sources src using (source_id)
 where h.reopened_at is null;

comment on view analytics.accepted_holes is
  'Ranges that could not be proven complete and that an operator accepts as they are: records may be missing there.';
comment on column analytics.accepted_holes.window_from is 'First instant of the range, by creation of sessions.';
comment on column analytics.accepted_holes.window_to is 'First instant after it.';
comment on column analytics.accepted_holes.hole_id is 'Our number.';
comment on column analytics.accepted_holes.source_id is 'Its source.';
comment on column analytics.accepted_holes.source is 'Slug of the source.';
comment on column analytics.accepted_holes.provider is 'konpro, konvo or realtimekit.';
comment on column analytics.accepted_holes.stream is 'Kind of record.';
comment on column analytics.accepted_holes.note is 'Why the operator accepts it.';
comment on column analytics.accepted_holes.accepted_at is 'When.';
comment on column analytics.accepted_holes.is_proven_since is
  'Whether all of the range has been proven complete since: then nothing is missing.';
