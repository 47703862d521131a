-- The service writes the statements whenever it migrates.
create or replace view analytics.metric_statements as
select s.metric_id, s.dimensions, s.statement as sql
  from ingest.metric_statements s;

comment on view analytics.metric_statements is
  'The statement behind each metric, as metric runs it: one for the dimensions that are columns of its rows, one for each '
  'other dimension.';
comment on column analytics.metric_statements.metric_id is 'Name in queries and responses.';
comment on column analytics.metric_statements.dimensions is 'Dimensions that the statement can be run with.';
comment on column analytics.metric_statements.sql is
  'The statement. $1 and $2: the range, timestamptz; $3: the step, interval; $4: the zone, text; $5: a dimension or null, '
  'text; $6: the present, timestamptz.';
