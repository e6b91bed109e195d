//! Counts of the labels that the rounds of Weisfeiler and Lehman give to the vertices.

use super::Encoding;
use crate::space::fingerprint::mix;
use crate::space::spec::CAPACITY;
use crate::space::{Cell, Space};

pub(super) const ENTRY: Encoding = Encoding {
    name: "labels",
    about: "counts of Weisfeiler-Lehman labels after 0, 1 and 2 rounds, each hashed into 64 columns",
    source: "Shervashidze et al., JMLR 12, 2011; used for cells by Ru et al., NAS-BOWL, ICLR 2021",
    is_invariant: true,
    width: |_| ROUNDS * BUCKETS,
    columns: |_| (0..ROUNDS).flat_map(|round| (0..BUCKETS).map(move |bucket| format!("round_{round}_label_{bucket}"))).collect(),
    encode,
};

/// Rounds that are counted, the labels before the first one among them.
const ROUNDS: usize = 3;
/// The columns of a round, into which labels are hashed.
const BUCKETS: usize = 64;

/// A label begins as what the vertex is (the input, the output or its operation) and its numbers of edges in and out. A
/// round mixes it with the sums of what its labels of both sides hash to, so that their order does not count.
fn encode(_: &Space, cell: &Cell, row: &mut [f32]) {
    let vertices = cell.vertices();
    let mut labels = [0; CAPACITY];
    for (vertex, label) in labels[..vertices].iter_mut().enumerate() {
        let kind = match cell.operation(vertex) {
            Some(operation) => u64::from(operation.label()) + 2,
            None => u64::from(vertex == 0),
        };
        let (incoming, outgoing) = (cell.predecessors(vertex).count() as u64, cell.successors(vertex).count() as u64);
        *label = mixed(kind << 16 | incoming << 8 | outgoing);
    }
    for (round, counts) in row.chunks_mut(BUCKETS).enumerate() {
        if round > 0 {
            let before = labels;
            let sum = |of: &mut dyn Iterator<Item = usize>| of.fold(0_u64, |sum, vertex| sum.wrapping_add(mixed(before[vertex])));
            for (vertex, label) in labels[..vertices].iter_mut().enumerate() {
                let incoming = mixed(sum(&mut cell.predecessors(vertex)).wrapping_add(1));
                let outgoing = mixed(sum(&mut cell.successors(vertex)).wrapping_add(2));
                *label = mixed(before[vertex] ^ incoming ^ outgoing.rotate_left(1));
            }
        }
        for label in &labels[..vertices] {
            // The highest six bits: there are 64 columns.
            counts[usize::try_from(label >> 58).expect("below 64")] += 1.0;
        }
    }
}

/// A step of SplitMix64: every bit of the result depends on every bit given.
const fn mixed(bits: u64) -> u64 {
    mix(bits.wrapping_add(0x9E37_79B9_7F4A_7C15))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::Operation::{Conv1x1, Conv3x3};
    use crate::space::fixture::cell;

    #[test]
    fn each_round_labels_each_vertex_once() {
        let diamond = cell(&[(0, 1), (0, 2), (1, 3), (2, 3)], &[Conv3x3, Conv3x3]);
        let mut row = vec![9.0; ROUNDS * BUCKETS];
        ENTRY.encode(&Space::nas_bench_101(), &[diamond], &mut row).unwrap();
        for counts in row.chunks(BUCKETS) {
            assert!((counts.iter().sum::<f32>() - 4.0).abs() < 1e-6);
            // The two branches are alike in every round.
            assert!(counts.iter().any(|count| *count > 1.5));
        }
    }

    #[test]
    fn a_later_round_sees_what_an_earlier_one_does_not() {
        // The same vertices with the same degrees, but the branch of two is of other pairs.
        let edges = [(0, 1), (1, 2), (2, 5), (0, 3), (3, 4), (4, 5)];
        let pairs = cell(&edges, &[Conv3x3, Conv1x1, Conv3x3, Conv1x1]);
        let mixed = cell(&edges, &[Conv3x3, Conv3x3, Conv1x1, Conv1x1]);
        let mut rows = vec![0.0; 2 * ROUNDS * BUCKETS];
        ENTRY.encode(&Space::nas_bench_101(), &[pairs, mixed], &mut rows).unwrap();
        let (one, other) = rows.split_at(ROUNDS * BUCKETS);
        let round = |row: &[f32], round: usize| {
            row[round * BUCKETS..(round + 1) * BUCKETS].iter().map(|count| count.to_bits()).collect::<Vec<_>>()
        };
        assert_eq!(round(one, 0), round(other, 0));
        assert_ne!(round(one, 1), round(other, 1));
    }
}
