//! Metric values of people: distinct people, cohorts and returns, computed by hand from `chats_world.sql`.

use super::*;

#[tokio::test]
async fn only_counted_sessions_make_a_cohort() {
    let api = world().await;
    let path = format!("/v1/metrics/query?metrics=retention_rate&granularity=none&source=konvo-lab&{NOVEMBER}");
    // anna came on the 2nd and again on the 5th, not a week later; bert on the 3rd and the 12th; cleo is too young
    let before = api.get(&path).await;
    let parts = |answer: &Value| {
        let total = &answer["totals"]["retention_rate"];
        (total["numerator"].clone(), total["denominator"].clone())
    };
    let (again, all) = parts(&before);
    run(&api, "update core.sessions set is_deleted_at_provider = true where session_id = 81").await;
    let after = api.get(&path).await;
    let one_less = json!(all.as_i64().unwrap() - 1);
    assert_eq!(parts(&after), (again, one_less.clone()));
    let with = api.get(&format!("{path}&include_deleted=true")).await;
    assert_eq!(parts(&with).1, all);
    let explained = api.get(&format!("/v1/metrics/explain?metrics=retention_rate&source=konvo-lab&{NOVEMBER}")).await;
    assert_eq!(explained["figure"]["denominator"], one_less);
}

#[tokio::test]
async fn seven_days_are_as_long_in_every_session_time_zone() {
    let api = world().await;
    // half an hour more than a week lies between the two; clocks in New York went back meanwhile
    run(
        &api,
        "insert into core.people (source_id, person_id, identity_kind, first_seen_at, first_visit_at)
         values (8, 'dora', 'contact', '2026-11-20Z', '2026-10-28 11:00Z');
         insert into core.sessions (session_id, created_at, started_at, ended_at, completed_at, first_seen_at, last_changed_at, source_id,
                provider, session_kind, session_state, outcome, provider_session_id, person_id, row_hash, raw_hash) overriding system value
         values (893, '2026-10-28 11:00Z', '2026-10-28 11:00Z', '2026-10-28 12:00Z', '2026-10-28 12:00Z', '2026-10-28Z', '2026-10-28Z', 8,
                 'konvo', 'chat', 'ended', 'resolved', 'c', 'dora', '', ''),
                (894, '2026-11-04 12:30Z', '2026-11-04 12:30Z', '2026-11-04 12:31Z', '2026-11-04 12:31Z', '2026-11-04Z', '2026-11-04Z', 8,
                 'konvo', 'chat', 'ended', 'resolved', 'd', 'dora', '', '')",
    )
    .await;
    let mut reader = api.pool().acquire().await.unwrap();
    for (metric, numerator) in [("repeat_contact_rate", 0), ("durable_resolution_rate", 1), ("retention_rate", 1)] {
        let path =
            format!("/v1/metrics/explain?metrics={metric}&source=konvo-lab&from=2026-10-28&to=2026-10-29&zone=UTC");
        let explained = api.get(&path).await;
        let parts = (&explained["figure"]["numerator"], &explained["figure"]["denominator"]);
        assert_eq!(parts, (&json!(numerator), &json!(1)), "{metric}");
        for zone in ["UTC", "America/New_York"] {
            sqlx::query(sqlx::AssertSqlSafe(format!("set timezone = '{zone}'"))).execute(&mut *reader).await.unwrap();
            let sql = explained["sql"].as_str().unwrap().to_owned();
            let row = sqlx::query(sqlx::AssertSqlSafe(sql)).fetch_one(&mut *reader).await.unwrap();
            let value: rust_decimal::Decimal = sqlx::Row::get(&row, "value");
            assert_eq!(value, rust_decimal::Decimal::from(numerator), "{metric} read in {zone}");
        }
    }
}

#[tokio::test]
async fn people_are_counted_once_in_each_cell_and_in_the_whole() {
    let api = world().await;
    let table = [
        // anna, bert, cleo and the unknown person of 86
        ("unique_people", partly(4, 1)),
        ("new_people", partly(3, 1)),
        ("returning_people", none_so_far(1)),
        ("identified_rate", ratio(0.833_333_333, 5, 6, 0)),
        // in the second week bert came and anna did not; cleo's is not over
        ("retention_rate", ratio(0.5, 1, 2, 1)),
    ];
    expect(&api, &format!("source=konvo-lab&{NOVEMBER}"), &table).await;
    let path = "/v1/metrics/query?metrics=unique_people,new_people,returning_people&granularity=week&source=konvo-lab";
    let weeks = api.get(&format!("{path}&from=2026-11-02&to=2026-11-16&zone=UTC")).await;
    let of = |week: &str| {
        let values = &row(&weeks, &json!({}), week)["values"];
        ["unique_people", "new_people", "returning_people"].map(|id| values[id]["value"].clone())
    };
    assert_eq!(of("2026-11-02"), [json!(2), json!(2), json!(0)]);
    assert_eq!(of("2026-11-09"), [json!(1), json!(0), json!(1)]);
    assert_eq!(weeks["totals"]["unique_people"], known(2));
    let path = format!("/v1/metrics/query?metrics=retention_rate&dimensions=age_weeks&source=konvo-lab&{NOVEMBER}");
    let ages = api.get(&path).await;
    let of = |age: &str| row(&ages, &json!({"age_weeks": age}), "")["values"]["retention_rate"].clone();
    assert_eq!(of("1"), ratio(0.5, 1, 2, 1));
    assert_eq!(of("2"), json!({"value": null, "reason": "unknown", "unknown_count": 3}));
}
