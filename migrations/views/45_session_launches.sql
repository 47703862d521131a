-- The session comes by polling, before or after its launch: both have the provider's id.
create or replace view analytics.session_launches as
select l.launched_at::timestamptz as launched_at, s.session_id, l.source_id, src.source_slug as source, src.provider,
       l.provider_session_id, l.quality, l.avatar_id, l.voice_id, l.voice_rate, l.voice_emotion, l.stt_provider,
       l.stt_confidence, l.video_encoding, l.version, l.has_knowledge_base, l.knowledge_base_id,
       l.disable_idle_timeout, l.activity_idle_timeout_seconds, l.session_duration_limit_seconds, l.is_paid
  from core.session_launches l
  join core.sources src using (source_id)
  left join core.sessions s on s.source_id = l.source_id and s.provider_session_id = l.provider_session_id;

comment on view analytics.session_launches is
  'Avatar sessions that were started through this service, and their settings. Sessions started elsewhere have no '
  'row.';
comment on column analytics.session_launches.launched_at is 'Time when the provider was asked to start it.';
comment on column analytics.session_launches.session_id is 'Number of the session; null: it was not polled yet.';
comment on column analytics.session_launches.source_id is 'Number of its source.';
comment on column analytics.session_launches.source is 'Slug of the source.';
comment on column analytics.session_launches.provider is 'Always konpro so far.';
comment on column analytics.session_launches.provider_session_id is 'The provider''s id, verbatim.';
comment on column analytics.session_launches.quality is
  'high (720p), medium (480p) or low (360p); null: left to the provider.';
comment on column analytics.session_launches.avatar_id is 'Requested avatar; null: left to the provider.';
comment on column analytics.session_launches.voice_id is 'Requested voice; null: left to the provider.';
comment on column analytics.session_launches.voice_rate is 'Speed of speech, 1 is normal; null: left to the provider.';
comment on column analytics.session_launches.voice_emotion is 'Emotion of the voice; null: left to the provider.';
comment on column analytics.session_launches.stt_provider is
  'Speech-to-text service: deepgram, gladia or assembly_ai; null: left to the provider.';
comment on column analytics.session_launches.stt_confidence is
  'Least confidence with which recognized speech counts, 0 to 1; null: left to the provider.';
comment on column analytics.session_launches.video_encoding is 'H264 or VP8; null: left to the provider.';
comment on column analytics.session_launches.version is
  'Requested version of the provider''s interface; null: left to the provider.';
comment on column analytics.session_launches.has_knowledge_base is
  'Whether a knowledge base was given as text; the text is not kept.';
comment on column analytics.session_launches.knowledge_base_id is 'Id of the requested knowledge base; null: none.';
comment on column analytics.session_launches.disable_idle_timeout is
  'True: the session does not end by itself when it is idle; null: left to the provider.';
comment on column analytics.session_launches.activity_idle_timeout_seconds is
  'Seconds without activity after which the session ends; null: left to the provider.';
comment on column analytics.session_launches.session_duration_limit_seconds is
  'Longest duration of the session, from the provider''s answer, seconds; null: not reported.';
comment on column analytics.session_launches.is_paid is
  'Whether the session is on a paid plan, from the provider''s answer; null: not reported.';
