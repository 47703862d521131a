//! F29, F30 and F32–F35: records with arbitrary numbers and structure.
//!
//! Each test puts its records among plain ones, at all three providers. All plain ones must be stored, the odd
//! ones as far as they can be read; unreadable ones are stored as rejects and counted.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use tributary_simulator::Platform;
use tributary_simulator::fixed_feed::{FixedFeed, FixedRecord};

use super::Rig;
use crate::harness::{noon, plain_feed, records};

/// Plain records of each provider.
const PLAIN: usize = 30;

/// Creation time of the odd records: in the middle of the plain ones.
pub(crate) fn created_at() -> DateTime<Utc> {
    noon() - TimeDelta::minutes(70)
}

/// A record like the plain ones.
pub(crate) fn odd(platform: Platform, id: &str) -> FixedRecord {
    records::record(platform, id, created_at())
}

/// Returns the record with `old`, which must be there, replaced in its JSON.
pub(super) fn with(record: FixedRecord, old: &str, new: &str) -> FixedRecord {
    assert!(record.json.contains(old), "there is no {old} in {}", record.json);
    FixedRecord { json: record.json.replace(old, new), ..record }
}

pub(crate) fn id_name(platform: Platform) -> &'static str {
    if platform == Platform::Konpro { "\"session_id\"" } else { "\"id\"" }
}

/// Polls plain records and `odd` ones twice: each provider stores so many of the latter as sessions and so many as
/// rejects, the second poll writes nothing, and no key is revealed.
pub(crate) async fn keep(odd: impl Fn(Platform) -> Vec<FixedRecord>, sessions: usize, rejects: i64) -> Rig {
    let rig = Rig::of(|platform| {
        let feed: Arc<FixedFeed> = plain_feed(platform, PLAIN);
        for record in odd(platform) {
            feed.insert(record);
        }
        feed
    })
    .await;
    let inserted = i64::try_from(PLAIN + sessions).expect("a small count");
    for line in rig.poll().await {
        assert_eq!((line.inserted, line.rejected), (inserted, rejects), "{line:?}");
        assert!(line.is_complete(), "{line:?}");
    }
    for line in rig.poll().await {
        assert_eq!((line.inserted, line.updated, line.result), (0, 0, "complete"), "{line:?}");
    }
    assert_eq!(rig.world.number("select count(*) from core.sessions").await, 3 * inserted);
    let open = "select count(*) from ingest.rejects where resolved_at is null";
    assert_eq!(rig.world.number(open).await, 3 * rejects, "once, however often they come");
    rig.keeps_the_key().await;
    rig
}

/// Asserts the minutes of meetings by their spellings.
pub(crate) async fn minutes_are(numbers: &[(&str, Option<&str>)]) {
    let feed = |platform| {
        let records = numbers.iter().enumerate().map(|(index, (json, _))| {
            let record = odd(platform, &format!("odd-{index}"));
            match platform {
                Platform::Konpro => with(record, "\"duration\":90", &format!("\"duration\":{json}")),
                Platform::Konvo => record,
                Platform::Realtimekit => {
                    with(record, "\"minutes_consumed\":3.0", &format!("\"minutes_consumed\":{json}"))
                }
            }
        });
        records.collect()
    };
    let rig = keep(feed, numbers.len(), 0).await;
    let stored: Vec<(String, Option<String>)> = sqlx::query_as(
        "select provider_session_id, provider_minutes::text from core.sessions
          where provider = 'realtimekit' and provider_session_id like 'odd-%'",
    )
    .fetch_all(&rig.world.db.pool)
    .await
    .expect("the minutes");
    let stored: BTreeMap<String, Option<String>> = stored.into_iter().collect();
    for (index, (json, minutes)) in numbers.iter().enumerate() {
        assert_eq!(stored[&format!("odd-{index}")].as_deref(), *minutes, "{json}");
    }
}

#[tokio::test]
async fn f29_numbers_are_exact_or_unknown() {
    minutes_are(&[
        ("0.1234567890123456789012345678", Some("0.123456789012345679")),
        ("123456789.123456789012", Some("123456789.123456789012")),
        ("99.90", Some("99.90")),
        ("1.5e2", Some("150")),
        ("-0", Some("0")),
        ("1e400", None),
        ("18446744073709551616", None),
        ("9007199254740993", None),
        ("1E+999999999", None),
    ])
    .await;
}

#[tokio::test]
async fn f29_an_id_above_2_to_the_53_is_kept_to_the_digit() {
    let record = |platform| {
        let name = id_name(platform);
        vec![with(odd(platform, "odd"), &format!("{name}:\"odd\""), &format!("{name}:9007199254740993"))]
    };
    let rig = keep(record, 1, 0).await;
    let ids = "select count(*) from core.sessions where provider_session_id = '9007199254740993'";
    assert_eq!(rig.world.number(ids).await, 3);
}

#[tokio::test]
async fn f30_numbers_and_texts_in_each_others_clothes() {
    minutes_are(&[("\"2.5\"", Some("2.5")), ("\" 7 \"", Some("7")), ("\"\"", None), ("true", None), ("[1]", None)])
        .await;
}

#[tokio::test]
async fn f30_a_record_without_its_time_is_kept_as_a_reject() {
    let without = |platform| {
        let (record, end) = (odd(platform, "odd"), if platform == Platform::Konpro { "," } else { "\"," });
        let at = record.json.find("\"created_at\":").expect("a time");
        let end = at + record.json[at..].find(end).expect("its end") + end.len() - 1;
        let json = format!("{}\"created_at\":null{}", &record.json[..at], &record.json[end..]);
        vec![FixedRecord { json, ..record }]
    };
    let rig = keep(without, 0, 1).await;
    let reasons = "select string_agg(distinct reason_code || ' ' || json_pointer, ', ') from ingest.rejects";
    assert_eq!(rig.world.text(reasons).await.as_deref(), Some("missing_field /created_at"));
}

#[tokio::test]
async fn f32_a_record_that_is_no_json_costs_no_other() {
    let broken = |platform| {
        let change = |number: usize, old: &str, new: &str| {
            let record = odd(platform, &format!("odd-{number}"));
            FixedRecord { json: record.json.replacen(old, new, 1), ..record }
        };
        vec![change(0, ",", ",,"), change(1, "\":", "\" "), change(2, "{", "{ , ")]
    };
    keep(broken, 0, 3).await;
}

#[tokio::test]
async fn f33_of_two_values_under_one_name_the_last_counts() {
    let twice = |platform| {
        let record = odd(platform, "odd");
        let first = format!("{{{}:\"first\",\"created_at\":5,\"", id_name(platform));
        vec![FixedRecord { json: record.json.replacen("{\"", &first, 1), ..record }]
    };
    let rig = keep(twice, 1, 0).await;
    let ids = "select count(*) from core.sessions where provider_session_id = 'odd'";
    assert_eq!(rig.world.number(ids).await, 3);
}

#[tokio::test]
async fn f34_a_record_nested_without_end_costs_no_other() {
    let deep = |depth: usize| format!("{{\"new\":{}{},\"", "[".repeat(depth), "]".repeat(depth));
    let nested = |platform| {
        [129, 100_000]
            .map(|depth| {
                let record = odd(platform, &format!("deep-{depth}"));
                FixedRecord { json: record.json.replacen("{\"", &deep(depth), 1), ..record }
            })
            .to_vec()
    };
    keep(nested, 2, 0).await;
}

#[tokio::test]
async fn f35_unknown_words_and_fields_and_known_ones_that_are_gone() {
    let changed = |platform| {
        let change = |number: usize, old: &str, new: &str| with(odd(platform, &format!("odd-{number}")), old, new);
        let (status, shouted, unknown) = match platform {
            Platform::Konpro => ("\"connected\"", "\"CONNECTED\"", "\"hibernating\""),
            Platform::Konvo => ("\"whatsapp\"", "\"WhatsApp\"", "\"carrier pigeon\""),
            Platform::Realtimekit => ("\"ENDED\"", "\"ended\"", "\"HIBERNATING\""),
        };
        let removed = match platform {
            Platform::Konpro => ("\"api_key_type\":\"PAID\",", ""),
            Platform::Konvo => ("\"feed_id\":\"f\",", ""),
            Platform::Realtimekit => ("\"type\":\"meeting\",", ""),
        };
        let listed = match platform {
            Platform::Konpro => ("\"anna\"", "[\"anna\",{\"a\":1}]"),
            Platform::Konvo => ("\"channel\":\"whatsapp\"", "\"channel\":{\"name\":\"whatsapp\"}"),
            Platform::Realtimekit => ("\"Standup\"", "{\"name\":\"Standup\"}"),
        };
        vec![
            change(0, status, shouted),
            change(1, status, unknown),
            change(2, removed.0, removed.1),
            change(3, listed.0, listed.1),
            change(4, id_name(platform), &format!("\"brand_new\":{{\"a\":[1,2]}},{}", id_name(platform))),
        ]
    };
    let rig = keep(changed, 5, 0).await;
    let states = "select string_agg(session_state, ' ' order by provider_session_id) from core.sessions
                   where provider = 'realtimekit' and provider_session_id like 'odd-%'";
    assert_eq!(rig.world.text(states).await.as_deref(), Some("ended unknown ended ended ended"));
    let told = "select string_agg(value, ', ' order by value) from ingest.oddities
                 where kind = 'unknown_value' and value ilike 'hibernating'";
    assert_eq!(rig.world.text(told).await.as_deref(), Some("HIBERNATING, hibernating"), "to the letter");
}
