-- Texts: another schema, another role.
create or replace view analytics_pii.session_summaries as
select m.session_id, m.source_id, m.format, m.body
  from core.session_summaries m;

comment on view analytics_pii.session_summaries is 'Texts of summaries. Personal data.';
comment on column analytics_pii.session_summaries.session_id is 'Number of the session.';
comment on column analytics_pii.session_summaries.source_id is 'Number of its source.';
comment on column analytics_pii.session_summaries.format is 'markdown or text.';
comment on column analytics_pii.session_summaries.body is 'The text.';
