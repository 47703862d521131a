-- Joined by the provider's id, which stays the same where a session gets another number.
create or replace view analytics.session_changes as
select c.changed_at::timestamptz as changed_at, s.session_id, c.source_id, src.source_slug as source, src.provider,
       c.provider_session_id, c.field, c.old_value, c.new_value, c.provider_time::timestamptz as provider_time,
       c.run_id, c.change_id
  from ingest.session_changes c
  join core.sources src using (source_id)
  left join core.sessions s on s.source_id = c.source_id and s.provider_session_id = c.provider_session_id;

comment on view analytics.session_changes is
  'Changes of sessions after they were first stored: one row per field. No texts, no personal data.';
comment on column analytics.session_changes.changed_at is 'Time when the change was stored here.';
comment on column analytics.session_changes.session_id is 'Number of the session; null: it is no longer stored.';
comment on column analytics.session_changes.source_id is 'Number of its source.';
comment on column analytics.session_changes.source is 'Slug of the source.';
comment on column analytics.session_changes.provider is 'Provider of the source.';
comment on column analytics.session_changes.provider_session_id is 'The provider''s id, verbatim.';
comment on column analytics.session_changes.field is
  'The changed column of sessions; provider_minutes for the minutes that the provider meters.';
comment on column analytics.session_changes.old_value is
  'The earlier value as text; instants in RFC 3339, UTC. Null: not known before.';
comment on column analytics.session_changes.new_value is 'The new value as text, as old_value. Null: no longer known.';
comment on column analytics.session_changes.provider_time is 'Time when the provider changed it; null: not reported.';
comment on column analytics.session_changes.run_id is 'Number of the run that stored it.';
comment on column analytics.session_changes.change_id is 'Number of the change in this database; increments.';
