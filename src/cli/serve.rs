//! `nasbench serve`: answers a program that searches by itself.

use std::io::BufReader;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use nasbench::search::{Duplicates, Setup, serve};
use nasbench::unit::{Epochs, Seed};

use super::search::models;
use super::search::source::Source;
use super::{Global, goals, note};

const HELP: &str = "\
The program writes lines of JSON, as `{\"cells\":[{\"matrix\":\"0100\",\"ops\":[]}]}`, and reads what the cells reached; the first line
that it reads says what can be asked for. The guide to searches in other programs has all of it. Never is a test accuracy among what it
is told.

Examples:
  nasbench serve my-benchmark
  nasbench serve --socket /tmp/nasbench.socket my-benchmark";

/// Answer a program that searches by itself, by lines of JSON.
#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub(super) struct Arguments {
    /// The folder of a benchmark, or a model file [default: the bundled benchmark].
    #[arg(value_name = "BENCH|MODEL")]
    on: Option<PathBuf>,

    /// Listen at this path instead of standard input; each connection has an oracle of its own.
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,

    #[command(flatten)]
    models: models::Arguments,

    #[command(flatten)]
    goals: goals::Arguments,

    /// Seed of the repeats that are shown.
    #[arg(long, default_value_t = 0, value_name = "S")]
    seed: u64,

    /// The full training budget [default: the largest one].
    #[arg(long, value_name = "E", value_parser = clap::value_parser!(u16).range(1..))]
    epochs: Option<u16>,
}

pub(super) fn run(arguments: &Arguments, global: &Global) -> anyhow::Result<()> {
    let on = arguments.on.clone().unwrap_or_else(|| nasbench::table::SHIPPED.into());
    let source = Source::open(on.clone(), &arguments.models, (None, false))?;
    let epochs = arguments.epochs.map(Epochs);
    let setup = match &source {
        Source::Models { models, .. } => {
            models.check_budget(&on, epochs)?;
            models.setup()
        }
        Source::Table { table, .. } => Setup::on_table(table, epochs, &[&nasbench::search::external::EXTERNAL], |_| true)
            .with_context(|| format!("could not serve `{}`", on.display()))?,
    };
    let (folder, benchmark) = source.benchmark();
    let goals = arguments.goals.goals(source.skeleton(), folder, benchmark)?;
    let setup = Setup { goals, duplicates: Duplicates::default(), ..setup };
    let seed = Seed(arguments.seed);
    let Some(path) = &arguments.socket else {
        let mut oracle = source.oracle(seed, &setup, None);
        return Ok(serve(&setup, oracle.as_mut(), seed, std::io::stdin().lock(), std::io::stdout().lock())?);
    };
    listen(path, &source, &setup, seed, global)
}

#[cfg(unix)]
fn listen(path: &Path, source: &Source, setup: &Setup, seed: Seed, global: &Global) -> anyhow::Result<()> {
    use std::os::unix::net::UnixListener;

    let listener = UnixListener::bind(path).with_context(|| format!("could not listen at `{}`", path.display()))?;
    if !global.quiet {
        note(format_args!("listening at `{}`; Ctrl-C ends it", path.display()));
    }
    std::thread::scope(|scope| {
        for connection in listener.incoming() {
            let connection = connection.context("could not take a connection")?;
            scope.spawn(move || {
                let mut oracle = source.oracle(seed, setup, None);
                // That the other side has ended is its own affair.
                let _ = connection
                    .try_clone()
                    .and_then(|input| serve(setup, oracle.as_mut(), seed, BufReader::new(input), &connection));
            });
        }
        Ok(())
    })
}

#[cfg(not(unix))]
fn listen(path: &Path, _: &Source, _: &Setup, _: Seed, _: &Global) -> anyhow::Result<()> {
    anyhow::bail!("`--socket {}`: this system has no such sockets", path.display())
}
