-- Readiness compares it with the version that the program reads.
create or replace view analytics.contract_version as select 1 as contract_version;

comment on view analytics.contract_version is 'Version of the analytics schema: see docs/analysts.md.';
comment on column analytics.contract_version.contract_version is
  'Increments when a column is removed; added columns do not change it.';
