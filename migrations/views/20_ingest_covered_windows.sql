-- Proven ranges and the accepted holes between them, merged: what counts as complete.
create or replace view ingest.covered_windows as
select stream.source_id, stream.stream, lower(stream.stretch) as window_from, upper(stream.stretch) as window_to
  from (select known.source_id, known.stream,
               unnest(range_agg(tstzrange(known.window_from, known.window_to))) as stretch
          from (select w.source_id, w.stream, w.window_from, w.window_to from ingest.windows w where w.is_complete
                union all
                select h.source_id, h.stream, h.window_from, h.window_to
                  from ingest.accepted_gaps h where h.reopened_at is null) known
         group by known.source_id, known.stream) stream;

comment on view ingest.covered_windows is
  'Ranges that are proven complete or accepted as they are, by source and stream.';
