-- What analysts write: see instant. Sub-queries, so that each text is read once.
create or replace function analytics.buckets(range_from text, range_to text, step interval, zone text)
  returns table (bucket_start timestamptz, bucket_end timestamptz)
  language sql stable
begin atomic
  select b.bucket_start, b.bucket_end
    from analytics.buckets_between((select analytics.instant(range_from, zone)),
                                   (select analytics.instant(range_to, zone)), step, zone) b;
end;

comment on function analytics.buckets is
  'As buckets_between, from texts as instant reads them: dates are dates of the zone.';
