//! Files of panels: each panel with values has them as CSV, each with marks has these as SVG, and each link leads there.

use super::*;

/// What the fixture lacks for a panel to have something to show.
const MORE: &str = "
insert into ingest.backfills (backfill_id, source_id, stream, purpose, state, range_from, range_to, requested_by, created_at,
                              resumed_at, is_unfiltered)
overriding system value
values (3, 1, 'sessions', 'reconcile', 'done', '2026-11-01Z', '2026-11-02Z', 'someone', '2026-11-20Z', '2026-11-20Z', false);
insert into ingest.reconciliations (source_id, stream, window_from, window_to, checked_at, state, reason, provider_count,
                                    our_count_before, our_count, missing_count, healed_count, surplus_count, rejected_count,
                                    missing_ids, surplus_ids, backfill_id)
values (1, 'sessions', '2026-11-01Z', '2026-11-02Z', '2026-11-20Z', 'differs', '=1+1', 12000, 10, 10, 2, 0, 0, 0,
        '{}', '{}', 3)";

/// A section with the panels that have only values, and those that also have marks.
type Files = (&'static str, &'static [&'static str], &'static [&'static str]);

const SECTIONS: [Files; 8] = [
    ("/?", &[], &["minutes", "resolution", "week", "channels", "avatars", "skills", "meetings"]),
    ("/conversations?", &[], &["outcomes", "first-response", "time-to-resolution", "backlog", "messages", "intents"]),
    ("/meetings?", &[], &["participants", "coverage", "transcripts", "speakers", "unexplained"]),
    (
        "/costs?if_source=konpro-eu&if_unit=minute&if_price=0.5&if_currency=USD&",
        &["rate-cards", "what-if-result"],
        &["cost", "billable"],
    ),
    ("/sessions?", &["list"], &[]),
    ("/sessions/61?", &["figures", "record", "texts"], &["people"]),
    ("/data-health?", &["reconciliation", "konvo-eu-sessions"], &["streams"]),
    ("/explain?metric=resolution_rate&", &["parts", "left-out", "changed"], &[]),
];

/// Returns the texts of the elements `title` below an element.
fn reads(html: &str) -> Vec<String> {
    let reads = html.split("<title>").skip(1).map(|rest| rest.split("</title>").next().unwrap());
    reads.map(|read| htmlize::unescape(read).into_owned()).collect()
}

/// Returns the rows of a CSV file, by column.
fn rows(text: &str) -> Vec<BTreeMap<String, String>> {
    let rows = csv::Reader::from_reader(text.as_bytes()).into_deserialize::<BTreeMap<String, String>>();
    rows.map(|row| row.unwrap_or_else(|error| panic!("{error}: {text}"))).collect()
}

#[tokio::test]
async fn each_panel_has_its_values_and_its_marks_as_files() {
    let api = world().await;
    run(&api, MORE).await;
    let card = json!({"source": "konpro-eu", "unit": "minute", "unit_price": 0.5, "currency": "USD"});
    let (status, set) = api.send_json("PUT", "/v1/rate-cards", &[], &json!({ "cards": [card] })).await;
    assert_eq!(status, 200, "{set}");
    let mut count = 0;
    for (path, with_values, with_marks) in SECTIONS {
        let html = page(&api, &format!("{path}{NOVEMBER}")).await;
        for id in with_values.iter().chain(with_marks) {
            let panel = part(&html, id);
            let answer = api.send("GET", &link(panel, "CSV"), &[]).await;
            assert_eq!(answer.status, 200, "{path} {id}: {}", answer.text);
            assert!(answer.header("content-type").starts_with("text/csv"), "{id}: {:?}", answer.headers);
            assert!(!rows(&answer.text).is_empty(), "{path} {id}: {}", answer.text);
            assert_eq!(panel.contains(">SVG</a>"), with_marks.contains(id), "{path} {id}: {panel}");
        }
        for id in with_marks {
            let panel = part(&html, id);
            count += reads(panel).len();
            let answer = api.send("GET", &link(panel, "SVG"), &[]).await;
            assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, "image/svg+xml"), "{path} {id}");
            let titles = super::charts::titles(&api, &answer.text).await;
            let shown = reads(panel);
            assert_eq!(titles[1..], shown, "{path} {id}: the file says what the page says");
            for outside in [" class=", " style=", "var(", "fill=\"\"", "NaN"] {
                assert!(!answer.text.contains(outside), "{path} {id} has {outside}: {}", answer.text);
            }
        }
        // a panel that is not named above has no marks that no file shows
        for panel in html
            .split("<section ")
            .skip(1)
            .filter(|panel| panel.contains("class=\"plot") || panel.contains("class=\"strip\""))
        {
            assert!(panel.contains(">SVG</a>"), "{path}: {panel}");
        }
    }
    assert!(count > 200, "only {count} marks have words");
}

#[tokio::test]
async fn a_file_has_exact_values_and_no_formula_of_others() {
    let api = Api::in_depth().await;
    run(&api, MORE).await;
    let file = async |path: &str| api.send("GET", path, &[]).await;
    let compared = file("/data-health?file=reconciliation.csv").await;
    assert_eq!(
        compared.header("content-disposition"),
        "attachment; filename=\"tributary-data-health-reconciliation.csv\""
    );
    let compared = &rows(&compared.text)[0];
    assert_eq!((compared["Provider"].as_str(), compared["Reason"].as_str()), ("12000", "'=1+1"));
    let streams = rows(&file("/data-health?zone=Asia/Kathmandu&file=streams.csv").await.text);
    let health = api.get("/v1/health/pollers").await;
    let pollers = health["items"].as_array().unwrap();
    assert_eq!(streams.len(), pollers.len());
    for (row, poller) in streams.iter().zip(pollers) {
        assert_eq!(row["Stream"], format!("{} · {}", text(poller, "source"), text(poller, "stream")));
        if let Some(lag) = poller["lag_seconds"].as_i64() {
            assert_eq!(row["Lag"], lag.to_string());
        }
    }
    // from 10:00 to 11:00: Ada in two halves
    let people = rows(&file("/sessions/61?zone=Asia/Kathmandu&file=people.csv").await.text);
    assert_eq!(people[0]["Joined"], "2026-11-16T10:00:00.000000Z", "{people:?}");
    let figures = rows(&file("/sessions/61?zone=Asia/Kathmandu&file=figures.csv").await.text);
    let figure = |name: &str| figures.iter().find(|row| row["Figure"] == name).map(|row| row["Value"].as_str());
    assert_eq!(figure("Began"), Some("2026-11-16T10:00:00.000000Z"));
    assert_eq!((figure("Length"), figure("Minutes"), figure("People")), (Some("3600"), Some("105.5"), Some("3")));
    let stream = rows(&file("/data-health?zone=Asia/Kathmandu&file=konvo-eu-sessions.csv").await.text);
    let last = stream.iter().find(|row| row["Fact"] == "Last complete run").map(|row| row["Value"].as_str());
    assert_eq!(last, Some("2026-11-20T11:50:00.000000Z"));
    assert_eq!(compared["Window"], "2026-11-01T00:00:00Z to 2026-11-02T00:00:00Z");
    let found = "/sessions?from=2026-11-10&to=2026-11-21&zone=Asia/Kathmandu&q=welcome&file=list.csv";
    assert_eq!(rows(&file(found).await.text)[0]["Time"], "2026-11-16T10:00:00.000000Z");
    let strips = file("/sessions/61?file=people.svg").await.text;
    // half of 696 pixels after 216
    assert!(strips.contains("x=\"564.0\" width=\"348.0\""), "{strips}");
    for missing in ["/data-health?file=streams.png", "/data-health?file=nothing.csv", "/sessions/61?file=figures.svg"] {
        assert_eq!(file(missing).await.status, 404, "{missing}");
    }
}

#[tokio::test]
async fn p14_a_file_of_people_is_for_keys_that_may_read_content_and_is_audited() {
    let api = Api::with_keys("requests_per_minute = 0").await;
    run(
        &api,
        "insert into core.participants (source_id, session_id, provider_participant_id, display_name, joined_at, left_at)
         values (1, 11, 'p-1', 'Ada Lovelace', '2026-11-18 10:00Z', '2026-11-18 10:30Z')",
    )
    .await;
    let reads = api.key(&[Scope::SessionsRead, Scope::ContentRead], &[]).await;
    let plain = api.key(&[Scope::SessionsRead], &[]).await;
    for file in ["people.svg", "people.csv"] {
        let path = format!("/sessions/11?file={file}");
        let shown = api.send_as(&reads, "GET", &path).await;
        assert!(shown.status == 200 && shown.text.contains("Ada Lovelace"), "{file}: {}", shown.text);
        assert_eq!(shown.header("cache-control"), "no-store");
        let refused = api.send_as(&plain, "GET", &path).await;
        assert!(refused.status == 404 && refused.text.contains("content:read"), "{file}: {}", refused.text);
        assert!(!refused.text.contains("Lovelace"), "{file}");
    }
    api.access_policy.audit.flush().await;
    let audited = "select count(*) from ingest.audit where kind = 'read' and target like '/sessions/%'";
    assert_eq!(sqlx::query_scalar::<_, i64>(audited).fetch_one(api.pool()).await.unwrap(), 2);
}

#[tokio::test]
async fn a_browser_that_opens_a_file_alone_finds_an_icon() {
    let api = Api::with_keys("").await;
    for path in ["/favicon.ico", "/favicon.svg"] {
        let icon = api.send("GET", path, &[]).await;
        assert_eq!((icon.status.as_u16(), icon.header("content-type")), (200, "image/svg+xml"), "{path}");
        assert!(icon.text.starts_with("<svg ") && icon.header("cache-control").contains("max-age"), "{path}");
    }
}

fn text(json: &Value, name: &str) -> String {
    json[name].as_str().unwrap().to_owned()
}
