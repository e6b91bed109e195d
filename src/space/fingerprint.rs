//! A quick hash of a cell that parts the same cells as the official one.
//!
//! The official hash costs some thousand instructions of MD5. Where only equality counts, the same rounds are done with sums and
//! products of 64-bit numbers: a vertex takes in its own label and the multisets of its neighbours' labels.

use super::{Cell, Spec, spec::CAPACITY};

impl Cell {
    /// A number that two cells share exactly if they share their official hash.
    ///
    /// It takes a fraction of a microsecond, where the official hash takes some. Two cells of different hashes could share
    /// one with a chance of 2⁻⁶⁴ for a pair; in the space of NAS-Bench-101 no two do. The number may change between versions:
    /// store [`hash`](Self::hash) instead.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        of(self.spec())
    }
}

/// The odd constants that tell what a number stands for.
const FROM: u64 = 0x9E37_79B9_7F4A_7C15;
const TO: u64 = 0xC2B2_AE3D_27D4_EB4F;
const OWN: u64 = 0x1656_67B1_9E37_79F9;

/// Hashes a spec in as many rounds as it has vertices, all vertices at once.
pub(super) fn of(spec: Spec) -> u64 {
    let vertices = spec.vertices();
    let mut degrees = [0; CAPACITY];
    for (x, y) in spec.edges() {
        degrees[x] += 1 << 8;
        degrees[y] += 1;
    }
    let mut labels = [0; CAPACITY];
    for vertex in 0..vertices {
        let operation = match spec.operation(vertex) {
            Some(operation) => u64::from(operation.label()) + 2,
            None => u64::from(vertex == 0),
        };
        labels[vertex] = mix(degrees[vertex] << 8 | operation);
    }
    for _ in 0..vertices {
        let mut sums = labels.map(|label| label.wrapping_mul(OWN));
        let from = labels.map(|label| label.wrapping_mul(FROM));
        let to = labels.map(|label| label.wrapping_mul(TO));
        for (x, y) in spec.edges() {
            sums[y] = sums[y].wrapping_add(from[x]);
            sums[x] = sums[x].wrapping_add(to[y]);
        }
        labels = sums.map(mix);
    }
    mix(labels[..vertices].iter().fold(0, |sum, label| label.wrapping_mul(OWN).wrapping_add(sum)))
}

/// Makes every bit depend on every other: the finishing of the SplitMix64 generator.
const fn mix(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    number ^ (number >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use crate::space::{OPERATIONS, Space};

    #[test]
    fn cells_share_a_fingerprint_exactly_if_they_share_a_hash() {
        let space = Space::nas_bench_101().with_max_vertices(5).unwrap().with_operations(&OPERATIONS[1..]).unwrap();
        let (mut hashes, mut fingerprints) = (HashMap::new(), HashMap::new());
        for cell in space.labelled_cells() {
            let (hash, fingerprint) = (cell.hash(), cell.fingerprint());
            assert_eq!(*hashes.entry(fingerprint).or_insert(hash), hash, "{cell}");
            assert_eq!(*fingerprints.entry(hash).or_insert(fingerprint), fingerprint, "{cell}");
        }
        assert!(hashes.len() > 5_000);
    }
}
