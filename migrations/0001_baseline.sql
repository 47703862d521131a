-- The tables of the service, in the order in which data travels. Views and functions of the contract with analysts are
-- in views/, one file each, applied after this file.
--
--   1. Schemas, roles and domains
--   2. Sources
--   3. Call budgets
--   4. Streams and runs
--   5. Windows: what is proven, accepted and seen
--   6. Raw records
--   7. Rejects and drift
--   8. People and sessions
--   9. Messages
--  10. Participants, transcripts, summaries, quality
--  11. Search
--  12. Artifact queue
--  13. Changes
--  14. Backfills and reconciliation
--  15. Operations
--  16. Metrics and prices
--  17. Keys of the API, audit
--  18. Erasure of people
--
-- Rules for every table:
--   * `source_id` leads each key and foreign key of `core`, so that a table can be distributed by source.
--   * No triggers, no unique constraint without `source_id` in `core`, no volatile function in `do update`.
--   * Each instant has the domain `core.instant`.
--   * Where rows are many, columns of eight bytes stand first, then four, then one, then text: no padding.


-- 1. Schemas, roles and domains --------------------------------------------------------------------------------------

-- Facts about polling: sources, runs, proven windows, raw records, rejects. Analysts see them through views only.
create schema if not exists ingest;
-- Normalized records, without the spelling of a provider.
create schema core;
-- The contract with analysts.
create schema analytics;
create schema analytics_pii;

comment on schema analytics is
  'The contract with analysts: views and functions, with pseudonyms and without texts, names and contacts. Columns are '
  'only added. A column that will be removed is called deprecated in its comment for one release first.';
comment on schema analytics_pii is 'Texts, names and contacts, for analysts who may see them.';

-- Finite, and between 2000 and 2100: client libraries may fail on `infinity` and on years before Christ.
create domain core.instant as timestamptz
  check (value >= '2000-01-01 00:00:00+00' and value < '2100-01-01 00:00:00+00');

-- The lock that lets one process at a time migrate, by `lock table`. It has no rows. Only the owner of the schema can
-- take it. The service creates it before this file.
create table if not exists ingest.migration_lock (name text primary key);

-- The applied text of each file in views/. A file whose text differs is applied again.
create table ingest.view_versions (
  view_name   text primary key,       -- name of the file, without its extension
  text_hash   bytea not null,         -- SHA-256
  replaced_at core.instant not null default now()
);

-- Each object of these schemas as Postgres described it after the migration that made or changed it last: `check` finds
-- what was altered since. Empty on Citus.
create table ingest.schema_objects (
  object_name  text primary key,      -- kind and name
  definition   text not null,
  server_major int not null           -- version of Postgres; another one may write a definition differently
);

-- Roles belong to the whole server, and the service's user may lack the right to create them. Then the migration
-- succeeds without them, and an administrator creates them as docs/analysts.md says.
do $$
begin
  create role tributary_analyst nologin;
exception when duplicate_object or unique_violation then null;
  when insufficient_privilege then
    raise notice 'no right to create the role tributary_analyst: docs/analysts.md has the statements';
end $$;
do $$
begin
  create role tributary_analyst_pii nologin;
exception when duplicate_object or unique_violation then null;
  when insufficient_privilege then
    raise notice 'no right to create the role tributary_analyst_pii: docs/analysts.md has the statements';
end $$;

-- Rights by default, so that each view and function has them from its creation.
do $$
begin
  if exists (select from pg_roles where rolname = 'tributary_analyst') then
    grant usage on schema analytics to tributary_analyst;
    alter default privileges in schema analytics grant select on tables to tributary_analyst;
    alter default privileges in schema analytics grant execute on functions to tributary_analyst;
  end if;
  if exists (select from pg_roles where rolname = 'tributary_analyst_pii') then
    grant usage on schema analytics, analytics_pii to tributary_analyst_pii;
    alter default privileges in schema analytics, analytics_pii grant select on tables to tributary_analyst_pii;
    alter default privileges in schema analytics grant execute on functions to tributary_analyst_pii;
  end if;
end $$;


-- 2. Sources ---------------------------------------------------------------------------------------------------------

-- Configured accounts. Few rows; a distributed engine keeps a copy on every node.
create sequence core.sources_source_id_seq as int;
create table core.sources (
  source_id       int primary key default nextval('core.sources_source_id_seq'),
  source_slug     text not null unique,   -- the name in configuration, links and answers
  provider        text not null,
  account_ref     text not null,          -- the account at the provider; empty where the key alone decides
  minutes_basis   text check (minutes_basis in ('participant_time', 'session_time')), -- null: meters nothing
  has_outcomes    boolean not null,       -- false: resolution is not applicable, never zero
  message_support text not null check (message_support in ('inline', 'per_session', 'not_fetched', 'none')),
  history_from    core.instant not null,  -- older records are not requested
  schedule        text not null,          -- six cron fields, UTC
  -- A stream that is proven only up to longer ago is stale: configured, or three intervals of the schedule.
  stale_after_seconds int not null default 1800 check (stale_after_seconds > 0),
  session_kinds   text[] not null,        -- kinds of session that the provider has
  is_enabled      boolean not null,       -- false: no longer configured; its history stays
  removed_at      core.instant,           -- since then its rows are being deleted; null: they are not
  session_streams text[] not null default '{}', -- streams fetched session by session; empty: the provider has none
  budget_key      text,                   -- the call budget that its calls count against; null: no call was made yet
  -- Trail steps that mean that a human took over. No provider states it, so the operator configures them.
  human_steps     text[] not null default '{}',
  pseudonym_slug  text not null,          -- input of the pseudonyms; renaming the source does not change it
  -- Identifies an account that only its credential tells apart: the first six bytes of an HMAC under the pseudonym key.
  -- Too short to confirm a guessed credential, and useless without that key. Null: not known yet.
  credential_fingerprint text,
  -- Texts, names, contacts and raw bytes of sessions that ended longer ago are erased. Null: they stay.
  content_retention_days int check (content_retention_days > 0),
  -- Text-search configuration of the source's texts. Null: simple, which changes no word. Each text repeats it, since
  -- an index reads only its own row.
  search_language text
);
alter sequence core.sources_source_id_seq owned by core.sources.source_id;

-- Facts that a connector learnt about a source: page base, meaning of a time filter.
create table ingest.source_facts (
  source_id  int not null references core.sources,
  name       text not null,
  value      text not null,
  learnt_at  core.instant not null,
  primary key (source_id, name)
);

-- The pseudonym key, where none is configured. Created once; analysts cannot read it.
create table ingest.secrets (
  name       text primary key,
  value      bytea not null,
  created_at core.instant not null
);


-- 3. Call budgets ----------------------------------------------------------------------------------------------------

-- The calls that one account at a provider allows, shared by all sources, streams and instances. Local to one node,
-- like leases: a grant is one short update of one row.
create table ingest.call_budgets (
  full_at             core.instant not null default '2000-01-01 00:00:00+00', -- the bucket is full then; database clock
  live_until          core.instant,           -- until then the next token is for urgent calls; database clock
  blocked_until       core.instant,           -- no call before this, by the provider's answer; the pollers' clock
  spacing_us          bigint not null check (spacing_us > 0), -- time between two calls at the steady rate
  call_count          bigint not null default 0,  -- calls granted so far: the number of the last
  answered_count      bigint not null default 0,  -- greatest number of a call that was answered
  requests_per_minute int not null check (requests_per_minute > 0),
  share_permille      int not null check (share_permille between 1 and 1000), -- our share of the stated limit
  burst               int not null check (burst > 0),
  budget_key          text primary key,       -- host and account; never a credential or a value derived from one
  -- True: requests_per_minute is a ceiling that an operator set. False: it is the rate if the provider states none.
  is_set_by_hand      boolean not null default false,
  -- The pace by the provider's stated policies alone. It replaces the other one until lifted_until, by the pollers'
  -- clock: a policy that is no longer stated stops lifting the pace after one of its windows. Null: nothing lifts it.
  lifted_until        core.instant,
  lifted_spacing_us   bigint check (lifted_spacing_us > 0),
  lifted_burst        int check (lifted_burst > 0)
) with (fillfactor = 20, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);

-- The last statement of a provider about each of its quotas.
create table ingest.call_quotas (
  resets_at      core.instant,               -- when the next window begins; the pollers' clock
  last_call      bigint,                     -- number of the last call that may be made before that
  quota          bigint check (quota > 0),   -- calls in a window; null: not stated
  window_seconds bigint check (window_seconds > 0),
  remaining      bigint,                     -- calls left in the window, of all clients
  budget_key     text not null references ingest.call_budgets on delete cascade,
  quota_name     text not null,
  stated_at      core.instant,               -- when quota and window were last stated; the pollers' clock
  primary key (budget_key, quota_name)
) with (fillfactor = 20, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);

-- Sets the steady rate and burst of a budget: from its own rate and every stated quota, and from the stated quotas
-- alone. The strictest counts. With a burst of b and a refill of limit - b in each window, no window of that length
-- holds more than the limit, wherever it begins. A quota for more than ten minutes does not limit single minutes, so it
-- lifts no pace.
create function ingest.set_pace(of_budget text) returns void
  language sql
as $$
  with stated as (
    select greatest(q.quota * c.share_permille / 1000, 1) as calls, q.window_seconds, q.stated_at
      from ingest.call_quotas q
      join ingest.call_budgets c on c.budget_key = q.budget_key
     where q.budget_key = of_budget and q.quota is not null and q.window_seconds is not null
  ), pace as (
    select min(l.burst)::int as burst,
           max(ceil(l.window_us / greatest(l.calls - l.burst, 1)::numeric))::bigint as spacing_us
      from (select s.calls, s.window_us, greatest(s.calls / 40, 1) as burst
              from (select c.requests_per_minute::bigint as calls, 60000000::bigint as window_us
                      from ingest.call_budgets c where c.budget_key = of_budget
                    union all
                    select calls, window_seconds * 1000000 from stated) s) l
  ), lifted as (
    select min(greatest(s.calls / 40, 1))::int as burst,
           max(ceil(s.window_seconds * 1000000
                    / greatest(s.calls - greatest(s.calls / 40, 1), 1)::numeric))::bigint as spacing_us,
           min(s.stated_at + greatest(s.window_seconds, 60) * interval '1 second') as until
      from stated s
    having bool_or(s.window_seconds <= 600) and bool_and(s.stated_at is not null)
  )
  update ingest.call_budgets b
     set burst = pace.burst, spacing_us = pace.spacing_us, lifted_burst = lifted.burst,
         lifted_spacing_us = lifted.spacing_us, lifted_until = lifted.until
    from pace
    left join lifted on not (select c.is_set_by_hand from ingest.call_budgets c where c.budget_key = of_budget)
   where b.budget_key = of_budget
     and (b.burst, b.spacing_us, b.lifted_burst, b.lifted_spacing_us, b.lifted_until)
         is distinct from (pace.burst, pace.spacing_us, lifted.burst, lifted.spacing_us, lifted.until)
$$;

-- Reserves as many of the wanted calls as may begin now, or returns how long to wait for the first: exactly one of
-- call_number, wait_us and stated_until is not null. The calls taken have the numbers from call_number on. No row:
-- there is no such budget. Urgent calls may empty the bucket; depth leaves a fifth of it, backfill half.
create function ingest.reserve_call(of_budget text, priority text, app_now timestamptz, wanted bigint,
                                    db_now timestamptz default clock_timestamp())
  returns table (call_number bigint, taken bigint, wait_us bigint, step_us bigint, stated_until timestamptz)
  language plpgsql
as $$
declare
  b ingest.call_budgets;
  kept bigint;
  calls bigint;
  open_at timestamptz;
  until timestamptz;
begin
  -- what a crash of the server may lose are the calls of its last moment: not worth a wait for the disk
  perform set_config('synchronous_commit', 'off', true);
  select * into b from ingest.call_budgets c where c.budget_key = of_budget for update;
  if not found then
    return;
  end if;
  if b.lifted_until > app_now then
    b.spacing_us := b.lifted_spacing_us;
    b.burst := b.lifted_burst;
  end if;
  select max(stated.at) into until
    from (select b.blocked_until as at
          union all
          select q.resets_at from ingest.call_quotas q
           where q.budget_key = of_budget and q.last_call <= b.call_count) stated
   where stated.at > app_now;
  if until is not null then
    return query select null::bigint, 0::bigint, null::bigint, b.spacing_us, until;
    return;
  end if;
  kept := least(case priority when 'live' then 0 when 'depth' then (b.burst + 4) / 5 else (b.burst + 1) / 2 end,
                b.burst - 1);
  open_at := b.full_at - (b.burst - 1 - kept) * b.spacing_us * interval '1 microsecond';
  if priority <> 'live' then
    open_at := greatest(open_at, b.live_until);
  end if;
  if open_at > db_now then
    if priority = 'live' then
      update ingest.call_budgets c set live_until = open_at + interval '200 milliseconds' where c.budget_key = of_budget;
    end if;
    return query select null::bigint, 0::bigint, (extract(epoch from open_at - db_now) * 1000000)::bigint,
                        b.spacing_us, null::timestamptz;
    return;
  end if;
  -- the bucket holds what time refilled, and a provider's window what is left of it
  select least(wanted, b.burst - kept - case when b.full_at > db_now
                 then ceil(extract(epoch from b.full_at - db_now) * 1000000 / b.spacing_us)::bigint else 0 end,
               min(q.last_call - b.call_count)) into calls
    from ingest.call_quotas q
   where q.budget_key = of_budget and q.resets_at > app_now;
  update ingest.call_budgets c
     set full_at = greatest(c.full_at, db_now) + calls * b.spacing_us * interval '1 microsecond',
         call_count = c.call_count + calls
   where c.budget_key = of_budget;
  return query select b.call_count + 1, calls, null::bigint, b.spacing_us, null::timestamptz;
end
$$;

-- Stores the limits that the answer to a call states. The rest of a window is stored as the number of the last call
-- that may be made in it, so that calls under way count, of all instances. A lower limit applies at once, a higher one
-- after the lower one was not stated for one of its windows: gateways that state two limits in turn never lift the
-- pace. Where a limit falls and the answer does not state the rest, calls wait until the window that saw the old pace
-- has room under the new limit.
create function ingest.observe_call(of_budget text, answered_call bigint, app_now timestamptz,
                                    block_until timestamptz, names text[], quotas bigint[], windows bigint[],
                                    remainings bigint[], resets timestamptz[])
  returns void
  language plpgsql
as $$
declare
  b ingest.call_budgets;
  said record;
  q ingest.call_quotas;
  ours bigint;
  calls bigint;
  seconds bigint;
  tells_remaining boolean;
  is_news boolean := false;
begin
  -- a provider states its limits again with each answer
  perform set_config('synchronous_commit', 'off', true);
  update ingest.call_budgets c
     set answered_count = greatest(c.answered_count, answered_call),
         blocked_until = greatest(c.blocked_until, block_until)
   where c.budget_key = of_budget
  returning c.* into b;
  if not found then
    return;
  end if;
  for said in select * from unnest(names, quotas, windows, remainings, resets)
                         as s(name, quota, window_seconds, remaining, resets_at) order by name loop
    select * into q from ingest.call_quotas k where k.budget_key = of_budget and k.quota_name = said.name;
    calls := coalesce(said.quota, q.quota);
    seconds := coalesce(said.window_seconds, q.window_seconds);
    tells_remaining := said.remaining is not null and said.resets_at is not null;
    if calls * q.window_seconds > q.quota * seconds
       and q.stated_at > app_now - q.window_seconds * interval '1 second' then
      null; -- the lower limit still holds
    else
      if calls * q.window_seconds < q.quota * seconds and not tells_remaining then
        b.blocked_until := greatest(b.blocked_until, app_now + interval '1 microsecond' * (seconds * 1000000 -
          div(seconds * 1000000::numeric * calls * q.window_seconds * 39, q.quota::numeric * seconds * 40))::bigint);
      end if;
      is_news := is_news or (q.quota, q.window_seconds) is distinct from (calls, seconds);
      q.quota := calls;
      q.window_seconds := seconds;
      if said.quota is not null and said.window_seconds is not null
         and coalesce(q.stated_at <= app_now - interval '1 second', true) then
        q.stated_at := app_now;
        is_news := true;
      end if;
    end if;
    if tells_remaining then
      ours := said.remaining - coalesce(calls - calls * b.share_permille / 1000, 0);
      if q.resets_at is null or q.resets_at <= app_now or said.resets_at > q.resets_at + interval '2 seconds' then
        q.last_call := b.answered_count + ours;
        q.remaining := said.remaining;
        q.resets_at := said.resets_at;
      elsif said.resets_at >= q.resets_at - interval '2 seconds' then
        q.last_call := least(q.last_call, b.answered_count + ours);
        q.remaining := least(q.remaining, said.remaining);
        if ours <= 0 then
          q.resets_at := greatest(q.resets_at, said.resets_at);
        end if;
      end if; -- else the answer was long under way and tells of the window before
    end if;
    insert into ingest.call_quotas as k (budget_key, quota_name, quota, window_seconds, remaining, last_call, resets_at,
                                         stated_at)
    values (of_budget, said.name, q.quota, q.window_seconds, q.remaining, q.last_call, q.resets_at, q.stated_at)
    on conflict (budget_key, quota_name) do update
       set quota = excluded.quota, window_seconds = excluded.window_seconds, remaining = excluded.remaining,
           last_call = excluded.last_call, resets_at = excluded.resets_at, stated_at = excluded.stated_at;
  end loop;
  update ingest.call_budgets c set blocked_until = b.blocked_until
   where c.budget_key = of_budget and c.blocked_until is distinct from b.blocked_until;
  if is_news then
    perform ingest.set_pace(of_budget);
  end if;
end
$$;


-- 4. Streams and runs ------------------------------------------------------------------------------------------------

-- One row per stream: the lease that allows writing it, and the facts that its health is computed from.
-- The lease is a row and not an advisory lock, so that it works through a connection pooler and survives a failover:
-- the transaction of each page compares both token and fence.
create table ingest.streams (
  source_id            int not null references core.sources,
  stream               text not null,
  fence                bigint not null default 0, -- increments with every grant
  lease_token          uuid,                      -- random: after a failover two holders may own the same fence
  lease_owner          text,
  lease_until          core.instant,
  run_id               bigint,
  last_attempt_at      core.instant,
  last_success_at      core.instant,              -- last run with verdict complete
  last_verdict         text,
  consecutive_failures int not null default 0,
  parked_until         core.instant,              -- the provider accepts no call before this
  last_error_class     text,
  last_error_detail    text,
  last_error_at        core.instant,
  registered_at        core.instant not null default now(), -- the lag of an unpolled stream counts from here
  -- Seconds by which clocks were ahead of the database's at the last poll; negative: behind. Null: not known.
  provider_skew_seconds int,                      -- by the Date header
  poller_skew_seconds  int,
  primary key (source_id, stream)
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);

-- Processes of the service. Each writes its row every ten seconds, independent of schedules, so that health knows
-- whether a poller is alive. Local to one node, like leases.
create table ingest.instances (
  instance_id  text primary key,       -- host, process and a random number
  role         text not null check (role in ('all', 'api', 'poller')),
  version      text not null,
  commit_hash  text not null,          -- the commit that the program was built from, or `dev`
  started_at   core.instant not null,
  last_seen_at core.instant not null,  -- database clock
  stopped_at   core.instant            -- null: it was not asked to stop
) with (fillfactor = 50);

-- Operator commands for each stream: pause it, run it now. A row exists once a command was given; pollers read the
-- table every second, so it stays small. Who gave which command, and when, is in ingest.operations.
create table ingest.controls (
  source_id int not null references core.sources,
  stream    text not null,
  paused_at core.instant, -- null: it is polled
  paused_by text,
  due_at    core.instant, -- a run was requested; the run that begins clears it
  primary key (source_id, stream),
  check ((paused_at is null) = (paused_by is null))
) with (fillfactor = 50);
comment on table ingest.controls is 'Streams that are paused, and streams that are to run at once.';

-- Sessions that a provider's webhook named, to be read now. A row is deleted once its session was read; the poll reads
-- the session anyway, so a lost row costs only time.
create table ingest.session_hints (
  source_id           int not null references core.sources,
  provider_session_id text not null,
  due_at              core.instant not null,
  hinted_at           core.instant not null,            -- a hint that came during a reading is read after it
  attempts            int not null default 0,
  claimed_until       core.instant,                     -- a poller reads it until then; database clock
  streams             text[] not null default '{}',     -- per-session streams that became available
  primary key (source_id, provider_session_id)
) with (fillfactor = 50);

-- Webhook requests of providers, so that one that comes again is refused. Nothing else of a request is stored.
create table ingest.hook_deliveries (
  source_id   int not null references core.sources,
  body_hash   bytea not null,                           -- SHA-256
  received_at core.instant not null,
  primary key (source_id, body_hash)
);
create index hook_deliveries_by_time on ingest.hook_deliveries using brin (received_at);

-- The journal of runs.
create sequence ingest.runs_run_id_seq;
create table ingest.runs (
  run_id           bigint primary key default nextval('ingest.runs_run_id_seq'),
  source_id        int not null references core.sources,
  stream           text not null,
  started_at       core.instant not null,
  heartbeat_at     core.instant not null, -- moves with every page; a run whose heartbeat stands still is stalled
  finished_at      core.instant,
  verdict          text check (verdict in ('complete', 'incomplete', 'failed', 'rate_limited', 'cancelled')),
  reason           text,                  -- why it is not complete, one sentence
  window_from      core.instant,
  window_to        core.instant,
  page_count       int not null default 0,
  record_count     bigint not null default 0, -- records the provider sent, repeats included
  distinct_count   bigint not null default 0, -- distinct records among them
  inserted_count   bigint not null default 0,
  updated_count    bigint not null default 0,
  unchanged_count  bigint not null default 0,
  rejected_count   bigint not null default 0,
  provider_total   bigint,                -- the provider's own count, summed over the windows that gave one
  complete_through core.instant,          -- at the end of this run
  error_class      text,
  error_detail     text,
  purpose          text not null default 'poll' -- poll, backfill, reconcile or hint; health uses polls alone
) with (fillfactor = 70);
alter sequence ingest.runs_run_id_seq owned by ingest.runs.run_id;
-- Run lists: newest first, per stream or over all.
create index runs_by_stream on ingest.runs (source_id, stream, run_id desc);
-- The newest run that changed something.
create index runs_with_changes on ingest.runs (source_id, stream, run_id desc) where inserted_count + updated_count > 0;
-- Every run closes the runs that a crash left open.
create index runs_unfinished on ingest.runs (source_id, stream) where finished_at is null;
-- How far back the runs of the last hour reached.
create index runs_by_start on ingest.runs (source_id, started_at);

-- Documented fields that the records of a stream have, counted over new and changed records that are expected to have
-- the field. Where nearly all records of a run lack a field that earlier ones had, the provider renamed or dropped it:
-- the run is incomplete, and stored values are not blanked. Written at the end of a run at most.
create table ingest.field_presence (
  source_id       int not null references core.sources on delete cascade,
  stream          text not null,
  field           text not null,               -- a JSON pointer without positions of lists
  earlier_present bigint not null,             -- records up to the last usual one
  earlier_absent  bigint not null,
  recent_present  bigint not null default 0,   -- records since then
  recent_absent   bigint not null default 0,
  recent_from     core.instant,                -- when the first of these was read
  missing_since   core.instant,                -- null: the field is not missing
  primary key (source_id, stream, field)
);

-- Data version of a stream: increments with every write; used in ETags. Each transaction that writes increments it
-- last, so that versions follow the order of commits, which no clock does.
create table ingest.data_versions (
  version   bigint not null,
  source_id int not null references core.sources,
  stream    text not null,
  primary key (source_id, stream)
) with (fillfactor = 50);

-- How late records came, one row for each day and kind:
-- appeared, in a range that was proven complete before; found_later, the same and beyond every overlap; changed, after
-- the end of the session.
create table ingest.lateness (
  source_id       int not null references core.sources,
  stream          text not null,
  kind            text not null check (kind in ('appeared', 'found_later', 'changed')),
  day             date not null,
  record_count    bigint not null,
  largest_seconds bigint not null,
  primary key (source_id, stream, kind, day)
);


-- 5. Windows: what is proven, accepted and seen ----------------------------------------------------------------------

-- Ranges of time that are proven complete, and ranges known not to be. Complete ranges that touch are merged; the end
-- of the first one is how far a stream is complete.
create table ingest.windows (
  source_id      int not null references core.sources,
  stream         text not null,
  window_from    core.instant not null,
  window_to      core.instant not null,
  is_complete    boolean not null,
  reason         text,          -- why an incomplete window is not proven
  provider_total bigint,
  distinct_count bigint,
  run_id         bigint not null,
  checked_at     core.instant not null,
  primary key (source_id, stream, is_complete, window_from),
  check (window_from < window_to)
) with (fillfactor = 70);

-- A range that was read and could not be proven holds back all that comes after it. An operator who knows that it
-- stays so accepts it with a note: then proven ranges count beyond it. The range stays unproven, and each metric value
-- that touches it says so. A row is never deleted.
create sequence ingest.accepted_gaps_gap_id_seq;
create table ingest.accepted_gaps (
  gap_id       bigint not null default nextval('ingest.accepted_gaps_gap_id_seq'),
  source_id    int not null references core.sources,
  stream       text not null,
  window_from  core.instant not null,
  window_to    core.instant not null,
  accepted_at  core.instant not null,
  reopened_at  core.instant,            -- null: it stands
  accepted_by  text not null,           -- address of the caller, or user of the command line
  reopened_by  text,                    -- null beside an instant: a later proof
  note         text not null check (note <> ''),
  primary key (source_id, gap_id),
  check (window_from < window_to),
  check (reopened_at is not null or reopened_by is null)
);
alter sequence ingest.accepted_gaps_gap_id_seq owned by ingest.accepted_gaps.gap_id;
-- Every answer reads those that stand.
create index accepted_gaps_standing on ingest.accepted_gaps (source_id, stream, window_from)
  where reopened_at is null;
comment on table ingest.accepted_gaps is
  'Ranges that are not proven complete and that an operator accepts as they are.';

-- Makes the acceptance of proven ranges void: a later doubt about them is another one, which no operator has seen. What
-- the proof does not cover stays accepted. Not in SQL, which would plan each call.
create function ingest.void_acceptances(of_source int, of_stream text, proven tstzmultirange, at timestamptz)
  returns void
  language plpgsql
as $$
begin
  with void as (
      update ingest.accepted_gaps g set reopened_at = at
       where g.source_id = of_source and g.stream = of_stream and g.reopened_at is null
         and tstzrange(g.window_from, g.window_to) && proven
      returning g.*
  )
  insert into ingest.accepted_gaps (source_id, stream, window_from, window_to, accepted_at, accepted_by, note)
  select void.source_id, void.stream, lower(rest), upper(rest), void.accepted_at, void.accepted_by, void.note
    from void, unnest(tstzrange(void.window_from, void.window_to)::tstzmultirange - proven) rest;
end
$$;

-- A list that goes by creation does not name an old session that changes. The past is therefore read again, in rings,
-- and the age of the stored state is kept beside the proof of existence: ranges by creation, and when each was last
-- read to its proven end. They do not overlap. A range is written with the page that proves it; its sessions are not
-- updated.
create table ingest.state_coverage (
  source_id   int not null references core.sources,
  stream      text not null,
  window_from core.instant not null,
  window_to   core.instant not null,
  seen_at     core.instant not null,     -- when the run that read it began
  primary key (source_id, stream, window_from),
  check (window_from < window_to)
) with (fillfactor = 70);
comment on table ingest.state_coverage is 'Ranges by creation, and when the state of their sessions was last seen.';

-- A pass over a ring reads ranges last seen before the pass began, so that an interrupted pass continues where it was.
create table ingest.rings (
  source_id       int not null references core.sources,
  stream          text not null,
  ring            text not null check (ring in ('poll', 'hourly', 'daily', 'weekly')),
  pass_started_at core.instant,          -- when the current pass began; null: there is none
  as_of           core.instant,          -- when the last finished pass began; null: none has finished
  finished_at     core.instant,
  primary key (source_id, stream, ring)
) with (fillfactor = 70);
comment on table ingest.rings is 'Passes over the rings in which the past of a list by creation is read again.';


-- 6. Raw records -----------------------------------------------------------------------------------------------------

-- Records byte for byte, once per distinct content. Bytes and not json: a provider may send invalid JSON. The same
-- bytes may come again after others; then they are the provider's latest version, so rows are made by last_fetched_at.
-- No foreign key to the source: each write for a source locks a row of the source.
create table ingest.raw_records (
  source_id           int not null,
  stream              text not null,
  provider_record_id  text not null,
  content_hash        bytea not null,     -- SHA-256, first 16 bytes
  body                bytea not null,
  fetched_at          core.instant not null,
  run_id              bigint not null,
  provider_session_id text,               -- the session it belongs to; null: records of lists of sessions
  last_fetched_at     core.instant not null,
  -- The record holds only part of its session (the list of active sessions), which its bytes do not say.
  is_partial          boolean not null default false,
  -- When the provider stopped listing the record in its session; null: it is listed, or belongs to a list of sessions.
  gone_at             core.instant,
  erased_at           core.instant,       -- when the body was erased, which is empty since; a replay leaves its rows
  primary key (source_id, stream, provider_record_id, content_hash)
);
-- Replay reads records in the order in which they were fetched, so that those of one page stay together.
create index raw_records_by_time on ingest.raw_records (source_id, stream, last_fetched_at, provider_record_id);
-- All records of one session. Partial: records of lists have none.
create index raw_records_by_session on ingest.raw_records (source_id, provider_session_id, stream)
  where provider_session_id is not null;

-- Costs less CPU than the default, where the server was built with it.
do $$
begin
  alter table ingest.raw_records alter column body set compression lz4;
exception when feature_not_supported then null;
end $$;


-- 7. Rejects and drift -----------------------------------------------------------------------------------------------

-- Records that could not be normalized: kept until a later mapping can.
create sequence ingest.rejects_reject_id_seq;
create table ingest.rejects (
  reject_id           bigint not null default nextval('ingest.rejects_reject_id_seq'),
  source_id           int not null references core.sources,
  stream              text not null,
  content_hash        bytea not null,
  provider_record_id  text,
  body                bytea not null,
  reason_code         text not null,
  json_pointer        text not null,
  detail              text not null,
  first_seen_at       core.instant not null,
  run_id              bigint not null,
  resolved_at         core.instant,        -- the record came again readable, or a replay resolved it
  provider_session_id text,
  last_seen_at        core.instant not null,
  seen_count          bigint not null default 1, -- counted at most once an hour
  is_partial          boolean not null default false,
  resolution          text                 -- how it was resolved; null: it is open
                      check (resolution in ('came_again', 'stored', 'unchanged', 'stale', 'erased')),
  primary key (source_id, reject_id),
  unique (source_id, stream, content_hash) -- the same bad record on every poll is one reject
);
alter sequence ingest.rejects_reject_id_seq owned by ingest.rejects.reject_id;
-- Health counts the open ones.
create index rejects_open on ingest.rejects (source_id, stream) where resolved_at is null;
-- The open ones of one session, which a later fetch of it resolves.
create index rejects_open_of_session on ingest.rejects (source_id, stream, provider_session_id)
  where resolved_at is null and provider_session_id is not null;
-- Lists over all sources, newest first, and the look-up by number.
create unique index rejects_by_id on ingest.rejects (reject_id);

-- Unknown provider values and fields, counted over records with distinct content.
create table ingest.oddities (
  source_id     int not null references core.sources,
  stream        text not null,
  kind          text not null,  -- unknown_field, unknown_value, unreadable_value, replaced_text, stray_quote
  path          text not null,
  value         text not null,  -- only of closed lists; else empty, since it may be personal
  record_count  bigint not null,
  first_seen_at core.instant not null,
  last_seen_at  core.instant not null,
  primary key (source_id, stream, kind, path, value)
);


-- 8. People and sessions ---------------------------------------------------------------------------------------------

-- A person is a pseudonym: HMAC of source and identity. The identity itself stays in the provider's table.
create table core.people (
  source_id      int not null,
  person_id      text not null,
  identity_kind  text not null,
  first_seen_at  core.instant not null,
  first_visit_at core.instant,           -- start of the first stored session of the person; null: none is stored
  primary key (source_id, person_id)
);

-- One conversation, meeting or avatar stream of any provider.
-- Neither sessions nor the rows that belong to one have foreign keys: they are written in the transaction that writes
-- the session, or under a task whose row that transaction locks, and each write for a source locks a row of the
-- source. A foreign key would look both up again for every row. Sessions are removed in one place of the service,
-- which removes what belongs to them too.
create sequence core.sessions_session_id_seq;
create table core.sessions (
  session_id                  bigint not null default nextval('core.sessions_session_id_seq'),
  created_at                  core.instant not null,
  started_at                  core.instant not null,
  ended_at                    core.instant,
  completed_at                core.instant,
  last_activity_at            core.instant,
  provider_updated_at         core.instant,
  first_seen_at               core.instant not null,
  last_changed_at             core.instant not null,
  source_id                   int not null,
  max_concurrent_participants int check (max_concurrent_participants >= 0),
  is_flagged_unresolved       boolean,
  is_deleted_at_provider      boolean not null default false,
  provider                    text not null,
  session_kind                text not null check (session_kind in ('avatar', 'chat', 'meeting', 'livestream')),
  session_state               text not null
                              check (session_state in ('live', 'ended', 'open', 'never_started', 'unknown')),
  outcome                     text not null
                              check (outcome in ('resolved', 'unresolved', 'open', 'unknown', 'not_applicable')),
  ended_at_source             text check (ended_at_source in ('provider', 'duration')),
  duration_seconds            numeric check (duration_seconds >= 0), -- exact; null: not known yet
  -- At most 18 digits after the point: with ten before it, a quotient fits the 28 digits that common tools read.
  -- Null: not stated, or not metered.
  provider_minutes            numeric check (provider_minutes >= 0),
  provider_session_id         text not null,
  provider_status             text,
  channel                     text,
  person_id                   text,
  parent_provider_session_id  text,
  group_key                   text,
  row_hash                    bytea not null, -- of the bytes, the mapping's version and what time alone changes
  raw_hash                    bytea not null, -- the raw record this row was made from
  -- When the record was requested: of two records without a version, the one requested later is the newer one. Null:
  -- not known; any record is newer.
  fetched_at                  core.instant,
  mapping_version             smallint,       -- version of the rules the row was made by; null: as above
  -- When its texts, names, contacts and raw bytes were erased: of later versions too. Figures stay.
  -- Null: they are here.
  content_erased_at           core.instant,
  primary key (source_id, session_id),
  -- The permanent link to a session; an upsert keeps the session_id. Also reads the hashes that are compared before a
  -- page is saved.
  unique (source_id, provider_session_id)
) with (fillfactor = 90, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.05,
        autovacuum_analyze_scale_factor = 0.02);
alter sequence core.sessions_session_id_seq owned by core.sessions.session_id;

-- Each index is written for each new session, so each has a reader.
-- Metrics by start, concurrency, lists over all sources: one range scan for each local day, from the index alone. With
-- number and kind, views that join by the number are answered from it too.
create index sessions_by_start on core.sessions (started_at)
  include (session_id, source_id, session_kind, session_state, outcome, channel, provider_minutes, duration_seconds,
           parent_provider_session_id, is_deleted_at_provider, is_flagged_unresolved, completed_at);
-- Metrics by completion, for providers that have outcomes, from the index alone.
create index sessions_by_completion on core.sessions (completed_at)
  include (session_id, source_id, session_state, outcome, channel, parent_provider_session_id, is_deleted_at_provider)
  where completed_at is not null;
-- Lists of one source, newest first, at any depth; the number of sessions of each source over time, from the index
-- alone.
create index sessions_by_source on core.sessions (source_id, started_at desc, session_id desc)
  include (parent_provider_session_id, is_deleted_at_provider);
-- A session by its number alone: the links of the API.
create index sessions_by_id on core.sessions (session_id);
-- Reconciliation, rings and open sessions by creation.
create index sessions_by_creation on core.sessions (source_id, created_at);
-- Whether a person came again, and when a person came first.
create index sessions_by_person on core.sessions (source_id, person_id, started_at) where person_id is not null;
-- The open set: what a poll must read again. Partial, because it stays small.
create index sessions_open on core.sessions (source_id, created_at)
  where session_state in ('live', 'open', 'unknown');
-- Sessions that metrics by completion count as unknown. Partial, because they are few. The condition is the one that
-- these metrics write.
create index sessions_without_outcome on core.sessions (started_at)
  include (source_id, session_id, outcome, completed_at, parent_provider_session_id, is_deleted_at_provider)
  where outcome in ('resolved', 'unresolved', 'unknown')
    and (completed_at::timestamptz is null or (outcome in ('resolved', 'unresolved')) is not true);
-- The same of metrics by end, and of concurrency.
create index sessions_without_end on core.sessions (started_at)
  include (source_id, session_id, session_state, ended_at, parent_provider_session_id, is_deleted_at_provider)
  where ended_at::timestamptz is null and session_state not in ('live', 'open', 'never_started');
-- Sessions that no metric counts, so that messages and utterances can be counted without a look-up of every session.
create index sessions_left_out on core.sessions (source_id, session_id)
  where parent_provider_session_id is not null or is_deleted_at_provider;
-- Each poll reads the sessions that ended just now. They are in the newest pages of the table, so an entry for each
-- range of pages suffices, and costs less than an entry for each session.
create index sessions_by_end on core.sessions using brin (ended_at) with (pages_per_range = 32, autosummarize = on);
-- The sessions that show the number of a parent that is stored later.
create index sessions_by_parent on core.sessions (source_id, parent_provider_session_id)
  where parent_provider_session_id is not null;

-- When the rows that analysts see of a session last changed, in any table: incremental copies read by it. A table
-- of its own, since a participant, a file or a state of a task that comes later must not write the wide row of the
-- session and its indexes again. Written last in a transaction, by the clock of the database.
create table core.session_change_times (
  session_id bigint not null,
  changed_at core.instant not null,
  source_id  int not null,
  primary key (source_id, session_id)
);
-- What changed since an instant.
create index session_change_times_by_time on core.session_change_times (changed_at);

-- Sessions that are no longer stored: their source was removed or merged, or a replay found no record of them.
create table ingest.removed_sessions (
  session_id bigint primary key,
  removed_at core.instant not null       -- database clock
);
create index removed_sessions_by_time on ingest.removed_sessions (removed_at);

-- Closed hours: the counted sessions of an hour, by their start or their completion, added up over those that are alike
-- in the other columns. Questions that need only sums read them instead of the sessions. An hour is made from rows as
-- a whole and never counted up or down; hours of sessions that changed since are read from rows.
create table ingest.closed_hours (
  counted_by            text not null check (counted_by in ('started_at', 'completed_at')),
  hour                  core.instant not null, -- start of the hour, UTC
  source_id             int not null,
  place                 int not null,          -- tells the rows of an hour apart
  session_kind          text not null,
  session_state         text not null,
  outcome               text not null,
  channel               text,
  chat_state            text,
  is_completed          boolean not null,      -- whether these sessions have the time, or the number
  has_message_count     boolean not null,
  has_participant_count boolean not null,
  session_count         int not null,
  provider_minutes      numeric,               -- null: no session of these has any
  duration_seconds      numeric,               -- null: as above
  primary key (counted_by, hour, source_id, place)
);

-- What the closed hours hold. Null: nothing, and all are made from rows; sessions were removed, of which no row tells
-- the hour.
create table ingest.closed_hours_state (
  is_only_row      boolean primary key default true check (is_only_row),
  complete_through core.instant,         -- database clock; all changes that were dated earlier are in them
  -- Sessions with a later change are read one by one. Earlier than complete_through, so that a clock that is set back
  -- a little hides no change; a clock that is behind complete_through was set back further.
  touched_since    core.instant,
  check ((complete_through is null) = (touched_since is null))
);
insert into ingest.closed_hours_state default values;

-- One table for each provider, one row for each session: fields that only this provider has.
create table core.konpro_sessions (
  source_id    int not null,
  session_id   bigint not null,
  avatar_id    text,
  voice_name   text,
  api_key_type text,
  primary key (source_id, session_id)
);

-- Settings of avatar sessions that this service launched. The session itself comes by polling, before or after: both
-- have the provider's id. Null settings were left to the provider.
create table core.session_launches (
  launched_at                    core.instant not null,
  source_id                      int not null references core.sources,
  activity_idle_timeout_seconds  int check (activity_idle_timeout_seconds > 0),
  session_duration_limit_seconds int check (session_duration_limit_seconds >= 0), -- from the provider's answer
  has_knowledge_base             boolean not null, -- a text was given; the text itself is not kept
  disable_idle_timeout           boolean,
  is_paid                        boolean,          -- from the provider's answer
  voice_rate                     numeric,
  stt_confidence                 numeric,
  provider_session_id            text not null,
  quality                        text,
  avatar_id                      text,
  voice_id                       text,
  voice_emotion                  text,
  stt_provider                   text,
  video_encoding                 text,
  version                        text,
  knowledge_base_id              text,
  primary key (source_id, provider_session_id)
);

create table core.konvo_sessions (
  source_id        int not null,
  session_id       bigint not null,
  workspace_id     text,
  feed_id          text,
  contact_id       text,  -- personal: not in analytics
  external_user_id text,  -- personal, often a phone number: not in analytics
  skill_type       text,
  sub_intent_type  text,
  trail_length     int,
  primary key (source_id, session_id)
);

-- The path of a chat through the AI's skills. `json` and not `jsonb`: kept as received.
create table core.trail_steps (
  source_id   int not null,
  session_id  bigint not null,
  step_number int not null,
  step_type   text,
  step        json not null,
  primary key (source_id, session_id, step_number)
);

create table core.realtimekit_sessions (
  source_id          int not null,
  session_id         bigint not null,
  app_id             text,
  meeting_id         text, -- a UUID, or a room name in older meetings
  meeting_title      text, -- free text, may name people: not in analytics
  session_type       text,
  live_participants  int,
  total_participants int,
  recording_status   text,
  primary key (source_id, session_id)
);


-- 9. Messages --------------------------------------------------------------------------------------------------------

-- Messages of chats, and the chat of meetings.
create table core.messages (
  session_id              bigint not null,
  sent_at                 core.instant,   -- null: the provider gave no readable time
  source_id               int not null,
  position                int not null,
  char_count              int,            -- null without a body
  word_count              int,
  sender_role             text not null check (sender_role in ('user', 'assistant', 'participant', 'unknown')),
  provider_message_id     text not null,
  provider_origin         text,
  body                    text,           -- null: media
  provider_participant_id text,           -- presence of the sender
  payload_type            text,           -- the provider's word for text and media
  search_language         text,           -- of its source, see core.sources
  primary key (source_id, session_id, provider_message_id)
) with (fillfactor = 95);
-- Counts and sums of words over time, from the index alone.
create index messages_by_time on core.messages (sent_at) include (source_id, session_id, sender_role, word_count);

-- Counters of a session's messages, written with them, so that no query adds them up. No row: messages were never
-- fetched, so unknown and not zero. Null counters: a meeting, which has no customer and no agent.
create table core.session_stats (
  session_id              bigint not null,
  source_id               int not null,
  message_count           int not null,
  user_message_count      int,
  assistant_message_count int,
  user_word_count         int,
  assistant_word_count    int,
  first_response_seconds  numeric check (first_response_seconds >= 0),
  last_message_at         core.instant, -- of messages with a time
  turn_count              int,          -- changes from the customer to the other side
  is_unanswered           boolean,      -- the customer wrote, and no reply followed
  last_sender_role        text,
  -- Gaps between messages that have a time, each at most five minutes. Null: of several messages, no two have one.
  active_seconds          numeric check (active_seconds >= 0),
  reply_seconds           numeric[],    -- for each turn: from its first message to the reply; of messages with a time
  untimed_message_count   int not null default 0, -- messages without a time
  primary key (source_id, session_id)
);


-- 10. Participants, transcripts, summaries, quality ------------------------------------------------------------------

-- One row for each presence: a person who joins twice has two rows with one person_id.
create sequence core.participants_participant_id_seq;
create table core.participants (
  participant_id          bigint not null default nextval('core.participants_participant_id_seq'),
  session_id              bigint not null,
  joined_at               core.instant,
  left_at                 core.instant,   -- null: still there, or not stated
  duration_ms             bigint check (duration_ms >= 0), -- the provider's, exact; null: not stated
  provider_updated_at     core.instant,
  source_id               int not null,
  is_rejoin               boolean not null default false,  -- the same person was in this session before
  provider_participant_id text not null,  -- the presence (peer)
  provider_user_id        text,           -- the provider's id of the person
  person_id               text,           -- pseudonym; null: the person is not known
  preset_name             text,
  custom_participant_id   text,           -- personal: not in analytics
  display_name            text,           -- personal: not in analytics
  primary key (source_id, session_id, provider_participant_id)
) with (fillfactor = 90);
alter sequence core.participants_participant_id_seq owned by core.participants.participant_id;
-- A presence by its number: joins on participant_id.
create index participants_by_id on core.participants (participant_id);
-- Presences over time, from the index alone.
create index participants_by_join on core.participants (joined_at)
  include (source_id, session_id, left_at, duration_ms);
-- The sessions of a person.
create index participants_by_person on core.participants (source_id, person_id) where person_id is not null;

-- Counters of a session's participants, written with them, so that no query adds them up. No row: participants were
-- never fetched, so unknown and not zero.
create table core.session_participation (
  session_id             bigint not null,
  participant_ms         bigint not null, -- sum of the presences whose length is known
  source_id              int not null,
  participant_count      int not null,    -- presences
  person_count           int not null,    -- people among them; a presence of an unknown person counts as one
  unknown_duration_count int not null,    -- presences without a length
  -- Most presences at once. A presence without end and length raises no peak; null: no end is known.
  peak_participants      int,
  first_joined_at        core.instant,
  -- Each person's time within the session, overlaps once. Null: it runs, or the end of a presence is not known.
  attended_ms            bigint check (attended_ms >= 0),
  rejoined_person_count  int,             -- people with several presences
  primary key (source_id, session_id)
);

create table core.transcripts (
  session_id    bigint not null,
  fetched_at    core.instant not null,
  source_id     int not null,
  segment_count int not null,
  word_count    int not null,
  speaker_count int not null,
  format        text not null check (format in ('json', 'csv', 'srt', 'vtt')),
  language_code text,
  primary key (source_id, session_id)
);

create table core.transcript_segments (
  session_id              bigint not null,
  offset_ms               bigint,       -- from the start of the session; null: not readable
  end_offset_ms           bigint,       -- null: the format has none
  started_at              core.instant,
  source_id               int not null,
  position                int not null, -- in the file, from 0
  word_count              int not null,
  char_count              int not null,
  provider_participant_id text,         -- presence of the speaker, where the format has it
  speaker_id              text,         -- pseudonym, the participants' person_id where known; null: not stated
  speaker_label           text,         -- personal: not in analytics
  body                    text not null,
  -- The speaker was read from the text, before a colon. Participants that become known later may show that a text
  -- before a colon is a name, or is none.
  is_speaker_in_text      boolean not null default false,
  search_language         text,         -- of its source, see core.sources
  primary key (source_id, session_id, position)
) with (fillfactor = 95);
comment on column core.transcript_segments.is_speaker_in_text is
  'True if the name of the speaker stood before a colon in the text, and was removed from it.';

create table core.session_summaries (
  session_id bigint not null,
  fetched_at core.instant not null,
  source_id  int not null,
  word_count int not null,
  format     text not null check (format in ('markdown', 'text')),
  body       text not null,
  search_language text,        -- of its source, see core.sources
  primary key (source_id, session_id)
);

-- One row for each presence whose report was requested. No address, no place below the country, no device label.
create table core.participant_quality (
  session_id                  bigint not null,
  fetched_at                  core.instant not null,
  source_id                   int not null,
  has_report                  boolean not null,  -- false: the provider has no statistics for it
  is_mobile                   boolean,
  used_turn                   boolean,
  audio_out_mos_avg           numeric,
  audio_out_mos_p50           numeric,
  audio_out_mos_p75           numeric,
  audio_out_mos_p90           numeric,
  audio_out_packet_loss_avg   numeric,
  audio_out_loss_over_5_rate  numeric,
  audio_out_loss_over_10_rate numeric,
  audio_out_loss_over_25_rate numeric,
  audio_out_loss_over_50_rate numeric,
  audio_out_rtt_ms_avg        numeric,
  audio_out_rtt_over_100_rate numeric,
  audio_out_rtt_over_250_rate numeric,
  audio_out_rtt_over_500_rate numeric,
  audio_in_mos_avg            numeric,
  audio_in_mos_p50            numeric,
  audio_in_mos_p75            numeric,
  audio_in_mos_p90            numeric,
  audio_in_packet_loss_avg    numeric,
  audio_in_loss_over_5_rate   numeric,
  audio_in_loss_over_10_rate  numeric,
  audio_in_loss_over_25_rate  numeric,
  audio_in_loss_over_50_rate  numeric,
  audio_in_rtt_ms_avg         numeric,
  audio_in_rtt_over_100_rate  numeric,
  audio_in_rtt_over_250_rate  numeric,
  audio_in_rtt_over_500_rate  numeric,
  video_out_mos_avg           numeric,
  video_out_packet_loss_avg   numeric,
  video_out_rtt_ms_avg        numeric,
  video_out_fps_avg           numeric,
  video_in_mos_avg            numeric,
  video_in_packet_loss_avg    numeric,
  video_in_rtt_ms_avg         numeric,
  video_in_fps_avg            numeric,
  provider_participant_id     text not null,
  country_code                text,
  device_os                   text,
  network_type                text,
  sdk_name                    text,
  sdk_version                 text,
  primary key (source_id, session_id, provider_participant_id)
);


-- 11. Search ---------------------------------------------------------------------------------------------------------

-- Words are found by the text search of Postgres. Chinese, Japanese and Korean texts are cut into overlapping pairs of
-- characters, so that each part of a text is found as a phrase of pairs. The extension pg_trgm is not needed: not every
-- server has it.

-- A collation that knows the case of all letters: the locale of a database may know that of ASCII alone. Without one on
-- the server, that of the database.
do $$
declare
  known text;
begin
  select quote_ident(c.collname) into known from pg_collation c
   where c.collnamespace = 'pg_catalog'::regnamespace and c.collencoding in (-1, pg_char_to_encoding('UTF8'))
     and lower(c.collname) in ('pg_c_utf8', 'und-x-icu', 'c.utf8', 'c.utf-8', 'en_us.utf8')
   order by array_position(array['pg_c_utf8', 'und-x-icu', 'c.utf8', 'c.utf-8', 'en_us.utf8'], lower(c.collname)) limit 1;
  execute 'create collation core.letters from pg_catalog.' || coalesce(known, '"default"');
end $$;

-- Returns the class of characters that are cut into pairs, for regular expressions.
create function core.paired_characters() returns text
  language sql immutable parallel safe
  return '[\u3041-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\uf900-\ufaff\U00020000-\U0003ffff]';

-- Returns a text as the parser of Postgres should see it: in compatibility form and lower case, without the marks that
-- would join words to a file name, an address, a tag or a signed number, and with pairs of characters. In a text, the
-- last character of a run stands alone too, so that a query for one character finds it as the beginning of a word. In a
-- query it does so before other words alone: the run that ends the query may go on in the text, and marks after it
-- count for nothing.
create function core.search_text(body text, is_query boolean) returns text
  language plpgsql immutable parallel safe strict
as $$
begin
  if octet_length(body) = char_length(body) then
    return translate(body, '/-_@.:<>&+', '          ');
  end if;
  body := lower(translate(normalize(body, nfkc), '/-_@.:<>&+', '          ') collate core.letters);
  if body !~ core.paired_characters() then
    return body;
  end if;
  return (
    select string_agg(case when is_query and pair.n > pair.end_n then ' '
                           when not pair.is_paired then pair.c
                           when pair.next_is_paired then ' ' || pair.c || pair.next_c || ' '
                           when is_query and pair.last_is_paired and pair.n = pair.end_n then ' '
                           else ' ' || pair.c || ' ' end, '' order by pair.n)
      from (select x.c, x.n, x.is_paired, lead(x.c) over w as next_c, lead(x.is_paired) over w as next_is_paired,
                   lag(x.is_paired) over w as last_is_paired,
                   max(x.n) filter (where x.c !~ '[[:space:][:punct:]\u3000-\u303f]') over () as end_n
              from (select t.c, t.n, t.c ~ core.paired_characters() as is_paired
                      from unnest(string_to_array(body, null)) with ordinality t (c, n)) x
            window w as (order by x.n)) pair);
end
$$;

-- Returns the words of a text by a text-search configuration. Of a longer text only the beginning is searched: a
-- vector holds at most one megabyte, and one that does not fit would refuse its row. Immutable as long as the
-- configurations of Postgres stay as they are. The cost keeps the planner from computing it for each row of a range.
create function core.search_words(language text, body text) returns tsvector
  language plpgsql immutable parallel safe strict cost 1000
as $$
begin
  return to_tsvector(('pg_catalog.' || language)::regconfig, core.search_text(left(body, 50000), false));
end
$$;

-- The same with two words that no text can hold: the number of the source, and the day in UTC, 0 without one. One index
-- then finds words, source and days together, however common the words are elsewhere.
create function core.search_words(language text, body text, of_source int, at timestamptz) returns tsvector
  language plpgsql immutable parallel safe cost 1000
as $$
begin
  return core.search_words(coalesce(language, 'simple'), body)
    || array_to_tsvector(array['@' || of_source, '#' || coalesce(div(extract(epoch from at), 86400), 0)]);
end
$$;

-- Returns the query for a word or a phrase; empty: the configuration leaves all its words out. A single character of
-- Chinese, Japanese or Korean begins a pair.
create function core.search_query(language text, term text) returns tsquery
  language plpgsql stable parallel safe strict
as $$
begin
  return regexp_replace(phraseto_tsquery(('pg_catalog.' || language)::regconfig, core.search_text(term, true))::text,
                        '''(' || core.paired_characters() || ')''', '''\1'':*', 'g')::tsquery;
end
$$;

-- The indexes follow each insert and update of a text. An erased text is null or empty, and has no words.
create index messages_by_words on core.messages
  using gin (core.search_words(search_language, body, source_id, sent_at)) where body is not null;
create index transcript_segments_by_words on core.transcript_segments
  using gin (core.search_words(search_language, body, source_id, started_at));
create index session_summaries_by_words on core.session_summaries
  using gin (core.search_words(search_language, body, source_id, null));
-- Titles are names: their words are found as they are written.
create index realtimekit_sessions_by_words on core.realtimekit_sessions
  using gin (core.search_words('simple', meeting_title)) where meeting_title is not null;


-- 12. Artifact queue -------------------------------------------------------------------------------------------------

-- One task for each session and stream that is fetched session by session. Local to one node: it names sessions
-- without a foreign key. Several instances work on a stream at once, without a lease: each claims single tasks.
create table ingest.artifact_tasks (
  session_id          bigint not null,
  ended_at            core.instant,          -- end of the session, from which retries are timed; null: it runs
  requested_at        core.instant,          -- when we had it generated; retries are timed from then, if that is later
  expires_at          core.instant,          -- the provider keeps it until then; null: it runs, or was generated later
  next_try_at         core.instant,          -- null: nothing is left to do
  claimed_until       core.instant,          -- a worker holds it until then; database clock
  first_attempt_at    core.instant,
  last_attempt_at     core.instant,
  content_at          core.instant,          -- when something new was last stored
  settled_at          core.instant,          -- when the state became final
  source_id           int not null,
  attempts            int not null default 0,
  claim_token         uuid,
  stream              text not null check (stream in ('participants', 'chat', 'transcript', 'summary', 'quality')),
  state               text not null default 'pending'
                      check (state in ('pending', 'available', 'empty', 'not_enabled', 'expired', 'failed')),
  reason              text,                  -- result of the last try, for programs: not_found, zero_bytes and others
  detail              text,                  -- the same for people; holds no content, link or credential
  content_hash        bytea,                 -- of the last stored content: the same content is not written again
  provider_session_id text,                  -- finds the session where a rebuild gave it another number
  owed_since          core.instant,          -- first fault since content was last read; null: nothing is owed
  -- Since when each try has given the same reason. Two such tries a day apart agree.
  agreed_since        core.instant,
  -- Tries in a row without content; of an owed task, since owed_since.
  tries               int not null default 0 check (tries >= 0),
  is_ready            boolean not null default false,    -- found due, free, and waiting for nothing
  is_waiting          boolean not null default false,    -- the participants of its session are not known yet
  primary key (source_id, session_id, stream)
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02);

-- Each unsettled task is in exactly one index of its own kind, so that a claim reads the tasks that it takes and no
-- others, however many are pending: ready (due and free), scheduled (free, due later or not yet found due), claimed, or
-- waiting for the participants of its session. A settled task is in none of them.
-- Ready tasks, newest session first.
create index artifact_tasks_ready_newest on ingest.artifact_tasks (source_id, stream, ended_at desc, session_id desc)
  where is_ready;
-- Ready tasks, first to expire first.
create index artifact_tasks_ready_expiring on ingest.artifact_tasks (source_id, stream, expires_at, session_id)
  where is_ready and expires_at is not null;
create index artifact_tasks_scheduled on ingest.artifact_tasks (source_id, stream, next_try_at)
  where next_try_at is not null and claimed_until is null and not is_ready and not is_waiting;
create index artifact_tasks_claimed on ingest.artifact_tasks (source_id, stream, claimed_until)
  where claimed_until is not null;
-- Health counts states, from the index alone. The predicate is true for each row, and restricts the index to queries
-- that state it: without statistics, the planner would use an index on (source_id, stream) to find single tasks.
create index artifact_tasks_by_state on ingest.artifact_tasks (source_id, stream, state)
  include (next_try_at, reason, last_attempt_at) where state is not null;
-- Health and the verdict of a run count owed content by its reason, also where no task is due.
create index artifact_tasks_owed on ingest.artifact_tasks (source_id, stream, reason)
  include (next_try_at) where owed_since is not null;
-- The tasks of one session, by the provider's id.
create index artifact_tasks_by_session on ingest.artifact_tasks (source_id, provider_session_id);


-- 13. Changes --------------------------------------------------------------------------------------------------------

-- Changes of stored sessions, written with the page that changes one; the first version of a session is no change.
-- Keyed by the provider's id, which stays the same where a session gets another number.
create sequence ingest.session_changes_change_id_seq;
create table ingest.session_changes (
  change_id           bigint not null default nextval('ingest.session_changes_change_id_seq'),
  source_id           int not null,
  session_id          bigint not null,
  provider_session_id text not null,
  field               text not null,
  old_value           text,              -- null: not known before
  new_value           text,              -- null: no longer known
  changed_at          core.instant not null, -- when it was stored here
  provider_time       core.instant,      -- when the provider changed it, where it states so
  run_id              bigint not null,
  primary key (source_id, provider_session_id, change_id)
);
alter sequence ingest.session_changes_change_id_seq owned by ingest.session_changes.change_id;
-- Recent changes over all sessions.
create index session_changes_by_time on ingest.session_changes (source_id, changed_at);

-- Stored sessions that a complete reading of their range, or a request for them alone, did not find. A row is deleted
-- when its session comes back.
create table ingest.absences (
  source_id           int not null,
  provider_session_id text not null,
  first_missed_at     core.instant not null,
  first_missed_run_id bigint not null,
  last_missed_at      core.instant not null,
  last_missed_run_id  bigint not null,
  missed_count        int not null,
  deleted_at          core.instant,      -- since then considered deleted; null: missed, and not yet confirmed
  primary key (source_id, provider_session_id)
);

-- An instant as text: RFC 3339, UTC, microseconds.
create function ingest.instant_text(at timestamptz) returns text
  language sql stable parallel safe
  return to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"');


-- Notes what a transaction changed, as its last statement: increments the data versions of streams, and dates the
-- sessions of which analysts see other rows from now on. The time is that of the statement: transactions that a reader
-- sees running began before it. See analytics.changes_complete_through. Not in SQL, which would plan each call.
create function ingest.note_changes(of_source int, of_streams text[], numbers bigint[], provider_ids text[],
                                    of_people text[]) returns void
  language plpgsql
as $$
begin
  with changed as (
    select c.session_id from unnest(numbers) c (session_id)
    union
    select s.session_id from core.sessions s
     where s.source_id = of_source and s.provider_session_id = any(provider_ids)
    union
    -- these show the number of their parent
    select s.session_id from core.sessions s
     where s.source_id = of_source and s.parent_provider_session_id = any(provider_ids)
    union
    -- these show the first visit of their people
    select s.session_id from core.sessions s where s.source_id = of_source and s.person_id = any(of_people)
    union
    select p.session_id from core.participants p where p.source_id = of_source and p.person_id = any(of_people)
  ), timed as (
    insert into core.session_change_times as t (source_id, session_id, changed_at)
    select of_source, changed.session_id, statement_timestamp() from changed order by changed.session_id
    on conflict (source_id, session_id) do update set changed_at = excluded.changed_at
     where t.changed_at < excluded.changed_at
  )
  insert into ingest.data_versions as v (source_id, stream, version)
  select of_source, w.stream, 1 from unnest(of_streams) w (stream)
  on conflict (source_id, stream) do update set version = v.version + 1;
end
$$;


-- 14. Backfills and reconciliation -----------------------------------------------------------------------------------

-- Ranges of the past to read again, or to compare with the provider. They outlive a process, and are cut into units
-- that are claimed one by one.
create sequence ingest.backfills_backfill_id_seq;
create table ingest.backfills (
  backfill_id   bigint primary key default nextval('ingest.backfills_backfill_id_seq'),
  source_id     int not null references core.sources,
  stream        text not null,
  purpose       text not null check (purpose in ('backfill', 'reconcile')),
  range_from    core.instant not null,
  range_to      core.instant not null,
  state         text not null check (state in ('running', 'paused', 'done', 'failed', 'cancelled')),
  is_unfiltered boolean not null,        -- the provider ignores time filters: any window lists everything
  created_at    core.instant not null,
  resumed_at    core.instant not null,   -- when it was planned, or last resumed after no instance worked on it
  finished_at   core.instant,
  reason        text,                    -- why it failed
  requested_by  text not null,           -- address of the caller, or user and host of the command line
  check (range_from < range_to)
);
alter sequence ingest.backfills_backfill_id_seq owned by ingest.backfills.backfill_id;
-- A request for the same range is the same backfill, unless that is done or was cancelled.
create unique index backfills_unfinished on ingest.backfills (source_id, stream, purpose, range_from, range_to)
  where state in ('running', 'paused', 'failed');
-- Pollers look for work.
create index backfills_running on ingest.backfills (source_id) where state = 'running';
comment on table ingest.backfills is 'Ranges of the past that are read again, or compared with the provider.';

-- A unit is claimed like a task of the artifact queue: by a random token that expires unless renewed. The transaction
-- of each page compares it, so several processes share a backfill, and a crashed one blocks nothing for long.
create sequence ingest.backfill_units_unit_id_seq;
create table ingest.backfill_units (
  unit_id          bigint primary key default nextval('ingest.backfill_units_unit_id_seq'),
  backfill_id      bigint not null references ingest.backfills on delete cascade,
  window_from      core.instant not null,
  window_to        core.instant not null,
  state            text not null default 'open' check (state in ('open', 'proven', 'doubtful', 'failed')),
  claim_token      uuid,
  claim_owner      text,
  claimed_until    core.instant,          -- database clock
  not_before       core.instant,          -- database clock
  attempts         int not null default 0,
  run_id           bigint,
  started_at       core.instant,
  finished_at      core.instant,
  record_count     bigint not null default 0,
  inserted_count   bigint not null default 0,
  updated_count    bigint not null default 0,
  unchanged_count  bigint not null default 0,
  rejected_count   bigint not null default 0,
  distinct_count   bigint,
  provider_total   bigint,
  doubt            text,                  -- why it is not proven
  day_count        bigint,                -- sessions of this day by the provider's daily totals
  day_minutes      numeric,               -- minutes of this day by the provider's daily totals
  day_offset_hours int,                   -- where the provider's days begin, hours ahead of UTC, if known
  -- Whether it is read even where the counts are equal, so that states are compared and not counts alone.
  compares_states  boolean not null default false,
  check (window_from < window_to)
) with (fillfactor = 70);
alter sequence ingest.backfill_units_unit_id_seq owned by ingest.backfill_units.unit_id;
create index backfill_units_in_order on ingest.backfill_units (backfill_id, window_from);
create index backfill_units_open on ingest.backfill_units (backfill_id, window_from) where state = 'open';
comment on table ingest.backfill_units is 'Windows of a backfill, each claimed, read and proven on its own.';

-- Reconciliation results: the provider's counts and the stored ones, window by window, with history.
create sequence ingest.reconciliations_reconciliation_id_seq;
create table ingest.reconciliations (
  reconciliation_id bigint primary key default nextval('ingest.reconciliations_reconciliation_id_seq'),
  source_id         int not null references core.sources,
  stream            text not null,
  window_from       core.instant not null,
  window_to         core.instant not null,
  checked_at        core.instant not null,
  state             text not null check (state in ('match', 'healed', 'differs', 'unverifiable', 'failed')),
  reason            text,                -- why it is neither equal nor healed, or what was found
  provider_count    bigint,              -- null: the provider gave no count
  our_count_before  bigint not null,
  our_count         bigint not null,     -- after healing
  missing_count     bigint not null,     -- found missing
  healed_count      bigint not null,     -- of these, stored again
  surplus_count     bigint not null,     -- stored, and not listed by the provider
  rejected_count    bigint not null,     -- listed, and not readable
  missing_ids       text[] not null,     -- the first hundred
  surplus_ids       text[] not null,     -- the first hundred
  provider_minutes  numeric,             -- of the provider's daily totals
  our_minutes       numeric,             -- of the same day
  minutes_state     text check (minutes_state in ('match', 'differs', 'unverifiable')),
  day_offset_hours  int,                 -- where the provider's days seem to begin
  backfill_id       bigint not null,
  run_id            bigint,              -- the run that read the window again
  stale_count       bigint not null default 0,      -- sessions whose state had changed since they were last read
  stale_ids         text[] not null default '{}'    -- the first hundred
);
alter sequence ingest.reconciliations_reconciliation_id_seq owned by ingest.reconciliations.reconciliation_id;
-- The newest result of each window, and its history.
create index reconciliations_by_window
  on ingest.reconciliations (source_id, stream, window_from, window_to, reconciliation_id desc);
comment on table ingest.reconciliations is 'Reconciliation results: stored counts compared with the provider''s own.';


-- 15. Operations -----------------------------------------------------------------------------------------------------

-- Operator commands. They hold nothing personal and no secret.
create sequence ingest.operations_operation_id_seq;
create table ingest.operations (
  operation_id bigint primary key default nextval('ingest.operations_operation_id_seq'),
  requested_at core.instant not null,
  source_id    int references core.sources, -- null: all sources
  stream       text,                        -- null: all streams
  kind         text not null,               -- pause, resume, run, replay, backfill and others
  target       text,                        -- the number of a reject, a range of time
  requested_by text not null,               -- address of the caller, or user and host of the command line
  request_id   text                         -- id of the request, as in the log; null: the command line
);
alter sequence ingest.operations_operation_id_seq owned by ingest.operations.operation_id;
create index operations_by_source on ingest.operations (source_id, operation_id desc);
comment on table ingest.operations is 'Operator commands.';

-- The journal of calls that start something at a provider. A row is written before the call and ended after it; a crash
-- in between leaves `started`, whose result is not known once the deadline has passed. Holds neither addresses and
-- tokens for joining nor texts of the caller. Local to one node: it names sessions without a foreign key.
create sequence ingest.actions_action_id_seq;
create table ingest.actions (
  action_id           bigint primary key default nextval('ingest.actions_action_id_seq'),
  started_at          core.instant not null,
  deadline_at         core.instant not null, -- an end that is not written by then never will be
  ended_at            core.instant,
  session_id          bigint,                -- ours, where the call is about a stored session
  source_id           int not null references core.sources,
  http_status         int,                   -- the provider's; null: no answer
  kind                text not null check (kind in ('generate_summary', 'start_streaming_session')),
  state               text not null default 'started'
                      check (state in ('started', 'succeeded', 'refused', 'postponed', 'unknown')),
  requested_by        text not null,         -- address of the caller; `unknown` where there is none
  request_id          text not null,         -- id of the request, as in the log
  provider_session_id text,
  error_class         text,
  detail              text,                  -- the result in words; holds no part of the request's body
  -- Idempotency-Key and request as hashes, the second salted with the key, which is not stored: a repeated request is
  -- recognized, and neither can be read back. Null again once the key is free.
  key_hash            bytea,
  request_hash        bytea,
  unique (source_id, key_hash),
  check ((key_hash is null) = (request_hash is null)),
  check ((ended_at is null) = (state = 'started'))
);
alter sequence ingest.actions_action_id_seq owned by ingest.actions.action_id;
-- Lists of one source, newest first.
create index actions_by_source on ingest.actions (source_id, action_id desc);


-- 16. Metrics and prices ---------------------------------------------------------------------------------------------

-- Definitions of metrics. The service writes them whenever it migrates; earlier versions stay.
create table ingest.metric_definitions (
  metric_id          text not null,
  definition_version int not null,
  valid_from         core.instant not null,
  label              text not null,
  description        text not null,
  unit               text not null,
  additivity         text not null,
  formula            text not null,
  null_rule          text not null,
  anchor             text not null,
  needs              text not null,
  applies_to         text not null,
  dimensions         text[] not null,
  primary key (metric_id, definition_version)
);
comment on table ingest.metric_definitions is 'Definitions of metrics; earlier versions stay.';

-- The statements of metrics as the service computes them, written with the definitions: one for the dimensions that are
-- columns of a metric's rows, and one for each other dimension.
create table ingest.metric_statements (
  metric_id  text not null,
  dimensions text[] not null,
  statement  text not null,
  primary key (metric_id, dimensions)
);

-- Prices of a minute, a session or a resolution, as the owner entered them. A row is never changed or deleted: a new
-- set of cards ends those that it does not repeat. Cards of one scenario have one currency, and at most one of them is
-- in force for a source, a unit and a pattern at a time; the writer ensures both.
create sequence core.rate_cards_rate_card_id_seq;
create table core.rate_cards (
  rate_card_id   bigint not null default nextval('core.rate_cards_rate_card_id_seq'),
  valid_from     core.instant not null,      -- first start of a session it prices
  valid_to       core.instant,               -- first start after it; null: until further notice
  recorded_at    core.instant not null,
  replaced_at    core.instant,               -- null: it stands
  unit_price     numeric not null check (unit_price >= 0),
  source_id      int not null references core.sources,
  step_minutes   int check (step_minutes > 0),
  scenario       text not null,              -- actual: the price paid; others: alternatives
  unit           text not null check (unit in ('minute', 'session', 'resolution')),
  currency       text not null check (currency ~ '^[A-Z]{3}$'),
  preset_pattern text not null,              -- presets of participants it is for; * stands for any text
  rounding       text not null check (rounding in ('none', 'ceil_per_connection', 'ceil_per_session', 'step')),
  primary key (source_id, rate_card_id),
  check (valid_to > valid_from),
  check ((rounding = 'step') = (step_minutes is not null)),
  check (unit = 'minute' or (rounding = 'none' and preset_pattern = '*'))
);
alter sequence core.rate_cards_rate_card_id_seq owned by core.rate_cards.rate_card_id;
comment on table core.rate_cards is
  'Prices as entered, with the time in which they apply. Rows are only added and ended.';


-- 17. Keys of the API, audit -----------------------------------------------------------------------------------------

-- Keys of API callers. A key itself is never stored: 32 random bytes need no slow hash.
create table ingest.api_keys (
  key_id       text primary key check (key_id ~ '^[0-9a-f]{12}$'), -- the part of the key that finds it
  created_at   core.instant not null,
  expires_at   core.instant,                 -- null: never
  revoked_at   core.instant,
  last_used_at core.instant,                 -- to the minute
  secret_hash  bytea not null check (octet_length(secret_hash) = 32), -- SHA-256 of the whole key
  label        text not null check (label <> ''),
  owner        text not null check (owner <> ''),
  scopes       text[] not null check (cardinality(scopes) > 0),
  source_ids   int[] check (cardinality(source_ids) > 0),             -- null: all sources, also those to come
  replaces     text references ingest.api_keys -- the key that a rotation ended
);
comment on table ingest.api_keys is 'Keys of API callers, by their hashes.';

-- Browsers that signed in with a key. A session can do what its key can, and ends with it.
create table ingest.page_sessions (
  token_hash bytea primary key check (octet_length(token_hash) = 32), -- SHA-256 of what the cookie holds
  key_id     text not null references ingest.api_keys,
  created_at core.instant not null,
  expires_at core.instant not null check (expires_at > created_at)
);
comment on table ingest.page_sessions is 'Browsers that signed in with a key, by hashes of their cookies.';

-- Reads of content, operator commands and refusals, without content. A command has a row before it is executed, and
-- its status afterwards; a row without one is a command whose outcome is unknown.
create sequence ingest.audit_audit_id_seq;
create table ingest.audit (
  audit_id   bigint primary key default nextval('ingest.audit_audit_id_seq'),
  at         core.instant not null,
  kind       text not null check (kind in ('read', 'command', 'refused')),
  caller     text not null, -- label of the key, or user of the command line
  action     text not null, -- method and route, or kind of the operation of the command line
  key_id     text,          -- null: no key
  address    text,          -- of the client; null: the command line
  target     text,          -- path of the request, or target of the operation
  scope      text,
  status     int,           -- HTTP status of the answer; null: not answered, or the command line
  request_id text
);
alter sequence ingest.audit_audit_id_seq owned by ingest.audit.audit_id;
create index audit_by_time on ingest.audit using brin (at);
create index audit_by_key on ingest.audit (key_id, audit_id desc);
comment on table ingest.audit is 'Reads of content, operator commands and refusals.';


-- 18. Erasure of people ----------------------------------------------------------------------------------------------

-- A column with personal data has a comment that begins with this word. The service finds what it erases and exports by
-- these comments; a test fails for a column that may hold such data and has none.
comment on column core.konvo_sessions.contact_id is 'Personal: id of the contact.';
comment on column core.konvo_sessions.external_user_id is 'Personal: id at the channel, often a phone number.';
comment on column core.realtimekit_sessions.meeting_title is 'Personal: free text, may name people.';
comment on column core.trail_steps.step is 'Personal: may hold what the customer wrote.';
comment on column core.messages.body is 'Personal: the text. Null: media, or erased; then char_count stays.';
comment on column core.participants.provider_user_id is 'Personal: the provider''s id of the person.';
comment on column core.participants.custom_participant_id is 'Personal: the customer''s own id of the person.';
comment on column core.participants.display_name is 'Personal: the name.';
comment on column core.transcript_segments.speaker_label is 'Personal: the name of the speaker.';
comment on column core.transcript_segments.body is 'Personal: the text. Empty: erased, where char_count is not 0.';
comment on column core.session_summaries.body is 'Personal: the text. Empty: erased, where word_count is not 0.';

-- Erasures of people, and their proof: rows by table, and in how many rows the person was found again at the end. Hold
-- no identifier once they have ended.
create sequence ingest.erasures_erasure_id_seq;
create table ingest.erasures (
  erasure_id          bigint primary key default nextval('ingest.erasures_erasure_id_seq'),
  source_id           int not null references core.sources,
  requested_at        core.instant not null,
  finished_at         core.instant,               -- null: it runs, and any poller continues it
  progress            bigint not null default 0,  -- sessions up to this number are erased
  deletes_sessions    boolean not null,           -- sessions of the person alone are deleted, not kept as counted
  requested_by        text not null,              -- address of the caller, or user of the command line
  request_id          text,
  sought              jsonb,                      -- identifiers and names to look for at the end; null from then on
  erased_rows         jsonb not null default '{}',
  found_by_identifier jsonb,                      -- rows by table; null: not looked for yet
  found_by_name       jsonb
);
alter sequence ingest.erasures_erasure_id_seq owned by ingest.erasures.erasure_id;
create index erasures_unfinished on ingest.erasures (erasure_id) where finished_at is null;
comment on table ingest.erasures is 'Erasures of people, with the proof of each.';

-- People who were erased, as keyed pseudonyms: records that name them again are stored without them. Rows that stay
-- have another, random pseudonym, so that they are counted as before. A name within a session is an entry too: its
-- pseudonym is of session and name.
create table ingest.erased_people (
  source_id  int not null references core.sources,
  person_id  text not null,   -- the keyed pseudonym
  erased_as  text not null,   -- the random one in the rows that stay
  erasure_id bigint not null,
  primary key (source_id, person_id)
);
create index erased_people_by_replacement on ingest.erased_people (source_id, erased_as);
create index erased_people_by_erasure on ingest.erased_people (erasure_id);

-- Returns which of these people are erased, whether anything of the source may have to be erased again, and the
-- text-search configuration of its texts. Locks the source: an erasure that begins waits for the transaction. The lock
-- is that of the lease, since a lock of core.sources is one on each node of a distributed engine. Volatile, so that the
-- look-up sees what was committed while it waited for the lock.
create function ingest.erased_among(of_source int, people text[])
  returns table (is_any boolean, person_ids text[], erased_as text[], erasures bigint[], deletions boolean[],
                 search_language text)
  language plpgsql
as $$
declare
  retention int;
  words_by text;
begin
  perform from ingest.streams s where s.source_id = of_source and s.stream = 'sessions' for key share;
  select s.content_retention_days, s.search_language into retention, words_by
    from core.sources s where s.source_id = of_source;
  return query
    select retention is not null or exists (select from ingest.erased_people e where e.source_id = of_source),
           coalesce(array_agg(e.person_id), '{}'), coalesce(array_agg(e.erased_as), '{}'),
           coalesce(array_agg(e.erasure_id), '{}'), coalesce(array_agg(r.deletes_sessions), '{}'), words_by
      from ingest.erased_people e
      join ingest.erasures r on r.erasure_id = e.erasure_id
     where e.source_id = of_source and e.person_id = any(people);
end
$$;


-- 18. Alerts ---------------------------------------------------------------------------------------------------------

-- State of each configured alert. Its definition is in the configuration. The claim keeps two instances from evaluating
-- an alert at the same time.
create table ingest.alerts (
  alert_name        text primary key,
  definition_hash   bytea not null,        -- SHA-256 of query and limits: another definition starts from the beginning
  configured_at     core.instant not null, -- since when an instance has it: one that was configured earlier waits
  first_seen_at     core.instant not null, -- buckets that ended before are not evaluated
  evaluated_at      core.instant,
  evaluated_through core.instant,          -- end of the last bucket that was compared or passed over
  crossing_count    int not null default 0, -- buckets in a row that crossed the threshold, up to the last one
  clear_count       int not null default 0, -- the same for buckets that did not
  bucket_from       core.instant,          -- the last bucket that was compared
  bucket_to         core.instant,
  bucket_value      numeric,               -- null: it had no value
  held_from         core.instant,          -- begin of the next bucket, where it could not be compared
  held_reason       text,                  -- status of that bucket, or the code of an error
  claimed_until     core.instant,          -- database clock
  claim_token       uuid,
  check ((claimed_until is null) = (claim_token is null))
) with (fillfactor = 50);
comment on table ingest.alerts is 'State of the configured alerts.';

-- Crossings of a threshold, or of a level of a budget, from the bucket that opened one until it is resolved.
create sequence ingest.alert_incidents_incident_id_seq;
create table ingest.alert_incidents (
  incident_id     bigint primary key default nextval('ingest.alert_incidents_incident_id_seq'),
  alert_name      text not null,
  level_percent   int,                   -- of a budget; null: a threshold
  limit_value     numeric not null,
  bucket_from     core.instant not null, -- the bucket that opened it; the month of a budget
  bucket_to       core.instant not null,
  opened_at       core.instant not null,
  opened_value    numeric not null,
  resolved_at     core.instant,
  resolved_value  numeric,
  resolved_reason text,                  -- cleared, period_ended, definition_changed
  check ((resolved_at is null) = (resolved_reason is null))
);
alter sequence ingest.alert_incidents_incident_id_seq owned by ingest.alert_incidents.incident_id;
create index alert_incidents_by_alert on ingest.alert_incidents (alert_name, incident_id desc);
create unique index alert_incidents_open on ingest.alert_incidents (alert_name)
  where resolved_at is null and level_percent is null;
create unique index alert_incidents_of_budget on ingest.alert_incidents (alert_name, level_percent, bucket_from)
  where level_percent is not null and resolved_reason is distinct from 'definition_changed';
comment on table ingest.alert_incidents is 'Incidents of alerts.';

-- Messages about incidents, written in the transaction that opens or resolves one, and sent until a receiver accepts
-- them. Address and secret of the receiver are in the configuration.
create table ingest.alert_deliveries (
  delivery_id   text primary key,      -- webhook-id: the same at each attempt, so that a receiver recognizes repeats
  alert_name    text not null,
  incident_id   bigint references ingest.alert_incidents on delete cascade, -- null: a test
  event         text not null check (event in ('alert.opened', 'alert.resolved', 'alert.test')),
  body          text not null,         -- as it is signed
  created_at    core.instant not null,
  next_try_at   core.instant,          -- null: accepted, or given up
  accepted_at   core.instant,
  attempt_count int not null default 0,
  claimed_until core.instant           -- an instance sends it until then; database clock
) with (fillfactor = 70);
create index alert_deliveries_due on ingest.alert_deliveries (next_try_at) where next_try_at is not null;
create index alert_deliveries_by_incident on ingest.alert_deliveries (incident_id, created_at);
comment on table ingest.alert_deliveries is 'Messages about incidents of alerts, and tests.';

create table ingest.alert_attempts (
  delivery_id  text not null references ingest.alert_deliveries on delete cascade,
  attempt      int not null,
  attempted_at core.instant not null,
  status       int,                    -- HTTP status; null: no answer
  error        text,                   -- kind of failure without an answer; holds neither address nor secret
  primary key (delivery_id, attempt)
);
comment on table ingest.alert_attempts is 'Attempts to send a message about an incident.';
