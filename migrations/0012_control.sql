-- What operators told about each stream, lists and what is fetched session by session alike: that it rests, and that
-- it is to run at once. A line appears once somebody said anything; pollers look here every second, so it stays small.
-- Who said what and when is in ingest.operations.
create table ingest.controls (
  source_id int not null references core.sources,
  stream    text not null,
  paused_at core.instant, -- null: it is polled
  paused_by text,
  due_at    core.instant, -- a run was asked for; emptied by the run that begins
  primary key (source_id, stream),
  check ((paused_at is null) = (paused_by is null))
) with (fillfactor = 50);
comment on table ingest.controls is 'Which streams are paused, and which are to run at once.';

insert into ingest.controls (source_id, stream, paused_at, paused_by)
select source_id, stream, now(), 'unknown' from ingest.streams where is_paused;
alter table ingest.streams drop column is_paused;
