-- Gaps that are in force, and those that a later proof made void.
create or replace view analytics.accepted_holes as
select h.window_from::timestamptz as window_from, h.window_to::timestamptz as window_to, h.gap_id as hole_id,
       h.source_id, src.source_slug as source, src.provider, h.stream, h.note, h.accepted_at::timestamptz as accepted_at,
       h.reopened_at is not null as is_proven_since
  from ingest.accepted_gaps h
  join core.sources src using (source_id)
 where h.reopened_by is null;

comment on view analytics.accepted_holes is
  'Ranges that could not be proven complete and that an operator accepts as they are: records may be missing there.';
comment on column analytics.accepted_holes.window_from is 'First instant of the range, by creation of sessions.';
comment on column analytics.accepted_holes.window_to is 'First instant after the range.';
comment on column analytics.accepted_holes.hole_id is 'Number of the row in this database.';
comment on column analytics.accepted_holes.source_id is 'Number of its source.';
comment on column analytics.accepted_holes.source is 'Slug of the source.';
comment on column analytics.accepted_holes.provider is 'Provider of the source.';
comment on column analytics.accepted_holes.stream is 'Kind of record.';
comment on column analytics.accepted_holes.note is 'Reason of the operator.';
comment on column analytics.accepted_holes.accepted_at is 'Time of the acceptance.';
comment on column analytics.accepted_holes.is_proven_since is
  'Whether the range, or a part of it, was proven complete since, which made the acceptance of that part void.';
