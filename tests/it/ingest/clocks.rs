//! Clocks that are wrong, jump or stand still; providers without a `Date` header; leap seconds and ends of years.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use tributary::app::App;
use tributary::clock::{Clock, SystemClock};
use tributary::demo::simulator::Platform;
use tributary::demo::simulator::feed::FixedFeed;
use tributary::demo::simulator::quirks::Quirks;

use crate::harness::wire::{Good, Hit, Step, Wire};
use crate::harness::{World, records, simulator};
use crate::verbs::sources::poll;

/// This machine's clock, three hours ahead of the database's.
#[derive(Debug)]
pub(crate) struct Ahead;

impl Clock for Ahead {
    fn now(&self) -> DateTime<Utc> {
        SystemClock.now() + TimeDelta::hours(3)
    }
}

/// A provider that sends no `Date`.
pub(crate) async fn undated(world: &World, now: DateTime<Utc>) -> Wire {
    world.clock.set(now);
    let record =
        |number: i32| records::record(Platform::Konvo, &format!("chat-{number}"), now - TimeDelta::hours(1) * number);
    let feed = Arc::new(FixedFeed::new((1..4).map(record)));
    let clock = Arc::clone(&world.clock) as Arc<dyn Clock>;
    let wire = Wire::before(simulator(Platform::Konvo, feed, Quirks::default(), clock).await).await;
    let without_date = |good: &Good| {
        let lines = good.headers.split_inclusive("\r\n").filter(|line| !line.to_ascii_lowercase().starts_with("date:"));
        vec![Step::Send(Good { headers: lines.collect(), ..good.clone() }.whole())]
    };
    wire.script(vec![Hit::new(without_date).forever()]);
    wire
}

pub(crate) fn app(world: &World, base_url: &str, clock: Arc<dyn Clock>) -> App {
    let toml = crate::verbs::sources::source("kv", Platform::Konvo, base_url, "KEY");
    App { clock, ..crate::verbs::sources::service(world, &toml) }
}

#[tokio::test]
async fn f67_without_a_date_header_nothing_is_claimed_past_the_database_s_clock() {
    let world = World::new().await;
    let now = SystemClock.now();
    let wire = undated(&world, now).await;
    let ahead = app(&world, &wire.base_url(), Arc::new(Ahead));
    let lines = poll(&ahead).await.expect("it runs");
    assert!(lines[0].is_complete(), "{lines:?}");
    let through: DateTime<Utc> =
        lines[0].complete_through.as_deref().expect("it is proven").parse().expect("an instant");
    assert!(through <= SystemClock.now(), "{through} is in the future of the database");
    assert!(through >= now - TimeDelta::seconds(5), "{through}: no earlier than the database's present");
    assert_eq!(world.number("select count(*) from core.sessions").await, 3);
}
