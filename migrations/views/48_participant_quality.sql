-- The join to the presence is on a unique key: a query that names none of its columns does not pay for it.
create or replace view analytics.participant_quality as
select p.joined_at::timestamptz as joined_at, p.participant_id, q.session_id, q.source_id,
       src.source_slug as source, src.provider, q.provider_participant_id, q.has_report,
       q.audio_out_mos_avg as audio_mos_avg,
       q.audio_out_mos_avg, q.audio_out_mos_p50, q.audio_out_mos_p75, q.audio_out_mos_p90, q.audio_out_packet_loss_avg,
       q.audio_out_loss_over_5_rate, q.audio_out_loss_over_10_rate, q.audio_out_loss_over_25_rate,
       q.audio_out_loss_over_50_rate, q.audio_out_rtt_ms_avg, q.audio_out_rtt_over_100_rate,
       q.audio_out_rtt_over_250_rate, q.audio_out_rtt_over_500_rate,
       q.audio_in_mos_avg, q.audio_in_mos_p50, q.audio_in_mos_p75, q.audio_in_mos_p90, q.audio_in_packet_loss_avg,
       q.audio_in_loss_over_5_rate, q.audio_in_loss_over_10_rate, q.audio_in_loss_over_25_rate,
       q.audio_in_loss_over_50_rate, q.audio_in_rtt_ms_avg, q.audio_in_rtt_over_100_rate,
       q.audio_in_rtt_over_250_rate, q.audio_in_rtt_over_500_rate,
       q.video_out_mos_avg, q.video_out_packet_loss_avg, q.video_out_rtt_ms_avg, q.video_out_fps_avg,
       q.video_in_mos_avg, q.video_in_packet_loss_avg, q.video_in_rtt_ms_avg, q.video_in_fps_avg,
       q.country_code, q.device_os, q.is_mobile, q.network_type, q.used_turn, q.sdk_name, q.sdk_version,
       q.fetched_at::timestamptz as fetched_at, c.changed_at::timestamptz as changed_at
  from core.participant_quality q
  left join core.session_change_times c on c.source_id = q.source_id and c.session_id = q.session_id
  join core.sources src on src.source_id = q.source_id
  -- on a unique key: a query that names none of its columns does not pay for it
  left join core.participants p on p.source_id = q.source_id and p.session_id = q.session_id
                               and p.provider_participant_id = q.provider_participant_id;

comment on view analytics.participant_quality is
  'One row for each presence whose quality report was requested. No address, no place below the country.';
comment on column analytics.participant_quality.joined_at is 'Time when the presence began.';
comment on column analytics.participant_quality.participant_id is 'Number of the presence; joins participants.';
comment on column analytics.participant_quality.session_id is 'Number of the session.';
comment on column analytics.participant_quality.source_id is 'Number of its source.';
comment on column analytics.participant_quality.source is 'Slug of the source.';
comment on column analytics.participant_quality.provider is 'Provider of the source.';
comment on column analytics.participant_quality.provider_participant_id is 'The provider''s id of the presence.';
comment on column analytics.participant_quality.has_report is
  'False: the provider has no statistics for it, or its report lacks a usual field; all values are null. No row: '
  'never requested.';
comment on column analytics.participant_quality.audio_mos_avg is
  'Sound sent, as others heard it: mean opinion score 1 to 5, average; the same as audio_out_mos_avg.';
comment on column analytics.participant_quality.audio_out_mos_avg is
  'Sound sent: mean opinion score 1 to 5, average; null: not measured.';
comment on column analytics.participant_quality.audio_out_mos_p50 is 'Sound sent: mean opinion score, median.';
comment on column analytics.participant_quality.audio_out_mos_p75 is 'Sound sent: mean opinion score, 75th percentile.';
comment on column analytics.participant_quality.audio_out_mos_p90 is 'Sound sent: mean opinion score, 90th percentile.';
comment on column analytics.participant_quality.audio_out_packet_loss_avg is
  'Sound sent: lost packets, share of all, 0 to 1.';
comment on column analytics.participant_quality.audio_out_loss_over_5_rate is
  'Sound sent: share of samples with 5 % loss or more, 0 to 1.';
comment on column analytics.participant_quality.audio_out_loss_over_10_rate is
  'Sound sent: share of samples with 10 % loss or more, 0 to 1.';
comment on column analytics.participant_quality.audio_out_loss_over_25_rate is
  'Sound sent: share of samples with 25 % loss or more, 0 to 1.';
comment on column analytics.participant_quality.audio_out_loss_over_50_rate is
  'Sound sent: share of samples with 50 % loss or more, 0 to 1.';
comment on column analytics.participant_quality.audio_out_rtt_ms_avg is
  'Sound sent: round trip, milliseconds, average.';
comment on column analytics.participant_quality.audio_out_rtt_over_100_rate is
  'Sound sent: share of samples with a round trip of 100 ms or more, 0 to 1.';
comment on column analytics.participant_quality.audio_out_rtt_over_250_rate is
  'Sound sent: share of samples with a round trip of 250 ms or more, 0 to 1.';
comment on column analytics.participant_quality.audio_out_rtt_over_500_rate is
  'Sound sent: share of samples with a round trip of 500 ms or more, 0 to 1.';
comment on column analytics.participant_quality.audio_in_mos_avg is
  'Sound received: mean opinion score 1 to 5, average; null: not measured.';
comment on column analytics.participant_quality.audio_in_mos_p50 is 'Sound received: mean opinion score, median.';
comment on column analytics.participant_quality.audio_in_mos_p75 is
  'Sound received: mean opinion score, 75th percentile.';
comment on column analytics.participant_quality.audio_in_mos_p90 is
  'Sound received: mean opinion score, 90th percentile.';
comment on column analytics.participant_quality.audio_in_packet_loss_avg is
  'Sound received: lost packets, share of all, 0 to 1.';
comment on column analytics.participant_quality.audio_in_loss_over_5_rate is
  'Sound received: share of samples with 5 % loss or more, 0 to 1.';
comment on column analytics.participant_quality.audio_in_loss_over_10_rate is
  'Sound received: share of samples with 10 % loss or more, 0 to 1.';
comment on column analytics.participant_quality.audio_in_loss_over_25_rate is
  'Sound received: share of samples with 25 % loss or more, 0 to 1.';
comment on column analytics.participant_quality.audio_in_loss_over_50_rate is
  'Sound received: share of samples with 50 % loss or more, 0 to 1.';
comment on column analytics.participant_quality.audio_in_rtt_ms_avg is
  'Sound received: round trip, milliseconds, average.';
comment on column analytics.participant_quality.audio_in_rtt_over_100_rate is
  'Sound received: share of samples with a round trip of 100 ms or more, 0 to 1.';
comment on column analytics.participant_quality.audio_in_rtt_over_250_rate is
  'Sound received: share of samples with a round trip of 250 ms or more, 0 to 1.';
comment on column analytics.participant_quality.audio_in_rtt_over_500_rate is
  'Sound received: share of samples with a round trip of 500 ms or more, 0 to 1.';
comment on column analytics.participant_quality.video_out_mos_avg is
  'Picture sent: mean opinion score 1 to 5, average; null: not measured.';
comment on column analytics.participant_quality.video_out_packet_loss_avg is
  'Picture sent: lost packets, share of all, 0 to 1.';
comment on column analytics.participant_quality.video_out_rtt_ms_avg is
  'Picture sent: round trip, milliseconds, average.';
comment on column analytics.participant_quality.video_out_fps_avg is 'Picture sent: pictures a second, average.';
comment on column analytics.participant_quality.video_in_mos_avg is
  'Picture received: mean opinion score 1 to 5, average; null: not measured.';
comment on column analytics.participant_quality.video_in_packet_loss_avg is
  'Picture received: lost packets, share of all, 0 to 1.';
comment on column analytics.participant_quality.video_in_rtt_ms_avg is
  'Picture received: round trip, milliseconds, average.';
comment on column analytics.participant_quality.video_in_fps_avg is 'Picture received: pictures a second, average.';
comment on column analytics.participant_quality.country_code is 'Country, ISO 3166 alpha-2; null: not reported.';
comment on column analytics.participant_quality.device_os is 'Operating system, without version.';
comment on column analytics.participant_quality.is_mobile is 'Whether it was a mobile device.';
comment on column analytics.participant_quality.network_type is 'Kind of network: 4g, wifi.';
comment on column analytics.participant_quality.used_turn is 'Whether media went through a relay.';
comment on column analytics.participant_quality.sdk_name is 'Name of the client library.';
comment on column analytics.participant_quality.sdk_version is 'Version of the client library.';
comment on column analytics.participant_quality.fetched_at is 'Time when the report was fetched.';
comment on column analytics.participant_quality.changed_at is
  'Time when a row of its session last changed, in any view; see changes_complete_through.';
