//! The layout of numbers in memory: the images of a batch side by side in the lanes of a vector.
//!
//! A batch is cut into blocks of [`LANES`] images. A block holds one plane for each channel, and each pixel of a plane is a vector
//! with one number for each image:
//!
//! ```text
//! [block][channel][border row, then rows of one border pixel and `width` pixels, border row][image of the block]
//! ```
//!
//! The border is always zero, so that no kernel asks whether a neighbour lies beyond the edge. The border pixel before a row is
//! also the one after the row above, so that a 1×1 convolution may run through all rows as through one. A plane has an odd number
//! of pixels: were it a power of two, the same pixel of all channels would fall into one set of the cache. Channels come one
//! after the other, so that the first few of them, or those of one term of a concatenation, are slices.

use std::ops::Range;

use aligned_vec::{AVec, ConstAlign, avec};

/// The images of a block.
pub(super) const LANES: usize = 16;

/// Numbers that start at a multiple of 64 bytes, as vectors like them.
pub(super) type Numbers = AVec<f32, ConstAlign<64>>;

/// Returns a zeroed, aligned buffer of `length` floats.
pub(super) fn zeros(length: usize) -> Numbers {
    avec![[64] | 0.0; length]
}

/// The pixels of one channel, without its border.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Plane {
    pub(super) height: usize,
    pub(super) width: usize,
}

impl Plane {
    /// The numbers of a row with the border pixel before it.
    pub(super) const fn row(self) -> usize {
        (self.width + 1) * LANES
    }

    /// The numbers of a channel with its border.
    pub(super) const fn len(self) -> usize {
        let pixels = (self.height + 2) * (self.width + 1) + 1;
        (pixels | 1) * LANES
    }

    /// The numbers of the pixels of a row, without its border.
    pub(super) const fn inside(self, row: usize) -> Range<usize> {
        let start = (row + 1) * self.row() + LANES;
        start..start + self.width * LANES
    }

    /// How many pixels there are.
    pub(super) const fn pixels(self) -> usize {
        self.height * self.width
    }
}

/// Planes that hold a band of an image's rows, from the one before `begin` on: whole planes begin with row 1.
#[derive(Clone, Copy, Debug)]
pub(super) struct Band {
    pub(super) plane: Plane,
    pub(super) begin: usize,
}

impl Band {
    /// All rows of an image.
    pub(super) const fn whole(plane: Plane) -> Self {
        Self { plane, begin: 1 }
    }

    /// The numbers of the pixels of one of the image's rows.
    pub(super) const fn inside(self, row: usize) -> Range<usize> {
        self.plane.inside(row + 1 - self.begin)
    }
}

/// Copies images into lanes; lanes without an image are zero.
///
/// # Shapes
///
/// - `images`: `[n, channels, height, width]`, at most [`LANES`] of them
/// - `block`: `[channels, plane]`
pub(super) fn fill(block: &mut [f32], images: &[f32], channels: usize, plane: Plane) {
    block.fill(0.0);
    let pixels = plane.pixels();
    for (lane, image) in images.chunks_exact(channels * pixels).enumerate() {
        for (channel, values) in image.chunks_exact(pixels).enumerate() {
            for (row, values) in values.chunks_exact(plane.width).enumerate() {
                let inside = &mut block[channel * plane.len()..][plane.inside(row)];
                inside.chunks_exact_mut(LANES).zip(values).for_each(|(pixel, value)| pixel[lane] = *value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_stands_in_its_lane_within_a_border_of_zeros() {
        let plane = Plane { height: 2, width: 3 };
        let images: Vec<f32> = (1_u8..=24).map(f32::from).collect();
        let mut block = vec![9.0; 2 * plane.len()];
        fill(&mut block, &images, 2, plane);
        assert_eq!(block.iter().filter(|value| **value > 0.0).count(), 24);
        // Image 1, channel 1, row 1, column 2 is the last number.
        let index = plane.len() + plane.inside(1).start + 2 * LANES + 1;
        assert!((block[index] - 24.0).abs() < 1e-6);
        assert_eq!(plane.inside(1), 4 * LANES * 2 + LANES..4 * LANES * 2 + LANES * 4);
        assert_eq!(plane.len() / LANES % 2, 1);
    }
}
