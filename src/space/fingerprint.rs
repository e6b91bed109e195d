//! A quick hash of a cell that parts the same cells as the official one.
//!
//! The official hash costs some thousand instructions of MD5. Where only equality counts, the same rounds are done with sums and
//! products of 64-bit numbers: a vertex takes in its own label and the multisets of its neighbours' labels.

#![expect(clippy::inline_always, reason = "what is not inlined is not compiled for the instructions that were found")]

use pulp::{Arch, NullaryFnOnce};

use super::{Cell, Operation, Spec, spec::CAPACITY};

impl Cell {
    /// A number that two cells share exactly if they share their official hash.
    ///
    /// It takes a fraction of a microsecond, where the official hash takes some. Two cells of different hashes could share
    /// one with a chance of 2⁻⁶⁴ for a pair; in the space of NAS-Bench-101 no two do. The number may change between versions:
    /// store [`hash`](Self::hash) instead.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        fingerprint(self.spec())
    }

    /// Whether two cells differ at most in the numbering of their vertices: whether they share their official hash.
    ///
    /// Most pairs are told apart by their edges and operations, without any hash.
    #[must_use]
    pub fn is_isomorphic_to(&self, other: &Self) -> bool {
        let is_alike = || self.edge_count() == other.edge_count() && counts(self) == counts(other);
        self == other || is_alike() && self.fingerprint() == other.fingerprint()
    }
}

/// How many vertices have each operation, a byte for each.
fn counts(cell: &Cell) -> u64 {
    cell.operations().map(|operation| 1_u64 << (8 * operation.label())).sum()
}

/// The odd factors of a neighbour before, a neighbour after and the vertex itself.
const FROM: u64 = 0x9E37_79B9_7F4A_7C15;
const TO: u64 = 0xC2B2_AE3D_27D4_EB4F;
const OWN: u64 = 0x1656_67B1_9E37_79F9;

/// Hashes a spec in as many rounds as it has vertices, all vertices at once.
fn fingerprint(spec: Spec) -> u64 {
    let vertices = spec.vertices();
    let degrees = Degrees::new(spec.edges());
    let mut labels = [[0]; CAPACITY];
    for (vertex, label) in labels[..vertices].iter_mut().enumerate() {
        *label = [degrees.label(vertex, spec.operation(vertex))];
    }
    let [fingerprint] = rounds(spec, &mut labels[..vertices]);
    fingerprint
}

/// The fingerprints of one graph under many labellings.
///
/// # Shapes
///
/// - `operations`: `[interior vertices, labellings]`
/// - returns: `[labellings]`
pub(super) fn all_labellings(graph: Spec, operations: &[Vec<Operation>]) -> Vec<u64> {
    Arch::new().dispatch(Labellings { graph, operations })
}

/// Labellings that are hashed side by side.
const LANES: usize = 16;

/// A closure that must be inlined: so it is compiled for the instructions that were found.
struct Labellings<'a> {
    graph: Spec,
    operations: &'a [Vec<Operation>],
}

impl NullaryFnOnce for Labellings<'_> {
    type Output = Vec<u64>;

    #[inline(always)]
    fn call(self) -> Vec<u64> {
        let Self { graph, operations } = self;
        let vertices = graph.vertices();
        let count = operations.first().map_or(1, Vec::len);
        let degrees = Degrees::new(graph.edges());
        let ends = [0, vertices - 1].map(|end| degrees.label(end, None));
        let mut fingerprints = Vec::with_capacity(count + LANES);
        for start in (0..count).step_by(LANES) {
            let mut labels = [[0; LANES]; CAPACITY];
            (labels[0], labels[vertices - 1]) = ([ends[0]; LANES], [ends[1]; LANES]);
            for (vertex, operations) in (1..).zip(operations) {
                let operations = operations[start..].iter().take(LANES);
                labels[vertex].iter_mut().zip(operations).for_each(|(label, own)| *label = degrees.label(vertex, Some(*own)));
            }
            fingerprints.extend(rounds(graph, &mut labels[..vertices]));
        }
        fingerprints.truncate(count);
        fingerprints
    }
}

/// The degrees of vertices, two in a number.
struct Degrees([u64; CAPACITY]);

impl Degrees {
    fn new(edges: impl Iterator<Item = (usize, usize)>) -> Self {
        let mut degrees = [0; CAPACITY];
        for (x, y) in edges {
            degrees[x] += 1 << 8;
            degrees[y] += 1;
        }
        Self(degrees)
    }

    /// The label before the first round.
    #[inline(always)]
    fn label(&self, vertex: usize, operation: Option<Operation>) -> u64 {
        let operation = match operation {
            Some(operation) => u64::from(operation.label()) + 2,
            None => u64::from(vertex == 0),
        };
        mix(self.0[vertex] << 8 | operation)
    }
}

/// The rounds of as many labellings of one graph as there are lanes.
///
/// # Shapes
///
/// - `labels`: `[vertices, N]`
#[inline(always)]
fn rounds<const N: usize>(graph: Spec, labels: &mut [[u64; N]]) -> [u64; N] {
    for _ in 0..labels.len() {
        let mut sums = [[0; N]; CAPACITY];
        for (sums, labels) in sums.iter_mut().zip(&*labels) {
            (0..N).for_each(|lane| sums[lane] = labels[lane].wrapping_mul(OWN));
        }
        for (x, y) in graph.edges() {
            add_product(&mut sums[y], &labels[x], FROM);
            add_product(&mut sums[x], &labels[y], TO);
        }
        for (labels, sums) in labels.iter_mut().zip(&sums) {
            (0..N).for_each(|lane| labels[lane] = mix(sums[lane]));
        }
    }
    let mut whole = [0; N];
    for labels in &*labels {
        (0..N).for_each(|lane| whole[lane] = labels[lane].wrapping_mul(OWN).wrapping_add(whole[lane]));
    }
    whole.map(mix)
}

#[inline(always)]
fn add_product<const N: usize>(sums: &mut [u64; N], labels: &[u64; N], factor: u64) {
    (0..N).for_each(|lane| sums[lane] = sums[lane].wrapping_add(labels[lane].wrapping_mul(factor)));
}

/// Makes every bit depend on every other: the finishing of the SplitMix64 generator.
#[inline(always)]
pub(super) const fn mix(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    number ^ (number >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use crate::space::{Operation, Space};

    #[test]
    fn cells_share_a_fingerprint_exactly_if_they_share_a_hash() {
        let space = Space::nas_bench_101().with_max_vertices(5).unwrap().with_operations(&Operation::ALL[1..]).unwrap();
        let (mut hashes, mut fingerprints) = (HashMap::new(), HashMap::new());
        for cell in space.labelled_cells() {
            let (hash, fingerprint) = (cell.hash(), cell.fingerprint());
            assert_eq!(*hashes.entry(fingerprint).or_insert(hash), hash, "{cell}");
            assert_eq!(*fingerprints.entry(hash).or_insert(fingerprint), fingerprint, "{cell}");
        }
        assert!(hashes.len() > 5_000);
    }

    #[test]
    fn cells_are_isomorphic_exactly_if_they_share_a_hash() {
        let space = Space::nas_bench_101().with_max_vertices(4).unwrap().with_operations(&Operation::ALL).unwrap();
        let cells: Vec<_> = space.labelled_cells().map(|cell| (cell, cell.hash())).collect();
        for (cell, hash) in &cells {
            for (other, its_hash) in &cells {
                assert_eq!(cell.is_isomorphic_to(other), hash == its_hash, "{cell} and {other}");
            }
        }
        assert!(cells.len() > 100);
    }
}
