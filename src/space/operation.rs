//! The operations that a vertex of a cell may carry.
//!
//! A new operation is one variant of [`Operation`] and one entry of [`OPERATIONS`], which every encoding, engine, drawing and export
//! reads. It may need an [`Operator`] that no engine computes yet: see `network/mod.rs`.

use std::fmt;

use super::Error;

/// What a step of a network computes: the closed set that every engine implements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// Convolution without bias, stride 1, 'same' zero padding, then batch normalisation and ReLU.
    Convolution {
        /// The side of the kernel, odd.
        kernel: usize,
    },
    /// 3×3 max-pooling, stride 1, 'same' padding.
    MaxPool3,
    /// 3×3 average pooling, stride 1: the mean of the pixels of the window that lie within the image.
    AvgPool3,
    /// 2×2 max-pooling, stride 2, 'same' padding: an odd last row or column makes a window of its own.
    MaxPool2,
    /// The sum of the inputs.
    Sum,
    /// The inputs' channels, one after the other.
    Concatenate,
    /// The mean of each channel.
    GlobalAvgPool,
    /// A matrix product and a bias: the logits of the classes.
    Linear,
}

/// What an interior vertex does with its input: the key of an entry of [`OPERATIONS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Operation {
    /// 3×3 convolution, batch normalisation, ReLU.
    Conv3x3,
    /// 1×1 convolution, batch normalisation, ReLU.
    Conv1x1,
    /// 3×3 max-pooling with stride 1.
    MaxPool3x3,
    /// 3×3 average pooling with stride 1 over the pixels within the image.
    AvgPool3x3,
    /// Returns its input.
    Identity,
}

/// Everything that is known of an operation.
#[derive(Debug)]
pub struct OpSpec {
    /// The operation.
    pub operation: Operation,
    /// The name in records: the official one, where NAS-Bench-101 has the operation.
    pub name: &'static str,
    /// The name in columns of encodings.
    pub short_name: &'static str,
    /// What the operation computes, in one line.
    pub about: &'static str,
    /// The text of its box in drawings.
    pub drawn_as: &'static str,
    /// The steps of a network that compute it, each on the output of the one before it. They keep the size of the image, and all have
    /// the channels of the vertex.
    pub steps: &'static [Operator],
}

/// Every operation, at the position of its label. The first three are those of NAS-Bench-101.
pub const OPERATIONS: &[OpSpec] = &[
    OpSpec {
        operation: Operation::Conv3x3,
        name: "conv3x3-bn-relu",
        short_name: "conv3x3",
        about: "3×3 convolution, batch normalisation, ReLU",
        drawn_as: "3×3 conv",
        steps: &[Operator::Convolution { kernel: 3 }],
    },
    OpSpec {
        operation: Operation::Conv1x1,
        name: "conv1x1-bn-relu",
        short_name: "conv1x1",
        about: "1×1 convolution, batch normalisation, ReLU",
        drawn_as: "1×1 conv",
        steps: &[Operator::Convolution { kernel: 1 }],
    },
    OpSpec {
        operation: Operation::MaxPool3x3,
        name: "maxpool3x3",
        short_name: "maxpool3x3",
        about: "3×3 max-pooling, stride 1",
        drawn_as: "3×3 max-pool",
        steps: &[Operator::MaxPool3],
    },
    OpSpec {
        operation: Operation::AvgPool3x3,
        name: "avgpool3x3",
        short_name: "avgpool3x3",
        about: "3×3 average pooling, stride 1, padding not counted",
        drawn_as: "3×3 mean-pool",
        steps: &[Operator::AvgPool3],
    },
    OpSpec {
        operation: Operation::Identity,
        name: "identity",
        short_name: "identity",
        about: "passes its input on",
        drawn_as: "identity",
        // A sum of one term: it drops the channels that are too many.
        steps: &[Operator::Sum],
    },
];

/// The official name of the first vertex.
pub const INPUT: &str = "input";
/// The official name of the last vertex.
pub const OUTPUT: &str = "output";

impl Operation {
    /// Every operation, in the order of the labels.
    pub const ALL: [Self; OPERATIONS.len()] = {
        let mut all = [Self::Conv3x3; OPERATIONS.len()];
        let mut label = 0;
        while label < all.len() {
            all[label] = OPERATIONS[label].operation;
            label += 1;
        }
        all
    };

    /// The entry of the operation.
    #[must_use]
    pub const fn spec(self) -> &'static OpSpec {
        &OPERATIONS[self as usize]
    }

    /// The name in records.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.spec().name
    }

    /// The label in the official hash, which is also the position in [`OPERATIONS`].
    #[must_use]
    pub const fn label(self) -> u8 {
        self as u8
    }

    /// Finds an operation by its official name or its short one: `conv3x3-bn-relu` or `conv3x3`.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownOperation`] with the name that was given.
    pub fn from_name(name: &str) -> Result<Self, Error> {
        let found = OPERATIONS.iter().find(|spec| spec.name == name || spec.short_name == name);
        let unknown = || Error::UnknownOperation { name: name.to_owned(), known: Self::ALL.to_vec() };
        found.map(|spec| spec.operation).ok_or_else(unknown)
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_positions_in_the_list_and_names_are_unique() {
        for (position, spec) in OPERATIONS.iter().enumerate() {
            assert_eq!(usize::from(spec.operation.label()), position);
            assert_eq!(Operation::from_name(spec.name).unwrap(), spec.operation);
            assert_eq!(Operation::from_name(spec.short_name).unwrap(), spec.operation);
            assert!(!spec.steps.is_empty(), "{} has a step", spec.name);
        }
    }
}
