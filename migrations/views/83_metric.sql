-- Runs the published statement, planned for this range. The statement consists of constants of the service.
create or replace function analytics.metric(metric_id text, range_from text, range_to text, step interval default null,
                                            zone text default 'UTC', dimension text default null,
                                            present text default 'now')
  returns table (bucket_start timestamptz, bucket_end timestamptz, dimension_value text, value numeric,
                 numerator numeric, denominator numeric, known_count numeric, unknown_count bigint)
  language plpgsql stable
as $$
declare
  asked_from timestamptz := analytics.instant(range_from, zone);
  asked_to timestamptz := analytics.instant(range_to, zone);
  statement text := (select m.sql from analytics.metric_statements m
                      where m.metric_id = metric.metric_id and coalesce(dimension, 'source') = any(m.dimensions));
begin
  if statement is null then
    raise exception 'there is no metric % by %', metric_id, coalesce(dimension, 'time')
      using hint = 'analytics.metric_definitions lists the metrics and their dimensions', errcode = 'undefined_object';
  end if;
  return query execute statement
    using asked_from, asked_to, coalesce(step, asked_to - asked_from + interval '2 days'), zone, dimension,
          analytics.instant(present, zone);
end
$$;

comment on function analytics.metric is
  'A metric by bucket, and by one of its dimensions if asked: the value that the API gives for proven ranges. Without a '
  'step, one bucket. Ratios have both parts: add these, never values. Instants are texts, as instant reads them. '
  'Sources to which the metric does not apply are left out.';
