//! A database for each test, cloned from one template.
//!
//! The server is, in this order: the Citus cluster in `CITUS_URL`; the one in `DATABASE_URL`; a container, where an engine answers; a
//! private cluster from local binaries. The latter two are shared by all test processes of one run
//! (`cargo test` is one process, nextest starts one per test) and end with the runner.

use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::str::FromStr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, ConnectOptions, PgPool};
use tributary::db::Engine;
use tributary::query::metrics::publish;
use tributary::query::zones::Zones;

use super::citus;

/// A separate database; dropped with this.
pub(crate) struct TestDatabase {
    pub(crate) pool: PgPool,
    pub(crate) options: PgConnectOptions,
    /// The kind of server.
    pub(crate) engine: Engine,
    name: String,
    /// The address in the form that the service accepts.
    pub(crate) url: String,
}

impl TestDatabase {
    pub(crate) async fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let server = server();
        let template = template(&server).await;
        let name = format!("tributary_test_{}_{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let create = format!("create database {name} template {template}");
        // a clone fails while another test's clone uses the template: retry
        let started = Instant::now();
        while let Err(error) = server.run(&create).await {
            assert!(started.elapsed() < Duration::from_secs(30), "{error}");
            tokio::time::sleep(Duration::from_millis(40)).await;
        }
        let options = server.options().database(&name);
        let pool = PgPoolOptions::new()
            .max_connections(8)
            .acquire_timeout(Duration::from_secs(20))
            .connect_with(options.clone())
            .await
            .expect("the test database answers");
        let url = server.url_of(&name);
        Self { pool, options, engine: engine(), name, url }
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let (server, name) = (server(), self.name.clone());
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let _ = server.run(&format!("drop database if exists {name} with (force)")).await;
            });
        });
        let _ = dropping.join();
    }
}

/// Returns the time zones of the server, which all tests share: reading them takes a sixth of a second.
pub(crate) fn zones() -> Zones {
    static ZONES: OnceLock<Zones> = OnceLock::new();
    ZONES.get_or_init(Zones::default).clone()
}

/// Returns the migrated template; the first caller creates it, under a lock of the server.
async fn template(server: &Server) -> String {
    static NAME: tokio::sync::OnceCell<String> = tokio::sync::OnceCell::const_new();
    let make = || async {
        let mut schema: Vec<u8> = tributary::db::MIGRATOR.iter().flat_map(|m| m.checksum.to_vec()).collect();
        schema.extend(tributary::db::VIEWS.iter().flat_map(|view| view.text.bytes()));
        schema.extend_from_slice(include_bytes!("../../../migrations/citus.sql"));
        schema.extend_from_slice(include_bytes!("../../../src/query/metrics/publish.rs"));
        let digest = schema.iter().fold(0_u64, |hash, byte| hash.wrapping_mul(1_099_511_628_211) ^ u64::from(*byte));
        let name = format!("tributary_template_{digest:016x}");
        let mut admin = server.options().connect().await.expect("the test server answers");
        sqlx::query("select pg_advisory_lock(742317)").execute(&mut admin).await.expect("a lock");
        let exists: Option<bool> = sqlx::query_scalar("select datistemplate from pg_database where datname = $1")
            .bind(&name)
            .fetch_optional(&mut admin)
            .await
            .expect("a list of databases");
        if exists != Some(true) {
            let drop = format!("drop database if exists {name} with (force)");
            server.run(&drop).await.expect("the half-made template goes");
            match engine() {
                Engine::Postgres => server.run(&format!("create database {name}")).await.expect("created"),
                Engine::Citus => citus::create(&server.options(), &name).await.expect("created"),
            }
            let pool = PgPool::connect_with(server.options().database(&name)).await.expect("the template answers");
            tributary::db::migrate(&pool, engine()).await.expect("the migrations apply");
            publish::write_functions(&pool).await.expect("the functions of the ratios apply");
            pool.close().await;
            let done = format!("alter database {name} with is_template true");
            match engine() {
                Engine::Postgres => server.run(&done).await.expect("marked as template"),
                Engine::Citus => citus::make_template(&server.options(), &name).await.expect("marked as template"),
            }
        }
        sqlx::query("select pg_advisory_unlock(742317)").execute(&mut admin).await.expect("unlocked");
        name
    };
    NAME.get_or_init(make).await.clone()
}

/// A server to create databases in.
#[derive(Clone)]
struct Server {
    url: String,
}

impl Server {
    fn options(&self) -> PgConnectOptions {
        PgConnectOptions::from_str(&self.url).expect("DATABASE_URL is a Postgres address")
    }

    /// Runs a statement about databases, on each node.
    async fn run(&self, statement: &str) -> Result<(), sqlx::Error> {
        if engine() == Engine::Citus {
            return citus::on_each_node(&self.options(), &[statement.to_owned()]).await;
        }
        let mut admin = self.options().connect().await?;
        sqlx::query(AssertSqlSafe(statement.to_owned())).execute(&mut admin).await.map(|_| ())
    }

    fn url_of(&self, database: &str) -> String {
        let (head, tail) = self.url.split_once('?').unwrap_or((&self.url, ""));
        let slash = head.rfind('/').filter(|at| *at > "postgres://".len()).unwrap_or(head.len());
        let query = if tail.is_empty() { String::new() } else { format!("?{tail}") };
        format!("{}/{database}{query}", &head[..slash])
    }
}

fn engine() -> Engine {
    if citus::is_used() { Engine::Citus } else { Engine::Postgres }
}

fn server() -> Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| Server { url: citus::url().or_else(given_url).unwrap_or_else(shared_url) }).clone()
}

#[expect(clippy::disallowed_methods, reason = "the harness is told by the environment")]
fn given_url() -> Option<String> {
    std::env::var("DATABASE_URL").ok().filter(|url| !url.trim().is_empty())
}

/// Returns the server that all processes of this run share: the first one starts it and writes its address.
fn shared_url() -> String {
    let runner = std::os::unix::process::parent_id();
    let folder = memory_folder().unwrap_or_else(std::env::temp_dir).join(format!("tributary-test-{runner}"));
    let _ = std::fs::create_dir(&folder);
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o755)).expect("a folder of our own");
    let mut lock = File::options().create(true).truncate(false).read(true).write(true).open(folder.join("lock"));
    let lock = lock.as_mut().expect("a lock file");
    lock.lock().expect("a lock");
    let mut url = String::new();
    lock.read_to_string(&mut url).expect("the address");
    if url.is_empty() {
        url = if binaries().is_none() && docker_answers() { container(runner) } else { cluster(&folder, runner) };
        lock.write_all(url.as_bytes()).expect("the address is kept");
    }
    url
}

/// Returns a folder in memory, if it has room: each test creates and drops a database, that is hundreds of files.
fn memory_folder() -> Option<PathBuf> {
    const ROOM_BYTES: u64 = 4 << 30;
    let folder = Path::new("/dev/shm");
    let room = rustix::fs::statvfs(folder).ok()?;
    (room.f_bavail.saturating_mul(room.f_frsize) >= ROOM_BYTES).then(|| folder.to_owned())
}

fn docker_answers() -> bool {
    let version = Command::new("docker").args(["version", "--format", "{{.Server.Version}}"]).output();
    version.is_ok_and(|output| output.status.success())
}

/// Starts a container that outlives this process and is removed when the runner ends.
#[expect(clippy::zombie_processes, reason = "it watches over the server and outlives this process on purpose")]
fn container(runner: u32) -> String {
    use testcontainers::core::{ContainerPort, WaitFor};
    use testcontainers::runners::AsyncRunner;
    use testcontainers::{GenericImage, ImageExt};
    let start = async move {
        let container = GenericImage::new("postgres", "15")
            .with_exposed_port(ContainerPort::Tcp(5432))
            .with_wait_for(WaitFor::message_on_stderr("database system is ready to accept connections"))
            .with_env_var("POSTGRES_PASSWORD", "test")
            .with_env_var("POSTGRES_INITDB_ARGS", "--no-sync")
            .with_cmd(["postgres", "-c", "fsync=off", "-c", "jit=off"])
            .start()
            .await
            .expect("a Postgres container starts");
        let port = container.get_host_port_ipv4(5432).await.expect("a port");
        let watch = "while [ -d /proc/$0 ] || kill -0 $0 2>/dev/null; do sleep 1; done; docker rm -fv $1";
        Command::new("setsid")
            .args(["sh", "-c", watch, &runner.to_string(), container.id()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the container has a watcher");
        std::mem::forget(container); // the watcher removes it
        format!("postgres://postgres:test@127.0.0.1:{port}/postgres")
    };
    let started = std::thread::spawn(|| {
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(start)
    });
    let url = started.join().expect("a container");
    // the first "ready" is of the bootstrap server; the real one answers on TCP
    let options = PgConnectOptions::from_str(&url).expect("an address");
    let wait = std::thread::spawn(move || {
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(async {
            let started = Instant::now();
            while options.connect().await.is_err() && started.elapsed() < Duration::from_secs(30) {
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        });
    });
    wait.join().expect("the container answers");
    url
}

/// Starts a private cluster under an unprivileged account, watched by a shell that ends it with the runner. JIT is
/// off: compiling a query over the views takes longer than running it.
#[expect(clippy::zombie_processes, reason = "it watches over the server and outlives this process on purpose")]
fn cluster(folder: &Path, runner: u32) -> String {
    let binaries = binaries().expect("no Postgres binaries found: install postgresql, or set DATABASE_URL");
    let account = unprivileged();
    let home = folder.join("cluster");
    std::fs::create_dir_all(&home).expect("a folder for the cluster");
    if let Some((user, group)) = account {
        chown(&home, Some(user), Some(group)).expect("the folder belongs to the account");
    }
    let as_account = |program: &Path| {
        let mut command = Command::new(program);
        command.current_dir(&home).stdin(Stdio::null()).env("LC_ALL", "C");
        if let Some((user, group)) = account {
            command.uid(user).gid(group);
        }
        command
    };
    let initdb = as_account(&binaries.join("initdb"))
        .args(["-D", "data", "-U", "tributary", "--auth=trust", "-E", "UTF8", "--no-locale", "--no-sync"])
        .output()
        .expect("initdb runs");
    assert!(initdb.status.success(), "{}", String::from_utf8_lossy(&initdb.stderr));
    let serve = format!(
        "'{bin}/postgres' -D data -c listen_addresses= -c unix_socket_directories='{home}' -c max_connections=300 \
         -c fsync=off -c synchronous_commit=off -c full_page_writes=off -c jit=off -c max_wal_size=512MB >log 2>&1 & server=$!; \
         while [ -d /proc/{runner} ] || kill -0 {runner} 2>/dev/null; do sleep 1; done; \
         kill -INT $server; wait $server; cd /; rm -rf '{home}'",
        bin = binaries.display(),
        home = home.display(),
    );
    as_account(Path::new("/bin/sh"))
        .args(["-c", &serve])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .expect("the server starts");
    let started = Instant::now();
    let pid_file = home.join("data/postmaster.pid");
    while !std::fs::read_to_string(&pid_file).is_ok_and(|text| text.lines().nth(7).is_some_and(|l| l.trim() == "ready"))
    {
        assert!(started.elapsed() < Duration::from_secs(30), "the test server did not start, see {}", home.display());
        std::thread::sleep(Duration::from_millis(20));
    }
    format!("postgres://tributary@localhost/postgres?host={}", home.display())
}

pub(crate) fn binaries() -> Option<PathBuf> {
    let mut folders: Vec<PathBuf> = Vec::new();
    for base in ["/usr/lib/postgresql", "/opt/homebrew/opt", "/usr/local/opt", "/usr"] {
        let mut versions: Vec<PathBuf> =
            std::fs::read_dir(base).into_iter().flatten().flatten().map(|entry| entry.path().join("bin")).collect();
        versions.sort();
        folders.extend(versions.into_iter().rev());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders = std::env::split_paths(&path).chain(folders);
    folders.find(|folder| folder.join("initdb").is_file() && folder.join("postgres").is_file())
}

/// Returns the account that runs the server: Postgres refuses to run as root.
pub(crate) fn unprivileged() -> Option<(u32, u32)> {
    if !rustix::process::geteuid().is_root() {
        return None;
    }
    let accounts = std::fs::read_to_string("/etc/passwd").expect("a list of accounts");
    let find = |name: &str| {
        let line = accounts.lines().find(|line| line.split(':').next() == Some(name))?;
        let mut fields = line.split(':').skip(2);
        Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
    };
    Some(find("postgres").or_else(|| find("nobody")).expect("an unprivileged account"))
}
