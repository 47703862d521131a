//! `tributary windows`: unproven ranges are listed, accepted and reopened.

use clap::{Args, FromArgMatches};
use tributary::app::windows::{self, WindowsArgs};

use crate::api::sync_windows::world_with_a_hole;

#[tokio::test]
async fn the_command_line_accepts_and_reopens() {
    let (world, _simulator, _feed) = world_with_a_hole().await;
    let run = async |line: &str| {
        let command = WindowsArgs::augment_args(clap::Command::new("windows"));
        let matches = command.try_get_matches_from(line.split(' ')).expect("arguments");
        let args = WindowsArgs::from_arg_matches(&matches).expect("arguments");
        let code = windows::run(&world.app(), &args, "ada, by the command line").await.expect("it runs");
        format!("{code:?}")
    };
    let success = format!("{:?}", std::process::ExitCode::SUCCESS);
    assert_eq!(run("windows list").await, success);
    let range = "--source konpro --from 2026-02-18 --to 2026-02-19";
    assert_eq!(run(&format!("windows accept {range} --note lost")).await, success);
    let standing =
        "select string_agg(accepted_by || ': ' || note, ',') from ingest.accepted_gaps where reopened_at is null";
    assert_eq!(world.text(standing).await.as_deref(), Some("ada, by the command line: lost"));
    assert_ne!(run(&format!("windows accept {range} --note again")).await, success, "nothing is left to accept");
    assert_eq!(run("windows list --json").await, success);
    assert_eq!(run(&format!("windows reopen {range}")).await, success);
    assert_eq!(world.text(standing).await, None);
}
