-- Data versions of streams, and change times of the sessions that analysts see otherwise from now on. The time is that
-- of this statement: transactions that analysts see running began before it. See analytics.changes_complete_through.
with changed as (
    select c.session_id from unnest($3::bigint[]) c (session_id)
    union
    select s.session_id from core.sessions s where s.source_id = $1 and s.provider_session_id = any($4)
    union
    -- these show the number of their parent
    select s.session_id from core.sessions s where s.source_id = $1 and s.parent_provider_session_id = any($4)
    union
    -- these show the first visit of their people
    select s.session_id from core.sessions s where s.source_id = $1 and s.person_id = any($5)
    union
    select p.session_id from core.participants p where p.source_id = $1 and p.person_id = any($5)
), timed as (
    insert into core.session_change_times as t (source_id, session_id, changed_at)
    select $1, changed.session_id, statement_timestamp() from changed order by changed.session_id
    on conflict (source_id, session_id) do update set changed_at = excluded.changed_at
     where t.changed_at < excluded.changed_at
)
insert into ingest.data_versions as v (source_id, stream, version)
select $1, w.stream, 1 from unnest($2::text[]) w (stream)
on conflict (source_id, stream) do update set version = v.version + 1
