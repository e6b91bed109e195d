//! What a model predicts: a quantity of trainings of one budget.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::Error;
use crate::unit::Epochs;

/// What can be predicted of a training.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Quantity {
    /// The final validation accuracy, a fraction.
    ValidationAccuracy,
    /// What the training costs, in seconds.
    TrainingTime,
}

/// Every quantity.
pub const QUANTITIES: &[Quantity] = &[Quantity::ValidationAccuracy, Quantity::TrainingTime];

impl Quantity {
    /// Its name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ValidationAccuracy => "final_validation_accuracy",
            Self::TrainingTime => "training_time",
        }
    }

    /// Whether the lowest value is the best one.
    #[must_use]
    pub const fn is_lower_better(self) -> bool {
        matches!(self, Self::TrainingTime)
    }

    /// Values that are the higher the better they are: as they are, or with their signs turned.
    pub(super) fn merits(self, values: &[f64]) -> Vec<f64> {
        values.iter().map(|value| if self.is_lower_better() { -value } else { *value }).collect()
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ValidationAccuracy => "validation accuracy",
            Self::TrainingTime => "training time",
        })
    }
}

impl FromStr for Quantity {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        let found = QUANTITIES.iter().copied().find(|quantity| quantity.name() == name);
        found.ok_or_else(|| Error::UnknownTarget(name.to_owned()))
    }
}

/// What a model predicts: a quantity of trainings of one budget. Prints in words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// The quantity.
    pub quantity: Quantity,
    /// The budget.
    pub epochs: Epochs,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {} epochs", self.quantity, self.epochs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantity_is_found_by_its_name() {
        for quantity in QUANTITIES {
            assert_eq!(quantity.name().parse::<Quantity>().unwrap(), *quantity);
        }
        let message = "test_accuracy".parse::<Quantity>().unwrap_err().to_string();
        assert_eq!(message, "unknown target `test_accuracy` (known: final_validation_accuracy, training_time)");
    }
}
