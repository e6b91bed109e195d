//! How many of the weights of a trained network hardly count.

use crate::network::{Plan, Step};

/// Weights below this share of the root mean square of their array are near zero.
const NEAR_ZERO: f32 = 0.1;

/// Returns the share of the weights of kernels and of the dense step that are near zero: below a tenth of the root mean square of their
/// array, since batch normalisation makes the size of a kernel mean nothing. Of weights that are normally distributed it is 8 %.
///
/// # Shapes
///
/// - `parameters`: as [`Model::parameters`](crate::engine::Model::parameters) returns them
///
/// # Panics
///
/// Panics unless the parameters are those of the plan.
#[must_use]
pub fn weight_sparsity(plan: &Plan, parameters: &[Vec<f32>]) -> f32 {
    let names: Vec<_> = plan.steps().iter().flat_map(Step::parameters).map(|(name, _)| name).collect();
    assert_eq!(names.len(), parameters.len(), "parameters of the plan");
    let (mut near_zero, mut all) = (0_usize, 0_usize);
    for (_, values) in names.iter().zip(parameters).filter(|(name, _)| matches!(**name, "kernel" | "matrix")) {
        let squares: f64 = values.iter().map(|value| f64::from(*value).powi(2)).sum();
        #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "counts and sums of weights")]
        let bound = NEAR_ZERO * (squares / values.len().max(1) as f64).sqrt() as f32;
        near_zero += values.iter().filter(|value| value.abs() < bound).count();
        all += values.len();
    }
    #[expect(clippy::cast_precision_loss, reason = "counts of weights")]
    let share = near_zero as f32 / all.max(1) as f32;
    share
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::ImageShape;
    use crate::engine::initial;
    use crate::network::Skeleton;
    use crate::space::Cell;
    use crate::unit::Seed;

    #[test]
    fn weights_that_are_small_for_their_array_count_and_offsets_do_not() {
        let cell = Cell::from_texts("010001000", "input,conv3x3-bn-relu,output").unwrap();
        let image = ImageShape { channels: 1, height: 6, width: 6 };
        let skeleton = Skeleton { image, classes: 10, stem_channels: 64, stacks: 1, cells_per_stack: 1, equal_flops: None };
        let plan = Plan::compile(&cell, &skeleton).unwrap();
        let mut parameters = initial(&plan, Seed(1));
        // Drawn from a normal distribution that is cut at two deviations: a little less than 8 % lie within a tenth of the deviation left.
        let drawn = weight_sparsity(&plan, &parameters);
        assert!((0.06..0.085).contains(&drawn), "{drawn}");
        let kernel = parameters.iter_mut().max_by_key(|values| values.len()).unwrap();
        let count = kernel.len();
        kernel.iter_mut().take(count / 2).for_each(|value| *value = 0.0);
        let halved = weight_sparsity(&plan, &parameters);
        assert!(halved > drawn + 0.3, "{halved}");
        // As many that are a thousand times as large: the share does not change.
        parameters.iter_mut().flatten().for_each(|value| *value *= 1_000.0);
        assert!((weight_sparsity(&plan, &parameters) - halved).abs() < 1e-6);
    }
}
