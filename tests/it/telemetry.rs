//! A log that is not read stops neither polls nor responses.

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tributary_simulator::Platform;
use tributary_simulator::quirks::Quirks;

use crate::harness::{World, plain_feed};

/// A service whose log is not read. The pipe holds 64 KiB; one line a call fills it soon.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f82_an_unread_log_stops_neither_polls_nor_answers() {
    let mut world = World::new().await.with_settings("schedule = \"* * * * * *\"");
    let provider = world.simulate(Platform::Konvo, plain_feed(Platform::Konvo, 30), Quirks::default()).await;
    let folder = std::env::temp_dir().join(format!("tributary-log-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let config = folder.join("tributary.toml");
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("an address");
    std::fs::write(&config, format!("[server]\nlisten = \"{free}\"\n{}", world.toml())).expect("a config file");
    let mut child = Command::new(env!("CARGO_BIN_EXE_tributary"))
        .arg("--config")
        .arg(&config)
        .arg("serve")
        .env_clear()
        .envs(world.environment())
        .env("DATABASE_URL", &world.db.url)
        .env("TRIBUTARY_LOG", "trace")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let http = tributary::connector::http::http_client(tributary::connector::http::HttpLimits::default());
    let http = http.expect("a client");
    let answered = async |times: usize| {
        let started = Instant::now();
        let mut answers = 0;
        while answers < times && started.elapsed() < Duration::from_secs(40) {
            let answer = http.get(format!("http://{free}/healthz")).timeout(Duration::from_secs(5)).send().await;
            answers += usize::from(answer.is_ok_and(|answer| answer.status().is_success()));
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        answers
    };
    let first = answered(300).await;
    let calls = provider.requests().len();
    let started = Instant::now();
    while provider.requests().len() <= calls && started.elapsed() < Duration::from_secs(15) {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let goes_on = provider.requests().len() > calls;
    let second = answered(5).await;
    // the log is read again, and its lines are whole
    let mut log = child.stderr.take().expect("its log");
    let reading = std::thread::spawn(move || {
        let mut text = String::new();
        let _ = log.read_to_string(&mut text);
        text
    });
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let id = rustix::process::Pid::from_raw(i32::try_from(child.id()).expect("a process id")).expect("a process id");
    rustix::process::kill_process(id, rustix::process::Signal::TERM).expect("it is told to stop");
    let ended = tokio::task::spawn_blocking(move || child.wait()).await.expect("it ends").expect("a status");
    let text = reading.join().expect("the log");
    std::fs::remove_dir_all(&folder).expect("cleaned up");
    assert_eq!((first, second), (300, 5), "it answers while its log is blocked");
    assert!(goes_on, "it polls while its log is blocked");
    assert!(ended.success(), "{ended}");
    assert!(text.len() > 3 * 65_536, "{} bytes were logged: the pipe was never full", text.len());
    for line in BufReader::new(text.as_bytes()).lines().map(|line| line.expect("text")) {
        assert!(serde_json::from_str::<serde_json::Value>(&line).is_ok(), "a broken line: {line}");
    }
}
