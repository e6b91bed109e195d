//! Sums: vectors added or copied as they stand, borders included, which are zero.

use pulp::{Arch, Simd, WithSimd};

/// Adds a term to a sum, or puts it in the place of what was there.
///
/// # Shapes
///
/// - `term`, `sum`: as long as each other, whole vectors
pub(super) fn add(arch: Arch, term: &[f32], sum: &mut [f32], replaces: bool) {
    if replaces {
        sum.copy_from_slice(term);
    } else {
        arch.dispatch(Add { term, sum });
    }
}

struct Add<'a> {
    term: &'a [f32],
    sum: &'a mut [f32],
}

impl WithSimd for Add<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let (term, _) = S::as_simd_f32s(self.term);
        let (sum, _) = S::as_mut_simd_f32s(self.sum);
        sum.iter_mut().zip(term).for_each(|(sum, term)| *sum = simd.add_f32s(*sum, *term));
    }
}
