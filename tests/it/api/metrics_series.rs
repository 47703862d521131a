//! Metric values ready to plot: `shape=series`, the order of groups, their number, and filters by parts of texts.

use super::*;

const CHATS: &str = "metrics=sessions&dimensions=channel&source=konvo-eu&zone=Europe/Berlin";
const THREE_DAYS: &str = "from=2026-11-17&to=2026-11-20&granularity=day";

fn labels(answer: &Value) -> Vec<&str> {
    answer["series"].as_array().unwrap().iter().map(|series| series["label"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn each_group_is_an_array_along_the_days() {
    let api = Api::new().await;
    let answer = api.get(&format!("{QUERY}?{CHATS}&{THREE_DAYS}&shape=series")).await;
    assert_eq!(answer["axis"], "date");
    assert_eq!(answer["labels"], json!(["2026-11-17", "2026-11-18", "2026-11-19"]));
    assert_eq!(answer["keys"][1], "2026-11-18T00:00:00+01:00");
    assert_eq!(labels(&answer), ["webchat", "whatsapp", "(none)"]);
    let whatsapp = &answer["series"][1];
    assert_eq!((&whatsapp["dimensions"], &whatsapp["unit"]), (&json!({"channel": "whatsapp"}), &json!("sessions")));
    assert_eq!((&whatsapp["data"], whatsapp.get("reasons")), (&json!([1, 2, 0]), None));
    assert_eq!(whatsapp["status"], json!(["complete", "complete", "complete"]));
    assert_eq!((&answer["totals"]["sessions"]["value"], &answer["query"]["shape"]), (&json!(5), &json!("series")));
    // the same values as in rows
    let rows = api.get(&format!("{QUERY}?{CHATS}&{THREE_DAYS}")).await;
    for (place, day) in ["2026-11-17", "2026-11-18", "2026-11-19"].into_iter().enumerate() {
        assert_eq!(
            row(&rows, &json!({"channel": "whatsapp"}), day)["values"]["sessions"]["value"],
            whatsapp["data"][place]
        );
    }
    // hours are local times, also where an hour comes twice
    let night = "metrics=sessions&from=2026-10-25&to=2026-10-26&zone=Europe/Berlin&granularity=hour&shape=series";
    let answer = api.get(&format!("{QUERY}?{night}")).await;
    assert_eq!((&answer["axis"], answer["labels"].as_array().unwrap().len()), (&json!("time"), 25));
    assert_eq!(
        (&answer["labels"][2], &answer["labels"][3]),
        (&json!("2026-10-25T02:00:00+02:00"), &json!("2026-10-25T02:00:00+01:00"))
    );
    assert_eq!(answer["series"][0]["label"], "Sessions", "without groups, the metric names its series");
}

#[tokio::test]
async fn a_missing_value_is_null_beside_its_reason_and_zero_is_zero() {
    let api = Api::new().await;
    let path = format!("{QUERY}?metrics=minutes_consumed&dimensions=source&{WELL}&{THREE_DAYS}&shape=series");
    let answer = api.get(&path).await;
    let of = |label: &str| {
        answer["series"].as_array().unwrap().iter().find(|series| series["label"] == label).unwrap().clone()
    };
    assert_eq!(of("konvo-eu")["data"], json!([null, null, null]));
    assert_eq!(of("konvo-eu")["reasons"], json!(["not_applicable", "not_applicable", "not_applicable"]));
    // of the 19th a meeting runs: its minutes are not known
    let meetings = of("rtk-prod");
    assert_eq!((&meetings["data"][0], &meetings["data"][1]), (&json!(0), &json!(140.75)));
    assert_eq!(meetings["unknown_counts"], json!([0, 0, 1]));
    // avatars are proven up to the end of the 18th: 3 minutes of the 19th are known so far
    assert_eq!((&of("konpro-eu")["data"][2], &of("konpro-eu")["status"][2]), (&json!(3), &json!("awaiting_sync")));
}

#[tokio::test]
async fn the_previous_period_is_a_second_array() {
    let api = Api::new().await;
    let path =
        format!("{QUERY}?metrics=sessions&source=konvo-eu&from=2026-11-18&to=2026-11-19&granularity=day&shape=series");
    let answer = api.get(&format!("{path}&compare=previous_period")).await;
    assert_eq!((&answer["labels"], &answer["previous_labels"]), (&json!(["2026-11-18"]), &json!(["2026-11-17"])));
    let series = &answer["series"][0];
    assert_eq!((&series["data"], &series["previous"]), (&json!([4]), &json!([1])));
    assert_eq!(series.get("previous_reasons"), None);
    let alone = api.get(&path).await;
    assert_eq!((alone["series"][0].get("previous"), alone.get("previous_labels")), (None, None));
}

#[tokio::test]
async fn groups_are_ordered_and_limited_and_totals_are_of_all() {
    let api = Api::new().await;
    let answer = api.get(&format!("{QUERY}?{CHATS}&{THREE_DAYS}&shape=series&order_by=-sessions&limit=2")).await;
    // whatsapp has 3, webchat and no channel 1; a group without a value comes last
    assert_eq!(labels(&answer), ["whatsapp", "webchat"]);
    assert_eq!(answer["totals"]["sessions"]["value"], 5);
    assert!(answer["warnings"].to_string().contains("groups_left_out"), "{}", answer["warnings"]);
    assert_eq!((&answer["query"]["order_by"], &answer["query"]["limit"]), (&json!("-sessions"), &json!(2)));
    let rising = api.get(&format!("{QUERY}?{CHATS}&{THREE_DAYS}&shape=series&order_by=sessions")).await;
    assert_eq!(labels(&rising), ["webchat", "whatsapp", "(none)"]);
    let falling = api.get(&format!("{QUERY}?{CHATS}&{THREE_DAYS}&order_by=-channel")).await;
    let channels: Vec<&Value> =
        falling["rows"].as_array().unwrap().iter().map(|row| &row["dimensions"]["channel"]).take(3).collect();
    assert_eq!(channels, [&json!("whatsapp"), &json!("webchat"), &Value::Null], "a missing value is last");
    // a group that lacks one of two dimensions stands where its value puts it
    let path = format!("{QUERY}?metrics=sessions&dimensions=provider,channel&{WELL}&from=2026-11-18&to=2026-11-19");
    let answer = api.get(&format!("{path}&order_by=-sessions")).await;
    let rows = answer["rows"].as_array().unwrap();
    let counts: Vec<i64> = rows.iter().map(|row| row["values"]["sessions"]["value"].as_i64().unwrap()).collect();
    assert!(counts.is_sorted_by(|a, b| a >= b) && counts.len() > 3, "{counts:?}");
    assert!(rows.iter().position(|row| row["dimensions"]["channel"].is_null()).unwrap() < rows.len() - 2, "{rows:#?}");
    // values that are missing are last in both directions
    for order_by in ["minutes_consumed", "-minutes_consumed"] {
        let path = format!("{QUERY}?metrics=minutes_consumed&dimensions=provider&{WELL}&from=2026-11-18&to=2026-11-19");
        let answer = api.get(&format!("{path}&order_by={order_by}")).await;
        assert_eq!(answer["rows"][2]["dimensions"]["provider"], "konvo", "{order_by}");
    }
    let problem = api.problem(&format!("{QUERY}?{CHATS}&order_by=minutes&limit=0&shape=pie&format=json"), 422).await;
    let codes: Vec<&Value> = problem["errors"].as_array().unwrap().iter().map(|error| &error["code"]).collect();
    assert_eq!(codes, ["invalid_count", "unknown_value", "not_of_the_question"]);
    let problem = api.problem(&format!("{QUERY}?{CHATS}&shape=series&format=csv"), 422).await;
    assert_eq!(problem["errors"][0]["code"], "conflicting_parameters");
}

#[tokio::test]
async fn an_order_adds_nothing_to_an_answer_that_was_not_requested() {
    let api = Api::new().await;
    let path = format!(
        "{QUERY}?metrics=sessions&dimensions=provider,channel&granularity=day&{WELL}&from=2026-11-17&to=2026-11-20"
    );
    let ordered = api.get(&format!("{path}&order_by=-sessions")).await;
    assert_eq!((&ordered["subtotals"], &ordered["query"]["totals_by"]), (&Value::Null, &Value::Null));
    let plain = api.get(&path).await;
    assert_eq!(ordered.as_object().unwrap().len(), plain.as_object().unwrap().len());
    // sub-totals of other groups may be requested beside it, and do not change the order
    let both = api.get(&format!("{path}&order_by=-sessions&totals_by=provider")).await;
    assert_eq!(both["rows"], ordered["rows"]);
    assert_eq!(both["query"]["totals_by"], json!(["provider"]));
    assert_eq!(both["subtotals"].as_array().unwrap().len(), 3);
    let same = api.get(&format!("{path}&order_by=-sessions&totals_by=provider,channel")).await;
    assert_eq!(same["rows"], ordered["rows"]);
}

#[tokio::test]
async fn a_missing_value_takes_no_place_among_the_greatest_unless_requested() {
    let api = Api::new().await;
    let path = format!("{QUERY}?metrics=sessions&dimensions=channel&{WELL}&from=2026-11-17&to=2026-11-20&shape=series");
    // of 12 sessions 8 have no channel, 3 whatsapp, 1 webchat
    let answer = api.get(&format!("{path}&top=1")).await;
    assert_eq!((&answer["labels"], &answer["keys"]), (&json!(["whatsapp", "other"]), &json!(["whatsapp", null])));
    assert_eq!((&answer["series"][0]["data"], &answer["other_place"]), (&json!([3, 9]), &json!(1)));
    let answer = api.get(&format!("{path}&top=1&top_missing=true")).await;
    assert_eq!(answer["labels"], json!(["(none)", "other"]));
    assert_eq!((&answer["series"][0]["data"], &answer["totals"]["sessions"]["value"]), (&json!([8, 4]), &json!(12)));
    assert_eq!(answer["query"]["top"]["include_missing"], true);
}

#[tokio::test]
async fn texts_are_filtered_by_their_parts() {
    let api = Api::new().await;
    run(&api, "update core.sessions set channel = 'Web_100%' where session_id = 35").await;
    let total = async |filter: &str| {
        let answer =
            api.get(&format!("{QUERY}?metrics=sessions&from=2026-11-01&to=2026-11-20&zone=UTC&{filter}")).await;
        (answer["totals"]["sessions"]["value"].clone(), answer)
    };
    assert_eq!(total("source=konvo-eu&contains=channel:APP").await.0, 2);
    assert_eq!(total("source=konvo-eu&starts_with=channel:web").await.0, 2);
    assert_eq!(total("source=konvo-eu&contains=channel:app,channel:chat").await.0, 3);
    assert_eq!(total("source=konvo-eu&contains=channel:%25").await.0, 1, "a percent sign is no wildcard");
    assert_eq!(total("source=konvo-eu&contains=channel:b_1").await.0, 1);
    assert_eq!(total("source=konvo-eu&contains=channel:b_c").await.0, 0, "an underscore is no wildcard");
    assert_eq!(total("starts_with=source:KON&source_not=konvo-us").await.0, 9, "of three sources");
    assert_eq!(total("source=konvo-eu&contains=%7B%22channel%22:%5B%22app%22%5D%7D").await.0, 2);
    // the link to the rows repeats the condition
    let (_, answer) = total("source=konvo-eu&contains=channel:app").await;
    let link = answer["rows_link"].as_str().unwrap().split('{').next().unwrap().to_owned();
    let rows = api.get(&format!("{link}&metrics=sessions&from=2026-11-01&to=2026-11-20")).await;
    assert_eq!(rows["items"].as_array().unwrap().len(), 2);
    let body = json!({"metrics": ["sessions"], "time": {"from": "2026-11-01", "to": "2026-11-21", "zone": "UTC"},
                      "filters": [{"field": "channel", "op": "starts_with", "values": ["WHATS"]}]});
    let (status, answer) = api.send_json("POST", QUERY, &[], &body).await;
    assert_eq!((status, &answer["totals"]["sessions"]["value"]), (200, &json!(2)));
    let problem = api.problem(&format!("{QUERY}?metrics=sessions&contains=chanel:x,channel,source:zzz"), 422).await;
    let codes: Vec<&str> = problem["errors"].as_array().unwrap().iter().map(|e| e["code"].as_str().unwrap()).collect();
    assert_eq!(codes, ["unknown_filter_field", "missing_values", "nothing_left"]);
}

#[tokio::test]
async fn hours_of_the_week_are_a_series_for_each_weekday() {
    let api = Api::in_depth().await;
    let path = "/v1/concurrency?by=hour_of_week&from=2026-11-09&to=2026-11-23&zone=UTC&source=rtk-eu&shape=series";
    let answer = api.get(path).await;
    assert_eq!((&answer["axis"], answer["labels"].as_array().unwrap().len()), (&json!("local_hour"), 24));
    assert_eq!(answer["series"].as_array().unwrap().len(), 14, "two metrics of seven days");
    let monday = &answer["series"][0];
    assert_eq!((&monday["metric"], &monday["label"]), (&json!("peak_concurrent_sessions"), &json!("1")));
    assert_eq!((&monday["dimensions"], &monday["data"][10]), (&json!({"local_weekday": "1"}), &json!(2)));
}

#[tokio::test]
async fn an_hour_that_the_limit_leaves_out_is_not_one_without_sessions() {
    let api = Api::new().await;
    let path = format!("{QUERY}?metrics=sessions&dimensions=local_hour&from=2026-11-17&to=2026-11-20&shape=series");
    for (limit, reason) in [("", "no_rows"), ("&order_by=-sessions&limit=1", "not_shown")] {
        let answer = api.get(&format!("{path}{limit}")).await;
        let (data, reasons) = (&answer["series"][0]["data"], answer["series"][0]["reasons"].as_array().unwrap());
        assert_eq!(answer["labels"].as_array().unwrap().len(), 24);
        for (hour, given) in reasons.iter().enumerate() {
            assert_eq!(given.is_null(), data[hour].is_number(), "{limit} {hour}");
            assert!(given.is_null() || given == reason, "{limit} {hour} {given}");
        }
        assert!(reasons.iter().any(|given| given == reason), "{limit} {reasons:?}");
    }
}
