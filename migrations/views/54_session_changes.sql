create or replace view analytics.session_changes as
select c.changed_at::timestamptz as changed_at, s.session_id, c.source_id, src.source_slug as source, src.provider,
       c.provider_session_id, c.field, c.old_value, c.new_value, c.provider_time::timestamptz as provider_time,
       c.run_id, c.change_id
  from ingest.session_changes c
  join core.sources src using (source_id)
  left join core.sessions s on s.source_id = c.source_id and s.provider_session_id = c.provider_session_id;

comment on view analytics.session_changes is
  'What changed about a session after it was first stored: one row per field. No texts, no personal data.';
comment on column analytics.session_changes.changed_at is 'When the change was stored here.';
comment on column analytics.session_changes.session_id is 'The session; null: it is stored no longer.';
comment on column analytics.session_changes.source_id is 'Its source.';
comment on column analytics.session_changes.source is 'Slug of the source.';
comment on column analytics.session_changes.provider is 'konpro, konvo or realtimekit.';
comment on column analytics.session_changes.provider_session_id is 'The providers id, to the letter.';
comment on column analytics.session_changes.field is
  'What changed: a column of sessions, provider_minutes for what the provider meters.';
comment on column analytics.session_changes.old_value is 'As text; instants in RFC 3339, UTC. Null: not known before.';
comment on column analytics.session_changes.new_value is 'As old_value. Null: not known any more.';
comment on column analytics.session_changes.provider_time is 'When the provider changed it; null: it does not say.';
comment on column analytics.session_changes.run_id is 'The run that brought it.';
comment on column analytics.session_changes.change_id is 'Our number; grows.';
