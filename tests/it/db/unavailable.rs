//! A database that is unavailable, loses its answer or refuses writes: a run waits for it, or ends with its reason.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::watch;
use tributary_simulator::Platform;

use crate::harness::citus;
use crate::harness::processes::{Providers, Stage};

/// The traffic between the service and its database.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flow {
    All,
    /// Connections are cut, and new ones are cut as soon as they are made.
    Nothing,
    /// Connections stay open, and no byte passes.
    Frozen,
}

/// A valve between the service and its database.
pub(crate) struct Valve {
    pub(crate) url: String,
    pub(crate) flow: watch::Sender<Flow>,
    /// Commits until one is passed on whose response is lost; 0: none is.
    pub(crate) commits_left: Arc<AtomicU32>,
    pub(crate) _task: tokio_util::task::AbortOnDropHandle<()>,
}

impl Valve {
    pub(crate) async fn before(stage: &Stage) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let mut url = reqwest::Url::parse(&stage.world.db.url).expect("an address");
        url.set_query(None);
        url.set_host(Some("127.0.0.1")).expect("an address");
        url.set_port(Some(port)).expect("an address");
        let (flow, watched) = watch::channel(Flow::All);
        let commits_left = Arc::new(AtomicU32::new(0));
        let (options, commits) = (stage.world.db.options.clone(), Arc::clone(&commits_left));
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if *watched.borrow() == Flow::Nothing {
                    continue;
                }
                let (options, watched, commits) = (options.clone(), watched.clone(), Arc::clone(&commits));
                tokio::spawn(async move {
                    match options.get_socket() {
                        Some(folder) => {
                            let path = folder.join(format!(".s.PGSQL.{}", options.get_port()));
                            pass(client, UnixStream::connect(path).await.expect("the server"), watched, commits).await;
                        }
                        None if options.get_host().starts_with('/') => {
                            let path = format!("{}/.s.PGSQL.{}", options.get_host(), options.get_port());
                            pass(client, UnixStream::connect(path).await.expect("the server"), watched, commits).await;
                        }
                        None => {
                            let address = (options.get_host(), options.get_port());
                            pass(client, TcpStream::connect(address).await.expect("the server"), watched, commits)
                                .await;
                        }
                    }
                });
            }
        });
        let task = tokio_util::task::AbortOnDropHandle::new(task);
        Self { url: url.to_string(), flow, commits_left, _task: task }
    }
}

async fn pass(
    mut client: TcpStream,
    mut server: impl AsyncRead + AsyncWrite + Unpin,
    mut flow: watch::Receiver<Flow>,
    commits_left: Arc<AtomicU32>,
) {
    let (mut up, mut down) = (vec![0; 65_536], vec![0; 65_536]);
    loop {
        let now = *flow.borrow_and_update();
        if now == Flow::Nothing {
            return;
        }
        tokio::select! {
            changed = flow.changed() => if changed.is_err() { return },
            read = client.read(&mut up), if now == Flow::All => {
                let Ok(length @ 1..) = read else { return };
                if server.write_all(&up[..length]).await.is_err() {
                    return;
                }
                let is_commit = up[..length].windows(7).any(|bytes| bytes == b"COMMIT\0");
                let was_left = |left: u32| left.checked_sub(1);
                if is_commit && commits_left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, was_left) == Ok(1) {
                    // the server has committed; the client receives no response
                    let _ = server.read(&mut down).await;
                    return;
                }
            }
            read = server.read(&mut down), if now == Flow::All => {
                let Ok(length @ 1..) = read else { return };
                if client.write_all(&down[..length]).await.is_err() {
                    return;
                }
            }
        }
    }
}

#[tokio::test]
async fn f73_a_database_that_is_down_at_the_start_is_waited_for() {
    let providers = Providers::start(&[Platform::Konvo], 60, 0).await;
    let quiet = providers.quiet_tables().await;
    let mut stage = providers.stage("", 5).await;
    let valve = Valve::before(&stage).await;
    stage.url.clone_from(&valve.url);
    valve.flow.send_replace(Flow::Nothing);
    let mut poll = stage.start(&["poll"], "");
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert!(poll.child.try_wait().expect("its state").is_none(), "it waits\n{}", poll.log());
    valve.flow.send_replace(Flow::All);
    assert!(poll.ended().await.success(), "{}", poll.log());
    stage.assert_true(&providers, &quiet).await;
}

#[tokio::test]
async fn a_start_that_waits_says_why_the_database_gives_no_connection() {
    let providers = Providers::start(&[Platform::Konvo], 1, 0).await;
    let mut stage = providers.stage("", 5).await;
    let valve = Valve::before(&stage).await;
    stage.url.clone_from(&valve.url);
    for (flow, reason, other) in [
        (Flow::Nothing, "The database cannot be reached. Trying again.", "does not respond"),
        (Flow::Frozen, "The database does not respond in time. Trying again.", "cannot be reached"),
    ] {
        valve.flow.send_replace(flow);
        let mut poll = stage.start(&["poll"], "");
        poll.logged(reason).await;
        valve.flow.send_replace(Flow::All);
        assert!(poll.ended().await.success(), "{}", poll.log());
        assert!(!poll.log().contains(other), "{}", poll.log());
    }
}

#[tokio::test]
async fn f73_a_database_lost_in_the_middle_of_a_run_is_waited_for() {
    let providers = Providers::start(&[Platform::Konvo], 200, 0).await;
    let quiet = providers.quiet_tables().await;
    let mut stage = providers.stage("", 10).await;
    let valve = Valve::before(&stage).await;
    stage.url.clone_from(&valve.url);
    providers.slow_down(Duration::from_millis(150));
    let mut poll = stage.start(&["poll"], "");
    stage.until(3, "select coalesce(max(page_count), 0)::bigint from ingest.runs").await;
    valve.flow.send_replace(Flow::Nothing);
    tokio::time::sleep(Duration::from_secs(2)).await;
    valve.flow.send_replace(Flow::All);
    assert!(poll.ended().await.success(), "{}\n{}", poll.log(), stage.runs().await);
    stage.assert_true(&providers, &quiet).await;
    assert_eq!(stage.number("select count(*) from ingest.runs").await, 1, "one run, which waited");
}

#[tokio::test]
async fn f73_a_commit_whose_answer_is_lost_is_repeated_and_counted_once() {
    let providers = Providers::start(&[Platform::Konvo], 400, 0).await;
    let quiet = providers.quiet_tables().await;
    let mut stage = providers.stage("", 10).await;
    let valve = Valve::before(&stage).await;
    stage.url.clone_from(&valve.url);
    providers.slow_down(Duration::from_millis(150));
    let mut poll = stage.start(&["poll"], "");
    stage.until(2, "select coalesce(max(page_count), 0)::bigint from ingest.runs").await;
    valve.commits_left.store(1, Ordering::SeqCst);
    assert!(poll.ended().await.success(), "{}\n{}", poll.log(), stage.runs().await);
    assert_eq!(valve.commits_left.load(Ordering::SeqCst), 0, "an answer was lost");
    stage.assert_true(&providers, &quiet).await;
    let repeated = "select unchanged_count from ingest.runs";
    assert_eq!(stage.number(repeated).await, 20, "the page was there already when it was saved again");
}

/// The server refuses the first writes of records with this code.
async fn refused_with(code: &str) -> (Stage, Providers, Vec<String>) {
    let providers = Providers::start(&[Platform::Konvo], 60, 0).await;
    let quiet = providers.quiet_tables().await;
    let stage = providers.stage("", 45).await;
    let table = citus::table_with_trigger("ingest.raw_records");
    let sabotage = format!(
        "create sequence public.writes;
         create function public.refuse() returns trigger language plpgsql as $$
         begin
           if nextval('public.writes') between 2 and 4 then raise exception 'refused' using errcode = '{code}'; end if;
           return null;
         end $$;
         create trigger refuse before insert on {table} for each statement execute function public.refuse()"
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(sabotage)).execute(&stage.world.db.pool).await.expect("a trigger");
    (stage, providers, quiet)
}

/// The run waits until the fault is over.
async fn passes(code: &str) {
    let (stage, providers, quiet) = refused_with(code).await;
    let lines = stage.world.poll().await;
    assert!(lines[0].is_complete(), "{lines:?}");
    stage.assert_true(&providers, &quiet).await;
    assert_eq!(stage.number("select count(*) from ingest.runs").await, 1);
}

/// The run ends with a failure; the next ones continue.
async fn ends_the_run(code: &str) {
    let (stage, providers, quiet) = refused_with(code).await;
    let lines = stage.world.poll().await;
    assert_eq!(lines[0].result, "failed", "{lines:?}");
    let detail = lines[0].detail.clone().unwrap_or_default();
    assert!(detail.contains("database") && detail.contains(code), "{detail}");
    for _ in 0..3 {
        stage.world.poll().await;
    }
    let last = "select verdict from ingest.runs order by run_id desc limit 1";
    assert_eq!(stage.world.text(last).await.as_deref(), Some("complete"), "{}", stage.runs().await);
    stage.assert_true(&providers, &quiet).await;
}

macro_rules! refusals {
    ($($name:ident: $code:literal $what:ident,)*) => { $(#[tokio::test] async fn $name() { $what($code).await; })* };
}

refusals! {
    f74_a_deadlock_40p01_is_tried_again: "40P01" passes,
    f74_a_serialization_failure_40001_is_tried_again: "40001" passes,
    f74_a_lock_timeout_55p03_is_tried_again: "55P03" passes,
    f74_an_admin_shutdown_57p01_is_tried_again: "57P01" passes,
    f74_too_many_connections_53300_is_tried_again: "53300" passes,
    f74_a_read_only_failover_25006_is_tried_again: "25006" passes,
    f74_a_full_disk_53100_ends_the_run_honestly: "53100" ends_the_run,
    f74_a_statement_timeout_57014_ends_the_run_honestly: "57014" ends_the_run,
}
