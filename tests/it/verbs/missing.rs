//! What verbs say where an alert, a database or a configuration is missing.

use std::process::Output;

use crate::harness::processes::{ONCE_A_YEAR, Providers, Stage};

fn run(stage: &Stage, arguments: &[&str]) -> Output {
    let mut command = stage.command(arguments);
    command.stdout(std::process::Stdio::piped()).output().expect("it runs")
}

#[tokio::test]
async fn what_is_missing_is_said_once_with_the_way_out() {
    let providers = Providers::start(&[], 0, 0).await;
    let mut stage = providers.stage(ONCE_A_YEAR, 10).await;
    let none = "no alert is configured: add an [[alerts]] section\n";
    let listed = run(&stage, &["alerts", "list"]);
    assert_eq!((listed.status.code(), String::from_utf8_lossy(&listed.stdout).as_ref()), (Some(0), none));
    let tested = run(&stage, &["alerts", "test"]);
    assert_eq!(tested.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&tested.stderr).ends_with(none), "{tested:?}");
    stage.url = stage.url.replacen("/tributary_test_", "/missing_", 1);
    let refused = run(&stage, &["migrate"]);
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    let reasons = told.lines().filter(|line| line.starts_with("tributary: ")).collect::<String>();
    assert_eq!(reasons.matches("does not exist").count(), 1, "a reason is said once: {told}");
    std::fs::remove_file(stage.folder().join("tributary.toml")).expect("removed");
    let refused = run(&stage, &["check"]);
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(told.ends_with("; name a file with --config or TRIBUTARY_CONFIG\n"), "{told}");
}
