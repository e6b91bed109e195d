//! Regression trees laid out for scoring: those of a forest and those of boosting.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::{Prediction, Rows};

/// Rows that one thread scores at a time: few enough that they stay in its second-level cache while all trees pass by, and so many
/// that a large forest, which does not stay there, is not fetched often.
const BLOCK: usize = 1_024;
/// Rows that go down a tree side by side: a step of one hides the wait for the memory of another.
const LANES: usize = 8;

/// Trees one after the other; the right child of a node stands next to the left one.
#[derive(Debug, PartialEq)]
pub(super) struct Flat {
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

/// A node of a tree that is not flat yet.
#[derive(Clone, Copy, Debug)]
pub(super) enum Branch {
    /// Left if the feature is at most the threshold.
    Split { feature: u32, threshold: f64, left: usize, right: usize },
    /// Where a row ends.
    Leaf { value: f64 },
}

impl Flat {
    /// Lays out trees. The first branch of each is its root; children are positions in the same tree.
    #[expect(clippy::cast_possible_truncation, reason = "fewer than 2^32 nodes; values to seven digits")]
    pub(super) fn of_trees<'a>(trees: impl IntoIterator<Item = &'a [Branch]>) -> Self {
        let mut flat = Self { nodes: Vec::new(), values: Vec::new(), roots: Vec::new() };
        for tree in trees {
            let root = flat.nodes.len();
            flat.roots.push(root as u32);
            flat.nodes.push(Node::leaf(root as u32));
            let mut open = vec![(root, 0)];
            while let Some((place, branch)) = open.pop() {
                flat.nodes[place] = match tree[branch] {
                    Branch::Leaf { value } => {
                        flat.values.resize(flat.nodes.len(), 0.0);
                        flat.values[place] = value as f32;
                        Node::leaf(place as u32)
                    }
                    Branch::Split { feature, threshold, left, right } => {
                        let children = flat.nodes.len();
                        flat.nodes.extend([Node::leaf(0); 2]);
                        open.extend([(children, left), (children + 1, right)]);
                        Node { threshold: rounded_down(threshold), feature, left: children as u32 }
                    }
                };
            }
        }
        flat
    }

    /// Scores rows: the mean of the trees and the standard deviation between them.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        reason = "values to seven digits, a few hundred trees"
    )]
    pub(super) fn predict(&self, rows: &Rows) -> Vec<Prediction> {
        let trees = self.roots.len() as f64;
        self.score(rows, |sum, squares| {
            let mean = sum / trees;
            let variance = (squares / trees - mean * mean).max(0.0);
            Prediction { mean: mean as f32, spread: Some(variance.sqrt() as f32) }
        })
    }

    /// Scores rows: the sum of the trees and of a start.
    #[expect(clippy::cast_possible_truncation, reason = "values to seven digits")]
    pub(super) fn total(&self, rows: &Rows, start: f32) -> Vec<Prediction> {
        self.score(rows, |sum, _| Prediction { mean: (f64::from(start) + sum) as f32, spread: None })
    }

    /// Scores rows by the sum of the trees and the sum of their squares.
    fn score(&self, rows: &Rows, said: impl Fn(f64, f64) -> Prediction + Sync) -> Vec<Prediction> {
        let mut predictions = vec![Prediction { mean: 0.0, spread: None }; rows.len()];
        if rows.len() <= BLOCK {
            self.score_block(&rows.values, rows.width, &mut predictions, &said);
        } else {
            predictions
                .par_chunks_mut(BLOCK)
                .zip(rows.values.par_chunks(BLOCK * rows.width))
                .for_each(|(predictions, values)| self.score_block(values, rows.width, predictions, &said));
        }
        predictions
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
    fn is_sound(&self, width: usize) -> bool {
        let sound = |(place, node): (usize, &Node)| {
            let left = node.left as usize;
            let is_split =
                left > place && left + 1 < self.nodes.len() && (node.feature as usize) < width && node.threshold.is_finite();
            is_split || (left == place && self.values[place].is_finite())
        };
        width > 0
            && !self.roots.is_empty()
            && self.roots.iter().all(|root| (*root as usize) < self.nodes.len())
            && self.nodes.iter().enumerate().all(sound)
    }
}

/// The largest single-precision number that is not above: `x <= threshold` stays what it was for every `x` in single precision.
#[expect(clippy::cast_possible_truncation, reason = "rounded on purpose")]
pub(super) fn rounded_down(threshold: f64) -> f32 {
    let nearest = threshold as f32;
    if f64::from(nearest) > threshold { nearest.next_down() } else { nearest }
}

/// Flat trees as they stand in a file: columns are a third of the size of a list of nodes.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Columns {
    width: usize,
    roots: Vec<u32>,
    values: Vec<f32>,
    features: Vec<u32>,
    left: Vec<u32>,
}

impl Columns {
    pub(super) fn of(flat: &Flat, width: usize) -> Self {
        Self {
            width,
            roots: flat.roots.clone(),
            values: (0..flat.nodes.len()).map(|place| flat.value(place)).collect(),
            features: flat.nodes.iter().map(|node| node.feature).collect(),
            left: flat.nodes.iter().map(|node| node.left).collect(),
        }
    }

    /// The forest and the width of its rows; `None` if the columns describe no forest.
    pub(super) fn into_flat(self) -> Option<(Flat, usize)> {
        let equally_long = self.values.len() == self.features.len() && self.values.len() == self.left.len();
        let nodes = self.values.iter().zip(self.features).zip(self.left).zip(0..);
        let node = |(((threshold, feature), left), place): (((&f32, u32), u32), u32)| {
            if left == place { Node::leaf(place) } else { Node { threshold: *threshold, feature, left } }
        };
        let flat = Flat { nodes: nodes.map(node).collect(), values: self.values, roots: self.roots };
        (equally_long && flat.is_sound(self.width)).then_some((flat, self.width))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stump(threshold: f64) -> Vec<Branch> {
        vec![Branch::Split { feature: 1, threshold, left: 2, right: 1 }, Branch::Leaf { value: 5.0 }, Branch::Leaf { value: 3.0 }]
    }

    #[test]
    fn a_row_on_the_threshold_goes_left() {
        let flat = Flat::of_trees([stump(0.5).as_slice(), &[Branch::Leaf { value: 1.0 }]]);
        let mut rows = Rows::new(2);
        rows.push(&[9.0, 0.5]).unwrap();
        rows.push(&[9.0, 0.500_001]).unwrap();
        let predictions = flat.predict(&rows);
        assert_eq!(predictions[0], Prediction { mean: 2.0, spread: Some(1.0) });
        assert_eq!(predictions[1], Prediction { mean: 3.0, spread: Some(2.0) });
    }

    #[test]
    fn a_threshold_between_two_numbers_separates_them_still() {
        let low = 0.1_f32;
        let high = low.next_up();
        let flat = Flat::of_trees([stump(f64::midpoint(low.into(), high.into())).as_slice()]);
        let mut rows = Rows::new(2);
        rows.push(&[0.0, low]).unwrap();
        rows.push(&[0.0, high]).unwrap();
        let said: Vec<_> = flat.total(&rows, 0.0).iter().map(|prediction| prediction.mean).collect();
        assert_eq!(said, [3.0, 5.0]);
    }

    #[test]
    fn columns_that_describe_no_forest_are_refused() {
        let columns = || Columns::of(&Flat::of_trees([stump(0.5).as_slice()]), 2);
        assert!(columns().into_flat().is_some());
        assert!(Columns { width: 1, ..columns() }.into_flat().is_none(), "a feature that rows lack");
        assert!(Columns { left: vec![1, 0, 2], ..columns() }.into_flat().is_none(), "a path without end");
        assert!(Columns { roots: vec![7], ..columns() }.into_flat().is_none(), "a root that does not exist");
        assert!(Columns { values: vec![0.5], ..columns() }.into_flat().is_none(), "columns of different lengths");
    }
}
