-- Sessions whose rows were deleted here, so that copies can delete them too.
create or replace view analytics.removed_sessions as
select r.removed_at::timestamptz as removed_at, r.session_id
  from ingest.removed_sessions r;

comment on view analytics.removed_sessions is
  'Sessions that were stored once and are no longer: their source was removed or merged into another one, or a replay '
  'found no record of them. Their numbers are not used again.';
comment on column analytics.removed_sessions.removed_at is
  'Time when the session was removed; see changes_complete_through.';
comment on column analytics.removed_sessions.session_id is 'Number that the session had.';
