//! `/v1/hooks/{provider}/{slug}`: signed webhooks of a provider, between an API and a poller that share a database.

use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use tributary::app::reloading::Reloads;
use tributary::app::serving::{self, Role};
use tributary::model::id::ProviderRecordId;
use tributary::model::stream::Stream;
use tributary::store::hint::{self, NewHint, Received};
use tributary_simulator::Platform;
use tributary_simulator::quirks::Quirks;
use tributary_simulator::webhooks::{self, SignedEvent};

use super::*;
use crate::harness::serving::{client, serve};
use crate::harness::{World, noon, plain_feed};
use crate::store::changes::meeting;

const HOOK: &str = "/v1/hooks/realtimekit/realtimekit";

/// A world with one live meeting, which ended unseen, and the service in two parts: an API and a poller.
struct Service {
    world: World,
    base: String,
    http: reqwest::Client,
    _stops: [tokio_util::sync::DropGuard; 2],
    _provider: tributary_simulator::Simulator,
}

impl Service {
    async fn start() -> Self {
        let key = std::env::temp_dir().join(format!("tributary-webhook-key-{}.json", std::process::id()));
        // as Cloudflare publishes it: a JSON document with PEM in it
        std::fs::write(&key, json!({"publicKey": webhooks::PUBLIC_KEY}).to_string()).unwrap();
        let settings =
            format!("schedule = \"0 0 0 1 1 *\"\n[sources.webhooks]\npublic_key_file = \"{}\"", key.display());
        let mut world = World::new().await.with_settings(&settings);
        let feed = plain_feed(Platform::Realtimekit, 0);
        let started = noon() - TimeDelta::hours(1);
        feed.insert(meeting("m", started, "LIVE", "10", "null", "2026-03-10T11:00:00.000Z"));
        let provider = world.simulate(Platform::Realtimekit, feed.clone(), Quirks::default()).await;
        let mut app = world.app();
        app.config.server.listen = ([127, 0, 0, 1], 0).into();
        let (base, api) = serve(app, Role::Api).await;
        let (app, stop) = (world.app(), CancellationToken::new());
        let stopped = stop.clone();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
            let served = serving::serve(&app, Role::Poller, stopped, Reloads::none(), |_| {});
            runtime.unwrap().block_on(served).unwrap();
        });
        let service = Self { world, base, http: client(), _stops: [api, stop.drop_guard()], _provider: provider };
        service.until("live", Duration::from_mins(1)).await;
        assert!(feed.replace(meeting(
            "m",
            started,
            "ENDED",
            "34.5",
            "\"2026-03-10T11:58:00.000Z\"",
            "2026-03-10T11:58:01.000Z"
        )));
        service
    }

    /// Waits until the API shows the meeting in this state.
    async fn until(&self, state: &str, within: Duration) {
        let began = Instant::now();
        loop {
            let answer = self.http.get(format!("{}/v1/sessions?range=last_7_days", self.base)).send().await.unwrap();
            let answer: Value = answer.json().await.unwrap();
            if answer["items"][0]["session_state"] == state {
                return;
            }
            assert!(began.elapsed() < within, "never {state}: {answer:#}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Sends a request to the webhook; returns status and code.
    async fn send(&self, path: &str, event: &SignedEvent) -> (u16, String) {
        let mut request = self.http.post(format!("{}{path}", self.base)).body(event.body.clone());
        for (name, value) in &event.headers {
            request = request.header(*name, value);
        }
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        let body: Value = answer.json().await.unwrap_or_default();
        (status, body["code"].as_str().unwrap_or_default().to_owned())
    }

    /// Returns how often a webhook had this result.
    async fn counted(&self, source: &str, result: &str) -> u64 {
        let text = self.http.get(format!("{}/metrics", self.base)).send().await.unwrap().text().await.unwrap();
        let series = format!("tributary_webhooks_total{{source=\"{source}\",result=\"{result}\"}} ");
        let value = text.lines().find_map(|line| line.strip_prefix(&series));
        value.map_or(0, |value| value.parse().unwrap())
    }
}

fn ended(at: &str) -> SignedEvent {
    let event = webhooks::event("meeting.ended", "m", "2026-03-10T11:00:00.000Z", Some(at));
    webhooks::sign(event.to_string()).unwrap()
}

#[tokio::test]
async fn a_webhook_makes_an_ended_meeting_visible_within_five_seconds_and_all_others_are_refused_and_counted() {
    let service = Service::start().await;
    let event = ended("2026-03-10T11:58:00.000Z");

    // refused, and nothing is read
    let forged = SignedEvent { body: event.body.replace("\"m\"", "\"n\""), ..event.clone() };
    assert_eq!(service.send(HOOK, &forged).await, (401, "webhook_not_verified".to_owned()));
    let unsigned = SignedEvent { headers: Vec::new(), body: event.body.clone() };
    assert_eq!(service.send(HOOK, &unsigned).await, (401, "webhook_not_verified".to_owned()));
    let old = webhooks::event("meeting.ended", "m", "2026-03-01T11:00:00Z", Some("2026-03-03T11:59:59Z"));
    let old = webhooks::sign(old.to_string()).unwrap();
    assert_eq!(service.send(HOOK, &old).await, (422, "webhook_stale".to_owned()));
    let unknown = webhooks::event("meeting.invented", "m", "2026-03-10T11:00:00Z", None);
    let unknown = webhooks::sign(unknown.to_string()).unwrap();
    assert_eq!(service.send(HOOK, &unknown).await, (422, "webhook_not_followed".to_owned()));
    let large = SignedEvent { body: " ".repeat(64 * 1024 + 1), ..event.clone() };
    assert_eq!(service.send(HOOK, &large).await, (413, "body_too_large".to_owned()));
    for path in ["/v1/hooks/realtimekit/other", "/v1/hooks/konvo/realtimekit"] {
        assert_eq!(service.send(path, &event).await, (404, "not_found".to_owned()), "{path}");
    }
    assert_eq!(service.world.number("select count(*) from ingest.session_hints").await, 0);

    // followed
    let began = Instant::now();
    assert_eq!(service.send(HOOK, &event).await, (202, String::new()));
    service.until("ended", Duration::from_secs(5)).await;
    println!("an ended meeting was visible {} ms after its webhook", began.elapsed().as_millis());
    assert_eq!(
        service.world.text("select provider_minutes::text from core.sessions").await.as_deref(),
        Some("34.5"),
        "the provider's answer is stored, not the event"
    );
    let runs =
        "select string_agg(purpose || ' ' || verdict, ', ' order by run_id) from ingest.runs where stream = 'sessions'";
    for _ in 0..100 {
        if service.world.number("select count(*) from ingest.runs where finished_at is null").await == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(service.world.text(runs).await.as_deref(), Some("poll complete, hint complete"));

    // the same one again, also with another id, which the signature does not cover
    let again = SignedEvent {
        headers: event.headers.iter().filter(|(name, _)| *name != "rtk-uuid").cloned().collect(),
        ..event.clone()
    };
    assert_eq!(service.send(HOOK, &again).await, (409, "webhook_replayed".to_owned()));
    let results = [
        ("accepted", 1),
        ("forged", 1),
        ("unsigned", 1),
        ("stale", 1),
        ("unknown_event", 1),
        ("too_large", 1),
        ("replayed", 1),
    ];
    for (result, count) in results {
        assert_eq!(service.counted("realtimekit", result).await, count, "{result}");
    }
    assert!(service.counted("none", "unknown_source").await >= 2);

    // of the events nothing is stored but a hash, and a session that a webhook names without a fault is read once
    assert_eq!(service.world.number("select count(*) from ingest.hook_deliveries").await, 1);
    assert_eq!(service.world.number("select count(*) from ingest.session_hints").await, 0);
}

#[tokio::test]
async fn a_chat_that_is_announced_is_due_at_once_and_many_people_who_join_cause_one_call() {
    let db = database().await;
    let hint = async |hash: &[u8], streams: &[Stream], (now, wait): (DateTime<Utc>, i64)| {
        let session = ProviderRecordId::parse("meet-1").unwrap();
        let new = NewHint {
            source: "rtk-prod",
            body_hash: hash,
            session: Some(&session),
            streams,
            due_at: now + TimeDelta::seconds(wait),
            now,
        };
        hint::receive(&db.pool, &new).await.unwrap()
    };
    let (participants, now) = ([Stream::Participants], noon());
    for hash in [b"1", b"2", b"3"] {
        assert_eq!(hint(hash, &participants, (now, 30)).await, Received::Stored);
    }
    assert_eq!(hint(b"3", &participants, (now, 30)).await, Received::Replayed);
    assert!(hint::due(&db.pool, noon()).await.unwrap().is_empty(), "not before half a minute");
    assert_eq!(hint(b"4", &[Stream::Chat], (now, 0)).await, Received::Stored);
    let due = hint::due(&db.pool, noon()).await.unwrap();
    let claimed = hint::claim(&db.pool, due[0], noon()).await.unwrap();
    assert_eq!(claimed.len(), 1, "{claimed:?}");
    assert_eq!(claimed[0].streams.len(), 2, "{claimed:?}");
    assert!(hint::claim(&db.pool, due[0], noon()).await.unwrap().is_empty(), "another poller has it");
    // a webhook that comes during the reading is followed after it
    assert_eq!(hint(b"5", &[], (now + TimeDelta::seconds(1), 0)).await, Received::Stored);
    hint::settle(&db.pool, due[0], &claimed[0], noon()).await.unwrap();
    let left: i64 = sqlx::query_scalar("select count(*) from ingest.session_hints where claimed_until is null")
        .fetch_one(&db.pool)
        .await
        .unwrap();
    assert_eq!(left, 1);
}
