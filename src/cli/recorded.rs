//! Training data of a command: a benchmark folder, or a file of cells and metrics.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use nasbench::interchange::tabular::{Columns, read_table};
use nasbench::network::Skeleton;
use nasbench::space::{Operation, Space};
use nasbench::statistics::mean;
use nasbench::surrogate::{Features, Quantity, Target, TrainingSet};
use nasbench::table::{Divergence, Status, Table, sha256};
use nasbench::train::Protocol;
use nasbench::unit::{Epochs, Seconds};

use super::{benchmark, note};

/// Options for CSV files: flatten them into those of a command.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub(super) struct CsvArguments {
    /// Column of a field in a CSV file, as in `--column operations=ops --column validation_accuracy@108=val_acc_108`.
    ///
    /// The fields are hash, adjacency, operations, parameters, epochs, repeat, training_time, train_accuracy, validation_accuracy,
    /// test_accuracy and status; the last five also for one budget, with `@EPOCHS`, in a file of one row per cell. Columns with the names
    /// that `nasbench query` and its SQL print need no option, nor do `matrix` and `ops`. `keep=NAME` keeps another numeric column as an
    /// extra column of the benchmark, and `keep@108=NAME` one for a budget.
    #[arg(long, value_name = "FIELD=NAME", help_heading = "CSV files")]
    pub(super) column: Vec<String>,

    /// Protocol of the networks of a CSV file: a preset or a TOML file. A benchmark has its own.
    #[arg(long, default_value = "nas-bench-101", value_name = "NAME|FILE", help_heading = "CSV files")]
    pub(super) protocol: String,
}

impl CsvArguments {
    pub(super) fn columns(&self) -> anyhow::Result<Columns> {
        let columns = self.column.iter().try_fold(Columns::default(), |columns, text| columns.with(text));
        columns.context("could not name the columns")
    }

    pub(super) fn protocol(&self) -> anyhow::Result<Protocol> {
        Protocol::find(&self.protocol).context("could not choose the protocol")
    }
}

/// Open records, and the network in which they were measured.
pub(super) struct Recorded {
    pub(super) table: Table,
    pub(super) skeleton: Skeleton,
    /// The identity of a benchmark, or the digest of a file.
    pub(super) identity: String,
    folder: PathBuf,
}

impl Recorded {
    pub(super) fn open(path: &Path, csv: &CsvArguments) -> anyhow::Result<Self> {
        // A file that is not there is missed as one, too.
        let (table, skeleton, identity) = if path.is_file() || (path.extension().is_some() && !path.is_dir()) {
            let protocol = csv.protocol()?;
            let skeleton = protocol.skeleton();
            let skeleton = skeleton.with_context(|| {
                format!(
                    "the protocol `{}` leaves the images open: expected one that says `network.image` and `network.classes`",
                    protocol.name
                )
            })?;
            let contents = read_table(path, &csv.columns()?, &skeleton).context("could not read the cells")?;
            let identity = format!("file {}", sha256(path)?);
            (Table::from_records(&contents.records).with_classes(skeleton.classes), skeleton, identity)
        } else {
            if !csv.column.is_empty() {
                bail!("`{}` is no file: expected one with `--column`", path.display());
            }
            let benchmark = benchmark::open(path)?;
            let table = benchmark.table().context("could not read the benchmark")?;
            let skeleton = benchmark.skeleton().context("could not build the networks of the cells")?;
            (table, skeleton, benchmark.identity().to_string())
        };
        if table.is_empty() {
            bail!("`{}` has no rows yet: there is nothing to learn", path.display());
        }
        Ok(Self { table, skeleton, identity, folder: path.to_owned() })
    }

    /// The target at its budget, or at the largest one.
    pub(super) fn target(&self, wanted: Wanted) -> anyhow::Result<Target> {
        let largest = self.table.budgets().last().copied();
        let epochs = wanted.epochs.or(largest).with_context(|| format!("`{}` has no budgets", self.folder.display()))?;
        Ok(Target { quantity: wanted.quantity, epochs })
    }

    /// Notes on standard error how many of a target's trainings diverged, if any did.
    pub(super) fn note_divergence(&self, target: Target) {
        let divergence = self.table.divergence(target.epochs);
        let Divergence { diverged, trainings } = divergence;
        if diverged == 0 || target.quantity != Quantity::ValidationAccuracy {
            return;
        }
        let [rate, chance] = [divergence.rate(), self.table.chance()].map(|fraction| 100.0 * fraction);
        note(format_args!(
            "note: {diverged} of {trainings} trainings diverged ({rate:.2} %): each counts as an accuracy of chance, {chance:.2} %"
        ));
    }

    /// Notes on standard error the cost of the trainings of a smaller budget, which every predicted cell needs.
    pub(super) fn note_cost(&self, low: Epochs, full: Epochs) {
        let seconds = |epochs| {
            let lesson = TrainingSet::new(&self.table, Target { quantity: Quantity::TrainingTime, epochs }).ok()?;
            mean(&lesson.values.iter().copied().map(f64::from).collect::<Vec<_>>())
        };
        note(match (seconds(low), seconds(full)) {
            (Some(low_time), Some(full_time)) => format!(
                "note: a training of {low} epochs, which each cell needs that is predicted, costs {} on average; one of {full} epochs {}",
                Seconds(low_time),
                Seconds(full_time)
            ),
            _ => format!(
                "note: each cell that is predicted needs a training of {low} epochs; no times are recorded that say what it costs"
            ),
        });
    }

    /// Notes on standard error how many trained cells are left out, and why.
    fn note_left_out(&self, lesson: &TrainingSet) {
        let target = lesson.target;
        let learned: HashSet<_> = lesson.hashes.iter().collect();
        let left_out = self.table.hashes().iter().enumerate().filter(|(_, hash)| !learned.contains(hash));
        let trainings = left_out.map(|(index, _)| self.table.repeats(index, target.epochs)).filter(|rows| !rows.is_empty());
        let have_failed: Vec<bool> = trainings.map(|rows| rows.iter().all(|row| row.status() == Status::Failed)).collect();
        let all = learned.len() + have_failed.len();
        let without = format!("they have no {target}");
        for (failed, reason) in [(true, "all of their trainings failed"), (false, &without)] {
            let count = have_failed.iter().filter(|have_failed| **have_failed == failed).count();
            if count > 0 {
                note(format_args!("note: {count} of {all} cells are left out, as {reason}"));
            }
        }
    }

    /// The training set, and the same cells' results at a smaller budget, if given: only cells that have both. Cells that are left out are
    /// counted on standard error unless `quiet`.
    pub(super) fn lessons(
        &self,
        target: Target,
        low: Option<Epochs>,
        quiet: bool,
    ) -> anyhow::Result<(TrainingSet, Option<TrainingSet>)> {
        let could_not = "could not learn from the records";
        let lesson = TrainingSet::new(&self.table, target).context(could_not)?;
        if !quiet {
            self.note_left_out(&lesson);
        }
        let Some(epochs) = low else { return Ok((lesson, None)) };
        if epochs >= target.epochs {
            bail!("`--warm-from {epochs}` is no smaller budget than the {} epochs of the target", target.epochs);
        }
        let low = TrainingSet::new(&self.table, Target { epochs, ..target }).context(could_not)?;
        let both = lesson.beside(&low);
        if both.cells.is_empty() {
            bail!("no cell has both a {target} and a {}: there is nothing to learn", low.target);
        }
        let (all, missing) = (lesson.cells.len(), lesson.cells.len() - both.cells.len());
        if missing > 0 && !quiet {
            note(format_args!("note: {missing} of {all} cells are left out, as they have no {}", low.target));
        }
        Ok((both, Some(low)))
    }

    /// The features of the cells, with all recorded operations.
    pub(super) fn features<N: AsRef<str>>(&self, encodings: &[N]) -> anyhow::Result<Features> {
        let mut operations: Vec<Operation> = Space::nas_bench_101().operations().collect();
        let used = self.table.cells().iter().flat_map(|cell| cell.operations());
        operations.extend(used);
        operations.sort_unstable();
        operations.dedup();
        let space = Space::nas_bench_101().with_operations(&operations)?;
        let features = Features::new(encodings, &space).context("could not encode the cells")?;
        Ok(features.with_skeleton(self.skeleton))
    }
}

/// A target as it is typed: `training_time@108`, or without a budget.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    quantity: Quantity,
    epochs: Option<Epochs>,
}

/// Reads a target.
pub(super) fn wanted(text: &str) -> Result<Wanted, String> {
    let (name, epochs) = match text.split_once('@') {
        Some((name, epochs)) => {
            let number = epochs.parse().ok().filter(|epochs| *epochs > 0);
            (name, Some(Epochs(number.ok_or_else(|| format!("`{epochs}` is no number of epochs, expected 1 to 65535"))?)))
        }
        None => (text, None),
    };
    Ok(Wanted { quantity: name.parse().map_err(|error: nasbench::surrogate::Error| error.to_string())?, epochs })
}
