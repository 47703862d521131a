//! Rings: where a list goes by creation, settled sessions are read again, the older the less often.

use chrono::{DateTime, TimeDelta, Utc};
use tokio_util::sync::CancellationToken;
use tributary::app::polling::{self, PollLine, Selection};
use tributary::app::reconciling::{self, ReconcileArgs, SourceReport};
use tributary_simulator::Platform;
use tributary_simulator::faults::{Effect, Fault};
use tributary_simulator::fixed_feed::FixedRecord;
use tributary_simulator::quirks::{FilterMeaning, Quirks};

use crate::harness::{World, at, noon, plain_feed, records};

/// A chat that is not completed.
pub(crate) fn open_chat(id: &str, created_at: DateTime<Utc>) -> FixedRecord {
    let done = records::record(Platform::Konvo, id, created_at);
    let json = done.json.replace(r#""completed":true"#, r#""completed":false"#);
    FixedRecord { json, ..done }
}

/// The same chat, completed at `completed_at`.
fn resolved_chat(id: &str, created_at: DateTime<Utc>, completed_at: DateTime<Utc>) -> FixedRecord {
    let done = records::record(Platform::Konvo, id, created_at);
    let end = format!(r#""completed_at":"{}""#, records::iso(created_at + TimeDelta::seconds(90)));
    let json = done.json.replace(&end, &format!(r#""completed_at":"{}""#, records::iso(completed_at)));
    FixedRecord { json, ..done }
}

/// A record after its correction at the provider; a session of an earlier poll differs afterwards.
pub(crate) fn corrected(platform: Platform, id: &str, created_at: DateTime<Utc>) -> FixedRecord {
    let settled = records::record(platform, id, created_at);
    let json = match platform {
        Platform::Konpro => settled.json.replace(r#""duration":90"#, r#""duration":120"#),
        Platform::Konvo => settled.json.replace(r#""unresolved":false"#, r#""unresolved":true"#),
        Platform::Realtimekit => settled.json.replace(r#""minutes_consumed":3.0"#, r#""minutes_consumed":5.0"#),
    };
    assert_ne!(json, settled.json);
    FixedRecord { json, ..settled }
}

/// Counts the sessions stored as corrected.
pub(crate) const CORRECTED: &str = "select count(*) from core.sessions
    where duration_seconds = 120 or outcome = 'unresolved' or (provider_minutes = 5 and provider = 'realtimekit')";

pub(crate) async fn poll_at(world: &World, after: TimeDelta) -> PollLine {
    world.clock.set(noon() + after);
    let line = world.poll_one().await;
    assert!(line.is_complete(), "{line:?}");
    line
}

async fn poll_full(world: &World) -> PollLine {
    let selection = Selection { is_full: true, ..Selection::default() };
    let mut lines = polling::poll(&world.app(), &selection, CancellationToken::new()).await.expect("the poll runs");
    assert_eq!(lines.len(), 1, "{lines:?}");
    lines.remove(0)
}

pub(crate) async fn reconcile(world: &World) -> SourceReport {
    let args = ReconcileArgs::default();
    let mut reports =
        reconciling::reconcile(&world.app(), &args, "ada", CancellationToken::new()).await.expect("it runs");
    reports.remove(0)
}

/// Returns when the state of all stored sessions was last seen.
async fn state_as_of(world: &World) -> Option<String> {
    let sql = "select to_char(state_as_of at time zone 'UTC', 'MM-DD HH24:MI') from analytics.stream_freshness";
    world.text(sql).await
}

#[tokio::test]
async fn a14_a_chat_that_was_open_for_forty_days_is_resolved() {
    let mut world = World::new().await;
    let feed = plain_feed(Platform::Konvo, 3);
    let created_at = noon() - TimeDelta::days(40);
    feed.insert(open_chat("old", created_at));
    let _provider = world.simulate(Platform::Konvo, feed.clone(), Quirks::default()).await;
    poll_at(&world, TimeDelta::zero()).await;
    assert!(feed.replace(resolved_chat("old", created_at, noon() - TimeDelta::minutes(10))));
    let outcome = "select outcome from core.sessions where provider_session_id = 'old'";
    // the hourly ring does not reach back so far, and the response states how old the state is
    poll_at(&world, TimeDelta::hours(2)).await;
    assert_eq!(world.text(outcome).await.as_deref(), Some("open"));
    let api = world.api().await;
    let months = "/v1/resolution?from=2026-01-20&to=2026-02-10";
    let before = api.ok(months).await;
    assert_eq!(before["freshness"]["state_as_of"], "2026-03-10T12:00:00Z", "{before:#}");
    assert_eq!(before["freshness"]["streams"][0]["state_as_of"], "2026-03-10T12:00:00Z");
    assert_eq!(before["freshness"]["complete_through"], "2026-03-10T14:00:00Z", "existence is another matter");
    let lately = api.ok("/v1/resolution?from=2026-03-01&to=2026-03-11").await;
    assert_eq!(lately["freshness"]["state_as_of"], "2026-03-10T14:00:00Z", "{lately:#}");
    let whole = api.ok("/v1/freshness").await;
    assert_eq!(whole["state_as_of"], "2026-03-10T12:00:00Z", "{whole:#}");
    let health = api.ok("/v1/health/pollers").await;
    assert_eq!(health["items"][0]["state_as_of"], "2026-03-10T12:00:00Z", "{health:#}");
    assert_eq!(state_as_of(&world).await.as_deref(), Some("03-10 12:00"));
    // the daily ring reads all open sessions of any age
    poll_at(&world, TimeDelta::hours(24)).await;
    assert_eq!(world.text(outcome).await.as_deref(), Some("resolved"));
    let day = api.ok("/v1/resolution?from=2026-01-29T11:58:00Z&to=2026-01-29T12:02:00Z").await;
    assert_eq!(day["freshness"]["state_as_of"], "2026-03-11T12:00:00Z", "{day:#}");
}

#[tokio::test]
async fn a14_a_settled_record_of_twenty_days_ago_is_read_again_within_the_hour() {
    for platform in Platform::ALL {
        let mut world = World::new().await;
        let feed = plain_feed(platform, 2);
        let created_at = noon() - TimeDelta::days(20);
        feed.insert(records::record(platform, "settled", created_at));
        let _provider = world.simulate(platform, feed.clone(), Quirks::default()).await;
        poll_at(&world, TimeDelta::zero()).await;
        assert!(feed.replace(corrected(platform, "settled", created_at)));
        poll_at(&world, TimeDelta::minutes(30)).await;
        assert_eq!(world.number(CORRECTED).await, 0, "{platform:?}");
        poll_at(&world, TimeDelta::minutes(60)).await;
        assert_eq!(world.number(CORRECTED).await, 1, "{platform:?}");
    }
}

#[tokio::test]
async fn a_settled_record_of_yesterday_is_read_again_by_every_poll() {
    for platform in Platform::ALL {
        let mut world = World::new().await;
        let feed = plain_feed(platform, 2);
        let created_at = noon() - TimeDelta::hours(40);
        feed.insert(records::record(platform, "settled", created_at));
        let _provider = world.simulate(platform, feed.clone(), Quirks::default()).await;
        poll_at(&world, TimeDelta::zero()).await;
        assert!(feed.replace(corrected(platform, "settled", created_at)));
        poll_at(&world, TimeDelta::minutes(5)).await;
        assert_eq!(world.number(CORRECTED).await, 1, "{platform:?}");
    }
}

#[tokio::test]
async fn a14_a_settled_record_of_two_hundred_days_ago_is_read_again_within_the_week_or_on_request() {
    for platform in Platform::ALL {
        let mut world = World::new().await;
        let feed = plain_feed(platform, 2);
        let created_at = noon() - TimeDelta::days(200);
        for id in ["one", "other"] {
            feed.insert(records::record(platform, id, created_at));
        }
        let _provider = world.simulate(platform, feed.clone(), Quirks::default()).await;
        poll_at(&world, TimeDelta::zero()).await;
        assert!(feed.replace(corrected(platform, "one", created_at)));
        poll_at(&world, TimeDelta::hours(47)).await;
        assert_eq!(world.number(CORRECTED).await, 0, "{platform:?}");
        let line = poll_full(&world).await;
        assert!(line.is_complete() && line.updated == 1, "{platform:?}: {line:?}");
        assert_eq!(world.number(CORRECTED).await, 1, "{platform:?}");
        assert_eq!(state_as_of(&world).await.as_deref(), Some("03-12 11:00"), "{platform:?}");
        assert!(feed.replace(corrected(platform, "other", created_at)));
        poll_at(&world, TimeDelta::hours(47 + 6 * 24)).await;
        assert_eq!(world.number(CORRECTED).await, 1, "{platform:?}");
        poll_at(&world, TimeDelta::hours(47 + 7 * 24)).await;
        assert_eq!(world.number(CORRECTED).await, 2, "{platform:?}");
    }
}

#[tokio::test]
async fn unchanged_records_that_are_read_again_write_nothing() {
    for platform in Platform::ALL {
        let mut world = World::new().await;
        let feed = plain_feed(platform, 20);
        for days in [3, 20, 40, 200] {
            feed.insert(records::record(platform, &format!("old-{days}"), noon() - TimeDelta::days(days)));
        }
        let provider = world.simulate(platform, feed.clone(), Quirks::default()).await;
        poll_at(&world, TimeDelta::zero()).await;
        world.clock.set(noon() + TimeDelta::days(8));
        // writes of a poll about the source itself do not matter here
        world.poll_one().await;
        let (written, asked) = (world.tuples_written().await, provider.requests().len());
        world.clock.set(noon() + TimeDelta::days(16));
        let line = poll_full(&world).await;
        assert_eq!((line.result, line.unchanged), ("complete", 24), "{platform:?}: {line:?}");
        assert!(provider.requests().len() > asked, "{platform:?}");
        assert_eq!(world.tuples_written().await, written, "{platform:?}");
    }
}

#[tokio::test]
async fn a_full_poll_that_cannot_read_everything_says_so() {
    let mut world = World::new().await;
    let feed = plain_feed(Platform::Konvo, 2);
    feed.insert(records::record(Platform::Konvo, "old", noon() - TimeDelta::days(200)));
    let provider = world.simulate(Platform::Konvo, feed, Quirks::default()).await;
    poll_at(&world, TimeDelta::zero()).await;
    provider.script(vec![Fault::new(Effect::json(400, "{}")).from_request(2).forever()]);
    world.clock.set(noon() + TimeDelta::hours(1));
    let line = poll_full(&world).await;
    assert_eq!(line.result, "failed", "{line:?}");
    assert_eq!(line.complete_through.as_deref(), Some("2026-03-10T13:00:00+00:00"), "the present was read");
}

/// A provider that keeps its lists for a while names nothing before some instant: that deletes nothing.
#[tokio::test]
async fn an_old_session_is_missed_only_behind_one_that_is_listed() {
    let mut world = World::new().await;
    let feed = plain_feed(Platform::Konpro, 3);
    for days in [100, 150, 200] {
        feed.insert(records::record(Platform::Konpro, &format!("old-{days}"), noon() - TimeDelta::days(days)));
    }
    let _provider = world.simulate(Platform::Konpro, feed.clone(), Quirks::default()).await;
    poll_at(&world, TimeDelta::zero()).await;
    let deleted = "select string_agg(provider_session_id, ' ' order by created_at) from core.sessions
                    where is_deleted_at_provider";
    assert!(feed.remove("old-200"));
    for minutes in [10, 20, 30] {
        world.clock.set(noon() + TimeDelta::minutes(minutes));
        assert!(poll_full(&world).await.is_complete());
    }
    assert_eq!(world.text(deleted).await, None);
    feed.insert(records::record(Platform::Konpro, "old-200", noon() - TimeDelta::days(200)));
    assert!(feed.remove("old-150"));
    for minutes in [40, 50] {
        world.clock.set(noon() + TimeDelta::minutes(minutes));
        assert!(poll_full(&world).await.is_complete());
    }
    assert_eq!(world.text(deleted).await.as_deref(), Some("old-150"));
}

/// `updated` of a list that goes by change needs no ring: each change is listed.
#[tokio::test]
async fn a_list_that_goes_by_change_is_as_fresh_as_it_is_complete() {
    let mut world = World::new().await;
    let feed = plain_feed(Platform::Konvo, 3);
    let olds = ["old-1", "old-2", "old-3"].map(|id| records::record(Platform::Konvo, id, noon() - TimeDelta::days(40)));
    for old in &olds {
        feed.insert(old.clone());
    }
    let quirks = Quirks { filter_meaning: FilterMeaning::Updated, ..Quirks::default() };
    let provider = world.simulate(Platform::Konvo, feed.clone(), quirks).await;
    poll_at(&world, TimeDelta::zero()).await;
    // changes of old chats reveal the meaning
    let updated_at = noon() + TimeDelta::minutes(2);
    let touched = format!("\"last_updated\":\"{}\",\"before\":\"", records::iso(updated_at));
    for old in olds {
        let json = old.json.replace("\"last_updated\":\"", &touched);
        assert!(feed.replace(FixedRecord { json, updated_at, ..old }));
    }
    poll_at(&world, TimeDelta::minutes(5)).await;
    let asked = provider.requests().len();
    poll_at(&world, TimeDelta::days(8)).await;
    assert_eq!(provider.requests().len() - asked, 1, "nothing but the present is listed");
    assert_eq!(state_as_of(&world).await.as_deref(), Some("03-18 12:00"));
    let api = world.api().await;
    let sources = api.ok("/v1/sources").await;
    assert_eq!(sources["items"][0]["rings"].as_array().map(Vec::len), Some(0), "{sources:#}");
    let report = reconcile(&world).await;
    assert!(report.is_equal, "{report:#?}");
    let line = poll_full(&world).await;
    assert!(line.is_complete(), "a full reading reads the past once: {line:?}");
}

#[tokio::test]
async fn sources_say_which_rings_they_have_and_how_far_these_are() {
    let mut world = World::new().await.with_settings("history_from = \"2025-09-01T00:00:00Z\"");
    let feed = plain_feed(Platform::Konvo, 2);
    feed.insert(open_chat("old", at("2026-01-29T12:00:00Z")));
    let _provider = world.simulate(Platform::Konvo, feed, Quirks::default()).await;
    poll_at(&world, TimeDelta::zero()).await;
    poll_at(&world, TimeDelta::hours(2)).await;
    let api = world.api().await;
    let sources = api.ok("/v1/sources").await;
    let rings: Vec<String> = sources["items"][0]["rings"]
        .as_array()
        .expect("rings")
        .iter()
        .map(|ring| {
            let of = |name: &str| ring[name].to_string().replace('"', "");
            [of("ring"), of("period_seconds"), of("covers_from"), of("last_finished_at"), of("started_at")].join(" ")
        })
        .collect();
    assert_eq!(
        rings,
        [
            "poll null 2026-03-08T14:00:00Z 2026-03-10T14:00:00Z null",
            "hourly 3600 2026-02-08T14:00:00Z 2026-03-10T14:00:00Z null",
            "daily 86400 2026-01-29T12:00:00Z 2026-03-10T12:00:00Z null",
            "weekly 604800 2025-09-01T00:00:00Z 2026-03-10T12:00:00Z null",
        ]
    );
}
