//! The operations that a vertex of a cell may carry.
//!
//! A new operation is one variant and one line of [`OPERATIONS`]; the engines say how it is computed.

use std::fmt;

use super::Error;

/// What an interior vertex does with its input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Operation {
    /// 3×3 convolution, batch normalisation, ReLU.
    Conv3x3 = 0,
    /// 1×1 convolution, batch normalisation, ReLU.
    Conv1x1 = 1,
    /// 3×3 max-pooling with stride 1.
    MaxPool3x3 = 2,
    /// 3×3 average pooling with stride 1 over the pixels that there are.
    AvgPool3x3 = 3,
    /// Nothing: what comes in goes out.
    Identity = 4,
}

/// Every operation, in the order of its label in the official hash. The first three are those of NAS-Bench-101.
pub const OPERATIONS: &[Operation] =
    &[Operation::Conv3x3, Operation::Conv1x1, Operation::MaxPool3x3, Operation::AvgPool3x3, Operation::Identity];

/// The official name of the first vertex.
pub const INPUT: &str = "input";
/// The official name of the last vertex.
pub const OUTPUT: &str = "output";

impl Operation {
    /// The name in records: the official one, where NAS-Bench-101 has the operation.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Conv3x3 => "conv3x3-bn-relu",
            Self::Conv1x1 => "conv1x1-bn-relu",
            Self::MaxPool3x3 => "maxpool3x3",
            Self::AvgPool3x3 => "avgpool3x3",
            Self::Identity => "identity",
        }
    }

    /// The name without what stands behind each convolution: that of columns.
    #[must_use]
    pub fn short_name(self) -> &'static str {
        self.name().trim_end_matches("-bn-relu")
    }

    /// One line that says what the operation computes.
    #[must_use]
    pub const fn about(self) -> &'static str {
        match self {
            Self::Conv3x3 => "3×3 convolution, batch normalisation, ReLU",
            Self::Conv1x1 => "1×1 convolution, batch normalisation, ReLU",
            Self::MaxPool3x3 => "3×3 max-pooling, stride 1",
            Self::AvgPool3x3 => "3×3 average pooling, stride 1, padding not counted",
            Self::Identity => "passes its input on",
        }
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
        OPERATIONS
            .iter()
            .copied()
            .find(|operation| operation.name() == name || operation.short_name() == name)
            .ok_or_else(|| Error::UnknownOperation { name: name.to_owned() })
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
        for (position, operation) in OPERATIONS.iter().enumerate() {
            assert_eq!(usize::from(operation.label()), position);
            assert_eq!(Operation::from_name(operation.name()).unwrap(), *operation);
            assert_eq!(Operation::from_name(operation.short_name()).unwrap(), *operation);
        }
    }
}
