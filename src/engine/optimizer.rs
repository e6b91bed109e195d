//! The rules that turn gradients into changes, as settings. Each engine computes them in its own arithmetic.

use serde::{Deserialize, Serialize};

/// A rule of stochastic gradient descent. With gradient `g`, learning rate `lr` and weight `w`:
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Optimizer {
    /// `s ← d·s + (1−d)·g²`, `m ← μ·m + lr·g/√(s + ε)`, `w ← w − m`, with `s` from one and `m` from zero.
    ///
    /// # Source
    ///
    /// TensorFlow 1's `RMSPropOptimizer`, which NAS-Bench-101 trained with: other libraries put ε outside of the root,
    /// start `s` at zero or leave `lr` out of `m`.
    RmsProp {
        /// `d`: how much of the mean square is kept.
        decay: f64,
        /// `μ`
        momentum: f64,
        /// `ε`, inside the root.
        epsilon: f64,
    },
    /// `m ← μ·m + g`, `w ← w − lr·(g + μ·m)`, with `m` from zero.
    ///
    /// # Source
    ///
    /// Sutskever et al., "On the importance of initialization and momentum in deep learning", ICML 2013, in the form that
    /// PyTorch computes.
    Nesterov {
        /// `μ`
        momentum: f64,
    },
}
