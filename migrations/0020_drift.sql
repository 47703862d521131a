-- Which documented fields the records of a stream have. A field that nearly all records of a run lack, and that earlier
-- ones had, was renamed or dropped by the provider: the run is incomplete, and what is stored is not blanked.

-- Counted over new and changed records that are expected to have the field; written at the end of a run at most.
create table ingest.field_presence (
  source_id       int not null references core.sources on delete cascade,
  stream          text not null,
  field           text not null,               -- a JSON pointer without positions of lists
  earlier_present bigint not null,             -- records up to the last one that was as usual
  earlier_absent  bigint not null,
  recent_present  bigint not null default 0,   -- records since then
  recent_absent   bigint not null default 0,
  recent_from     core.instant,                -- when the first of these was read
  missing_since   core.instant,                -- null: the field is not missed
  primary key (source_id, stream, field)
);
