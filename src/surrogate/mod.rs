//! Surrogates: models that, fitted on measured cells, predict the others.
//!
//! [`Features`] make a row of numbers of a cell, an [`Entry`] of [`SURROGATES`] fits rows and targets, [`quality`] says how
//! far to trust the fit, [`store`] keeps it, and [`SurrogateOracle`] answers searches with it. [`rule_classifier`] is the readable
//! companion: a small tree that says which cells are promising. A new surrogate is one file with an `ENTRY`, one `mod` line
//! and one line of [`SURROGATES`].

pub mod assess;
pub mod attribution;
mod boosting;
pub mod calibration;
mod compiled_trees;
mod document;
#[cfg(feature = "classic-ml")]
mod ensemble;
mod entry;
mod estimate;
pub mod features;
mod fit;
#[cfg(feature = "classic-ml")]
mod forest;
pub mod importance;
mod noise;
mod oracle;
pub(crate) mod perceptron;
pub mod quality;
mod range;
pub mod rule_classifier;
mod standard;
pub mod store;
#[cfg(feature = "classic-ml")]
mod svr;
mod target;
mod training_set;

use std::path::PathBuf;

pub use calibration::{Calibration, Coverage};
pub use entry::{Entry, FEWEST_ROWS, find};
pub use estimate::Estimate;
pub use features::Features;
pub use fit::FitOptions;
pub use noise::Noise;
pub use oracle::SurrogateOracle;
pub use range::FittedRange;
pub use rule_classifier::RuleClassifier;
pub use store::Model;
pub use target::{QUANTITIES, Quantity, Target};
pub use training_set::TrainingSet;

use crate::network::{self, ENCODINGS};
use crate::space::{self, Cell, ModuleHash};
use crate::table;
use crate::unit::Epochs;

/// Every surrogate.
pub const SURROGATES: &[Entry] = &[
    #[cfg(feature = "classic-ml")]
    forest::ENTRY,
    #[cfg(feature = "classic-ml")]
    svr::ENTRY,
    boosting::ENTRY,
    #[cfg(feature = "classic-ml")]
    ensemble::ENTRY,
    perceptron::ENTRY,
];

/// What went wrong with a surrogate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A model is not made of trees, whose Shapley values are computed.
    #[error("`{0}` is not made of trees: expected a model of `random-forest`, `gradient-boosting` or `ensemble`")]
    NoTrees(&'static str),
    /// No surrogate has this name.
    #[error("unknown surrogate `{0}` (known: {known})", known = known_surrogates())]
    UnknownSurrogate(String),
    /// No encoding has this name.
    #[error("unknown encoding `{0}` (known: {known})", known = joined(ENCODINGS.iter().map(|encoding| encoding.name)))]
    UnknownEncoding(String),
    /// Features are made of encodings.
    #[error("no encodings, expected at least one")]
    NoEncodings,
    /// Two encodings say the same.
    #[error("the encoding `{encoding}` repeats the column `{column}` of another one")]
    RepeatedEncoding {
        /// The later one.
        encoding: &'static str,
        /// The first column that both have.
        column: String,
    },
    /// A cell is not one that can be encoded.
    #[error("could not encode {cell}")]
    Cell {
        /// The cell.
        cell: Cell,
        /// Why.
        source: space::Error,
    },
    /// A cell has no network of the skeleton.
    #[error("could not build the network of {cell}")]
    Network {
        /// The cell.
        cell: Cell,
        /// Why not.
        source: network::Error,
    },
    /// No target has this name.
    #[error("unknown target `{0}` (known: {known})", known = joined(QUANTITIES.iter().map(|quantity| quantity.name())))]
    UnknownTarget(String),
    /// A table has no such budget.
    #[error(transparent)]
    Table(#[from] table::Error),
    /// No cell of a table has a value of the target.
    #[error("no cell has a {0}: there is nothing to learn")]
    NothingToLearn(Target),
    /// More cells are to be fitted on than there are.
    #[error("{found} cells to fit on, expected at most {known}: no more have a {target}")]
    TooFewCells {
        /// What is to be learned.
        target: Target,
        /// The cells that have it.
        known: usize,
        /// The cells asked for.
        found: usize,
    },
    /// A cell to fit on is not in the table.
    #[error("cell {hash} has no {target}")]
    UnknownCell {
        /// Its hash.
        hash: ModuleHash,
        /// What is to be learned.
        target: Target,
    },
    /// A row is longer or shorter than the others, or than the rows that the surrogate was fitted on.
    #[error("rows of {found} features, expected {expected}")]
    Width {
        /// The features expected.
        expected: usize,
        /// The features given.
        found: usize,
    },
    /// A feature is not a number.
    #[error("feature {column} of row {row} is {found}, expected a finite number")]
    Feature {
        /// The row, from 0.
        row: usize,
        /// The column, from 0.
        column: usize,
        /// The value.
        found: f32,
    },
    /// A target is not a number.
    #[error("the target of row {row} is {found}, expected a finite number")]
    NotFinite {
        /// The row, from 0.
        row: usize,
        /// The value.
        found: f32,
    },
    /// There are not as many targets (or hashes, or labels) as rows.
    #[error("{found} {what} for {expected} rows")]
    Count {
        /// What was counted.
        what: &'static str,
        /// Returns the number of rows.
        expected: usize,
        /// How many there are.
        found: usize,
    },
    /// Too little to fit on.
    #[error("{found} rows to fit on, expected at least {expected}")]
    TooFewRows {
        /// The fewest rows.
        expected: usize,
        /// The rows given.
        found: usize,
    },
    /// More parts than there are cells to put in them, or fewer than two.
    #[error("{folds} folds of {cells} cells, expected 2 to {cells}")]
    Folds {
        /// The folds asked for.
        folds: usize,
        /// The different cells.
        cells: usize,
    },
    /// Too few cells are left to predict.
    #[error("{training} of {cells} cells to fit on, expected at most {}: a surrogate is assessed on the others", cells.saturating_sub(2))]
    Split {
        /// The cells to fit on.
        training: usize,
        /// The different cells.
        cells: usize,
    },
    /// A judge needs promising cells and others.
    #[error("{promising} of {rows} cells are promising: a judge needs some that are and some that are not")]
    OneClass {
        /// The promising rows.
        promising: usize,
        /// All rows.
        rows: usize,
    },
    /// The library that fits failed.
    #[error("could not fit `{surrogate}`")]
    Fit {
        /// The surrogate.
        surrogate: &'static str,
        /// What the library said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The model answers for another quantity or budget.
    #[error("the model predicts {found}, expected {expected}")]
    Target {
        /// What was asked.
        expected: Target,
        /// What the model predicts.
        found: Target,
    },
    /// A model knows what cells reached in cheaper trainings, and nobody said that.
    #[error("the model also needs the {0} of each cell")]
    Warm(Target),
    /// A model does not know how far repeats lie apart.
    #[error("the noise of the {0} is not known: no cell had two repeats")]
    NoNoise(Target),
    /// No model was fitted for this budget.
    #[error("no model predicts {epochs} epochs (known: {})", joined(known))]
    Budget {
        /// The budget asked for.
        epochs: Epochs,
        /// The budgets that have models.
        known: Vec<Epochs>,
    },
    /// A prediction is not a number.
    #[error("the model predicts a {quantity} of {found}")]
    Prediction {
        /// What was predicted.
        quantity: Quantity,
        /// The value.
        found: f32,
    },
    /// A file could not be read or written.
    #[error(transparent)]
    File(#[from] std::io::Error),
    /// A file is no model.
    #[error("`{}` is not a model of this tool", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What the parser said.
        source: serde_json::Error,
    },
    /// A file was written in another format.
    #[error("`{}` has format version {found}, expected {expected}: fit the model again", path.display())]
    FormatVersion {
        /// The file.
        path: PathBuf,
        /// The version that this tool reads.
        expected: u32,
        /// The version of the file.
        found: u32,
    },
    /// A file holds another kind of model.
    #[error("`{}` holds a model `{found}`, expected {expected}", path.display())]
    OtherModel {
        /// The file.
        path: PathBuf,
        /// What was asked for.
        expected: String,
        /// The model of the file.
        found: String,
    },
    /// A model was fitted on features that this tool does not compute.
    #[error("`{}` was fitted on other features, first at column {column}: fit the model again", path.display())]
    OtherFeatures {
        /// The file.
        path: PathBuf,
        /// The first column that differs, from 0.
        column: usize,
    },
}

fn known_surrogates() -> String {
    let names = joined(SURROGATES.iter().map(|entry| entry.name));
    if cfg!(feature = "classic-ml") { names } else { format!("{names}; the others need the cargo feature `classic-ml`") }
}

fn joined<T: ToString>(names: impl IntoIterator<Item = T>) -> String {
    names.into_iter().map(|name| name.to_string()).collect::<Vec<_>>().join(", ")
}

/// Rows of features, one after the other.
///
/// # Shapes
///
/// - `[len, width]`, row-major
#[derive(Clone, Debug, PartialEq)]
pub struct Rows {
    width: usize,
    values: Vec<f32>,
}

impl Rows {
    /// Makes an empty list of rows.
    ///
    /// # Panics
    ///
    /// Panics for a width of 0.
    #[must_use]
    pub fn new(width: usize) -> Self {
        assert!(width > 0, "a row has features");
        Self { width, values: Vec::new() }
    }

    /// Adds a row.
    ///
    /// # Errors
    ///
    /// [`Error::Width`] if it is not as wide as the others, [`Error::Feature`] if a value is not finite.
    pub fn push(&mut self, row: &[f32]) -> Result<(), Error> {
        if row.len() != self.width {
            return Err(Error::Width { expected: self.width, found: row.len() });
        }
        if let Some(column) = row.iter().position(|value| !value.is_finite()) {
            return Err(Error::Feature { row: self.len(), column, found: row[column] });
        }
        self.values.extend_from_slice(row);
        Ok(())
    }

    /// Returns the number of features of a row.
    #[must_use]
    pub const fn width(&self) -> usize {
        self.width
    }

    /// Returns the number of rows.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.values.len() / self.width
    }

    /// Returns whether there are no rows.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Returns a row.
    ///
    /// # Panics
    ///
    /// Panics if there is no such row.
    #[must_use]
    pub fn row(&self, index: usize) -> &[f32] {
        &self.values[index * self.width..(index + 1) * self.width]
    }

    /// Iterates over the rows.
    #[must_use]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[f32]> {
        self.values.chunks_exact(self.width)
    }

    /// Returns some of the rows, in the order of `indices`.
    #[must_use]
    pub fn select(&self, indices: &[usize]) -> Self {
        let values = indices.iter().flat_map(|index| self.row(*index)).copied().collect();
        Self { width: self.width, values }
    }

    /// Adds one more feature behind the others.
    ///
    /// # Errors
    ///
    /// [`Error::Count`] unless there is a value for each row, [`Error::Feature`] if one is not finite.
    pub fn with_column(&self, column: &[f32]) -> Result<Self, Error> {
        check_count("values of a feature", column.len(), self)?;
        let mut wider = Self::new(self.width + 1);
        let mut row = vec![0.0; wider.width];
        for (values, value) in self.iter().zip(column) {
            row[..self.width].copy_from_slice(values);
            row[self.width] = *value;
            wider.push(&row)?;
        }
        Ok(wider)
    }

    /// Iterates over one feature of all rows.
    fn column(&self, column: usize) -> impl Iterator<Item = f32> + Clone {
        self.values.iter().skip(column).step_by(self.width).copied()
    }

    /// Returns an error unless the rows are as wide as those of the fit.
    const fn check_width(&self, expected: usize) -> Result<(), Error> {
        if self.width == expected { Ok(()) } else { Err(Error::Width { expected, found: self.width }) }
    }
}

/// The prediction of a surrogate for a row, in the unit of its targets.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prediction {
    /// The expected value.
    pub mean: f32,
    /// The standard deviation between the parts of the model, as the trees of a forest. It tells where the
    /// model has seen little; a [`Calibration`] makes an error bar of it. `None` for a model of one part.
    pub std: Option<f32>,
}

/// A fitted model.
pub trait Surrogate: Send + Sync + std::fmt::Debug {
    /// Predicts rows, in their order.
    ///
    /// # Shapes
    ///
    /// - `rows`: `[n, width]`, as wide as the rows of the fit
    /// - returns: `[n]`
    ///
    /// # Errors
    ///
    /// [`Error::Width`].
    fn predict(&self, rows: &Rows) -> Result<Vec<Prediction>, Error>;

    /// The Shapley values of the features of a row: how much each adds to its prediction, from the mean prediction of some background rows.
    /// `None` of a model that is not made of trees.
    ///
    /// # Shapes
    ///
    /// - `row`: `[width]`
    /// - `background`: `[n, width]`
    /// - returns: `[width]`
    ///
    /// # Errors
    ///
    /// [`Error::Width`].
    fn shapley(&self, row: &[f32], background: &Rows) -> Result<Option<Vec<f64>>, Error> {
        let _ = (row, background);
        Ok(None)
    }

    /// The parameters, from which its [`Entry`] restores it.
    ///
    /// # Errors
    ///
    /// None but what serde has to say.
    fn parameters(&self) -> serde_json::Result<serde_json::Value>;

    /// Checks parameters that were read from a file.
    ///
    /// # Errors
    ///
    /// What does not fit together, in a clause.
    fn check(&self) -> Result<(), &'static str> {
        Ok(())
    }
}

/// Returns an error unless all targets are finite.
fn check_finite(targets: &[f32]) -> Result<(), Error> {
    match targets.iter().position(|target| !target.is_finite()) {
        Some(row) => Err(Error::NotFinite { row, found: targets[row] }),
        None => Ok(()),
    }
}

/// Returns some of many values, in the order of `indices`.
fn pick<T: Copy>(values: &[T], indices: &[usize]) -> Vec<T> {
    indices.iter().map(|index| values[*index]).collect()
}

/// Returns an error unless there is one thing for each row.
const fn check_count(what: &'static str, found: usize, rows: &Rows) -> Result<(), Error> {
    if found == rows.len() { Ok(()) } else { Err(Error::Count { what, expected: rows.len(), found }) }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use rand::RngExt as _;

    use super::*;
    use crate::space::Space;
    use crate::unit::Seed;

    /// Rows of six numbers from 0 to 1, and a smooth function of the first three.
    pub(super) fn synthetic(n: usize, seed: Seed) -> (Rows, Vec<f32>) {
        let mut rng = seed.rng();
        let mut rows = Rows::new(6);
        let values: Vec<[f32; 6]> = (0..n).map(|_| std::array::from_fn(|_| rng.random_range(0.0..1.0))).collect();
        for row in &values {
            rows.push(row).unwrap();
        }
        let targets = values.iter().map(|row| 0.5 * row[0] + 0.3 * row[1] * row[1] + 0.1 * (6.0 * row[2]).sin()).collect();
        (rows, targets)
    }

    /// The first cells of the space.
    pub(super) fn cells(n: usize) -> Vec<Cell> {
        let mut cells = Space::nas_bench_101().with_max_vertices(4).unwrap().cells().unwrap();
        cells.truncate(n);
        cells
    }

    /// The features that a person can read.
    pub(super) fn features() -> Features {
        Features::new(features::READABLE, &Space::nas_bench_101()).unwrap()
    }

    /// Cells as rows, and accuracies that follow from them.
    pub(super) fn encoded_cells(n: usize) -> (Rows, Vec<f32>) {
        let rows = features().rows(&cells(n)).unwrap();
        let accuracies = rows.iter().map(|row| 0.2 + 0.1 * row[0] + 0.05 * row[1] + 0.02 * row[3]).collect();
        (rows, accuracies)
    }

    #[test]
    fn names_are_unique_and_found() {
        let names: HashSet<_> = SURROGATES.iter().map(|entry| entry.name).collect();
        assert_eq!(names.len(), SURROGATES.len());
        for entry in SURROGATES {
            assert_eq!(find(entry.name).unwrap().about, entry.about);
        }
        assert_eq!(
            find("oracle").unwrap_err().to_string(),
            "unknown surrogate `oracle` (known: random-forest, svr, gradient-boosting, ensemble, perceptrons)"
        );
    }

    #[test]
    fn what_cannot_be_fitted_is_named() {
        let (rows, mut targets) = synthetic(20, Seed(1));
        for entry in SURROGATES {
            let message = |rows: &Rows, targets: &[f32]| entry.fit(rows, targets, Seed(1)).unwrap_err().to_string();
            assert_eq!(message(&rows, &targets[..3]), "3 targets for 20 rows");
            assert_eq!(message(&rows.select(&[0, 1, 2]), &targets[..3]), "3 rows to fit on, expected at least 5");
            let model = entry.fit(&rows, &targets, Seed(1)).unwrap();
            assert_eq!(model.predict(&Rows::new(4)).unwrap_err().to_string(), "rows of 4 features, expected 6");
        }
        targets[7] = f32::NAN;
        let error = SURROGATES[0].fit(&rows, &targets, Seed(1)).unwrap_err();
        assert_eq!(error.to_string(), "the target of row 7 is NaN, expected a finite number");
    }

    #[test]
    fn rows_refuse_what_is_no_row() {
        let mut rows = Rows::new(2);
        assert!(matches!(rows.push(&[1.0]), Err(Error::Width { expected: 2, found: 1 })));
        assert!(matches!(rows.push(&[1.0, f32::INFINITY]), Err(Error::Feature { row: 0, column: 1, .. })));
        assert!(rows.is_empty());
    }

    #[test]
    fn a_column_is_added_behind_the_others() {
        let (rows, _) = synthetic(3, Seed(1));
        let wider = rows.with_column(&[7.0, 8.0, 9.0]).unwrap();
        assert_eq!((wider.width(), wider.row(1)[..6].to_vec(), wider.row(1)[6]), (7, rows.row(1).to_vec(), 8.0));
        assert!(matches!(rows.with_column(&[1.0]), Err(Error::Count { .. })));
        assert!(matches!(rows.with_column(&[1.0, f32::NAN, 2.0]), Err(Error::Feature { row: 1, column: 6, .. })));
    }

    #[test]
    fn one_seed_gives_one_model_and_no_rows_no_predictions() {
        let (rows, targets) = synthetic(50, Seed(1));
        for entry in SURROGATES {
            let fit = |seed| entry.fit(&rows, &targets, seed).unwrap();
            assert_eq!(fit(Seed(1)).predict(&rows).unwrap(), fit(Seed(1)).predict(&rows).unwrap(), "{}", entry.name);
            assert_eq!(fit(Seed(1)).predict(&Rows::new(6)).unwrap(), []);
        }
    }
}
