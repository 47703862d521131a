//! F76: PgBouncer in transaction mode between the service and its database.
//!
//! Runs where the program is installed, and reports where it is not. The tested promise depends on the
//! version: 1.21 and later keep prepared statements apart and must work; earlier ones mix them up and must be refused.

use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tributary::clock::{Clock, Dice, SystemClock};
use tributary_simulator::Platform;

use crate::harness::processes::{Providers, Stage};

struct Bouncer {
    child: Child,
    folder: PathBuf,
    /// The address of the database through the pooler.
    url: String,
    keeps_statements: bool,
}

impl Drop for Bouncer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn program() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    folders.find_map(|folder| Some(folder.join("pgbouncer")).filter(|path| path.is_file()))
}

/// Whether it keeps prepared statements apart.
fn keeps_statements(program: &Path) -> bool {
    let output = Command::new(program).arg("--version").output().expect("it tells its version");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let version = text.lines().next().and_then(|line| line.split_whitespace().nth(1)).expect("a version").to_owned();
    let mut numbers = version.split('.').filter_map(|part| part.parse::<u32>().ok());
    (numbers.next(), numbers.next()) >= (Some(1), Some(21))
}

impl Bouncer {
    /// Starts it in front of the stage's database, with fewer connections than it has clients. `None`: not installed.
    async fn before(stage: &Stage, settings: &str) -> Option<Self> {
        let Some(program) = program() else {
            println!("skipped: pgbouncer is not installed (apt install pgbouncer)");
            return None;
        };
        let keeps_statements = keeps_statements(&program);
        let port = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").port();
        let folder = std::env::temp_dir().join(format!("tributary-bouncer-{}-{port}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o755)).expect("a folder of its own");
        let options = &stage.world.db.options;
        let socket =
            options.get_socket().map_or_else(|| options.get_host().to_owned(), |path| path.display().to_string());
        let url = reqwest::Url::parse(&stage.world.db.url).expect("an address");
        let password = url.password().map(|password| format!(" password={password}")).unwrap_or_default();
        let prepared = if keeps_statements { "max_prepared_statements = 200" } else { "" };
        let ini = format!(
            "[databases]\n* = host={socket} port={} user={}{password}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n\
             unix_socket_dir =\nauth_type = any\npool_mode = transaction\ndefault_pool_size = 4\nmax_client_conn = 200\n{prepared}\n{settings}\n",
            options.get_port(),
            options.get_username(),
        );
        std::fs::write(folder.join("pgbouncer.ini"), ini).expect("a config file");
        let mut command = Command::new(&program);
        command.arg(folder.join("pgbouncer.ini")).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        if let Some((user, group)) = crate::harness::db::unprivileged() {
            chown(&folder, Some(user), Some(group)).expect("the folder is its own");
            command.uid(user).gid(group);
        }
        let child = command.spawn().expect("it starts");
        let began = Instant::now();
        while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            assert!(began.elapsed() < Duration::from_secs(20), "pgbouncer does not listen");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let database = stage.world.db.options.get_database().expect("a database");
        let url = format!("postgres://tributary@127.0.0.1:{port}/{database}");
        Some(Self { child, folder, url, keeps_statements })
    }
}

#[tokio::test]
async fn f76_pollers_behind_pgbouncer_in_transaction_mode_work_or_are_refused() {
    let providers = Providers::start(&Platform::ALL, 60, 4).await;
    let mut stage = providers.stage("schedule = \"* * * * * *\"", 2).await;
    let Some(bouncer) = Bouncer::before(&stage, "").await else { return };
    (stage.url, stage.pooler) = (bouncer.url.clone(), "transaction");
    if !bouncer.keeps_statements {
        let mut poll = stage.start(&["poll"], "");
        assert!(!poll.ended().await.success());
        assert!(
            poll.log().contains("use PgBouncer 1.21 or later with max_prepared_statements above 0"),
            "{}",
            poll.log()
        );
        assert_eq!(stage.number("select count(*) from core.sources").await, 0, "nothing was written");
        return;
    }
    let quiet = providers.quiet_tables().await;
    providers.slow_down(Duration::from_millis(20));
    let mut pollers = [stage.poller(""), stage.poller("")];
    let wait = Duration::from_millis(400).mul_f64(1.0 + 2.0 * Dice::seeded(9).unit());
    tokio::time::sleep(wait).await;
    pollers[0].kill();
    stage.settled(SystemClock.now()).await;
    assert!(pollers[1].end().await.success(), "{}", pollers[1].log());
    stage.assert_true(&providers, &quiet).await;
    let log = pollers[1].log();
    assert!(!log.contains("prepared statement"), "{log}");
}

#[tokio::test]
async fn f76_instances_that_start_at_once_behind_pgbouncer_migrate_once() {
    let providers = Providers::start(&[Platform::Konvo], 5, 0).await;
    let mut stage = providers.stage("", 5).await;
    let Some(bouncer) = Bouncer::before(&stage, "").await else { return };
    if !bouncer.keeps_statements {
        println!("skipped: this pgbouncer is refused, see the other test");
        return;
    }
    let wipe = "drop schema analytics_pii, analytics, core, ingest cascade; drop table public._sqlx_migrations";
    sqlx::raw_sql(wipe).execute(&stage.world.db.pool).await.expect("an empty database");
    (stage.url, stage.pooler) = (bouncer.url.clone(), "transaction");
    let mut starts = [(); 4].map(|()| stage.start(&["migrate"], ""));
    for start in &mut starts {
        assert!(start.ended().await.success(), "{}", start.log());
    }
    let applied = "select count(*) from public._sqlx_migrations where success";
    let known = i64::try_from(tributary::db::MIGRATOR.iter().count()).expect("a few");
    assert_eq!(stage.number(applied).await, known);
    let known = i64::try_from(tributary::db::VIEWS.len()).expect("some");
    assert_eq!(stage.number("select count(*) from ingest.view_versions").await, known);
}

#[tokio::test]
async fn f76_an_undeclared_pooler_is_detected() {
    let providers = Providers::start(&[Platform::Konvo], 5, 0).await;
    let mut stage = providers.stage("", 5).await;
    let expected = |bouncer: &Bouncer| {
        if bouncer.keeps_statements {
            r#"set database.pooler = "transaction""#
        } else {
            // declaring it would not help
            "use PgBouncer 1.21 or later with max_prepared_statements above 0"
        }
    };
    // it drops the settings of a session, or refuses them
    for settings in ["ignore_startup_parameters = extra_float_digits, options", ""] {
        let Some(bouncer) = Bouncer::before(&stage, settings).await else { return };
        stage.url.clone_from(&bouncer.url);
        for _ in 0..3 {
            let mut poll = stage.start(&["poll"], "");
            assert!(!poll.ended().await.success());
            assert!(poll.log().contains(expected(&bouncer)), "{}", poll.log());
        }
    }
}
