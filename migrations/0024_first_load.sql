-- What a first load costs the server: constraints that one transaction guarantees already, and indexes.

-- What belongs to a session is written in the transaction that writes the session, or under a task whose row that
-- transaction locks; and each write for a source holds a row of the source. A foreign key would look both up
-- once more for every row and never find a fault. Sessions are removed in one place of the service, which
-- removes what belongs to them too.
do $$
declare
    held record;
begin
    for held in select conrelid::regclass as of_table, conname from pg_constraint
                 where contype = 'f' and confrelid = 'core.sessions'::regclass loop
        execute format('alter table %s drop constraint %I', held.of_table, held.conname);
    end loop;
    for held in select conrelid::regclass as of_table, conname from pg_constraint
                 where contype = 'f' and confrelid = 'core.sources'::regclass
                   and conrelid in ('core.sessions'::regclass, 'core.people'::regclass, 'ingest.raw_records'::regclass,
                                    'ingest.artifact_tasks'::regclass) loop
        execute format('alter table %s drop constraint %I', held.of_table, held.conname);
    end loop;
end $$;


-- Each index is written for each new session, so each names what reads it:
--   sessions_pkey              what belongs to a session: every join of core by source and number
--   sessions_source_id_provider_session_id_key  hashes compared before a page is saved; links and raw records
--   sessions_by_start          figures by start, concurrency, lists over all sources: from the index alone
--   sessions_by_completion     figures by completion (resolution), from the index alone
--   sessions_by_source         lists of one source, newest first, at any depth
--   sessions_by_id             a session by its number alone: the links of the API
--   sessions_by_creation       reconciliation, rings and open sessions by creation
--   sessions_by_person         whether a person came again; when a person came first
--   sessions_open              the open set; partial, small
--   sessions_left_out          what counts of messages leave out; partial, small
--   raw_records_pkey           bytes kept once
--   raw_records_by_time        replay in the order of fetching
--   raw_records_by_session     the artifacts of a session; partial
-- Sessions that ended a moment ago are asked for by each poll, and are found among the newest pages of the table: a
-- range of pages says as much as an entry a session.
drop index core.sessions_by_end;
create index sessions_by_end on core.sessions using brin (ended_at) with (pages_per_range = 32, autosummarize = on);
