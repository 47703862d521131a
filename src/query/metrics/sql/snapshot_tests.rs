//! The statements of typical questions, each as a whole, in `statements.sql`: a change of SQL is seen in review.
//!
//! `UPDATE_SNAPSHOTS=1` writes the file again.

use std::fmt::Write;
use std::path::Path;

use chrono::{DateTime, TimeDelta, Utc};

use crate::model::stream::Stream;
use crate::query::bucket::{Granularity, cut};
use crate::query::catalog::{Source, SourceFilter};
use crate::query::metrics::dimension::Dimension as D;
use crate::query::metrics::filter::{Condition, MetricFilter, Test};
use crate::query::metrics::grain::Grain;
use crate::query::metrics::plan::Scan;
use crate::query::metrics::query::MetricQuery;
use crate::query::metrics::registry::metric;
use crate::query::metrics::sql::behind::Behind;
use crate::query::metrics::sql::concurrency::concurrency;
use crate::query::metrics::sql::coverage::{partly_lacking, started};
use crate::query::metrics::sql::numbers::lacking;
use crate::query::metrics::sql::published;
use crate::query::metrics::sql::value::value;
use crate::query::metrics::time_column::Attribution;
use crate::query::range::TimeRange;

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn source(source_id: i32, kind: &str) -> Source {
    let is_chat = kind == "chat";
    let meetings = [Stream::Participants, Stream::Chat, Stream::Transcript, Stream::Summary, Stream::Quality];
    let streams = if kind == "meeting" { &meetings[..] } else { &[] };
    Source {
        source_id,
        source: format!("{kind}-eu"),
        provider: format!("{kind}s"),
        minutes_basis: (!is_chat).then(|| "session_time".to_owned()),
        has_outcomes: is_chat,
        message_support: if kind == "avatar" { "none" } else { "inline" }.to_owned(),
        session_streams: streams.iter().map(|stream| stream.as_str().to_owned()).collect(),
        human_steps: Vec::new(),
        session_kinds: vec![kind.to_owned()],
        history_from: at("2026-01-01T00:00:00Z"),
        schedule: String::new(),
        stale_after_seconds: 1_800,
        is_enabled: true,
        streams: Vec::new(),
    }
}

/// Three days by day, of these metrics and dimensions, in Berlin.
fn query(metrics: &str, dimensions: &[D]) -> MetricQuery {
    let range = TimeRange { from: at("2026-11-17T23:00:00Z"), to: at("2026-11-20T23:00:00Z") };
    MetricQuery {
        metrics: metrics.split(',').map(|id| metric(id).unwrap()).collect(),
        dimensions: dimensions.to_vec(),
        range,
        buckets: cut(range, chrono_tz::Europe::Berlin, Granularity::Day, 100).unwrap(),
        granularity: Granularity::Day,
        zone: chrono_tz::Europe::Berlin,
        zone_name: "Europe/Berlin",
        filter: MetricFilter::default(),
        as_known_at: None,
        attribution: Attribution::Start,
        totals_by: Vec::new(),
        top: None,
        order: None,
        limit: None,
        comparison: None,
        is_distributed: false,
    }
}

fn whole(metrics: &str, dimensions: &[D]) -> MetricQuery {
    let query = query(metrics, dimensions);
    MetricQuery { buckets: vec![query.range], granularity: Granularity::None, ..query }
}

fn questions(now: DateTime<Utc>) -> Vec<(&'static str, MetricQuery)> {
    let by = |field, test| MetricFilter { conditions: vec![Condition { field, test }], ..MetricFilter::default() };
    let of_chats = MetricFilter {
        sources: SourceFilter { sources: vec!["chat-eu".to_owned()], ..SourceFilter::default() },
        ..MetricFilter::default()
    };
    let whatsapp = Test::In(vec!["whatsapp".to_owned()]);
    vec![
        ("sessions by day and provider", query("sessions", &[D::Provider])),
        ("minutes by day and channel", query("minutes_consumed", &[D::Channel])),
        ("resolution rate by day", query("resolution_rate", &[])),
        (
            "resolution rate of WhatsApp",
            MetricQuery { filter: by(D::Channel, whatsapp), ..whole("resolution_rate", &[]) },
        ),
        ("sessions without a channel", MetricQuery { filter: by(D::Channel, Test::IsNull), ..whole("sessions", &[]) }),
        ("messages by day", query("messages", &[])),
        (
            "messages by day and side, of one source",
            MetricQuery { filter: of_chats, ..query("messages", &[D::SenderRole]) },
        ),
        ("words per message by skill", whole("words_per_message", &[D::SkillType])),
        ("median of the length by day", query("session_duration_p50_seconds", &[])),
        ("reply time by source", whole("reply_time_p90_seconds", &[D::Source])),
        ("people by day", query("unique_people", &[])),
        ("new and returning people by day", query("new_people,returning_people", &[D::Provider])),
        ("retention by week of age", whole("retention_rate", &[D::AgeWeeks])),
        ("participants by preset", whole("participants", &[D::PresetName])),
        ("quality of sound by country", whole("audio_mos_avg", &[D::CountryCode])),
        ("sessions by step of a chat", whole("sessions", &[D::TrailStep])),
        ("words spoken by speaker", whole("transcript_words", &[D::SpeakerId])),
        ("talk share", whole("talk_share", &[])),
        ("sessions by local hour", whole("sessions", &[D::LocalHour])),
        ("sessions running at the end of each day", query("live_sessions", &[])),
        ("cost by day", query("estimated_cost", &[])),
        ("data lag", whole("data_lag_seconds", &[D::Source])),
        ("minutes restated by day", query("restated_minutes", &[])),
        (
            "elapsed minutes spread over days",
            MetricQuery { attribution: Attribution::Spread, ..query("elapsed_minutes", &[]) },
        ),
        ("sessions by end", MetricQuery { attribution: Attribution::End, ..query("sessions", &[]) }),
        (
            "minutes as known two days ago",
            MetricQuery { as_known_at: Some(now - TimeDelta::days(2)), ..query("minutes_consumed", &[]) },
        ),
    ]
}

/// Returns the text of the snapshot.
fn statements() -> String {
    let (meetings, avatars, chats) = (source(1, "meeting"), source(2, "avatar"), source(3, "chat"));
    let sources = [&meetings, &avatars, &chats];
    let now = at("2026-11-20T12:00:00Z");
    let mut text = String::new();
    let mut write = |name: &str, sql: String| _ = writeln!(text, "-- {name}\n{sql};\n");
    let one_open = Some(vec![at("2026-11-19T09:00:00Z")]);
    let of_hours = [
        ("minutes by day and channel, of closed hours", query("minutes_consumed", &[D::Channel]), Some(Vec::new())),
        ("resolution rate by day, of closed hours but one", query("resolution_rate", &[]), one_open),
    ];
    let of_sessions = questions(now).into_iter().map(|(name, query)| (name, query, None));
    for (name, query, open_hours) in of_sessions.chain(of_hours) {
        for (place, scan) in Scan::all(&query).into_iter().enumerate() {
            let scan = &Scan { open_hours: open_hours.clone(), ..scan };
            if scan.is_of_lacking(&query) {
                write(&format!("{name}, sessions"), started(&query, &sources).literal(query.zone));
                if lacking(&query, &sources).is_none() || Scan::that_tells_lacking(&query).is_some() {
                    continue;
                }
            }
            let sql = value(&query, scan, &query.buckets, &sources, now);
            write(&format!("{name}, scan {}", place + 1), sql.literal(query.zone));
        }
        if let Some(partly) = partly_lacking(&query, &sources, now, true) {
            write(&format!("{name}, sessions that lack data in part"), partly.literal(query.zone));
        }
    }
    let levels = query("peak_concurrent_sessions,average_concurrent_sessions", &[D::Provider]);
    write(
        "concurrency of sessions by day and provider",
        concurrency(&levels, Grain::Sessions, &[1, 2, 3], now).literal(levels.zone),
    );
    let presences = whole("peak_concurrent_participants", &[]);
    write("concurrency of participants", concurrency(&presences, Grain::Presences, &[1], now).literal(presences.zone));
    for (id, group) in [
        ("resolution_rate", vec![(D::Channel, Some("whatsapp".to_owned()))]),
        ("messages", Vec::new()),
        ("unique_people", Vec::new()),
    ] {
        let dimensions: Vec<D> = group.iter().map(|(dimension, _)| *dimension).collect();
        let query = whole(id, &dimensions);
        let behind =
            Behind { query: &query, metric: query.metrics[0], group: &group, sources: &[&chats], is_shown: true, now };
        write(&format!("{id}, explained"), behind.figure(false).literal(query.zone));
        write(&format!("{id}, its rows"), Behind::page(behind.contributions(), None, 100).literal(query.zone));
    }
    for id in ["resolution_rate", "messages", "peak_concurrent_sessions"] {
        let metric = metric(id).expect("a metric");
        write(&format!("{id}, as published"), published::all(metric).remove(0).sql);
    }
    text
}

#[test]
fn statements_of_typical_questions_are_those_of_the_snapshot() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/query/metrics/sql/statements.sql");
    let now = statements();
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(&path, &now).unwrap();
    }
    let before = std::fs::read_to_string(&path).unwrap();
    for (now, before) in now.split("\n-- ").zip(before.split("\n-- ")) {
        assert_eq!(now, before);
    }
    assert_eq!(now, before);
}
