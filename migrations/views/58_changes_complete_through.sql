-- A transaction stores the time of its last statement, which it has begun before. So what a running one will store is
-- not before its begin. The transaction's own begin comes before the look at the others: what the look does not find
-- has ended, or stores a later time. As its owner, since analysts do not see the transactions of the service.
create or replace function analytics.changes_complete_through() returns timestamptz
  language sql stable security definer set search_path = ''
  return (select case when not pg_catalog.pg_is_in_recovery() then least(now(), min(a.xact_start)) end
            from pg_catalog.pg_stat_activity a
           where a.datname = pg_catalog.current_database() and a.backend_type = 'client backend'
             and a.pid <> pg_catalog.pg_backend_pid());

comment on function analytics.changes_complete_through is
  'All changes with an earlier changed_at are committed: the safe upper bound of an incremental read. Read it in a '
  'statement of its own, before the rows. Null on a replica, which does not see the transactions of its primary.';
