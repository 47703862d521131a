-- A list that goes by time of change names each change, so its state is as old as the end of what is proven. A list
-- that goes by creation is as old as the last reading of each range; null: not read since its creation was proven.
create or replace view ingest.state_ranges as
with lists as not materialized (
  select w.source_id, w.stream, w.window_from::timestamptz as window_from, w.window_to::timestamptz as window_to,
         min(w.window_to::timestamptz) over (partition by w.source_id, w.stream) as first_end,
         exists (select from ingest.source_facts f
                  where f.source_id = w.source_id and f.name = 'filter_meaning' and f.value = 'updated') as is_by_change
    from ingest.windows w
   where w.is_complete)
select source_id, stream, window_from as range_from, window_to as range_to, first_end as seen_at
  from lists where is_by_change
union all
select l.source_id, l.stream, greatest(l.window_from, c.window_from), least(l.window_to, c.window_to),
       c.seen_at::timestamptz
  from lists l
  join ingest.state_coverage c on c.source_id = l.source_id and c.stream = l.stream
                              and c.window_from < l.window_to and c.window_to > l.window_from
 where not l.is_by_change
union all
select l.source_id, l.stream, lower(hole), upper(hole), null
  from lists l
 cross join lateral unnest(
         tstzmultirange(tstzrange(l.window_from, l.window_to))
         - coalesce((select range_agg(tstzrange(c.window_from, c.window_to)) from ingest.state_coverage c
                      where c.source_id = l.source_id and c.stream = l.stream
                        and c.window_from < l.window_to and c.window_to > l.window_from), '{}')) hole
 where not l.is_by_change;

comment on view ingest.state_ranges is
  'Ranges that are proven complete, split by the time when their state was last seen.';
