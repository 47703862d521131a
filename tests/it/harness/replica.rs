//! A primary with the world of `api_world.sql`, and its streaming replica, made by `pg_basebackup`.

use std::fs::File;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, PgPool};
use tributary::app::{self, App};
use tributary::clock::{Dice, SettableClock};
use tributary::query::metrics::publish;

use super::db::{binaries, unprivileged};
use super::router::NOW;

const DEADLINE: Duration = Duration::from_secs(30);

/// A server that is stopped at once when dropped.
struct PostgresProcess(Child);

impl Drop for PostgresProcess {
    fn drop(&mut self) {
        if let Some(pid) = pid(self.0.id()) {
            let _ = kill_process(pid, Signal::QUIT);
        }
        let _ = self.0.wait();
    }
}

fn pid(number: u32) -> Option<Pid> {
    i32::try_from(number).ok().and_then(Pid::from_raw)
}

/// A primary and its replica.
pub(crate) struct Pair {
    folder: PathBuf,
    pub(crate) clock: Arc<SettableClock>,
    /// Connections of the test.
    pub(crate) primary: PgPool,
    pub(crate) replica: PgPool,
    standby: Option<PostgresProcess>,
    _primary: PostgresProcess,
}

impl Drop for Pair {
    fn drop(&mut self) {
        self.standby = None;
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl Pair {
    /// Starts both.
    pub(crate) async fn start() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("tributary-replica-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o755)).expect("a folder of our own");
        if let Some((user, group)) = unprivileged() {
            chown(&folder, Some(user), Some(group)).expect("the folder belongs to the account");
        }
        run(
            &folder,
            "initdb",
            &["-D", "primary", "-U", "tributary", "--auth=trust", "-E", "UTF8", "--no-locale", "-N"],
        );
        let primary = serve(&folder, "primary", 5432);
        let admin = pool(address(&folder, 5432, "postgres")).await;
        sqlx::query("create database tributary").execute(&admin).await.expect("a database");
        let pool_of_primary = pool(address(&folder, 5432, "tributary")).await;
        tributary::db::migrate(&pool_of_primary, tributary::db::Engine::Postgres).await.expect("migrated");
        publish::write_functions(&pool_of_primary).await.expect("the functions of the ratios apply");
        let world = include_str!("../worlds/api_world.sql");
        sqlx::raw_sql(world).execute(&pool_of_primary).await.expect("the world");
        let socket = folder.display().to_string();
        let backup = ["-h", &socket, "-U", "tributary", "-D", "standby", "-R", "-X", "stream", "-c", "fast", "-N"];
        run(&folder, "pg_basebackup", &backup);
        let standby = serve(&folder, "standby", 5433);
        let replica = pool(address(&folder, 5433, "tributary")).await;
        let clock = Arc::new(SettableClock::at(NOW.parse().expect("an instant")));
        Self { folder, clock, primary: pool_of_primary, replica, standby: Some(standby), _primary: primary }
    }

    /// Returns the address of the primary, as it is configured.
    pub(crate) fn url(&self) -> String {
        url(&self.folder, 5432)
    }

    /// Returns the address of the replica, as it is configured.
    pub(crate) fn read_url(&self) -> String {
        url(&self.folder, 5433)
    }

    /// Returns the address of the replica.
    pub(crate) fn read_address(&self) -> PgConnectOptions {
        address(&self.folder, 5433, "tributary")
    }

    /// Returns the service over both; `toml` are further lines of `[database]`.
    pub(crate) fn app(&self, toml: &str) -> App {
        self.app_reading(&self.read_url(), toml)
    }

    /// Returns the service that reads from another address.
    pub(crate) fn app_reading(&self, read_url: &str, toml: &str) -> App {
        let url = self.url();
        let toml = format!(
            "[database]\nurl = \"{url}\"\nread_url = \"{read_url}\"\n{toml}\n[server]\nlisten = \"127.0.0.1:0\"\n"
        );
        let config = app::parse_config(&toml, &std::collections::BTreeMap::new()).expect("a configuration");
        App::new(config, None, self.clock.clone(), Arc::new(Dice::seeded(7))).expect("an app")
    }

    /// Moves the clock of the service to so many seconds after its start.
    pub(crate) fn set_clock(&self, seconds: i64) {
        let now: chrono::DateTime<chrono::Utc> = NOW.parse().expect("an instant");
        self.clock.set(now + chrono::TimeDelta::seconds(seconds));
    }

    pub(crate) async fn write(&self, sql: &str) {
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&self.primary).await.expect("written");
    }

    /// Pauses the replay of the replica, after it has replayed everything.
    pub(crate) async fn pause(&self) {
        self.caught_up().await;
        sqlx::query("select pg_wal_replay_pause()").execute(&self.replica).await.expect("paused");
        let began = Instant::now();
        let state = "select pg_get_wal_replay_pause_state()";
        while sqlx::query_scalar::<_, String>(state).fetch_one(&self.replica).await.expect("a state") != "paused" {
            assert!(began.elapsed() < DEADLINE, "replay goes on");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub(crate) async fn resume(&self) {
        sqlx::query("select pg_wal_replay_resume()").execute(&self.replica).await.expect("resumed");
    }

    /// Waits until the replica has replayed what the primary has written so far.
    pub(crate) async fn caught_up(&self) {
        let written = "select (pg_current_wal_flush_lsn() - '0/0')::bigint";
        let written: i64 = sqlx::query_scalar(written).fetch_one(&self.primary).await.expect("a position");
        let replayed = "select (pg_last_wal_replay_lsn() - '0/0')::bigint";
        let began = Instant::now();
        while sqlx::query_scalar::<_, i64>(replayed).fetch_one(&self.replica).await.expect("a position") < written {
            assert!(began.elapsed() < DEADLINE, "the replica does not follow");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Stops the replica at once.
    pub(crate) fn stop_replica(&mut self) {
        self.standby = None;
    }

    pub(crate) fn start_replica(&mut self) {
        self.standby = Some(serve(&self.folder, "standby", 5433));
    }

    /// Returns the processes of the replica.
    pub(crate) async fn replica_processes(&self) -> Vec<Pid> {
        let of_server = self.standby.as_ref().and_then(|standby| pid(standby.0.id()));
        let others: Vec<i32> = sqlx::query_scalar("select pid from pg_stat_activity where pid <> pg_backend_pid()")
            .fetch_all(&self.replica)
            .await
            .expect("its processes");
        of_server.into_iter().chain(others.into_iter().filter_map(Pid::from_raw)).collect()
    }
}

fn url(folder: &Path, port: u16) -> String {
    format!("postgres://tributary@localhost:{port}/tributary?host={}", folder.display())
}

fn address(folder: &Path, port: u16, database: &str) -> PgConnectOptions {
    url(folder, port).parse::<PgConnectOptions>().expect("an address").database(database)
}

async fn pool(address: PgConnectOptions) -> PgPool {
    let options = PgPoolOptions::new().max_connections(4).acquire_timeout(DEADLINE);
    options.connect_with(address).await.expect("the server answers")
}

/// Returns a command of Postgres: it refuses to run as root.
fn command(folder: &Path, program: &str) -> Command {
    let server = binaries().expect("Postgres is installed").join("postgres");
    // a link to it has no `pg_basebackup` beside it
    let server = std::fs::canonicalize(server).expect("a program");
    let mut command = Command::new(server.with_file_name(program));
    command.current_dir(folder).stdin(Stdio::null()).env("LC_ALL", "C");
    if let Some((user, group)) = unprivileged() {
        command.uid(user).gid(group);
    }
    command
}

fn run(folder: &Path, program: &str, arguments: &[&str]) {
    let output = command(folder, program).args(arguments).output().expect("it runs");
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Starts a server and waits until it answers. A replica cancels queries at once where they hold up its replay.
fn serve(folder: &Path, data: &str, port: u16) -> PostgresProcess {
    let log = File::options().create(true).append(true).open(folder.join(format!("{data}.log"))).expect("a log");
    let sockets = format!("unix_socket_directories={}", folder.display());
    let pid_file = folder.join(data).join("postmaster.pid");
    let _ = std::fs::remove_file(&pid_file);
    let child = command(folder, "postgres")
        .args(["-D", data, "-p", &port.to_string(), "-c", "listen_addresses=", "-c", &sockets, "-c", "fsync=off"])
        .args(["-c", "max_standby_streaming_delay=0", "-c", "jit=off", "-c", "shared_buffers=32MB"])
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .expect("it starts");
    let server = PostgresProcess(child);
    let began = Instant::now();
    let is_ready = || {
        let text = std::fs::read_to_string(&pid_file).unwrap_or_default();
        text.lines().nth(7).is_some_and(|line| ["ready", "standby"].contains(&line.trim()))
    };
    while !is_ready() {
        assert!(began.elapsed() < DEADLINE, "{data} does not start, see {}", folder.display());
        std::thread::sleep(Duration::from_millis(20));
    }
    server
}
