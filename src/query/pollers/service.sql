select i.instance_id as "instance_id?",
       i.role as "role?",
       i.version as "version?",
       i.commit_hash as "commit_hash?",
       i.started_at::timestamptz as "started_at?",
       i.last_seen_at::timestamptz as "last_seen_at?",
       i.stopped_at::timestamptz as "stopped_at?",
       coalesce(i.stopped_at is null and i.last_seen_at > now() - interval '35 seconds', false) as "is_alive!",
       exists (select from ingest.instances p where p.role <> 'api') as "had_poller!",
       exists (select from ingest.instances p
                where p.role <> 'api' and p.stopped_at is null
                  and p.last_seen_at > now() - interval '35 seconds') as "has_poller!",
       clock_timestamp() as "database_now!",
       (select count(*) from pg_stat_activity a where a.datid is not null and a.usesysid is not null) as "connection_count!",
       current_setting('max_connections')::bigint - current_setting('superuser_reserved_connections')::bigint
         - coalesce(current_setting('reserved_connections', true)::bigint, 0) as "connection_limit!",
       -- the setting of this session, or of those that begin now
       pg_is_in_recovery() or current_setting('transaction_read_only')::boolean
         or exists (select from pg_db_role_setting s
                     cross join unnest(s.setconfig) setting
                     where s.setdatabase in (0, (select d.oid from pg_database d where d.datname = current_database()))
                       and s.setrole in (0, current_user::regrole::oid)
                       and setting in ('default_transaction_read_only=on', 'default_transaction_read_only=true'))
         as "is_read_only!"
  from (values (1)) one
  left join lateral (
       select * from ingest.instances n
        where n.last_seen_at > now() - interval '1 day'
        order by n.last_seen_at desc limit 50) i on true
 order by i.started_at, i.instance_id
