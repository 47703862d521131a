//! Clocks that are ten minutes off: health says whose, by how much and the way out, and forgets it with the next poll.

use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, TimeDelta, Utc};
use tributary::app::App;
use tributary::app::serving::Role;
use tributary::clock::{Clock, SystemClock};
use tributary_simulator::Platform;
use tributary_simulator::fixed_feed::FixedFeed;
use tributary_simulator::quirks::Quirks;

use super::*;
use crate::harness::serving::{client, serve};
use crate::harness::{World, records, simulator};
use crate::ingest::clocks::app;
use crate::verbs::sources::poll;

/// This machine's clock, with so many seconds added.
#[derive(Debug, Default)]
struct Shifted(AtomicI64);

impl Clock for Shifted {
    fn now(&self) -> DateTime<Utc> {
        SystemClock.now() + TimeDelta::seconds(self.0.load(Ordering::SeqCst))
    }
}

/// By how much the clocks of the provider and of this machine are off, and what health says: whose clock is off, and by
/// how many seconds about.
const CASES: [(i64, i64, &str, i64); 7] = [
    (600, 0, "The provider's clock is {} s ahead of the database's.", 600),
    (-600, 0, "The provider's clock is {} s behind the database's.", 600),
    (0, 600, "The clock of the machine that polls is {} s ahead of the database's.", 600),
    (0, -600, "The clock of the machine that polls is {} s behind the database's.", 600),
    (600, 600, "The clock of the database is {} s behind the provider's and that of the machine that polls.", 600),
    (-600, -600, "The clock of the database is {} s ahead of the provider's and that of the machine that polls.", 600),
    (600, -600, "The provider's clock is {} s ahead of the database's, that of the machine that polls ", 600),
];

#[tokio::test]
async fn a_clock_that_is_ten_minutes_off_is_named_and_forgotten_once_it_is_right() {
    let world = World::new().await;
    let created_at = SystemClock.now() - TimeDelta::hours(1);
    let feed = Arc::new(FixedFeed::new([records::record(Platform::Konvo, "chat", created_at)]));
    let provider = simulator(Platform::Konvo, feed, Quirks::default(), Arc::new(SystemClock)).await;
    let clock = Arc::new(Shifted::default());
    let poller = app(&world, &provider.base_url(), Arc::clone(&clock) as Arc<dyn Clock>);
    assert!(poll(&poller).await.unwrap()[0].is_complete());
    let mut answering: App = app(&world, &provider.base_url(), Arc::clone(&clock) as Arc<dyn Clock>);
    answering.config.server.listen = ([127, 0, 0, 1], 0).into();
    let (base, _stop) = serve(answering, Role::Api).await;
    let http = client();
    let text = async |path: &str| http.get(format!("{base}{path}")).send().await.unwrap().text().await.unwrap();
    let health = async || serde_json::from_str::<Value>(&text("/v1/health/pollers").await).unwrap();
    let skew = async || {
        let scrape = text("/metrics").await;
        let line = scrape.lines().find(|line| line.starts_with("tributary_provider_clock_skew_seconds{source=\"kv\"}"));
        line.and_then(|line| line.rsplit_once(' ')).map(|(_, value)| value.parse::<i64>().unwrap())
    };
    let is_near = |found: i64, expected: i64| (found - expected).abs() <= 20;
    assert_eq!(health().await["items"][0]["failing_because"], json!([]));
    for (of_provider, of_machine, sentence, seconds) in CASES {
        provider.set_quirks(Quirks { clock_skew_seconds: of_provider, ..Quirks::default() });
        clock.0.store(of_machine, Ordering::SeqCst);
        poll(&poller).await.unwrap();
        let answer = health().await;
        let stream = &answer["items"][0];
        let error = &stream["last_error"];
        assert_eq!((&stream["state"], &stream["is_failing"]), (&json!("idle"), &json!(true)), "{stream:#}");
        assert_eq!((&stream["failing_because"][0], &error["class"]), (&json!("clock_skew"), &json!("clock_skew")));
        let (head, tail) = sentence.split_once("{}").unwrap();
        let detail = error["detail"].as_str().unwrap();
        let stated = detail.strip_prefix(head).and_then(|rest| rest.split_once(' ')).map(|(number, _)| number);
        let stated: i64 = stated.unwrap_or_else(|| panic!("{sentence}: {detail}")).parse().unwrap();
        assert!(is_near(stated, seconds), "{detail}");
        assert!(detail.contains(tail), "{sentence}: {detail}");
        assert!(error["advice"].as_str().unwrap().starts_with("Set the clock that the error names (NTP)"), "{error}");
        // against the database's clock, which is right here unless both others agree
        assert!(is_near(stream["provider_skew_seconds"].as_i64().unwrap(), of_provider), "{stream:#}");
        assert!(is_near(skew().await.unwrap(), of_provider));
        // the process that answers has the same clock
        let classes: Vec<&Value> = answer["problems"].as_array().unwrap().iter().map(|one| &one["class"]).collect();
        assert_eq!(classes, if of_machine == 0 { vec![] } else { vec!["clock_skew"] }, "{answer:#}");

        provider.set_quirks(Quirks::default());
        clock.0.store(0, Ordering::SeqCst);
        assert_eq!(health().await["problems"], json!([]));
        assert!(poll(&poller).await.unwrap()[0].is_complete());
        let stream = &health().await["items"][0];
        assert_eq!(
            (&stream["is_failing"], &stream["last_error"]),
            (&json!(false), &Value::Null),
            "{sentence}: {stream:#}"
        );
        assert!(is_near(skew().await.unwrap(), 0));
    }
}

#[tokio::test]
async fn a_provider_without_a_date_header_has_no_clock_to_judge() {
    let world = World::new().await;
    let wire = crate::ingest::clocks::undated(&world, SystemClock.now()).await;
    assert!(poll(&app(&world, &wire.base_url(), Arc::new(SystemClock))).await.unwrap()[0].is_complete());
    let stream = world.api().await.ok("/v1/health/pollers").await["items"][0].clone();
    assert_eq!(
        (&stream["provider_skew_seconds"], &stream["failing_because"]),
        (&Value::Null, &json!([])),
        "{stream:#}"
    );
}
