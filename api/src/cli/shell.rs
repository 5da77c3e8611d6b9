//! `workbench completions` and `workbench manpages`: made from the commands themselves.

use std::path::PathBuf;

use clap::{Args, Command};
use clap_complete::Shell;
use miette::{IntoDiagnostic, Result, WrapErr};

/// `workbench completions`.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

/// Prints what a shell reads to complete our commands.
pub fn completions(args: &CompletionsArgs, command: &Command) {
    clap_complete::generate(args.shell, &mut command.clone(), "workbench", &mut std::io::stdout());
}

/// `workbench manpages`.
#[derive(Debug, Args)]
pub struct ManpagesArgs {
    /// Folder to write them to; it is made where it is not there
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

/// Writes one page for each command.
pub fn manpages(args: &ManpagesArgs, command: &Command) -> Result<()> {
    let failed = || format!("the pages cannot be written to `{}`", args.folder.display());
    std::fs::create_dir_all(&args.folder).into_diagnostic().wrap_err_with(failed)?;
    clap_mangen::generate_to(command.clone(), &args.folder).into_diagnostic().wrap_err_with(failed)
}
