//! Metric values as of an earlier time: later changes are undone from the recorded changes.

use std::collections::BTreeSet;

use tributary::query::metrics::column::prelude::{ALL, Table};

use super::*;
use crate::harness::citus;

/// On the 19th at noon 33 was still resolved and 32 had 120 seconds; both differ today. 22 was first seen later,
/// 15 was still there, 36 was completed a day earlier, and 12 lasted 60 s, then 70 s, and now 600 s.
async fn changed() -> Api {
    let api = Api::new().await;
    sqlx::raw_sql(
        "update core.sessions set first_seen_at = '2026-11-19 20:00Z' where session_id = 22;
         insert into core.sessions overriding system value
         select 36, started_at, started_at, null, '2026-11-18 20:00Z', null, null, started_at, started_at, source_id, null, null,
                false, provider, session_kind, 'ended', 'resolved', null, 60, null, 'id-36', null, null, null, null, null,
                '\\x00', '\\x00'
           from core.sessions where session_id = 31;
         insert into ingest.session_changes (source_id, session_id, provider_session_id, field, old_value, new_value, changed_at, run_id)
         values (3, 33, 'id-33', 'outcome', 'resolved', 'unresolved', '2026-11-19 18:00Z', 1),
                (3, 33, 'id-33', 'is_flagged_unresolved', 'false', 'true', '2026-11-19 18:00Z', 1),
                (3, 32, 'id-32', 'duration_seconds', '120', '300', '2026-11-20 08:00Z', 1),
                (1, 15, 'id-15', 'is_deleted_at_provider', 'false', 'true', '2026-11-19 13:00Z', 1),
                (1, 12, 'id-12', 'duration_seconds', '60', '70', '2026-11-19 13:00Z', 1),
                (1, 12, 'id-12', 'duration_seconds', '70', '600', '2026-11-19 14:00Z', 1),
                (3, 31, 'id-31', 'duration_seconds', '1', '600', '2026-11-19 11:00Z', 1),
                (3, 36, 'id-36', 'completed_at', '2026-11-17T12:30:00.000000Z', '2026-11-18T20:00:00.000000Z', '2026-11-19 18:00Z', 1)",
    )
    .execute(api.pool())
    .await
    .unwrap();
    api
}

const THEN: &str = "2026-11-19T12:00:00Z";

#[tokio::test]
async fn values_are_those_of_the_earlier_time() {
    let api = changed().await;
    let question = format!(
        "/v1/metrics/query?metrics=sessions,elapsed_minutes,minutes_consumed,resolution_rate&from=2026-11-18&to=2026-11-19&{WELL}"
    );
    let now = api.get(&question).await;
    assert_eq!(now["totals"]["sessions"]["value"], 9);
    assert_eq!(now["totals"]["resolution_rate"]["numerator"], 3);
    let then = api.get(&format!("{question}&as_known_at={THEN}")).await;
    // without 22, with 15
    assert_eq!(then["totals"]["sessions"], json!({"value": 9}));
    // 100.5 + 40.25 + 777 + 2.5 + 10
    assert_eq!(then["totals"]["minutes_consumed"], json!({"value": 930.25}));
    // 1800 + 60 + 60 (11, 12, 15) + 150 + 600 (21, 51) + 120 + 420 + 60 + 120 (32 to 35) = 3390 s
    assert_eq!(then["totals"]["elapsed_minutes"], json!({"value": 56.5}));
    // 31, 32 and 33; 36 was completed on the 17th
    assert_eq!(
        then["totals"]["resolution_rate"],
        json!({"value": 1, "numerator": 3, "denominator": 3, "unknown_count": 1})
    );
    assert!(then["warnings"].to_string().contains("as_known_at"), "{:#}", then["warnings"]);
    let before = api.get("/v1/metrics/query?metrics=resolved_sessions&from=2026-11-17&to=2026-11-18&source=konvo-eu");
    assert_eq!(before.await["totals"]["resolved_sessions"]["value"], 0);
    let path = "/v1/metrics/query?metrics=resolved_sessions&from=2026-11-17&to=2026-11-18&source=konvo-eu";
    assert_eq!(api.get(&format!("{path}&as_known_at={THEN}")).await["totals"]["resolved_sessions"]["value"], 1);
    // before any of it was seen
    let early = api.get(&format!("{question}&as_known_at=2026-11-18T09:15:00Z")).await;
    assert_eq!(early["totals"]["sessions"], json!({"value": 2}));
    assert_eq!(early["rows"][0]["bucket"]["status"], "in_progress");
}

#[tokio::test]
async fn the_rows_and_the_sql_of_an_earlier_value_are_of_its_time() {
    let api = changed().await;
    let figure = format!("metrics=elapsed_minutes&from=2026-11-18&to=2026-11-19&{WELL}&as_known_at={THEN}");
    let rows = api.get(&format!("/v1/metrics/rows?{figure}")).await;
    let row = |id: i64| rows["items"].as_array().unwrap().iter().find(|row| row["session_id"] == id);
    assert_eq!(row(12).unwrap()["contribution"], 1);
    assert_eq!((row(32).unwrap()["contribution"].clone(), row(22)), (json!(2), None));
    let explained = api.get(&format!("/v1/metrics/explain?{figure}")).await;
    assert_eq!(explained["figure"], json!({"value": 56.5}));
    assert_eq!(explained.get("previous"), None);
    let mut analyst = api.pool().acquire().await.unwrap();
    citus::set_analyst_role(&mut analyst).await;
    let sql = explained["sql"].as_str().unwrap().to_owned();
    assert!(sql.contains("analytics.sessions_as_known_at(timestamptz '2026-11-19T13:00:00+01:00')"), "{sql}");
    let value: rust_decimal::Decimal =
        sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_one(&mut *analyst).await.unwrap();
    assert_eq!(value.normalize().to_string(), "56.5");
}

#[tokio::test]
async fn changes_since_yesterday_are_reported() {
    let api = changed().await;
    let answer =
        api.get(&format!("/v1/metrics/explain?metrics=resolution_rate&from=2026-11-18&to=2026-11-19&{WELL}")).await;
    assert_eq!(
        answer["changed"],
        json!({"since": THEN, "value_then": {"value": 1, "numerator": 3, "denominator": 3, "unknown_count": 1},
               "sessions_new": 0, "sessions_changed": 3, "sessions_gone": 0,
               "fields": [{"field": "completed_at", "session_count": 1}, {"field": "duration_seconds", "session_count": 1},
                          {"field": "is_flagged_unresolved", "session_count": 1}, {"field": "outcome", "session_count": 1}]})
    );
    let sessions = api.get(&format!("/v1/metrics/explain?metrics=sessions&from=2026-11-18&to=2026-11-19&{WELL}")).await;
    let changed = &sessions["changed"];
    assert_eq!((&changed["sessions_new"], &changed["sessions_gone"]), (&json!(1), &json!(1)));
    let messages = api.get(&format!("/v1/metrics/explain?metrics=messages&from=2026-11-18&to=2026-11-19&{WELL}")).await;
    assert_eq!((&messages["changed"]["reason"], messages["changed"].get("value_then")), (&json!("not_kept"), None));
    assert_eq!(messages["changed"]["sessions_changed"], 2);
}

#[tokio::test]
async fn metrics_without_history_are_refused_with_those_that_have_it() {
    let api = changed().await;
    let path =
        "/v1/metrics/query?metrics=messages,sessions&dimensions=unexplained_minutes_class&as_known_at=2026-11-19";
    let problem = api.problem(path, 422).await;
    let errors = problem["errors"].as_array().unwrap();
    let details: Vec<&str> = errors.iter().map(|error| error["detail"].as_str().unwrap()).collect();
    assert!(
        details.iter().any(|detail| detail.contains("`messages`") && detail.contains("minutes_consumed")),
        "{details:?}"
    );
    assert!(details.iter().any(|detail| detail.contains("`unexplained_minutes_class`")), "{details:?}");
    let problem = api.problem("/v1/metrics/query?metrics=sessions&as_known_at=2026-12-01", 422).await;
    assert_eq!(problem["errors"][0]["code"], "time_in_future");
    let kept = api.get("/v1/metrics").await;
    let is_kept =
        |id: &str| kept["items"].as_array().unwrap().iter().find(|m| m["id"] == id).unwrap()["is_kept"].clone();
    assert_eq!((is_kept("sessions"), is_kept("messages")), (json!(true), json!(false)));
}

#[tokio::test]
async fn earlier_values_of_a_live_session_are_unknown() {
    let api = world().await;
    let path = "/v1/metrics/query?metrics=minutes_consumed,sessions&source=konpro-eu&granularity=none&from=2026-11-18&to=2026-11-19&zone=UTC";
    let then = "as_known_at=2026-11-19T12:00:00Z";
    run(
        &api,
        "update core.sessions set session_state = 'ended', last_changed_at = '2026-11-18 20:00Z', first_seen_at = '2026-11-18 12:00Z'
          where source_id = 2",
    )
    .await;
    let before = api.get(&format!("{path}&{then}")).await;
    assert_eq!(before["totals"]["minutes_consumed"].get("unknown_count"), None);
    // one is live, and its duration has grown since
    run(
        &api,
        "update core.sessions set session_state = 'live', last_changed_at = '2026-11-20 11:00Z'
          where session_id = (select min(session_id) from core.sessions
                               where source_id = 2 and started_at >= '2026-11-18Z' and started_at < '2026-11-19Z'
                                 and provider_minutes is not null and not is_deleted_at_provider)",
    )
    .await;
    let after = api.get(&format!("{path}&{then}")).await;
    assert_eq!(after["totals"]["sessions"], before["totals"]["sessions"]);
    assert_eq!(after["totals"]["minutes_consumed"]["unknown_count"], 1);
    assert_eq!(api.get(path).await["totals"]["minutes_consumed"].get("unknown_count"), None, "it is known now");
}

#[tokio::test]
async fn the_columns_of_metrics_are_those_of_the_views() {
    let api = Api::new().await;
    let columns = async |sql: &'static str| -> BTreeSet<String> {
        sqlx::query_scalar(sql).fetch_all(api.pool()).await.unwrap().into_iter().collect()
    };
    let of_views = columns(
        "select table_name || '.' || column_name from information_schema.columns where table_schema = 'analytics'",
    );
    let kept = columns(
        "select unnest(proargnames[array_position(proargmodes, 't'):]) from pg_proc
          where oid = 'analytics.sessions_as_known_at'::regproc",
    );
    let (of_views, kept) = (of_views.await, kept.await);
    assert!(kept.contains("outcome") && !kept.contains("known_at"), "{kept:?}");
    for column in ALL {
        let view = match column.of {
            Table::Session => "sessions",
            Table::Message => "messages",
            Table::Presence => "participants",
            Table::Report => "participant_quality",
            Table::Visit => "visits",
            Table::Change => "session_changes",
            _ => continue,
        };
        assert!(of_views.contains(&format!("{view}.{}", column.name)), "{column} is not in {view}");
        if column.of == Table::Session {
            assert_eq!(column.is_kept, kept.contains(column.name), "{column}");
        }
    }
}
