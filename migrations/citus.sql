-- Distributes the tables on Citus, between the numbered files and the views; see docs/scaling.md. Each start with
-- `database.engine = "citus"` runs this file again, so that tables of later numbers are distributed too.
--
--   * The tables of `core`, and those of `ingest` that grow with the sessions, are distributed by `source_id`. All of
--     them are colocated: what belongs to a source is on one node.
--   * Sources, prices and erased people are few and read with the tables above, so each node has a copy.
--   * All other tables stay on the coordinator: leases, runs, proofs, budgets, commands, keys.

do $$
declare
  name text;
  reference record;
begin
  -- A foreign key to a reference table would lock it in each write, and make the tables of the coordinator ones that
  -- Citus plans. The service removes a source in one place, with all of its rows.
  for reference in
    select k.conrelid::regclass as of_table, k.conname from pg_constraint k
     where k.contype = 'f' and k.confrelid = 'core.sources'::regclass and k.conparentid = 0
  loop
    execute format('alter table %s drop constraint %I', reference.of_table, reference.conname);
  end loop;

  foreach name in array array['core.sources', 'core.rate_cards', 'ingest.erased_people'] loop
    if not exists (select from pg_dist_partition p where p.logicalrelid = name::regclass and p.repmodel = 't') then
      perform create_reference_table(name);
    end if;
  end loop;

  foreach name in array array(
    select c.oid::regclass::text
      from pg_class c
     where (c.relnamespace = 'core'::regnamespace and c.relkind = 'r'
              and c.oid not in ('core.sources'::regclass, 'core.rate_cards'::regclass)
            or c.oid in ('ingest.raw_records'::regclass, 'ingest.artifact_tasks'::regclass,
                         'ingest.session_changes'::regclass, 'ingest.absences'::regclass))
       and not exists (select from pg_dist_partition p where p.logicalrelid = c.oid and p.partmethod = 'h')
     order by 1)
  loop
    perform create_distributed_table(name, 'source_id');
  end loop;
end
$$;
