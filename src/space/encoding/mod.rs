//! Cells as rows of numbers, for models that learn from them.
//!
//! A new encoding is one file here with an `ENTRY`, its `mod` line and its line in [`ENCODINGS`]. What needs the network of a
//! cell is an encoding, too, but lives where networks do: see [`network::ENCODINGS`](crate::network::ENCODINGS).

mod adjacency;
mod graf;
mod labels;
mod operations;
mod path;
mod statistics;
mod triples;
mod walks;

use super::{Cell, Error, Space};

/// Every encoding that needs the cell alone.
pub const ENCODINGS: &[Encoding] = &[
    adjacency::ENTRY,
    adjacency::CATEGORICAL,
    operations::ENTRY,
    path::ENTRY,
    path::TRUNCATED,
    statistics::ENTRY,
    walks::ENTRY,
    triples::ENTRY,
    labels::ENTRY,
    graf::ENTRY,
];

/// An encoding, as a list has it: as many numbers for each cell as it has columns.
#[derive(Clone, Copy, Debug)]
pub struct Encoding {
    /// Its name on the command line.
    pub name: &'static str,
    /// What the numbers are, in a line.
    pub about: &'static str,
    /// Who describes it.
    pub source: &'static str,
    /// Whether isomorphic cells have equal rows.
    pub is_invariant: bool,
    /// The number of columns.
    pub(crate) width: fn(&Space) -> usize,
    /// The names of the columns.
    pub(crate) columns: fn(&Space) -> Vec<String>,
    /// Fills the row of a cell of the space, all zeros before.
    pub(crate) encode: fn(&Space, &Cell, &mut [f32]),
}

impl Encoding {
    /// The number of columns.
    #[must_use]
    pub fn width(&self, space: &Space) -> usize {
        (self.width)(space)
    }

    /// The names of the columns.
    #[must_use]
    pub fn columns(&self, space: &Space) -> Vec<String> {
        (self.columns)(space)
    }

    /// Encodes many cells, without an allocation for each.
    ///
    /// # Shapes
    ///
    /// - `batch`: `[cells, width]`, row after row; it is overwritten
    ///
    /// # Errors
    ///
    /// As [`Space::check`], for the first cell that is not in the space; the rows before it are filled then.
    ///
    /// # Panics
    ///
    /// Panics if the batch has another length.
    ///
    /// # Example
    ///
    /// ```
    /// use nasbench::space::{ENCODINGS, Space};
    ///
    /// let space = Space::nas_bench_101().with_max_vertices(4)?;
    /// let cells = space.cells()?;
    /// for encoding in ENCODINGS {
    ///     let mut batch = vec![0.0; cells.len() * encoding.width(&space)];
    ///     encoding.encode(&space, &cells, &mut batch)?;
    /// }
    /// # Ok::<(), nasbench::space::Error>(())
    /// ```
    pub fn encode(&self, space: &Space, cells: &[Cell], batch: &mut [f32]) -> Result<(), Error> {
        let width = self.width(space);
        assert_eq!(batch.len(), cells.len() * width, "a batch of as many rows as cells");
        batch.fill(0.0);
        for (cell, row) in cells.iter().zip(batch.chunks_mut(width.max(1))) {
            space.check(*cell)?;
            (self.encode)(space, cell, row);
        }
        Ok(())
    }
}

/// A small count as a number of a row.
#[expect(clippy::cast_precision_loss, reason = "counts of a cell are far below 2^24")]
const fn number(count: usize) -> f32 {
    count as f32
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;
    use crate::space::Operation;
    use crate::space::fixture::{cells, drawn, renumbered, space};
    use crate::unit::Seed;

    /// The rows of some cells, as bits that can be compared.
    fn rows(encoding: &Encoding, space: &Space, cells: &[Cell]) -> Vec<Vec<u32>> {
        let width = encoding.width(space);
        let mut batch = vec![f32::NAN; cells.len() * width];
        encoding.encode(space, cells, &mut batch).unwrap();
        assert!(batch.iter().all(|value| value.is_finite()), "{}", encoding.name);
        batch.chunks(width.max(1)).map(|row| row.iter().map(|value| value.to_bits()).collect()).collect()
    }

    #[test]
    fn every_column_has_a_name_of_its_own() {
        let five = Space::nas_bench_101().with_operations(&Operation::ALL).unwrap();
        for space in [space(2), space(3), Space::nas_bench_101(), five] {
            for encoding in ENCODINGS {
                let columns = encoding.columns(&space);
                assert_eq!(columns.len(), encoding.width(&space), "{}", encoding.name);
                assert_eq!(columns.iter().collect::<HashSet<_>>().len(), columns.len(), "{}", encoding.name);
            }
        }
    }

    #[test]
    fn the_widths_of_the_whole_space_are_known() {
        let widths: Vec<_> = ENCODINGS.iter().map(|encoding| (encoding.name, encoding.width(&Space::nas_bench_101()))).collect();
        let expected = [
            ("adjacency", 36),
            ("adjacency-categorical", 26),
            ("operations", 15),
            ("path", 364),
            ("path-40", 40),
            ("statistics", 57),
            ("walks", 23),
            ("triples", 48),
            ("labels", 192),
            ("graf", 59),
        ];
        assert_eq!(widths, expected);
    }

    #[test]
    fn adjacency_and_labels_tell_all_small_cells_apart() {
        let cells = cells(5);
        for encoding in
            ENCODINGS.iter().filter(|encoding| ["adjacency", "adjacency-categorical", "labels"].contains(&encoding.name))
        {
            let rows: HashSet<_> = rows(encoding, &space(5), &cells).into_iter().collect();
            assert_eq!(rows.len(), cells.len(), "{}", encoding.name);
        }
    }

    #[test]
    fn a_cell_of_another_space_is_refused() {
        let cells = cells(4);
        for encoding in ENCODINGS {
            let mut batch = vec![0.0; cells.len() * encoding.width(&space(3))];
            let error = encoding.encode(&space(3), &cells, &mut batch).unwrap_err();
            assert!(matches!(error, Error::TooManyVertices { limit: 3, found: 4 }), "{error}");
        }
    }

    proptest! {
        #[test]
        fn isomorphic_cells_have_equal_rows_where_that_is_promised(seed: u64) {
            let space = Space::nas_bench_101();
            let cell = drawn(seed);
            let other = renumbered(cell, &mut Seed(seed).rng());
            for encoding in ENCODINGS {
                let rows = rows(encoding, &space, &[cell, other]);
                if encoding.is_invariant {
                    prop_assert_eq!(&rows[0], &rows[1], "{}", encoding.name);
                } else if encoding.name.starts_with("adjacency") {
                    prop_assert_eq!(rows[0] == rows[1], cell == other, "{}", encoding.name);
                }
            }
        }
    }
}
