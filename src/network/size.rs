//! What a cell is large by, before anything of it is trained: the baselines that every ranking is held against.
//!
//! A new size is one variant of [`Size`], its line in [`SIZES`] and its arms.

use std::borrow::Borrow;
use std::fmt;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::{Skeleton, count};
use crate::space::{Cell, Operator};

/// What a cell is large by. It is serialized as its name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Size {
    /// The operations of a forward pass through the network of NAS-Bench-101, all cells with the same stem.
    #[default]
    Flops,
    /// The trainable parameters of that network.
    Parameters,
    /// The edges of the longest path.
    Depth,
    /// The number of 3×3 convolutions.
    Conv3x3,
}

/// Every size.
pub const SIZES: &[Size] = &[Size::Flops, Size::Parameters, Size::Depth, Size::Conv3x3];

impl Size {
    /// The name in options and tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Flops => "flops",
            Self::Parameters => "parameters",
            Self::Depth => "depth",
            Self::Conv3x3 => "conv3x3",
        }
    }

    /// How large a cell is: operations, parameters, edges or convolutions. A cell that cannot be built has 0 operations and 0
    /// parameters.
    #[must_use]
    pub fn measure(self, cell: &Cell) -> u64 {
        let counts = || count(cell, &Skeleton::nas_bench_101());
        match self {
            Self::Flops => counts().map_or(0, |(_, flops)| flops.0),
            Self::Parameters => counts().map_or(0, |(parameters, _)| parameters.0.into()),
            Self::Depth => depth(cell),
            Self::Conv3x3 => {
                let steps = cell.operations().flat_map(|operation| operation.spec().steps);
                steps.filter(|operator| **operator == Operator::Convolution { kernel: 3 }).count() as u64
            }
        }
    }
}

impl Size {
    /// How large each of some cells is, as numbers to order them by; computed on all cores.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "only the order counts, and that stays")]
    pub fn measure_all<C: Borrow<Cell> + Sync>(self, cells: &[C]) -> Vec<f64> {
        cells.par_iter().map(|cell| self.measure(cell.borrow()) as f64).collect()
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The edges of the longest path from the input to the output.
fn depth(cell: &Cell) -> u64 {
    let mut longest = vec![0; cell.vertices()];
    for y in 1..cell.vertices() {
        longest[y] = (0..y).filter(|x| cell.has_edge(*x, y)).map(|x| longest[x] + 1).max().unwrap_or(0);
    }
    longest[cell.vertices() - 1]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sizes_of_a_cell_are_what_a_person_counts() {
        // A 3×3 convolution, then a pooling, beside an edge from the input to the output.
        let cell = Cell::from_texts("0101001000010000", "input,conv3x3-bn-relu,maxpool3x3,output").unwrap();
        assert_eq!((Size::Depth.measure(&cell), Size::Conv3x3.measure(&cell)), (3, 1));
        let (parameters, flops) = count(&cell, &Skeleton::nas_bench_101()).unwrap();
        assert_eq!(Size::Flops.measure(&cell), flops.0);
        assert_eq!(Size::Parameters.measure(&cell), u64::from(parameters.0));
        for size in SIZES {
            assert_eq!(serde_json::to_value(size).unwrap(), size.name(), "{size}");
        }
    }
}
