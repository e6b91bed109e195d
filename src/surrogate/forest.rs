//! A random forest: the surrogate to begin with. It needs no tuning, knows ties and thresholds, and its trees disagree where
//! it has seen little. It never predicts beyond what it was fitted on.
//!
//! smartcore fits it, and the rest is ours: the `predict` of smartcore 0.7 takes 13 to 33 times as long as ours, it does not say how far
//! the trees disagree, and its trees are private, so that they are read through serde.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use smartcore::ensemble::random_forest_regressor::{RandomForestRegressor, RandomForestRegressorParameters};
use smartcore::linalg::basic::matrix::DenseMatrix;

use super::compiled_trees::{Branch, CompiledTrees};
use super::entry::restore;
use super::{Entry, Error, Prediction, Rows, Surrogate};
use crate::statistics::number;
use crate::unit::Seed;

/// Trees that are fitted together, on one thread.
const GROUP: usize = 10;
/// Groups of trees: 100 trees. A constant, so that the forest does not depend on the number of threads.
const GROUPS: usize = 10;

/// The forest of the list.
///
/// | parameter | value |
/// |---|---|
/// | trees | 100, each on a bootstrap sample |
/// | features tried per split | a third |
/// | rows in a leaf | at least 1 |
/// | depth | unlimited |
pub(super) const ENTRY: Entry = Entry {
    name: "random-forest",
    about: "100 regression trees, each on a bootstrap sample; the spread is the standard deviation between them",
    source: "Breiman, Random forests, 2001; spread: Hutter, Hoos & Leyton-Brown, LION 2011",
    most_rows: None,
    fit: |rows, targets, seed| Ok(Box::new(Forest::fit(rows, targets, seed)?)),
    restore: restore::<Forest>,
};

/// A fitted forest.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Forest(pub(super) CompiledTrees);

type Native = RandomForestRegressor<f32, f64, DenseMatrix<f32>, Vec<f64>>;

impl Forest {
    pub(super) fn fit(rows: &Rows, targets: &[f32], seed: Seed) -> Result<Self, Error> {
        let matrix = matrix(rows)?;
        let targets: Vec<f64> = targets.iter().copied().map(f64::from).collect();
        let groups: Vec<Vec<Vec<Branch>>> = (0..GROUPS)
            .into_par_iter()
            .map(|group| branches(&fit_group(&matrix, &targets, rows.width, seed, group)?))
            .collect::<Result<_, Error>>()?;
        Ok(Self(CompiledTrees::new(rows.width, groups.iter().flatten().map(Vec::as_slice))))
    }
}

impl Surrogate for Forest {
    fn predict(&self, rows: &Rows) -> Result<Vec<Prediction>, Error> {
        self.0.mean(rows)
    }

    fn shapley(&self, row: &[f32], background: &Rows) -> Result<Option<Vec<f64>>, Error> {
        let trees = number(self.0.trees());
        Ok(Some(self.0.shapley(row, background)?.into_iter().map(|value| value / trees).collect()))
    }

    fn parameters(&self) -> serde_json::Result<serde_json::Value> {
        serde_json::to_value(self)
    }
}

/// Column-major, which smartcore reads fastest.
fn matrix(rows: &Rows) -> Result<DenseMatrix<f32>, Error> {
    let values = (0..rows.width).flat_map(|column| rows.column(column)).collect();
    DenseMatrix::new(rows.len(), rows.width, values, true).map_err(could_not_fit)
}

/// smartcore seeds tree i of a forest with seed + i, so the seeds of groups lie their number of trees apart.
fn fit_group(matrix: &DenseMatrix<f32>, targets: &Vec<f64>, width: usize, seed: Seed, group: usize) -> Result<Native, Error> {
    let parameters = RandomForestRegressorParameters::default()
        .with_n_trees(GROUP)
        .with_m((width / 3).max(1))
        .with_min_samples_leaf(1)
        .with_seed(seed.derive("random forest").0.wrapping_add((group * GROUP) as u64));
    Native::fit(matrix, targets, parameters).map_err(could_not_fit)
}

fn could_not_fit(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::Fit { surrogate: ENTRY.name, source: source.into() }
}

/// What is read of a fitted forest, whose fields are private, through serde by their names.
#[derive(Deserialize)]
struct NativeForest {
    forest_regressor: NativeTrees,
}

#[derive(Deserialize)]
struct NativeTrees {
    trees: Vec<NativeTree>,
}

#[derive(Deserialize)]
struct NativeTree {
    nodes: Vec<NativeNode>,
}

#[derive(Deserialize)]
struct NativeNode {
    output: f64,
    split_feature: u32,
    split_value: Option<f64>,
    true_child: Option<usize>,
    false_child: Option<usize>,
}

impl NativeNode {
    const fn branch(&self) -> Branch {
        match (self.split_value, self.true_child, self.false_child) {
            (Some(threshold), Some(left), Some(right)) => Branch::Split { feature: self.split_feature, threshold, left, right },
            _ => Branch::Leaf { value: self.output },
        }
    }
}

/// The trees of a fitted forest.
fn branches(native: &Native) -> Result<Vec<Vec<Branch>>, Error> {
    // MessagePack takes half as long as JSON with its decimals.
    let bytes = rmp_serde::to_vec_named(native).map_err(could_not_fit)?;
    let native: NativeForest = rmp_serde::from_slice(&bytes).map_err(could_not_fit)?;
    let trees = native.forest_regressor.trees;
    Ok(trees.iter().map(|tree| tree.nodes.iter().map(NativeNode::branch).collect()).collect())
}

#[cfg(test)]
mod tests {
    use super::super::tests::synthetic;
    use super::*;

    #[test]
    fn a_compiled_forest_predicts_what_smartcore_predicts() {
        let (rows, targets) = synthetic(200, Seed(1));
        let (unseen, _) = synthetic(300, Seed(2));
        let forest = Forest::fit(&rows, &targets, Seed(3)).unwrap();
        let compiled = forest.predict(&unseen).unwrap();
        let (rows_matrix, targets) = (matrix(&rows).unwrap(), targets.iter().copied().map(f64::from).collect());
        let mut native = vec![0.0; unseen.len()];
        for group in 0..GROUPS {
            let group = fit_group(&rows_matrix, &targets, rows.width, Seed(3), group).unwrap();
            for (sum, value) in native.iter_mut().zip(group.predict(&matrix(&unseen).unwrap()).unwrap()) {
                *sum += value / 10.0;
            }
        }
        for (compiled, native) in compiled.iter().zip(native) {
            assert!((f64::from(compiled.mean) - native).abs() < 1e-6, "{} and {native}", compiled.mean);
        }
    }

    #[test]
    fn a_forest_does_not_depend_on_the_number_of_threads() {
        let (rows, targets) = synthetic(60, Seed(1));
        let fit_on = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| Forest::fit(&rows, &targets, Seed(3)).unwrap())
        };
        assert_eq!(fit_on(1), fit_on(3));
    }

    #[test]
    fn trees_disagree_most_where_little_was_seen() {
        let (rows, targets) = synthetic(300, Seed(1));
        let forest = Forest::fit(&rows, &targets, Seed(3)).unwrap();
        let mean_std = |rows: &Rows| -> f32 {
            let predictions = forest.predict(rows).unwrap();
            predictions.iter().filter_map(|prediction| prediction.std).sum::<f32>() / 300.0
        };
        assert!(mean_std(&rows) < mean_std(&synthetic(300, Seed(2)).0));
    }

    #[test]
    fn one_row_at_a_time_scores_as_a_batch_does() {
        let (rows, targets) = synthetic(600, Seed(1));
        let forest = Forest::fit(&rows.select(&[0, 1, 2, 3, 4, 5, 6, 7]), &targets[..8], Seed(3)).unwrap();
        let batch = forest.predict(&rows).unwrap();
        for (index, expected) in batch.into_iter().enumerate() {
            assert_eq!(forest.predict(&rows.select(&[index])).unwrap(), [expected]);
        }
    }
}
