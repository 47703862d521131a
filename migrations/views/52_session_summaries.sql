-- The text may be personal: see analytics_pii.
create or replace view analytics.session_summaries as
select s.started_at::timestamptz as started_at, m.session_id, m.source_id, src.source_slug as source, src.provider,
       m.word_count, m.format, m.fetched_at::timestamptz as fetched_at, c.changed_at::timestamptz as changed_at
  from core.session_summaries m
  left join core.session_change_times c on c.source_id = m.source_id and c.session_id = m.session_id
  join core.sources src on src.source_id = m.source_id
  left join core.sessions s on s.source_id = m.source_id and s.session_id = m.session_id;

comment on view analytics.session_summaries is
  'One row per summary, without its text (see analytics_pii.session_summaries).';
comment on column analytics.session_summaries.started_at is 'Time when the session began.';
comment on column analytics.session_summaries.session_id is 'Number of the session.';
comment on column analytics.session_summaries.source_id is 'Number of its source.';
comment on column analytics.session_summaries.source is 'Slug of the source.';
comment on column analytics.session_summaries.provider is 'Provider of the source.';
comment on column analytics.session_summaries.word_count is 'Words.';
comment on column analytics.session_summaries.format is 'markdown or text.';
comment on column analytics.session_summaries.fetched_at is 'Time when it was fetched.';
comment on column analytics.session_summaries.changed_at is
  'Time when a row of its session last changed, in any view; see changes_complete_through.';
