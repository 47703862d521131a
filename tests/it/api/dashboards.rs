//! `docs/dashboards.md`: its requests run as they stand there, and answer what a panel shows.

use super::*;

const LONGEST: usize = 200;

/// A request of the document: the heading above it, its method, its address and its body.
struct Panel {
    title: &'static str,
    method: &'static str,
    path: String,
    body: Option<Value>,
}

fn panels() -> Vec<Panel> {
    let mut panels = Vec::new();
    for section in include_str!("../../../docs/dashboards.md").split("\n## ").skip(1) {
        let title = section.lines().next().unwrap();
        for block in section.split("```http\n").skip(1) {
            let block = block.split("```").next().unwrap();
            let (line, body) = block.split_once('\n').unwrap();
            let (method, path) = line.split_once(' ').unwrap();
            let body = Some(body.trim()).filter(|body| !body.is_empty());
            panels.push(Panel {
                title,
                method,
                path: path.replace("{session_id}", "32"),
                body: body.map(|body| serde_json::from_str(body).unwrap()),
            });
        }
    }
    panels
}

/// The world with titled meetings, a part of a session of each class, and a price.
async fn priced() -> Api {
    let api = Api::new().await;
    run(
        &api,
        "insert into core.realtimekit_sessions (source_id, session_id, meeting_id, meeting_title)
         values (1, 11, 'm-1', 'Weekly'), (1, 12, 'm-1', 'Weekly sync'), (1, 13, 'm-2', null)",
    )
    .await;
    let cards = json!({"cards": [{"source": "konpro-eu", "unit": "session", "unit_price": 2, "currency": "USD"}]});
    let (status, answer) = api.send_json("PUT", "/v1/rate-cards", &[], &cards).await;
    assert_eq!(status, 200, "{answer:#}");
    api
}

/// Returns the values of a series.
fn data(answer: &Value, metric: &str, label: &str) -> Value {
    let all = answer["series"].as_array().unwrap();
    let found = all.iter().find(|series| series["metric"] == metric && series["label"] == label);
    found.unwrap_or_else(|| panic!("no series {metric} {label} in {all:#?}"))["data"].clone()
}

/// Compares an answer with what the world says, counted by hand.
fn check(title: &str, answer: &Value) {
    let number = title.split('.').next().unwrap();
    match number {
        "1" => {
            // 12 in November, none in October; resolved are 31 and 32, unresolved is 33
            assert_eq!(answer["totals"]["sessions"]["value"], 12);
            assert_eq!(answer["totals"]["sessions"]["previous"], 0);
            assert_eq!(answer["totals"]["resolution_rate"]["numerator"], 2);
            assert_eq!(answer["totals"]["resolution_rate"]["denominator"], 3);
        }
        "2" => {
            let days =
                ["2026-11-14", "2026-11-15", "2026-11-16", "2026-11-17", "2026-11-18", "2026-11-19", "2026-11-20"];
            assert_eq!((&answer["labels"], &answer["axis"]), (&json!(days), &json!("date")));
            // 100.5 + 40.25 on the 18th; of the 19th a meeting runs
            let meetings = data(answer, "minutes_consumed", "realtimekit");
            assert_eq!((&meetings[3], &meetings[4]), (&json!(0), &json!(140.75)));
            assert_eq!(data(answer, "minutes_consumed", "konvo"), json!([null, null, null, null, null, null, null]));
        }
        "3" => {
            // 28 days begin on a Saturday: the first week has two of its days
            let weeks = ["2026-10-24", "2026-10-26", "2026-11-02", "2026-11-09", "2026-11-16"];
            assert_eq!(answer["labels"], json!(weeks));
            assert_eq!(data(answer, "resolution_rate", "whatsapp")[4], 0.5, "31 is resolved, 33 is not");
            assert_eq!(data(answer, "resolution_rate", "webchat")[4], 1);
        }
        "4" => {
            assert_eq!(answer["labels"].as_array().unwrap().len(), 7);
            assert_eq!(answer["series"][0]["unit"], "seconds");
            assert_eq!(answer["series"][0]["data"][4], 360, "between 300 and 420");
            // of 6, 60, 150, 300, 420, 600, 600 and 1800 seconds
            assert_eq!(answer["series"][1]["data"][4], 960, "600 + 0.3 * 1200");
            // 31 has no message of a customer: it never started
            assert_eq!(answer["series"][0]["data"][3], Value::Null);
        }
        "5" => {
            // Berlin: 31 on Tuesday at 13; 21, 22 and 51 on Wednesday at 10, 32 and 33 at 13
            assert_eq!(answer["axis"], "local_hour");
            let at = answer["labels"].as_array().unwrap().iter().position(|hour| hour == "13").unwrap();
            assert_eq!(data(answer, "sessions", "2")[at], 1);
            assert_eq!(data(answer, "sessions", "3")[at], 2);
            let ten = answer["labels"].as_array().unwrap().iter().position(|hour| hour == "10").unwrap();
            assert_eq!(
                (&data(answer, "sessions", "3")[ten], &data(answer, "sessions", "2")[ten]),
                (&json!(3), &Value::Null)
            );
        }
        "6" => {
            assert_eq!(
                (&answer["labels"], &answer["keys"]),
                (&json!(["Weekly sync", "m-2", "other"]), &json!(["m-1", "m-2", null]))
            );
            assert_eq!(answer["other_place"], 2);
            assert_eq!(data(answer, "minutes_consumed", "Minutes consumed")[0], 140.75);
            assert_eq!(data(answer, "sessions", "Sessions"), json!([2, 1, 9]));
        }
        other => check_others(other, answer),
    }
}

fn check_others(number: &str, answer: &Value) {
    match number {
        "7" => {
            assert_eq!((&answer["axis"], answer["labels"].as_array().unwrap().len()), (&json!("time"), 7 * 24));
            let labels = answer["labels"].as_array().unwrap();
            let at = labels.iter().position(|at| at == "2026-11-19T01:00:00+01:00").unwrap();
            assert_eq!(data(answer, "peak_concurrent_sessions", "realtimekit")[at], 1, "13 runs since half past");
            assert_eq!(data(answer, "average_concurrent_sessions", "realtimekit")[at - 1], 0.5);
        }
        "8" => {
            // two avatars of konpro-eu on the 18th, for 2 each
            assert_eq!(answer["currency"], "USD");
            assert_eq!(
                (&answer["labels"][17], &data(answer, "estimated_cost", "konpro")[17]),
                (&json!("2026-11-18"), &json!(4))
            );
        }
        "9" => {
            // this account fetches no participants
            assert_eq!(data(answer, "unexplained_minutes", "(none)"), json!([null, null, null, null, null]));
            assert_eq!(answer["series"][0]["reasons"][4], "not_fetched");
        }
        "10" => {
            let items = answer["items"].as_array().unwrap();
            let ids: Vec<&Value> = items.iter().map(|item| &item["session_id"]).collect();
            assert_eq!(ids, [33, 35, 31], "with 2 messages, and none, the later number first");
        }
        "11" => assert_eq!((&answer["session_id"], &answer["meeting_title"]), (&json!(32), &Value::Null)),
        "12" => assert_eq!(answer["items"].as_array().unwrap().len(), 5),
        _ => {
            let results = answer["results"].as_array().unwrap();
            assert!(results.iter().all(|result| result["status"] == 200), "{answer:#}");
            assert_eq!(results[0]["answer"]["totals"]["sessions"]["value"], 12);
            assert_eq!(data(&results[1]["answer"], "minutes_consumed", "realtimekit")[4], 140.75);
            // no channel have 34 and all meetings and avatars
            assert_eq!(results[2]["answer"]["labels"], json!(["whatsapp", "webchat", "(none)"]));
            assert_eq!(data(&results[2]["answer"], "sessions", "Sessions"), json!([3, 1, 8]));
        }
    }
}

#[tokio::test]
async fn each_panel_is_one_short_request_and_shows_what_is_there() {
    let api = priced().await;
    let panels = panels();
    assert_eq!(panels.iter().filter(|panel| panel.title.contains(". ")).count(), 12, "twelve panels");
    let mut seen = 0;
    for Panel { title, method, path, body } in panels {
        assert!(path.len() <= LONGEST, "{title}: {} characters", path.len());
        if path.contains("format=csv") {
            let csv = api.send(method, &path, &[]).await;
            assert_eq!(csv.header("content-type"), "text/csv; charset=utf-8; header=present");
            continue;
        }
        let answer = match &body {
            Some(body) => {
                let (status, answer) = api.send_json(method, &path, &[], body).await;
                assert_eq!(status, 200, "{title}: {answer:#}");
                answer
            }
            None => api.get(&path).await,
        };
        for series in answer["series"].as_array().into_iter().flatten() {
            let count = answer["labels"].as_array().unwrap().len();
            assert_eq!(series["data"].as_array().unwrap().len(), count, "{title}");
            for (place, value) in series["data"].as_array().unwrap().iter().enumerate() {
                assert_eq!(value.is_null(), !series["reasons"][place].is_null(), "{title}: {series:#}");
            }
        }
        check(title, &answer);
        seen += 1;
    }
    assert_eq!(seen, 13);
}
