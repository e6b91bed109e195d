//! Standardised features and targets: what support vectors and perceptrons are fitted on.

use serde::{Deserialize, Serialize};

use crate::statistics::{mean, standard_deviation};

/// The range and the standardisation of a feature.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Feature {
    lowest: f32,
    pub(super) highest: f32,
    pub(super) standard: Standard,
}

impl Feature {
    pub(super) fn fit(values: impl Iterator<Item = f32> + Clone) -> Self {
        let lowest = values.clone().fold(f32::MAX, f32::min);
        let highest = values.clone().fold(f32::MIN, f32::max);
        Self { lowest, highest, standard: Standard::fit(values) }
    }

    pub(super) fn apply(self, value: f32) -> f32 {
        self.standard.apply(value.max(self.lowest).min(self.highest))
    }
}

/// The standardisation of a quantity: (value − centre) · factor.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Standard {
    centre: f32,
    /// 0 for what never varied.
    pub(super) factor: f32,
}

impl Standard {
    #[expect(clippy::cast_possible_truncation, reason = "features and targets have seven digits")]
    pub(super) fn fit(values: impl Iterator<Item = f32>) -> Self {
        let values: Vec<f64> = values.map(f64::from).collect();
        let varies = values.windows(2).any(|pair| pair[0].total_cmp(&pair[1]).is_ne());
        let deviation = standard_deviation(&values).filter(|_| varies);
        let factor = deviation.map_or(0.0, f64::recip) as f32;
        Self { centre: mean(&values).unwrap_or(0.0) as f32, factor: if factor.is_finite() { factor } else { 0.0 } }
    }

    pub(super) fn apply(self, value: f32) -> f32 {
        (value - self.centre) * self.factor
    }

    pub(super) fn undo(self, standardised: f32) -> f32 {
        if self.factor > 0.0 { self.centre + standardised / self.factor } else { self.centre }
    }
}
