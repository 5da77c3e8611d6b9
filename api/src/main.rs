//! `workbench`: the daemon and its tools.

use std::process::ExitCode;

fn main() -> ExitCode {
    workbench_api::cli::run()
}
