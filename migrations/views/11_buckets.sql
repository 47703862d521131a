-- Buckets of the API and of analysts: one rule for clock changes.
create or replace function analytics.buckets(bucket_from timestamptz, bucket_to timestamptz, step interval,
                                             zone text)
  returns table (bucket_start timestamptz, bucket_end timestamptz)
  language sql stable
begin atomic
  -- below a day: absolute steps, so that a day may have 23 or 25 hours
  select g, least(g + step, bucket_to)
    from generate_series(bucket_from, bucket_to - interval '1 microsecond', step) g
   where step < interval '1 day'
  union all
  -- From a day up: local dates, counted from the first one (31 January + 2 months is 31 March). A date begins at its
  -- first instant: the earlier of two midnights where clocks fall back over midnight, the end of the jump where they
  -- jump over it. A date that a zone skipped has no bucket.
  select cut.bucket_start, cut.bucket_end
    from (select start as bucket_start, lead(start, 1, bucket_to) over (order by start) as bucket_end
            from (select distinct greatest(bucket_from,
                         case when (late - interval '1 hour') at time zone zone = midnight then late - interval '1 hour'
                              when (late - interval '30 minutes') at time zone zone = midnight
                              then late - interval '30 minutes'
                              else late end) as start
                    from generate_series(0, (extract(epoch from bucket_to - bucket_from)
                                             / extract(epoch from step))::int + 2) n
                   cross join lateral (select (bucket_from at time zone zone)::date + n * step as midnight) d
                   cross join lateral (select midnight at time zone zone as late) l) starts
           where start < bucket_to) cut
   where step >= interval '1 day' and cut.bucket_start < cut.bucket_end;
end;

comment on function analytics.buckets is
  'Half-open buckets of a range, without holes. Steps below a day are absolute; steps of a day or more follow the '
  'calendar of the zone.';
