-- The step itself may hold personal data and stays in core.trail_steps.
create or replace view analytics.session_trail_steps as
select s.started_at::timestamptz as started_at, t.session_id, t.source_id, src.source_slug as source, src.provider,
       t.step_number, t.step_type, s.is_deleted_at_provider, c.changed_at::timestamptz as changed_at
  from core.trail_steps t
  left join core.session_change_times c on c.source_id = t.source_id and c.session_id = t.session_id
  join core.sources src on src.source_id = t.source_id
  left join core.sessions s on s.source_id = t.source_id and s.session_id = t.session_id;

comment on view analytics.session_trail_steps is
  'Konvo: the path of a chat through the AI''s skills, one row per step.';
comment on column analytics.session_trail_steps.started_at is 'Time when the session began.';
comment on column analytics.session_trail_steps.session_id is 'Number of the session.';
comment on column analytics.session_trail_steps.source_id is 'Number of its source.';
comment on column analytics.session_trail_steps.source is 'Slug of the source.';
comment on column analytics.session_trail_steps.provider is 'Always konvo so far.';
comment on column analytics.session_trail_steps.step_number is 'Place in the trail, from 1.';
comment on column analytics.session_trail_steps.step_type is 'Kind of step; null: the step has an undocumented form.';
comment on column analytics.session_trail_steps.is_deleted_at_provider is
  'True once the provider no longer lists the session; metrics leave it out.';
comment on column analytics.session_trail_steps.changed_at is
  'Time when a row of its session last changed, in any view; see changes_complete_through.';
