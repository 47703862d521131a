//! A streaming replica beside the primary: what it answers, what it does not, and what happens when it fails.

use std::time::{Duration, Instant};

use rustix::process::{Signal, kill_process};
use serde_json::{Value, json};
use tributary::app::serving::Role;

use crate::harness::replica::Pair;
use crate::harness::serving::{client, serve};

mod checked;
mod failing;

/// Sessions of the 18th: 32, 33, 34 and 35.
const ASKED: &str = "/v1/metrics/query?metrics=sessions&source=konvo-eu&from=2026-11-18&to=2026-11-19&zone=UTC";

/// A fifth session of the 18th, and a later proof, as a poll writes them.
const POLL: &str = "begin;
    update core.sessions set started_at = '2026-11-18 08:00Z', created_at = '2026-11-18 08:00Z' where session_id = 31;
    update ingest.windows set window_to = '2026-11-20 11:59Z' where source_id = 3;
    insert into ingest.data_versions as v (source_id, stream, version) values (3, 'sessions', 1)
        on conflict (source_id, stream) do update set version = v.version + 1;
    commit";

const BEFORE: (u64, &str, &str) = (4, "2026-11-20T11:50:00Z", "d0");
const AFTER: (u64, &str, &str) = (5, "2026-11-20T11:59:00Z", "d1");

/// The version of the data that is known in memory is no older.
const VERSION_AGE: Duration = Duration::from_secs(1);
const DEADLINE: Duration = Duration::from_secs(30);

struct Service {
    http: reqwest::Client,
    base: String,
    _stop: tokio_util::sync::DropGuard,
}

impl Service {
    /// Starts the API; returns once it reads from the replica.
    async fn start(pair: &Pair, toml: &str) -> Self {
        let (base, stop) = serve(pair.app(toml), Role::Api).await;
        let service = Self { http: client(), base, _stop: stop };
        let listens = "select count(*) from pg_stat_activity where query ilike 'listen%'";
        let began = Instant::now();
        while sqlx::query_scalar::<_, i64>(listens).fetch_one(&pair.primary).await.expect("a number") == 0 {
            assert!(began.elapsed() < DEADLINE, "no notice is heard");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        service.until_used(true).await;
        service
    }

    async fn send(&self, path: &str) -> reqwest::Response {
        self.http.get(format!("{}{path}", self.base)).send().await.expect("an answer")
    }

    async fn get(&self, path: &str) -> Value {
        let answer = self.send(path).await;
        let status = answer.status().as_u16();
        let body: Value = answer.json().await.expect("JSON");
        assert_eq!(status, 200, "{path}: {body:#}");
        body
    }

    async fn post(&self, path: &str, body: &Value) -> Value {
        let answer = self.http.post(format!("{}{path}", self.base)).json(body).send().await.expect("an answer");
        let status = answer.status().as_u16();
        let body: Value = answer.json().await.expect("JSON");
        assert_eq!(status, 200, "{path}: {body:#}");
        body
    }

    /// Asks until answers are read from the replica, or from the primary; returns the first such answer.
    async fn until_used(&self, is_used: bool) -> Value {
        let began = Instant::now();
        loop {
            let answer = self.get(ASKED).await;
            if is_of_replica(&answer) == is_used {
                return answer;
            }
            assert!(began.elapsed() < DEADLINE, "{:#}", self.get("/v1/health/pollers").await["replica"]);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Returns the classes of the problems that health reports of the replica.
    async fn troubles(&self) -> Vec<String> {
        let health = self.get("/v1/health/pollers").await;
        let classes = health["problems"].as_array().expect("a list").iter();
        let classes = classes.map(|problem| problem["class"].as_str().expect("a text").to_owned());
        classes.filter(|class| class.starts_with("replica")).collect()
    }
}

fn is_of_replica(answer: &Value) -> bool {
    answer["freshness"]["replica_as_of"].is_string()
}

fn shown(answer: &Value) -> (u64, &str, &str) {
    let freshness = &answer["freshness"];
    let text = |name: &str| freshness[name].as_str().expect("a text");
    (answer["totals"]["sessions"]["value"].as_u64().expect("a number"), text("complete_through"), text("data_version"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_come_from_the_replica_and_claim_no_more_than_it_has() {
    let pair = Pair::start().await;
    let service = Service::start(&pair, "").await;
    let first = service.get(ASKED).await;
    assert_eq!((shown(&first), &first["freshness"]["replica_as_of"]), (BEFORE, &json!("2026-11-20T12:00:00Z")));

    pair.pause().await;
    pair.write(POLL).await;
    tokio::time::sleep(VERSION_AGE).await;
    let old = service.get(ASKED).await;
    assert_eq!((shown(&old), is_of_replica(&old)), (BEFORE, true));
    let said = async |path: &str, list: &str| {
        let answer = service.get(path).await;
        let streams = answer[list].as_array().expect("a list");
        streams.iter().find(|stream| stream["source"] == "konvo-eu").expect("a stream")["complete_through"].clone()
    };
    assert_eq!(said("/v1/freshness", "streams").await, BEFORE.1, "who waits for data finds them in answers");
    assert_eq!(said("/v1/health/pollers", "items").await, AFTER.1, "health sees the truth");

    pair.set_clock(20);
    let health = service.get("/v1/health/pollers").await;
    let expected = json!({"is_used": true, "as_of": "2026-11-20T12:00:00Z", "lag_seconds": 20});
    assert_eq!(health["replica"], expected);
    let tag = async || service.send("/v1/freshness").await.headers()["etag"].clone();
    let held = tag().await;
    pair.set_clock(21);
    assert_eq!(tag().await, held, "nothing has changed but the time");
    pair.set_clock(20);
    let csv = service.send(&format!("{ASKED}&format=csv")).await;
    assert_eq!(csv.headers()["data-replica-as-of"], "2026-11-20T12:00:00Z");
    let scraped = service.send("/metrics").await.text().await.expect("a text");
    assert!(scraped.contains("\ntributary_replica_lag_seconds 20\n"), "{scraped}");
    assert!(scraped.contains("\ntributary_replica_used 1\n"), "{scraped}");

    // what is older than required is read from the primary: by the lag, and by what the rows prove
    for (asked, expected, is_replica) in [
        (format!("{ASKED}&require_fresh=PT30S"), BEFORE, true),
        (format!("{ASKED}&require_fresh=PT10S"), AFTER, false),
        (ASKED.replace("to=2026-11-19", "to=2026-11-21") + "&require_fresh=PT15M", BEFORE, true),
        (ASKED.replace("to=2026-11-19", "to=2026-11-21") + "&require_fresh=PT5M", AFTER, false),
    ] {
        let answer = service.get(&asked).await;
        assert_eq!((shown(&answer), is_of_replica(&answer)), (expected, is_replica), "{asked}");
    }

    pair.set_clock(61);
    let answer = service.get(ASKED).await;
    assert_eq!((shown(&answer), is_of_replica(&answer)), (AFTER, false), "further behind than it may be");
    assert_eq!(service.troubles().await, ["replica_behind"]);
    assert_eq!(service.send("/v1/health/pollers?strict=true").await.status().as_u16(), 503);
    pair.resume().await;
    let caught_up = service.until_used(true).await;
    assert_eq!((shown(&caught_up), &caught_up["freshness"]["replica_as_of"]), (AFTER, &json!("2026-11-20T12:01:01Z")));
    assert_eq!(service.troubles().await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_answer_is_kept_under_a_version_of_the_data_that_it_does_not_have() {
    let pair = Pair::start().await;
    let service = Service::start(&pair, "read_max_lag_seconds = 10").await;
    pair.pause().await;
    assert_eq!(shown(&service.get(ASKED).await), BEFORE);
    pair.write(POLL).await;
    // within one minute of the clock, in which answers are kept; the replica is used or not
    for (second, expected, is_replica) in [
        (1, BEFORE, true),
        (20, AFTER, false),
        (5, BEFORE, true),
        (21, AFTER, false),
        (22, AFTER, false),
        (6, BEFORE, true),
    ] {
        pair.set_clock(second);
        tokio::time::sleep(VERSION_AGE).await;
        for _ in 0..2 {
            let answer = service.get(ASKED).await;
            assert_eq!((shown(&answer), is_of_replica(&answer)), (expected, is_replica), "second {second}");
        }
    }
    pair.resume().await;
    pair.caught_up().await;
    tokio::time::sleep(VERSION_AGE).await;
    assert_eq!(shown(&service.get(ASKED).await), AFTER, "the replica has the version now");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_answer_shows_the_state_before_a_command_and_none_denies_what_only_the_primary_has() {
    let pair = Pair::start().await;
    let service = Service::start(&pair, "read_max_lag_seconds = 3600").await;
    pair.pause().await;
    pair.write(
        "insert into core.sessions overriding system value
                select (jsonb_populate_record(s, '{\"session_id\": 99, \"provider_session_id\": \"id-99\"}')).*
                  from core.sessions s where session_id = 34",
    )
    .await;
    assert!(is_of_replica(&service.get("/v1/sessions").await), "a list comes from the replica");
    assert_eq!(service.get("/v1/sessions/99").await["provider_session_id"], "id-99", "the replica lacks it");

    assert_eq!(service.get(ASKED).await["freshness"]["is_paused"], false);
    service.post("/v1/sync/sources/konvo-eu/pause", &json!({})).await;
    for _ in 0..3 {
        let answer = service.get(ASKED).await;
        assert_eq!((&answer["freshness"]["is_paused"], is_of_replica(&answer)), (&json!(true), false));
        tokio::time::sleep(VERSION_AGE).await;
    }
    pair.resume().await;
    assert_eq!(service.until_used(true).await["freshness"]["is_paused"], true);

    // a command of another process is known by its notice
    pair.pause().await;
    pair.write("delete from ingest.controls; select pg_notify('tributary_changes', 'command')").await;
    assert_eq!(service.until_used(false).await["freshness"]["is_paused"], false);
    pair.resume().await;
    assert_eq!(service.until_used(true).await["freshness"]["is_paused"], false);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_queries_and_a_page_are_read_from_one_database() {
    let pair = Pair::start().await;
    let service = Service::start(&pair, "").await;
    pair.pause().await;
    pair.write(POLL).await;
    let of_day = |metric: &str| {
        json!({"metrics": [metric], "filters": [{"field": "source", "values": ["konvo-eu"]}],
               "time": {"from": "2026-11-18", "to": "2026-11-19", "zone": "UTC"}})
    };
    let batch = async |metrics: [&str; 2]| {
        let queries: Vec<Value> = metrics.into_iter().map(of_day).collect();
        service.post("/v1/metrics/batch", &json!({"queries": queries})).await["results"].clone()
    };
    let results = batch(["sessions", "messages"]).await;
    assert_eq!((shown(&results[0]["answer"]), is_of_replica(&results[0]["answer"])), (BEFORE, true));
    let results = batch(["sessions", "moons"]).await;
    assert_eq!((shown(&results[0]["answer"]), is_of_replica(&results[0]["answer"])), (AFTER, false));
    assert_eq!(results[1]["status"], 422, "a failure counts from the primary alone");
    let asked = service.post("/v1/metrics/query", &of_day("sessions")).await;
    assert_eq!((shown(&asked), is_of_replica(&asked)), (BEFORE, true));
    assert_eq!(service.send("/").await.status().as_u16(), 200);
    let used = "select count(*) from pg_stat_activity where application_name = 'tributary-api' and query <> ''";
    let used: i64 = sqlx::query_scalar(used).fetch_one(&pair.replica).await.expect("a number");
    assert!(used > 0, "answers use connections to the replica");
}
