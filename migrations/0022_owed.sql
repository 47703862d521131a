-- Content that a task owes: what a fault kept from being read, until it is read or given up.

alter table ingest.artifact_tasks
  add column owed_since   core.instant,       -- first fault since content was last read; null: nothing is owed
  add column agreed_since core.instant,       -- since when each try has met the same reason; two such tries a day apart agree
  add column tries        int not null default 0 check (tries >= 0);  -- tries in a row that brought nothing; of an owed task, since owed_since
-- Health and the verdict of a run count what is owed by its reason, also where no task is due.
create index artifact_tasks_owed on ingest.artifact_tasks (source_id, stream, reason)
  include (next_try_at) where owed_since is not null;
