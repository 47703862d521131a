//! Pollers as child processes, with a database of their own, and providers whose data does not change.
//!
//! The tables must then equal the truth of the providers and the result of a quiet poll.

use std::fs::File;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use tributary::clock::{Clock, SettableClock, SystemClock};
use tributary_simulator::faults::{Effect, Fault};
use tributary_simulator::quirks::Quirks;
use tributary_simulator::truth::Truth;
use tributary_simulator::world::{Shape, Volume, World as Generated};
use tributary_simulator::{Platform, Simulator};

use super::poller_process::{DEADLINE, Poller, Running};
use super::{World, simulator};

pub(crate) const EVERY_SECOND: &str = "schedule = \"* * * * * *\"";
pub(crate) const ONCE_A_YEAR: &str = "schedule = \"0 0 0 1 1 *\"";

pub(crate) const RUNS: &str = "select count(*) from ingest.runs where stream = 'sessions'";

/// Three providers whose data does not change.
pub(crate) struct Providers {
    pub(crate) simulators: Vec<(Platform, Simulator)>,
    pub(crate) truth: Truth,
    now: DateTime<Utc>,
}

impl Providers {
    /// Starts providers with six days of avatar sessions, chats and meetings, none in the last hours: all files exist.
    pub(crate) async fn start(platforms: &[Platform], sessions: usize, meetings: usize) -> Self {
        let now = SystemClock.now();
        let volume = |history| Volume { history, per_hour_ahead: 0 };
        let shape = Shape {
            history_days: 6,
            hours_ahead: 1,
            avatars: volume(sessions),
            chats: volume(sessions),
            meetings: volume(meetings),
        };
        let generated = Generated::generate(&shape, 7, now - TimeDelta::hours(6));
        let clock: Arc<dyn Clock> = Arc::new(SettableClock::at(now));
        let quirks = Quirks { calls_per_window: 100_000_000, ..Quirks::default() };
        let mut simulators = Vec::new();
        for platform in platforms {
            let simulator = simulator(*platform, generated.feed(*platform), quirks.clone(), Arc::clone(&clock)).await;
            simulators.push((*platform, simulator));
        }
        Self { simulators, truth: generated.truth(now), now }
    }

    /// Delays every response by so much.
    pub(crate) fn slow_down(&self, delay: Duration) {
        for (_, simulator) in &self.simulators {
            simulator.script(vec![Fault::new(Effect::Delay(delay)).forever()]);
        }
    }

    /// Creates a database and the configuration to poll these into it; `settings` are lines for each source.
    pub(crate) async fn stage(&self, settings: &str, lease_seconds: u32) -> Stage {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let history_from = (self.now - TimeDelta::days(8)).to_rfc3339();
        let settings = format!("page_size = 20\nhistory_from = \"{history_from}\"\n{settings}");
        let mut world = World::new().await.with_depth().with_settings(&settings);
        world.clock.set(self.now);
        for (platform, simulator) in &self.simulators {
            world.poll_elsewhere(platform.as_str(), &simulator.base_url());
        }
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("tributary-instances-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let toml = format!("[polling]\nlease_seconds = {lease_seconds}\n{}", world.toml());
        std::fs::write(folder.join("tributary.toml"), toml).expect("a config file");
        let url = world.db.url.clone();
        Stage { world, folder, url, pooler: "none" }
    }

    /// Returns the rows that a quiet poll stores.
    pub(crate) async fn quiet_tables(&self) -> Vec<String> {
        for (_, simulator) in &self.simulators {
            simulator.script(Vec::new());
        }
        let quiet = self.stage("", 45).await;
        let lines = quiet.world.poll().await;
        assert!(lines.iter().all(tributary::app::polling::PollLine::is_complete), "{lines:#?}");
        quiet.tables().await
    }
}

/// A database, and pollers of it.
pub(crate) struct Stage {
    pub(crate) world: World,
    folder: PathBuf,
    /// The address that the pollers receive.
    pub(crate) url: String,
    /// The configured kind of pooler.
    pub(crate) pooler: &'static str,
}

impl Drop for Stage {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl Stage {
    /// Returns the folder of the configuration.
    pub(crate) fn folder(&self) -> &std::path::Path {
        &self.folder
    }

    /// Replaces the configuration that the pollers were started with.
    pub(crate) fn configure(&self, toml: &str) {
        std::fs::write(self.folder.join("tributary.toml"), toml).expect("a config file");
    }

    /// Returns the command of the service with these arguments.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tributary"));
        command.arg("--config").arg(self.folder.join("tributary.toml")).args(arguments).env_clear();
        command
            .envs(self.world.environment())
            .env("DATABASE_URL", &self.url)
            .env("TRIBUTARY_LOG", "debug,sqlx=warn,hyper=warn");
        command.env("TRIBUTARY_DATABASE__POOLER", self.pooler).stdin(Stdio::null()).stdout(Stdio::null());
        command
    }

    /// Starts a poller that runs by schedule; `traps` has the format of `FAILPOINTS`.
    pub(crate) fn poller(&self, traps: &str) -> Poller {
        self.start(&["serve", "--role", "poller"], traps)
    }

    /// Starts a process of the service.
    pub(crate) fn start(&self, arguments: &[&str], traps: &str) -> Poller {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let log = self.folder.join(format!("{}.log", NUMBER.fetch_add(1, Ordering::Relaxed)));
        let mut command = self.command(arguments);
        command.env("FAILPOINTS", traps).stderr(File::create(&log).expect("a log"));
        Poller { child: Running(command.spawn().expect("it starts")), log }
    }

    /// Starts a process of the service in a shell that first runs `before`.
    pub(crate) fn start_within(&self, before: &str, arguments: &[&str]) -> Poller {
        let command = self.command(arguments);
        let mut shell = Command::new("/bin/sh");
        shell
            .arg("-c")
            .arg(format!("{before}; exec \"$0\" \"$@\""))
            .arg(command.get_program())
            .args(command.get_args());
        shell.env_clear().envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let log = self.folder.join("within.log");
        shell.stdin(Stdio::null()).stdout(Stdio::null()).stderr(File::create(&log).expect("a log"));
        Poller { child: Running(shell.spawn().expect("it starts")), log }
    }

    /// Registers the sources without a poll.
    pub(crate) async fn register(&self) {
        tributary::app::sources::connect_sources(&self.world.app(), &self.world.db.pool).await.expect("registered");
    }

    pub(crate) async fn number(&self, sql: &'static str) -> i64 {
        self.world.number(sql).await
    }

    /// Waits until the number is at least `least`.
    pub(crate) async fn until(&self, least: i64, sql: &'static str) {
        let began = Instant::now();
        loop {
            let number = self.number(sql).await;
            if number >= least {
                return;
            }
            assert!(
                began.elapsed() < DEADLINE,
                "{number}, never {least}: {sql}\n{}\n{}",
                self.runs().await,
                self.logs()
            );
            tokio::time::sleep(Duration::from_millis(40)).await;
        }
    }

    /// Returns the journal, to find the reason of a failure.
    pub(crate) async fn runs(&self) -> String {
        let sql =
            "select coalesce(string_agg(concat_ws(' ', run_id, source_id, stream, verdict, error_class, page_count,
                                                        inserted_count, started_at, finished_at, reason), E'\\n'
                                              order by run_id), '') from ingest.runs";
        self.world.text(sql).await.unwrap_or_default()
    }

    fn logs(&self) -> String {
        let mut logs = String::new();
        for entry in std::fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            if entry.path().extension().is_some_and(|extension| extension == "log") {
                let text = std::fs::read_to_string(entry.path()).unwrap_or_default();
                let tail: Vec<&str> = text.lines().rev().take(30).collect();
                logs.extend(tail.into_iter().rev().map(|line| format!("{line}\n")));
                logs.push('\n');
            }
        }
        logs
    }

    /// Waits until everything is fetched: each list has a complete run that began after `since`, and no task is due.
    pub(crate) async fn settled(&self, since: DateTime<Utc>) {
        let began = Instant::now();
        loop {
            let open: i64 = sqlx::query_scalar(
                "select (select count(*) from core.sources s
                          where not exists (select 1 from ingest.runs r
                                             where r.source_id = s.source_id and r.stream = 'sessions'
                                               and r.verdict = 'complete' and r.started_at > $1))
                        + (select count(*) from ingest.artifact_tasks where next_try_at <= now())
                        + (select count(*) from (values (1)) v where not exists (select 1 from core.sources))",
            )
            .bind(since)
            .fetch_one(&self.world.db.pool)
            .await
            .expect("a number");
            if open == 0 {
                return;
            }
            assert!(began.elapsed() < DEADLINE, "{open} left\n{}\n{}", self.runs().await, self.logs());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Returns all stored provider data, without surrogate numbers and fetch times.
    pub(crate) async fn tables(&self) -> Vec<String> {
        let sql = "select part from (
            select 'session ' || row(src.source_slug, s.provider_session_id, s.session_kind, s.provider_status,
                                     s.session_state, s.outcome, s.group_key, s.created_at, s.started_at, s.ended_at,
                                     s.duration_seconds, s.provider_minutes, s.provider_updated_at,
                                     s.is_deleted_at_provider)::text as part
              from core.sessions s join core.sources src using (source_id)
            union all
            select 'raw ' || row(src.source_slug, r.stream, r.provider_record_id, r.content_hash)::text
              from ingest.raw_records r join core.sources src using (source_id)
            union all
            select 'participant ' || row(s.provider_session_id, p.provider_participant_id, p.joined_at, p.left_at,
                                         p.duration_ms, p.display_name)::text
              from core.participants p join core.sessions s using (source_id, session_id)
            union all
            select 'message ' || row(s.provider_session_id, m.provider_message_id, m.position, m.sent_at, m.body)::text
              from core.messages m join core.sessions s using (source_id, session_id)
            union all
            select 'segment ' || row(s.provider_session_id, t.position, t.offset_ms, t.speaker_label, t.body)::text
              from core.transcript_segments t join core.sessions s using (source_id, session_id)
            union all
            select 'summary ' || row(s.provider_session_id, y.format, y.body)::text
              from core.session_summaries y join core.sessions s using (source_id, session_id)
            union all
            select 'quality ' || row(s.provider_session_id, q.provider_participant_id, q.has_report)::text
              from core.participant_quality q join core.sessions s using (source_id, session_id)) parts (part)
            order by part";
        sqlx::query_scalar(sql).fetch_all(&self.world.db.pool).await.expect("rows")
    }

    /// Asserts that the tables equal those of a quiet poll and the providers' own values, that nothing was written
    /// twice, and that runs of one list do not overlap.
    pub(crate) async fn assert_true(&self, providers: &Providers, quiet: &[String]) {
        let rows = self.tables().await;
        let only = |these: &[String], those: &[String]| -> Vec<String> {
            these.iter().filter(|row| those.binary_search(row).is_err()).take(5).cloned().collect()
        };
        assert!(
            rows == quiet,
            "only here {:#?}\nonly in a quiet poll {:#?}\n{}",
            only(&rows, quiet),
            only(quiet, &rows),
            self.runs().await
        );
        super::orphans::assert_no_orphans(&self.world.db.pool).await;
        let Truth { konpro, konvo, realtimekit } = &providers.truth;
        for (platform, truth) in [("konpro", konpro), ("konvo", konvo), ("realtimekit", realtimekit)] {
            if !providers.simulators.iter().any(|(one, _)| one.as_str() == platform) {
                continue;
            }
            let stored: i64 = sqlx::query_scalar(
                "select count(*) from core.sessions join core.sources using (source_id) where source_slug = $1",
            )
            .bind(platform)
            .fetch_one(&self.world.db.pool)
            .await
            .expect("a number");
            assert_eq!(u64::try_from(stored).ok(), Some(truth.sessions), "{platform}");
        }
        for (what, sql, expected) in [
            (
                // a kill may lose the counts of a run's last second
                "sessions that runs say they inserted beyond those there are",
                "select greatest((select coalesce(sum(inserted_count), 0) from ingest.runs
                                   where stream = 'sessions')::bigint - (select count(*) from core.sessions), 0)",
                0,
            ),
            (
                "runs of a list that overlap",
                "select count(*) from ingest.runs one join ingest.runs other using (source_id, stream)
                  where one.stream = 'sessions' and one.run_id < other.run_id
                    and one.error_class is distinct from 'lease_lost' and other.started_at < one.finished_at",
                0,
            ),
            (
                "lists with more runs than grants",
                "select count(*) from ingest.streams s
                  where s.fence < (select count(*) from ingest.runs r where r.source_id = s.source_id and r.stream = s.stream)",
                0,
            ),
            (
                "runs of lists that never ended, but for the newest of each",
                "select count(*) from ingest.runs r
                  where r.stream = 'sessions' and r.finished_at is null
                    and exists (select from ingest.runs n where n.source_id = r.source_id and n.stream = r.stream
                                                            and n.run_id > r.run_id)",
                0,
            ),
        ] {
            assert_eq!(self.number(sql).await, expected, "{what}\n{}", self.runs().await);
        }
    }
}
