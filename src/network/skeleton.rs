//! What surrounds the cells of a network.

use serde::{Deserialize, Serialize};

use super::Error;
use crate::dataset::ImageShape;

/// A network around its cells: a 3×3 convolution as stem, stacks of equal cells, a dense layer.
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
}

impl Skeleton {
    /// The skeleton of NAS-Bench-101 for CIFAR-10: 128 channels, 3 stacks of 3 cells.
    #[must_use]
    pub const fn nas_bench_101() -> Self {
        let image = ImageShape { channels: 3, height: 32, width: 32 };
        Self { image, classes: 10, stem_channels: 128, stacks: 3, cells_per_stack: 3 }
    }

    /// Passes a skeleton of which a network can be made.
    ///
    /// # Errors
    ///
    /// [`Error::Zero`] with the name of the first size that is zero.
    pub fn check(&self) -> Result<(), Error> {
        let sizes = [
            ("image.channels", self.image.channels),
            ("image.height", self.image.height),
            ("image.width", self.image.width),
            ("classes", self.classes),
            ("stem_channels", self.stem_channels),
            ("stacks", self.stacks),
            ("cells_per_stack", self.cells_per_stack),
        ];
        match sizes.into_iter().find(|(_, size)| *size == 0) {
            Some((name, _)) => Err(Error::Zero { name }),
            None => Ok(()),
        }
    }
}
