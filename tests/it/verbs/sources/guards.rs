//! What a change of sources refuses, and what is left of one that was interrupted.

use serde_json::json;
use tributary::store::source_change::Change;
use tributary_simulator::Platform;
use tributary_simulator::fixed_feed::FixedRecord;
use tributary_simulator::quirks::Quirks;

use super::changes::{NO_MERGE, change, store_twice};
use super::{feed, poll, service, source};
use crate::harness::{World, citus};

#[tokio::test]
async fn a_removal_that_was_interrupted_keeps_its_source_out_until_it_is_ended() {
    if citus::skips("a distributed table has no triggers, by which the removal is interrupted") {
        return;
    }
    let mut world = World::new().await;
    let provider = world.simulate(Platform::Konvo, feed(Platform::Konvo, 12), Quirks::default()).await;
    let other = world.simulate(Platform::Konpro, feed(Platform::Konpro, 3), Quirks::default()).await;
    let rest = source("kp", Platform::Konpro, &other.base_url(), "KEY");
    let both = service(&world, &(source("kv", Platform::Konvo, &provider.base_url(), "KEY") + &rest));
    let alone = service(&world, &rest);
    poll(&both).await.expect("it runs");
    // the rows of one table cannot be deleted
    let hold = "create function core.refuse() returns trigger language plpgsql as $$ begin raise 'held'; end $$;
                create trigger held before delete on core.messages execute function core.refuse()";
    sqlx::raw_sql(hold).execute(&world.db.pool).await.expect("held");
    change(&alone, &world, "kv", Change::Remove, false).await.expect_err("it is interrupted");
    sqlx::raw_sql("drop trigger held on core.messages").execute(&world.db.pool).await.expect("let go");

    assert!(world.number("select count(*) from core.messages").await > 0);
    let shown = "select count(*) from analytics.sessions where source = 'kv'";
    assert_eq!(world.number(shown).await, 0, "no answer shows the rest of its sessions");
    let api = world.api().await;
    let query = "/v1/metrics/query?metrics=sessions,messages&from=2026-03-01&to=2026-03-11&zone=UTC";
    let totals = api.ok(query).await["totals"].clone();
    assert_eq!((&totals["sessions"]["value"], &totals["messages"]["value"]), (&json!(3), &json!(null)), "{totals}");
    let refusal = format!("{:#}", poll(&both).await.expect_err("its rest would count as stored"));
    assert!(refusal.contains("is being removed: `tributary sources remove kv --yes` deletes the rest"), "{refusal}");
    let lines = tributary::app::checking::check(&alone, |_| {}).await.expect("it runs");
    assert!(lines.iter().any(|line| line.subject == "kv" && line.finding.contains("is being removed")), "{lines:?}");
    for other in [Change::Rename { to: "kv-eu" }, Change::Merge { into: "kp" }] {
        let refused = change(&alone, &world, "kv", other, false).await.expect_err("refused").to_string();
        assert!(refused.contains("is being removed"), "{refused}");
    }
    change(&alone, &world, "kv", Change::Remove, false).await.expect("it is ended");
    assert_eq!(world.number("select count(*) from core.messages").await, 0);
    let lines = poll(&both).await.expect("it runs");
    assert!(lines.iter().any(|line| line.source == "kv" && line.inserted == 12 && line.is_complete()), "{lines:?}");
}

#[tokio::test]
async fn a_poller_that_begins_while_a_removal_does_is_refused() {
    let mut world = World::new().await;
    let provider = world.simulate(Platform::Konvo, feed(Platform::Konvo, 12), Quirks::default()).await;
    let chats = service(&world, &source("kv", Platform::Konvo, &provider.base_url(), "KEY"));
    poll(&chats).await.expect("it runs");
    let mut removal = world.db.pool.begin().await.expect("begun");
    let mark = "update core.sources set is_enabled = false, removed_at = now()";
    sqlx::query(mark).execute(&mut *removal).await.expect("marked");
    let (polled, ()) = tokio::join!(poll(&chats), async {
        // on Citus it is a node that waits, and the coordinator for its answer
        let waits = "select count(*) from pg_stat_activity
                      where datname = current_database()
                        and (wait_event_type = 'Lock' or wait_event_type = 'Extension'
                             and query_start < clock_timestamp() - interval '1 second')";
        while world.number(waits).await == 0 {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        removal.commit().await.expect("committed");
    });
    let refusal = format!("{:#}", polled.expect_err("its sessions would count again"));
    assert!(refusal.contains("the source `kv` is being removed"), "{refusal}");
    assert_eq!(world.number("select count(*) from core.sources where is_enabled").await, 0);
}

#[tokio::test]
async fn two_accounts_are_not_merged() {
    let mut world = World::new().await;
    let provider = world.simulate(Platform::Realtimekit, feed(Platform::Realtimekit, 2), Quirks::default()).await;
    let meetings = source("rtk", Platform::Realtimekit, &provider.base_url(), "KEY");
    let elsewhere = meetings.replace("slug = \"rtk\"", "slug = \"rtk-us\"").replace("\"acc\"", "\"acc-us\"");
    poll(&service(&world, &meetings)).await.expect("it runs");
    let empty = world.simulate(Platform::Realtimekit, feed(Platform::Realtimekit, 0), Quirks::default()).await;
    let elsewhere = service(&world, &elsewhere.replace(&provider.base_url(), &empty.base_url()));
    poll(&elsewhere).await.expect("it runs");
    let refused = change(&elsewhere, &world, "rtk", Change::Merge { into: "rtk-us" }, true).await.expect_err("refused");
    assert!(refused.to_string().contains("`rtk` is the account `acc/app` and `rtk-us` is `acc-us/app`"), "{refused}");
}

#[tokio::test]
async fn two_accounts_whose_ids_are_equal_by_chance_are_not_merged() {
    let mut world = World::new().await;
    let chats = feed(Platform::Konvo, 6);
    let provider = world.simulate(Platform::Konvo, chats.clone(), Quirks::default()).await;
    let later = feed(Platform::Konvo, 0);
    for number in 0..6 {
        let FixedRecord { id, .. } = chats.get(&format!("{number:08x}-0c1d-4e2f-8a3b-{number:012x}")).expect("a chat");
        let at = crate::harness::noon() - chrono::TimeDelta::days(3) + chrono::TimeDelta::minutes(number);
        later.insert(crate::harness::records::record(Platform::Konvo, &id, at));
    }
    let other = world.simulate(Platform::Konvo, later, Quirks::default()).await;
    let first = service(&world, &source("kv", Platform::Konvo, &provider.base_url(), "KEY"));
    let second = service(&world, &source("kv-eu", Platform::Konvo, &other.base_url(), "KEY"));
    store_twice(&world, &first, &second).await;
    let refused = change(&second, &world, "kv", Change::Merge { into: "kv-eu" }, true).await.expect_err("refused");
    assert!(
        refused.to_string().starts_with("6 of 6 sessions with the same id were created at different times"),
        "{refused}"
    );
}

#[tokio::test]
async fn a_merge_pauses_nothing_that_was_not_paused() {
    if citus::skips(NO_MERGE) {
        return;
    }
    let mut world = World::new().await;
    let provider = world.simulate(Platform::Konvo, feed(Platform::Konvo, 3), Quirks::default()).await;
    let first = service(&world, &source("kv", Platform::Konvo, &provider.base_url(), "KEY"));
    let second = service(&world, &source("kv-eu", Platform::Konvo, &provider.base_url(), "KEY"));
    store_twice(&world, &first, &second).await;
    let api = world.api().await;
    let (status, paused) = api.post("/v1/sync/sources/kv/pause", &[]).await;
    assert_eq!(status, 200, "{paused}");
    change(&second, &world, "kv", Change::Merge { into: "kv-eu" }, false).await.expect("it is done");
    assert_eq!(api.ok("/v1/health/pollers").await["items"][0]["paused"], json!(null));
    assert!(poll(&second).await.expect("it runs")[0].is_complete());
}
