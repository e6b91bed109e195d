//! A rule classifier: a small decision tree, printed as rules, that says whether a cell is promising.
//!
//! linfa-trees fits each split, and the tree around the splits is ours: linfa-trees 0.8 breaks ties in a vote at random, prunes children
//! that vote alike although they differ, and below the root overlooks a split that falls between equal values of rows in and out of the
//! node. A stump on the rows of one node, the two classes weighing the same, has none of these defects.
//!
//! ```text
//! most_conv3x3_on_a_path <= 1
//! |  no: 3 of 52 are promising
//! most_conv3x3_on_a_path >= 2
//! |  parameters <= 2.31M
//! |  |  no: 4 of 12 are promising
//! |  parameters > 2.31M
//! |  |  yes: 15 of 20 are promising
//! ```

use std::fmt::{self, Write as _};

use serde::{Deserialize, Serialize};

use super::features::{self, Scale};
use super::{Error, Rows, check_count, check_finite};

/// The name of a rule classifier in files and lists.
pub const NAME: &str = "judge-tree";
/// One line that says what a rule classifier is.
pub const ABOUT: &str = "a tree of at most 8 leaves that says which cells are promising, printed as rules";
/// Where it was described.
pub const SOURCE: &str = "Breiman et al., Classification and regression trees, 1984; classes of equal weight in every node";

/// The share of cells that count as promising, by default.
pub const PROMISING: f64 = 0.2;

/// The depth of the tree.
const MOST_QUESTIONS: usize = 3;
/// A node of fewer rows is not split.
const FEWEST_TO_SPLIT: usize = 10;
/// The least share of the node's weight (half of it on either class) that a side of a split has.
const LEAST_SHARE: f32 = 0.1;
/// The least that a split takes off the impurity, which is 0.5 before it.
const LEAST_GAIN: f64 = 0.02;

/// The class of a cell.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Verdict {
    /// Whether at least half of the training cells in the same leaf are promising.
    pub promising: bool,
    /// The share of them that are, 0 to 1.
    pub share: f32,
}

/// A fitted tree of rules. It prints as text, thresholds in natural units.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleClassifier {
    names: Vec<String>,
    root: Node,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Node {
    Rule { feature: usize, threshold: f32, at_most: Box<Self>, above: Box<Self> },
    Leaf { promising: usize, rows: usize },
}

/// Labels the targets that are among the best `share`: those that are at least as high as the one of that rank.
///
/// # Errors
///
/// [`Error::NotFinite`], or [`Error::OneClass`] if they are all equal, or none or all of them would be.
///
/// # Example
///
/// ```
/// let best = nasbench::surrogate::rule_classifier::best(&[0.1, 0.5, 0.3, 0.4, 0.2], 0.2)?;
/// assert_eq!(best, [false, true, false, false, false]);
/// # Ok::<(), nasbench::surrogate::Error>(())
/// ```
pub fn best(targets: &[f32], share: f64) -> Result<Vec<bool>, Error> {
    check_finite(targets)?;
    let mut sorted = targets.to_vec();
    sorted.sort_by(|a, b| b.total_cmp(a));
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "a count of rows")]
    let count = (targets.len() as f64 * share.clamp(0.0, 1.0)).ceil() as usize;
    let best: Vec<bool> = match count.checked_sub(1) {
        Some(last) => targets.iter().map(|target| *target >= sorted[last]).collect(),
        None => vec![false; targets.len()],
    };
    check_classes(&best)?;
    Ok(best)
}

fn check_classes(promising: &[bool]) -> Result<(), Error> {
    let count = promising.iter().filter(|promising| **promising).count();
    if count == 0 || count == promising.len() { Err(Error::OneClass { promising: count, rows: promising.len() }) } else { Ok(()) }
}

impl RuleClassifier {
    /// Fits rules that tell promising rows from others. The same rows give the same rules.
    ///
    /// # Shapes
    ///
    /// - `rows`: `[n, width]`
    /// - `names`: `[width]`, of the features
    /// - `promising`: `[n]`, as [`best`] says
    ///
    /// # Errors
    ///
    /// [`Error::Width`], [`Error::Count`], [`Error::OneClass`] or [`Error::Fit`].
    pub fn fit<N: AsRef<str>>(rows: &Rows, names: &[N], promising: &[bool]) -> Result<Self, Error> {
        rows.check_width(names.len())?;
        check_count("labels", promising.len(), rows)?;
        check_classes(promising)?;
        let root = grow(rows, promising, MOST_QUESTIONS)?;
        Ok(Self { names: names.iter().map(|name| name.as_ref().to_owned()).collect(), root })
    }

    /// Classifies rows, in their order.
    ///
    /// # Errors
    ///
    /// [`Error::Width`].
    pub fn classify(&self, rows: &Rows) -> Result<Vec<Verdict>, Error> {
        rows.check_width(self.names.len())?;
        Ok(rows.iter().map(|row| self.root.verdict(row)).collect())
    }

    /// The names of the features.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Whether the tree asks only for features that rows have.
    pub(super) fn is_sound(&self) -> bool {
        self.root.is_sound(self.names.len())
    }
}

impl Node {
    fn verdict(&self, row: &[f32]) -> Verdict {
        match self {
            Self::Rule { feature, threshold, at_most, above } => {
                if row[*feature] <= *threshold {
                    at_most.verdict(row)
                } else {
                    above.verdict(row)
                }
            }
            Self::Leaf { promising, rows } => {
                #[expect(clippy::cast_precision_loss, reason = "a share needs no more than seven digits")]
                let share = *promising as f32 / *rows as f32;
                Verdict { promising: 2 * promising >= *rows, share }
            }
        }
    }

    fn is_sound(&self, width: usize) -> bool {
        match self {
            Self::Rule { feature, at_most, above, .. } => *feature < width && at_most.is_sound(width) && above.is_sound(width),
            Self::Leaf { promising, rows } => *rows > 0 && promising <= rows,
        }
    }
}

/// Grows a tree one linfa stump at a time: the sides of a split that gains anything never vote alike and never tie.
fn grow(rows: &Rows, promising: &[bool], questions: usize) -> Result<Node, Error> {
    let leaf = || Node::Leaf { promising: promising.iter().filter(|promising| **promising).count(), rows: rows.len() };
    if questions == 0 || rows.len() < FEWEST_TO_SPLIT || check_classes(promising).is_err() {
        return Ok(leaf());
    }
    let Some((feature, threshold)) = split(rows, promising)? else {
        return Ok(leaf());
    };
    let (at_most, above): (Vec<usize>, Vec<usize>) = (0..rows.len()).partition(|row| rows.row(*row)[feature] <= threshold);
    let side = |side: &[usize]| {
        let promising: Vec<bool> = side.iter().map(|row| promising[*row]).collect();
        grow(&rows.select(side), &promising, questions - 1).map(Box::new)
    };
    Ok(Node::Rule { feature, threshold, at_most: side(&at_most)?, above: side(&above)? })
}

/// The best question to ask of these rows, if any helps.
#[cfg(feature = "classic-ml")]
#[expect(clippy::cast_precision_loss, reason = "counts of rows as weights")]
fn split(rows: &Rows, promising: &[bool]) -> Result<Option<(usize, f32)>, Error> {
    use linfa::traits::Fit as _;
    use ndarray::{Array1, Array2};

    let promising_rows = promising.iter().filter(|promising| **promising).count() as f32;
    let others = rows.len() as f32 - promising_rows;
    let weights: Array1<f32> =
        promising.iter().map(|promising| if *promising { 0.5 / promising_rows } else { 0.5 / others }).collect();
    let records = Array2::from_shape_fn((rows.len(), rows.width()), |(row, column)| f64::from(rows.row(row)[column]));
    let dataset = linfa::Dataset::new(records, Array1::from(promising.to_vec())).with_weights(weights);
    let stump = linfa_trees::DecisionTree::params()
        .max_depth(Some(1))
        .min_weight_leaf(LEAST_SHARE)
        .min_weight_split(2.0)
        .min_impurity_decrease(LEAST_GAIN)
        .fit(&dataset)
        .map_err(|source| Error::Fit { surrogate: NAME, source: Box::new(source) })?;
    let root = stump.root_node();
    let (feature, threshold, _) = root.split();
    Ok((!root.is_leaf()).then_some((feature, super::compiled_trees::rounded_down(threshold))))
}

#[cfg(not(feature = "classic-ml"))]
fn split(_: &Rows, _: &[bool]) -> Result<Option<(usize, f32)>, Error> {
    Err(Error::Fit { surrogate: NAME, source: "this build lacks the cargo feature `classic-ml`".into() })
}

impl fmt::Display for RuleClassifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        self.write_rules(&self.root, 0, &mut text)?;
        f.write_str(text.trim_end())
    }
}

impl RuleClassifier {
    fn write_rules(&self, node: &Node, depth: usize, text: &mut String) -> fmt::Result {
        let margin = "|  ".repeat(depth);
        match node {
            Node::Rule { feature, threshold, at_most, above } => {
                let (low, high) = conditions(&self.names[*feature], *threshold);
                writeln!(text, "{margin}{low}")?;
                self.write_rules(at_most, depth + 1, text)?;
                writeln!(text, "{margin}{high}")?;
                self.write_rules(above, depth + 1, text)
            }
            Node::Leaf { promising, rows } => {
                let answer = if 2 * promising >= *rows { "yes" } else { "no" };
                writeln!(text, "{margin}{answer}: {promising} of {rows} are promising")
            }
        }
    }
}

/// The two sides of a threshold as a person says them.
fn conditions(name: &str, threshold: f32) -> (String, String) {
    let (scale, name) = features::scale(name);
    match scale {
        Scale::Count => (format!("{name} <= {:.0}", threshold.floor()), format!("{name} >= {:.0}", threshold.floor() + 1.0)),
        Scale::Number => (format!("{name} <= {threshold:.3}"), format!("{name} > {threshold:.3}")),
        Scale::Logarithm => {
            let quantity = with_prefix(10.0_f64.powf(threshold.into()));
            (format!("{name} <= {quantity}"), format!("{name} > {quantity}"))
        }
    }
}

/// Three or four digits and a prefix: 2.31M.
fn with_prefix(quantity: f64) -> String {
    let (factor, prefix) = match quantity {
        1e9.. => (1e9, "G"),
        1e6.. => (1e6, "M"),
        1e3.. => (1e3, "k"),
        _ => (1.0, ""),
    };
    format!("{:.2}{prefix}", quantity / factor)
}

#[cfg(test)]
mod tests {
    use super::super::tests::synthetic;
    use super::*;
    use crate::unit::Seed;

    fn rows(values: impl IntoIterator<Item = [f32; 2]>) -> Rows {
        let mut rows = Rows::new(2);
        values.into_iter().for_each(|row| rows.push(&row).unwrap());
        rows
    }

    #[test]
    fn a_rule_that_made_the_labels_is_found_and_printed_in_natural_units() {
        let rows = rows((0..40_u8).map(|i| [f32::from(i % 5), 4.0 + f32::from(i) / 10.0]));
        let promising: Vec<bool> = rows.iter().map(|row| row[0] > 2.0 && row[1] > 6.0).collect();
        let classifier = RuleClassifier::fit(&rows, &["conv3x3", "log10_parameters"], &promising).unwrap();
        let verdicts: Vec<bool> = classifier.classify(&rows).unwrap().iter().map(|verdict| verdict.promising).collect();
        assert_eq!(verdicts, promising);
        let expected = "conv3x3 <= 2\n|  no: 0 of 24 are promising\nconv3x3 >= 3\n|  parameters <= 1.26M\n\
                        |  |  no: 0 of 8 are promising\n|  parameters > 1.26M\n|  |  yes: 8 of 8 are promising";
        assert_eq!(classifier.to_string(), expected);
    }

    #[test]
    fn fifty_fits_are_equal_though_votes_tie() {
        // Two rows of every kind, one of them promising: no question helps, and every vote is a tie.
        let tied = rows((0..40_u8).map(|i| [f32::from(i / 2), 0.0]));
        let labels: Vec<bool> = (0..40).map(|i| i % 2 == 0).collect();
        let (noisy, targets) = synthetic(60, Seed(1));
        let noisy_labels = best(&targets, 0.5).unwrap();
        let noisy_names: Vec<String> = (0..noisy.width()).map(|column| format!("feature {column}")).collect();
        let fit = || {
            let tied = RuleClassifier::fit(&tied, &["conv3x3", "conv1x1"], &labels).unwrap();
            (tied, RuleClassifier::fit(&noisy, &noisy_names, &noisy_labels).unwrap())
        };
        let first = fit();
        assert!((0..50).all(|_| fit() == first));
    }

    #[test]
    fn a_tie_is_promising_and_its_share_is_half() {
        let rows = rows((0..8_u8).map(|_| [1.0, 1.0]));
        let labels = [true, true, true, true, false, false, false, false];
        let verdicts = RuleClassifier::fit(&rows, &["a", "b"], &labels).unwrap().classify(&rows).unwrap();
        assert_eq!(verdicts[0], Verdict { promising: true, share: 0.5 });
    }

    #[test]
    fn the_best_share_has_all_that_tie_for_its_last_place() {
        assert_eq!(best(&[0.5, 0.9, 0.9, 0.1, 0.2], 0.2).unwrap(), [false, true, true, false, false]);
        assert!(matches!(best(&[0.5, 0.5], 0.5), Err(Error::OneClass { promising: 2, rows: 2 })));
        assert!(matches!(best(&[0.5, f32::NAN], 0.5), Err(Error::NotFinite { row: 1, .. })));
        assert!(matches!(best(&[], 0.5), Err(Error::OneClass { .. })));
    }

    #[test]
    fn a_judge_survives_its_file() {
        let (rows, targets) = synthetic(60, Seed(1));
        let names: Vec<String> = (0..rows.width()).map(|column| format!("feature {column}")).collect();
        let classifier = RuleClassifier::fit(&rows, &names, &best(&targets, 0.2).unwrap()).unwrap();
        let json = serde_json::to_string(&classifier).unwrap();
        assert_eq!(serde_json::from_str::<RuleClassifier>(&json).unwrap(), classifier);
    }
}
