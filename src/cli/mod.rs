//! The command line: one file per command, in the order of the pipeline. Only this module prints.
//!
//! Data goes to standard output, everything else to standard error.

mod analyse;
mod assess;
mod benchmark;
mod cell;
mod check;
mod cluster;
mod compact;
mod compare;
mod completions;
mod devices;
mod evaluate;
mod export;
mod external;
mod figures;
mod fit;
mod format;
mod goals;
#[cfg(feature = "sql")]
mod guarded;
mod guide;
mod images;
mod import;
mod info;
mod latency;
mod list;
mod lists;
mod memory;
mod merge;
mod outputs;
mod plan;
mod predict;
mod progress;
mod query;
mod record;
mod recorded;
mod recording;
mod retrain;
mod run;
mod search;
mod serve;
mod signals;
mod space;
#[cfg_attr(not(feature = "sql"), path = "without_sql.rs")]
mod sql;
mod steps;
mod train;
mod watch;

use std::io::Write as _;
use std::process::ExitCode;

use anstream::ColorChoice;
use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use nasbench::engine::panic_text;
use nasbench::print::quoted;

/// Regenerates, searches and verifies tabular benchmarks of neural architecture search.
///
/// A cell of the NAS-Bench-101 space is trained once and recorded, never trained again: searches query the records, or a surrogate fitted
/// on them. Start with `nasbench run`, which does all steps on a small scale.
#[derive(Debug, Parser)]
#[command(name = "nasbench", version, propagate_version = true, max_term_width = 100)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,

    #[command(flatten)]
    global: Global,
}

#[derive(Debug, clap::Args)]
struct Global {
    /// Print more: a line for each model, or for each epoch of `nasbench train`.
    #[arg(short, long, global = true, conflicts_with = "quiet")]
    verbose: bool,

    /// Print only the result and errors.
    #[arg(short, long, global = true)]
    quiet: bool,

    /// When to use colours.
    #[arg(long, global = true, value_enum, default_value_t = clap::ColorChoice::Auto, value_name = "WHEN")]
    color: clap::ColorChoice,

    /// The command line to repeat, for reports.
    #[arg(skip)]
    repeats: String,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the pipeline: train and record a space, fit surrogates, search, verify winners, report.
    Run(run::Arguments),
    /// Count, list, draw, sample and connect the cells of a space.
    Space(space::Arguments),
    Plan(plan::Arguments),
    Record(record::Arguments),
    Watch(watch::Arguments),
    Cluster(cluster::Arguments),
    Train(train::Arguments),
    Evaluate(evaluate::Arguments),
    Compact(compact::Arguments),
    Check(check::Arguments),
    Merge(merge::Arguments),
    /// Import the official release or a table as a benchmark: CSV, JSON, Parquet, Arrow.
    Import(import::Arguments),
    /// Look up results of cells: by hash, matrix or edges, or the best of all.
    Query(query::Arguments),
    Info(info::Arguments),
    /// Analyse the landscape of a table.
    Analyse(analyse::Arguments),
    Latency(latency::Arguments),
    Export(export::Arguments),
    Fit(fit::Arguments),
    Predict(predict::Arguments),
    Assess(assess::Arguments),
    Search(search::Arguments),
    Compare(compare::Arguments),
    Serve(serve::Arguments),
    Devices(devices::Arguments),
    /// List available algorithms, surrogates, datasets, protocols, encodings and more.
    List(list::Arguments),
    Guide(guide::Arguments),
    /// Print shell completions.
    Completions(completions::Arguments),
}

/// Reads the command line; wrong usage ends the program with exit code 2.
pub(crate) fn parse() -> Arguments {
    // The colour of clap's own messages must be known before it reads the arguments.
    let typed: Vec<_> = std::env::args_os().collect();
    let matches = Arguments::command().color(typed_color(&typed)).get_matches_from(&typed);
    let mut arguments = Arguments::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    arguments.global.repeats = repeats(&typed);
    match arguments.global.color {
        clap::ColorChoice::Auto => ColorChoice::Auto,
        clap::ColorChoice::Always => ColorChoice::Always,
        clap::ColorChoice::Never => ColorChoice::Never,
    }
    .write_global();
    arguments
}

/// The command line, quoted for a shell, without options that only affect the output.
fn repeats(typed: &[std::ffi::OsString]) -> String {
    let mut words = vec!["nasbench".to_owned()];
    let mut rest = typed.iter().skip(1).map(|word| word.to_string_lossy());
    while let Some(word) = rest.next() {
        let name = word.split('=').next().unwrap_or_default();
        match name {
            "--force" | "--quiet" | "-q" | "--verbose" | "-v" => {}
            "--format" | "--color" => {
                if name == word {
                    rest.next();
                }
            }
            _ => words.push(quoted(&word)),
        }
    }
    words.join(" ")
}

fn typed_color(typed: &[std::ffi::OsString]) -> clap::ColorChoice {
    let texts: Vec<_> = typed.iter().map(|argument| argument.to_string_lossy()).collect();
    let after = texts.windows(2).filter(|pair| pair[0] == "--color").map(|pair| pair[1].to_string());
    let joined = texts.iter().filter_map(|text| text.strip_prefix("--color=").map(ToOwned::to_owned));
    match after.chain(joined).last().as_deref() {
        Some("always") => clap::ColorChoice::Always,
        Some("never") => clap::ColorChoice::Never,
        _ => clap::ColorChoice::Auto,
    }
}

/// Runs the chosen command.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    command(arguments)?;
    // What is still waiting would be dropped at the end without a word if it cannot be written.
    Ok(std::io::stdout().flush()?)
}

fn command(arguments: &Arguments) -> anyhow::Result<()> {
    match &arguments.command {
        Command::Run(run) => run::run(run, &arguments.global),
        Command::Space(space) => space::run(space, &arguments.global),
        Command::Plan(plan) => plan::run(plan, &arguments.global),
        Command::Record(record) => record::run(record, &arguments.global),
        Command::Cluster(cluster) => cluster::run(cluster),
        Command::Watch(watch) => watch::run(watch),
        Command::Train(train) => train::run(train, &arguments.global),
        Command::Evaluate(evaluate) => evaluate::run(evaluate),
        Command::Compact(compact) => compact::run(compact, &arguments.global),
        Command::Check(check) => check::run(check, &arguments.global),
        Command::Merge(merge) => merge::run(merge, &arguments.global),
        Command::Import(import) => import::run(import, &arguments.global),
        Command::Query(query) => query::run(query, &arguments.global),
        Command::Info(info) => info::run(info, &arguments.global),
        Command::Analyse(analyse) => analyse::run(analyse, &arguments.global),
        Command::Latency(latency) => latency::run(latency, &arguments.global),
        Command::Export(export) => export::run(export, &arguments.global),
        Command::Fit(fit) => fit::run(fit, &arguments.global),
        Command::Predict(predict) => predict::run(predict, &arguments.global),
        Command::Assess(assess) => assess::run(assess, &arguments.global),
        Command::Search(search) => search::run(search, &arguments.global),
        Command::Serve(serve) => serve::run(serve, &arguments.global),
        Command::Compare(compare) => compare::run(compare, &arguments.global),
        Command::Devices(devices) => devices::run(devices, &arguments.global),
        Command::List(list) => list::run(list),
        Command::Guide(guide) => guide::run(guide),
        Command::Completions(completions) => completions::run(completions),
    }
}

/// Prints a line to standard error. If that is closed, the work continues: no result depends on it.
fn note(line: impl std::fmt::Display) {
    let _ = writeln!(anstream::stderr(), "{line}");
}

/// Prints an error with its causes on one line; returns the exit code.
pub(crate) fn report(error: &anyhow::Error) -> ExitCode {
    // Whoever read our output has enough: `nasbench space list | head -1` is no failure.
    if error.chain().any(is_closed_pipe) {
        return ExitCode::SUCCESS;
    }
    let red = anstyle::AnsiColor::Red.on_default().bold();
    let text = format!("{error:#}");
    // Threads need memory for their stacks, and libraries give no other reason than the number of the system.
    let is_refused =
        memory::address_space().is_some() && ["(os error 11)", "(os error 12)"].iter().any(|number| text.contains(number));
    let hint = if is_refused { format!("\nhint: {}", memory::excess()) } else { String::new() };
    note(format_args!("{red}error{red:#}: {text}{hint}"));
    ExitCode::FAILURE
}

/// The message for the user after a panic; the panic itself printed where it happened.
pub(crate) fn fault(panic: &(dyn std::any::Any + Send)) -> anyhow::Error {
    let text = panic_text(panic);
    let text = text.lines().next().unwrap_or_default();
    // A thread needs memory for its stack, and libraries panic without it.
    if memory::address_space().is_some()
        && ["os error 11", "os error 12", "WouldBlock", "OutOfMemory"].iter().any(|sign| text.contains(sign))
    {
        return anyhow::anyhow!("{}: `{text}`", memory::excess());
    }
    anyhow::anyhow!("this is a fault of the program, not of what was asked: `{text}`\nhint: please report it with the command")
}

/// Returns whether an error means that standard output is closed, whichever library it comes from. An error of a requested file, which may
/// be a pipe, too, has the file's name instead of the system's error number, and stays an error.
fn is_closed_pipe(error: &(dyn std::error::Error + 'static)) -> bool {
    let written = error.downcast_ref::<std::io::Error>().or_else(|| match error.downcast_ref::<csv::Error>()?.kind() {
        csv::ErrorKind::Io(error) => Some(error),
        _ => None,
    });
    written.is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe && error.raw_os_error().is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_closed_standard_output_is_no_failure() {
        let closed = || std::io::Error::from_raw_os_error(32);
        let of_file = std::io::Error::new(std::io::ErrorKind::BrokenPipe, "failed to write to file `fifo`");
        assert!(is_closed_pipe(&closed()) && is_closed_pipe(&csv::Error::from(closed())));
        assert!(!is_closed_pipe(&of_file) && !is_closed_pipe(&std::io::Error::from_raw_os_error(28)));
    }

    #[test]
    fn a_panic_is_said_as_an_error() {
        let panic = std::panic::catch_unwind(|| std::panic::resume_unwind(Box::new("the stack is empty"))).unwrap_err();
        let said = fault(panic.as_ref()).to_string();
        assert!(
            said.starts_with("this is a fault of the program, not of what was asked: `the stack is empty`\nhint: "),
            "{said}"
        );
    }

    #[test]
    fn a_report_has_what_was_typed_but_for_how_it_is_printed() {
        let typed = |line: &str| line.split('|').map(std::ffi::OsString::from).collect::<Vec<_>>();
        let line = "/bin/nasbench|compare|-q|--on|my bench|--budget=5evals|--format|csv|--color=never|--force|--out|it's";
        assert_eq!(repeats(&typed(line)), r"nasbench compare --on 'my bench' --budget=5evals --out 'it'\''s'");
    }

    #[test]
    fn the_command_line_is_well_formed() {
        Arguments::command().debug_assert();
    }
}
