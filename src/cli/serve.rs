//! `nasbench serve`: answers programs that search by themselves.

use std::io::{BufReader, BufWriter, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context as _, bail};
use nasbench::compare::evoxbench;
use nasbench::search::{Duplicates, Returns, Setup, serve};
use nasbench::unit::{Epochs, Seed};

use super::search::models;
use super::search::source::Source;
use super::{Global, goals, note};

/// The most connections at a time; a further one is closed.
const MOST_CONNECTIONS: usize = 256;

const HELP: &str = "\
The program writes lines of JSON, as `{\"cells\":[{\"matrix\":\"0100\",\"ops\":[]}]}`, and reads what the cells reached; the first line
that it reads says what can be asked for. The guide to searches in other programs has all of it. Never is a test accuracy among what it
is told.

Examples:
  nasbench serve my-benchmark
  nasbench serve --socket /tmp/nasbench.socket my-benchmark
  nasbench serve --evoxbench 9876 my-benchmark";

/// Answer a program that searches by itself, by lines of JSON.
#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub(super) struct Arguments {
    /// The folder of a benchmark, or a model file [default: the bundled benchmark].
    #[arg(value_name = "BENCH|MODEL")]
    on: Option<PathBuf>,

    /// Answer on standard input and output, as without `--socket` and `--evoxbench`.
    #[arg(long, conflicts_with_all = ["socket", "evoxbench"])]
    stdio: bool,

    /// Listen at this path instead; each connection has an oracle of its own.
    #[arg(long, value_name = "PATH", conflicts_with = "evoxbench")]
    socket: Option<PathBuf>,

    /// Answer the questions of EvoXBench about its problem `nb101`, at this TCP port of the loopback address 127.0.0.1; 0 is any free one.
    #[arg(long, value_name = "PORT")]
    evoxbench: Option<u16>,

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
    let seed = Seed(arguments.seed);
    if let Some(port) = arguments.evoxbench {
        return listen_for_evoxbench(port, &source, seed, global);
    }
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
    let goals = arguments.goals.goals(source.skeleton(), folder, benchmark, Returns::default())?;
    let setup = Setup { goals, duplicates: Duplicates::default(), ..setup };
    let Some(path) = &arguments.socket else {
        let mut oracle = source.oracle(seed, &setup, None);
        return Ok(serve(&setup, oracle.as_mut(), seed, std::io::stdin().lock(), std::io::stdout().lock())?);
    };
    listen(path, &source, &setup, seed, global)
}

/// Answers each connection on a thread of its own, for ever.
fn answer_all<C: Read + Write + Send>(connections: impl Iterator<Item = std::io::Result<C>>, answer: impl Fn(C) + Sync) {
    let open = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for connection in connections {
            let Ok(connection) = connection else {
                // Too many files are open, or the other side has left already.
                std::thread::sleep(Duration::from_millis(20));
                continue;
            };
            if open.load(Ordering::Relaxed) >= MOST_CONNECTIONS {
                continue;
            }
            open.fetch_add(1, Ordering::Relaxed);
            let (answer, open) = (&answer, &open);
            let started = std::thread::Builder::new().spawn_scoped(scope, move || {
                answer(connection);
                open.fetch_sub(1, Ordering::Relaxed);
            });
            if started.is_err() {
                // It is closed, as if it were one too many.
                open.fetch_sub(1, Ordering::Relaxed);
            }
        }
    });
}

#[cfg(unix)]
fn listen(path: &Path, source: &Source, setup: &Setup, seed: Seed, global: &Global) -> anyhow::Result<()> {
    use std::os::unix::fs::FileTypeExt as _;
    use std::os::unix::net::{UnixListener, UnixStream};

    // A server that was killed leaves its socket behind: nobody listens there.
    let is_socket = path.symlink_metadata().is_ok_and(|found| found.file_type().is_socket());
    if is_socket && UnixStream::connect(path).is_err() {
        let _ = fs_err::remove_file(path);
    }
    let listener = UnixListener::bind(path).with_context(|| format!("could not listen at `{}`", path.display()))?;
    if !global.quiet {
        note(format_args!("listening at `{}`; Ctrl-C ends it", path.display()));
    }
    answer_all(listener.incoming(), |connection: UnixStream| {
        let mut oracle = source.oracle(seed, setup, None);
        // That the other side has ended is its own affair.
        let output = BufWriter::new(&connection);
        let _ = connection.try_clone().and_then(|input| serve(setup, oracle.as_mut(), seed, BufReader::new(input), output));
    });
    Ok(())
}

#[cfg(not(unix))]
fn listen(path: &Path, _: &Source, _: &Setup, _: Seed, _: &Global) -> anyhow::Result<()> {
    bail!("`--socket {}`: this system has no such sockets", path.display())
}

/// Answers EvoXBench's questions. They are asked without a password, so that nobody else's machine may ask them.
fn listen_for_evoxbench(port: u16, source: &Source, seed: Seed, global: &Global) -> anyhow::Result<()> {
    let Source::Table { table, skeleton, .. } = source else {
        bail!("`--evoxbench` needs a benchmark, and `{}` is a model", source.on());
    };
    let address = (Ipv4Addr::LOCALHOST, port);
    let listener = TcpListener::bind(address).with_context(|| format!("could not listen at port {port}"))?;
    if !global.quiet {
        note(format_args!("listening at {}; Ctrl-C ends it", listener.local_addr().context("could not listen")?));
    }
    answer_all(listener.incoming(), |connection: TcpStream| {
        // An answer in one piece: of two pieces the second one waits until the other side has acknowledged the first, for 40 ms.
        let output = BufWriter::new(&connection);
        let _ = connection.try_clone().and_then(|input| evoxbench(table, *skeleton, seed, BufReader::new(input), output));
    });
    Ok(())
}
