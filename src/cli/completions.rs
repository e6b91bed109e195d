//! `nasbench completions`: shell completions of our commands.

use std::io::Write as _;

use clap::CommandFactory as _;
use clap_complete::Shell;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The shell.
    shell: Shell,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut super::Arguments::command(), "nasbench", &mut script);
    Ok(std::io::stdout().write_all(&script)?)
}
