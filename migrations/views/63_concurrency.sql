-- Changes of one along time, summed: ends before starts, since the changes of one instant are added first. Each bucket
-- begins with a change of zero, which carries the level of earlier sessions into it.
create or replace function analytics.concurrency(range_from text, range_to text, step interval,
                                      zone text default 'UTC', only_source text default null)
  returns table (bucket_start timestamptz, bucket_end timestamptz, provider text, peak int, average numeric)
  language plpgsql stable set plan_cache_mode = force_custom_plan
as $$
-- Variables, so that texts are read once and the range is known when the query is planned.
#variable_conflict use_column
declare
  asked_from timestamptz := analytics.instant(range_from, zone);
  asked_to timestamptz := analytics.instant(range_to, zone);
begin
  return query
  with cut as (
    select b.bucket_start, b.bucket_end, least(b.bucket_end, now()) as counted_to,
           (row_number() over (order by b.bucket_start))::int as bucket
      from analytics.buckets_between(asked_from, asked_to, step, zone) b
  ), span as (
    select s.provider collate "C" as provider, s.started_at, s.effective_ended_at as ended_at
      from analytics.sessions s
     where s.started_at < asked_to and s.effective_ended_at > asked_from and s.effective_ended_at > s.started_at
       and (s.ended_at > asked_from or s.session_state in ('live', 'open'))
       and s.is_counted
       and (only_source is null or s.source = only_source)
  ), change as (
    select span.provider, span.started_at as at, 1 as change from span
    union all select span.provider, span.ended_at, -1 from span
    union all select who.provider, cut.bucket_start, 0
                from (select distinct src.provider collate "C" as provider from analytics.sources src
                       where only_source is null or src.source = only_source) who
               cross join cut
  ), level as (
    select change.provider, change.at,
           sum(sum(change.change)) over (partition by change.provider order by change.at) as level,
           lead(change.at) over (partition by change.provider order by change.at) as next_at
      from change group by change.provider, change.at
  ), placed as (
    select level.*, width_bucket(level.at, (select array_agg(cut.bucket_start order by cut.bucket_start) from cut))
             as bucket
      from level where level.at >= asked_from and level.at < asked_to
  )
  select min(cut.bucket_start), min(cut.bucket_end), placed.provider, max(placed.level)::int,
         round(sum(placed.level * extract(epoch from greatest(least(placed.next_at, cut.counted_to) - placed.at,
                                                              interval '0')))
               / nullif(extract(epoch from greatest(min(cut.counted_to) - min(cut.bucket_start), interval '0')), 0), 9)
    from placed
    join cut using (bucket)
   group by placed.bucket, placed.provider
   order by placed.bucket, placed.provider;
end
$$;

comment on function analytics.concurrency is
  'Greatest and average number of simultaneous sessions in each bucket, by provider. A session counts from started_at '
  'to effective_ended_at. Sessions without length or known end, breakout rooms and deleted sessions do not count. The '
  'future part of a bucket does not count; a bucket in the future has no average. Peaks must not be added: the peak '
  'of two providers is not the sum of their peaks.';
