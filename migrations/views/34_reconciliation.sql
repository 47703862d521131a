-- The newest result of each window; earlier ones stay in ingest.reconciliations.
create or replace view analytics.reconciliation as
select distinct on (r.source_id, r.stream, r.window_from, r.window_to)
       r.window_from::timestamptz as window_from, r.window_to::timestamptz as window_to, r.source_id,
       src.source_slug as source, src.provider, r.stream, r.checked_at::timestamptz as checked_at, r.state, r.reason,
       r.provider_count as provider_session_count, r.our_count as stored_session_count,
       greatest(r.provider_count - r.our_count, 0) as missing_session_count,
       r.healed_count as healed_session_count, r.surplus_count as surplus_session_count, r.rejected_count,
       r.provider_minutes, r.our_minutes as stored_minutes, r.minutes_state, r.stale_count as stale_session_count
  from ingest.reconciliations r
  join core.sources src using (source_id)
 order by r.source_id, r.stream, r.window_from, r.window_to, r.reconciliation_id desc;

comment on view analytics.reconciliation is
  'Reconciliation results: the provider''s counts compared with the stored ones. One row per source and window, the '
  'newest comparison.';
comment on column analytics.reconciliation.window_from is 'First instant of the window, by creation of sessions.';
comment on column analytics.reconciliation.window_to is 'First instant after the range.';
comment on column analytics.reconciliation.source_id is 'Number of the source.';
comment on column analytics.reconciliation.source is 'Slug of the source.';
comment on column analytics.reconciliation.provider is 'Provider of the source.';
comment on column analytics.reconciliation.stream is 'Kind of record.';
comment on column analytics.reconciliation.checked_at is 'Time of the comparison.';
comment on column analytics.reconciliation.state is
  'match, healed (differed and was corrected), differs, unverifiable (the provider gave no count) or failed (the '
  'request failed).';
comment on column analytics.reconciliation.reason is 'Reason why the counts differ, or the finding.';
comment on column analytics.reconciliation.provider_session_count is
  'Sessions that the provider counts; null: it gave no count.';
comment on column analytics.reconciliation.stored_session_count is 'Stored sessions, after the correction.';
comment on column analytics.reconciliation.missing_session_count is 'Sessions still missing; null: unknown.';
comment on column analytics.reconciliation.healed_session_count is
  'Sessions that were missing and that this comparison stored again.';
comment on column analytics.reconciliation.surplus_session_count is 'Stored sessions that the provider does not list.';
comment on column analytics.reconciliation.rejected_count is
  'Records that the provider lists and that could not be normalized.';
comment on column analytics.reconciliation.provider_minutes is
  'Minutes of that day by the provider''s daily totals; null: it has none.';
comment on column analytics.reconciliation.stored_minutes is
  'Minutes stored of the same day, whose start may differ from UTC; null: not compared.';
comment on column analytics.reconciliation.minutes_state is 'match, differs or unverifiable; null: not compared.';
comment on column analytics.reconciliation.stale_session_count is
  'Stored sessions whose state had changed at the provider since they were last read; this comparison brought them up '
  'to date.';
