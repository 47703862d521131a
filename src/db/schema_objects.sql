-- Each object of the schemas of the service, with its definition as this server writes it. Partitions and
-- what belongs to an extension are left out, and so is what an operator may tune: storage parameters, owners, rights.
with relation as (
  select c.oid, c.relkind, c.relrowsecurity, c.reloptions, format('%I.%I', n.nspname, c.relname) as name
    from pg_class c
    join pg_namespace n on n.oid = c.relnamespace
   where n.nspname in ('core', 'ingest', 'analytics', 'analytics_pii') and not c.relispartition
     and not exists (select from pg_depend d where d.objid = c.oid and d.deptype = 'e')
), object (name, definition) as (
  select 'table ' || r.name, case when r.relrowsecurity then 'with row security' else '' end
    from relation r where r.relkind in ('r', 'p')
  union all
  select format('column %s.%I', r.name, a.attname),
         concat_ws(' ', format_type(a.atttypid, a.atttypmod), case when a.attnotnull then 'not null' end,
                   case when a.attgenerated = '' then 'default' else 'generated' end || ' '
                     || pg_get_expr(d.adbin, d.adrelid))
    from relation r
    join pg_attribute a on a.attrelid = r.oid and a.attnum > 0 and not a.attisdropped
    left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
   where r.relkind in ('r', 'p')
  union all
  select format('constraint %I of %s', c.conname, coalesce(r.name, format_type(nullif(c.contypid, 0), null))),
         pg_get_constraintdef(c.oid)
    from pg_constraint c
    left join relation r on r.oid = c.conrelid
    left join pg_type t on t.oid = c.contypid
   where c.contype in ('p', 'u', 'f', 'c', 'x')
     and (r.oid is not null
          or t.typnamespace in (select n.oid from pg_namespace n where n.nspname in ('core', 'ingest')))
  union all
  select 'index ' || r.name, pg_get_indexdef(r.oid) || case when i.indisvalid then '' else ' (invalid)' end
    from relation r
    join pg_index i on i.indexrelid = r.oid
   where not exists (select from pg_constraint c where c.conindid = r.oid and c.contype in ('p', 'u', 'x'))
  union all
  select 'sequence ' || r.name, format_type(s.seqtypid, null)
    from relation r
    join pg_sequence s on s.seqrelid = r.oid
  union all
  select format('trigger %I of %s', t.tgname, r.name),
         pg_get_triggerdef(t.oid) || case when t.tgenabled = 'D' then ' (disabled)' else '' end
    from relation r
    join pg_trigger t on t.tgrelid = r.oid and not t.tgisinternal
  union all
  select format('function %I.%I(%s)', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid)),
         pg_get_functiondef(p.oid)
    from pg_proc p
    join pg_namespace n on n.oid = p.pronamespace
   where n.nspname in ('core', 'ingest', 'analytics', 'analytics_pii') and p.prokind in ('f', 'p')
     and not exists (select from pg_depend d where d.objid = p.oid and d.deptype = 'e')
  union all
  select 'view ' || r.name, concat_ws(' ', pg_get_viewdef(r.oid), array_to_string(r.reloptions, ', '))
    from relation r where r.relkind in ('v', 'm')
)
select name, definition from object order by name collate "C"
