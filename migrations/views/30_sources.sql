-- Configured accounts.
create or replace view analytics.sources as
select source_id, source_slug as source, provider, minutes_basis, has_outcomes, message_support,
       session_kinds, history_from::timestamptz as history_from, is_enabled, session_streams, human_steps
  from core.sources
 -- of a source that is being removed nothing counts any more
 where removed_at is null;

comment on view analytics.sources is 'Configured accounts, and the data that their provider has.';
comment on column analytics.sources.source_id is 'Number of the source in this database; leads every key.';
comment on column analytics.sources.source is 'Slug of the source.';
comment on column analytics.sources.provider is 'Provider of the source.';
comment on column analytics.sources.minutes_basis is
  'The time that its metered minutes measure: participant_time or session_time; null: it meters nothing.';
comment on column analytics.sources.has_outcomes is
  'Whether the provider reports if a conversation was resolved; false: resolution is not applicable.';
comment on column analytics.sources.message_support is
  'inline: messages come with the session; per_session: they are fetched after its end; not_fetched: the provider has '
  'them, they are unknown; none: not applicable.';
comment on column analytics.sources.session_kinds is
  'Kinds of session that it can have: avatar, chat, meeting, livestream.';
comment on column analytics.sources.history_from is 'Start of the history: older records are not requested.';
comment on column analytics.sources.is_enabled is 'Whether the source is still configured.';
comment on column analytics.sources.session_streams is
  'Streams that are fetched session by session: participants, chat, transcript, summary, quality; empty: none.';
comment on column analytics.sources.human_steps is
  'Kinds of trail step, skills and origins of messages that mean that a human took over, as configured. Empty: not '
  'configured, and is_handed_off is null.';
