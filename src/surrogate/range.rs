//! The range of a model: the sizes of the cells that it was fitted on.
//!
//! A model's error bars come from held-out cells of the fit. Of larger cells they say nothing, so predictions of those are marked,
//! and their error bars are widened by what held-out sizes tell, where there are enough of them.

use std::fmt;

use rand::seq::index;
use serde::{Deserialize, Serialize};

use super::{Calibration, Entry, Error, Rows, check_count};
use crate::space::Cell;
use crate::statistics::quantile;
use crate::unit::Seed;

/// The fewest cells to fit on, and the fewest to predict, from which a held-out size tells something.
const ENOUGH: usize = 30;
/// The most cells of the held-out size that are predicted.
const MOST: usize = 2_000;
/// The share of the held-out cells that the widened intervals hold: that of the narrower of the stated intervals.
const SHARE: f64 = 0.9;

/// The sizes of the cells that a model was fitted on: predictions of others are extrapolations.
///
/// Prints in words: `2 to 4 vertices and 1 to 6 edges`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FittedRange {
    /// The fewest and the most vertices.
    pub vertices: (usize, usize),
    /// The fewest and the most edges.
    pub edges: (usize, usize),
}

impl FittedRange {
    /// Returns the range of some cells; of none it is empty.
    #[must_use]
    pub fn new<'a>(cells: impl IntoIterator<Item = &'a Cell>) -> Self {
        let widened = |(low, high): (usize, usize), value: usize| (low.min(value), high.max(value));
        let empty = Self { vertices: (usize::MAX, 0), edges: (usize::MAX, 0) };
        cells.into_iter().fold(empty, |range, cell| Self {
            vertices: widened(range.vertices, cell.vertices()),
            edges: widened(range.edges, cell.edge_count()),
        })
    }

    /// Returns whether cells of this size were fitted on.
    #[must_use]
    pub fn contains(&self, cell: &Cell) -> bool {
        let within = |(low, high): (usize, usize), value: usize| (low..=high).contains(&value);
        within(self.vertices, cell.vertices()) && within(self.edges, cell.edge_count())
    }

    /// Describes how many of some cells are outside, and what that means; `None` if none is.
    #[must_use]
    pub fn outside<'a>(&self, cells: impl IntoIterator<Item = &'a Cell>) -> Option<String> {
        let (mut outside, mut all) = (0, 0);
        for cell in cells {
            all += 1;
            outside += usize::from(!self.contains(cell));
        }
        let are = if outside == 1 { "is" } else { "are" };
        (outside > 0)
            .then(|| format!("{outside} of {all} cells {are} outside the fitted range ({self}): the model extrapolates there"))
    }
}

impl fmt::Display for FittedRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |(low, high): (usize, usize)| if low == high { high.to_string() } else { format!("{low} to {high}") };
        write!(f, "{} vertices and {} edges", text(self.vertices), text(self.edges))
    }
}

/// By how much error bars grow outside the fitted range: as much as those of a fit on the smaller cells must grow to hold 90 % of the
/// largest ones. `None` if there are too few of either.
///
/// # Shapes
///
/// - `rows`: `[n, width]`
/// - `cells`: `[n]`
/// - `targets`: `[n]`
///
/// # Errors
///
/// As [`Entry::fit`].
pub(super) fn widening(
    entry: &Entry,
    rows: &Rows,
    cells: &[Cell],
    targets: &[f32],
    calibration: &Calibration,
    seed: Seed,
) -> Result<Option<f32>, Error> {
    check_count("cells", cells.len(), rows)?;
    let seed = seed.derive("widening");
    let (_, most) = FittedRange::new(cells).vertices;
    let (smaller, largest): (Vec<usize>, Vec<usize>) = (0..rows.len()).partition(|row| cells[*row].vertices() < most);
    if smaller.len() < ENOUGH || largest.len() < ENOUGH {
        return Ok(None);
    }
    let drawn = index::sample(&mut seed.rng(), largest.len(), largest.len().min(MOST));
    let largest: Vec<_> = drawn.into_iter().map(|place| largest[place]).collect();
    let predicted = entry.fit_and_predict(rows, targets, [&smaller, &largest], seed)?;
    let growths = largest.iter().zip(&predicted).map(|(row, prediction)| calibration.growth(targets[*row], prediction));
    #[expect(clippy::cast_possible_truncation, reason = "a factor of seven digits")]
    let growth = quantile(&growths.collect::<Vec<_>>(), SHARE).map(|growth| growth.max(1.0) as f32);
    Ok(growth.filter(|growth| growth.is_finite()))
}

#[cfg(test)]
mod tests {
    use super::super::SURROGATES;
    use super::super::tests::{cells, encoded_cells};
    use super::*;
    use crate::space::Space;

    #[test]
    fn cells_larger_than_those_of_the_fit_are_outside() {
        let five = Space::nas_bench_101().with_max_vertices(5).unwrap().cells().unwrap();
        let range = FittedRange::new(&five[..91]);
        assert_eq!(range.to_string(), "2 to 4 vertices and 1 to 6 edges");
        assert!(five[..91].iter().all(|cell| range.contains(cell)));
        assert!(five[91..].iter().all(|cell| !range.contains(cell)));
        assert_eq!(range.outside(&five[..91]), None);
        let expected =
            "2441 of 2532 cells are outside the fitted range (2 to 4 vertices and 1 to 6 edges): the model extrapolates there";
        assert_eq!(range.outside(&five).unwrap(), expected);
        let largest = FittedRange::new(&five[91..]);
        assert!(!largest.contains(&five[0]), "smaller ones are outside, too");
        assert_eq!(FittedRange::new(&five[..1]).to_string(), "2 vertices and 1 edges");
    }

    #[test]
    fn error_bars_grow_to_what_a_held_out_size_needs() {
        let five = Space::nas_bench_101().with_max_vertices(5).unwrap().cells().unwrap();
        let sample: Vec<_> = five[..91].iter().chain(five[91..].iter().step_by(10)).copied().collect();
        let features = super::super::tests::features();
        let rows = features.rows(&sample).unwrap();
        // Five vertices are better by what smaller cells do not tell.
        let of_edges = |cell: &Cell| 0.5 + 0.01 * f32::from(u8::try_from(cell.edge_count() % 3).unwrap());
        let targets: Vec<f32> = sample.iter().map(|cell| if cell.vertices() == 5 { 0.8 } else { of_edges(cell) }).collect();
        let calibration = Calibration { floor: 0.01, ..Calibration::NONE };
        for entry in SURROGATES {
            let growth = widening(entry, &rows, &sample, &targets, &calibration, Seed(1)).unwrap().unwrap();
            // 28 points beyond intervals that reach 1.6 points, or some more where the parts of a model disagree.
            assert!((5.0..25.0).contains(&growth), "{}: {growth}", entry.name);
        }
        let (few, values) = encoded_cells(40);
        assert_eq!(widening(&SURROGATES[0], &few, &cells(40), &values, &calibration, Seed(1)).unwrap(), None);
    }
}
