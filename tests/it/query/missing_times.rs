//! Rows without a time, an end or a person: each is unknown in every metric that depends on it, where its session
//! began.
//!
//! The values are computed by hand (`missing_times.toml`) over `missing_times.sql`. A property of all metrics: each
//! row in scope of a value is counted, unknown, or excluded for one reason.

use serde_json::{Value, json};
use sqlx::AssertSqlSafe;
use tributary::query::metrics::publish;

use super::every_metric::{become_analyst, decimal, fault, known_world, number};
use crate::harness::{Api, World};

const MAY: &str = "from=2025-05-01&to=2025-06-01&zone=UTC";

async fn missing_world() -> World {
    let world = known_world().await;
    sqlx::raw_sql(include_str!("../worlds/missing_times.sql")).execute(&world.db.pool).await.expect("the world");
    world
}

fn expected() -> toml::Table {
    include_str!("../worlds/missing_times.toml").parse().expect("a table")
}

async fn definitions(api: &Api) -> Vec<Value> {
    api.ok("/v1/metrics").await["items"].as_array().expect("a list").clone()
}

#[tokio::test]
async fn messages_without_a_time_are_unknown_and_not_lost() {
    let world = known_world().await;
    let api = world.api().await;
    let path = "/v1/metrics/query?metrics=messages&from=2025-10-24&to=2025-10-25&zone=UTC&source=konvo-main";
    let before = api.ok(path).await;
    // three of 204 and two of 205
    assert_eq!(before["totals"]["messages"], json!({"value": 5}));
    sqlx::raw_sql("update core.messages set sent_at = null where session_id in (204, 205) and position > 0")
        .execute(&world.db.pool)
        .await
        .expect("written");
    let after = api.ok(path).await;
    assert_eq!(after["totals"]["messages"], json!({"value": 2, "unknown_count": 3}));
    let by_side = api.ok(&format!("{path}&dimensions=sender_role&granularity=none")).await;
    let of = |role: &str| {
        let rows = by_side["rows"].as_array().expect("rows");
        rows.iter().find(|row| row["dimensions"]["sender_role"] == role).expect("a row")["values"]["messages"].clone()
    };
    assert_eq!(of("user"), json!({"value": 1, "unknown_count": 1}));
    assert_eq!(of("assistant"), json!({"value": 1, "unknown_count": 2}));
    // they are placed at the hour at which their sessions began: 08:00 and 09:00
    let by_hour = api.ok(&format!("{path}&granularity=hour")).await;
    let unknown = |hour: usize| by_hour["rows"][hour]["values"]["messages"]["unknown_count"].clone();
    assert_eq!((unknown(8), unknown(9), unknown(10)), (json!(2), json!(1), Value::Null));
}

#[tokio::test]
async fn a_missing_time_makes_every_metric_unknown_that_depends_on_it() {
    let world = missing_world().await;
    let api = world.api().await;
    let expected = expected();
    let mut faults = Vec::new();
    for definition in definitions(&api).await {
        let id = definition["id"].as_str().expect("an id");
        let Some(line) = expected.get(id) else {
            faults.push(format!("{id} has no expected value"));
            continue;
        };
        let unknown = line.get("unknown").and_then(toml::Value::as_integer);
        let queried = api.ok(&format!("/v1/metrics/query?metrics={id}&{MAY}&granularity=none")).await;
        let figure = &queried["totals"][id];
        faults.extend(fault(figure, line["value"].as_str().expect("a text")).map(|fault| format!("{id} {fault}")));
        if figure.get("unknown_count").and_then(Value::as_i64) != unknown {
            faults.push(format!("{id} must have {unknown:?} unknown rows, is {figure}"));
        }
        // by week the parts are the same
        let by_week = api.ok(&format!("/v1/metrics/query?metrics={id}&{MAY}&granularity=week")).await;
        let weeks = by_week["rows"].as_array().expect("rows").iter();
        let sum: i64 = weeks.filter_map(|row| row["values"][id]["unknown_count"].as_i64()).sum();
        if sum != unknown.unwrap_or(0) {
            faults.push(format!("{id} has {sum} unknown rows by week, not {unknown:?}"));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[tokio::test]
async fn analysts_are_given_the_same_unknown_rows() {
    let world = missing_world().await;
    let api = world.api().await;
    let mut analyst = world.db.pool.acquire().await.expect("a connection");
    become_analyst(&mut analyst).await;
    let mut faults = Vec::new();
    for (id, line) in &expected() {
        let wanted = line.get("unknown").and_then(toml::Value::as_integer).unwrap_or(0);
        let explained = api.ok(&format!("/v1/metrics/explain?metrics={id}&{MAY}&drivers=source")).await;
        let sql = explained["sql"].as_str().expect("a statement").trim_end().trim_end_matches(';').to_owned();
        let sql = format!("select unknown_count from ({sql}) figure");
        let found = sqlx::query_scalar::<_, i64>(AssertSqlSafe(sql.clone())).fetch_one(&mut *analyst).await;
        if found.as_ref().ok() != Some(&wanted) {
            faults.push(format!("{id}: must be {wanted}, is {found:?} by {sql}"));
        }
    }
    for metric in publish::ratios() {
        let wanted = expected()[metric.id].get("unknown").and_then(toml::Value::as_integer).unwrap_or(0);
        let sql = format!("select sum(unknown_count)::bigint from {}('2025-05-01Z', '2025-06-01Z')", metric.id);
        let found = sqlx::query_scalar::<_, i64>(AssertSqlSafe(sql)).fetch_one(&mut *analyst).await;
        if found.as_ref().ok() != Some(&wanted) {
            faults.push(format!("the function {}: must be {wanted}, is {found:?}", metric.id));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[tokio::test]
async fn a_session_of_which_one_row_lacks_its_time_is_not_covered() {
    let world = missing_world().await;
    let api = world.api().await;
    let coverage = async |question: &str| {
        let answer = api.ok(&format!("/v1/metrics/query?metrics={question}&{MAY}")).await;
        let count = |name: &str| answer["coverage"][name].as_i64().expect("a number");
        (count("eligible"), count("not_applicable"), count("unknown"))
    };
    // a message of 402, 403 and 405 lacks its time; those of 404 and 406 were never fetched; 401 has none
    assert_eq!(coverage("messages").await, (5, 1, 5));
    assert_eq!(coverage("messages&granularity=day&dimensions=sender_role").await, (5, 1, 5));
    assert_eq!(coverage("messages&source=konvo-main").await, (3, 0, 3));
    // a presence of 405 began at an unknown time, and another has no report
    assert_eq!(coverage("participants").await, (2, 4, 2));
    assert_eq!(coverage("audio_mos_avg").await, (2, 4, 2));
    assert_eq!(coverage("peak_concurrent_participants").await, (2, 4, 2));
    // the person of 403 is not known, nor one of 405; the participants of 406 were never fetched
    assert_eq!(coverage("unique_people").await, (5, 1, 3));
    assert_eq!(coverage("returning_people&granularity=day").await, (5, 1, 3));
    // no session counts twice; 401 has no minutes
    assert_eq!(coverage("messages,participants,minutes_consumed").await, (6, 0, 6));
    assert_eq!(coverage("sessions").await, (6, 0, 0));
    sqlx::raw_sql("update core.messages set sent_at = '2025-05-07 09:00Z' where session_id = 403")
        .execute(&world.db.pool)
        .await
        .expect("written");
    assert_eq!(coverage("messages").await, (5, 1, 4));
}

/// Session, row, time, contribution and unknown count of a listed row.
type Listed<'a> = (i64, Option<&'a str>, &'a str, i64, Option<i64>);

#[tokio::test]
async fn a_row_without_a_time_is_listed_where_its_session_began() {
    let world = missing_world().await;
    let api = world.api().await;
    let rows = api.ok(&format!("/v1/metrics/rows?metrics=messages&{MAY}")).await;
    let rows: Vec<Listed> = rows["items"]
        .as_array()
        .expect("rows")
        .iter()
        .map(|row| {
            let contribution = row["contribution"].as_i64().expect("a number");
            let id = row["session_id"].as_i64().expect("a number");
            (
                id,
                row["row_id"].as_str(),
                row["at"].as_str().expect("a time"),
                contribution,
                row["unknown_count"].as_i64(),
            )
        })
        .collect();
    let expected = [
        (402, Some("402-0"), "2025-05-06T10:00:00Z", 1, None),
        (402, Some("402-1"), "2025-05-06T10:00:00Z", 0, Some(1)),
        (402, Some("402-2"), "2025-05-06T10:00:00Z", 0, Some(1)),
        (402, Some("402-3"), "2025-05-06T10:05:00Z", 1, None),
        (403, Some("403-0"), "2025-05-07T09:00:00Z", 0, Some(1)),
        (403, Some("403-1"), "2025-05-07T09:00:00Z", 0, Some(1)),
        (404, None, "2025-05-08T12:00:00Z", 0, Some(1)),
        (405, Some("405-0"), "2025-05-09T08:00:00Z", 0, Some(1)),
        (406, None, "2025-05-10T08:00:00Z", 0, Some(1)),
    ];
    assert_eq!(rows, expected);
    // a peak of which nothing is known has unknown rows alone
    let peak = api.ok("/v1/metrics/rows?metrics=peak_concurrent_sessions&from=2025-05-05&to=2025-05-06&zone=UTC").await;
    assert_eq!((&peak["items"][0]["session_id"], &peak["items"][0]["is_unknown"]), (&json!(401), &json!(true)));
}

/// Returns a count of the rows in scope of a metric, by its rows and its anchor; `None`: counted in no other way.
fn rows_in_scope(rows: &str, anchor: &str, (from, to): (&str, &str)) -> Option<String> {
    let within = |at: &str| format!("{at} >= '{from}' and {at} < '{to}'");
    let untimed = |at: &str| match at {
        "completed_at" => "completed_at is null and outcome in ('resolved', 'unresolved', 'unknown')",
        "ended_at" | "as_of" => "ended_at is null and session_state not in ('live', 'open', 'never_started')",
        _ => "false",
    };
    let began = within("s.started_at");
    let unread = |is_unread: &str| {
        format!("(select count(*) from sessions s where {is_unread} and {began} and s.source = any($1))")
    };
    let of = |table: &str, at: &str| {
        format!(
            "(select count(*) from {table} x join sessions s using (source_id, session_id) where {} and s.source = any($1))",
            within(at)
        )
    };
    let meetings = "session_kind in ('meeting', 'livestream') and participant_count is null";
    Some(match (rows, anchor) {
        ("sessions" | "speakers", "as_of") => format!(
            "(select count(*) from sessions s where s.source = any($1) and (s.started_at <= '{to}'
                and (s.ended_at > '{to}' or s.ended_at is null and s.session_state in ('live', 'open')) or {} and {began}))",
            untimed(anchor)
        ),
        ("sessions" | "speakers", at) => format!(
            "(select count(*) from sessions s where s.source = any($1) and ({} or {} and {began}))",
            within(&format!("s.{at}")),
            untimed(at)
        ),
        ("messages", _) => {
            let missing = "message_support <> 'none' and message_count is null and chat_state is distinct from 'not_enabled'";
            format!("{} + {}", of("messages", "coalesce(x.sent_at, s.started_at)"), unread(missing))
        }
        ("presences", _) => format!("{} + {}", of("participants", "coalesce(x.joined_at, s.started_at)"), unread(meetings)),
        ("visits", _) => format!("{} + {}", of("visits", "s.started_at"), unread(meetings)),
        ("replies", _) => format!(
            "(select coalesce(sum(coalesce(s.turn_count, 1)), 0) from sessions s
               where s.session_kind = 'chat' and {began} and s.source = any($1))"
        ),
        _ => return None,
    })
}

#[tokio::test]
async fn each_row_in_scope_is_counted_or_unknown_or_excluded_for_a_reason() {
    let world = missing_world().await;
    sqlx::raw_sql(
        "update core.sessions set is_deleted_at_provider = true where session_id = 207;
         update core.sessions set parent_provider_session_id = 'r-304' where session_id = 303",
    )
    .execute(&world.db.pool)
    .await
    .expect("written");
    let mut analyst = world.db.pool.acquire().await.expect("a connection");
    become_analyst(&mut analyst).await;
    let api = world.api().await;
    let sources = api.ok("/v1/sources").await;
    let mut faults = Vec::new();
    let mut compared = 0;
    for definition in definitions(&api).await {
        let text = |name: &str| definition[name].as_str().expect("a text").to_owned();
        let (id, rows, anchor, additivity) = (text("id"), text("rows"), text("anchor"), text("additivity"));
        let is_of = |source: &&Value| definition["providers"].as_array().expect("a list").contains(&source["provider"]);
        let telling = sources["items"].as_array().expect("a list").iter().filter(is_of);
        let telling: Vec<String> =
            telling.map(|source| source["source"].as_str().expect("a slug").to_owned()).collect();
        for (from, to) in
            [("2025-05-01T00:00:00Z", "2025-06-01T00:00:00Z"), ("2025-01-01T00:00:00Z", "2025-10-27T12:00:00Z")]
        {
            let path = format!("/v1/metrics/explain?metrics={id}&from={from}&to={to}&zone=UTC&drivers=source");
            let explained = api.ok(&path).await;
            let (classes, figure) = (&explained["classes"], &explained["figure"]);
            let count = |name: &str| classes[name].as_i64().unwrap_or_else(|| panic!("{id} has no {name}: {classes}"));
            let parts = ["counted", "partly_known", "unknown", "deleted", "breakout_rooms", "not_measured"].map(count);
            let is_partition = parts.iter().all(|part| *part >= 0) && parts.iter().sum::<i64>() == count("rows");
            let unknown = figure.get("unknown_count").and_then(Value::as_i64).unwrap_or(0);
            // of participant_minutes each missing length is counted
            let is_same = unknown == count("unknown") + count("partly_known") || id == "participant_minutes";
            if !is_partition || !is_same {
                faults.push(format!("{id} from {from}: {classes} beside {figure}"));
            }
            if let Some(sql) = rows_in_scope(&rows, &anchor, (from, to)).filter(|_| !is_along_time(&id)) {
                let sql = format!("select ({sql})::bigint");
                let all: i64 =
                    sqlx::query_scalar(AssertSqlSafe(sql)).bind(&telling).fetch_one(&mut *analyst).await.expect(&id);
                compared += 1;
                if all != count("rows") {
                    faults.push(format!("{id} from {from}: {all} rows are in scope, not {classes}"));
                }
            }
            faults.extend(faults_of_rows(&api, &id, &explained).await);
            let is_count_below = additivity == "ratio_of_sums"
                && ["resolution_rate", "handoff_rate", "never_started_rate"].contains(&id.as_str());
            if is_count_below && number(&figure["denominator"]) != Some(decimal(&count("counted").to_string())) {
                faults.push(format!("{id} from {from}: {classes} are behind {figure}"));
            }
        }
    }
    assert!(compared > 120, "only {compared} were compared");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Compares the rows of the drill-down with the classes of the value: each counted row and each unknown one is listed.
async fn faults_of_rows(api: &Api, id: &str, explained: &Value) -> Vec<String> {
    let link = explained["rows"].as_str().expect("a link");
    if !link.starts_with("/v1/metrics/rows") {
        return Vec::new(); // rows that belong to no session
    }
    let listed = api.ok(&format!("{link}&limit=1000")).await;
    let rows = listed["items"].as_array().expect("rows");
    let unknown: i64 = rows.iter().filter_map(|row| row["unknown_count"].as_i64()).sum();
    let known = rows.iter().filter(|row| row["is_unknown"] == false).count();
    let counted = explained["classes"]["counted"].as_u64().expect("a number");
    let mut faults = Vec::new();
    if unknown != explained["figure"]["unknown_count"].as_i64().unwrap_or(0) {
        faults.push(format!("{id}: {unknown} unknown rows are listed beside {}", explained["figure"]));
    }
    // of a peak, the rows of the instant at which it was reached are listed; of people, one for a person in a session
    let is_of_people = ["unique_people", "new_people", "returning_people", "identified_rate"].contains(&id);
    if !is_along_time(id) && !is_of_people && u64::try_from(known).ok() != Some(counted) {
        faults.push(format!("{id}: {known} known rows are listed of {}", explained["classes"]));
    }
    faults
}

fn is_along_time(id: &str) -> bool {
    ["peak_concurrent_sessions", "average_concurrent_sessions", "peak_concurrent_participants"].contains(&id)
}
