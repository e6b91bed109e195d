//! The eigenvalues and eigenvectors of symmetric matrices.

/// Off-diagonal parts below this share of the largest entry count as zero.
const SMALLEST: f64 = 1e-15;
/// Sweeps after which it ends in any case; ten are enough for matrices of some hundred rows.
const MOST_SWEEPS: usize = 60;

/// Computes the eigenvalues of a symmetric matrix and their eigenvectors of length 1.
///
/// # Shapes
///
/// - `matrix`: `[n, n]`, row by row; only what is on and above the diagonal is read
/// - returns: `n` values in no order, and `[n, n]`, in row i the vector of value i
///
/// # Panics
///
/// Panics unless the matrix has `n` × `n` entries.
///
/// # Source
///
/// Jacobi's rotations, row by row: Golub & Van Loan, Matrix Computations, section 8.5.
#[must_use]
pub fn symmetric_eigen(matrix: &[f64], n: usize) -> (Vec<f64>, Vec<f64>) {
    assert_eq!(matrix.len(), n * n, "a square matrix");
    let mut left: Vec<f64> = (0..n * n).map(|at| matrix[if at / n <= at % n { at } else { at % n * n + at / n }]).collect();
    let mut vectors: Vec<f64> = (0..n * n).map(|at| f64::from(u8::from(at / n == at % n))).collect();
    let least = SMALLEST * left.iter().fold(0.0_f64, |largest, entry| largest.max(entry.abs()));
    for _ in 0..MOST_SWEEPS {
        let mut is_done = true;
        for p in 0..n {
            for q in p + 1..n {
                let off = left[p * n + q];
                if off.abs() <= least {
                    continue;
                }
                is_done = false;
                let theta = (left[q * n + q] - left[p * n + p]) / (2.0 * off);
                let tangent = theta.signum() / (theta.abs() + theta.hypot(1.0));
                let cosine = tangent.hypot(1.0).recip();
                let turn = [cosine, tangent * cosine];
                for k in 0..n {
                    rotate(&mut left, [k * n + p, k * n + q], turn);
                }
                for k in 0..n {
                    rotate(&mut left, [p * n + k, q * n + k], turn);
                    rotate(&mut vectors, [p * n + k, q * n + k], turn);
                }
            }
        }
        if is_done {
            break;
        }
    }
    ((0..n).map(|at| left[at * n + at]).collect(), vectors)
}

/// Turns two entries by an angle of which the cosine and the sine are given.
fn rotate(entries: &mut [f64], [p, q]: [usize; 2], [cosine, sine]: [f64; 2]) {
    let (one, other) = (entries[p], entries[q]);
    entries[p] = cosine * one - sine * other;
    entries[q] = sine * one + cosine * other;
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_eigenvalues_of_two_rows_are_those_by_hand() {
        let (mut values, vectors) = symmetric_eigen(&[2.0, 1.0, f64::NAN, 2.0], 2);
        values.sort_by(f64::total_cmp);
        assert!((values[0] - 1.0).abs() < 1e-15 && (values[1] - 3.0).abs() < 1e-15, "{values:?}");
        assert!(vectors.iter().all(|entry| (entry.abs() - 0.5_f64.sqrt()).abs() < 1e-15), "{vectors:?}");
        assert_eq!(symmetric_eigen(&[0.0; 9], 3).0, [0.0; 3]);
        assert_eq!(symmetric_eigen(&[], 0), (Vec::new(), Vec::new()));
    }

    proptest! {
        #[test]
        fn the_vectors_are_orthogonal_and_make_the_matrix_again(entries in proptest::collection::vec(-9.0..9.0_f64, 49)) {
            let symmetric: Vec<f64> = (0..49).map(|at| entries[at.min(at % 7 * 7 + at / 7)]).collect();
            let (values, vectors) = symmetric_eigen(&symmetric, 7);
            for row in 0..7 {
                for column in 0..7 {
                    let made: f64 = (0..7).map(|k| values[k] * vectors[k * 7 + row] * vectors[k * 7 + column]).sum();
                    prop_assert!((made - symmetric[row * 7 + column]).abs() < 1e-12);
                    let product: f64 = (0..7).map(|k| vectors[row * 7 + k] * vectors[column * 7 + k]).sum();
                    prop_assert!((product - f64::from(u8::from(row == column))).abs() < 1e-13);
                }
            }
        }
    }
}
