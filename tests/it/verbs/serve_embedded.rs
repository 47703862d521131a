//! `tributary serve --embedded`: the private server survives `kill -9` of either process, and serves one app at a time.
#![expect(clippy::expect_used, reason = "a test that cannot be set up has failed")]

use std::io::BufRead;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use secrecy::ExposeSecret;
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use sqlx::{ConnectOptions, Connection, PgConnection};
use tributary::db::{self, Purpose, Route};
use tributary::embedded::{PostgresError, RandomPassword, Server, ServerSettings, TcpSettings};

use crate::harness::poller_process::{Running, serve_embedded};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

fn settings(data_dir: PathBuf) -> ServerSettings {
    ServerSettings { data_dir, bin_dir: None, search_path: Vec::new(), fetch: None, tcp: None, durable: false }
}

fn start(data_dir: &Path) -> Server {
    Server::start(&settings(data_dir.to_owned())).expect("the server starts")
}

fn kill(pid: u32) {
    let status = Command::new("kill").args(["-9", &pid.to_string()]).status().expect("kill runs");
    assert!(status.success());
}

fn is_alive(pid: u32) -> bool {
    std::fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| !line.is_empty())
}

fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < Duration::from_secs(20), "never: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Adds a row, in a table that the first call creates, and counts the rows.
fn add_row(server: &Server) -> i64 {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        server.create_database().await.expect("the database is there");
        let mut connection = server.connect_options().connect().await.expect("connects");
        let sql = "create table if not exists kept (n serial); insert into kept default values";
        sqlx::raw_sql(sql).execute(&mut connection).await.expect("writes");
        let rows = sqlx::query_scalar("select count(*) from kept").fetch_one(&mut connection).await.expect("reads");
        connection.close().await.expect("closes");
        rows
    })
}

#[test]
fn goes_on_after_a_stop_and_after_its_server_was_killed() {
    let data_dir = folder("postgres-server-killed");
    let _ = std::fs::remove_dir_all(&data_dir);
    let mut server = start(&data_dir);
    assert_eq!(add_row(&server), 1);
    server.stop();
    assert!(!is_alive(server.pid()));
    drop(server);

    let server = start(&data_dir);
    assert_eq!(add_row(&server), 2);
    kill(server.pid());
    drop(server);

    let server = start(&data_dir);
    assert_eq!(add_row(&server), 3);
}

#[test]
fn a_server_that_is_killed_is_started_again() {
    let data_dir = folder("postgres-kept-running");
    let _ = std::fs::remove_dir_all(&data_dir);
    let mut server = start(&data_dir);
    assert_eq!(add_row(&server), 1);
    let (killed, options) = (server.pid(), server.connect_options());
    kill(killed);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let works = async {
        loop {
            tokio::time::sleep(Duration::from_millis(100)).await;
            if let Ok(connection) = options.clone().connect().await {
                connection.close().await.expect("closes");
                return;
            }
        }
    };
    runtime.block_on(tributary::embedded::beside(Some(&mut server), works)).expect("it runs again");
    assert!(server.pid() != killed && is_alive(server.pid()));
    assert_eq!(add_row(&server), 2);
}

#[test]
fn refuses_a_second_app_and_ends_with_the_first() {
    let data_dir = folder("postgres-held");
    let _ = std::fs::remove_dir_all(&data_dir);
    let mut app = serve_in_another_process(&data_dir);
    let server_pid: u32 = first_line(&data_dir.join("cluster/postmaster.pid"));

    let refused = Server::start(&settings(data_dir.clone())).expect_err("it is in use");
    assert!(matches!(&refused, PostgresError::InUse { pid, .. } if *pid == app.id().to_string()), "{refused}");

    app.kill().expect("killed");
    app.wait().expect("ended");
    eventually("the server ends with its app", || !is_alive(server_pid));
    assert_eq!(add_row(&start(&data_dir)), 1);

    let mut app = serve_in_another_process(&data_dir);
    app.kill().expect("killed");
    app.wait().expect("ended");
    assert_eq!(add_row(&start(&data_dir)), 2, "the server may still be ending");
}

#[test]
fn a_long_path_gets_a_short_socket_folder() {
    let data_dir = folder(&format!("postgres-{}", "long".repeat(25)));
    let _ = std::fs::remove_dir_all(&data_dir);
    let server = start(&data_dir);
    assert!(server.socket_dir().starts_with("/tmp"), "{}", server.socket_dir().display());
    assert_eq!(add_row(&server), 1);
    let socket_dir = server.socket_dir().to_owned();
    drop(server);
    std::fs::remove_dir_all(socket_dir).expect("cleans up");
}

#[test]
fn a_folder_the_servers_account_cannot_reach_is_replaced_by_the_same_one_each_time() {
    use std::os::unix::fs::DirBuilderExt;
    let barred = folder("postgres-barred");
    let _ = std::fs::remove_dir_all(&barred);
    std::fs::DirBuilder::new().mode(0o700).create(&barred).expect("made");
    let server = start(&barred.join("data"));
    let used = server.data_dir().to_owned();
    let rows = add_row(&server);
    drop(server);
    let server = start(&barred.join("data"));
    assert_eq!(server.data_dir(), used);
    assert_eq!(add_row(&server), rows + 1);
    drop(server);
    if !used.starts_with(&barred) {
        std::fs::remove_dir_all(used).expect("cleans up");
    }
}

#[test]
fn names_a_missing_binary_in_one_sentence() {
    let bin_dir = Some(folder("no-binaries"));
    let data_dir = folder("postgres-none");
    let error = Server::start(&ServerSettings { bin_dir, ..settings(data_dir) }).expect_err("nothing there");
    assert!(error.to_string().contains("does not contain `initdb` and `postgres`"), "{error}");
    assert!(PostgresError::NoBinaries.to_string().contains("apt install postgresql"));
}

fn with_tcp(data_dir: PathBuf, port: Option<u16>) -> ServerSettings {
    let password = RandomPassword::draw(&mut rand::rng());
    ServerSettings { tcp: Some(TcpSettings { port, password }), ..settings(data_dir) }
}

/// Migrates the database and returns the connection URL for analysts.
async fn open_for_analysts(server: &Server) -> String {
    server.create_database().await.expect("the database is there");
    let pool = db::connect(server.connect_options(), Route::Direct, Purpose::Poll, 1).await.expect("connects");
    db::migrate(&pool, db::Engine::Postgres).await.expect("migrates");
    server.let_analyst_read().await.expect("grants");
    pool.close().await;
    server.analyst_url().expect("it listens on TCP").expose_secret().to_owned()
}

async fn connect(options: PgConnectOptions) -> Result<PgConnection, sqlx::Error> {
    options.ssl_mode(PgSslMode::Disable).connect().await
}

#[test]
fn analysts_and_only_they_log_in_by_tcp_with_a_password_that_stays() {
    let data_dir = folder("postgres-tcp");
    let _ = std::fs::remove_dir_all(&data_dir);
    let server = Server::start(&with_tcp(data_dir.clone(), None)).expect("the server starts");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let url = runtime.block_on(async {
        let url = open_for_analysts(&server).await;
        let options: PgConnectOptions = url.parse().expect("a URL");
        let mut analyst = connect(options.clone()).await.expect("an analyst logs in");
        let seen: (String, String, i64) = sqlx::query_as(
            "select current_user::text, host(inet_server_addr()), (select count(*) from analytics.sessions)",
        )
        .fetch_one(&mut analyst)
        .await
        .expect("an analyst reads the views");
        assert_eq!(seen, ("analyst".to_owned(), "127.0.0.1".to_owned(), 0));
        sqlx::query("select from core.sessions").execute(&mut analyst).await.expect_err("the tables are not readable");

        connect(options.clone().password("another")).await.expect_err("a wrong password");
        connect(options.clone().username("tributary")).await.expect_err("the superuser");
        connect(options.clone().database("postgres")).await.expect_err("another database");
        let by_socket = PgConnectOptions::new_without_pgpass().socket(server.socket_dir()).database("tributary");
        connect(by_socket.port(5432).username("analyst")).await.expect("the usual socket works without a password");

        let mut superuser = server.connect_options().connect().await.expect("connects");
        let stored: String = sqlx::query_scalar("select rolpassword from pg_authid where rolname = 'analyst'")
            .fetch_one(&mut superuser)
            .await
            .expect("a verifier");
        assert!(stored.starts_with("SCRAM-SHA-256$"), "{stored}");
        url
    });
    let password = url.split([':', '@']).nth(2).expect("a password");
    let log = std::fs::read_to_string(server.data_dir().join("log")).expect("a log");
    assert!(!log.contains(password), "the server logged the password");
    let file = server.data_dir().join("pgpass");
    let mode = std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(&file).expect("a password file"));
    assert_eq!(mode & 0o777, 0o600);
    drop(server);

    let server = Server::start(&with_tcp(data_dir.clone(), None)).expect("the server starts again");
    assert_eq!(runtime.block_on(open_for_analysts(&server)), url, "port and password stay");
    runtime.block_on(connect(url.parse().expect("a URL"))).expect("an analyst logs in again");
    drop(server);

    assert_eq!(add_row(&start(&data_dir)), 1, "without TCP the socket has its usual name again");
}

#[test]
fn a_port_in_use_is_refused_if_it_was_asked_for() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port();
    let error = Server::start(&with_tcp(folder("postgres-port"), Some(port))).expect_err("it is in use");
    assert!(matches!(error, PostgresError::PortInUse(number) if number == port), "{error}");
}

/// Starts the service with its own server; returns once both accept connections.
fn serve_in_another_process(data_dir: &Path) -> Running {
    let mut app = serve_embedded(data_dir, Stdio::piped());
    let log = app.stderr.take().expect("a log");
    let answers = std::io::BufReader::new(log).lines().map_while(Result::ok).any(|line| line.contains("answering"));
    assert!(answers, "the service ended before it answered");
    app
}

fn first_line(path: &Path) -> u32 {
    std::fs::read_to_string(path).expect("read").lines().next().expect("a line").parse().expect("a number")
}
