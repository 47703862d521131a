-- Texts: another schema, another role.
create or replace view analytics_pii.session_summaries as
select m.session_id, m.source_id, m.format, m.body,
       c.changed_at::timestamptz as changed_at
  from core.session_summaries m
  left join core.session_change_times c on c.source_id = m.source_id and c.session_id = m.session_id;

comment on view analytics_pii.session_summaries is 'Texts of summaries. Personal data.';
comment on column analytics_pii.session_summaries.session_id is 'Number of the session.';
comment on column analytics_pii.session_summaries.source_id is 'Number of its source.';
comment on column analytics_pii.session_summaries.format is 'markdown or text.';
comment on column analytics_pii.session_summaries.body is 'The text.';
comment on column analytics_pii.session_summaries.changed_at is 'As in analytics.sessions.';
