//! Claims on artifact tasks: instances share the work, and one that has lost its claim writes nothing.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use serde_json::json;
use tributary::clock::{Clock, SettableClock, SystemClock};
use tributary::model::artifact::ArtifactState;
use tributary::model::id::SourceId;
use tributary::model::person::PersonKey;
use tributary::model::stream::Stream;
use tributary::query::catalog::Catalog;
use tributary::store::artifact::content::{Member, SaveContext};
use tributary::store::artifact::journal;
use tributary::store::artifact::queue::{self, ClaimLimit};
use tributary::store::artifact::save::{Saved, save_all};
use tributary::store::artifact::task::{Owed, TaskDecision};
use tributary::store::field_presence::FieldBook;
use tributary_simulator::Platform;
use tributary_simulator::faults::{Effect, Fault};
use tributary_simulator::fixed_feed::{Depth, FixedFeed, FixedFile};
use tributary_simulator::quirks::Quirks;
use tributary_simulator::world::{Shape, Volume, World as Generated};

use super::{assert_same, meetings, world_of, world_with};
use crate::harness::poller_process::Running;
use crate::harness::records::record;
use crate::harness::{World, at, simulator};

#[tokio::test]
async fn two_instances_share_the_work() {
    let generated = meetings(16);
    let mut world = World::new().await.with_depth();
    let simulator =
        world.simulate(Platform::Realtimekit, generated.feed(Platform::Realtimekit), Quirks::default()).await;
    let (one, other) = tokio::join!(world.poll(), world.poll());
    let tried = |lines: &[tributary::app::polling::PollLine]| -> u64 {
        lines.iter().filter(|line| line.stream != "sessions").map(|line| line.pages).sum()
    };
    // the second instance may have found the list empty, and then finds the remaining tasks on its next poll
    let rest = world.poll().await;
    let done = |line: &tributary::app::polling::PollLine| line.is_complete() || line.result == "held";
    assert!(one.iter().chain(&other).chain(&rest).all(done), "{one:?}\n{other:?}\n{rest:?}");
    assert!(tried(&one) + tried(&other) > 0);
    let asked = simulator.requests().iter().filter(|call| call.path_and_query.contains("/chat")).count();
    // what is not ready is requested again within seconds; what is ready was requested once
    let once =
        "select count(*) from ingest.artifact_tasks where stream = 'chat' and state = 'available' and attempts <> 1";
    assert_eq!(world.number(once).await, 0, "each chat was asked for once");
    let tries = "select sum(attempts)::bigint from ingest.artifact_tasks where stream = 'chat'";
    assert_eq!(i64::try_from(asked).ok(), Some(world.number(tries).await));
    let mut alone = World::new().await.with_depth();
    let _alone = alone.simulate(Platform::Realtimekit, generated.feed(Platform::Realtimekit), Quirks::default()).await;
    alone.poll().await;
    assert_same(&world, &alone).await;
}

#[tokio::test]
async fn a_worker_that_lost_the_claim_writes_nothing() {
    let segment = json!([{"startTime": 1000, "endTime": 2000, "sentence": "Too late", "peerData": {"id": "p"}}]);
    let (world, simulator, _) =
        world_with(Depth { transcript: FixedFile::ready(segment.to_string()), ..Depth::default() }).await;
    simulator.file_script(vec![Fault::new(Effect::Delay(Duration::from_millis(1500)))]);
    let take_over = async {
        // another instance claims it while the file is in flight
        let claimed = "update ingest.artifact_tasks
                          set claim_token = '00000000-0000-4000-8000-000000000001', claimed_until = now() + interval '1 hour'
                        where stream = 'transcript' and claim_token is not null";
        for _ in 0..600 {
            if sqlx::query(claimed).execute(&world.db.pool).await.expect("a claim").rows_affected() == 1 {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        false
    };
    let (_, is_taken) = tokio::join!(world.poll(), take_over);
    assert!(is_taken, "it was never claimed");
    assert_eq!(world.number("select count(*) from core.transcripts").await, 0);
    let untouched = "select count(*) from ingest.artifact_tasks
                      where claim_token = '00000000-0000-4000-8000-000000000001' and state = 'pending'";
    assert_eq!(world.number(untouched).await, 1);
}

/// Kills a real process during its work, twice; the next process completes its tasks.
#[tokio::test(flavor = "multi_thread")]
async fn f71_p08_killing_the_process_in_the_middle_loses_nothing() {
    let now = SystemClock.now();
    let none = Volume { history: 0, per_hour_ahead: 0 };
    let shape = Shape {
        history_days: 5,
        hours_ahead: 1,
        avatars: none,
        chats: none,
        meetings: Volume { history: 20, per_hour_ahead: 0 },
    };
    let generated = Generated::generate(&shape, 3, now - TimeDelta::hours(5));
    let clock = Arc::new(SettableClock::at(now));
    let mut calm = World::new().await.with_depth();
    let _calm = calm.simulate(Platform::Realtimekit, generated.feed(Platform::Realtimekit), Quirks::default()).await;
    calm.clock.set(now);
    calm.poll().await;

    let world = World::new().await.with_depth();
    // other tests cover quotas: here no call waits for one
    let quirks = Quirks { calls_per_window: 100_000_000, ..Quirks::default() };
    let provider = simulator(Platform::Realtimekit, generated.feed(Platform::Realtimekit), quirks, clock).await;
    let folder = std::env::temp_dir().join(format!("tributary-depth-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::write(folder.join("key"), crate::harness::API_KEY).expect("a key");
    let toml = format!(
        "[[sources]]\nslug = \"realtimekit\"\nprovider = \"realtimekit\"\nbase_url = \"{}\"\napi_key_file = \"{}\"\n\
         account_id = \"acc\"\napp_id = \"app\"\nrequests_per_minute = 100000\n",
        provider.base_url(),
        folder.join("key").display()
    );
    std::fs::write(folder.join("tributary.toml"), toml).expect("a configuration");
    let poll = || {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_tributary"));
        command.arg("--config").arg(folder.join("tributary.toml")).arg("poll");
        command.env("DATABASE_URL", &world.db.url).stdout(std::process::Stdio::null());
        command
    };
    for calls in [20, 60] {
        let before = provider.requests().len();
        let mut child = Running(poll().spawn().expect("the binary runs"));
        while provider.requests().len() < before + calls {
            tokio::time::sleep(Duration::from_millis(2)).await;
            assert!(child.try_wait().expect("a child").is_none(), "it was done before it could be killed");
        }
        let _ = child.kill();
        let _ = child.wait();
        // the claims of the killed process expire by the database's clock
        sqlx::query("update ingest.artifact_tasks set claimed_until = now() where claimed_until > now()")
            .execute(&world.db.pool)
            .await
            .expect("time passes");
        sqlx::query("update ingest.streams set lease_until = now() where lease_until > now()")
            .execute(&world.db.pool)
            .await
            .expect("time passes");
    }
    let mut last = poll();
    let status = tokio::task::spawn_blocking(move || last.status()).await.expect("a thread").expect("a poll");
    assert!(status.success(), "{status}");
    std::fs::remove_dir_all(&folder).expect("a folder");
    assert_same(&world, &calm).await;
}

#[tokio::test]
async fn the_data_version_grows_with_each_save_in_the_order_of_commits() {
    let feed =
        FixedFeed::new((0..3).map(|n| record(Platform::Realtimekit, &n.to_string(), at("2026-03-10T11:00:00Z"))));
    let (world, _provider) = world_of(Arc::new(feed), Quirks::default()).await;
    world.poll().await;
    let version = async || {
        let catalog = Catalog::load(&world.db.pool, &tributary::model::source_access::SourceAccess::All, None)
            .await
            .expect("a catalog");
        catalog.data_version().trim_start_matches('d').parse::<i64>().expect("a number")
    };
    let pool = &world.db.pool;
    sqlx::query("update ingest.artifact_tasks set state = 'pending', next_try_at = now() where stream = 'summary'")
        .execute(pool)
        .await
        .expect("things to do");
    let source_id =
        SourceId(i32::try_from(world.number("select source_id::bigint from core.sources").await).expect("one"));
    let now = world.clock.now() + TimeDelta::days(365);
    let limits = [ClaimLimit { stream: Stream::Summary, count: 3 }];
    let tasks = queue::claim(pool, source_id, &limits, Duration::from_mins(1), now).await.expect("claims");
    let run_id = journal::start(pool, source_id, Stream::Summary, now).await.expect("a pass");
    let person_key = PersonKey::new(vec![7; 32]).expect("a key");
    let decision = TaskDecision {
        state: ArtifactState::Expired,
        next_try_at: None,
        reason: None,
        detail: None,
        owed: Owed::default(),
    };
    let fields = FieldBook::default();
    let mut before = version().await;
    assert!(before > 5, "the poll has stored something: {before}");
    // by the clock, each of these is earlier than the stored one
    for (number, task) in (0..).zip(&tasks) {
        let now = now - TimeDelta::seconds(number);
        let context = SaveContext { task, run_id, source_slug: "x", person_key: &person_key, fields: &fields, now };
        let member = Member { context, content: None, decision: &decision };
        let saved = save_all(pool, &[member], &[]).await.expect("it is kept");
        assert_eq!(saved[0].0, Saved::Unchanged);
        let after = version().await;
        assert_eq!(after, before + 1, "{number}");
        before = after;
    }
    assert_eq!(tasks.len(), 3);
}

/// Files beyond the usual size are fetched once more, one at a time, and stored all the same.
#[tokio::test]
async fn f66_p10_large_files_are_stored_one_at_a_time() {
    let long = "word ".repeat(300_000);
    let chat = FixedFile::ready(format!("id,payloadType,payload\n1,TEXT_MESSAGE,{long}\n"));
    let summary = FixedFile::ready(format!("# {long}"));
    let (world, _simulator, _) = world_with(Depth { chat, summary, ..Depth::default() }).await;
    world.poll().await;
    assert_eq!(world.number("select word_count::bigint from core.messages").await, 300_000);
    assert_eq!(world.number("select word_count::bigint from core.session_summaries").await, 300_000);
}
