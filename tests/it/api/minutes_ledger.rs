//! `/v1/minutes/ledger`: its rows by hand, and their sums compared with the metric values.

use super::*;

use rust_decimal::Decimal;

const RANGE: &str = "from=2026-11-16&to=2026-11-20&zone=UTC";

/// Returns all rows, three at a time.
async fn all(api: &Api, question: &str) -> Vec<Value> {
    let mut rows = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = api.get(&format!("/v1/minutes/ledger?{question}&limit=3{cursor}")).await;
        rows.extend(page["items"].as_array().unwrap().clone());
        match page["page"]["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return rows,
        }
    }
}

fn sum(rows: &[Value], kind: &str) -> Decimal {
    let of_kind = rows.iter().filter(|row| row["minutes_kind"] == kind && !row["minutes"].is_null());
    of_kind.map(|row| row["minutes"].to_string().parse::<Decimal>().unwrap()).sum()
}

#[tokio::test]
async fn rows_add_up_to_the_metric_values() {
    let api = Api::in_depth().await;
    for question in [RANGE.to_owned(), format!("{RANGE}&provider=realtimekit"), format!("{RANGE}&channel=whatsapp")] {
        let rows = all(&api, &question).await;
        let figures = "/v1/metrics/query?metrics=minutes_consumed,elapsed_minutes,participant_minutes";
        let totals = api.get(&format!("{figures}&{question}")).await["totals"].clone();
        for (metric, kind) in [
            ("minutes_consumed", "consumed"),
            ("elapsed_minutes", "wall_clock"),
            ("participant_minutes", "participant"),
        ] {
            let figure = totals[metric]["value"].to_string().parse::<Decimal>().unwrap_or_default();
            assert_eq!(sum(&rows, kind).round_dp(9).normalize(), figure, "{question} {metric}");
        }
        let mut keys: Vec<String> =
            rows.iter().map(|row| format!("{} {}", row["session_id"], row["minutes_kind"])).collect();
        let count = keys.len();
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), count, "a row came twice");
    }
}

#[tokio::test]
async fn thirds_of_a_minute_add_up_to_minutes() {
    let api = Api::new().await;
    sqlx::raw_sql(
        "insert into core.sessions (session_id, source_id, provider, provider_session_id, session_kind, session_state, outcome, created_at,
                                    started_at, first_seen_at, last_changed_at, duration_seconds, provider_minutes, row_hash, raw_hash)
         overriding system value
         select 1000 + n, 2, 'konpro', 'third-' || n, 'avatar', 'ended', 'not_applicable', at, at, at, at, 20, 20::numeric / 60, '', ''
           from generate_series(1, 30) n cross join lateral (select timestamptz '2026-06-01Z' + n * interval '1 hour' as at) a",
    )
    .execute(api.pool())
    .await
    .unwrap();
    let june = "source=konpro-eu&from=2026-06-01&to=2026-07-01&zone=UTC";
    let totals = api.get(&format!("/v1/metrics/query?metrics=minutes_consumed,elapsed_minutes&{june}")).await;
    let csv = api.send("GET", &format!("/v1/minutes/ledger?{june}&format=csv"), &[]).await;
    let mut reader = csv::Reader::from_reader(csv.text.as_bytes());
    let head = reader.headers().unwrap().clone();
    let place = |name: &str| head.iter().position(|column| column == name).unwrap();
    let table: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    for (metric, kind) in [("minutes_consumed", "consumed"), ("elapsed_minutes", "wall_clock")] {
        assert_eq!(totals["totals"][metric]["value"], json!(10), "{metric}");
        assert_eq!(sum(&all(&api, june).await, kind).round_dp(12), Decimal::from(10), "{kind}");
        let of_kind = table.iter().filter(|row| &row[place("minutes_kind")] == kind);
        let in_csv: Decimal = of_kind.map(|row| row[place("minutes")].parse::<Decimal>().unwrap()).sum();
        assert_eq!(in_csv.round_dp(12), Decimal::from(10), "{kind}");
    }
}

#[tokio::test]
async fn a_basis_of_minutes_has_one_name_in_the_ledger_and_in_sql() {
    let api = Api::in_depth().await;
    let rows = all(&api, RANGE).await;
    let text = |row: &Value, name: &str| row[name].as_str().unwrap().to_owned();
    let told: std::collections::BTreeSet<(String, String)> =
        rows.iter().map(|row| (text(row, "minutes_kind"), text(row, "minutes_basis"))).collect();
    let sql = "select distinct minutes_kind, minutes_basis from analytics.session_minutes
                where started_at >= '2026-11-16Z' and started_at < '2026-11-20Z'";
    let in_sql: Vec<(String, String)> = sqlx::query_as(sql).fetch_all(api.pool()).await.unwrap();
    assert_eq!(told, in_sql.into_iter().collect());
    assert!(told.contains(&("active".to_owned(), "activity".to_owned())), "{told:?}");
}

#[tokio::test]
async fn a_row_states_its_measure_and_the_reason_of_its_difference() {
    let api = Api::in_depth().await;
    let rows = all(&api, RANGE).await;
    let of = |session_id: i64, kind: &str| {
        rows.iter().find(|row| row["session_id"] == session_id && row["minutes_kind"] == kind)
    };
    let billed = of(61, "consumed").unwrap();
    assert_eq!(billed["minutes"], json!(105.5));
    assert_eq!(billed["minutes_basis"], "participant_time");
    assert_eq!((&billed["rounding"], &billed["rounded_minutes"]), (&json!("none"), &json!(105.5)));
    assert_eq!((&billed["difference_minutes"], &billed["difference_class"]), (&json!(0.5), &json!("rounding")));
    assert_eq!(of(61, "participant").unwrap()["minutes"], json!(105));
    assert_eq!(of(61, "wall_clock").unwrap()["minutes"], json!(60));
    // never fetched: unknown; not applicable: no row
    assert_eq!(of(65, "participant").unwrap()["minutes"], Value::Null);
    assert!(of(32, "consumed").is_none() && of(61, "active").is_none() && of(67, "consumed").is_none());
    // three messages, a minute between each; a chat whose messages were never received
    assert_eq!(of(32, "active").unwrap()["minutes"], json!(2));
    assert_eq!(of(34, "active").unwrap()["minutes"], Value::Null);
    assert_eq!(of(35, "active").unwrap()["minutes"], json!(0));
    let only = all(&api, &format!("{RANGE}&minutes_kind=consumed")).await;
    assert!(only.iter().all(|row| row["minutes_kind"] == "consumed") && !only.is_empty());
    // the whole ledger as NDJSON is the same
    let lines = api.send("GET", &format!("/v1/minutes/ledger?{RANGE}&format=ndjson"), &[]).await;
    let mut lines: Vec<Value> = lines.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    // but for the local date beside the instant
    let dates = lines.iter_mut().map(|line| line.as_object_mut().unwrap().remove("local_date").unwrap());
    assert!(
        dates.zip(&rows).all(|(date, row)| row["started_at"].as_str().unwrap()[..8] == date.as_str().unwrap()[..8])
    );
    assert_eq!(lines, rows);
}
