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
        let compared = api
            .get(&format!("/v1/metrics/query?granularity=none&compare=previous_period&elapsed=same&{question}"))
            .await;
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
    assert_eq!(
        same["totals"]["sessions"],
        json!({"value": null, "reason": "in_progress", "previous": 1, "change": null, "change_ratio": null})
    );
    assert_eq!(same["query"]["compare"]["previous_to"], "2026-11-18T13:00:00+01:00");
    assert_eq!(same["warnings"], json!([]));
    let full = api.get(&path).await;
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
