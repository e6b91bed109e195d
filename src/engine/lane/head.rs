//! The last steps: the linear layer, softmax and cross-entropy.

use super::layout::LANES;

/// Computes the logits of a block.
///
/// # Shapes
///
/// - `means`: `[inputs, LANES]`; `matrix`: `[inputs, classes]`; `bias`: `[classes]`; `logits`: `[classes, LANES]`
pub(super) fn logits(means: &[f32], matrix: &[f32], bias: &[f32], logits: &mut [f32]) {
    for (logits, bias) in logits.chunks_exact_mut(LANES).zip(bias) {
        logits.fill(*bias);
    }
    for (means, weights) in means.chunks_exact(LANES).zip(matrix.chunks_exact(bias.len())) {
        for (logits, weight) in logits.chunks_exact_mut(LANES).zip(weights) {
            logits.iter_mut().zip(means).for_each(|(logit, mean)| *logit += mean * weight);
        }
    }
}

/// What a block adds to the loss of its batch.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Loss {
    /// The sum of the images' cross-entropies, in nats.
    pub(super) sum: f64,
    /// The images that were classified correctly.
    pub(super) correct: usize,
}

/// Replaces logits by the gradient of the batch's mean cross-entropy; those of lanes without an image become zero.
///
/// # Shapes
///
/// - `logits`: `[classes, LANES]`; `labels`: at most [`LANES`]
#[expect(clippy::cast_precision_loss, reason = "a batch is far below 2^24 images")]
pub(super) fn cross_entropy(logits: &mut [f32], labels: &[u8], images: usize) -> Loss {
    let mut loss = Loss { correct: count_correct(logits, labels), ..Loss::default() };
    for lane in 0..LANES {
        let Some(label) = labels.get(lane) else {
            logits.iter_mut().skip(lane).step_by(LANES).for_each(|logit| *logit = 0.0);
            continue;
        };
        let own = || logits.iter().skip(lane).step_by(LANES);
        let greatest = own().copied().fold(f32::NEG_INFINITY, f32::max);
        let total: f32 = own().map(|logit| (logit - greatest).exp()).sum();
        let logarithm = greatest + total.ln();
        loss.sum += f64::from(logarithm - logits[usize::from(*label) * LANES + lane]);
        for (class, logit) in logits.iter_mut().skip(lane).step_by(LANES).enumerate() {
            let target = f32::from(u8::from(class == usize::from(*label)));
            *logit = ((*logit - logarithm).exp() - target) / images as f32;
        }
    }
    loss
}

/// Counts the images whose greatest logit is the label's; one that has no number counts as wrong.
pub(super) fn count_correct(logits: &[f32], labels: &[u8]) -> usize {
    let is_correct = |(lane, label): (usize, &u8)| {
        let own = logits[usize::from(*label) * LANES + lane];
        let mut others = logits.iter().skip(lane).step_by(LANES).enumerate();
        others.all(|(class, logit)| class == usize::from(*label) || *logit < own)
    };
    labels.iter().enumerate().filter(|pair| is_correct(*pair)).count()
}

/// Adds the gradients of the linear layer, and replaces the means by theirs.
///
/// # Shapes
///
/// - `means`: `[inputs, LANES]`; `logit_grads`: `[classes, LANES]`
/// - `matrix`, `of_matrix`: `[inputs, classes]`; `of_bias`: `[classes]`
pub(super) fn add_gradients(means: &mut [f32], logit_grads: &[f32], matrix: &[f32], of_matrix: &mut [f32], of_bias: &mut [f32]) {
    let classes = of_bias.len();
    for (sum, grad) in of_bias.iter_mut().zip(logit_grads.chunks_exact(LANES)) {
        *sum += grad.iter().sum::<f32>();
    }
    let rows = matrix.chunks_exact(classes).zip(of_matrix.chunks_exact_mut(classes));
    for (means, (weights, of_weights)) in means.chunks_exact_mut(LANES).zip(rows) {
        let mut of_means = [0.0; LANES];
        for ((grad, weight), of_weight) in logit_grads.chunks_exact(LANES).zip(weights).zip(of_weights) {
            *of_weight += means.iter().zip(grad).map(|(mean, grad)| mean * grad).sum::<f32>();
            of_means.iter_mut().zip(grad).for_each(|(sum, grad)| *sum += grad * weight);
        }
        means.copy_from_slice(&of_means);
    }
}
