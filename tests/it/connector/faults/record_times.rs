//! F37 and F38: records with arbitrary instants and durations, among plain ones.

use chrono::TimeDelta;
use tributary_simulator::Platform;
use tributary_simulator::fixed_feed::FixedRecord;

use super::record_values::{created_at, keep, minutes_are, odd, with};
use crate::harness::records;

/// The instant that most of these name.
const USUAL: Option<&str> = Some("2026-03-10 10:00:00");

/// Instants as received, and their meanings; `None`: the record becomes a reject.
const INSTANTS: [(&str, Option<&str>); 87] = [
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
    (r#""March 10, 2026 at 10:00:00 AM UTC""#, USUAL),
    (r#""2026-Mar-10 10:00:00""#, USUAL),
    (r#""/Date(1773136800000)/""#, USUAL),
    (r#""2026-03-10T05:00:00 EST""#, USUAL),
    (r#""Tue, 10 Mar 26 05:00:00 EST""#, USUAL),
    (r#""10 Mar 26 10:00:00 GMT""#, None),
    (r#""Mon, 10 Mar 76 10:00:00 GMT""#, None),
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
    (r#"{"$date":"2026-03-10T10:00:00Z"}"#, USUAL),
    (r#"{"$date":{"$numberLong":"1773136800000"}}"#, USUAL),
    (r#"{"$date":1773136800000}"#, USUAL),
    (r#"{"seconds":1773136800,"nanos":500000000}"#, Some("2026-03-10 10:00:00.5")),
    (r#"{"seconds":"1773136800"}"#, USUAL),
    (r#"{"_seconds":1773136800,"_nanoseconds":0}"#, USUAL),
    (r#"{"$date":1773136800}"#, None),
    (r#"{"seconds":1773136800000}"#, None),
    (r#"{"seconds":1773136800,"minutes":1}"#, None),
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
