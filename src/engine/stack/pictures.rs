//! The images that lie on the device, and the picks that make a batch of them.

use crate::dataset::{Draw, Images, Normalisation};

/// An image of a batch.
#[derive(Clone, Copy, Debug)]
pub struct Pick {
    /// Its number in the data set of the stack.
    pub image: u32,
    /// How it is varied.
    pub draw: Draw,
}

/// The images that lie on the device: one part after the other, numbered through.
#[derive(Clone, Copy, Debug)]
pub struct Pictures<'a> {
    /// Images of one shape.
    pub parts: &'a [&'a Images],
    /// What makes numbers of their bytes.
    pub normalisation: &'a Normalisation,
}

impl Pictures<'_> {
    /// The words of all pixels, of all labels, and of the numbers that a byte of each channel becomes.
    pub(super) fn words(&self) -> [usize; 3] {
        let images: usize = self.parts.iter().map(|part| part.len()).sum();
        let shape = self.parts[0].shape();
        [(images * shape.values()).div_ceil(4), images.div_ceil(4), 256 * shape.channels]
    }

    /// All pixels, then all labels, each from a whole word on.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let [pixels, labels, _] = self.words();
        let mut bytes = Vec::with_capacity(4 * (pixels + labels));
        self.parts.iter().for_each(|part| bytes.extend_from_slice(part.all_pixels()));
        bytes.resize(4 * pixels, 0);
        self.parts.iter().for_each(|part| bytes.extend_from_slice(part.labels()));
        bytes.resize(4 * (pixels + labels), 0);
        bytes
    }

    /// What each byte of each channel becomes, as on a processor to the bit.
    pub(super) fn levels(&self) -> Vec<f32> {
        let channels = self.normalisation.mean().iter().zip(self.normalisation.deviation());
        channels.flat_map(|(mean, deviation)| (0..=u8::MAX).map(move |byte| (f32::from(byte) - mean) / deviation)).collect()
    }
}
