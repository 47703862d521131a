//! Comparison with an earlier period: changes, vanished groups, and days that are not over.

use super::*;

#[tokio::test]
async fn explanations_and_comparisons_have_the_same_previous_period() {
    let api = world().await;
    for range in [
        "range=this_month",
        "from=2026-10-01&to=2026-11-01",
        "range=last_7_days",
        "range=today",
        "from=2026-11-18T10:00:00Z&to=2026-11-18T13:00:00Z",
    ] {
        let question = format!("metrics=sessions&zone=Europe/Berlin&{range}");
        let compared = api.get(&format!("/v1/metrics/query?granularity=none&compare=previous_period&{question}")).await;
        let explained = api.get(&format!("/v1/metrics/explain?{question}")).await;
        let (echo, previous) = (&compared["query"]["compare"], &explained["previous"]);
        assert_eq!((&previous["from"], &previous["to"]), (&echo["previous_from"], &echo["previous_to"]), "{range}");
        assert_eq!(previous["figure"]["value"], compared["totals"]["sessions"]["previous"], "{range}");
    }
}

#[tokio::test]
async fn values_are_compared_with_the_previous_period() {
    let api = Api::new().await;
    let path = format!(
        "{QUERY}?metrics=sessions,resolution_rate&dimensions=provider&from=2026-11-18&to=2026-11-19&zone=Europe/Berlin&{WELL}"
    );
    let answer = api.get(&format!("{path}&compare=previous_period")).await;
    let of = |provider: &str| row(&answer, &json!({"provider": provider}), "2026-11-18");
    assert_eq!(
        of("konvo")["previous_bucket"],
        json!({"start": "2026-11-17T00:00:00+01:00", "end": "2026-11-18T00:00:00+01:00", "status": "complete"})
    );
    assert_eq!(of("konvo")["values"]["sessions"], json!({"value": 4, "previous": 1, "change": 3, "change_ratio": 3}));
    // no value before: three more, and no ratio
    assert_eq!(
        of("konpro")["values"]["sessions"],
        json!({"value": 3, "previous": 0, "change": 3, "change_ratio": null})
    );
    let rate = &of("konvo")["values"]["resolution_rate"];
    assert_eq!((&rate["previous"], &rate["previous_reason"]), (&Value::Null, &json!("no_data")));
    assert_eq!(answer["totals"]["sessions"], json!({"value": 9, "previous": 1, "change": 8, "change_ratio": 8}));
    assert_eq!(answer["query"]["compare"]["previous_to"], "2026-11-18T00:00:00+01:00");
    // a period compared with itself: nothing changes, for every query
    let same =
        api.get(&format!("{path}&granularity=hour&compare=custom&compare_from=2026-11-18&compare_to=2026-11-19")).await;
    for row in same["rows"].as_array().unwrap() {
        for value in row["values"].as_object().unwrap().values() {
            assert_eq!(value["value"], value["previous"], "{row:#}");
            assert!(value["value"].is_null() || value["change"] == 0, "{row:#}");
        }
    }
    assert_eq!(same["totals"]["resolution_rate"]["change_points"], 0);
    // one unresolved compared with one resolved
    let rates = api
        .get(&format!(
            "{QUERY}?metrics=resolution_rate&source=konvo-eu&from=2026-11-18T13:15:00Z&to=2026-11-18T14:00:00Z&zone=UTC\
             &compare=custom&compare_from=2026-11-18T11:30:00Z&compare_to=2026-11-18T12:15:00Z"
        ))
        .await;
    assert_eq!(
        rates["totals"]["resolution_rate"],
        json!({"value": 0, "numerator": 0, "denominator": 1, "previous": 1, "change": -1, "change_ratio": -1, "change_points": -100})
    );
}

#[tokio::test]
async fn vanished_groups_are_listed_and_unproven_periods_are_warned_of() {
    let api = Api::new().await;
    let path = format!(
        "{QUERY}?metrics=sessions&dimensions=channel&source=konvo-eu&from=2026-11-19&to=2026-11-20&zone=Europe/Berlin"
    );
    let answer = api.get(&format!("{path}&compare=previous_period")).await;
    let whatsapp = row(&answer, &json!({"channel": "whatsapp"}), "2026-11-19");
    assert_eq!(whatsapp["values"]["sessions"], json!({"value": 0, "previous": 2, "change": -2, "change_ratio": -1}));
    assert_eq!(answer["warnings"], json!([]));
    let doubtful = api
        .get(&format!("{QUERY}?metrics=sessions&source=konvo-us&from=2026-11-11&to=2026-11-12&compare=previous_period"))
        .await;
    assert_eq!(doubtful["rows"][0]["previous_bucket"]["status"], "has_gap");
    assert_eq!(doubtful["warnings"][0]["code"], "previous_not_complete");
}

#[tokio::test]
async fn a_running_day_is_compared_with_as_much_of_another() {
    let api = Api::new().await;
    let path = format!(
        "{QUERY}?metrics=sessions&source=rtk-prod&range=today&compare=custom&compare_from=2026-11-18&compare_to=2026-11-19"
    );
    // it is 13:00 in Berlin: by then one meeting of two had begun on the 18th
    let same = api.get(&format!("{path}&elapsed=same")).await;
    assert_eq!(same["totals"]["sessions"], json!({"value": 0, "previous": 1, "change": -1, "change_ratio": -1}));
    assert_eq!(same["query"]["compare"]["previous_to"], "2026-11-18T13:00:00+01:00");
    assert_eq!(same["warnings"], json!([]));
    // the default, as in explanations
    assert_eq!(api.get(&path).await["query"]["compare"]["elapsed"], "same");
    let full = api.get(&format!("{path}&elapsed=full")).await;
    assert_eq!(full["totals"]["sessions"]["previous"], 2);
    assert_eq!(full["warnings"][0]["code"], "unequal_elapsed");
    let hours = api.get(&format!("{path}&elapsed=same&granularity=hour")).await;
    let compared = hours["rows"].as_array().unwrap().iter().filter(|row| !row["previous_bucket"].is_null()).count();
    assert_eq!((hours["rows"].as_array().unwrap().len(), compared), (24, 13));
    assert_eq!(hours["rows"][20]["values"]["sessions"]["previous_reason"], "no_counterpart");
    let path = format!("{QUERY}?metrics=sessions&from=2026-11-21&to=2026-11-22&compare=previous_period&elapsed=same");
    let future = api.problem(&path, 422).await;
    assert_eq!(future["errors"][0]["code"], "nothing_to_compare");
}

#[tokio::test]
async fn rows_and_totals_have_the_same_previous_sum() {
    let api = Api::new().await;
    // 900 sessions at random times, so that every hour of the months may have one
    sqlx::raw_sql(
        "select setseed(0.7);
         insert into core.sessions (session_id, created_at, started_at, first_seen_at, last_changed_at, source_id, provider,
                session_kind, session_state, outcome, provider_session_id, row_hash, raw_hash)
         overriding system value
         select 3000 + n, at, at, at, at, 2, 'konpro', 'avatar', 'ended', 'not_applicable', 'y' || n, '\\x00', '\\x00'
           from (select n, timestamptz '2026-08-01Z' + random() * interval '110 days' as at from generate_series(1, 900) n) x",
    )
    .execute(api.pool())
    .await
    .unwrap();
    let sum = |rows: &Value, field: &str| -> i64 {
        let cells = rows.as_array().into_iter().flatten().map(|row| &row["values"]["sessions"][field]);
        cells.filter_map(Value::as_i64).sum()
    };
    let mut unmatched = 0;
    for range in [
        "from=2026-11-01&to=2026-11-16",
        "from=2026-10-01&to=2026-11-01",
        "from=2026-09-01&to=2026-10-01",
        "from=2026-09-10T07:30:00Z&to=2026-09-25T11:00:00Z",
        "from=2026-10-20&to=2026-11-03",
        "from=2026-11-01&to=2026-12-01",
    ] {
        for granularity in ["none", "day", "week", "month"] {
            for zone in ["UTC", "Europe/Berlin", "Pacific/Chatham"] {
                for compare in [
                    "previous_period",
                    "previous_period&align=weekday",
                    "custom&compare_from=2026-08-02&compare_to=2026-09-02",
                ] {
                    let path = format!(
                        "{QUERY}?metrics=sessions&source=konpro-eu&{range}&granularity={granularity}&zone={zone}&compare={compare}"
                    );
                    let answer = api.get(&path).await;
                    let rows = sum(&answer["rows"], "previous") + sum(&answer["unmatched_previous"], "value");
                    assert_eq!(answer["totals"]["sessions"]["previous"], rows, "{path}");
                    unmatched += answer["unmatched_previous"].as_array().map_or(0, Vec::len);
                }
            }
        }
    }
    assert!(unmatched > 50, "{unmatched}");
    // November has no 31st
    let path = format!("{QUERY}?metrics=sessions&source=konpro-eu&granularity=day&zone=UTC&compare=previous_period");
    let november = api.get(&format!("{path}&from=2026-11-01&to=2026-12-01&elapsed=full")).await;
    let alone = november["unmatched_previous"].as_array().unwrap();
    assert_eq!(alone.len(), 1);
    assert_eq!(alone[0]["previous_bucket"]["start"], "2026-10-31T00:00:00+00:00");
    let october = api.get(&format!("{path}&from=2026-10-01&to=2026-11-01")).await;
    assert_eq!(october["unmatched_previous"], Value::Null);
    assert_eq!(october["rows"][30]["values"]["sessions"]["previous_reason"], "no_counterpart");
}
