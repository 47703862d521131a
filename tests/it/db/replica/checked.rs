//! What `tributary check` and a start say of an address that is no replica of the database.

use tokio_util::sync::CancellationToken;
use tributary::app::App;
use tributary::app::checking;
use tributary::app::reloading::Reloads;
use tributary::app::serving;

use super::*;
use crate::harness::db::TestDatabase;

async fn check(app: &App) -> (bool, String) {
    let lines = checking::check(app, |_| ()).await.expect("it looks");
    let line = lines.into_iter().find(|line| line.subject == "replica").expect("a line");
    (line.is_well, line.finding)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_check_judges_the_replica() {
    let pair = Pair::start().await;
    // what the server writes for itself takes a moment
    let began = Instant::now();
    let finding = loop {
        let (is_well, finding) = check(&pair.app("")).await;
        assert!(is_well && began.elapsed() < DEADLINE, "{finding}");
        if finding.contains("it has replayed everything") {
            break finding;
        }
    };
    assert!(finding.contains("set hot_standby_feedback = on"), "{finding}");
    let feedback = "alter system set hot_standby_feedback = on";
    sqlx::query(feedback).execute(&pair.replica).await.expect("set");
    sqlx::query("select pg_reload_conf()").execute(&pair.replica).await.expect("loaded");
    pair.pause().await;
    pair.write(POLL).await;
    let (is_well, finding) = check(&pair.app("")).await;
    assert!(is_well && finding.contains(" bytes of the write-ahead log behind"), "{finding}");
    assert!(finding.ends_with("hot_standby_feedback is on"), "{finding}");

    // the primary by another name
    let (is_well, finding) = check(&pair.app_reading(&pair.url().replace("localhost", "127.0.0.1"), "")).await;
    assert!(!is_well && finding.contains("it is not in recovery"), "{finding}");
    // another database of the replica
    let (is_well, finding) = check(&pair.app_reading(&pair.read_url().replace("/tributary?", "/postgres?"), "")).await;
    assert!(!is_well && finding.contains("is no replica of the one at database.url"), "{finding}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_refuses_another_database_and_uses_no_primary_as_a_replica() {
    let pair = Pair::start().await;
    let other = TestDatabase::new().await;
    let (is_well, finding) = check(&pair.app_reading(&other.url, "")).await;
    assert!(!is_well && finding.contains("is no replica of the one at database.url"), "{finding}");
    let app = pair.app_reading(&other.url, "");
    let refused = serving::serve(&app, Role::Api, CancellationToken::new(), Reloads::none(), |_| ()).await;
    let refused = format!("{:#}", refused.expect_err("it is another database"));
    assert!(refused.contains("is no replica of the one at database.url"), "{refused}");

    let app = pair.app_reading(&pair.url().replace("localhost", "127.0.0.1"), "");
    let (base, stop) = serve(app, Role::Api).await;
    let service = Service { http: client(), base, _stop: stop };
    let answer = service.get(ASKED).await;
    assert_eq!((shown(&answer), is_of_replica(&answer)), (BEFORE, false));
    assert_eq!(service.troubles().await, ["replica_not_standby"]);
}
