-- The cuts of the API and of analysts.
create or replace function analytics.buckets_between(bucket_from timestamptz, bucket_to timestamptz, step interval,
                                                     zone text)
  returns table (bucket_start timestamptz, bucket_end timestamptz)
  language sql stable
begin atomic
  -- Below a day: absolute steps that count from the beginning of each local day, which may have 23 or 25 hours. From a
  -- day up: dates. A date that a zone skipped has no bucket.
  select cut.bucket_start, cut.bucket_end
    from (select start as bucket_start, lead(start, 1, bucket_to) over (order by start) as bucket_end
            from (select distinct greatest(bucket_from, cuts.at) as start
                    from (select g as at
                            from generate_series(analytics.local_date(bucket_from, zone)::timestamp,
                                                 analytics.local_date(bucket_to, zone)::timestamp, interval '1 day') day
                           cross join lateral generate_series(
                                        analytics.start_of_day(day::date, zone),
                                        analytics.start_of_day((day + interval '1 day')::date, zone)
                                        - interval '1 microsecond', step) g
                           where step < interval '1 day'
                          union all
                          select analytics.start_of_day((first.day + n * step)::date, zone)
                            from (select analytics.local_date(bucket_from, zone) as date,
                                         (extract(year from step) * 12 + extract(month from step))::int as months,
                                         extract(day from step)::int as days) asked
                           cross join lateral (
                                 -- units of the calendar begin where the calendar says: weeks on Monday
                                 select case when asked.days = 7 and asked.months = 0
                                             then asked.date - (extract(isodow from asked.date)::int - 1)
                                             when asked.days = 0 and asked.months > 0 and 12 % asked.months = 0
                                             then make_date(extract(year from asked.date)::int,
                                                            (extract(month from asked.date)::int - 1)
                                                            / asked.months * asked.months + 1, 1)
                                             else asked.date end as day) first
                           cross join generate_series(0, (extract(epoch from bucket_to - bucket_from)
                                                          / extract(epoch from step))::int + 2) n
                           where step >= interval '1 day') cuts) starts
           where start < bucket_to) cut
   where cut.bucket_start < cut.bucket_end;
end;

comment on function analytics.buckets_between is
  'Half-open buckets of a range without holes, as the API cuts it. Steps below a day are absolute and count from the '
  'beginning of each local day. Steps of a day or more follow the calendar of the zone: 1 week is the ISO week, 1 month '
  'the calendar month, and so on; other steps count from the first date.';
