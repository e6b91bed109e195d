//! `nasbench completions`: shell completions of our commands, and of the names that they take.

use std::io::Write as _;

use clap::builder::PossibleValuesParser;
use clap::{Arg, Command, CommandFactory as _};
use clap_complete::Shell;
use nasbench::dataset::DATASETS;
use nasbench::guide::CHAPTERS;
use nasbench::objective::OBJECTIVES;
use nasbench::search::ALGORITHMS;
use nasbench::surrogate::SURROGATES;
use nasbench::train::PROTOCOLS;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The shell.
    shell: Shell,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut named(super::Arguments::command()), "nasbench", &mut script);
    Ok(std::io::stdout().write_all(&script)?)
}

/// The same commands, whose arguments tell the names that they know. Where they are read the library says what is unknown, in its own words.
fn named(command: Command) -> Command {
    command.mut_args(known).mut_subcommands(named)
}

fn known(argument: Arg) -> Arg {
    let names: Vec<&'static str> = match argument.get_id().as_str() {
        "algorithm" | "algorithms" | "baseline" => ALGORITHMS.iter().map(|entry| entry.name).collect(),
        "dataset" => DATASETS.iter().map(|entry| entry.name).collect(),
        "protocol" => PROTOCOLS.iter().map(|entry| entry.name).collect(),
        "objectives" | "front" => OBJECTIVES.iter().map(|objective| objective.name).collect(),
        "surrogates" => SURROGATES.iter().map(|entry| entry.name).collect(),
        "chapter" => CHAPTERS.iter().map(|chapter| chapter.name).collect(),
        _ => return argument,
    };
    argument.value_parser(PossibleValuesParser::new(names))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_completed() {
        let mut script = Vec::new();
        clap_complete::generate(Shell::Bash, &mut named(super::super::Arguments::command()), "nasbench", &mut script);
        let script = String::from_utf8(script).unwrap();
        for name in ["regularized-evolution", "fashion-clutter", "activation-memory", "objectives"] {
            assert!(script.contains(name), "{name}");
        }
    }
}
