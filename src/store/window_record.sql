with merged as (
    delete from ingest.windows
     where $5 and source_id = $1 and stream = $2 and is_complete and window_from <= $4 and window_to >= $3
    returning window_from, window_to
), whole as (
    select least($3, min(window_from)) as window_from, greatest($4, max(window_to)) as window_to from merged
), judged as (
    delete from ingest.windows w using whole
     where w.source_id = $1 and w.stream = $2 and not w.is_complete
       and w.window_from < whole.window_to and w.window_to > whole.window_from
    returning 1
), run as (
    select started_at as at from ingest.runs where $5 and run_id = $9
), seen_before as (
    -- a proven walk has seen the state of every session in its range; what a later run has seen stays
    delete from ingest.state_coverage
     where $5 and source_id = $1 and stream = $2 and window_from <= $4 and window_to >= $3
    returning tstzrange(window_from, window_to) as range, seen_at as at
), later as (
    select coalesce(range_agg(b.range), '{}') as ranges from seen_before b, run where b.at > run.at
), part as (
    select b.at, b.range::tstzmultirange - case when b.at > run.at then '{}' else tstzrange($3, $4)::tstzmultirange end
             as ranges
      from seen_before b, run
    union all
    select run.at, tstzrange($3, $4)::tstzmultirange - later.ranges from run, later
), seen as (
    insert into ingest.state_coverage (source_id, stream, window_from, window_to, seen_at)
    select $1, $2, lower(stretch.range), upper(stretch.range), stretch.at
      from (select part.at, unnest(range_agg(piece)) as range
              from part, unnest(part.ranges) piece group by part.at) stretch
), voided as (
    select ingest.void_acceptances($1, $2, tstzrange(whole.window_from, whole.window_to)::tstzmultirange, $10)
      from whole where $5
), noted as (
    select 1 from ingest.note_changes($1, array[$2], '{}', $12, $13) where $11
)
insert into ingest.windows (source_id, stream, window_from, window_to, is_complete, reason, provider_total,
                            distinct_count, run_id, checked_at)
-- the counts force the deletes and the note to run before the insert
select $1, $2, whole.window_from, whole.window_to, $5, $6, $7, $8, $9, $10
  from whole, (select count(*) from judged) gone, (select count(*) from voided) void,
       (select count(*) from noted) note
on conflict (source_id, stream, is_complete, window_from) do update
   set window_to = excluded.window_to, reason = excluded.reason, provider_total = excluded.provider_total,
       distinct_count = excluded.distinct_count, run_id = excluded.run_id, checked_at = excluded.checked_at
