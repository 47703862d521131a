//! The binary; everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    tributary::verbs::run_command_line()
}
