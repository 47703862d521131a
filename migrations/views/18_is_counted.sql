-- The one rule for what counts, for views and metrics. Its body is a plain expression, so that the planner inlines it
-- and an index that holds both columns answers it.
create or replace function analytics.is_counted(is_part_of_session boolean, is_deleted_at_provider boolean)
  returns boolean
  language sql immutable parallel safe
  return not is_part_of_session and not is_deleted_at_provider;

comment on function analytics.is_counted is
  'Whether a session counts: it is no breakout room, since its parent may include it, and the provider still lists it.';
