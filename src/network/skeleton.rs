//! What surrounds the cells of a network.

use serde::{Deserialize, Serialize};

use super::Error;
use crate::dataset::ImageShape;
use crate::space::Cell;

/// A network around its cells: a 3×3 convolution as stem, stacks of equal cells, a linear layer.
///
/// Between two stacks the image is halved and the first cell of the next stack doubles the channels.
///
/// # Source
///
/// Ying et al., ICML 2019, section 2.2 and figure 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Skeleton {
    /// The size of the images.
    pub image: ImageShape,
    /// How many classes are told apart.
    pub classes: usize,
    /// The output channels of the stem and of the cells of the first stack.
    pub stem_channels: usize,
    /// The number of stacks.
    pub stacks: usize,
    /// The number of cells in each stack.
    pub cells_per_stack: usize,
    /// If given, the stem of each cell has that multiple of `stem_channels` channels with which a forward pass of one image is nearest
    /// to this number of operations, so that cells are not told apart by their size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub equal_flops: Option<u64>,
}

// With these limits everything that is counted of a network fits into 64 bits, and one that is too large is refused in no time.

/// The most channels of a buffer, and the most classes.
const MOST_CHANNELS: usize = 1 << 16;
/// The most rows and columns of an image.
const MOST_PIXELS: usize = 1 << 14;
/// The most stacks.
const MOST_STACKS: usize = 16;
/// The most cells in a stack.
const MOST_CELLS: usize = 1 << 10;

impl Skeleton {
    /// The skeleton of NAS-Bench-101 for CIFAR-10: 128 channels, 3 stacks of 3 cells.
    #[must_use]
    pub const fn nas_bench_101() -> Self {
        let image = ImageShape { channels: 3, height: 32, width: 32 };
        Self { image, classes: 10, stem_channels: 128, stacks: 3, cells_per_stack: 3, equal_flops: None }
    }

    /// The skeleton of one cell: with a stem of its own, if all cells are to cost the same.
    ///
    /// # Errors
    ///
    /// As [`cost`](super::cost) of the cell with the narrowest stem.
    pub(super) fn for_cell(&self, cell: &Cell) -> Result<Self, Error> {
        let Some(wanted) = self.equal_flops else { return Ok(*self) };
        let wide = |multiple: usize| Self { stem_channels: multiple * self.stem_channels, equal_flops: None, ..*self };
        let flops = |multiple: usize| Ok::<_, Error>(super::cost_as_numbered(cell, &wide(multiple))?.flops.0);
        // More channels cost more: the first multiple that costs as much as wanted, by doubling and halving. A narrow stem may have too
        // few channels for all vertices.
        let (mut below, mut above) = (0, 1);
        while flops(above).is_ok_and(|flops| flops < wanted) || matches!(flops(above), Err(Error::TooFewChannels { .. })) {
            (below, above) = (above, 2 * above);
        }
        while above - below > 1 {
            let middle = below.midpoint(above);
            let is_small = match flops(middle) {
                Ok(flops) => flops < wanted,
                Err(Error::TooFewChannels { .. }) => true,
                Err(error) => return Err(error),
            };
            if is_small { below = middle } else { above = middle }
        }
        // Nearest by the ratio.
        let costs = (flops(below.max(1)), flops(above)?);
        let is_below_nearer = |below: u64| u128::from(wanted).pow(2) < u128::from(below) * u128::from(costs.1);
        Ok(wide(if below > 0 && costs.0.is_ok_and(is_below_nearer) { below } else { above }))
    }

    /// Returns an error unless a network can be made of the skeleton.
    ///
    /// # Errors
    ///
    /// [`Error::Size`] with the name of the first size that is zero, or larger than any network that can be counted.
    pub fn check(&self) -> Result<(), Error> {
        let sizes = [
            ("image.channels", self.image.channels, MOST_CHANNELS),
            ("image.height", self.image.height, MOST_PIXELS),
            ("image.width", self.image.width, MOST_PIXELS),
            ("classes", self.classes, MOST_CHANNELS),
            ("stem_channels", self.stem_channels, MOST_CHANNELS),
            ("stacks", self.stacks, MOST_STACKS),
            ("cells_per_stack", self.cells_per_stack, MOST_CELLS),
        ];
        let refused = |(name, found, most): (&'static str, usize, usize)| {
            if (1..=most).contains(&found) { Ok(()) } else { Err(Error::Size { name, found, most }) }
        };
        sizes.into_iter().try_for_each(refused)?;
        // Every stack has twice the channels of the one before.
        let widest = self.stem_channels << (self.stacks - 1);
        refused(("channels in the last stack", widest, MOST_CHANNELS))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::{Plan, cost};
    use crate::space::{Cell, Space};

    #[test]
    fn sizes_beyond_all_reason_are_refused_by_name_and_at_once() {
        let skeleton = Skeleton::nas_bench_101();
        let image = |height| ImageShape { height, ..skeleton.image };
        let cases = [
            (Skeleton { stacks: 90, ..skeleton }, "stacks = 90, expected 1 to 16"),
            (Skeleton { cells_per_stack: 1_000_000_000, ..skeleton }, "cells_per_stack = 1000000000, expected 1 to 1024"),
            (Skeleton { stem_channels: 0, ..skeleton }, "stem_channels = 0, expected 1 to 65536"),
            (Skeleton { stem_channels: 4_000_000_000_000, ..skeleton }, "stem_channels = 4000000000000, expected 1 to 65536"),
            (Skeleton { stacks: 16, ..skeleton }, "channels in the last stack = 4194304, expected 1 to 65536"),
            (Skeleton { image: image(20_000), ..skeleton }, "image.height = 20000, expected 1 to 16384"),
        ];
        let cell = Cell::from_texts("0100", "input,output").unwrap();
        for (skeleton, message) in cases {
            let expected = format!("the skeleton has {message}");
            assert_eq!(skeleton.check().unwrap_err().to_string(), expected);
            assert_eq!(cost(&cell, &skeleton).unwrap_err().to_string(), expected);
            assert_eq!(Plan::compile(&cell, &skeleton).unwrap_err().to_string(), expected);
        }
    }

    #[test]
    fn cells_of_equal_flops_have_stems_of_their_own() {
        let image = ImageShape { channels: 1, height: 14, width: 14 };
        let equal = Skeleton { image, classes: 10, stem_channels: 1, stacks: 3, cells_per_stack: 1, equal_flops: Some(250_000) };
        let cells = Space::nas_bench_101().with_max_vertices(5).unwrap().cells().unwrap();
        for cell in cells.iter().step_by(7) {
            let found = cost(cell, &equal).unwrap();
            let plan = Plan::compile(cell, &equal).unwrap();
            assert_eq!((plan.cost(), plan.skeleton().equal_flops), (found, None));
            // One channel more or less is no nearer.
            let stem = plan.skeleton().stem_channels;
            let off = |stem_channels: usize| {
                let skeleton = Skeleton { stem_channels, equal_flops: None, ..equal };
                cost(cell, &skeleton).map_or(f64::INFINITY, |cost| {
                    (crate::statistics::number(usize::try_from(cost.flops.0).unwrap()) / 250_000.0).ln().abs()
                })
            };
            assert!(off(stem) <= off(stem + 1) && (stem == 1 || off(stem) <= off(stem - 1)), "{cell}: {stem}");
        }
        // What costs more with any stem has the narrowest.
        let little = Skeleton { equal_flops: Some(1), ..equal };
        assert_eq!(Plan::compile(&cells[0], &little).unwrap().skeleton().stem_channels, 1);
        // Multiples of the given stem.
        let fours = Skeleton { stem_channels: 4, ..equal };
        assert!(
            cells.iter().step_by(50).all(|cell| Plan::compile(cell, &fours).unwrap().skeleton().stem_channels.is_multiple_of(4))
        );
    }

    #[test]
    fn the_largest_networks_are_counted_without_overflow() {
        let image = ImageShape { channels: 3, height: 1 << 14, width: 1 << 14 };
        let (stem_channels, stacks, cells_per_stack) = (2, 16, 1 << 10);
        let huge = Skeleton { image, classes: 1 << 16, stem_channels, stacks, cells_per_stack, equal_flops: None };
        huge.check().unwrap();
        let cell = Cell::from_texts("0101001000010000", "input,conv3x3-bn-relu,conv3x3-bn-relu,output").unwrap();
        let message = Plan::compile(&cell, &huge).unwrap_err().to_string();
        assert!(message.contains(" parameters, expected at most 4294967295"), "{message}");
    }
}
