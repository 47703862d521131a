-- Call budgets: what one account at a provider may be asked, shared by all sources, streams and instances.
-- Local to one node, like leases: a grant is one short update of one row.

create table ingest.call_budgets (
  full_at             core.instant not null default '2000-01-01 00:00:00+00', -- when the bucket is full; the database's time
  live_until          core.instant,           -- until then the next token is left to urgent calls; the database's time
  blocked_until       core.instant,           -- no call before this: the provider's word, by the pollers' clock
  spacing_us          bigint not null check (spacing_us > 0), -- time between two calls at the steady rate
  call_count          bigint not null default 0,  -- calls granted so far: the number of the last
  answered_count      bigint not null default 0,  -- greatest number of a call that was answered
  requests_per_minute int not null check (requests_per_minute > 0),
  share_permille      int not null check (share_permille between 1 and 1000), -- our part of what the provider states
  burst               int not null check (burst > 0),
  budget_key          text primary key       -- host and account; never a credential, nor anything made of one
) with (fillfactor = 20, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);

-- What the provider last said about each of its quotas.
create table ingest.call_quotas (
  resets_at      core.instant,               -- when the next window begins, by the pollers' clock
  last_call      bigint,                     -- number of the last call that may be made before that
  quota          bigint check (quota > 0),   -- calls in a window; null: not said
  window_seconds bigint check (window_seconds > 0),
  remaining      bigint,                     -- calls left in the window, whoever makes them
  budget_key     text not null references ingest.call_budgets on delete cascade,
  quota_name     text not null,
  primary key (budget_key, quota_name)
) with (fillfactor = 20, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);

-- Which budget a source's calls are counted in; null: none was made yet.
alter table core.sources add column budget_key text;

-- Steady rate and burst of a budget, from its ceiling and every stated quota: the strictest counts. A burst of b and
-- a refill of limit - b in each window never let a window, wherever it begins, hold more than the limit.
create function ingest.set_pace(of_budget text) returns void
  language sql
as $$
  update ingest.call_budgets b
     set burst = pace.burst, spacing_us = pace.spacing_us
    from (select min(l.burst)::int as burst,
                 max(ceil(l.window_us / greatest(l.calls - l.burst, 1)::numeric))::bigint as spacing_us
            from (select s.calls, s.window_us, greatest(s.calls / 40, 1) as burst
                    from (select c.requests_per_minute::bigint as calls, 60000000::bigint as window_us
                            from ingest.call_budgets c where c.budget_key = of_budget
                          union all
                          select greatest(q.quota * c.share_permille / 1000, 1), q.window_seconds * 1000000
                            from ingest.call_quotas q
                            join ingest.call_budgets c on c.budget_key = q.budget_key
                           where q.budget_key = of_budget and q.quota is not null and q.window_seconds is not null) s) l) pace
   where b.budget_key = of_budget and (b.burst, b.spacing_us) is distinct from (pace.burst, pace.spacing_us)
$$;

-- Takes a call, or says how long to wait: exactly one of call_number, wait_us and stated_until is not null. No row:
-- there is no such budget. Urgent calls may empty the bucket; depth leaves a fifth of it, backfill half.
create function ingest.reserve_call(of_budget text, priority text, app_now timestamptz,
                                    db_now timestamptz default clock_timestamp())
  returns table (call_number bigint, wait_us bigint, step_us bigint, stated_until timestamptz)
  language plpgsql
as $$
declare
  b ingest.call_budgets;
  kept bigint;
  open_at timestamptz;
  until timestamptz;
begin
  -- what a crash of the server may lose are the calls of its last moment: not worth a wait for the disk
  perform set_config('synchronous_commit', 'off', true);
  select * into b from ingest.call_budgets c where c.budget_key = of_budget for update;
  if not found then
    return;
  end if;
  select max(stated.at) into until
    from (select b.blocked_until as at
          union all
          select q.resets_at from ingest.call_quotas q
           where q.budget_key = of_budget and q.last_call <= b.call_count) stated
   where stated.at > app_now;
  if until is not null then
    return query select null::bigint, null::bigint, b.spacing_us, until;
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
    return query select null::bigint, (extract(epoch from open_at - db_now) * 1000000)::bigint, b.spacing_us,
                        null::timestamptz;
    return;
  end if;
  update ingest.call_budgets c
     set full_at = greatest(c.full_at, db_now) + c.spacing_us * interval '1 microsecond', call_count = c.call_count + 1
   where c.budget_key = of_budget;
  return query select b.call_count + 1, null::bigint, b.spacing_us, null::timestamptz;
end
$$;

-- Keeps what the answer to a call said. What is left of a window is kept as the number of the last call that may be
-- made in it: so calls under way are counted, of all instances.
create function ingest.observe_call(of_budget text, answered_call bigint, app_now timestamptz, block_until timestamptz,
                                    names text[], quotas bigint[], windows bigint[], remainings bigint[],
                                    resets timestamptz[])
  returns void
  language plpgsql
as $$
declare
  b ingest.call_budgets;
  said record;
  q ingest.call_quotas;
  ours bigint;
begin
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
    q.quota := coalesce(said.quota, q.quota);
    q.window_seconds := coalesce(said.window_seconds, q.window_seconds);
    if said.remaining is not null and said.resets_at is not null then
      ours := said.remaining - coalesce(q.quota - q.quota * b.share_permille / 1000, 0);
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
    insert into ingest.call_quotas as k (budget_key, quota_name, quota, window_seconds, remaining, last_call, resets_at)
    values (of_budget, said.name, q.quota, q.window_seconds, q.remaining, q.last_call, q.resets_at)
    on conflict (budget_key, quota_name) do update
       set quota = excluded.quota, window_seconds = excluded.window_seconds, remaining = excluded.remaining,
           last_call = excluded.last_call, resets_at = excluded.resets_at;
  end loop;
  perform ingest.set_pace(of_budget);
end
$$;
