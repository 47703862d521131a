//! `/v1/sync/windows`: an unproven range withholds nothing else, and an operator can accept and reopen it.

use chrono::TimeDelta;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tributary::app::backfilling::{self, BackfillArgs};
use tributary::app::progress::Progress;
use tributary::db::Purpose;
use tributary::store::operation::Operator;
use tributary_simulator::fixed_feed::{FixedFeed, FixedRecord};
use tributary_simulator::quirks::Quirks;
use tributary_simulator::{Platform, Simulator};

use crate::harness::{Api, World, at, noon, plain_record, records};

const YESTERDAY: &str = "/v1/metrics/query?metrics=sessions&from=2026-03-09&to=2026-03-10&zone=UTC";
const TWO_MONTHS: &str = "/v1/metrics/query?metrics=sessions&from=2026-01-15&to=2026-03-10&zone=UTC";
/// The days around the missing session.
const AROUND: &str =
    "/v1/metrics/query?metrics=sessions,never_started_sessions&from=2026-02-17&to=2026-02-20&granularity=day&zone=UTC";
const ACCEPT: &str = "/v1/sync/sources/konpro/windows/accept";
const REOPEN: &str = "/v1/sync/sources/konpro/windows/reopen";

/// A provider that counts a session of 20 days ago and never lists it, polled until the doubtful range is a minute.
pub(crate) async fn world_with_a_hole() -> (World, Simulator, std::sync::Arc<FixedFeed>) {
    let mut world = World::new().await.with_settings("history_from = \"2026-01-01T00:00:00Z\"");
    let feed = std::sync::Arc::new(FixedFeed::new((0..40).map(|number| plain_record(Platform::Konpro, number, 40))));
    // two records of one id: the provider counts both, and lists one session
    let twin = records::record(Platform::Konpro, "twin", noon() - TimeDelta::days(20));
    feed.insert(FixedRecord { id: "twin".to_owned(), ..twin.clone() });
    feed.insert(FixedRecord { id: "twin-2".to_owned(), ..twin });
    let simulator = world.simulate(Platform::Konpro, std::sync::Arc::clone(&feed) as _, Quirks::default()).await;
    for _ in 0..8 {
        assert_eq!(world.poll_one().await.result, "incomplete");
        let widest =
            "select max(extract(epoch from window_to - window_from))::bigint from ingest.windows where not is_complete";
        if world.number(widest).await <= 60 {
            break;
        }
    }
    assert_eq!(world.number("select count(*) from ingest.windows where not is_complete").await, 1);
    (world, simulator, feed)
}

fn statuses(answer: &Value) -> Vec<&str> {
    let rows = answer["rows"].as_array().expect("rows");
    rows.iter().map(|row| row["bucket"]["status"].as_str().expect("a status")).collect()
}

async fn health(api: &Api) -> Value {
    api.ok("/v1/health/pollers").await["items"][0].clone()
}

#[tokio::test]
async fn a_hole_of_long_ago_makes_no_later_query_stale() {
    let (world, _simulator, _feed) = world_with_a_hole().await;
    let api = world.api().await;
    let fresh = api.ok(&format!("{YESTERDAY}&require_fresh=PT15M")).await;
    assert_eq!(fresh["freshness"]["state"], "fresh", "{fresh:#}");
    let range = json!({"complete_through": "2026-03-10T00:00:00Z", "is_proven": true, "has_accepted_gap": false});
    assert_eq!((&fresh["freshness"]["range"], &fresh["freshness"]["streams"][0]["range"]), (&range, &range));
    assert_eq!(statuses(&fresh), ["complete"]);
    // the stream as a whole is complete only up to the hole, and the response states that too
    let through = at(fresh["freshness"]["complete_through"].as_str().expect("an instant"));
    assert_eq!(through.date_naive().to_string(), "2026-02-18");
    // a query that covers the hole reports it
    let covering = api.ok(TWO_MONTHS).await;
    assert_eq!(covering["freshness"]["state"], "stale");
    assert_eq!(covering["freshness"]["range"]["is_proven"], false);
    assert_eq!(covering["freshness"]["range"]["complete_through"], fresh["freshness"]["complete_through"]);
    assert_eq!(statuses(&covering), ["has_gap"]);
    let (status, problem) = api.get(&format!("{TWO_MONTHS}&require_fresh=PT15M")).await;
    assert_eq!((status, &problem["code"]), (503, &json!("not_fresh_enough")), "{problem:#}");
    // lists are judged by their range as well
    let list = api.ok("/v1/sessions?from=2026-03-09&to=2026-03-10").await;
    assert_eq!((&list["freshness"]["state"], &list["freshness"]["range"]), (&json!("fresh"), &range));
    assert_eq!(api.ok("/v1/sessions?from=2026-02-01").await["freshness"]["state"], "stale");
    // for the whole stream no range is reported
    let whole = api.ok("/v1/freshness").await;
    assert_eq!((&whole["state"], &whole["range"]), (&json!("stale"), &Value::Null));
}

#[tokio::test]
async fn an_accepted_hole_no_longer_withholds_later_data_and_stays_visible() {
    let (world, simulator, feed) = world_with_a_hole().await;
    let api = world.api().await;
    assert_eq!(statuses(&api.ok(AROUND).await), ["complete", "has_gap", "complete"]);
    let range = json!({"from": "2026-02-18", "to": "2026-02-19T00:00:00Z", "note": "Support cannot find the session."});
    let (status, accepted) = api.ask(ACCEPT, &range).await;
    assert_eq!(status, 200, "{accepted:#}");
    assert_eq!(accepted["windows"].as_array().map(Vec::len), Some(1));
    let (from, to) = (&accepted["windows"][0]["from"], &accepted["windows"][0]["to"]);
    let length = at(to.as_str().expect("an instant")) - at(from.as_str().expect("an instant"));
    assert!(length <= TimeDelta::minutes(1), "only what is doubtful is accepted: {length}");
    // later values count, and the range is marked as incomplete
    assert!(accepted["complete_through"].as_str().expect("an instant").starts_with("2026-03-10T12:00"));
    let fresh = api.ok(&format!("{TWO_MONTHS}&require_fresh=PT15M")).await;
    assert_eq!(fresh["freshness"]["state"], "fresh");
    assert_eq!(fresh["freshness"]["range"]["is_proven"], false);
    assert_eq!(fresh["freshness"]["range"]["has_accepted_gap"], true);
    let around = api.ok(AROUND).await;
    assert_eq!(statuses(&around), ["complete", "accepted_gap", "complete"]);
    // one session is stored of that day; a second may be missing, so no value is stated as 0
    let values = &around["rows"][1]["values"];
    assert_eq!(values["sessions"]["value"], 1);
    assert_eq!(values["never_started_sessions"], json!({"value": null, "reason": "accepted_gap"}));
    // health and the list of windows show it
    let calls = simulator.requests().len();
    let line = world.poll_one().await;
    assert!(line.is_complete(), "{line:?}");
    let day = |request: &tributary_simulator::RequestRecord| request.path_and_query.contains("2026-02-18");
    assert!(!simulator.requests()[calls..].iter().any(day), "it is not read again");
    let poller = health(&api).await;
    assert_eq!((&poller["state"], &poller["incomplete_windows"]["count"]), (&json!("idle"), &json!(0)));
    let shown = json!({"count": 1, "first": [{"from": from, "to": to, "note": "Support cannot find the session."}]});
    assert_eq!(poller["accepted_windows"], shown);
    let listed = api.ok("/v1/sync/windows?state=accepted").await;
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(1));
    assert_eq!(listed["items"][0]["accepted_note"], "Support cannot find the session.");
    assert_eq!(listed["items"][0]["is_proven"], false);
    assert_eq!(api.ok("/v1/sync/windows?state=doubtful").await["items"], json!([]));
    let journal = api.ok("/v1/sync/operations?kind=accept_windows").await["items"][0].clone();
    assert_eq!(journal["operation_id"], accepted["operation_id"]);
    assert!(journal["target"].as_str().expect("a target").ends_with(": Support cannot find the session."));
    // a later proof makes the acceptance void
    assert!(feed.remove("twin-2"));
    prove_february(&world).await;
    assert_eq!(statuses(&api.ok(AROUND).await), ["complete"; 3]);
    assert_eq!(health(&api).await["accepted_windows"]["count"], 0);
    let void = "select count(*) from analytics.accepted_holes where is_proven_since";
    assert_eq!(world.number(void).await, 1);
    // a later doubt is another one, which no operator has accepted
    let doubt = "insert into ingest.windows (source_id, stream, window_from, window_to, is_complete, reason, run_id, checked_at)
                 select source_id, 'sessions', '2026-02-18 11:59Z', '2026-02-18 12:00:30Z', false, 'Two are counted.', 1, now()
                   from core.sources";
    sqlx::query(doubt).execute(&world.db.pool).await.expect("doubted, as a poll does it");
    assert_eq!(statuses(&api.ok(AROUND).await), ["complete", "has_gap", "complete"]);
    assert_eq!(api.ok("/v1/sync/windows?state=accepted").await["items"], json!([]));
    assert_eq!(health(&api).await["accepted_windows"]["count"], 0);
}

/// Reads the day again, as an operator would.
async fn prove_february(world: &World) {
    let args = BackfillArgs {
        source: Some("konpro".to_owned()),
        from: Some(at("2026-02-18T00:00:00Z")),
        to: Some(at("2026-02-19T00:00:00Z")),
        parallel: 1,
        detach: false,
        status: false,
        pause: None,
        resume: None,
        cancel: None,
        json: false,
    };
    let app = world.app();
    let pool = app.pool(Purpose::Poll).await.expect("a pool");
    let operator = Operator { requested_by: "test".to_owned(), request_id: None };
    let stop = CancellationToken::new();
    let outcome = backfilling::work(&app, pool, &args, &operator, stop, Progress::silent()).await.expect("it runs");
    assert!(outcome.is_proven, "{outcome:?}");
}

#[tokio::test]
async fn a_proof_of_a_part_leaves_the_rest_accepted() {
    let (world, _simulator, _feed) = world_with_a_hole().await;
    let accept = "insert into ingest.accepted_gaps (source_id, stream, window_from, window_to, accepted_at, accepted_by, note)
                  select source_id, 'sessions', '2026-02-01 00:00Z', '2026-02-11 00:00Z', '2026-03-01 00:00Z', 'ada', 'Lost.'
                    from core.sources";
    sqlx::query(accept).execute(&world.db.pool).await.expect("accepted");
    let prove =
        "select ingest.void_acceptances(source_id, 'sessions', '{[2026-02-03 00:00Z,2026-02-05 00:00Z)}', now())
                   from core.sources";
    sqlx::query(prove).execute(&world.db.pool).await.expect("proven");
    let shown = "select string_agg(to_char(window_from at time zone 'UTC', 'DD') || '-'
                                   || to_char(window_to at time zone 'UTC', 'DD') || ' ' || is_proven_since || ' ' || note,
                                   ', ' order by is_proven_since, window_from) from analytics.accepted_holes";
    let expected = "01-03 false Lost., 05-11 false Lost., 01-11 true Lost.";
    assert_eq!(world.text(shown).await.as_deref(), Some(expected));
}

#[tokio::test]
async fn an_acceptance_can_be_taken_back() {
    let (world, _simulator, _feed) = world_with_a_hole().await;
    let api = world.api().await;
    let range = json!({"from": "2026-02-18", "to": "2026-02-19", "note": "Lost."});
    assert_eq!(api.ask(ACCEPT, &range).await.0, 200);
    // nothing of the range is left to accept
    let (status, problem) = api.ask(ACCEPT, &range).await;
    assert_eq!((status, &problem["code"]), (409, &json!("no_such_window")), "{problem:#}");
    let range = json!({"from": "2026-02-18", "to": "2026-02-19"});
    let (status, reopened) = api.ask(REOPEN, &range).await;
    assert_eq!(status, 200, "{reopened:#}");
    assert!(reopened["complete_through"].as_str().expect("an instant").starts_with("2026-02-18"));
    assert_eq!(statuses(&api.ok(AROUND).await)[1], "has_gap");
    assert_eq!(world.poll_one().await.result, "incomplete", "it is read again");
    assert_eq!(health(&api).await["incomplete_windows"]["count"], 1);
    assert_eq!(api.ask(REOPEN, &range).await.0, 409);
    assert_eq!(world.number("select count(*) from ingest.operations where kind like '%_windows'").await, 2);
}

#[tokio::test]
async fn acceptances_are_validated() {
    let (_world, api) = {
        let (world, _simulator, _feed) = world_with_a_hole().await;
        let api = world.api().await;
        (world, api)
    };
    let fault = async |body: Value| {
        let (status, problem) = api.ask(ACCEPT, &body).await;
        assert_eq!((status, &problem["code"]), (422, &json!("invalid_body")), "{problem:#}");
        let faults = problem["errors"].as_array().expect("faults").iter();
        faults.map(|fault| fault["pointer"].as_str().expect("a pointer").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(fault(json!({})).await, ["/from", "/to", "/note"]);
    assert_eq!(fault(json!({"from": "soon", "to": "2026-02-19", "note": " "})).await, ["/from", "/note"]);
    assert_eq!(fault(json!({"from": "2026-02-19", "to": "2026-02-18", "note": "x"})).await, ["/to"]);
    let body = json!({"from": "2026-02-18", "to": "2026-02-19", "note": "x", "stream": "chat", "force": true});
    assert_eq!(fault(body).await, ["/force", "/stream"]);
    // all of this range is proven
    let proven = json!({"from": "2026-03-01", "to": "2026-03-02", "note": "x"});
    assert_eq!(api.ask(ACCEPT, &proven).await.0, 409);
    assert_eq!(api.ask("/v1/sync/sources/other/windows/accept", &proven).await.0, 404);
}
