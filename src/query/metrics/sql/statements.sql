-- sessions by day and provider, scan 1
select b.bucket, x.*
  from unnest(array[timestamptz '2026-11-18T00:00:00+01:00', timestamptz '2026-11-19T00:00:00+01:00', timestamptz '2026-11-20T00:00:00+01:00']::timestamptz[], array[timestamptz '2026-11-19T00:00:00+01:00', timestamptz '2026-11-20T00:00:00+01:00', timestamptz '2026-11-21T00:00:00+01:00']::timestamptz[]) with ordinality as b (bucket_start, bucket_end, bucket)
 cross join lateral (
       select s.source_id as source_id, count(*) as started, 0::bigint as unknown,
       (count(*))::numeric, (count(*))::numeric, 0::bigint
         from (select timestamptz '2026-11-20T13:00:00+01:00'::timestamptz as now, 'Europe/Berlin'::text as zone) t cross join ingest.narrow_sessions s
        where s.started_at >= b.bucket_start and s.started_at < b.bucket_end and s.is_counted
        group by 1) x;

-- minutes by day and channel, scan 1
select b.bucket, x.*
  from unnest(array[timestamptz '2026-11-18T00:00:00+01:00', timestamptz '2026-11-19T00:00:00+01:00', timestamptz '2026-11-20T00:00:00+01:00']::timestamptz[], array[timestamptz '2026-11-19T00:00:00+01:00', timestamptz '2026-11-20T00:00:00+01:00', timestamptz '2026-11-21T00:00:00+01:00']::timestamptz[]) with ordinality as b (bucket_start, bucket_end, bucket)
 cross join lateral (
       select s.source_id as source_id, s.channel, count(*) as started, case when s.source_id = any(array[1, 2]) then count(*) filter (where s.minutes_consumed is null) else 0 end as unknown,
       round(sum(s.minutes_consumed), 12), (count(s.minutes_consumed))::numeric, count(*) filter (where s.minutes_consumed is null)
         from (select timestamptz '2026-11-20T13:00:00+01:00'::timestamptz as now, 'Europe/Berlin'::text as zone) t cross join ingest.narrow_sessions s
        where s.started_at >= b.bucket_start and s.started_at < b.bucket_end and s.is_counted
        group by 1, 2) x;

-- resolution rate by day, sessions
select own.source_id, own.started
  from analytics.sources src
 cross join lateral (
       select s.source_id, count(*) as started
         from ingest.narrow_sessions s
        where s.source_id = src.source_id and s.started_at >= timestamptz '2026-11-18T00:00:00+01:00' and s.started_at < timestamptz '2026-11-21T00:00:00+01:00' and s.is_counted
        group by 1) own
 where src.source_id = any(array[1, 2, 3]);

-- resolution rate by day, scan 1
select b.bucket, s.source_id as source_id, 0::bigint as started, count(*) as unknown,
       null::numeric, 0::numeric, count(*) filter (where s.completed_at is null and s.outcome in ('resolved', 'unresolved', 'unknown') and (s.outcome in ('resolved', 'unresolved', 'unknown')) is not false)
  from (select timestamptz '2026-11-20T13:00:00+01:00'::timestamptz as now, 'Europe/Berlin'::text as zone) t cross join ingest.narrow_sessions s
 cross join lateral (select z.starts[z.bucket] as bucket_start, z.bucket::bigint as bucket
   from (select width_bucket(s.started_at, y.starts) as bucket, y.starts from (select array[timestamptz '2026-11-18T00:00:00+01:00', timestamptz '2026-11-19T00:00:00+01:00', timestamptz '2026-11-20T00:00:00+01:00']::timestamptz[] as starts) y) z) b
 where s.started_at >= timestamptz '2026-11-18T00:00:00+01:00' and s.started_at < timestamptz '2026-11-21T00:00:00+01:00' and s.is_counted and (s.source_id = any(array[3]) and (s.completed_at is null and s.outcome in ('resolved', 'unresolved', 'unknown') and (s.outcome in ('resolved', 'unresolved', 'unknown')) is not false or s.completed_at is not null and s.outcome in ('resolved', 'unresolved', 'unknown') and (s.outcome in ('resolved', 'unresolved')) is not true))
 group by 1, 2;

-- resolution rate by day, scan 2
select b.bucket, x.*
  from unnest(array[timestamptz '2026-11-18T00:00:00+01:00', timestamptz '2026-11-19T00:00:00+01:00', timestamptz '2026-11-20T00:00:00+01:00']::timestamptz[], array[timestamptz '2026-11-19T00:00:00+01:00', timestamptz '2026-11-20T00:00:00+01:00', timestamptz '2026-11-21T00:00:00+01:00']::timestamptz[]) with ordinality as b (bucket_start, bucket_end, bucket)
 cross join lateral (
       select s.source_id as source_id, null::bigint as started, null::bigint as unknown,
       (count(*) filter (where s.outcome = 'resolved'))::numeric, (count(*) filter (where s.outcome in ('resolved', 'unresolved')))::numeric, count(*) filter (where s.outcome in ('resolved', 'unresolved', 'unknown') and (s.outcome in ('resolved', 'unresolved')) is not true)
         from (select timestamptz '2026-11-20T13:00:00+01:00'::timestamptz as now, 'Europe/Berlin'::text as zone) t cross join ingest.narrow_sessions s
        where s.completed_at >= b.bucket_start and s.completed_at < b.bucket_end and s.is_counted
        group by 1) x;

-- resolution rate of WhatsApp, sessions
select s.source_id, count(*) as started
  from ingest.narrow_sessions s
 where s.started_at >= timestamptz '2026-11-18T00:00:00+01:00' and s.started_at < timestamptz '2026-11-21T00:00:00+01:00' and s.is_counted and s.channel = any(array['whatsapp']) and s.source_id = any(array[1, 2, 3])
 group by 1;

-- resolution rate of WhatsApp, scan 1
select b.bucket, s.source_id as source_id, 0::bigint as started, count(*) as unknown,
       null::numeric, 0::numeric, count(*) filter (where s.completed_at is null and s.outcome in ('resolved', 'unresolved', 'unknown') and (s.outcome in ('resolved', 'unresolved', 'unknown')) is not false)
  from (select timestamptz '2026-11-20T13:00:00+01:00'::timestamptz as now, 'Europe/Berlin'::text as zone) t cross join ingest.narrow_sessions s cross join (select timestamptz '2026-11-18T00:00:00+01:00'::timestamptz as bucket_start, 1::bigint as bucket) b
 where s.started_at >= timestamptz '2026-11-18T00:00:00+01:00' and s.started_at < timestamptz '2026-11-21T00:00:00+01:00' and s.is_counted and s.channel = any(array['whatsapp']) and (s.source_id = any(array[3]) and (s.completed_at is null and s.outcome in ('resolved', 'unresolved', 'unknown') and (s.outcome in ('resolved', 'unresolved', 'unknown')) is not false or s.completed_at is not null and s.outcome in ('resolved', 'unresolved', 'unknown') and (s.outcome in ('resolved', 'unresolved')) is not true))
 group by 1, 2;

-- resolution rate of WhatsApp, scan 2
select b.bucket, s.source_id as source_id, null::bigint as started, null::bigint as unknown,
       (count(*) filter (where s.outcome = 'resolved'))::numeric, (count(*) filter (where s.outcome in ('resolved', 'unresolved')))::numeric, count(*) filter (where s.outcome in ('resolved', 'unresolved', 'unknown') and (s.outcome in ('resolved', 'unresolved')) is not true)
  from (select timestamptz '2026-11-20T13:00:00+01:00'::timestamptz as now, 'Europe/Berlin'::text as zone) t cross join ingest.narrow_sessions s cross join (select timestamptz '2026-11-18T00:00:00+01:00'::timestamptz as bucket_start, 1::bigint as bucket) b
 where s.completed_at >= timestamptz '2026-11-18T00:00:00+01:00' and s.completed_at < timestamptz '2026-11-21T00:00:00+01:00' and s.is_counted and s.channel = any(array['whatsapp'])
 group by 1, 2;

-- sessions without a channel, scan 1
select b.bucket, s.source_id as source_id, count(*) as started, 0::bigint as unknown,
       (count(*))::numeric, (count(*))::numeric, 0::bigint
  from (select timestamptz '2026-11-20T13:00:00+01:00'::timestamptz as now, 'Europe/Berlin'::text as zone) t cross join ingest.narrow_sessions s cross join (select timestamptz '2026-11-18T00:00:00+01:00'::timestamptz as bucket_start, 1::bigint as bucket) b
 where s.started_at >= timestamptz '2026-11-18T00:00:00+01:00' and s.started_at < timestamptz '2026-11-21T00:00:00+01:00' and s.is_counted and s.channel is null
 group by 1, 2;

-- messages by day, sessions
select own.source_id, own.started
  from analytics.sources src
 cross join lateral (
       select s.source_id, count(*) as started
         from ingest.narrow_sessions s
        where s.source_id = src.source_id and s.started_at >= timestamptz '2026-11-18T00:00:00+01:00' and s.started_at < timestamptz '2026-11-21T00:00:00+01:00' and s.is_counted
        group by 1) own
 where src.source_id = any(array[1, 2, 3]);

-- messages by day, scan 1
select b.bucket, s.source_id as source_id, 0::bigint as started, count(*) as unknown,
       null::numeric, 0::numeric, count(*) filter (where s.message_support <> 'none' and s.message_count is null and s.chat_state is distinct from 'not_enabled')
  from (select timestamptz '2026-11-20T13:00:00+01:00'::timestamptz as now, 'Europe/Berlin'::text as zone) t cross join ingest.narrow_sessions s
 cross join lateral (select z.starts[z.bucket] as bucket_start, z.bucket::bigint as bucket
   from (select width_bucket(s.started_at, y.starts) as bucket, y.starts from (select array[timestamptz '2026-11-18T00:00:00+01:00', timestamptz '2026-11-19T00:00:00+01:00', timestamptz '2026-11-20T00:00:00+01:00']::timestamptz[] as starts) y) z) b
 where s.started_at >= timestamptz '2026-11-18T00:00:00+01:00' and s.started_at < timestamptz '2026-11-21T00:00:00+01:00' and s.is_counted and not s.has_message_count and (s.source_id = any(array[1, 3]) and (s.message_support <> 'none' and s.message_count is null and s.chat_state is distinct from 'not_enabled'))
 group by 1, 2;

-- messages by day, scan 2
select b.bucket, x.*
  from unnest(array[timestamptz '2026-11-18T00:00:00+01:00', timestamptz '2026-11-19T00:00:00+01:00', timestamptz '2026-11-20T00:00:00+01:00']::timestamptz[], array[timestamptz '2026-11-19T00:00:00+01:00', timestamptz '2026-11-20T00:00:00+01:00', timestamptz '2026-11-21T00:00:00+01:00']::timestamptz[]) with ordinality as b (bucket_start, bucket_end, bucket)
 cross join lateral (
       select m.source_id as source_id, null::bigint as started, null::bigint as unknown,
       (count(*))::numeric, (count(*))::numeric, 0::bigint
         from (select timestamptz '2026-11-20T13:00:00+01:00'::timestamptz as now, 'Europe/Berlin'::text as zone) t cross join core.messages m
        where m.sent_at >= b.bucket_start and m.sent_at < b.bucket_end and not exists (select from ingest.narrow_sessions s where s.source_id = m.source_id and s.session_id = m.session_id and not s.is_counted)
        group by 1) x;

-- messages by day, scan 3
select b.bucket, s.source_id as source_id, null::bigint as started, null::bigint as unknown,
       null::numeric, 0::numeric, count(*)
  from (select timestamptz '2026-11-20T13:00:00+01:00'::timestamptz as now, 'Europe/Berlin'::text as zone) t cross join core.messages m join ingest.narrow_sessions s using (source_id, session_id)
 cross join lateral (select z.starts[z.bucket] as bucket_start, z.bucket::bigint as bucket
   from (select width_bucket(s.started_at, y.starts) as bucket, y.starts from (select array[timestamptz '2026-11-18T00:00:00+01:00', timestamptz '2026-11-19T00:00:00+01:00', timestamptz '2026-11-20T00:00:00+01:00']::timestamptz[] as starts) y) z) b
 where s.started_at >= timestamptz '2026-11-18T00:00:00+01:00' and s.started_at < timestamptz '2026-11-21T00:00:00+01:00' and m.sent_at is null and s.is_counted
 group by 1, 2;

-- messages by day, sessions that lack data in part
select s.source_id, count(*) as unknown
  from (select timestamptz '2026-11-20T13:00:00+01:00'::timestamptz as now, 'Europe/Berlin'::text as zone) t cross join ingest.narrow_sessions s
 where s.started_at >= timestamptz '2026-11-18T00:00:00+01:00' and s.started_at < timestamptz '2026-11-21T00:00:00+01:00' and s.is_counted
   and (s.source_id = any(array[1, 3]) and (s.message_support <> 'none' and s.message_count is null and s.chat_state is distinct from 'not_enabled')) is not true
   and (s.source_id, s.session_id) in (
select s.source_id, s.session_id
  from (select timestamptz '2026-11-20T13:00:00+01:00'::timestamptz as now, 'Europe/Berlin'::text as zone) t cross join core.messages m join ingest.narrow_sessions s using (source_id, session_id)
 where s.started_at >= timestamptz '2026-11-18T00:00:00+01:00' and s.started_at < timestamptz '2026-11-21T00:00:00+01:00' and s.is_counted and (s.source_id = any(array[1, 3]) and (m.sent_at is null)))
 group by 1;

-- messages by day and side, of one source, scan 1
select b.bucket, s.source_id as source_id, null::text, count(*) as started, case when s.source_id = any(array[1, 3]) then count(*) filter (where s.message_support <> 'none' and s.message_count is null and s.chat_state is distinct from 'not_enabled') else 0 end as unknown,
       null::numeric, 0::numeric, count(*) filter (where s.message_support <> 'none' and s.message_count is null and s.chat_state is distinct from 'not_enabled')
  from (select timestamptz '2026-11-20T13:00:00+01:00'::timestamptz as now, 'Europe/Berlin'::text as zone) t cross join ingest.narrow_sessions s
 cross join lateral (select z.starts[z.bucket] as bucket_start, z.bucket::bigint as bucket
   from (select width_bucket(s.started_at, y.starts) as bucket, y.starts from (select array[timestamptz '2026-11-18T00:00:00+01:00', timestamptz '2026-11-19T00:00:00+01:00', timestamptz '2026-11-20T00:00:00+01:00']::timestamptz[] as starts) y) z) b
 where s.started_at >= timestamptz '2026-11-18T00:00:00+01:00' and s.started_at < timestamptz '2026-11-21T00:00:00+01:00' and s.is_counted and s.source_id = any(array[1, 2, 3])
 group by 1, 2, 3;

-- messages by day and side, of one source, scan 2
select b.bucket, x.*
  from unnest(array[timestamptz '2026-11-18T00:00:00+01:00', timestamptz '2026-11-19T00:00:00+01:00', timestamptz '2026-11-20T00:00:00+01:00']::timestamptz[], array[timestamptz '2026-11-19T00:00:00+01:00', timestamptz '2026-11-20T00:00:00+01:00', timestamptz '2026-11-21T00:00:00+01:00']::timestamptz[]) with ordinality as b (bucket_start, bucket_end, bucket)
 cross join lateral (
       select m.source_id as source_id, m.sender_role, null::bigint as started, null::bigint as unknown,
       (count(*))::numeric, (count(*))::numeric, 0::bigint
         from (select timestamptz '2026-11-20T13:00:00+01:00'::timestamptz as now, 'Europe/Berlin'::text as zone) t cross join core.messages m
        where m.sent_at >= b.bucket_start and m.sent_at < b.bucket_end and not exists (select from ingest.narrow_sessions s where s.source_id = m.source_id and s.session_id = m.session_id and not s.is_counted) and m.source_id = any(array[1, 2, 3])
        group by 1, 2) x;

-- messages by day and side, of one source, scan 3
select b.bucket, s.source_id as source_id, m.sender_role, null::bigint as started, null::bigint as unknown,
       null::numeric, 0::numeric, count(*)
  from (select timestamptz '2026-11-20T13:00:00+01:00'::timestamptz as now, 'Europe/Berlin'::text as zone) t cross join core.messages m join ingest.narrow_sessions s using (source_id, session_id)
 cross join lateral (select z.starts[z.bucket] as bucket_start, z.bucket::bigint as bucket
   from (select width_bucket(s.started_at, y.starts) as bucket, y.starts from (select array[timestamptz '2026-11-18T00:00:00+01:00', timestamptz '2026-11-19T00:00:00+01:00', timestamptz '2026-11-20T00:00:00+01:00']::timestamptz[] as starts) y) z) b
 where s.started_at >= timestamptz '2026-11-18T00:00:00+01:00' and s.started_at < timestamptz '2026-11-21T00:00:00+01:00' and m.sent_at is null and s.is_counted and s.source_id = any(array[1, 2, 3])
 group by 1, 2, 3;

-- messages by day and side, of one source, sessions that lack data in part
select s.source_id, count(*) as unknown
  from (select timestamptz '2026-11-20T13:00:00+01:00'::timestamptz as now, 'Europe/Berlin'::text as zone) t cross join ingest.narrow_sessions s
 where s.started_at >= timestamptz '2026-11-18T00:00:00+01:00' and s.started_at < timestamptz '2026-11-21T00:00:00+01:00' and s.is_counted and s.source_id = any(array[1, 2, 3])
   and (s.source_id = any(array[1, 3]) and (s.message_support <> 'none' and s.message_count is null and s.chat_state is distinct from 'not_enabled')) is not true
   and (s.source_id, s.session_id) in (
select s.source_id, s.session_id
  from (select timestamptz '2026-11-20T13:00:00+01:00'::timestamptz as now, 'Europe/Berlin'::text as zone) t cross join core.messages m join ingest.narrow_sessions s using (source_id, session_id)
 where s.started_at >= timestamptz '2026-11-18T00:00:00+01:00' and s.started_at < timestamptz '2026-11-21T00:00:00+01:00' and s.is_counted and (s.source_id = any(array[1, 3]) and (m.sent_at is null)))
 group by 1;

-- words per message by skill, scan 1
select b.bucket, s.source_id as source_id, s.skill_type, count(*) as started, case when s.source_id = any(array[1, 3]) then count(*) filter (where s.message_support <> 'none' and s.message_count is null and s.chat_state is distinct from 'not_enabled') else 0 end as unknown,
       null::numeric, 0::numeric, count(*) filter (where s.message_support <> 'none' and s.message_count is null and s.chat_state is distinct from 'not_enabled')
  from (select timestamptz '2026-11-20T13:00:00+01:00'::timestamptz as now, 'Europe/Berlin'::text as zone) t cross join analytics.sessions s cross join (select timestamptz '2026-11-18T00:00:00+01:00'::timestamptz as bucket_start, 1::bigint as bucket) b
 where s.started_at >= timestamptz '2026-11-18T00:00:00+01:00' and s.started_at < timestamptz '2026-11-21T00:00:00+01:00' and s.is_counted
 group by 1, 2, 3;

-- words per message by skill, scan 2
select b.bucket, s.source_id as source_id, s.skill_type, null::bigint as started, null::bigint as unknown,
       (coalesce(sum(m.word_count) filter (where m.word_count is not null), 0))::numeric, (count(*) filter (where m.word_count is not null))::numeric, 0::bigint
  from (select timestamptz '2026-11-20T13:00:00+01:00'::timestamptz as now, 'Europe/Berlin'::text as zone) t cross join core.messages m join analytics.sessions s using (source_id, session_id) cross join (select timestamptz '2026-11-18T00:00:00+01:00'::timestamptz as bucket_start, 1::bigint as bucket) b
 where m.sent_at >= timestamptz '2026-11-18T00:00:00+01:00' and m.sent_at < timestamptz '2026-11-21T00:00:00+01:00' and s.is_counted
 group by 1, 2, 3;

-- words per message by skill, scan 3
select b.bucket, s.source_id as source_id, s.skill_type, null::bigint as started, null::bigint as unknown,
       null::numeric, 0::numeric, count(*) filter (where (m.word_count is not null) is not false)
  from (select timestamptz '2026-11-20T13:00:00+01:00'::timestamptz as now, 'Europe/Berlin'::text as zone) t cross join core.messages m join analytics.sessions s using (source_id, session_id) cross join (select timestamptz '2026-11-18T00:00:00+01:00'::timestamptz as bucket_start, 1::bigint as bucket) b
 where s.started_at >= timestamptz '2026-11-18T00:00:00+01:00' and s.started_at < timestamptz '2026-11-21T00:00:00+01:00' and m.sent_at is null and s.is_counted
 group by 1, 2, 3;

-- words per message by skill, sessions that lack data in part
select s.source_id, count(*) as unknown
  from (select timestamptz '2026-11-20T13:00:00+01:00'::timestamptz as now, 'Europe/Berlin'::text as zone) t cross join ingest.narrow_sessions s
 where s.started_at >= timestamptz '2026-11-18T00:00:00+01:00' and s.started_at < timestamptz '2026-11-21T00:00:00+01:00' and s.is_counted
   and (s.source_id = any(array[1, 3]) and (s.message_support <> 'none' and s.message_count is null and s.chat_state is distinct from 'not_enabled')) is not true
   and (s.source_id, s.session_id) in (
select s.source_id, s.session_id
  from (select timestamptz '2026-11-20T13:00:00+01:00'::timestamptz as now, 'Europe/Berlin'::text as zone) t cross join core.messages m join ingest.narrow_sessions s using (source_id, session_id)
 where s.started_at >= timestamptz '2026-11-18T00:00:00+01:00' and s.started_at < timestamptz '2026-11-21T00:00:00+01:00' and s.is_counted and (s.source_id = any(array[1, 3]) and (m.sent_at is null and (m.word_count is not null) is not false)))
 group by 1;

-- median of the length by day, sessions
select own.source_id, own.started
  from analytics.sources src
 cross join lateral (
       select s.source_id, count(*) as started
         from ingest.narrow_sessions s
        where s.source_id = src.source_id and s.started_at >= timestamptz '2026-11-18T00:00:00+01:00' and s.started_at < timestamptz '2026-11-21T00:00:00+01:00' and s.is_counted
        group by 1) own
 where src.source_id = any(array[1, 2, 3]);

-- median of the length by day, scan 2
select s.bucket, min(s.source_id) as source_id, null::bigint as started, null::bigint as unknown,
       round((percentile_cont(0.5) within group (order by s.duration_seconds) filter (where not s.is_provisional and s.is_never_started is not true))::numeric, 6), (count(s.duration_seconds) filter (where not s.is_provisional and s.is_never_started is not true))::numeric, count(*) filter (where not s.is_provisional and s.is_never_started is not true and s.duration_seconds is null)
  from (select s.*, b.bucket
          from analytics.sessions s
 cross join lateral (select z.starts[z.bucket] as bucket_start, z.bucket::bigint as bucket
   from (select width_bucket(s.started_at, y.starts) as bucket, y.starts from (select array[timestamptz '2026-11-18T00:00:00+01:00', timestamptz '2026-11-19T00:00:00+01:00', timestamptz '2026-11-20T00:00:00+01:00']::timestamptz[] as starts) y) z) b
 where s.started_at >= timestamptz '2026-11-18T00:00:00+01:00' and s.started_at < timestamptz '2026-11-21T00:00:00+01:00' and s.is_counted and s.source_id = any(array[1, 2, 3])) s
 group by grouping sets ((1), ());

-- reply time by source, sessions
select own.source_id, own.started
  from analytics.sources src
 cross join lateral (
       select s.source_id, count(*) as started
         from ingest.narrow_sessions s
        where s.source_id = src.source_id and s.started_at >= timestamptz '2026-11-18T00:00:00+01:00' and s.started_at < timestamptz '2026-11-21T00:00:00+01:00' and s.is_counted
        group by 1) own
 where src.source_id = any(array[1, 2, 3]);

-- reply time by source, scan 1
select b.bucket, s.source_id as source_id, 0::bigint as started, count(*) as unknown,
       null::numeric, 0::numeric, coalesce(sum(case when s.message_count is null then 1 else s.turn_count - cardinality(s.reply_seconds) end) filter (where s.session_kind = 'chat' and (s.message_count is null or s.turn_count > cardinality(s.reply_seconds))), 0)::bigint
  from (select timestamptz '2026-11-20T13:00:00+01:00'::timestamptz as now, 'Europe/Berlin'::text as zone) t cross join ingest.narrow_sessions s cross join (select timestamptz '2026-11-18T00:00:00+01:00'::timestamptz as bucket_start, 1::bigint as bucket) b
 where s.started_at >= timestamptz '2026-11-18T00:00:00+01:00' and s.started_at < timestamptz '2026-11-21T00:00:00+01:00' and s.is_counted and (s.source_id = any(array[3]) and (s.session_kind = 'chat' and (s.message_count is null or s.turn_count > cardinality(s.reply_seconds))))
 group by 1, 2;

-- reply time by source, scan 2
select case when not e.is_total then b.bucket end as bucket, min(s.source_id) as source_id, null::bigint as started, null::bigint as unknown,
       round((percentile_cont(0.9) within group (order by r.seconds))::numeric, 6), (count(r.seconds))::numeric, count(*) filter (where r.seconds is null)
  from (select timestamptz '2026-11-20T13:00:00+01:00'::timestamptz as now, 'Europe/Berlin'::text as zone) t cross join ingest.narrow_sessions s cross join lateral unnest(s.reply_seconds) with ordinality r (seconds, place) cross join (select timestamptz '2026-11-18T00:00:00+01:00'::timestamptz as bucket_start, 1::bigint as bucket) b
 cross join (values (false), (true)) e (is_total)
 where s.started_at >= timestamptz '2026-11-18T00:00:00+01:00' and s.started_at < timestamptz '2026-11-21T00:00:00+01:00' and s.is_counted and s.source_id = any(array[3])
 group by 1, case when not e.is_total then s.source_id end;

-- people by day, sessions
select own.source_id, own.started
  from analytics.sources src
 cross join lateral (
       select s.source_id, count(*) as started
         from ingest.narrow_sessions s
        where s.source_id = src.source_id and s.started_at >= timestamptz '2026-11-18T00:00:00+01:00' and s.started_at < timestamptz '2026-11-21T00:00:00+01:00' and s.is_counted
        group by 1) own
 where src.source_id = any(array[1, 2, 3]);

-- people by day, scan 1
select b.bucket, s.source_id as source_id, 0::bigint as started, count(*) as unknown,
       null::numeric, 0::numeric, count(*) filter (where s.session_kind in ('meeting', 'livestream') and s.participant_count is null)
  from (select timestamptz '2026-11-20T13:00:00+01:00'::timestamptz as now, 'Europe/Berlin'::text as zone) t cross join ingest.narrow_sessions s
 cross join lateral (select z.starts[z.bucket] as bucket_start, z.bucket::bigint as bucket
   from (select width_bucket(s.started_at, y.starts) as bucket, y.starts from (select array[timestamptz '2026-11-18T00:00:00+01:00', timestamptz '2026-11-19T00:00:00+01:00', timestamptz '2026-11-20T00:00:00+01:00']::timestamptz[] as starts) y) z) b
 where s.started_at >= timestamptz '2026-11-18T00:00:00+01:00' and s.started_at < timestamptz '2026-11-21T00:00:00+01:00' and s.is_counted and (s.source_id = any(array[1]) and (s.session_kind in ('meeting', 'livestream') and s.participant_count is null))
 group by 1, 2;

-- people by day, scan 2
select v.bucket, min(v.source_id) as source_id, null::bigint as started, null::bigint as unknown,
       count(distinct (v.source_id || ' ' || v.visitor) collate "C")::numeric, (count(*))::numeric, count(*) filter (where not v.is_identified)
  from (select v.*, b.bucket
          from analytics.visits v
 cross join lateral (select z.starts[z.bucket] as bucket_start, z.bucket::bigint as bucket
   from (select width_bucket(v.started_at, y.starts) as bucket, y.starts from (select array[timestamptz '2026-11-18T00:00:00+01:00', timestamptz '2026-11-19T00:00:00+01:00', timestamptz '2026-11-20T00:00:00+01:00']::timestamptz[] as starts) y) z) b
 where v.started_at >= timestamptz '2026-11-18T00:00:00+01:00' and v.started_at < timestamptz '2026-11-21T00:00:00+01:00' and v.is_counted and v.source_id = any(array[1, 3])) v
 group by grouping sets ((1), ());

-- people by day, sessions that lack data in part
select s.source_id, count(*) as unknown
  from (select timestamptz '2026-11-20T13:00:00+01:00'::timestamptz as now, 'Europe/Berlin'::text as zone) t cross join ingest.narrow_sessions s
 where s.started_at >= timestamptz '2026-11-18T00:00:00+01:00' and s.started_at < timestamptz '2026-11-21T00:00:00+01:00' and s.is_counted
   and (s.source_id = any(array[1]) and (s.session_kind in ('meeting', 'livestream') and s.participant_count is null)) is not true
   and (s.source_id, s.session_id) in (
select v.source_id, v.session_id
  from (select timestamptz '2026-11-20T13:00:00+01:00'::timestamptz as now, 'Europe/Berlin'::text as zone) t cross join analytics.visits v
 where v.started_at >= timestamptz '2026-11-18T00:00:00+01:00' and v.started_at < timestamptz '2026-11-21T00:00:00+01:00' and v.is_counted and (v.source_id = any(array[1, 3]) and (not v.is_identified)))
 group by 1;

-- new and returning people by day, sessions
select own.source_id, own.started
  from analytics.sources src
 cross join lateral (
       select s.source_id, count(*) as started
         from ingest.narrow_sessions s
        where s.source_id = src.source_id and s.started_at >= timestamptz '2026-11-18T00:00:00+01:00' and s.started_at < timestamptz '2026-11-21T00:00:00+01:00' and s.is_counted
        group by 1) own
 where src.source_id = any(array[1, 2, 3]);

-- new and returning people by day, scan 1
select b.bucket, s.source_id as source_id, 0::bigint as started, count(*) as unknown,
       null::numeric, 0::numeric, count(*) filter (where s.session_kind in ('meeting', 'livestream') and s.participant_count is null),
       null::numeric, 0::numeric, count(*) filter (where s.session_kind in ('meeting', 'livestream') and s.participant_count is null)
  from (select timestamptz '2026-11-20T13:00:00+01:00'::timestamptz as now, 'Europe/Berlin'::text as zone) t cross join ingest.narrow_sessions s
 cross join lateral (select z.starts[z.bucket] as bucket_start, z.bucket::bigint as bucket
   from (select width_bucket(s.started_at, y.starts) as bucket, y.starts from (select array[timestamptz '2026-11-18T00:00:00+01:00', timestamptz '2026-11-19T00:00:00+01:00', timestamptz '2026-11-20T00:00:00+01:00']::timestamptz[] as starts) y) z) b
 where s.started_at >= timestamptz '2026-11-18T00:00:00+01:00' and s.started_at < timestamptz '2026-11-21T00:00:00+01:00' and s.is_counted and (s.source_id = any(array[1]) and (s.session_kind in ('meeting', 'livestream') and s.participant_count is null))
 group by 1, 2;

-- new and returning people by day, scan 2
select b.bucket, min(v.source_id) as source_id, null::bigint as started, null::bigint as unknown,
       count(distinct (v.source_id || ' ' || v.person_id) collate "C") filter (where v.first_visit_at >= b.bucket_start)::numeric, (count(*) filter (where v.is_identified))::numeric, count(*) filter (where (v.is_identified) is not true),
       count(distinct (v.source_id || ' ' || v.person_id) collate "C") filter (where v.first_visit_at < b.bucket_start)::numeric, (count(*) filter (where v.is_identified))::numeric, count(*) filter (where (v.is_identified) is not true)
  from (select timestamptz '2026-11-20T13:00:00+01:00'::timestamptz as now, 'Europe/Berlin'::text as zone) t cross join analytics.visits v
 cross join lateral (select z.starts[z.bucket] as bucket_start, z.bucket::bigint as bucket
   from (select width_bucket(v.started_at, y.starts) as bucket, y.starts from (select array[timestamptz '2026-11-18T00:00:00+01:00', timestamptz '2026-11-19T00:00:00+01:00', timestamptz '2026-11-20T00:00:00+01:00']::timestamptz[] as starts) y) z) b
 where v.started_at >= timestamptz '2026-11-18T00:00:00+01:00' and v.started_at < timestamptz '2026-11-21T00:00:00+01:00' and v.is_counted and v.source_id = any(array[1, 3])
 group by 1, v.provider;

-- new and returning people by day, sessions that lack data in part
select s.source_id, count(*) as unknown
  from (select timestamptz '2026-11-20T13:00:00+01:00'::timestamptz as now, 'Europe/Berlin'::text as zone) t cross join ingest.narrow_sessions s
 where s.started_at >= timestamptz '2026-11-18T00:00:00+01:00' and s.started_at < timestamptz '2026-11-21T00:00:00+01:00' and s.is_counted
   and (s.source_id = any(array[1]) and (s.session_kind in ('meeting', 'livestream') and s.participant_count is null)) is not true
   and (s.source_id, s.session_id) in (
select v.source_id, v.session_id
  from (select timestamptz '2026-11-20T13:00:00+01:00'::timestamptz as now, 'Europe/Berlin'::text as zone) t cross join analytics.visits v
 where v.started_at >= timestamptz '2026-11-18T00:00:00+01:00' and v.started_at < timestamptz '2026-11-21T00:00:00+01:00' and v.is_counted and (v.source_id = any(array[1, 3]) and ((v.is_identified) is not true)
    or v.source_id = any(array[1, 3]) and ((v.is_identified) is not true)))
 group by 1;

-- retention by week of age, scan 1
select b.bucket, s.source_id as source_id, null::text, count(*) as started, 0::bigint as unknown
  from (select timestamptz '2026-11-20T13:00:00+01:00'::timestamptz as now, 'Europe/Berlin'::text as zone) t cross join ingest.narrow_sessions s cross join (select timestamptz '2026-11-18T00:00:00+01:00'::timestamptz as bucket_start, 1::bigint as bucket) b
 where s.started_at >= timestamptz '2026-11-18T00:00:00+01:00' and s.started_at < timestamptz '2026-11-21T00:00:00+01:00' and s.is_counted
 group by 1, 2, 3;

-- retention by week of age, scan 2
select b.bucket, s.source_id as source_id, c.age_weeks::text, null::bigint as started, null::bigint as unknown,
       (count(distinct (v.source_id, v.person_id)) filter (where v.first_visit_at + (c.age_weeks + 1) * interval '168 hours' <= t.now and n.came_in_week))::numeric, (count(distinct (v.source_id, v.person_id)) filter (where v.first_visit_at + (c.age_weeks + 1) * interval '168 hours' <= t.now))::numeric, count(distinct (v.source_id, v.person_id)) filter (where (v.first_visit_at + (c.age_weeks + 1) * interval '168 hours' <= t.now) is not true)
  from (select timestamptz '2026-11-20T13:00:00+01:00'::timestamptz as now, 'Europe/Berlin'::text as zone) t cross join analytics.visits v join ingest.narrow_sessions s on s.source_id = v.source_id and s.session_id = v.session_id and v.started_at = v.first_visit_at
 cross join generate_series(1, 12) c (age_weeks)
  left join lateral (select true as came_in_week from analytics.visits later
                      where later.source_id = v.source_id and later.person_id = v.person_id and later.is_counted
                        and later.started_at >= v.first_visit_at + c.age_weeks * interval '168 hours'
                        and later.started_at < v.first_visit_at + (c.age_weeks + 1) * interval '168 hours'
                      limit 1) n on true cross join (select timestamptz '2026-11-18T00:00:00+01:00'::timestamptz as bucket_start, 1::bigint as bucket) b
 where v.started_at >= timestamptz '2026-11-18T00:00:00+01:00' and v.started_at < timestamptz '2026-11-21T00:00:00+01:00' and s.started_at >= timestamptz '2026-11-18T00:00:00+01:00' and s.started_at < timestamptz '2026-11-21T00:00:00+01:00' and s.is_counted and s.source_id = any(array[1, 2, 3])
 group by 1, 2, 3;

-- participants by preset, scan 1
select b.bucket, s.source_id as source_id, p.preset_name, count(*) as started, case when s.source_id = any(array[1]) then count(*) filter (where s.session_kind in ('meeting', 'livestream') and s.participant_count is null) else 0 end as unknown,
       null::numeric, 0::numeric, count(*) filter (where s.session_kind in ('meeting', 'livestream') and s.participant_count is null)
  from (select timestamptz '2026-11-20T13:00:00+01:00'::timestamptz as now, 'Europe/Berlin'::text as zone) t cross join ingest.narrow_sessions s left join lateral (select distinct preset_name from analytics.participants x
   where x.source_id = s.source_id and x.session_id = s.session_id) p on true cross join (select timestamptz '2026-11-18T00:00:00+01:00'::timestamptz as bucket_start, 1::bigint as bucket) b
 where s.started_at >= timestamptz '2026-11-18T00:00:00+01:00' and s.started_at < timestamptz '2026-11-21T00:00:00+01:00' and s.is_counted
 group by 1, 2, 3;

-- participants by preset, scan 2
select b.bucket, s.source_id as source_id, p.preset_name, null::bigint as started, null::bigint as unknown,
       (count(*))::numeric, (count(*))::numeric, 0::bigint
  from (select timestamptz '2026-11-20T13:00:00+01:00'::timestamptz as now, 'Europe/Berlin'::text as zone) t cross join analytics.participants p join ingest.narrow_sessions s using (source_id, session_id) cross join (select timestamptz '2026-11-18T00:00:00+01:00'::timestamptz as bucket_start, 1::bigint as bucket) b
 where p.joined_at >= timestamptz '2026-11-18T00:00:00+01:00' and p.joined_at < timestamptz '2026-11-21T00:00:00+01:00' and s.is_counted
 group by 1, 2, 3;

-- participants by preset, scan 3
select b.bucket, s.source_id as source_id, p.preset_name, null::bigint as started, null::bigint as unknown,
       null::numeric, 0::numeric, count(*)
  from (select timestamptz '2026-11-20T13:00:00+01:00'::timestamptz as now, 'Europe/Berlin'::text as zone) t cross join analytics.participants p join ingest.narrow_sessions s using (source_id, session_id) cross join (select timestamptz '2026-11-18T00:00:00+01:00'::timestamptz as bucket_start, 1::bigint as bucket) b
 where s.started_at >= timestamptz '2026-11-18T00:00:00+01:00' and s.started_at < timestamptz '2026-11-21T00:00:00+01:00' and p.joined_at is null and s.is_counted
 group by 1, 2, 3;

-- participants by preset, sessions that lack data in part
select s.source_id, count(*) as unknown
  from (select timestamptz '2026-11-20T13:00:00+01:00'::timestamptz as now, 'Europe/Berlin'::text as zone) t cross join ingest.narrow_sessions s
 where s.started_at >= timestamptz '2026-11-18T00:00:00+01:00' and s.started_at < timestamptz '2026-11-21T00:00:00+01:00' and s.is_counted
   and (s.source_id = any(array[1]) and (s.session_kind in ('meeting', 'livestream') and s.participant_count is null)) is not true
   and (s.source_id, s.session_id) in (
select s.source_id, s.session_id
  from (select timestamptz '2026-11-20T13:00:00+01:00'::timestamptz as now, 'Europe/Berlin'::text as zone) t cross join analytics.participants p join ingest.narrow_sessions s using (source_id, session_id)
 where s.started_at >= timestamptz '2026-11-18T00:00:00+01:00' and s.started_at < timestamptz '2026-11-21T00:00:00+01:00' and s.is_counted and (s.source_id = any(array[1]) and (p.joined_at is null)))
 group by 1;

-- quality of sound by country, scan 1
select b.bucket, s.source_id as source_id, q.country_code, count(*) as started, case when s.source_id = any(array[1]) then count(*) filter (where s.session_kind in ('meeting', 'livestream') and s.participant_count is null) else 0 end as unknown,
       null::numeric, 0::numeric, count(*) filter (where s.session_kind in ('meeting', 'livestream') and s.participant_count is null)
  from (select timestamptz '2026-11-20T13:00:00+01:00'::timestamptz as now, 'Europe/Berlin'::text as zone) t cross join ingest.narrow_sessions s left join lateral (select distinct country_code from analytics.participants x left join analytics.participant_quality y using (source_id, session_id, provider_participant_id)
   where x.source_id = s.source_id and x.session_id = s.session_id) p on true cross join lateral (select p.country_code) q cross join (select timestamptz '2026-11-18T00:00:00+01:00'::timestamptz as bucket_start, 1::bigint as bucket) b
 where s.started_at >= timestamptz '2026-11-18T00:00:00+01:00' and s.started_at < timestamptz '2026-11-21T00:00:00+01:00' and s.is_counted
 group by 1, 2, 3;

-- quality of sound by country, scan 2
select b.bucket, s.source_id as source_id, q.country_code, null::bigint as started, null::bigint as unknown,
       round(sum(q.audio_mos_avg * p.duration_seconds) filter (where q.audio_mos_avg is not null and p.duration_seconds is not null) / 60, 12), (round(sum(p.duration_seconds) filter (where q.audio_mos_avg is not null and p.duration_seconds is not null) / 60, 12))::numeric, count(*) filter (where (q.audio_mos_avg is not null and p.duration_seconds is not null) is not true)
  from (select timestamptz '2026-11-20T13:00:00+01:00'::timestamptz as now, 'Europe/Berlin'::text as zone) t cross join analytics.participants p join ingest.narrow_sessions s using (source_id, session_id) left join analytics.participant_quality q using (source_id, session_id, provider_participant_id) cross join (select timestamptz '2026-11-18T00:00:00+01:00'::timestamptz as bucket_start, 1::bigint as bucket) b
 where p.joined_at >= timestamptz '2026-11-18T00:00:00+01:00' and p.joined_at < timestamptz '2026-11-21T00:00:00+01:00' and s.is_counted
 group by 1, 2, 3;

-- quality of sound by country, scan 3
select b.bucket, s.source_id as source_id, q.country_code, null::bigint as started, null::bigint as unknown,
       null::numeric, 0::numeric, count(*)
  from (select timestamptz '2026-11-20T13:00:00+01:00'::timestamptz as now, 'Europe/Berlin'::text as zone) t cross join analytics.participants p join ingest.narrow_sessions s using (source_id, session_id) left join analytics.participant_quality q using (source_id, session_id, provider_participant_id) cross join (select timestamptz '2026-11-18T00:00:00+01:00'::timestamptz as bucket_start, 1::bigint as bucket) b
 where s.started_at >= timestamptz '2026-11-18T00:00:00+01:00' and s.started_at < timestamptz '2026-11-21T00:00:00+01:00' and p.joined_at is null and s.is_counted
 group by 1, 2, 3;

-- quality of sound by country, sessions that lack data in part
select s.source_id, count(*) as unknown
  from (select timestamptz '2026-11-20T13:00:00+01:00'::timestamptz as now, 'Europe/Berlin'::text as zone) t cross join ingest.narrow_sessions s
 where s.started_at >= timestamptz '2026-11-18T00:00:00+01:00' and s.started_at < timestamptz '2026-11-21T00:00:00+01:00' and s.is_counted
   and (s.source_id = any(array[1]) and (s.session_kind in ('meeting', 'livestream') and s.participant_count is null)) is not true
   and (s.source_id, s.session_id) in (
select s.source_id, s.session_id
  from (select timestamptz '2026-11-20T13:00:00+01:00'::timestamptz as now, 'Europe/Berlin'::text as zone) t cross join analytics.participants p join ingest.narrow_sessions s using (source_id, session_id) left join analytics.participant_quality q using (source_id, session_id, provider_participant_id)
 where s.started_at >= timestamptz '2026-11-18T00:00:00+01:00' and s.started_at < timestamptz '2026-11-21T00:00:00+01:00' and s.is_counted and (s.source_id = any(array[1]) and (p.joined_at is null or (q.audio_mos_avg is not null and p.duration_seconds is not null) is not true)))
 group by 1;

-- sessions by step of a chat, scan 1
select b.bucket, s.source_id as source_id, d.step_type, count(*) as started, 0::bigint as unknown,
       (count(*))::numeric, (count(*))::numeric, 0::bigint
  from (select timestamptz '2026-11-20T13:00:00+01:00'::timestamptz as now, 'Europe/Berlin'::text as zone) t cross join ingest.narrow_sessions s left join lateral (select distinct x.step_type from analytics.session_trail_steps x
   where x.source_id = s.source_id and x.session_id = s.session_id) d on true cross join (select timestamptz '2026-11-18T00:00:00+01:00'::timestamptz as bucket_start, 1::bigint as bucket) b
 where s.started_at >= timestamptz '2026-11-18T00:00:00+01:00' and s.started_at < timestamptz '2026-11-21T00:00:00+01:00' and s.is_counted
 group by 1, 2, 3;

-- words spoken by speaker, scan 1
select b.bucket, s.source_id as source_id, null::text, count(*) as started, case when s.source_id = any(array[1]) then count(*) filter (where s.ended_at is null and s.session_state not in ('live', 'open', 'never_started') and ((s.transcript_word_count is not null or s.transcript_state <> 'not_enabled' and s.participant_count is distinct from 0)) is not false or s.ended_at is not null and (s.transcript_word_count is not null or s.transcript_state <> 'not_enabled' and s.participant_count is distinct from 0) and s.transcript_word_count is null) else 0 end as unknown,
       null::numeric, 0::numeric, count(*) filter (where s.ended_at is null and s.session_state not in ('live', 'open', 'never_started') and ((s.transcript_word_count is not null or s.transcript_state <> 'not_enabled' and s.participant_count is distinct from 0)) is not false)
  from (select timestamptz '2026-11-20T13:00:00+01:00'::timestamptz as now, 'Europe/Berlin'::text as zone) t cross join analytics.sessions s cross join (select timestamptz '2026-11-18T00:00:00+01:00'::timestamptz as bucket_start, 1::bigint as bucket) b
 where s.started_at >= timestamptz '2026-11-18T00:00:00+01:00' and s.started_at < timestamptz '2026-11-21T00:00:00+01:00' and s.is_counted
 group by 1, 2, 3;

-- words spoken by speaker, scan 2
select b.bucket, s.source_id as source_id, w.speaker_id, null::bigint as started, null::bigint as unknown,
       (coalesce(sum(w.words) filter (where (s.transcript_word_count is not null or s.transcript_state <> 'not_enabled' and s.participant_count is distinct from 0) and s.transcript_word_count is not null), 0))::numeric, (count(s.transcript_word_count) filter (where (s.transcript_word_count is not null or s.transcript_state <> 'not_enabled' and s.participant_count is distinct from 0)))::numeric, count(*) filter (where (s.transcript_word_count is not null or s.transcript_state <> 'not_enabled' and s.participant_count is distinct from 0) and s.transcript_word_count is null)
  from (select timestamptz '2026-11-20T13:00:00+01:00'::timestamptz as now, 'Europe/Berlin'::text as zone) t cross join analytics.sessions s left join lateral (
   select k.speaker_id, sum(k.word_count) as words, sum(k.speaking_seconds) as speaking_seconds,
          sum(sum(k.speaking_seconds)) over () as all_speaking_seconds
     from analytics.speaking_times k
    where k.source_id = s.source_id and k.session_id = s.session_id
    group by k.speaker_id) w on true cross join (select timestamptz '2026-11-18T00:00:00+01:00'::timestamptz as bucket_start, 1::bigint as bucket) b
 where s.ended_at >= timestamptz '2026-11-18T00:00:00+01:00' and s.ended_at < timestamptz '2026-11-21T00:00:00+01:00' and s.is_counted and s.source_id = any(array[1, 2, 3])
 group by 1, 2, 3;

-- talk share, sessions
select own.source_id, own.started
  from analytics.sources src
 cross join lateral (
       select s.source_id, count(*) as started
         from ingest.narrow_sessions s
        where s.source_id = src.source_id and s.started_at >= timestamptz '2026-11-18T00:00:00+01:00' and s.started_at < timestamptz '2026-11-21T00:00:00+01:00' and s.is_counted
        group by 1) own
 where src.source_id = any(array[1, 2, 3]);

-- talk share, scan 1
select b.bucket, s.source_id as source_id, 0::bigint as started, count(*) as unknown,
       null::numeric, 0::numeric, count(*) filter (where s.ended_at is null and s.session_state not in ('live', 'open', 'never_started') and ((s.transcript_word_count is not null or s.transcript_state <> 'not_enabled' and s.participant_count is distinct from 0)) is not false)
  from (select timestamptz '2026-11-20T13:00:00+01:00'::timestamptz as now, 'Europe/Berlin'::text as zone) t cross join analytics.sessions s cross join (select timestamptz '2026-11-18T00:00:00+01:00'::timestamptz as bucket_start, 1::bigint as bucket) b
 where s.started_at >= timestamptz '2026-11-18T00:00:00+01:00' and s.started_at < timestamptz '2026-11-21T00:00:00+01:00' and s.is_counted and (s.source_id = any(array[1]) and (s.ended_at is null and s.session_state not in ('live', 'open', 'never_started') and ((s.transcript_word_count is not null or s.transcript_state <> 'not_enabled' and s.participant_count is distinct from 0)) is not false or s.ended_at is not null and (s.transcript_word_count is not null or s.transcript_state <> 'not_enabled' and s.participant_count is distinct from 0) and s.transcript_word_count is null))
 group by 1, 2;

-- talk share, scan 2
select b.bucket, s.source_id as source_id, null::bigint as started, null::bigint as unknown,
       (coalesce(sum(w.speaking_seconds) filter (where (s.transcript_word_count is not null or s.transcript_state <> 'not_enabled' and s.participant_count is distinct from 0) and s.transcript_word_count is not null), 0))::numeric, (coalesce(sum(w.all_speaking_seconds) filter (where (s.transcript_word_count is not null or s.transcript_state <> 'not_enabled' and s.participant_count is distinct from 0) and s.transcript_word_count is not null), 0))::numeric, count(*) filter (where (s.transcript_word_count is not null or s.transcript_state <> 'not_enabled' and s.participant_count is distinct from 0) and s.transcript_word_count is null)
  from (select timestamptz '2026-11-20T13:00:00+01:00'::timestamptz as now, 'Europe/Berlin'::text as zone) t cross join analytics.sessions s cross join lateral (
   select s.transcript_word_count as words, sum(k.speaking_seconds) as speaking_seconds,
          sum(k.speaking_seconds) as all_speaking_seconds
     from analytics.speaking_times k
    where k.source_id = s.source_id and k.session_id = s.session_id) w cross join (select timestamptz '2026-11-18T00:00:00+01:00'::timestamptz as bucket_start, 1::bigint as bucket) b
 where s.ended_at >= timestamptz '2026-11-18T00:00:00+01:00' and s.ended_at < timestamptz '2026-11-21T00:00:00+01:00' and s.is_counted and s.source_id = any(array[1, 2, 3])
 group by 1, 2;

-- sessions by local hour, scan 1
select b.bucket, s.source_id as source_id, to_char(a.at at time zone t.zone, 'HH24'), count(*) as started, 0::bigint as unknown,
       (count(*))::numeric, (count(*))::numeric, 0::bigint
  from (select timestamptz '2026-11-20T13:00:00+01:00'::timestamptz as now, 'Europe/Berlin'::text as zone) t cross join ingest.narrow_sessions s cross join (select timestamptz '2026-11-18T00:00:00+01:00'::timestamptz as bucket_start, 1::bigint as bucket) b cross join lateral (select s.started_at as at) a
 where s.started_at >= timestamptz '2026-11-18T00:00:00+01:00' and s.started_at < timestamptz '2026-11-21T00:00:00+01:00' and s.is_counted
 group by 1, 2, 3;

-- sessions running at the end of each day, sessions
select own.source_id, own.started
  from analytics.sources src
 cross join lateral (
       select s.source_id, count(*) as started
         from ingest.narrow_sessions s
        where s.source_id = src.source_id and s.started_at >= timestamptz '2026-11-18T00:00:00+01:00' and s.started_at < timestamptz '2026-11-21T00:00:00+01:00' and s.is_counted
        group by 1) own
 where src.source_id = any(array[1, 2, 3]);

-- sessions running at the end of each day, scan 1
select b.bucket, s.source_id as source_id, 0::bigint as started, count(*) as unknown,
       null::numeric, 0::numeric, count(*) filter (where s.ended_at is null and s.session_state not in ('live', 'open', 'never_started'))
  from (select timestamptz '2026-11-20T13:00:00+01:00'::timestamptz as now, 'Europe/Berlin'::text as zone) t cross join ingest.narrow_sessions s
 cross join lateral (select z.starts[z.bucket] as bucket_start, z.bucket::bigint as bucket
   from (select width_bucket(s.started_at, y.starts) as bucket, y.starts from (select array[timestamptz '2026-11-18T00:00:00+01:00', timestamptz '2026-11-19T00:00:00+01:00', timestamptz '2026-11-20T00:00:00+01:00']::timestamptz[] as starts) y) z) b
 where s.started_at >= timestamptz '2026-11-18T00:00:00+01:00' and s.started_at < timestamptz '2026-11-21T00:00:00+01:00' and s.is_counted and (s.ended_at is null and s.session_state not in ('live', 'open', 'never_started'))
 group by 1, 2;

-- sessions running at the end of each day, scan 2
select b.bucket, min(s.source_id) as source_id, null::bigint as started, null::bigint as unknown,
       (count(*) filter (where not o.is_stale))::numeric, (count(*))::numeric, 0::bigint
  from (select timestamptz '2026-11-20T13:00:00+01:00'::timestamptz as now, 'Europe/Berlin'::text as zone) t cross join unnest(array[timestamptz '2026-11-18T00:00:00+01:00', timestamptz '2026-11-19T00:00:00+01:00', timestamptz '2026-11-20T00:00:00+01:00']::timestamptz[], array[timestamptz '2026-11-19T00:00:00+01:00', timestamptz '2026-11-20T00:00:00+01:00', timestamptz '2026-11-21T00:00:00+01:00']::timestamptz[]) with ordinality as b (bucket_start, bucket_end, bucket)
 cross join lateral (select least(b.bucket_end, t.now) as at from (values (1)) one) c
 cross join ingest.narrow_sessions s join lateral (select
   s.ended_at is null
   and analytics.is_stale_open(s.session_state, s.started_at, s.last_activity_at, s.live_participants, c.at) as is_stale from (values (1)) one) o
 on s.started_at <= c.at and (s.ended_at > c.at or s.ended_at is null and s.session_state in ('live', 'open'))
 where b.bucket_start < t.now and s.is_counted and s.source_id = any(array[1, 2, 3])
 group by 1;

-- cost by day, scan 1
select b.bucket, x.*
  from unnest(array[timestamptz '2026-11-18T00:00:00+01:00', timestamptz '2026-11-19T00:00:00+01:00', timestamptz '2026-11-20T00:00:00+01:00']::timestamptz[], array[timestamptz '2026-11-19T00:00:00+01:00', timestamptz '2026-11-20T00:00:00+01:00', timestamptz '2026-11-21T00:00:00+01:00']::timestamptz[]) with ordinality as b (bucket_start, bucket_end, bucket)
 cross join lateral (
       select s.source_id as source_id, count(*) as started, count(*) filter (where (c.cost is null or not c.is_priced)) as unknown,
       round(sum(c.cost), 12), (count(c.cost))::numeric, count(*) filter (where (c.cost is null or not c.is_priced))
         from (select timestamptz '2026-11-20T13:00:00+01:00'::timestamptz as now, 'Europe/Berlin'::text as zone) t cross join ingest.narrow_priced_sessions s
 cross join lateral (select s.list_cost as cost, s.is_priced, s.unpriced_minutes, s.rounded_minutes offset 0) c
        where s.started_at >= b.bucket_start and s.started_at < b.bucket_end and s.is_counted
        group by 1) x;

-- data lag, sessions
select own.source_id, own.started
  from analytics.sources src
 cross join lateral (
       select s.source_id, count(*) as started
         from ingest.narrow_sessions s
        where s.source_id = src.source_id and s.started_at >= timestamptz '2026-11-18T00:00:00+01:00' and s.started_at < timestamptz '2026-11-21T00:00:00+01:00' and s.is_counted
        group by 1) own
 where src.source_id = any(array[1, 2, 3]);

-- data lag, scan 2
select b.bucket, min(s.source_id) as source_id, null::bigint as started, null::bigint as unknown,
       round(max(greatest(extract(epoch from c.at - s.complete_through), 0)), 6), (count(s.complete_through))::numeric, count(*) filter (where s.complete_through is null)
  from (select timestamptz '2026-11-20T13:00:00+01:00'::timestamptz as now, 'Europe/Berlin'::text as zone) t cross join unnest(array[timestamptz '2026-11-18T00:00:00+01:00']::timestamptz[], array[timestamptz '2026-11-21T00:00:00+01:00']::timestamptz[]) with ordinality as b (bucket_start, bucket_end, bucket)
 cross join lateral (select least(b.bucket_end, t.now) as at from (values (1)) one) c
 cross join (select f.complete_through, f.provider, f.source, src.source_id
   from analytics.stream_freshness f join analytics.sources src using (source)
  where f.stream = 'sessions' and f.is_enabled) s
 where b.bucket_start < t.now and s.source_id = any(array[1, 2, 3])
 group by 1, s.source_id;

-- minutes restated by day, sessions
select own.source_id, own.started
  from analytics.sources src
 cross join lateral (
       select s.source_id, count(*) as started
         from ingest.narrow_sessions s
        where s.source_id = src.source_id and s.started_at >= timestamptz '2026-11-18T00:00:00+01:00' and s.started_at < timestamptz '2026-11-21T00:00:00+01:00' and s.is_counted
        group by 1) own
 where src.source_id = any(array[1, 2, 3]);

-- minutes restated by day, scan 2
select b.bucket, s.source_id as source_id, null::bigint as started, null::bigint as unknown,
       round(sum(coalesce(h.new_value::numeric, 0) - coalesce(h.old_value::numeric, 0)) filter (where h.changed_at >= (date_trunc('day', s.started_at at time zone t.zone) + interval '1 day') at time zone t.zone), 12), (count(*) filter (where h.changed_at >= (date_trunc('day', s.started_at at time zone t.zone) + interval '1 day') at time zone t.zone))::numeric, 0::bigint
  from (select timestamptz '2026-11-20T13:00:00+01:00'::timestamptz as now, 'Europe/Berlin'::text as zone) t cross join analytics.session_changes h join ingest.narrow_sessions s on s.source_id = h.source_id and s.session_id = h.session_id and h.field = 'provider_minutes'
 cross join lateral (select z.starts[z.bucket] as bucket_start, z.bucket::bigint as bucket
   from (select width_bucket(h.changed_at, y.starts) as bucket, y.starts from (select array[timestamptz '2026-11-18T00:00:00+01:00', timestamptz '2026-11-19T00:00:00+01:00', timestamptz '2026-11-20T00:00:00+01:00']::timestamptz[] as starts) y) z) b
 where h.changed_at >= timestamptz '2026-11-18T00:00:00+01:00' and h.changed_at < timestamptz '2026-11-21T00:00:00+01:00' and s.is_counted
 group by 1, 2;

-- elapsed minutes spread over days, sessions
select own.source_id, own.started
  from analytics.sources src
 cross join lateral (
       select s.source_id, count(*) as started
         from ingest.narrow_sessions s
        where s.source_id = src.source_id and s.started_at >= timestamptz '2026-11-18T00:00:00+01:00' and s.started_at < timestamptz '2026-11-21T00:00:00+01:00' and s.is_counted
        group by 1) own
 where src.source_id = any(array[1, 2, 3]);

-- elapsed minutes spread over days, scan 1
select b.bucket, s.source_id as source_id, 0::bigint as started, count(*) as unknown
  from (select timestamptz '2026-11-20T13:00:00+01:00'::timestamptz as now, 'Europe/Berlin'::text as zone) t cross join ingest.narrow_sessions s
 cross join lateral (select z.starts[z.bucket] as bucket_start, z.bucket::bigint as bucket
   from (select width_bucket(s.started_at, y.starts) as bucket, y.starts from (select array[timestamptz '2026-11-18T00:00:00+01:00', timestamptz '2026-11-19T00:00:00+01:00', timestamptz '2026-11-20T00:00:00+01:00']::timestamptz[] as starts) y) z) b
 where s.started_at >= timestamptz '2026-11-18T00:00:00+01:00' and s.started_at < timestamptz '2026-11-21T00:00:00+01:00' and s.is_counted and (s.duration_seconds is null)
 group by 1, 2;

-- elapsed minutes spread over days, scan 2
select b.bucket, s.source_id as source_id, null::bigint as started, null::bigint as unknown,
       round(sum((s.duration_seconds / 60) * f.part), 18), (count(s.duration_seconds))::numeric, count(*) filter (where s.started_at >= b.bucket_start and s.duration_seconds is null)
  from (select timestamptz '2026-11-20T13:00:00+01:00'::timestamptz as now, 'Europe/Berlin'::text as zone) t cross join ingest.narrow_sessions s
 cross join unnest(array[timestamptz '2026-11-18T00:00:00+01:00', timestamptz '2026-11-19T00:00:00+01:00', timestamptz '2026-11-20T00:00:00+01:00']::timestamptz[], array[timestamptz '2026-11-19T00:00:00+01:00', timestamptz '2026-11-20T00:00:00+01:00', timestamptz '2026-11-21T00:00:00+01:00']::timestamptz[]) with ordinality as b (bucket_start, bucket_end, bucket)
 cross join lateral (select coalesce(s.ended_at, s.started_at + s.duration_seconds * interval '1 second',
   case when s.session_state in ('live', 'open') then greatest(s.started_at, t.now) else s.started_at end) as ended_at from (values (1)) one) e
 cross join lateral (select
   case when e.ended_at <= s.started_at then 1
        else extract(epoch from least(b.bucket_end, e.ended_at) - s.started_at) / extract(epoch from e.ended_at - s.started_at) end
 - case when e.ended_at <= s.started_at then 0
        else extract(epoch from greatest(b.bucket_start, s.started_at) - s.started_at) / extract(epoch from e.ended_at - s.started_at) end
   as part from (values (1)) one) f
 where s.started_at < timestamptz '2026-11-21T00:00:00+01:00' and (s.ended_at >= timestamptz '2026-11-18T00:00:00+01:00' or s.ended_at is null) and s.started_at < b.bucket_end
   and (e.ended_at > b.bucket_start or s.started_at >= b.bucket_start) and s.is_counted
 group by 1, 2;

-- sessions by end, sessions
select own.source_id, own.started
  from analytics.sources src
 cross join lateral (
       select s.source_id, count(*) as started
         from ingest.narrow_sessions s
        where s.source_id = src.source_id and s.started_at >= timestamptz '2026-11-18T00:00:00+01:00' and s.started_at < timestamptz '2026-11-21T00:00:00+01:00' and s.is_counted
        group by 1) own
 where src.source_id = any(array[1, 2, 3]);

-- sessions by end, scan 1
select b.bucket, s.source_id as source_id, 0::bigint as started, count(*) as unknown,
       null::numeric, 0::numeric, count(*) filter (where s.ended_at is null)
  from (select timestamptz '2026-11-20T13:00:00+01:00'::timestamptz as now, 'Europe/Berlin'::text as zone) t cross join ingest.narrow_sessions s
 cross join lateral (select z.starts[z.bucket] as bucket_start, z.bucket::bigint as bucket
   from (select width_bucket(s.started_at, y.starts) as bucket, y.starts from (select array[timestamptz '2026-11-18T00:00:00+01:00', timestamptz '2026-11-19T00:00:00+01:00', timestamptz '2026-11-20T00:00:00+01:00']::timestamptz[] as starts) y) z) b
 where s.started_at >= timestamptz '2026-11-18T00:00:00+01:00' and s.started_at < timestamptz '2026-11-21T00:00:00+01:00' and s.is_counted and (s.ended_at is null)
 group by 1, 2;

-- sessions by end, scan 2
select b.bucket, x.*
  from unnest(array[timestamptz '2026-11-18T00:00:00+01:00', timestamptz '2026-11-19T00:00:00+01:00', timestamptz '2026-11-20T00:00:00+01:00']::timestamptz[], array[timestamptz '2026-11-19T00:00:00+01:00', timestamptz '2026-11-20T00:00:00+01:00', timestamptz '2026-11-21T00:00:00+01:00']::timestamptz[]) with ordinality as b (bucket_start, bucket_end, bucket)
 cross join lateral (
       select s.source_id as source_id, null::bigint as started, null::bigint as unknown,
       (count(*))::numeric, (count(*))::numeric, 0::bigint
         from (select timestamptz '2026-11-20T13:00:00+01:00'::timestamptz as now, 'Europe/Berlin'::text as zone) t cross join ingest.narrow_sessions s
        where s.ended_at >= b.bucket_start and s.ended_at < b.bucket_end and s.is_counted and s.source_id = any(array[1, 2, 3])
        group by 1) x;

-- minutes as known two days ago, scan 1
select b.bucket, s.source_id as source_id, count(*) as started, case when s.source_id = any(array[1, 2]) then count(*) filter (where s.minutes_consumed is null) else 0 end as unknown,
       round(sum(s.minutes_consumed), 12), (count(s.minutes_consumed))::numeric, count(*) filter (where s.minutes_consumed is null)
  from (select timestamptz '2026-11-20T13:00:00+01:00'::timestamptz as now, 'Europe/Berlin'::text as zone) t cross join analytics.sessions_as_known_at(timestamptz '2026-11-18T13:00:00+01:00') s
 cross join lateral (select z.starts[z.bucket] as bucket_start, z.bucket::bigint as bucket
   from (select width_bucket(s.started_at, y.starts) as bucket, y.starts from (select array[timestamptz '2026-11-18T00:00:00+01:00', timestamptz '2026-11-19T00:00:00+01:00', timestamptz '2026-11-20T00:00:00+01:00']::timestamptz[] as starts) y) z) b
 where s.started_at >= timestamptz '2026-11-18T00:00:00+01:00' and s.started_at < timestamptz '2026-11-21T00:00:00+01:00' and s.is_counted
 group by 1, 2;

-- minutes by day and channel, of closed hours, scan 1
select b.bucket, s.source_id as source_id, s.channel, coalesce(sum(s.session_count), 0) as started, case when s.source_id = any(array[1, 2]) then coalesce(sum(s.session_count) filter (where s.minutes_consumed is null), 0) else 0 end as unknown,
       round(sum(s.minutes_consumed), 12), (coalesce(sum(s.session_count) filter (where s.minutes_consumed is not null), 0))::numeric, coalesce(sum(s.session_count) filter (where s.minutes_consumed is null), 0)
  from (select timestamptz '2026-11-20T13:00:00+01:00'::timestamptz as now, 'Europe/Berlin'::text as zone) t cross join (
       select hour as started_at, completed_at, source_id, source, provider, session_kind, session_state, outcome, channel, chat_state,
              is_provisional, message_support, minutes_basis, has_message_count, message_count, participant_count,
              minutes_consumed, duration_seconds, true as is_counted, session_count
         from ingest.hourly_sessions
        where counted_by = 'started_at' and hour >= timestamptz '2026-11-18T00:00:00+01:00' and hour < timestamptz '2026-11-21T00:00:00+01:00') s
 cross join lateral (select z.starts[z.bucket] as bucket_start, z.bucket::bigint as bucket
   from (select width_bucket(s.started_at, y.starts) as bucket, y.starts from (select array[timestamptz '2026-11-18T00:00:00+01:00', timestamptz '2026-11-19T00:00:00+01:00', timestamptz '2026-11-20T00:00:00+01:00']::timestamptz[] as starts) y) z) b
 where s.started_at >= timestamptz '2026-11-18T00:00:00+01:00' and s.started_at < timestamptz '2026-11-21T00:00:00+01:00' and s.is_counted
 group by 1, 2, 3;

-- resolution rate by day, of closed hours but one, scan 1
select b.bucket, s.source_id as source_id, coalesce(sum(s.session_count), 0) as started, case when s.source_id = any(array[3]) then coalesce(sum(s.session_count) filter (where s.completed_at is null and s.outcome in ('resolved', 'unresolved', 'unknown') and (s.outcome in ('resolved', 'unresolved', 'unknown')) is not false or s.completed_at is not null and s.outcome in ('resolved', 'unresolved', 'unknown') and (s.outcome in ('resolved', 'unresolved')) is not true), 0) else 0 end as unknown,
       null::numeric, 0::numeric, coalesce(sum(s.session_count) filter (where s.completed_at is null and s.outcome in ('resolved', 'unresolved', 'unknown') and (s.outcome in ('resolved', 'unresolved', 'unknown')) is not false), 0)
  from (select timestamptz '2026-11-20T13:00:00+01:00'::timestamptz as now, 'Europe/Berlin'::text as zone) t cross join (
       select hour as started_at, completed_at, source_id, source, provider, session_kind, session_state, outcome, channel, chat_state,
              is_provisional, message_support, minutes_basis, has_message_count, message_count, participant_count,
              minutes_consumed, duration_seconds, true as is_counted, session_count
         from ingest.hourly_sessions
        where counted_by = 'started_at' and hour >= timestamptz '2026-11-18T00:00:00+01:00' and hour < timestamptz '2026-11-21T00:00:00+01:00' and hour <> all(array[timestamptz '2026-11-19T10:00:00+01:00'])
        union all
       select started_at, completed_at, source_id, source, provider, session_kind, session_state, outcome, channel, chat_state,
              is_provisional, message_support, minutes_basis, has_message_count, message_count, participant_count,
              minutes_consumed, duration_seconds, is_counted, 1
         from unnest(array[timestamptz '2026-11-19T10:00:00+01:00']) o (hour)
         join ingest.narrow_sessions on started_at >= o.hour and started_at < o.hour + interval '1 hour') s
 cross join lateral (select z.starts[z.bucket] as bucket_start, z.bucket::bigint as bucket
   from (select width_bucket(s.started_at, y.starts) as bucket, y.starts from (select array[timestamptz '2026-11-18T00:00:00+01:00', timestamptz '2026-11-19T00:00:00+01:00', timestamptz '2026-11-20T00:00:00+01:00']::timestamptz[] as starts) y) z) b
 where s.started_at >= timestamptz '2026-11-18T00:00:00+01:00' and s.started_at < timestamptz '2026-11-21T00:00:00+01:00' and s.is_counted
 group by 1, 2;

-- resolution rate by day, of closed hours but one, scan 2
select b.bucket, s.source_id as source_id, null::bigint as started, null::bigint as unknown,
       (coalesce(sum(s.session_count) filter (where s.outcome = 'resolved'), 0))::numeric, (coalesce(sum(s.session_count) filter (where s.outcome in ('resolved', 'unresolved')), 0))::numeric, coalesce(sum(s.session_count) filter (where s.outcome in ('resolved', 'unresolved', 'unknown') and (s.outcome in ('resolved', 'unresolved')) is not true), 0)
  from (select timestamptz '2026-11-20T13:00:00+01:00'::timestamptz as now, 'Europe/Berlin'::text as zone) t cross join (
       select null::timestamptz as started_at, hour as completed_at, source_id, source, provider, session_kind, session_state, outcome, channel, chat_state,
              is_provisional, message_support, minutes_basis, has_message_count, message_count, participant_count,
              minutes_consumed, duration_seconds, true as is_counted, session_count
         from ingest.hourly_sessions
        where counted_by = 'completed_at' and hour >= timestamptz '2026-11-18T00:00:00+01:00' and hour < timestamptz '2026-11-21T00:00:00+01:00' and hour <> all(array[timestamptz '2026-11-19T10:00:00+01:00'])
        union all
       select started_at, completed_at, source_id, source, provider, session_kind, session_state, outcome, channel, chat_state,
              is_provisional, message_support, minutes_basis, has_message_count, message_count, participant_count,
              minutes_consumed, duration_seconds, is_counted, 1
         from unnest(array[timestamptz '2026-11-19T10:00:00+01:00']) o (hour)
         join ingest.narrow_sessions on completed_at >= o.hour and completed_at < o.hour + interval '1 hour') s
 cross join lateral (select z.starts[z.bucket] as bucket_start, z.bucket::bigint as bucket
   from (select width_bucket(s.completed_at, y.starts) as bucket, y.starts from (select array[timestamptz '2026-11-18T00:00:00+01:00', timestamptz '2026-11-19T00:00:00+01:00', timestamptz '2026-11-20T00:00:00+01:00']::timestamptz[] as starts) y) z) b
 where s.completed_at >= timestamptz '2026-11-18T00:00:00+01:00' and s.completed_at < timestamptz '2026-11-21T00:00:00+01:00' and s.is_counted
 group by 1, 2;

-- concurrency of sessions by day and provider
with cut (bucket_start, counted_to, bucket) as (
  select * from unnest(array[timestamptz '2026-11-18T00:00:00+01:00', timestamptz '2026-11-19T00:00:00+01:00', timestamptz '2026-11-20T00:00:00+01:00']::timestamptz[], array[timestamptz '2026-11-19T00:00:00+01:00', timestamptz '2026-11-20T00:00:00+01:00', timestamptz '2026-11-20T13:00:00+01:00']::timestamptz[]) with ordinality
), presence (g1, began_at, ended_at) as (
  select s.provider, s.started_at, stay.ended_at
    from analytics.sessions s
   cross join lateral (select analytics.effective_ended_at(s.session_state, s.started_at, s.ended_at, s.last_activity_at,
                                                           s.live_participants, timestamptz '2026-11-20T13:00:00+01:00'::timestamptz) as ended_at
                         from (values (1)) one) stay
   where stay.ended_at > s.started_at and s.started_at < timestamptz '2026-11-21T00:00:00+01:00' and stay.ended_at > timestamptz '2026-11-18T00:00:00+01:00'
     and (s.ended_at > timestamptz '2026-11-18T00:00:00+01:00' or s.session_state in ('live', 'open')) and s.source_id = any(array[1, 2, 3]) and s.is_counted
), change (g1, at, step) as (
  select g1, began_at, 1 from presence
  union all select g1, ended_at, -1 from presence
  union all select g1, bucket_start, 0 from (select distinct g1 from presence) g cross join cut
), level (g1, at, level, next_at) as (
  select g1, at, sum(sum(step)::int) over along, lead(at) over along
    from change group by g1, at
  window along as (partition by g1 order by at)
), placed as (
  select *, width_bucket(at, (select array_agg(bucket_start order by bucket_start) from cut)) as bucket from level
)
select p.g1, p.bucket, max(p.level)::numeric as peak, round(sum(p.level * extract(epoch from greatest(least(p.next_at, cut.counted_to) - p.at, interval '0')))
             / nullif(extract(epoch from greatest(cut.counted_to - cut.bucket_start, interval '0')), 0), 18) as average
  from placed p join cut using (bucket)
 where p.at >= timestamptz '2026-11-18T00:00:00+01:00' and p.at < timestamptz '2026-11-21T00:00:00+01:00'
 group by p.g1, p.bucket, cut.bucket_start, cut.counted_to
 order by p.g1, p.bucket;

-- concurrency of participants
with cut (bucket_start, counted_to, bucket) as (
  select * from unnest(array[timestamptz '2026-11-18T00:00:00+01:00']::timestamptz[], array[timestamptz '2026-11-20T13:00:00+01:00']::timestamptz[]) with ordinality
), presence (began_at, ended_at) as (
  select p.joined_at, stay.ended_at
    from analytics.participants p
    join analytics.sessions s using (source_id, session_id)
   cross join lateral (select coalesce(p.left_at, case when s.is_provisional then timestamptz '2026-11-20T13:00:00+01:00'::timestamptz end) as ended_at
                         from (values (1)) one) stay
   where stay.ended_at > p.joined_at and p.joined_at < timestamptz '2026-11-21T00:00:00+01:00' and stay.ended_at > timestamptz '2026-11-18T00:00:00+01:00'
     and (s.ended_at > timestamptz '2026-11-17T00:00:00+01:00' or s.ended_at is null) and s.source_id = any(array[1]) and s.is_counted
), change (at, step) as (
  select began_at, 1 from presence
  union all select ended_at, -1 from presence
  union all select bucket_start, 0 from (select 1 from presence limit 1) g cross join cut
), level (at, level, next_at) as (
  select at, sum(sum(step)::int) over along, lead(at) over along
    from change group by at
  window along as (order by at)
), placed as (
  select *, width_bucket(at, (select array_agg(bucket_start order by bucket_start) from cut)) as bucket from level
)
select p.bucket, max(p.level)::numeric as peak, null::numeric as average
  from placed p
 where p.at >= timestamptz '2026-11-18T00:00:00+01:00' and p.at < timestamptz '2026-11-21T00:00:00+01:00'
 group by p.bucket
 order by p.bucket;

-- resolution_rate, explained
with own as (
  select coalesce((count(*) filter (where s.outcome = 'resolved'))::numeric, 0) as numerator,
         coalesce((count(*) filter (where s.outcome in ('resolved', 'unresolved')))::numeric, 0) as denominator,
         count(*) filter (where s.outcome in ('resolved', 'unresolved', 'unknown') and (s.outcome in ('resolved', 'unresolved')) is not true) as unknown_count
    from analytics.sessions s
 where s.completed_at >= timestamptz '2026-11-18T00:00:00+01:00' and s.completed_at < timestamptz '2026-11-21T00:00:00+01:00' and s.is_counted and s.channel = 'whatsapp' and s.source = any(array['chat-eu'])
), missed as (
  select count(*) filter (where s.completed_at is null and s.outcome in ('resolved', 'unresolved', 'unknown') and (s.outcome in ('resolved', 'unresolved', 'unknown')) is not false) as unknown_count
    from analytics.sessions s
 where s.started_at >= timestamptz '2026-11-18T00:00:00+01:00' and s.started_at < timestamptz '2026-11-21T00:00:00+01:00' and s.is_counted and s.channel = 'whatsapp' and s.source = any(array['chat-eu'])
), figure as (
  select numerator, denominator, own.unknown_count + missed.unknown_count as unknown_count
    from own, missed
)
select round(numerator / nullif(denominator, 0), 9) as value, numerator, denominator, unknown_count
  from figure;

-- resolution_rate, its rows
select x.*, d.source, d.provider, d.provider_session_id, d.session_kind, d.session_state, d.outcome, d.channel
  from (select * from (select s.completed_at as at, s.source_id, s.session_id, ''::text as row_id, ((count(*) filter (where s.outcome = 'resolved'))::numeric)::numeric as value,
       (count(*) filter (where s.outcome in ('resolved', 'unresolved')))::numeric as known, (count(*) filter (where s.outcome in ('resolved', 'unresolved', 'unknown') and (s.outcome in ('resolved', 'unresolved')) is not true))::bigint as unknown
  from analytics.sessions s
 where s.completed_at >= timestamptz '2026-11-18T00:00:00+01:00' and s.completed_at < timestamptz '2026-11-21T00:00:00+01:00' and s.is_counted and s.channel = 'whatsapp' and s.source = any(array['chat-eu'])
 group by 1, 2, 3, 4
having count(*) filter (where s.outcome in ('resolved', 'unresolved')) > 0 or count(*) filter (where s.outcome in ('resolved', 'unresolved', 'unknown') and (s.outcome in ('resolved', 'unresolved')) is not true) > 0
 union all
select at, source_id, session_id, row_id, value, known, unknown from (select s.started_at as at, s.source_id, s.session_id, ''::text as row_id, (null::numeric)::numeric as value,
       0::numeric as known, (count(*) filter (where s.completed_at is null and s.outcome in ('resolved', 'unresolved', 'unknown') and (s.outcome in ('resolved', 'unresolved', 'unknown')) is not false))::bigint as unknown
  from analytics.sessions s
 where s.started_at >= timestamptz '2026-11-18T00:00:00+01:00' and s.started_at < timestamptz '2026-11-21T00:00:00+01:00' and s.is_counted and s.channel = 'whatsapp' and s.source = any(array['chat-eu'])
 group by 1, 2, 3, 4
having 0 > 0 or count(*) filter (where s.completed_at is null and s.outcome in ('resolved', 'unresolved', 'unknown') and (s.outcome in ('resolved', 'unresolved', 'unknown')) is not false) > 0) o) y
         where true
         order by at, source_id, session_id, row_id limit 100) x
  join analytics.sessions d on d.source_id = x.source_id and d.session_id = x.session_id
 order by x.at, x.source_id, x.session_id, x.row_id;

-- messages, explained
with own as (
  select (count(*))::numeric as value,
         (count(*))::numeric as known_count,
         0::bigint as unknown_count
    from analytics.messages m join analytics.sessions s using (source_id, session_id)
 where m.sent_at >= timestamptz '2026-11-18T00:00:00+01:00' and m.sent_at < timestamptz '2026-11-21T00:00:00+01:00' and s.is_counted and s.source = any(array['chat-eu'])
), missed as (
  select count(*) filter (where s.message_support <> 'none' and s.message_count is null and s.chat_state is distinct from 'not_enabled') as unknown_count
    from analytics.sessions s
 where s.started_at >= timestamptz '2026-11-18T00:00:00+01:00' and s.started_at < timestamptz '2026-11-21T00:00:00+01:00' and s.is_counted and s.source = any(array['chat-eu'])
), untimed as (
  select count(*) as unknown_count
    from analytics.messages m join analytics.sessions s using (source_id, session_id)
 where s.started_at >= timestamptz '2026-11-18T00:00:00+01:00' and s.started_at < timestamptz '2026-11-21T00:00:00+01:00' and m.sent_at is null and s.is_counted and s.source = any(array['chat-eu'])
), figure as (
  select value, known_count, own.unknown_count + missed.unknown_count + untimed.unknown_count as unknown_count
    from own, missed, untimed
)
select round(case when known_count = 0 and unknown_count > 0 then null else coalesce(value, 0) end, 9) as value, known_count, unknown_count
  from figure;

-- messages, its rows
select x.*, d.source, d.provider, d.provider_session_id, d.session_kind, d.session_state, d.outcome, d.channel
  from (select * from (select m.sent_at as at, s.source_id, s.session_id, m.provider_message_id as row_id, ((count(*))::numeric)::numeric as value,
       (count(*))::numeric as known, (0::bigint)::bigint as unknown
  from analytics.messages m join analytics.sessions s using (source_id, session_id)
 where m.sent_at >= timestamptz '2026-11-18T00:00:00+01:00' and m.sent_at < timestamptz '2026-11-21T00:00:00+01:00' and s.is_counted and s.source = any(array['chat-eu'])
 group by 1, 2, 3, 4
having count(*) > 0 or 0::bigint > 0
 union all
select at, source_id, session_id, row_id, value, known, unknown from (select s.started_at as at, s.source_id, s.session_id, m.provider_message_id as row_id, (null::numeric)::numeric as value,
       0::numeric as known, (count(*))::bigint as unknown
  from analytics.messages m join analytics.sessions s using (source_id, session_id)
 where s.started_at >= timestamptz '2026-11-18T00:00:00+01:00' and s.started_at < timestamptz '2026-11-21T00:00:00+01:00' and m.sent_at is null and s.is_counted and s.source = any(array['chat-eu'])
 group by 1, 2, 3, 4
having 0 > 0 or count(*) > 0) o
 union all
select at, source_id, session_id, row_id, value, known, unknown from (select s.started_at as at, s.source_id, s.session_id, ''::text as row_id, (null::numeric)::numeric as value,
       0::numeric as known, (count(*) filter (where s.message_support <> 'none' and s.message_count is null and s.chat_state is distinct from 'not_enabled'))::bigint as unknown
  from analytics.sessions s
 where s.started_at >= timestamptz '2026-11-18T00:00:00+01:00' and s.started_at < timestamptz '2026-11-21T00:00:00+01:00' and s.is_counted and s.source = any(array['chat-eu'])
 group by 1, 2, 3, 4
having 0 > 0 or count(*) filter (where s.message_support <> 'none' and s.message_count is null and s.chat_state is distinct from 'not_enabled') > 0) o) y
         where true
         order by at, source_id, session_id, row_id limit 100) x
  join analytics.sessions d on d.source_id = x.source_id and d.session_id = x.session_id
 order by x.at, x.source_id, x.session_id, x.row_id;

-- unique_people, explained
with own as (
  select count(distinct (v.source_id || ' ' || v.visitor) collate "C")::numeric as value,
         (count(*))::numeric as known_count,
         count(*) filter (where not v.is_identified) as unknown_count
    from analytics.visits v join analytics.sessions s using (source_id, session_id)
 where v.started_at >= timestamptz '2026-11-18T00:00:00+01:00' and v.started_at < timestamptz '2026-11-21T00:00:00+01:00' and s.started_at >= timestamptz '2026-11-18T00:00:00+01:00' and s.started_at < timestamptz '2026-11-21T00:00:00+01:00' and s.is_counted and s.source = any(array['chat-eu'])
), missed as (
  select count(*) filter (where s.session_kind in ('meeting', 'livestream') and s.participant_count is null) as unknown_count
    from analytics.sessions s
 where s.started_at >= timestamptz '2026-11-18T00:00:00+01:00' and s.started_at < timestamptz '2026-11-21T00:00:00+01:00' and s.is_counted and s.source = any(array['chat-eu'])
), figure as (
  select value, known_count, own.unknown_count + missed.unknown_count as unknown_count
    from own, missed
)
select round(case when known_count = 0 and unknown_count > 0 then null else coalesce(value, 0) end, 9) as value, known_count, unknown_count
  from figure;

-- unique_people, its rows
select x.*, d.source, d.provider, d.provider_session_id, d.session_kind, d.session_state, d.outcome, d.channel
  from (select * from (select at, source_id, session_id, row_id,
       case when counts and row_number() over (partition by counts, who order by at, source_id, session_id, row_id) = 1
            then 1 else 0 end::numeric as value,
       known, unknown
  from (select v.started_at as at, s.source_id, s.session_id, v.visitor as row_id, (count(distinct (v.source_id || ' ' || v.visitor) collate "C")::numeric)::numeric as value,
       (count(*))::numeric as known, (count(*) filter (where not v.is_identified))::bigint as unknown, bool_or(true) as counts, min(((v.source_id || ' ' || v.visitor) collate "C")::text) as who
  from analytics.visits v join analytics.sessions s using (source_id, session_id)
 where v.started_at >= timestamptz '2026-11-18T00:00:00+01:00' and v.started_at < timestamptz '2026-11-21T00:00:00+01:00' and s.started_at >= timestamptz '2026-11-18T00:00:00+01:00' and s.started_at < timestamptz '2026-11-21T00:00:00+01:00' and s.is_counted and s.source = any(array['chat-eu'])
 group by 1, 2, 3, 4
having count(*) > 0 or count(*) filter (where not v.is_identified) > 0) g
 union all
select at, source_id, session_id, row_id, value, known, unknown from (select s.started_at as at, s.source_id, s.session_id, ''::text as row_id, (null::numeric)::numeric as value,
       0::numeric as known, (count(*) filter (where s.session_kind in ('meeting', 'livestream') and s.participant_count is null))::bigint as unknown
  from analytics.sessions s
 where s.started_at >= timestamptz '2026-11-18T00:00:00+01:00' and s.started_at < timestamptz '2026-11-21T00:00:00+01:00' and s.is_counted and s.source = any(array['chat-eu'])
 group by 1, 2, 3, 4
having 0 > 0 or count(*) filter (where s.session_kind in ('meeting', 'livestream') and s.participant_count is null) > 0) o) y
         where true
         order by at, source_id, session_id, row_id limit 100) x
  join analytics.sessions d on d.source_id = x.source_id and d.session_id = x.session_id
 order by x.at, x.source_id, x.session_id, x.row_id;

-- resolution_rate, as published
with cut as (
  select bucket_start, bucket_end, least(bucket_end, $6) as counted_to,
         row_number() over (order by bucket_start) as bucket
    from analytics.buckets_between($1, $2, $3, $4)
), edge as (
  select array_agg(bucket_start order by bucket_start) as starts from cut
), applicable as (
  select src.source_id, src.source, src.provider from analytics.sources src where src.has_outcomes
), counted as (
  select b.bucket, case $5 when 'provider' then s.provider when 'source' then s.source when 'channel' then s.channel when 'outcome' then s.outcome when 'session_kind' then s.session_kind when 'session_state' then s.session_state when 'minutes_basis' then s.minutes_basis when 'local_weekday' then to_char(a.at at time zone t.zone, 'ID') when 'local_hour' then to_char(a.at at time zone t.zone, 'HH24') when 'avatar_id' then s.avatar_id when 'voice_name' then s.voice_name when 'api_key_type' then s.api_key_type when 'workspace_id' then s.workspace_id when 'feed_id' then s.feed_id when 'skill_type' then s.skill_type when 'sub_intent_type' then s.sub_intent_type when 'app_id' then s.app_id when 'meeting_id' then s.meeting_id when 'session_type' then s.session_type when 'unexplained_minutes_class' then s.unexplained_minutes_class when 'transcript_state' then s.transcript_state when 'launch_quality' then s.launch_quality when 'launch_voice' then s.launch_voice when 'launch_stt_provider' then s.launch_stt_provider when 'launch_idle_timeout_seconds' then s.launch_idle_timeout_seconds::text when 'launch_duration_limit_seconds' then s.launch_duration_limit_seconds::text end as dimension_value, ((count(*) filter (where s.outcome = 'resolved'))::numeric)::numeric as value, ((count(*) filter (where s.outcome in ('resolved', 'unresolved')))::numeric)::numeric as known_count, (count(*) filter (where s.outcome in ('resolved', 'unresolved', 'unknown') and (s.outcome in ('resolved', 'unresolved')) is not true))::bigint as unknown_count
    from (select $6 as now, $4 as zone) t cross join analytics.sessions s
   cross join edge cross join lateral (select s.completed_at as at) a
   cross join lateral (select width_bucket(a.at, edge.starts) as number) slot
   cross join lateral (select slot.number::bigint as bucket, edge.starts[slot.number] as bucket_start) b
   where s.completed_at >= $1 and s.completed_at < $2 and s.source_id in (select source_id from applicable) and s.is_counted
   group by 1, 2
), never_read as (
  select b.bucket, case $5 when 'provider' then s.provider when 'source' then s.source when 'channel' then s.channel when 'outcome' then s.outcome when 'session_kind' then s.session_kind when 'session_state' then s.session_state when 'minutes_basis' then s.minutes_basis when 'local_weekday' then to_char(a.at at time zone t.zone, 'ID') when 'local_hour' then to_char(a.at at time zone t.zone, 'HH24') when 'avatar_id' then s.avatar_id when 'voice_name' then s.voice_name when 'api_key_type' then s.api_key_type when 'workspace_id' then s.workspace_id when 'feed_id' then s.feed_id when 'skill_type' then s.skill_type when 'sub_intent_type' then s.sub_intent_type when 'app_id' then s.app_id when 'meeting_id' then s.meeting_id when 'session_type' then s.session_type when 'unexplained_minutes_class' then s.unexplained_minutes_class when 'transcript_state' then s.transcript_state when 'launch_quality' then s.launch_quality when 'launch_voice' then s.launch_voice when 'launch_stt_provider' then s.launch_stt_provider when 'launch_idle_timeout_seconds' then s.launch_idle_timeout_seconds::text when 'launch_duration_limit_seconds' then s.launch_duration_limit_seconds::text end as dimension_value, count(*) filter (where s.completed_at is null and s.outcome in ('resolved', 'unresolved', 'unknown') and (s.outcome in ('resolved', 'unresolved', 'unknown')) is not false) as unknown_count
    from (select $6 as now, $4 as zone) t cross join analytics.sessions s
   cross join edge cross join lateral (select s.started_at as at) a
   cross join lateral (select width_bucket(a.at, edge.starts) as number) slot
   cross join lateral (select slot.number::bigint as bucket, edge.starts[slot.number] as bucket_start) b
   where s.started_at >= $1 and s.started_at < $2 and s.source_id in (select source_id from applicable) and s.is_counted
   group by 1, 2
), of as (
  select null::text as dimension_value where $5 is null
  union select case $5 when 'source' then source else provider end from applicable where $5 in ('source', 'provider')
  union select dimension_value from counted where $5 is not null
  union select dimension_value from never_read where $5 is not null and unknown_count > 0
)
select cut.bucket_start, cut.bucket_end, of.dimension_value,
       round(counted.value / nullif(counted.known_count, 0), 9) as value,
       coalesce(counted.value, 0) as numerator, coalesce(counted.known_count, 0) as denominator,
       coalesce(counted.known_count, 0) as known_count, coalesce(counted.unknown_count, 0) + coalesce(never_read.unknown_count, 0) as unknown_count
  from cut
 cross join of
  left join counted on counted.bucket = cut.bucket
                   and counted.dimension_value is not distinct from of.dimension_value
  left join never_read on never_read.bucket = cut.bucket
                  and never_read.dimension_value is not distinct from of.dimension_value
 order by cut.bucket_start, of.dimension_value;

-- messages, as published
with cut as (
  select bucket_start, bucket_end, least(bucket_end, $6) as counted_to,
         row_number() over (order by bucket_start) as bucket
    from analytics.buckets_between($1, $2, $3, $4)
), edge as (
  select array_agg(bucket_start order by bucket_start) as starts from cut
), applicable as (
  select src.source_id, src.source, src.provider from analytics.sources src where src.message_support in ('inline', 'per_session')
), counted as (
  select b.bucket, case $5 when 'provider' then s.provider when 'source' then s.source when 'channel' then s.channel when 'outcome' then s.outcome when 'session_kind' then s.session_kind when 'session_state' then s.session_state when 'minutes_basis' then s.minutes_basis when 'local_weekday' then to_char(a.at at time zone t.zone, 'ID') when 'local_hour' then to_char(a.at at time zone t.zone, 'HH24') when 'avatar_id' then s.avatar_id when 'voice_name' then s.voice_name when 'api_key_type' then s.api_key_type when 'workspace_id' then s.workspace_id when 'feed_id' then s.feed_id when 'skill_type' then s.skill_type when 'sub_intent_type' then s.sub_intent_type when 'app_id' then s.app_id when 'meeting_id' then s.meeting_id when 'session_type' then s.session_type when 'unexplained_minutes_class' then s.unexplained_minutes_class when 'transcript_state' then s.transcript_state when 'launch_quality' then s.launch_quality when 'launch_voice' then s.launch_voice when 'launch_stt_provider' then s.launch_stt_provider when 'launch_idle_timeout_seconds' then s.launch_idle_timeout_seconds::text when 'launch_duration_limit_seconds' then s.launch_duration_limit_seconds::text end as dimension_value, ((count(*))::numeric)::numeric as value, ((count(*))::numeric)::numeric as known_count, (0::bigint)::bigint as unknown_count
    from (select $6 as now, $4 as zone) t cross join analytics.messages m join analytics.sessions s using (source_id, session_id)
   cross join edge cross join lateral (select m.sent_at as at) a
   cross join lateral (select width_bucket(a.at, edge.starts) as number) slot
   cross join lateral (select slot.number::bigint as bucket, edge.starts[slot.number] as bucket_start) b
   where m.sent_at >= $1 and m.sent_at < $2 and s.source_id in (select source_id from applicable) and s.is_counted
   group by 1, 2
), never_read as (
  select b.bucket, case $5 when 'provider' then s.provider when 'source' then s.source when 'channel' then s.channel when 'outcome' then s.outcome when 'session_kind' then s.session_kind when 'session_state' then s.session_state when 'minutes_basis' then s.minutes_basis when 'local_weekday' then to_char(a.at at time zone t.zone, 'ID') when 'local_hour' then to_char(a.at at time zone t.zone, 'HH24') when 'avatar_id' then s.avatar_id when 'voice_name' then s.voice_name when 'api_key_type' then s.api_key_type when 'workspace_id' then s.workspace_id when 'feed_id' then s.feed_id when 'skill_type' then s.skill_type when 'sub_intent_type' then s.sub_intent_type when 'app_id' then s.app_id when 'meeting_id' then s.meeting_id when 'session_type' then s.session_type when 'unexplained_minutes_class' then s.unexplained_minutes_class when 'transcript_state' then s.transcript_state when 'launch_quality' then s.launch_quality when 'launch_voice' then s.launch_voice when 'launch_stt_provider' then s.launch_stt_provider when 'launch_idle_timeout_seconds' then s.launch_idle_timeout_seconds::text when 'launch_duration_limit_seconds' then s.launch_duration_limit_seconds::text end as dimension_value, count(*) filter (where s.message_support <> 'none' and s.message_count is null and s.chat_state is distinct from 'not_enabled') as unknown_count
    from (select $6 as now, $4 as zone) t cross join analytics.sessions s
   cross join edge cross join lateral (select s.started_at as at) a
   cross join lateral (select width_bucket(a.at, edge.starts) as number) slot
   cross join lateral (select slot.number::bigint as bucket, edge.starts[slot.number] as bucket_start) b
   where s.started_at >= $1 and s.started_at < $2 and s.source_id in (select source_id from applicable) and s.is_counted
   group by 1, 2
), untimed as (
  select b.bucket, case $5 when 'provider' then s.provider when 'source' then s.source when 'channel' then s.channel when 'outcome' then s.outcome when 'session_kind' then s.session_kind when 'session_state' then s.session_state when 'minutes_basis' then s.minutes_basis when 'local_weekday' then to_char(a.at at time zone t.zone, 'ID') when 'local_hour' then to_char(a.at at time zone t.zone, 'HH24') when 'avatar_id' then s.avatar_id when 'voice_name' then s.voice_name when 'api_key_type' then s.api_key_type when 'workspace_id' then s.workspace_id when 'feed_id' then s.feed_id when 'skill_type' then s.skill_type when 'sub_intent_type' then s.sub_intent_type when 'app_id' then s.app_id when 'meeting_id' then s.meeting_id when 'session_type' then s.session_type when 'unexplained_minutes_class' then s.unexplained_minutes_class when 'transcript_state' then s.transcript_state when 'launch_quality' then s.launch_quality when 'launch_voice' then s.launch_voice when 'launch_stt_provider' then s.launch_stt_provider when 'launch_idle_timeout_seconds' then s.launch_idle_timeout_seconds::text when 'launch_duration_limit_seconds' then s.launch_duration_limit_seconds::text end as dimension_value, count(*) as unknown_count
    from (select $6 as now, $4 as zone) t cross join analytics.messages m join analytics.sessions s using (source_id, session_id)
   cross join edge cross join lateral (select s.started_at as at) a
   cross join lateral (select width_bucket(a.at, edge.starts) as number) slot
   cross join lateral (select slot.number::bigint as bucket, edge.starts[slot.number] as bucket_start) b
   where s.started_at >= $1 and s.started_at < $2 and m.sent_at is null and s.source_id in (select source_id from applicable) and s.is_counted
   group by 1, 2
), of as (
  select null::text as dimension_value where $5 is null
  union select case $5 when 'source' then source else provider end from applicable where $5 in ('source', 'provider')
  union select dimension_value from counted where $5 is not null
  union select dimension_value from never_read where $5 is not null and unknown_count > 0
  union select dimension_value from untimed where $5 is not null and unknown_count > 0
)
select cut.bucket_start, cut.bucket_end, of.dimension_value,
       round(case when coalesce(counted.known_count, 0) = 0 and coalesce(counted.unknown_count, 0) + coalesce(never_read.unknown_count, 0) + coalesce(untimed.unknown_count, 0) > 0 or not exists (select from applicable) then null
                  else coalesce(counted.value, 0) end, 9) as value,
       null::numeric as numerator, null::numeric as denominator,
       coalesce(counted.known_count, 0) as known_count, coalesce(counted.unknown_count, 0) + coalesce(never_read.unknown_count, 0) + coalesce(untimed.unknown_count, 0) as unknown_count
  from cut
 cross join of
  left join counted on counted.bucket = cut.bucket
                   and counted.dimension_value is not distinct from of.dimension_value
  left join never_read on never_read.bucket = cut.bucket
                  and never_read.dimension_value is not distinct from of.dimension_value
  left join untimed on untimed.bucket = cut.bucket
                  and untimed.dimension_value is not distinct from of.dimension_value
 order by cut.bucket_start, of.dimension_value;

-- peak_concurrent_sessions, as published
with cut as (
  select bucket_start, bucket_end, least(bucket_end, $6) as counted_to,
         row_number() over (order by bucket_start) as bucket
    from analytics.buckets_between($1, $2, $3, $4)
), edge as (
  select array_agg(bucket_start order by bucket_start) as starts from cut
), applicable as (
  select src.source_id, src.source, src.provider from analytics.sources src where true
), counted as (
  select bucket, g1 as dimension_value, coalesce(peak, 0) as value, ceil(coalesce(peak, 0)) as known_count, 0::bigint as unknown_count
    from (with presence (g1, began_at, ended_at) as (
  select case $5 when 'provider' then s.provider when 'source' then s.source when 'channel' then s.channel when 'outcome' then s.outcome when 'session_kind' then s.session_kind when 'session_state' then s.session_state when 'minutes_basis' then s.minutes_basis when 'avatar_id' then s.avatar_id when 'voice_name' then s.voice_name when 'api_key_type' then s.api_key_type when 'workspace_id' then s.workspace_id when 'feed_id' then s.feed_id when 'skill_type' then s.skill_type when 'sub_intent_type' then s.sub_intent_type when 'app_id' then s.app_id when 'meeting_id' then s.meeting_id when 'session_type' then s.session_type when 'unexplained_minutes_class' then s.unexplained_minutes_class when 'transcript_state' then s.transcript_state when 'launch_quality' then s.launch_quality when 'launch_voice' then s.launch_voice when 'launch_stt_provider' then s.launch_stt_provider when 'launch_idle_timeout_seconds' then s.launch_idle_timeout_seconds::text when 'launch_duration_limit_seconds' then s.launch_duration_limit_seconds::text end, s.started_at, stay.ended_at
    from analytics.sessions s
   cross join lateral (select analytics.effective_ended_at(s.session_state, s.started_at, s.ended_at, s.last_activity_at,
                                                           s.live_participants, $6::timestamptz) as ended_at
                         from (values (1)) one) stay
   where stay.ended_at > s.started_at and s.started_at < $2 and stay.ended_at > $1
     and (s.ended_at > $1 or s.session_state in ('live', 'open')) and s.source_id = any(select source_id from applicable) and s.is_counted
), change (g1, at, step) as (
  select g1, began_at, 1 from presence
  union all select g1, ended_at, -1 from presence
  union all select g1, bucket_start, 0 from (select distinct g1 from presence) g cross join cut
), level (g1, at, level, next_at) as (
  select g1, at, sum(sum(step)::int) over along, lead(at) over along
    from change group by g1, at
  window along as (partition by g1 order by at)
), placed as (
  select *, width_bucket(at, (select array_agg(bucket_start order by bucket_start) from cut)) as bucket from level
)
select p.g1, p.bucket, max(p.level)::numeric as peak, round(sum(p.level * extract(epoch from greatest(least(p.next_at, cut.counted_to) - p.at, interval '0')))
             / nullif(extract(epoch from greatest(cut.counted_to - cut.bucket_start, interval '0')), 0), 18) as average
  from placed p join cut using (bucket)
 where p.at >= $1 and p.at < $2
 group by p.g1, p.bucket, cut.bucket_start, cut.counted_to
 order by p.g1, p.bucket) levels
), never_read as (
  select b.bucket, case $5 when 'provider' then s.provider when 'source' then s.source when 'channel' then s.channel when 'outcome' then s.outcome when 'session_kind' then s.session_kind when 'session_state' then s.session_state when 'minutes_basis' then s.minutes_basis when 'avatar_id' then s.avatar_id when 'voice_name' then s.voice_name when 'api_key_type' then s.api_key_type when 'workspace_id' then s.workspace_id when 'feed_id' then s.feed_id when 'skill_type' then s.skill_type when 'sub_intent_type' then s.sub_intent_type when 'app_id' then s.app_id when 'meeting_id' then s.meeting_id when 'session_type' then s.session_type when 'unexplained_minutes_class' then s.unexplained_minutes_class when 'transcript_state' then s.transcript_state when 'launch_quality' then s.launch_quality when 'launch_voice' then s.launch_voice when 'launch_stt_provider' then s.launch_stt_provider when 'launch_idle_timeout_seconds' then s.launch_idle_timeout_seconds::text when 'launch_duration_limit_seconds' then s.launch_duration_limit_seconds::text end as dimension_value, count(*) filter (where s.ended_at is null and s.session_state not in ('live', 'open', 'never_started')) as unknown_count
    from (select $6 as now, $4 as zone) t cross join analytics.sessions s
   cross join edge cross join lateral (select s.started_at as at) a
   cross join lateral (select width_bucket(a.at, edge.starts) as number) slot
   cross join lateral (select slot.number::bigint as bucket, edge.starts[slot.number] as bucket_start) b
   where s.started_at >= $1 and s.started_at < $2 and s.source_id in (select source_id from applicable) and s.is_counted
   group by 1, 2
), of as (
  select null::text as dimension_value where $5 is null
  union select case $5 when 'source' then source else provider end from applicable where $5 in ('source', 'provider')
  union select dimension_value from counted where $5 is not null
  union select dimension_value from never_read where $5 is not null and unknown_count > 0
)
select cut.bucket_start, cut.bucket_end, of.dimension_value,
       round(case when cut.bucket_start < $6 then case when coalesce(counted.known_count, 0) = 0 and coalesce(counted.unknown_count, 0) + coalesce(never_read.unknown_count, 0) > 0 or not exists (select from applicable) then null
                  else coalesce(counted.value, 0) end end, 9) as value,
       null::numeric as numerator, null::numeric as denominator,
       coalesce(counted.known_count, 0) as known_count, coalesce(counted.unknown_count, 0) + coalesce(never_read.unknown_count, 0) as unknown_count
  from cut
 cross join of
  left join counted on counted.bucket = cut.bucket
                   and counted.dimension_value is not distinct from of.dimension_value
  left join never_read on never_read.bucket = cut.bucket
                  and never_read.dimension_value is not distinct from of.dimension_value
 order by cut.bucket_start, of.dimension_value;

