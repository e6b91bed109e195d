//! Small random changes of training images that leave their class as it is.

use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::ImageShape;

/// How training images are varied, each time they are seen. The default varies nothing.
///
/// # Source
///
/// Ying et al., "NAS-Bench-101: Towards Reproducible Neural Architecture Search", ICML 2019: padding 4 and a flip.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Augmentation {
    /// The zeros put around an image before a random part of the old size is cut out: the furthest shift, in pixels.
    pub padding: u8,
    /// Whether every other image, at random, is mirrored left to right.
    pub flip: bool,
}

/// What becomes of one image: where the part is cut out of the padded image, and whether it is mirrored then. By default nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Draw {
    top: usize,
    left: usize,
    mirrored: bool,
}

impl Draw {
    /// As one number: ten bits of the top, ten of the left, and one if the image is mirrored.
    #[cfg(feature = "gpu")]
    pub(crate) fn packed(self) -> u32 {
        let bits = self.top | self.left << 10 | usize::from(self.mirrored) << 20;
        u32::try_from(bits).expect("a padding is at most 255 pixels")
    }
}

impl Augmentation {
    /// Whether images stay as they are.
    #[must_use]
    pub fn is_none(self) -> bool {
        self == Self::default()
    }

    /// Varies one normalised image, in which 0 is the mean.
    ///
    /// # Shapes
    ///
    /// - `image`, `out`: `[channels, height, width]` of `shape`
    ///
    /// # Panics
    ///
    /// Panics if `image` or `out` has another shape.
    pub fn apply(self, image: &[f32], shape: ImageShape, rng: &mut ChaCha8Rng, out: &mut [f32]) {
        assert_eq!((image.len(), out.len()), (shape.values(), shape.values()), "image and output have the shape");
        let draw = self.draw(rng);
        self.cut(draw, image, shape, out);
    }

    /// Draws what becomes of the next image.
    pub fn draw(self, rng: &mut ChaCha8Rng) -> Draw {
        let furthest = 2 * u32::from(self.padding);
        let mut shift = || if furthest == 0 { 0 } else { rng.random_range(0..=furthest) as usize };
        let (top, left) = (shift(), shift());
        Draw { top, left, mirrored: self.flip && rng.random::<bool>() }
    }

    /// Cuts the drawn part out of the padded image, row by row, without building the padded image.
    fn cut(self, draw: Draw, image: &[f32], shape: ImageShape, out: &mut [f32]) {
        let ImageShape { height, width, .. } = shape;
        let padding = usize::from(self.padding);
        let start = padding.saturating_sub(draw.left).min(width);
        let end = (width + padding).saturating_sub(draw.left).clamp(start, width);
        for (from, to) in image.chunks_exact(shape.plane()).zip(out.chunks_exact_mut(shape.plane())) {
            for (y, row) in to.chunks_exact_mut(width).enumerate() {
                row.fill(0.0);
                let source_row = (y + draw.top).checked_sub(padding).filter(|&y| y < height);
                if let Some(source_row) = source_row
                    && start < end
                {
                    let first = source_row * width + start + draw.left - padding;
                    row[start..end].copy_from_slice(&from[first..first + end - start]);
                }
                if draw.mirrored {
                    row.reverse();
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;
    use crate::unit::Seed;

    const NONE: Augmentation = Augmentation { padding: 0, flip: false };

    fn shape(channels: usize, height: usize, width: usize) -> ImageShape {
        ImageShape { channels, height, width }
    }

    #[expect(clippy::cast_precision_loss, reason = "a few small numbers")]
    fn image(shape: ImageShape) -> Vec<f32> {
        (1..=shape.values()).map(|x| x as f32).collect()
    }

    /// Pads, cuts and mirrors as the definition says, value by value.
    fn by_definition(padding: usize, draw: Draw, image: &[f32], shape: ImageShape) -> Vec<f32> {
        let (rows, columns) = (shape.height + 2 * padding, shape.width + 2 * padding);
        let mut padded = vec![0.0; shape.channels * rows * columns];
        let mut out = Vec::new();
        for c in 0..shape.channels {
            for y in 0..shape.height {
                for x in 0..shape.width {
                    padded[(c * rows + y + padding) * columns + x + padding] = image[(c * shape.height + y) * shape.width + x];
                }
            }
            for y in 0..shape.height {
                for x in 0..shape.width {
                    let x = if draw.mirrored { shape.width - 1 - x } else { x };
                    out.push(padded[(c * rows + y + draw.top) * columns + x + draw.left]);
                }
            }
        }
        out
    }

    #[test]
    fn none_is_the_default_and_draws_nothing() {
        let (shape, mut rng) = (shape(1, 2, 2), Seed(1).rng());
        let mut out = vec![0.0; 4];
        NONE.apply(&image(shape), shape, &mut rng, &mut out);
        assert!(Augmentation::default().is_none() && out == image(shape) && rng == Seed(1).rng());
    }

    #[test]
    fn every_shift_and_both_sides_are_drawn() {
        let (shape, mut rng) = (shape(1, 3, 3), Seed(1).rng());
        let augmentation = Augmentation { padding: 1, flip: true };
        let mut out = vec![0.0; 9];
        let seen: HashSet<Vec<u32>> = (0..1_000)
            .map(|_| {
                augmentation.apply(&image(shape), shape, &mut rng, &mut out);
                out.iter().map(|x| x.to_bits()).collect()
            })
            .collect();
        assert_eq!(seen.len(), 9 * 2);
    }

    #[test]
    fn one_seed_varies_alike() {
        let shape = shape(3, 4, 4);
        let varied = |seed| {
            let mut out = vec![0.0; shape.values()];
            Augmentation { padding: 4, flip: true }.apply(&image(shape), shape, &mut Seed(seed).rng(), &mut out);
            out
        };
        assert_eq!(varied(7), varied(7));
        assert_ne!(varied(7), varied(8));
    }

    #[test]
    fn unknown_options_are_refused() {
        let read = |text| toml::from_str::<Augmentation>(text);
        assert_eq!(read("padding = 4").unwrap(), Augmentation { padding: 4, flip: false });
        assert!(read("rotate = true").is_err());
    }

    proptest! {
        #[test]
        fn rows_are_cut_as_the_definition_says(
            sides in (1..3_usize, 1..5_usize, 1..5_usize),
            padding in 0..7_u8,
            flip in any::<bool>(),
            seed in any::<u64>(),
        ) {
            let shape = shape(sides.0, sides.1, sides.2);
            let augmentation = Augmentation { padding, flip };
            let draw = augmentation.draw(&mut Seed(seed).rng());
            prop_assert!((flip || !draw.mirrored) && draw.top.max(draw.left) <= 2 * usize::from(padding));
            let mut out = vec![f32::NAN; shape.values()];
            augmentation.cut(draw, &image(shape), shape, &mut out);
            prop_assert_eq!(out, by_definition(usize::from(padding), draw, &image(shape), shape));
        }
    }
}
