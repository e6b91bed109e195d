//! Regression trees compiled for prediction: those of a forest and those of boosting.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::{Error, Prediction, Rows};
use crate::statistics::number;

/// Rows that one thread scores at a time: few enough that they stay in its second-level cache while all trees pass by, and so many
/// that a large forest, which does not stay there, is not fetched often.
const BLOCK: usize = 1_024;
/// Rows that go down a tree side by side: a step of one hides the wait for the memory of another.
const LANES: usize = 8;

/// Trees one after the other; the right child of a node stands next to the left one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Columns", into = "Columns")]
pub(super) struct CompiledTrees {
    /// The features of a row.
    width: usize,
    nodes: Vec<Node>,
    /// The value of each node that is a leaf.
    values: Vec<f32>,
    /// The first node of each tree.
    roots: Vec<u32>,
}

/// Twelve bytes. A leaf is its own left child, and nothing is above its threshold.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Node {
    threshold: f32,
    feature: u32,
    left: u32,
}

impl Node {
    const fn leaf(place: u32) -> Self {
        Self { threshold: f32::INFINITY, feature: 0, left: place }
    }

    /// Where a row goes from here.
    fn next(self, row: &[f32]) -> usize {
        self.left as usize + usize::from(row[self.feature as usize] > self.threshold)
    }
}

/// A node of a fitted tree.
#[derive(Clone, Copy, Debug)]
pub(super) enum Branch {
    /// Left if the feature is at most the threshold.
    Split { feature: u32, threshold: f64, left: usize, right: usize },
    /// Where a row ends.
    Leaf { value: f64 },
}

impl CompiledTrees {
    /// Compiles trees for rows of `width` features. The first branch of each is its root; children are positions in the same tree.
    #[expect(clippy::cast_possible_truncation, reason = "fewer than 2^32 nodes; values to seven digits")]
    pub(super) fn new<'a>(width: usize, trees: impl IntoIterator<Item = &'a [Branch]>) -> Self {
        let mut compiled = Self { width, nodes: Vec::new(), values: Vec::new(), roots: Vec::new() };
        for tree in trees {
            let root = compiled.nodes.len();
            compiled.roots.push(root as u32);
            compiled.nodes.push(Node::leaf(root as u32));
            let mut open = vec![(root, 0)];
            while let Some((place, branch)) = open.pop() {
                compiled.nodes[place] = match tree[branch] {
                    Branch::Leaf { value } => {
                        compiled.values.resize(compiled.nodes.len(), 0.0);
                        compiled.values[place] = value as f32;
                        Node::leaf(place as u32)
                    }
                    Branch::Split { feature, threshold, left, right } => {
                        let children = compiled.nodes.len();
                        compiled.nodes.extend([Node::leaf(0); 2]);
                        open.extend([(children, left), (children + 1, right)]);
                        Node { threshold: rounded_down(threshold), feature, left: children as u32 }
                    }
                };
            }
        }
        compiled
    }

    /// Returns the number of features of a row.
    pub(super) const fn width(&self) -> usize {
        self.width
    }

    /// Predicts rows: the mean of the trees and the standard deviation between them.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        reason = "values to seven digits, a few hundred trees"
    )]
    pub(super) fn mean(&self, rows: &Rows) -> Result<Vec<Prediction>, Error> {
        let trees = self.roots.len() as f64;
        self.score(rows, |sum, squares| {
            let mean = sum / trees;
            let variance = (squares / trees - mean * mean).max(0.0);
            Prediction { mean: mean as f32, std: Some(variance.sqrt() as f32) }
        })
    }

    /// Predicts rows: the sum of the trees and of a start.
    #[expect(clippy::cast_possible_truncation, reason = "values to seven digits")]
    pub(super) fn sum(&self, rows: &Rows, start: f32) -> Result<Vec<Prediction>, Error> {
        self.score(rows, |sum, _| Prediction { mean: (f64::from(start) + sum) as f32, std: None })
    }

    /// The Shapley values of the features for the sum of the trees: how much each adds to the prediction of a row, from the mean prediction of
    /// some background rows, of which it takes the features that are missing from a coalition.
    ///
    /// # Source
    ///
    /// Lundberg et al., "From local explanations to global understanding with explainable AI for trees", Nature Machine Intelligence 2, 2020:
    /// the interventional form, exact.
    pub(super) fn shapley(&self, row: &[f32], background: &Rows) -> Result<Vec<f64>, Error> {
        background.check_width(self.width)?;
        let mut values = vec![0.0; self.width];
        let mut split = Split { owners: vec![None; self.width], of_row: Vec::new(), of_other: Vec::new() };
        for other in background.iter() {
            for root in &self.roots {
                self.descend(*root as usize, [row, other], &mut split, &mut values);
            }
        }
        let count = number(background.len());
        Ok(values.into_iter().map(|value| value / count).collect())
    }

    /// Goes down a tree wherever a row or another one goes, and shares the value of each leaf among the features that decided between them.
    fn descend(&self, place: usize, rows: [&[f32]; 2], split: &mut Split, values: &mut [f64]) {
        let node = self.nodes[place];
        if node.left as usize == place {
            let [row, other] = [&split.of_row, &split.of_other].map(|features| number(features.len()));
            let value = f64::from(self.values[place]);
            let share = |own: f64, others: f64| value / (own * choose(own + others, own));
            for feature in &split.of_row {
                values[*feature] += share(row, other);
            }
            for feature in &split.of_other {
                values[*feature] -= share(other, row);
            }
            return;
        }
        let feature = node.feature as usize;
        let [next, of_other] = rows.map(|row| node.next(row));
        match split.owners[feature] {
            Some(true) => self.descend(next, rows, split, values),
            Some(false) => self.descend(of_other, rows, split, values),
            None if next == of_other => self.descend(next, rows, split, values),
            None => {
                split.owners[feature] = Some(true);
                split.of_row.push(feature);
                self.descend(next, rows, split, values);
                split.of_row.pop();
                split.owners[feature] = Some(false);
                split.of_other.push(feature);
                self.descend(of_other, rows, split, values);
                split.of_other.pop();
                split.owners[feature] = None;
            }
        }
    }

    /// Returns the number of trees.
    pub(super) const fn trees(&self) -> usize {
        self.roots.len()
    }

    /// Predicts rows from the sum of the trees and the sum of their squares.
    fn score(&self, rows: &Rows, said: impl Fn(f64, f64) -> Prediction + Sync) -> Result<Vec<Prediction>, Error> {
        rows.check_width(self.width)?;
        let mut predictions = vec![Prediction { mean: 0.0, std: None }; rows.len()];
        if rows.len() <= BLOCK {
            self.score_block(&rows.values, rows.width, &mut predictions, &said);
        } else {
            predictions
                .par_chunks_mut(BLOCK)
                .zip(rows.values.par_chunks(BLOCK * rows.width))
                .for_each(|(predictions, values)| self.score_block(values, rows.width, predictions, &said));
        }
        Ok(predictions)
    }

    /// Trees outside, rows inside: a tree stays in the cache while the rows of the block pass through it.
    fn score_block(&self, values: &[f32], width: usize, predictions: &mut [Prediction], said: impl Fn(f64, f64) -> Prediction) {
        let mut sums = vec![(0.0_f64, 0.0_f64); predictions.len()];
        for root in &self.roots {
            for (sums, rows) in sums.chunks_mut(LANES).zip(values.chunks(LANES * width)) {
                let places = self.leaves(*root as usize, rows, width);
                for ((sum, squares), place) in sums.iter_mut().zip(places) {
                    let value = f64::from(self.values[place]);
                    *sum += value;
                    *squares += value * value;
                }
            }
        }
        for (prediction, (sum, squares)) in predictions.iter_mut().zip(sums) {
            *prediction = said(sum, squares);
        }
    }

    /// The leaves where rows end, at most as many as there are lanes; the lanes that are left over go with the first row.
    fn leaves(&self, root: usize, rows: &[f32], width: usize) -> [usize; LANES] {
        let rows: [&[f32]; LANES] =
            std::array::from_fn(|lane| rows.get(lane * width..(lane + 1) * width).unwrap_or(&rows[..width]));
        let mut places = [root; LANES];
        loop {
            let mut moved = 0;
            for (place, row) in places.iter_mut().zip(rows) {
                let next = self.nodes[*place].next(row);
                moved |= next ^ *place;
                *place = next;
            }
            if moved == 0 {
                return places;
            }
        }
    }

    /// What a file holds of a node: its threshold, or its value if it is a leaf.
    fn value(&self, place: usize) -> f32 {
        let node = self.nodes[place];
        if node.left as usize == place { self.values[place] } else { node.threshold }
    }

    /// Whether every child and every feature exists, and every path ends: what a file must prove before it is scored.
    fn is_sound(&self) -> bool {
        let sound = |(place, node): (usize, &Node)| {
            let left = node.left as usize;
            let is_split =
                left > place && left + 1 < self.nodes.len() && (node.feature as usize) < self.width && node.threshold.is_finite();
            is_split || (left == place && self.values[place].is_finite())
        };
        self.width > 0
            && !self.roots.is_empty()
            && self.roots.iter().all(|root| (*root as usize) < self.nodes.len())
            && self.nodes.iter().enumerate().all(sound)
    }
}

/// The features that decided on the way to a node whether a row or another one is followed, and which.
struct Split {
    /// For each feature: whether it decided for the row; `None` if it did not decide.
    owners: Vec<Option<bool>>,
    of_row: Vec<usize>,
    of_other: Vec<usize>,
}

/// The number of ways to choose some of many things.
fn choose(of: f64, chosen: f64) -> f64 {
    let mut ways = 1.0;
    let mut left = 0.0;
    while left < chosen.min(of - chosen) {
        ways *= (of - left) / (left + 1.0);
        left += 1.0;
    }
    ways
}

/// The largest single-precision number that is not above: `x <= threshold` stays what it was for every `x` in single precision.
#[expect(clippy::cast_possible_truncation, reason = "rounded on purpose")]
pub(super) fn rounded_down(threshold: f64) -> f32 {
    let nearest = threshold as f32;
    if f64::from(nearest) > threshold { nearest.next_down() } else { nearest }
}

/// CompiledTrees trees as they stand in a file: columns are a third of the size of a list of nodes.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Columns {
    width: usize,
    roots: Vec<u32>,
    values: Vec<f32>,
    features: Vec<u32>,
    left: Vec<u32>,
}

impl From<CompiledTrees> for Columns {
    fn from(compiled: CompiledTrees) -> Self {
        Self {
            width: compiled.width,
            values: (0..compiled.nodes.len()).map(|place| compiled.value(place)).collect(),
            features: compiled.nodes.iter().map(|node| node.feature).collect(),
            left: compiled.nodes.iter().map(|node| node.left).collect(),
            roots: compiled.roots,
        }
    }
}

impl TryFrom<Columns> for CompiledTrees {
    type Error = &'static str;

    fn try_from(Columns { width, roots, values, features, left }: Columns) -> Result<Self, Self::Error> {
        let equally_long = values.len() == features.len() && values.len() == left.len();
        let nodes = values.iter().zip(features).zip(left).zip(0..);
        let node = |(((threshold, feature), left), place): (((&f32, u32), u32), u32)| {
            if left == place { Node::leaf(place) } else { Node { threshold: *threshold, feature, left } }
        };
        let compiled = Self { width, nodes: nodes.map(node).collect(), values, roots };
        (equally_long && compiled.is_sound()).then_some(compiled).ok_or("the nodes are no trees")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unit::Seed;

    fn stump(threshold: f64) -> Vec<Branch> {
        vec![Branch::Split { feature: 1, threshold, left: 2, right: 1 }, Branch::Leaf { value: 5.0 }, Branch::Leaf { value: 3.0 }]
    }

    #[test]
    fn a_row_on_the_threshold_goes_left() {
        let compiled = CompiledTrees::new(2, [stump(0.5).as_slice(), &[Branch::Leaf { value: 1.0 }]]);
        let mut rows = Rows::new(2);
        rows.push(&[9.0, 0.5]).unwrap();
        rows.push(&[9.0, 0.500_001]).unwrap();
        let predictions = compiled.mean(&rows).unwrap();
        assert_eq!(predictions[0], Prediction { mean: 2.0, std: Some(1.0) });
        assert_eq!(predictions[1], Prediction { mean: 3.0, std: Some(2.0) });
    }

    #[test]
    fn a_threshold_between_two_numbers_separates_them_still() {
        let low = 0.1_f32;
        let high = low.next_up();
        let compiled = CompiledTrees::new(2, [stump(f64::midpoint(low.into(), high.into())).as_slice()]);
        let mut rows = Rows::new(2);
        rows.push(&[0.0, low]).unwrap();
        rows.push(&[0.0, high]).unwrap();
        let said: Vec<_> = compiled.sum(&rows, 0.0).unwrap().iter().map(|prediction| prediction.mean).collect();
        assert_eq!(said, [3.0, 5.0]);
    }

    #[test]
    fn columns_that_describe_no_forest_are_refused() {
        let columns = || Columns::from(CompiledTrees::new(2, [stump(0.5).as_slice()]));
        assert!(CompiledTrees::try_from(columns()).is_ok());
        assert!(CompiledTrees::try_from(Columns { width: 1, ..columns() }).is_err(), "a feature that rows lack");
        assert!(CompiledTrees::try_from(Columns { left: vec![1, 0, 2], ..columns() }).is_err(), "a path without end");
        assert!(CompiledTrees::try_from(Columns { roots: vec![7], ..columns() }).is_err(), "a root that does not exist");
        assert!(CompiledTrees::try_from(Columns { values: vec![0.5], ..columns() }).is_err(), "columns of different lengths");
    }

    /// Random trees of five features, of which none asks for the last.
    fn random_trees(rng: &mut rand_chacha::ChaCha8Rng) -> CompiledTrees {
        use rand::RngExt as _;
        let mut tree = |_| {
            let mut branches = vec![Branch::Leaf { value: 0.0 }];
            for split in 0..12 {
                let leaves: Vec<usize> = (0..branches.len()).filter(|at| matches!(branches[*at], Branch::Leaf { .. })).collect();
                let at = leaves[rng.random_range(0..leaves.len())];
                let (left, feature) = (branches.len(), rng.random_range(0..4));
                branches.extend(
                    [1.0, 2.0].map(|value| Branch::Leaf { value: value * f64::from(split) * rng.random_range(-1.0..1.0) }),
                );
                branches[at] = Branch::Split { feature, threshold: rng.random_range(0.0..1.0), left, right: left + 1 };
            }
            branches
        };
        let trees: Vec<Vec<Branch>> = (0..3).map(&mut tree).collect();
        CompiledTrees::new(5, trees.iter().map(Vec::as_slice))
    }

    /// The mean prediction of the background rows with some features of a row.
    fn coalition(trees: &CompiledTrees, row: &[f32], background: &Rows, features: usize) -> f64 {
        let mut mixed = Rows::new(5);
        for other in background.iter() {
            let values: Vec<f32> = (0..5).map(|at| if features >> at & 1 == 1 { row[at] } else { other[at] }).collect();
            mixed.push(&values).unwrap();
        }
        let sum: f64 = trees.sum(&mixed, 0.0).unwrap().iter().map(|prediction| f64::from(prediction.mean)).sum();
        sum / number(background.len())
    }

    #[test]
    fn shapley_values_are_those_of_all_coalitions() {
        use rand::RngExt as _;
        let mut rng = Seed(1).rng();
        for _ in 0..20 {
            let trees = random_trees(&mut rng);
            let mut draw = || (0..5).map(|_| rng.random_range(0.0..1.0_f32)).collect::<Vec<f32>>();
            let (row, mut background) = (draw(), Rows::new(5));
            for _ in 0..4 {
                background.push(&draw()).unwrap();
            }
            let found = trees.shapley(&row, &background).unwrap();
            for (feature, found) in found.iter().enumerate() {
                let mut expected = 0.0;
                for others in (0..32_usize).filter(|features| features >> feature & 1 == 0) {
                    let size = others.count_ones();
                    let weight = 1.0 / (5.0 * choose(4.0, f64::from(size)));
                    let gain = coalition(&trees, &row, &background, others | 1 << feature)
                        - coalition(&trees, &row, &background, others);
                    expected += weight * gain;
                }
                assert!((found - expected).abs() < 1e-5, "{found} and {expected}");
            }
            let all = coalition(&trees, &row, &background, 31) - coalition(&trees, &row, &background, 0);
            assert!((found.iter().sum::<f64>() - all).abs() < 1e-5, "the values sum to the difference");
            assert!(found[4].abs() < 1e-12, "no tree asks for the last feature");
        }
    }

    #[test]
    fn features_that_do_the_same_have_the_same_share() {
        // The sum of two stumps: each feature adds 2 beyond its threshold, and the background is below both.
        let stump = |feature| {
            vec![
                Branch::Split { feature, threshold: 0.5, left: 1, right: 2 },
                Branch::Leaf { value: 0.0 },
                Branch::Leaf { value: 2.0 },
            ]
        };
        let (one, two) = (stump(0), stump(1));
        let trees = CompiledTrees::new(2, [one.as_slice(), two.as_slice()]);
        let mut background = Rows::new(2);
        background.push(&[0.0, 0.0]).unwrap();
        assert_eq!(trees.shapley(&[1.0, 1.0], &background).unwrap(), [2.0, 2.0]);
        assert!(trees.shapley(&[1.0, 1.0], &Rows::new(3)).is_err());
    }
}
