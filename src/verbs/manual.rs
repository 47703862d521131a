//! Completions of shells and manual pages, made from the definition of the command line: they cannot differ from it.
//! This module knows no verb.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use clap::Command;
use clap_complete::Shell;

use crate::app::say;

/// Prints the completions of a shell.
pub(super) fn print_completions(mut command: Command, shell: Shell) -> anyhow::Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, "tributary", &mut script);
    say(&String::from_utf8(script)?)?;
    Ok(ExitCode::SUCCESS)
}

/// Writes a manual page of the program and one of each verb into the folder, which is made if it is missing.
pub(super) fn write_pages(command: Command, folder: &Path) -> anyhow::Result<ExitCode> {
    let written = std::fs::create_dir_all(folder).and_then(|()| clap_mangen::generate_to(command, folder));
    written.with_context(|| format!("no manual pages can be written into {}", folder.display()))?;
    Ok(ExitCode::SUCCESS)
}
