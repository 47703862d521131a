-- Sources that can be renamed, merged and removed, and call budgets that follow what a provider states.

-- The slug that pseudonyms are made with: it stays when the source gets another name, so that people stay the same.
alter table core.sources add column pseudonym_slug text;
update core.sources set pseudonym_slug = source_slug;
alter table core.sources alter column pseudonym_slug set not null;

-- Recognizes an account that is told apart by its credential alone: the first six bytes of an HMAC under the key for
-- pseudonyms. Too short to tell a right guess from a wrong one, and useless without that key. Null: not known yet.
alter table core.sources add column credential_fingerprint text;

-- Whether requests_per_minute is a ceiling that an operator set; else it is the rate that holds where the provider
-- states none.
alter table ingest.call_budgets add column is_set_by_hand boolean not null default false;
-- The pace by the provider's stated policies alone. It replaces the other one until lifted_until, by the pollers'
-- clock: a policy that is no longer stated stops lifting the pace after one of its windows. Null: nothing lifts it.
alter table ingest.call_budgets add column lifted_until core.instant;
alter table ingest.call_budgets add column lifted_spacing_us bigint check (lifted_spacing_us > 0);
alter table ingest.call_budgets add column lifted_burst int check (lifted_burst > 0);

-- When quota and window were last stated, by the pollers' clock.
alter table ingest.call_quotas add column stated_at core.instant;

-- Steady rate and burst of a budget: from its own rate and every stated quota, and from the stated quotas alone. The
-- strictest counts. A burst of b and a refill of limit - b in each window never let a window, wherever it begins, hold
-- more than the limit. A quota of a longer time than ten minutes says nothing about the minutes, and lifts no pace.
create or replace function ingest.set_pace(of_budget text) returns void
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

-- Takes as many of the wanted calls as may begin now, or returns how long to wait for the first: exactly one of
-- call_number, wait_us and stated_until is not null. The calls taken have the numbers from call_number on. No row:
-- there is no such budget. Urgent calls may empty the bucket; depth leaves a fifth of it, backfill half.
drop function ingest.reserve_call;
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

-- Keeps what the answer to a call said. What is left of a window is kept as the number of the last call that may be
-- made in it: so calls under way are counted, of all instances. A lower limit holds at once, a higher one when the
-- lower one was not stated for one of its windows: gateways that state two limits in turn never lift the pace. Where a
-- limit falls and nothing says what is left, calls wait until the window that saw the old pace has room under the new
-- limit.
create or replace function ingest.observe_call(of_budget text, answered_call bigint, app_now timestamptz,
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
