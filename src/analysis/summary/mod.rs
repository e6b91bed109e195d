//! A summary of a benchmark: its contents, its provenance and the noise of its measurements.
//!
//! [`Benchmark::summary`] reads the columns that it needs (`rows.rs`) and computes everything of them (`figures.rs`). A new
//! figure is one field of [`Summary`] and one function there.

mod figures;
mod rows;

use std::collections::BTreeMap;

use fs_err as fs;
use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::space::ModuleHash;
use crate::statistics::{Estimate, RankCorrelation};
use crate::table::{Benchmark, BetweenBudgets, Dataset, Error, Identity, Imported, Key, Part, Revisions, Status, Timestamp};
use crate::unit::{Epochs, Seed};
use rows::Rows;

/// A summary of a benchmark. A figure that cannot be computed is `None`: a correlation of one cell, the noise of one repeat.
///
/// # Units
///
/// Accuracies are fractions, times are seconds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// Where the records come from.
    pub provenance: Provenance,
    /// The different cells.
    pub cells: usize,
    /// The recorded models; those of verification are counted apart.
    pub rows: usize,
    /// The models that were trained again for verification.
    pub verified_rows: usize,
    /// The cells by their number of vertices, ascending.
    pub vertices: Vec<VerticesCount>,
    /// The budgets, ascending.
    pub budgets: Vec<BudgetCount>,
    /// The least and the largest value of the main columns.
    pub ranges: Vec<Range>,
    /// The cells with the highest mean final validation accuracy at the largest budget, the best first: at most ten.
    pub best: Vec<BestCell>,
    /// The accuracy of chance, which a training that diverged counts as in means, rankings and noise.
    pub chance: f64,
    /// How well the size of their networks alone ranks the cells, with nothing fitted: what any ranking must beat.
    pub by_size: Vec<BySize>,
    /// How well a smaller budget ranks the cells of a larger one.
    pub between_budgets: Vec<BetweenBudgets>,
    /// How well validation accuracy ranks the cells of test accuracy, by the means at the end.
    pub validation_and_test: Vec<WithinBudget>,
    /// How well the mean validation accuracy halfway ranks the cells of that at the end.
    pub halfway_and_final: Vec<WithinBudget>,
    /// How far the repeats of one cell lie apart.
    pub repeats: Vec<RepeatNoise>,
    /// The first models, by key, whose training diverged or failed: at most ten. The budgets count all of them.
    pub failures: Vec<Failure>,
}

/// Where the records of a benchmark come from.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Provenance {
    /// What makes the records comparable with others.
    pub identity: Identity,
    /// The data set.
    pub dataset: Dataset,
    /// The base seed; `None` in an import.
    pub seed: Option<Seed>,
    /// How a model is trained.
    pub protocol: Value,
    /// The files that the records were imported from.
    pub imported: Vec<Imported>,
    /// The rows of each source.
    pub sources: BTreeMap<String, u64>,
    /// The rows of each device; rows without one are left out.
    pub devices: BTreeMap<String, u64>,
    /// The rows of each version of this program.
    pub tool_versions: BTreeMap<String, u64>,
    /// The rows of each revision of the numerics and each kind of arithmetic; rows of older versions, which say none, are left out.
    pub numerics: BTreeMap<String, u64>,
    /// The rows of each revision of the numerics.
    #[serde(skip)]
    pub revisions: Revisions,
    /// When the first training ended, as far as that is known. Serialized as in RFC 3339.
    #[serde(serialize_with = "as_text")]
    pub first_recorded: Option<Timestamp>,
    /// When the last training ended, as far as that is known. Serialized as in RFC 3339.
    #[serde(serialize_with = "as_text")]
    pub last_recorded: Option<Timestamp>,
    /// The Parquet files of both parts.
    pub files: usize,
    /// Their size on the disk, in bytes.
    pub bytes: u64,
}

#[expect(clippy::ref_option, reason = "serde hands over fields by reference")]
fn as_text<S: Serializer>(moment: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    moment.map(|moment| moment.to_string()).serialize(serializer)
}

/// The number of cells with a number of vertices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct VerticesCount {
    /// The number of vertices.
    pub vertices: u8,
    /// The number of cells.
    pub cells: usize,
}

/// What there is at one budget.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct BudgetCount {
    /// The budget.
    pub epochs: Epochs,
    /// The cells with at least one row.
    pub cells: usize,
    /// The rows.
    pub rows: usize,
    /// The rows of the cell with the fewest.
    pub fewest_repeats: usize,
    /// The rows of the cell with the most.
    pub most_repeats: usize,
    /// The rows of each status; a status without rows is there with 0.
    pub statuses: BTreeMap<&'static str, usize>,
}

/// The spread of one column.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Range {
    /// The column.
    pub column: &'static str,
    /// The budget; `None` for what a cell has at every budget, of which each cell counts once.
    pub epochs: Option<Epochs>,
    /// The values that are not null.
    pub values: usize,
    /// The least value.
    pub least: Option<f64>,
    /// The arithmetic mean.
    pub mean: Option<f64>,
    /// The largest value.
    pub largest: Option<f64>,
}

/// One of the best cells, with the means over its repeats.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BestCell {
    /// The hash of the cell.
    pub module_hash: ModuleHash,
    /// The budget.
    pub epochs: Epochs,
    /// The repeats behind the mean final validation accuracy. One that diverged counts as an accuracy of chance, as
    /// [`judged`](crate::table::judged) says.
    pub repeats: usize,
    /// The repeats behind the mean final test accuracy.
    pub test_repeats: usize,
    /// The repeats that diverged.
    pub diverged: usize,
    /// The mean final validation accuracy.
    pub final_validation_accuracy: f64,
    /// The mean final test accuracy.
    pub final_test_accuracy: Option<f64>,
    /// The trainable parameters.
    pub trainable_parameters: u32,
    /// The mean training time.
    pub final_training_time: Option<f64>,
}

/// How well a size of the networks, as they were trained, ranks the cells by mean final validation accuracy at the largest budget.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct BySize {
    /// The column that has the size.
    pub column: &'static str,
    /// The budget.
    pub epochs: Epochs,
    /// How well it does; negative where smaller networks are better.
    #[serde(flatten)]
    pub correlation: RankCorrelation,
}

/// A correlation between two columns of one budget.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct WithinBudget {
    /// The budget.
    pub epochs: Epochs,
    /// How well the first column tells the second.
    #[serde(flatten)]
    pub correlation: RankCorrelation,
}

/// How far the final validation accuracies of one cell's repeats lie apart, at one budget.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct RepeatNoise {
    /// The budget.
    pub epochs: Epochs,
    /// Over all cells.
    #[serde(flatten)]
    pub all: Noise,
    /// Over the best tenth of the cells, by the mean over their repeats.
    pub best_tenth: Noise,
}

/// How far repeats lie apart, and how far cells do.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Noise {
    /// The cells with two repeats or more.
    pub cells: usize,
    /// The standard deviation over the repeats of a cell, pooled over the cells.
    pub over_repeats: Option<f64>,
    /// The standard deviation over the means of the cells.
    pub over_cells: Option<f64>,
    /// Spearman's rank correlation between repeat 0 and repeat 1 over the cells that have both.
    pub spearman: Option<Estimate>,
}

/// A training that did not end well.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// The row.
    #[serde(flatten)]
    pub key: Key,
    /// How it ended.
    pub status: Status,
}

impl Benchmark {
    /// Summarises the benchmark: its contents, its provenance and the noise of its measurements.
    ///
    /// # Errors
    ///
    /// As [`read`](crate::table::read) for the first damaged file, but hashes are not compared with the cells.
    ///
    /// # Example
    ///
    /// ```
    /// use nasbench::table::Benchmark;
    ///
    /// let summary = Benchmark::open("tests/data/tiny-benchmark")?.summary()?;
    /// assert_eq!((summary.cells, summary.budgets.len()), (91, 2));
    /// println!("the best cell is {}", summary.best[0].module_hash);
    /// # Ok::<(), nasbench::table::Error>(())
    /// ```
    pub fn summary(&self) -> Result<Summary, Error> {
        let rows = Rows::read(self)?;
        let verified_rows = rows::count(self, Part::Verified)?;
        let provenance = self.provenance(&rows)?;
        Ok(figures::summary(&rows, verified_rows, provenance))
    }

    fn provenance(&self, rows: &Rows) -> Result<Provenance, Error> {
        let mut files = self.files(Part::Recorded)?;
        files.append(&mut self.files(Part::Verified)?);
        let bytes = files.iter().map(|file| Ok(fs::metadata(file)?.len())).sum::<Result<_, Error>>()?;
        let manifest = self.manifest();
        Ok(Provenance {
            identity: self.identity(),
            dataset: manifest.dataset.clone(),
            seed: manifest.seed,
            protocol: manifest.protocol.clone(),
            imported: self.imported().to_vec(),
            sources: rows.sources.clone(),
            devices: rows.devices.clone(),
            tool_versions: rows.tool_versions.clone(),
            numerics: rows.numerics.clone(),
            revisions: manifest
                .seed
                .map_or_else(Revisions::default, |_| Revisions::of_counts(&rows.numerics, rows.epochs.len() as u64)),
            first_recorded: rows.first_recorded,
            last_recorded: rows.last_recorded,
            files: files.len(),
            bytes,
        })
    }
}
