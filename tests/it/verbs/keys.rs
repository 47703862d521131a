//! `tributary keys` and a service that needs them, from outside: the real binary, over TLS.

use std::net::TcpListener;
use std::process::Stdio;
use std::time::{Duration, Instant};

use tributary_simulator::Platform;

use crate::harness::processes::{ONCE_A_YEAR, Providers, Stage};
use crate::harness::serving::{certify, client_of};

/// Runs a command; returns whether it succeeded, what it printed, and its remarks.
fn run(stage: &Stage, arguments: &[&str]) -> (bool, String, String) {
    let output = stage.command(arguments).stdout(Stdio::piped()).output().expect("it runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
    (output.status.success(), text(&output.stdout), text(&output.stderr))
}

fn create(stage: &Stage, scopes: &str) -> String {
    let (is_well, key, remark) =
        run(stage, &["keys", "create", "--label", "dash", "--owner", "bi", "--scopes", scopes]);
    assert!(is_well && key.starts_with("trib_live_") && !key.contains('\n'), "{key}\n{remark}");
    assert!(!remark.contains(&key), "only standard output has the key");
    key
}

async fn status(http: &reqwest::Client, url: &str, key: &str) -> Option<u16> {
    let answer = http.get(url).bearer_auth(key).send().await;
    answer.ok().map(|answer| answer.status().as_u16())
}

/// Waits until a request with the key has this status.
async fn until(http: &reqwest::Client, url: &str, key: &str, wanted: u16, within: Duration) {
    let began = Instant::now();
    loop {
        let found = status(http, url, key).await;
        if found == Some(wanted) {
            return;
        }
        assert!(began.elapsed() < within, "{url}: {found:?} and not {wanted}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_made_by_the_command_line_opens_its_scopes_until_it_is_revoked() {
    let providers = Providers::start(&[Platform::Konvo], 20, 0).await;
    let stage = providers.stage(ONCE_A_YEAR, 10).await;
    stage.world.poll().await;
    let folder = stage.folder().to_owned();
    certify(&folder);
    let port = TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr()).expect("a free port").port();
    let at = folder.display();
    stage.configure(&format!(
        "[server]\nlisten = \"127.0.0.1:{port}\"\nauth = \"keys\"\n\
         [server.tls]\ncert_file = \"{at}/cert.pem\"\nkey_file = \"{at}/key.pem\"\n{}",
        stage.world.toml()
    ));
    let (is_well, _, refusal) = run(&stage, &["keys", "create", "--label", "a", "--owner", "b", "--scopes", ""]);
    assert!(!is_well && refusal.contains("there is no scope ``"), "{refusal}");
    let (is_well, _, refusal) = run(
        &stage,
        &["keys", "create", "--label", "a", "--owner", "b", "--scopes", "metrics:read", "--sources", "nowhere"],
    );
    assert!(!is_well && refusal.contains("there is no source `nowhere`"), "{refusal}");
    // a list has one line for each key
    let long = "a".repeat(101);
    for label in ["dash\n0f3c5a7b9d11  active  admin", long.as_str(), " "] {
        let forged = ["keys", "create", "--label", label, "--owner", "b", "--scopes", "metrics:read"];
        let (is_well, _, refusal) = run(&stage, &forged);
        assert!(!is_well && refusal.contains("write 1 to 100 characters, on one line"), "{refusal}");
    }
    let of_all = "metrics:read,people:manage,costs:write";
    let (is_well, _, refusal) =
        run(&stage, &["keys", "create", "--label", "a", "--owner", "b", "--scopes", of_all, "--sources", "konvo"]);
    let expected = "a key limited to sources cannot have costs:write, people:manage: omit --sources";
    assert!(!is_well && refusal.contains(expected), "{refusal}");
    let key = create(&stage, "metrics:read,sessions:read");
    let mut service = stage.start(&["serve", "--role", "api"], "");
    let (http, base) = (client_of(&folder), format!("https://localhost:{port}"));
    let minute = Duration::from_mins(1);
    let figures = format!("{base}/v1/metrics/query?metrics=sessions");
    until(&http, &figures, &key, 200, minute).await;
    let refused = http.get(&figures).send().await.expect("an answer");
    assert_eq!(refused.headers()["strict-transport-security"], "max-age=31536000", "the client came by TLS");
    let session: i64 = stage.number("select min(session_id) from core.sessions").await;
    let messages = format!("{base}/v1/sessions/{session}/messages");
    assert_eq!(status(&http, &messages, &key).await, Some(403));
    let content = create(&stage, "content:read");
    until(&http, &messages, &content, 200, Duration::from_secs(3)).await;
    assert_eq!(
        status(&http, &figures.replace("https", "http"), &content).await,
        None,
        "nothing is answered without TLS"
    );

    let id = key.split('_').nth(2).expect("an id").to_owned();
    let (is_well, successor, remark) = run(&stage, &["keys", "rotate", &id, "--overlap", "1"]);
    assert!(is_well && remark.contains(&format!("succeeds {id}")), "{remark}");
    until(&http, &figures, &successor, 200, Duration::from_secs(3)).await;
    assert_eq!(status(&http, &figures, &key).await, Some(200), "both are usable");
    let (is_well, said, _) = run(&stage, &["keys", "revoke", &id]);
    assert!(is_well, "{said}");
    until(&http, &figures, &key, 401, Duration::from_secs(4)).await;
    let (is_well, list, _) = run(&stage, &["keys", "list"]);
    assert!(
        is_well && list.contains(&format!("{id}  revoked ")) && list.contains("metrics:read,sessions:read"),
        "{list}"
    );

    // a renewed certificate is used by the next connection
    certify(&folder);
    let renewed = client_of(&folder);
    until(&renewed, &figures, &successor, 200, Duration::from_secs(10)).await;
    assert_eq!(service.end().await.code(), Some(0), "{}", service.log());
    assert_eq!(stage.number("select count(*) from analytics.audit where kind = 'read' and status = 200").await, 1);
    for key in [&key, &content, &successor] {
        assert!(!service.log().contains(key.as_str()), "no key in the log");
    }
}
