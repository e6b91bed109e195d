//! `nasbench query`: looks up results of cells.

use std::cell::OnceCell;
use std::fmt::Write as _;
use std::io::Write as _;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::str::FromStr as _;

use anyhow::Context as _;
use clap::builder::{PossibleValue, PossibleValuesParser, StringValueParser};
use nasbench::compare::{ExactFront, REFERENCE};
use nasbench::objective::{self, Goals, Limit, Scale};
use nasbench::print::hypervolume;
use nasbench::space::{self, Cell, ModuleHash, Operation, Space, prefix};
use nasbench::table::{Answer, Benchmark, Error, Means, RANKINGS, Ranking, Repeat, Status, Stop, Table};
use nasbench::unit::{Epochs, Seed};
use serde_json::{Value, json};

use super::cell::{Batch, BatchArguments, Given, Resolver};
use super::format::{self, Format};
use super::lists::Item;
use super::{Global, benchmark, goals, latency, sql};

/// Maximum number of cells looked up in the files; more need the whole table.
const MOST_LOOKED_UP: usize = 64;
/// Number of missing cells whose nearest recorded cells are listed.
const MOST_NEIGHBOURS_NAMED: usize = 3;
/// Maximum number of missing cells listed.
const MOST_MISSING_NAMED: usize = 20;
/// Number of neighbours listed.
const NEIGHBOURS: usize = 3;
/// The largest number of edges between 7 vertices.
const MOST_EDGES: usize = 21;

/// The other questions: clap does not look at what an option requires where that conflicts with one of them.
const OTHERS: [&str; 3] = ["cells", "best", "sql"];

const HELP: &str = "\
Answers have the key names of the official program: module_adjacency, module_operations, trainable_parameters,
training_time (seconds), train_accuracy, validation_accuracy and test_accuracy (fractions). Nothing is drawn at random
without `--seed`, and no budget is spent.

A matrix is its row-major digits, and operations are separated by commas, as in all files and in SQL. `--cell` and
`nasbench import` read this, and lists.

A training time that was not measured is empty here, but 0 in files and in `--sql`. In CSV and JSON, single repeats have a `status`:
ok, diverged or failed; values at half of a training have the `stop` halfway. `nasbench import` reads printed final results, also of
`--sql`.

`--front` in JSON is an object: the list `front`, the size of the table, and the `hypervolume` with its scale (`ideal` becomes 0, `nadir`
1, values as they are minimised) and `reference` point. In CSV it is the rows alone.

In SQL, `describe records` lists the columns with type, unit and meaning, and `show tables` the tables. Whole numbers have 64 bits
and a sign (`seed` 128), and other numbers double precision; a result beyond 64 bits is refused. Nulls come last in `order by`. A
computed column without a name is named by its text, as in `count(*)`.

A cell that is not recorded is listed with its nearest recorded cells, and the exit code is 1. Recorded cells among
several are still answered.

Without a folder the bundled benchmark is used: all cells of at most five vertices, trained on fashion-clutter
with 1, 4 and 12 epochs, three times each. `nasbench info` describes it.

Examples:
  nasbench query --best 10
  nasbench query --edges 0-1,1-2 --ops conv3x3 --epochs 12
  nasbench query nasbench-run/benchmark --best 10
  nasbench query nb101 --hash 28cfc7874f6d200472e1a9dcd8650aa0 --epochs 108
  nasbench query nb101 --edges 0-1,0-2,1-3,2-3 --ops conv3x3-bn-relu,maxpool3x3 --repeat all --format csv";

#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
#[command(group = clap::ArgGroup::new("question").required(true).args(["hash", "matrix", "edges", "cell", "best", "front", "sql"]))]
pub(super) struct Arguments {
    /// The folder of a benchmark, such as `nasbench-run/benchmark` [default: the bundled one].
    #[arg(value_name = "BENCH")]
    benchmark: Option<PathBuf>,

    #[command(flatten)]
    cells: BatchArguments,

    /// The K best cells instead of given ones, by the mean over their repeats.
    #[arg(long, value_name = "K", conflicts_with_all = ["cells", "repeat", "seed"])]
    best: Option<NonZeroUsize>,

    /// Column that ranks the cells: the highest accuracy, or the lowest time or number of parameters.
    ///
    /// Printed names mean the same at the moment of `--stop`: `training_time` is `final_training_time`.
    #[arg(long, value_name = "COLUMN", default_value = RANKINGS[0].name, requires = "best", value_parser = columns())]
    by: String,

    /// The exact Pareto front instead of given cells: of objectives, separated by commas, as in `error,parameters` (`nasbench list
    /// objectives`). The error is that of validation, by the mean over the repeats of a cell.
    #[arg(long, value_name = "NAME,…", value_delimiter = ',', value_parser = Item(StringValueParser::new()), conflicts_with_all = ["cells", "repeat", "seed", "stop", "best", "rows", "by"])]
    front: Vec<String>,

    /// Limits for `--front`, separated by commas, as in `parameters<=5000,flops<=2e5`.
    #[arg(long, value_name = "NAME<=X,…", value_delimiter = ',', value_parser = Item(Limit::from_str), requires = "front", conflicts_with_all = OTHERS)]
    limit: Vec<Limit>,

    /// How the hypervolume of `--front` is computed.
    #[arg(long, value_enum, default_value_t, value_name = "HOW", requires = "front", conflicts_with_all = OTHERS)]
    hypervolume: goals::Hypervolume,

    /// File of latencies for `--front`, as `nasbench latency` writes it [default: `latency.parquet` of the benchmark].
    #[arg(long, value_name = "FILE", requires = "front", conflicts_with_all = OTHERS)]
    latency: Option<PathBuf>,

    /// A query in SQL instead of cells, over the tables `records` and `verified` (rows of verification), as in
    /// `select vertices, avg(final_test_accuracy) from records group by vertices`; `describe records` lists the columns.
    #[arg(long, value_name = "QUERY", conflicts_with_all = ["cells", "epochs", "repeat", "stop", "seed"])]
    sql: Option<String>,

    /// Rows of the `--sql` result to print [default: 100 in a table, otherwise all].
    #[arg(long, value_name = "N", conflicts_with_all = ["cells", "best"])]
    rows: Option<usize>,

    /// Answer `--sql` in this process, not in a child process.
    #[arg(long, hide = true, requires = "sql")]
    unguarded: bool,

    /// Budget in epochs [default: all of a cell; the largest for `--best`].
    #[arg(long, value_name = "E")]
    epochs: Option<u16>,

    /// Repeats: their mean, all of them, or one by its number.
    #[arg(long, value_name = "mean|all|N", default_value = "mean", value_parser = which)]
    repeat: Which,

    /// Moment of the training [default: final; for `--best` that of its column].
    #[arg(long, value_enum)]
    stop: Option<Moment>,

    /// Draw one repeat of each cell, as the official program does: always the same for a seed and a cell.
    #[arg(long, value_name = "S", conflicts_with = "repeat")]
    seed: Option<u64>,

    /// Output format; `json` and `csv` also have the cells and all digits.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// The columns of `--by`; final values also by their printed names.
fn columns() -> PossibleValuesParser {
    let value = |ranking: &Ranking| PossibleValue::new(ranking.name).alias(ranking.printed_name());
    PossibleValuesParser::new(RANKINGS.iter().map(value))
}

/// The repeats of an answer.
#[derive(Clone, Copy, Debug)]
enum Which {
    All,
    One(Repeat),
}

fn which(text: &str) -> Result<Which, String> {
    match text {
        "mean" => Ok(Which::One(Repeat::Mean)),
        "all" => Ok(Which::All),
        number => {
            number.parse().map(|one| Which::One(Repeat::One(one))).map_err(|_| "expected `mean`, `all` or a number".to_owned())
        }
    }
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Moment {
    /// After half of the epochs.
    Halfway,
    /// At the end.
    Final,
}

impl From<Moment> for Stop {
    fn from(moment: Moment) -> Self {
        match moment {
            Moment::Halfway => Self::Halfway,
            Moment::Final => Self::Final,
        }
    }
}

pub(super) fn run(arguments: &Arguments, global: &Global) -> anyhow::Result<()> {
    let benchmark = benchmark::open_or_shipped(arguments.benchmark.as_deref(), global)?;
    match (&arguments.sql, arguments.best) {
        (Some(query), _) if arguments.unguarded => sql::print_unguarded(&benchmark, query, arguments.rows, arguments.format),
        (Some(query), _) => sql::print_guarded(&benchmark, query, arguments.rows, arguments.format),
        (None, Some(most)) => best(arguments, &benchmark, most.get()),
        (None, None) if !arguments.front.is_empty() => front(arguments, &benchmark),
        (None, None) => cells(arguments, &benchmark, global),
    }
}

fn best(arguments: &Arguments, benchmark: &Benchmark, most: usize) -> anyhow::Result<()> {
    let by = Ranking::find(&arguments.by, arguments.stop.map(Stop::from)).context("clap knows the columns")?;
    let table = benchmark.table().context("could not read the benchmark")?;
    let largest = || table.budgets().last().copied().context("the benchmark has no rows yet");
    let epochs = arguments.epochs.map_or_else(largest, |epochs| Ok(Epochs(epochs)))?;
    let stop = arguments.stop.map(Stop::from).or(by.stop).unwrap_or(Stop::Final);
    print(&table.best(epochs, by, most)?, stop, Some(by), table.chance(), arguments.format)
}

/// Prints the exact front of some objectives.
fn front(arguments: &Arguments, benchmark: &Benchmark) -> anyhow::Result<()> {
    let objectives = arguments.front.iter().map(|name| objective::find(name)).collect::<Result<Vec<_>, _>>()?;
    let goals = Goals::new(objectives.clone(), arguments.limit.clone(), benchmark.skeleton()?)?;
    let goals = arguments.hypervolume.apply_to(goals)?;
    let file = latency::File { latency: arguments.latency.clone() };
    let goals = file.add_to(goals, Some(benchmark.folder()), Some(benchmark.identity()))?;
    let table = benchmark.table().context("could not read the benchmark")?;
    let largest = || table.budgets().last().copied().context("the benchmark has no rows yet");
    let epochs = arguments.epochs.map_or_else(largest, |epochs| Ok(Epochs(epochs)))?;
    let found = ExactFront::new(&table.measurements(epochs)?, goals)?;
    let names: Vec<_> = objectives.iter().map(|objective| objective.name).collect();
    let mut rows = format::Table::new(&[&["module_hash"], names.as_slice()].concat(), &["module_adjacency", "module_operations"]);
    for (cell, values) in &found.cells {
        let values = objectives.iter().zip(values).map(|(objective, value)| goals::printed(objective, *value));
        let texts = [cell.adjacency_text(), cell.operations_text()].map(Value::from);
        rows.push(std::iter::once(cell.hash().to_string().into()).chain(values).chain(texts).collect::<Vec<_>>());
    }
    let mut out = std::io::stdout().lock();
    let (volume, error) = (found.hypervolume, found.standard_error());
    match arguments.format {
        Format::Json => {
            let Scale { ideal, nadir, reference } = &found.scale;
            let front = json!({
                "epochs": epochs,
                "cells": table.len(),
                "ideal": ideal,
                "nadir": nadir,
                "reference": reference,
                "hypervolume": volume,
                "standard_error": error,
                "front": rows.objects(),
            });
            writeln!(out, "{}", serde_json::to_string_pretty(&front)?)?;
        }
        Format::Csv => rows.print(Format::Csv, &mut out)?,
        Format::Table => {
            rows.print(Format::Table, &mut out)?;
            let (cells, all, volume) = (found.cells.len(), table.len(), hypervolume(volume, error));
            writeln!(
                out,
                "\n{cells} of {all} cells at {epochs} epochs. Scaled so that the front reaches from 0 to 1 in each objective, its \
                 hypervolume to {REFERENCE} is {volume}."
            )?;
        }
    }
    Ok(())
}

/// A requested cell.
struct Asked {
    /// Its hash, or why no recorded cell has the given digits.
    hash: Result<ModuleHash, prefix::Error>,
    /// Its graph, if it was given.
    cell: Option<Cell>,
}

fn cells(arguments: &Arguments, benchmark: &Benchmark, global: &Global) -> anyhow::Result<()> {
    let epochs = arguments.epochs.map(Epochs);
    let whole = Whole::new(benchmark);
    let asked = asked(&arguments.cells, &whole, global).or_else(|error| {
        // The official program looks at the budget first.
        epochs.map_or(Ok(()), |epochs| whole.table()?.check_budget(epochs).map_err(anyhow::Error::from))?;
        Err(error)
    })?;
    let few = if asked.found.len() <= MOST_LOOKED_UP {
        let hashes: Vec<_> = asked.found.iter().filter_map(|asked| asked.hash.clone().ok()).collect();
        let records = benchmark.look_up_all(&hashes).context("could not read the benchmark")?;
        Some(Table::from_records(&records).with_classes(benchmark.classes()))
    } else {
        None
    };
    let table = few.as_ref().map_or_else(|| whole.table(), Ok)?;
    if let Some(epochs) = epochs.filter(|epochs| !table.budgets().contains(epochs)) {
        whole.table()?.check_budget(epochs)?;
    }

    let which = arguments.seed.map_or(arguments.repeat, |seed| Which::One(Repeat::Drawn(Seed(seed))));
    let (mut answers, mut missing) = (Vec::new(), Vec::new());
    for Asked { hash, cell } in &asked.found {
        match hash.as_ref().map(|hash| (*hash, table.index_of_hash(*hash))) {
            Ok((_, Some(index))) => answer(table, index, epochs, which, &mut answers, &mut missing),
            Ok((hash, None)) => {
                let problem = Error::NotRecorded { hash, epochs: None }.to_string();
                missing.push(Missing { problem, asked: Some((hash, *cell)) });
            }
            Err(error) => missing.push(Missing { problem: error.to_string(), asked: None }),
        }
    }
    missing.extend(asked.problems().map(|problem| Missing { problem, asked: None }));
    let stop = arguments.stop.map_or(Stop::Final, Stop::from);
    let printed = if answers.is_empty() { Ok(()) } else { print(&answers, stop, None, table.chance(), arguments.format) };
    // What is missing is an error even if nobody reads the answers.
    if missing.is_empty() { printed } else { Err(refusal(&missing, asked.len(), &whole)?) }
}

/// The hashes of the cells, and their graphs if given.
fn asked(given: &BatchArguments, whole: &Whole<'_>, global: &Global) -> anyhow::Result<Batch<Asked>> {
    // What is recorded counts, whatever the limits of a space: a cell is refused for them only if it is missing.
    let wide = Space::nas_bench_101().with_max_edges(MOST_EDGES)?.with_operations(&Operation::ALL)?;
    let found = given.resolve(global, |given| match given {
        Given::Hash(prefix) => {
            let hash = match prefix.whole() {
                Some(hash) => Ok(hash),
                None => prefix.find(whole.table()?.hashes().iter().copied(), "recorded cell"),
            };
            if let Err(error @ prefix::Error::Ambiguous { .. }) = hash { Err(error.into()) } else { Ok(Found::Hash(hash)) }
        }
        Given::Graph(sketch) => match sketch.cell(&wide) {
            Ok(cell) => Ok(Found::Cell(cell)),
            Err(wider @ space::Error::UnknownOperation { .. }) => Err(wider.into()),
            Err(wider) => Err(sketch.cell(&Space::nas_bench_101()).err().unwrap_or(wider).into()),
        },
    })?;
    let graph = |found: &Found| if let Found::Cell(cell) = found { Some(*cell) } else { None };
    let graphs: Vec<_> = found.found.iter().filter_map(graph).collect();
    let mut hashes = Cell::hashes(&graphs).into_iter();
    Ok(found.map(|found| match found {
        Found::Hash(hash) => Asked { hash, cell: None },
        Found::Cell(cell) => Asked { hash: Ok(hashes.next().expect("each graph has a hash")), cell: Some(cell) },
    }))
}

/// A cell's hash or graph.
enum Found {
    Hash(Result<ModuleHash, prefix::Error>),
    Cell(Cell),
}

/// Answers for one cell at one budget or at all budgets.
fn answer(
    table: &Table,
    index: usize,
    epochs: Option<Epochs>,
    which: Which,
    answers: &mut Vec<Answer>,
    missing: &mut Vec<Missing>,
) {
    let mut budgets: Vec<_> = table.rows(index).iter().map(nasbench::table::Row::epochs).collect();
    budgets.dedup();
    for epochs in epochs.map_or(budgets, |epochs| vec![epochs]) {
        let rows = table.repeats(index, epochs);
        if rows.is_empty() {
            let error = Error::NotRecorded { hash: table.hashes()[index], epochs: Some(epochs) };
            missing.push(Missing { problem: error.to_string(), asked: None });
            continue;
        }
        let repeats = match which {
            Which::One(repeat) => vec![repeat],
            Which::All => rows.iter().map(|row| Repeat::One(row.repeat())).collect(),
        };
        for repeat in repeats {
            match table.answer(index, epochs, repeat) {
                Ok(answer) => answers.push(answer),
                Err(error) => missing.push(Missing { problem: error.to_string(), asked: None }),
            }
        }
    }
}

/// A missing answer.
struct Missing {
    problem: String,
    /// The cell, if it is not recorded at all, with its graph if that was given.
    asked: Option<(ModuleHash, Option<Cell>)>,
}

/// The table of the whole benchmark, read on first use.
struct Whole<'a> {
    benchmark: &'a Benchmark,
    table: OnceCell<Table>,
}

impl<'a> Whole<'a> {
    fn new(benchmark: &'a Benchmark) -> Self {
        Self { benchmark, table: OnceCell::new() }
    }

    fn table(&self) -> anyhow::Result<&Table> {
        if self.table.get().is_none() {
            // Nobody else can have set it meanwhile.
            let _ = self.table.set(self.benchmark.table().context("could not read the benchmark")?);
        }
        self.table.get().context("the table was read")
    }
}

/// An error for missing cells, with the nearest recorded cells.
fn refusal(missing: &[Missing], asked: usize, whole: &Whole<'_>) -> anyhow::Result<anyhow::Error> {
    let resolver = Resolver::new(Space::nas_bench_101());
    let (mut problems, mut hints) = (Vec::new(), String::new());
    for (place, one) in missing.iter().take(MOST_MISSING_NAMED).enumerate() {
        let Some((hash, cell)) = one.asked else {
            problems.push(one.problem.clone());
            continue;
        };
        let cell = match cell {
            Some(cell) => Space::nas_bench_101().check(cell).map_err(anyhow::Error::from),
            None => resolver.cell(&Given::Hash(hash.into())),
        };
        match cell {
            Err(error) => problems.push(format!("{}: {error}", one.problem)),
            Ok(cell) => {
                problems.push(one.problem.clone());
                if place < MOST_NEIGHBOURS_NAMED {
                    write!(hints, "\nhint: {}", nearest(whole.table()?, &cell, hash))?;
                }
            }
        }
    }
    if missing.len() > MOST_MISSING_NAMED {
        problems.push(format!("and {} more", missing.len() - MOST_MISSING_NAMED));
    }
    let folder = whole.benchmark.folder().display();
    let count = if asked > 1 { format!(" ({} of what was asked)", missing.len()) } else { String::new() };
    Ok(anyhow::anyhow!("not in `{folder}`{count}: {}{hints}", problems.join("; ")))
}

fn nearest(table: &Table, cell: &Cell, hash: ModuleHash) -> String {
    let found = table.nearest(cell, NEIGHBOURS);
    if found.is_empty() {
        return "the benchmark has no rows yet".to_owned();
    }
    let named = found.iter().map(|(index, edits)| {
        let plural = if *edits == 1 { "" } else { "s" };
        format!("`{}` ({edits} edit{plural})", table.hashes()[*index])
    });
    format!("the recorded cells nearest to {hash} are {}", named.collect::<Vec<_>>().join(", "))
}

/// The measured columns that are means over repeats: the name, and the column of their count.
const MEANS: [(&str, &str); 4] = [
    ("training_time", "training_time_repeats"),
    ("train_accuracy", "train_accuracy_repeats"),
    ("validation_accuracy", "validation_accuracy_repeats"),
    ("test_accuracy", "test_accuracy_repeats"),
];

/// Prints answers. Means are printed with their number of repeats.
fn print(answers: &[Answer], stop: Stop, by: Option<&Ranking>, chance: f64, format: Format) -> anyhow::Result<()> {
    let mut columns = vec!["module_hash", "epochs", "repeat", "trainable_parameters"];
    columns.extend(MEANS.map(|(name, _)| name));
    // The column of the ranking is one of those above, unless it is of the other moment.
    let other = by.filter(|by| by.stop.is_some_and(|other| other != stop));
    columns.extend(other.map(|by| by.name));
    let has_means = answers.iter().any(|answer| answer.repeat.is_none());
    let mut details = vec!["module_adjacency", "module_operations"];
    if has_means {
        details.extend(["repeats", "diverged_repeats"].into_iter().chain(MEANS.map(|(_, repeats)| repeats)));
    } else {
        details.push("status");
    }
    if stop == Stop::Halfway {
        details.push("stop");
    }
    let mut table = format::Table::new(&columns, &details);
    let mut notes = Notes { has_fewer: false, has_diverged: false };
    for answer in answers {
        let official = serde_json::to_value(answer.official(stop))?;
        let means = counted(answer, stop);
        let mut row = vec![answer.hash.to_string().into(), answer.epochs.0.into()];
        row.push(if format == Format::Table { notes.repeat(answer).into() } else { repeat(answer) });
        row.push(official["trainable_parameters"].clone());
        for ((name, _), repeats) in MEANS.iter().zip(means) {
            let is_marked = format == Format::Table && repeats > 0 && repeats < answer.repeats;
            row.push(if is_marked { notes.marked(&official[*name], repeats).into() } else { official[*name].clone() });
        }
        row.extend(other.map(|by| json!(by.value(answer))));
        // As in every file and in SQL; what was printed can be imported.
        row.extend([answer.cell.adjacency_text().into(), answer.cell.operations_text().into()]);
        if has_means {
            row.extend([answer.repeats, answer.diverged].into_iter().chain(means).map(Value::from));
        } else {
            row.push(answer.status.map(Status::name).into());
        }
        if stop == Stop::Halfway {
            // An import must not take the values for those of the end.
            row.push(stop.name().into());
        }
        table.push(row);
    }
    let mut out = std::io::stdout().lock();
    table.print(format, &mut out)?;
    if format == Format::Table {
        notes.print(chance, &mut out)?;
    }
    Ok(())
}

fn repeat(answer: &Answer) -> Value {
    answer.repeat.map_or_else(|| "mean".into(), Value::from)
}

/// The number of repeats of [`MEANS`].
fn counted(answer: &Answer, stop: Stop) -> [usize; 4] {
    let Means { training_time, train_accuracy, validation_accuracy, test_accuracy } = answer.at(stop);
    [training_time, train_accuracy, validation_accuracy, test_accuracy].map(|mean| mean.map_or(0, |mean| mean.repeats))
}

/// The notes below a table of means.
struct Notes {
    has_fewer: bool,
    has_diverged: bool,
}

impl Notes {
    /// The repeat, or the number of repeats in the mean.
    fn repeat(&mut self, answer: &Answer) -> String {
        let Answer { repeats, diverged, .. } = answer;
        match (answer.repeat, diverged) {
            (Some(one), _) => match answer.status {
                None | Some(Status::Ok) => one.to_string(),
                Some(status) => format!("{one}, {}", status.name()),
            },
            (None, 0) => format!("mean of {repeats}"),
            (None, _) => {
                self.has_diverged = true;
                format!("mean of {repeats}, {diverged} diverged")
            }
        }
    }

    /// A mean over fewer repeats than exist.
    fn marked(&mut self, mean: &Value, repeats: usize) -> String {
        self.has_fewer = true;
        format!("{} ({repeats})", format::rounded(mean))
    }

    fn print(&self, chance: f64, out: &mut impl std::io::Write) -> std::io::Result<()> {
        if self.has_fewer {
            writeln!(out, "(n): the mean of n repeats, as the others have no such value")?;
        }
        if self.has_diverged {
            writeln!(out, "diverged: such a repeat counts as an accuracy of chance, {:.2} %", 100.0 * chance)?;
        }
        Ok(())
    }
}
