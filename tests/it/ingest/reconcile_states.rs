//! Reconciliation of states: sessions that changed are named where the counts are equal.

use chrono::TimeDelta;
use tributary_simulator::Platform;
use tributary_simulator::quirks::Quirks;

use super::rings::{CORRECTED, corrected, open_chat, poll_at, reconcile};
use crate::harness::{World, noon, plain_feed, records};

#[tokio::test]
async fn a14_reconciliation_names_changed_sessions_where_the_counts_are_equal() {
    for platform in Platform::ALL {
        let mut world = World::new().await.with_settings("history_from = \"2025-12-01T00:00:00Z\"");
        let feed = plain_feed(platform, 3);
        let created_at = noon() - TimeDelta::days(40);
        feed.insert(records::record(platform, "old", created_at));
        feed.insert(records::record(platform, "same", created_at + TimeDelta::minutes(1)));
        let _provider = world.simulate(platform, feed.clone(), Quirks::default()).await;
        poll_at(&world, TimeDelta::zero()).await;
        assert!(feed.replace(corrected(platform, "old", created_at)));
        world.clock.set(noon() + TimeDelta::minutes(30));
        let report = reconcile(&world).await;
        assert!(report.is_equal, "it is brought in line: {report:#?}");
        assert_eq!((report.missing_count, report.surplus_count, report.stale_count), (0, 0, 1), "{report:#?}");
        assert_eq!(report.windows.len(), 1, "{report:#?}");
        assert_eq!(
            (report.windows[0].state.as_str(), &report.windows[0].stale_state[..]),
            ("healed", &["old".to_owned()][..])
        );
        assert_eq!(world.number(CORRECTED).await, 1, "{platform:?}");
        let api = world.api().await;
        let found = api.ok("/v1/reconciliation?state=healed").await;
        assert_eq!(found["items"][0]["stale_state"], serde_json::json!(["old"]), "{found:#}");
        assert_eq!(found["items"][0]["stale_state_count"], 1);
        let seen = "select sum(stale_session_count)::bigint from analytics.reconciliation";
        assert_eq!(world.number(seen).await, 1);
        assert_eq!(reconcile(&world).await.windows.len(), 0, "once more, all is equal");
        assert_eq!(world.number(seen).await, 0, "the newest comparison");
    }
}

/// A scheduled reconciliation reads sessions that can still change, and those that were not read for a week.
#[tokio::test]
async fn a_scheduled_reconciliation_compares_the_states_that_may_have_changed() {
    use tributary::model::id::SourceId;
    use tributary::model::stream::Stream;
    use tributary::model::time::Window;
    use tributary::store::{StreamKey, state_coverage};
    let mut world = World::new().await;
    let feed = plain_feed(Platform::Konvo, 3);
    feed.insert(open_chat("open", noon() - TimeDelta::days(40)));
    feed.insert(records::record(Platform::Konvo, "settled", noon() - TimeDelta::days(50)));
    let _provider = world.simulate(Platform::Konvo, feed, Quirks::default()).await;
    poll_at(&world, TimeDelta::zero()).await;
    let day = |days: i64| {
        let from = noon() - TimeDelta::days(days) - TimeDelta::hours(12);
        Window { from, to: from + TimeDelta::days(1) }
    };
    let stream_key = StreamKey { source_id: SourceId(1), stream: Stream::Sessions };
    let windows = [day(50), day(40), day(30)];
    let due = |since| state_coverage::due(&world.db.pool, stream_key, &windows, since);
    assert_eq!(due(noon() - TimeDelta::days(7)).await.expect("an answer"), [false, true, false]);
    assert_eq!(due(noon() + TimeDelta::hours(1)).await.expect("an answer"), [true, true, true]);
}
