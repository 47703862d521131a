//! The queries, and the best handwritten SQL for each.
//!
//! The handwritten SQL gets the buckets as `b (bucket, a, z)`, and excludes uncounted rows in the cheapest way that is
//! right for all data, not only for this world. The columns of a row are the values, in the order of the metrics.

/// A query, and the SQL that it is compared with.
pub(crate) struct Question {
    pub(crate) name: &'static str,
    /// The query without its range.
    pub(crate) path: &'static str,
    /// The compared columns, each summed over all rows: numerators of ratios, otherwise values.
    pub(crate) metrics: &'static [&'static str],
    /// `{b}` are the buckets, `{counted}` is the condition for sessions `s`, `{from}` and `{to}` are the range's ends.
    pub(crate) by_hand: &'static str,
    pub(crate) from: &'static str,
    pub(crate) to: &'static str,
    /// Length of the buckets.
    pub(crate) step: &'static str,
}

const MONTH: Question =
    Question { name: "", path: "", metrics: &[], by_hand: "", from: "2026-10-21", to: "2026-11-20", step: "1 day" };
const YEAR: Question = Question { from: "2025-11-01", to: "2026-11-01", step: "1 month", ..MONTH };

const BY_SOURCE: &str = "select a.n::numeric, a.m from {b} cross join lateral (
    select s.source_id, count(*) as n, sum(s.provider_minutes) as m from core.sessions s
     where s.started_at >= b.a and s.started_at < b.z and {counted} group by 1) a";

const RESOLVED: &str = "count(*) filter (where s.outcome = 'resolved') as n,
    count(*) filter (where s.outcome in ('resolved', 'unresolved')) as d";

const MESSAGES: &str = "select count(*)::numeric from {b} join core.messages m on m.sent_at >= b.a and m.sent_at < b.z
  where not exists (select from core.sessions s where s.source_id = m.source_id and s.session_id = m.session_id
                       and (s.parent_provider_session_id is not null or s.is_deleted_at_provider))
  group by b.bucket";

const FIRST_RESPONSE: &str = "select percentile_cont(0.5) within group (order by t.first_response_seconds)::numeric,
        percentile_cont(0.9) within group (order by t.first_response_seconds)::numeric
   from (select width_bucket(s.started_at, (select array_agg(b.a order by b.a) from {b})) as bucket, t.first_response_seconds
           from core.sessions s join core.session_stats t using (source_id, session_id)
          where s.started_at >= {from} and s.started_at < {to} and {counted}) t
  group by bucket";

const AT_ONCE: &str = "with span as (
    select s.started_at, e.ended_at from core.sessions s
     cross join lateral (select case when s.ended_at is not null then s.ended_at
        when s.session_state not in ('live', 'open') then null
        when s.session_state = 'open' and s.last_activity_at <= timestamptz '2026-11-19 12:00Z'
        then s.last_activity_at + interval '30 minutes' else timestamptz '2026-11-20 12:00Z' end as ended_at) e
     where s.started_at < {to} and (s.ended_at > {from} or s.ended_at is null and s.session_state in ('live', 'open'))
       and e.ended_at > {from} and e.ended_at > s.started_at and {counted}
  ), change (at, step) as (
    select started_at, 1 from span union all select ended_at, -1 from span union all select b.a, 0 from {b}
  ), level as (select at, sum(sum(step)) over (order by at) as level from change group by at)
  select max(level)::numeric from level where at >= {from} and at < {to}
   group by width_bucket(at, (select array_agg(b.a order by b.a) from {b}))";

const PEOPLE: &str =
    "select (count(distinct v.person_id collate \"C\") + count(*) filter (where v.person_id is null))::numeric
  from {b} cross join lateral (
    select s.source_id, s.person_id from core.sessions s
     where s.started_at >= b.a and s.started_at < b.z and s.session_kind = 'chat' and {counted}
    union all
    select s.source_id, p.person_id from core.sessions s join core.participants p using (source_id, session_id)
     where s.started_at >= b.a and s.started_at < b.z and {counted}) v
  group by b.bucket, v.source_id";

const COST: &str = "select a.cost from {b} cross join lateral (
    select sum(c.unit_price * case c.unit when 'minute' then s.provider_minutes when 'session' then 1
                              else (s.outcome = 'resolved')::int end) as cost
      from core.sessions s
      join core.rate_cards c on c.source_id = s.source_id and c.replaced_at is null and c.scenario = 'actual'
       and s.started_at >= c.valid_from and (c.valid_to is null or s.started_at < c.valid_to)
     where s.started_at >= b.a and s.started_at < b.z and {counted}) a";

/// All queries.
pub(crate) const QUESTIONS: [Question; 12] = [
    Question {
        name: "30 days, by day and provider: sessions, minutes",
        path: "metrics=sessions,minutes_consumed&dimensions=provider&granularity=day",
        metrics: &["sessions", "minutes_consumed"],
        by_hand: BY_SOURCE,
        ..MONTH
    },
    Question {
        name: "a year, by day and provider: sessions, minutes",
        path: "metrics=sessions,minutes_consumed&dimensions=provider&granularity=day",
        metrics: &["sessions", "minutes_consumed"],
        by_hand: BY_SOURCE,
        step: "1 day",
        ..YEAR
    },
    Question {
        name: "a year, by month and channel: sessions",
        path: "metrics=sessions&dimensions=channel&granularity=month",
        metrics: &["sessions"],
        by_hand: "select a.n::numeric from {b} cross join lateral (
                    select s.channel, count(*) as n from core.sessions s
                     where s.started_at >= b.a and s.started_at < b.z and {counted} group by 1) a",
        ..YEAR
    },
    Question {
        name: "30 days, by day: resolution rate",
        path: "metrics=resolution_rate&granularity=day",
        metrics: &["resolution_rate"],
        by_hand: "select a.n::numeric, a.d from {b} cross join lateral (select {resolved} from core.sessions s
                   where s.completed_at >= b.a and s.completed_at < b.z and {counted}) a",
        ..MONTH
    },
    Question {
        name: "a year, in one, by channel: resolution rate",
        path: "metrics=resolution_rate&dimensions=channel&granularity=none",
        metrics: &["resolution_rate"],
        by_hand: "select a.n::numeric, a.d from (select s.channel, {resolved} from core.sessions s
                   where s.completed_at >= {from} and s.completed_at < {to} and {counted} group by 1) a",
        ..YEAR
    },
    Question {
        name: "30 days, by day: messages",
        path: "metrics=messages&granularity=day",
        metrics: &["messages"],
        by_hand: MESSAGES,
        ..MONTH
    },
    Question {
        name: "a year, by month: messages",
        path: "metrics=messages&granularity=month",
        metrics: &["messages"],
        by_hand: MESSAGES,
        ..YEAR
    },
    Question {
        name: "30 days, by day: first reply, two percentiles",
        path: "metrics=first_response_p50_seconds,first_response_p90_seconds&granularity=day",
        metrics: &["first_response_p50_seconds", "first_response_p90_seconds"],
        by_hand: FIRST_RESPONSE,
        ..MONTH
    },
    Question {
        name: "a year, by month: first reply, two percentiles",
        path: "metrics=first_response_p50_seconds,first_response_p90_seconds&granularity=month",
        metrics: &["first_response_p50_seconds", "first_response_p90_seconds"],
        by_hand: FIRST_RESPONSE,
        ..YEAR
    },
    Question {
        name: "30 days, by hour: most sessions at once",
        path: "metrics=peak_concurrent_sessions&granularity=hour",
        metrics: &["peak_concurrent_sessions"],
        by_hand: AT_ONCE,
        step: "1 hour",
        ..MONTH
    },
    Question {
        name: "a year, by month: different people",
        path: "metrics=unique_people&granularity=month",
        metrics: &["unique_people"],
        by_hand: PEOPLE,
        ..YEAR
    },
    Question {
        name: "30 days, by day: cost",
        path: "metrics=estimated_cost&granularity=day",
        metrics: &["estimated_cost"],
        by_hand: COST,
        ..MONTH
    },
];

const COUNTED: &str = "s.parent_provider_session_id is null and not s.is_deleted_at_provider";

impl Question {
    /// Returns the address of the query.
    pub(crate) fn uri(&self) -> String {
        let Self { path, from, to, .. } = self;
        format!("/v1/metrics/query?{path}&from={from}&to={to}&zone=Europe/Berlin")
    }

    /// Returns the handwritten SQL.
    pub(crate) fn sql(&self) -> String {
        let end = |day: &str| format!("timestamp '{day}' at time zone 'Europe/Berlin'");
        let (from, to) = (end(self.from), end(self.to));
        let next = if self.step == "1 hour" {
            "x + interval '1 hour'".to_owned()
        } else {
            format!("(x at time zone 'Europe/Berlin' + interval '{}') at time zone 'Europe/Berlin'", self.step)
        };
        let starts = if self.step == "1 hour" {
            format!("generate_series({from}, {to} - interval '1 second', '1 hour') x")
        } else {
            let days =
                format!("timestamp '{}', timestamp '{}' - interval '1 second', '{}'", self.from, self.to, self.step);
            format!("(select d at time zone 'Europe/Berlin' as x from generate_series({days}) d) y")
        };
        let buckets = format!("(select row_number() over () as bucket, x as a, {next} as z from {starts}) b");
        let sql = self.by_hand.replace("{b}", &buckets).replace("{counted}", COUNTED).replace("{resolved}", RESOLVED);
        sql.replace("{from}", &format!("({from})")).replace("{to}", &format!("({to})"))
    }
}
