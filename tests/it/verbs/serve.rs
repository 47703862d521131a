//! `tributary serve`: secrets and settings that change while it runs, and SIGTERM during a wait.

use std::sync::Arc;
use std::time::Duration;

use rustix::process::Signal;
use tokio_util::sync::CancellationToken;
use tributary::app::reloading::Reloads;
use tributary::app::serving::{self, Role};
use tributary::clock::SystemClock;
use tributary::db::DatabaseTrouble;
use tributary_simulator::Platform;
use tributary_simulator::faults::{Effect, Fault, RetryAfter};
use tributary_simulator::quirks::Quirks;

use crate::harness::processes::{EVERY_SECOND, ONCE_A_YEAR, Providers, Stage};
use crate::harness::serving::free_port;
use crate::harness::{API_KEY, World, citus, plain_feed};

const COMPLETE: &str = "select count(*) from ingest.runs where stream = 'sessions' and verdict = 'complete'";

/// Returns the number of complete runs of a source.
async fn complete(stage: &Stage, slug: &str) -> i64 {
    let sql = "select count(*) from ingest.runs join core.sources using (source_id)
                where source_slug = $1 and stream = 'sessions' and verdict = 'complete'";
    sqlx::query_scalar(sql).bind(slug).fetch_one(&stage.world.db.pool).await.expect("a number")
}

/// Returns the outcomes of the reloads of the configuration, oldest first.
async fn outcomes(stage: &Stage) -> Vec<String> {
    let sql = "select target from ingest.operations where kind = 'reload' order by operation_id";
    sqlx::query_scalar(sql).fetch_all(&stage.world.db.pool).await.expect("a journal")
}

const RELOADS: &str = "select count(*) from ingest.operations where kind = 'reload'";

#[tokio::test]
async fn f22_c18_a_key_file_that_is_rewritten_is_used_with_the_next_call() {
    let providers = Providers::start(&[Platform::Konvo], 20, 0).await;
    let stage = providers.stage(EVERY_SECOND, 10).await;
    let file = stage.folder().join("api-key");
    std::fs::write(&file, "the-old-key\n").expect("a key");
    let toml = stage.world.toml();
    stage.configure(&toml.replace("api_key_env = \"TEST_KEY\"", &format!("api_key_file = \"{}\"", file.display())));
    let mut poller = stage.poller("");
    stage.until(1, "select count(*) from ingest.runs where error_class = 'auth_failed'").await;
    std::fs::write(&file, format!("{API_KEY}\n")).expect("another key");
    stage.until(1, COMPLETE).await;
    let asked = providers.simulators[0].1.requests();
    let key = |headers: &[(String, String)]| {
        let sent = headers.iter().find(|(name, _)| name == "x-api-key");
        sent.map(|(_, key)| key.clone()).unwrap_or_default()
    };
    let keys: Vec<String> = asked.iter().map(|request| key(&request.headers)).collect();
    let first_new = keys.iter().position(|key| key == API_KEY).expect("the new key was used");
    assert!(keys[..first_new].iter().all(|key| key == "the-old-key"), "{keys:?}");
    assert!(keys[first_new..].iter().all(|key| key == API_KEY), "the old key was used again: {keys:?}");

    // a file that is being written, or does not exist, leaves the last key in force
    let before = complete(&stage, "konvo").await;
    std::fs::write(&file, "").expect("an empty file");
    stage.until(before + 2, COMPLETE).await;
    std::fs::remove_file(&file).expect("gone");
    let before = complete(&stage, "konvo").await;
    stage.until(before + 2, COMPLETE).await;
    assert_eq!(poller.end().await.code(), Some(0), "{}", poller.log());
    assert!(!poller.log().contains(API_KEY) && !poller.log().contains("the-old-key"), "no key in the log");
}

#[tokio::test]
async fn f81_sighup_adds_changes_and_removes_sources_and_a_faulty_file_changes_nothing() {
    let providers = Providers::start(&[Platform::Konvo, Platform::Konpro], 20, 0).await;
    let stage = providers.stage(ONCE_A_YEAR, 10).await;
    let whole = stage.world.toml();
    let at = whole.rfind("[[sources]]").expect("two sources");
    let end = whole.find("[http]").expect("a section");
    let (konvo, konpro, http) = (&whole[..at], &whole[at..end], &whole[end..]);
    stage.configure(&[konvo, http].concat());
    let mut poller = stage.poller("");
    stage.until(1, COMPLETE).await;
    assert_eq!(complete(&stage, "konpro").await, 0);

    // one more source
    stage.configure(&whole);
    poller.signal(Signal::HUP);
    stage.until(1, RELOADS).await;
    stage.until(2, COMPLETE).await;
    assert_eq!(complete(&stage, "konpro").await, 1);
    assert_eq!(complete(&stage, "konvo").await, 1, "the other one was left alone");
    assert_eq!(outcomes(&stage).await, ["applied: 1 unchanged; added konpro"]);

    // faults: all of them are reported, and nothing changes
    stage.configure(&whole.replace("page_size = 20", "page_size = 0").replace("schedule", "shedule"));
    poller.signal(Signal::HUP);
    stage.until(2, RELOADS).await;
    let refused = outcomes(&stage).await.pop().expect("an outcome");
    for expected in
        ["refused: ", "sources[0].page_size", "sources[1].page_size", "sources[0].shedule", "did you mean `schedule`"]
    {
        assert!(refused.contains(expected), "`{expected}` is missing in: {refused}");
    }
    poller.logged("the old one stays in force").await;
    assert_eq!(stage.number("select count(*) from core.sources where is_enabled").await, 2);

    // an account that is stored under another slug is not a new source
    stage.configure(&whole.replace("slug = \"konvo\"", "slug = \"konvo-eu\""));
    poller.signal(Signal::HUP);
    stage.until(3, RELOADS).await;
    let refused = outcomes(&stage).await.pop().expect("an outcome");
    assert!(refused.contains("tributary sources rename konvo konvo-eu"), "{refused}");

    // another schedule for one
    stage.configure(&[konvo, &konpro.replace(ONCE_A_YEAR, EVERY_SECOND), http].concat());
    poller.signal(Signal::HUP);
    stage.until(4, RELOADS).await;
    let before = complete(&stage, "konpro").await;
    stage.until(before + 3, COMPLETE).await;
    assert_eq!(complete(&stage, "konvo").await, 1, "{:?}", outcomes(&stage).await);
    assert_eq!(outcomes(&stage).await.last().map(String::as_str), Some("applied: 1 unchanged; changed konpro"));

    // removed: it is not polled any more, and its stored data stays
    stage.configure(&[konvo, http].concat());
    poller.signal(Signal::HUP);
    stage.until(5, RELOADS).await;
    let konpro_calls = || providers.simulators[1].1.requests().len();
    let asked = konpro_calls();
    tokio::time::sleep(std::time::Duration::from_millis(2_500)).await;
    assert_eq!(konpro_calls(), asked, "{}", poller.log());
    assert_eq!(outcomes(&stage).await.last().map(String::as_str), Some("applied: 1 unchanged; removed konpro"));
    assert_eq!(stage.number("select count(*) from core.sources where not is_enabled").await, 1);
    assert_eq!(stage.number("select count(*) from core.sessions").await, 40);
    assert!(poller.end().await.success(), "{}", poller.log());
}

#[tokio::test]
async fn a_reload_names_alerts_and_what_waits_for_the_next_start() {
    let providers = Providers::start(&[Platform::Konvo], 20, 0).await;
    let stage = providers.stage(ONCE_A_YEAR, 10).await;
    let plain = stage.world.toml();
    stage.configure(&plain);
    let mut poller = stage.poller("");
    stage.until(1, COMPLETE).await;
    // another address of the database waits for the next start, and is named as often as the file is read
    let secret = stage.folder().join("alert-key");
    std::fs::write(&secret, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("a key");
    let alert = format!(
        "[[alerts]]\nname = \"quiet\"\nquery = \"metrics=sessions\"\nbelow = 1\n\
         url = \"https://example.com/a\"\nsecret_file = \"{}\"\n",
        secret.display()
    );
    let elsewhere = format!("[database]\nurl = \"postgres://ada:hidden@127.0.0.1:9/x\"\n{plain}");
    let waiting = "; [database] differ and take effect at the next start";
    for (number, toml, outcome) in [
        (1, elsewhere.clone() + &alert, format!("applied: 1 unchanged; added alert quiet{waiting}")),
        (2, elsewhere.clone(), format!("applied: 1 unchanged; removed alert quiet{waiting}")),
        (3, plain, "applied: 1 unchanged".to_owned()),
    ] {
        stage.configure(&toml);
        poller.signal(Signal::HUP);
        stage.until(number, RELOADS).await;
        assert_eq!(outcomes(&stage).await.pop(), Some(outcome));
    }
    assert!(!poller.log().contains("hidden"), "an address is not printed");
    assert!(poller.end().await.success(), "{}", poller.log());
}

#[tokio::test]
async fn f83_sigterm_ends_a_poller_that_waits_for_an_hour() {
    let providers = Providers::start(&[Platform::Konvo], 20, 0).await;
    let stage = providers.stage(EVERY_SECOND, 5).await;
    providers.simulators[0].1.script(vec![Fault::new(Effect::RateLimited(RetryAfter::Seconds(3_600))).forever()]);
    let mut poller = stage.poller("");
    stage.until(1, "select count(*) from ingest.streams where parked_until > now() + interval '50 minutes'").await;
    let began = std::time::Instant::now();
    assert!(poller.end().await.success(), "{}", poller.log());
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    assert_eq!(providers.simulators[0].1.requests().len(), 1, "no second call was made");
}

#[tokio::test]
async fn sigterm_ends_a_pass_over_many_files_within_seconds() {
    let providers = Providers::start(&[Platform::Realtimekit], 0, 80).await;
    let stage = providers.stage(ONCE_A_YEAR, 10).await;
    providers.slow_down(Duration::from_millis(40));
    let mut poller = stage.poller("");
    stage.until(10, "select count(*) from ingest.artifact_tasks where state = 'available'").await;
    let left = stage.number("select count(*) from ingest.artifact_tasks where next_try_at is not null").await;
    assert!(left > 50, "{left}: it would have ended anyway");
    let (asked, began) = (providers.simulators[0].1.requests().len(), std::time::Instant::now());
    assert!(poller.end().await.success(), "{}", poller.log());
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    let more = providers.simulators[0].1.requests().len() - asked;
    assert!(more < 40, "{more} calls after the signal");
    assert!(!poller.log().contains("PoolClosed"), "{}", poller.log());
    assert_eq!(stage.number("select count(*) from ingest.artifact_tasks where claimed_until is not null").await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dry_run_tries_addresses_and_starts_nothing() {
    let providers = Providers::start(&[Platform::Konvo], 5, 0).await;
    let stage = providers.stage(EVERY_SECOND, 10).await;
    let held = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let taken = held.local_addr().expect("an address");
    let run = |listen: std::net::SocketAddr| {
        stage.configure(&format!("[server]\nlisten = \"{listen}\"\n{}", stage.world.toml()));
        let output =
            stage.command(&["serve", "--dry-run"]).stdout(std::process::Stdio::piped()).output().expect("it runs");
        (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let (is_well, text) = tokio::task::block_in_place(|| run(([127, 0, 0, 1], free_port()).into()));
    assert!(is_well && text.contains("ok   writes") && text.contains("is free"), "{text}");
    assert_eq!(stage.number("select count(*) from ingest.runs").await, 0, "it polls nothing");
    let (is_well, text) = tokio::task::block_in_place(|| run(taken));
    assert!(!is_well && text.contains("FAIL address"), "{text}");
}

#[tokio::test]
async fn a_poller_answers_probes_on_an_address_of_its_own() {
    let providers = Providers::start(&[Platform::Konvo], 20, 0).await;
    let stage = providers.stage(ONCE_A_YEAR, 10).await;
    let port = free_port();
    stage.configure(&format!("[server]\nops_listen = \"127.0.0.1:{port}\"\n{}", stage.world.toml()));
    let mut poller = stage.poller("");
    stage.until(1, COMPLETE).await;
    let http = crate::harness::serving::client();
    let status = async |path: &str, host: &str| {
        let asked = http.get(format!("http://127.0.0.1:{port}{path}")).header("host", host);
        asked.send().await.expect("an answer").status().as_u16()
    };
    // probes name the address by which they reach the process
    for host in ["127.0.0.1", "10.1.2.3:8081"] {
        assert_eq!((status("/healthz", host).await, status("/readyz", host).await), (200, 200), "{}", poller.log());
    }
    let scrape = http.get(format!("http://127.0.0.1:{port}/metrics")).send().await.expect("an answer");
    let scrape = scrape.text().await.expect("a text");
    for line in ["tributary_stream_failing{", "tributary_runs_total{"] {
        let of_source = scrape.lines().find(|one| one.starts_with(line) && one.contains("source=\"konvo\""));
        assert!(of_source.is_some(), "{line} {scrape}");
    }
    for (pool, is_there) in [("probe", true), ("poll", true), ("answer", false)] {
        assert_eq!(
            scrape.contains(&format!("tributary_pool_connections_limit{{pool=\"{pool}\"}}")),
            is_there,
            "{scrape}"
        );
    }
    assert_eq!(status("/v1/sessions", "127.0.0.1").await, 404, "it answers nothing else");
    assert_eq!(status("/v1/sessions", "evil.example").await, 421);
    assert!(poller.end().await.success(), "{}", poller.log());
}

#[tokio::test]
async fn idle_callers_take_no_sockets_from_polls() {
    let providers = Providers::start(&[Platform::Konvo], 20, 0).await;
    let stage = providers.stage(EVERY_SECOND, 10).await;
    let port = free_port();
    stage.configure(&format!("[server]\nlisten = \"127.0.0.1:{port}\"\n{}", stage.world.toml()));
    let mut service = stage.start_within("ulimit -n 128", &["serve"]);
    stage.until(1, COMPLETE).await;
    let mut callers = Vec::new();
    for _ in 0..300 {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let mut caller = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.expect("it is accepted");
        caller.write_all(b"GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n").await.expect("sent");
        let mut answer = [0; 12];
        caller.read_exact(&mut answer).await.expect("an answer");
        assert_eq!(&answer, b"HTTP/1.1 200");
        callers.push(caller);
    }
    let before = complete(&stage, "konvo").await;
    stage.until(before + 3, COMPLETE).await;
    assert!(!service.log().contains("Too many open files"), "{}", service.log());
    assert!(service.end().await.success(), "{}", service.log());
}

/// Signs of life need no more space, and succeed: only polls meet the full disk. The demo is such a service.
#[tokio::test]
async fn a_service_that_ends_on_a_full_disk_ends_where_only_polls_meet_it() {
    let mut world = World::new().await.with_settings(EVERY_SECOND);
    let _provider = world.simulate(Platform::Konvo, plain_feed(Platform::Konvo, 3), Quirks::default()).await;
    let table = citus::table_with_trigger("core.sessions");
    let refuse = format!(
        "create function public.full_disk() returns trigger language plpgsql as $$
         begin raise exception 'No space left on device' using errcode = '53100'; end $$;
         create trigger full_disk before insert on {table} execute function public.full_disk()"
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(refuse)).execute(&world.db.pool).await.expect("a full disk");
    let mut app = world.app_at(Arc::new(SystemClock));
    app.ends_on_full_disk = true;
    let served = serving::serve(&app, Role::Poller, CancellationToken::new(), Reloads::none(), |_| {});
    let ended = tokio::time::timeout(Duration::from_mins(1), Box::pin(served)).await.expect("it ends");
    assert!(ended.expect_err("a reason").to_string().contains("the disk is full"));
    assert_eq!(app.writes.trouble(), Some(DatabaseTrouble::DiskFull));
}
