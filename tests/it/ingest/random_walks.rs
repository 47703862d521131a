//! Random walks: the list changes while its pages are read, then the world stands still, and the stored rows must equal
//! those of one quiet reading.
//!
//! At most one change happens between two responses. If one record leaves and another arrives between the same two
//! responses, the count is unchanged: no reader of pages can detect this, but the comparison of counts over days does.
//! Each walk has two conditions. A verdict `complete` is true at once: every session that existed all the time is
//! stored. And after some quiet polls every table equals that of a fresh reading.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};
use tributary::app::polling::{self, PollLine, Selection};
use tributary::app::{self, App};
use tributary::clock::{Clock, Dice, SettableClock};
use tributary::store::closed_hours::{close, differing};
use tributary::store::operation::Operator;
use tributary::store::source_change::{Change, ChangeRequest};
use tributary_simulator::faults::{Effect, Fault};
use tributary_simulator::fixed_feed::{FixedFeed, FixedRecord};
use tributary_simulator::quirks::{FilterMeaning, ListOrder, Quirks};
use tributary_simulator::{Platform, Simulator};

use crate::harness::db::TestDatabase;
use crate::harness::dump;
use crate::harness::{API_KEY, noon, records, simulator};

/// Walks of each provider.
const CASES: u32 = 14;
/// Quiet polls after which a stream must be complete again.
const QUIET_ROUNDS: usize = 6;

/// A change of the list between two responses.
#[derive(Debug, Clone, Copy)]
enum Edit {
    /// A session begins.
    Begins,
    /// A session that began so many minutes ago is listed only now.
    ComesLate(i64),
    /// An existing session changes.
    Changes(prop::sample::Index),
    /// An existing session disappears.
    Goes(prop::sample::Index),
    /// The order of the list changes.
    Turns(u64),
}

/// A walk to try.
#[derive(Debug, Clone)]
struct Walk {
    /// Sessions of the last two hours.
    recent: usize,
    /// Sessions of the days before.
    old: usize,
    page_size: u32,
    first_page: usize,
    by_token: bool,
    compares_updates: bool,
    /// By poll: the changes by the number of the request, from 1, that they precede.
    polls: Vec<BTreeMap<u64, Edit>>,
}

fn edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        3 => Just(Edit::Begins),
        2 => (1_i64..25).prop_map(Edit::ComesLate),
        3 => any::<prop::sample::Index>().prop_map(Edit::Changes),
        4 => any::<prop::sample::Index>().prop_map(Edit::Goes),
        3 => (1_u64..1_000).prop_map(Edit::Turns),
    ]
}

fn walk(platform: Platform) -> impl Strategy<Value = Walk> {
    let polls = prop::collection::vec(prop::collection::btree_map(1_u64..9, edit(), 1..7), 1..3);
    let habits = (0_usize..2, any::<bool>(), any::<bool>());
    (0_usize..12, 0_usize..14, 2_u32..6, habits, polls).prop_map(move |(recent, old, page_size, habits, polls)| Walk {
        recent,
        old,
        page_size,
        first_page: if platform == Platform::Konpro { 1 } else { habits.0 },
        by_token: habits.1,
        compares_updates: platform == Platform::Konvo && habits.2,
        polls,
    })
}

/// The provider's side of a walk.
struct Stage {
    platform: Platform,
    clock: Arc<SettableClock>,
    feed: Arc<FixedFeed>,
    ids: Mutex<BTreeSet<String>>,
    number: AtomicU32,
}

impl Stage {
    fn new(platform: Platform, walk: &Walk) -> Self {
        let stage = Self {
            platform,
            clock: Arc::new(SettableClock::at(noon())),
            feed: Arc::new(FixedFeed::new([])),
            ids: Mutex::default(),
            number: AtomicU32::new(0),
        };
        for index in 0..walk.recent {
            let age = TimeDelta::minutes(5) * i32::try_from(index + 1).expect("few");
            stage.insert("recent", noon() - age);
        }
        for index in 0..walk.old {
            let age = TimeDelta::hours(7) * i32::try_from(index + 12).expect("few");
            stage.insert("old", noon() - age);
        }
        stage
    }

    /// Advances the clock by a second with each change.
    fn tick(&self) -> DateTime<Utc> {
        let now = self.clock.now() + TimeDelta::seconds(1);
        self.clock.set(now);
        now
    }

    fn insert(&self, kind: &str, created_at: DateTime<Utc>) {
        let id = format!("{kind}-{:03}", self.number.fetch_add(1, Ordering::Relaxed));
        self.feed.insert(records::record(self.platform, &id, created_at));
        self.ids.lock().expect("ids").insert(id);
    }

    fn ids(&self) -> BTreeSet<String> {
        self.ids.lock().expect("ids").clone()
    }

    fn pick(&self, index: prop::sample::Index, only_recent: bool) -> Option<String> {
        let ids: Vec<String> = self.ids().into_iter().filter(|id| !only_recent || !id.starts_with("old")).collect();
        if ids.is_empty() { None } else { Some(index.get(&ids).clone()) }
    }

    fn change(&self, id: &str, now: DateTime<Utc>) {
        let Some(record) = self.feed.get(id) else { return };
        // a change is later than the one before it
        let now = now.max(record.updated_at) + TimeDelta::seconds(1);
        let stamp = records::iso(now);
        let mut json: serde_json::Value = serde_json::from_str(&record.json).expect("a record");
        match self.platform {
            Platform::Konpro => json["duration"] = (json["duration"].as_i64().expect("seconds") + 1).into(),
            Platform::Konvo => {
                json["status"]["last_updated"] = stamp.clone().into();
                json["status"]["unresolved"] = (!json["status"]["unresolved"].as_bool().expect("a flag")).into();
                json["messages"][1]["message"] = format!("Said at {stamp}").into();
            }
            Platform::Realtimekit => {
                json["updated_at"] = stamp.into();
                json["minutes_consumed"] = (json["minutes_consumed"].as_f64().expect("minutes") + 0.5).into();
            }
        }
        assert!(self.feed.replace(FixedRecord { json: json.to_string(), updated_at: now, ..record }), "it is there");
    }

    fn apply(&self, edit: Edit, provider: &Simulator, quirks: &Quirks) {
        let now = self.tick();
        match edit {
            Edit::Begins => self.insert("new", now),
            Edit::ComesLate(minutes) => self.insert("late", now - TimeDelta::minutes(minutes)),
            Edit::Changes(index) => {
                if let Some(id) = self.pick(index, true) {
                    self.change(&id, now);
                }
            }
            Edit::Goes(index) => {
                if let Some(id) = self.pick(index, false) {
                    self.feed.remove(&id);
                    self.ids.lock().expect("ids").remove(&id);
                }
            }
            Edit::Turns(seed) => {
                provider.set_quirks(Quirks { order: ListOrder::Shuffled(seed), ..quirks.clone() });
            }
        }
    }
}

/// Creates the service with the one source `slug`.
fn service(db: &TestDatabase, stage: &Stage, slug: &str, base_url: &str, page_size: u32) -> App {
    let account = "account_id = \"acc\"\napp_id = \"app\"\n";
    let account = if stage.platform == Platform::Realtimekit { account } else { "" };
    let toml = format!(
        "[privacy]\nperson_key_env = \"PERSON_KEY\"\n[[sources]]\nslug = \"{slug}\"\nprovider = \"{}\"\n\
         base_url = \"{base_url}\"\napi_key_env = \"TEST_KEY\"\nrequests_per_minute = 100000\n\
         session_streams = []\npage_size = {page_size}\n{account}",
        stage.platform.as_str()
    );
    let environment = [("TEST_KEY", API_KEY), ("PERSON_KEY", "a key of more than sixteen bytes")];
    let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let config = app::parse_config(&toml, &environment).expect("the configuration is right");
    let clock = Arc::clone(&stage.clock) as Arc<dyn Clock>;
    App::new(config, Some(db.options.clone()), clock, Arc::new(Dice::seeded(7))).expect("an app")
}

async fn poll(app: &App) -> PollLine {
    let stop = tokio_util::sync::CancellationToken::new();
    polling::poll(app, &Selection::default(), stop).await.expect("the poll runs").remove(0)
}

async fn stored_ids(db: &TestDatabase, slug: &str) -> BTreeSet<String> {
    let ids: Vec<String> = sqlx::query_scalar(
        "select provider_session_id from core.sessions join core.sources using (source_id) where source_slug = $1",
    )
    .bind(slug)
    .fetch_all(&db.pool)
    .await
    .expect("ids");
    ids.into_iter().collect()
}

/// Removes the data that the previous walk stored.
async fn remove_sources(app: &App, db: &TestDatabase) {
    // a new database has no tables yet
    app.migrate(&db.pool).await.expect("a schema");
    let operator = Operator { requested_by: "the test".to_owned(), request_id: None };
    let changes = app.source_changes(&db.pool).await.expect("a key");
    for slug in tributary::store::source::slugs(&db.pool).await.expect("slugs") {
        let request = ChangeRequest {
            slug: &slug,
            change: Change::Remove,
            is_dry_run: false,
            configured: Some(&[]),
            operator: &operator,
            now: app.clock.now(),
        };
        changes.apply(&request).await.expect("it is removed");
    }
}

async fn try_walk(
    platform: Platform,
    walk: &Walk,
    dbs: &(TestDatabase, TestDatabase),
    slug: &str,
) -> Result<(), String> {
    let stage = Arc::new(Stage::new(platform, walk));
    let quirks = Quirks {
        first_page: walk.first_page,
        token_paging: walk.by_token,
        filter_meaning: if walk.compares_updates { FilterMeaning::Updated } else { FilterMeaning::Created },
        calls_per_window: 100_000_000,
        ..Quirks::default()
    };
    let clock = Arc::clone(&stage.clock) as Arc<dyn Clock>;
    let provider = Arc::new(simulator(platform, stage.feed.clone(), quirks.clone(), clock).await);
    let app = service(&dbs.0, &stage, slug, &provider.base_url(), walk.page_size);
    // all walks are of one account, which is not stored under two slugs
    for db in [&dbs.0, &dbs.1] {
        remove_sources(&app, db).await;
    }
    for edits in &walk.polls {
        let before = stage.ids();
        let faults = edits.iter().map(|(request, edit)| {
            let (stage, provider, quirks, edit) =
                (Arc::clone(&stage), Arc::downgrade(&provider), quirks.clone(), *edit);
            let happen = move || stage.apply(edit, &provider.upgrade().expect("it answers"), &quirks);
            Fault::new(Effect::before(happen)).from_request(*request)
        });
        provider.script(faults.collect());
        let line = poll(&app).await;
        close(&dbs.0.pool).await.expect("closed");
        provider.script(Vec::new());
        if line.is_complete() {
            let stayed: BTreeSet<String> = before.intersection(&stage.ids()).cloned().collect();
            let stored = stored_ids(&dbs.0, slug).await;
            let lost: Vec<&String> = stayed.difference(&stored).collect();
            if !lost.is_empty() {
                return Err(format!("the verdict is complete, and {lost:?} are not stored: {line:?}"));
            }
        } else if line.result != "incomplete" {
            return Err(format!("a moving list is no failure: {line:?}"));
        }
        stage.clock.set(stage.clock.now() + TimeDelta::minutes(1));
    }
    provider.set_quirks(quirks);
    let mut lines = Vec::new();
    for quiet in 0.. {
        lines.push(poll(&app).await);
        // twice, because the first may have been planned before the last change
        if quiet > 0 && lines.last().is_some_and(PollLine::is_complete) {
            break;
        }
        if quiet == QUIET_ROUNDS {
            return Err(format!("it stands still, and nothing is proven: {lines:?}"));
        }
        stage.clock.set(stage.clock.now() + TimeDelta::minutes(1));
    }
    close(&dbs.0.pool).await.expect("closed");
    if differing(&dbs.0.pool).await.expect("compared") != Some(0) {
        return Err("closed hours differ from their sessions".to_owned());
    }
    let line = poll(&service(&dbs.1, &stage, slug, &provider.base_url(), 100)).await;
    if !line.is_complete() {
        return Err(format!("the quiet reading is not complete: {line:?}"));
    }
    compare(dump::of_source(&dbs.0.pool, slug).await, &dump::of_source(&dbs.1.pool, slug).await, &stage.ids())
}

type Rows = BTreeMap<(String, String), Vec<String>>;

/// Deleted sessions may stay; all others must be exactly equal.
fn compare(mut walked: Rows, quiet: &Rows, ids: &BTreeSet<String>) -> Result<(), String> {
    walked.retain(|(_, session), _| ids.contains(session));
    let keys: BTreeSet<_> = walked.keys().chain(quiet.keys()).collect();
    let differing: Vec<String> = keys
        .into_iter()
        .filter(|key| walked.get(*key) != quiet.get(*key))
        .map(|key| format!("{key:?}\n  walked: {:?}\n  quiet:  {:?}", walked.get(key), quiet.get(key)))
        .collect();
    if differing.is_empty() { Ok(()) } else { Err(differing.join("\n")) }
}

fn random_walks(platform: Platform) {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    let dbs = runtime.block_on(async { (TestDatabase::new().await, TestDatabase::new().await) });
    let config = Config { cases: CASES, max_shrink_iters: 40, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let outcome = runner.run(&walk(platform), |walk| {
        let slug = format!("walk-{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        runtime.block_on(try_walk(platform, &walk, &dbs, &slug)).map_err(TestCaseError::fail)
    });
    // the runtime is dropped first: the databases are dropped on separate threads
    drop(runtime);
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

#[test]
fn f42_f44_p03_p04_random_walks_over_konpro_end_as_a_quiet_reading() {
    random_walks(Platform::Konpro);
}

#[test]
fn f42_f44_p03_p04_random_walks_over_konvo_end_as_a_quiet_reading() {
    random_walks(Platform::Konvo);
}

#[test]
fn f42_f44_p03_p04_random_walks_over_realtimekit_end_as_a_quiet_reading() {
    random_walks(Platform::Realtimekit);
}
