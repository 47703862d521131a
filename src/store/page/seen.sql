-- Compares the right to write and reads the stored state of a page's records, in one round trip. The row of the right
-- is locked for the rest of the transaction. A record that is not stored gets a new session number. $10: the people.
with lease as materialized (
    select exists (select 1 from ingest.controls c
                    where c.source_id = $1 and c.stream = $2 and c.paused_at is not null) as is_paused
      from ingest.streams s
     where s.source_id = $1 and s.stream = $2 and s.lease_token = $3 and s.fence = $4
       for no key update of s
), unit as materialized (
    select 1 from ingest.backfill_units u where u.unit_id = $5 and u.claim_token = $6
       for no key update of u
), stored as materialized (
    select s.session_id, s.provider_session_id, s.row_hash, s.provider_updated_at, s.fetched_at, s.started_at,
           s.person_id, s.is_deleted_at_provider, s.session_state <> 'unknown' as has_state,
           (select a.last_missed_at from ingest.absences a
             where a.source_id = s.source_id and a.provider_session_id = s.provider_session_id) as last_missed_at
      from core.sessions s
     where s.source_id = $1 and s.provider_session_id = any($7)
)
select erased.is_any as "is_any_erased!", erased.person_ids as "erased_ids!", erased.erased_as as "erased_as!",
       erased.erasures as "erasures!", erased.deletions as "deletions!", erased.search_language,
       (select is_paused from lease) as is_paused,
       exists (select 1 from unit) as "has_unit!",
       exists (select 1 from ingest.rejects r
                where r.source_id = $1 and r.stream = $2 and r.resolved_at is null) as "has_rejects!",
       exists (select 1 from ingest.windows w
                where w.source_id = $1 and w.stream = $2 and w.is_complete
                  and w.window_from <= $9 and w.window_to > $8) as "is_proven!",
       record.id,
       coalesce(stored.session_id,
                case when record.id is not null then nextval('core.sessions_session_id_seq') end) as session_id,
       stored.row_hash as "row_hash?", stored.provider_updated_at as "provider_updated_at?: DateTime<Utc>",
       stored.fetched_at as "fetched_at?: DateTime<Utc>", stored.started_at as "started_at?: DateTime<Utc>",
       stored.person_id as "person_id?", stored.is_deleted_at_provider as "is_deleted?",
       stored.has_state as "has_state?", stored.last_missed_at as "last_missed_at?: DateTime<Utc>"
  from ingest.erased_among($1, $10) erased
  left join unnest($7::text[]) record(id) on true
  left join stored on stored.provider_session_id = record.id
