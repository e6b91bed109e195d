//! A cell as a vector of real numbers, of which those from 0 to 1 differ: one for each edge, one for their number, one for each operation.

use rand::RngExt as _;

use super::genes::{Genome, MOST, keep_largest};
use super::{SearchRng, count};
use crate::space::{Space, Spec};

/// How the cells of a space are vectors: the edges with the largest numbers are there, as many as one more number says.
///
/// # Source
///
/// Ying et al., ICML 2019, S3; the operations are numbers here, too.
#[derive(Clone, Debug)]
pub(super) struct Vectors {
    genome: Genome,
    max_edges: usize,
    max_vertices: usize,
}

impl Vectors {
    pub(super) fn new(space: &Space) -> Self {
        let genome = Genome::new(space);
        let max_edges = space.max_edges().min(genome.edges());
        Self { genome, max_edges, max_vertices: space.max_vertices() }
    }

    /// Returns the number of numbers.
    pub(super) const fn len(&self) -> usize {
        self.genome.len() + 1
    }

    /// Returns the spec of a vector. Numbers below 0 or above 1 count as these, but for the edges, whose order alone counts.
    pub(super) fn spec(&self, numbers: &[f64]) -> Spec {
        let (edges, others) = numbers.split_at(self.genome.edges());
        let mut genes = [0; MOST];
        keep_largest(&mut genes, edges, count(part(others[0], self.max_edges + 1)));
        for (gene, number) in (self.genome.edges()..).zip(&others[1..]) {
            genes[gene] = u8::try_from(part(*number, self.genome.choices(gene))).expect("a gene is below eight");
        }
        self.genome.spec(&genes)
    }

    /// Draws a vector of the cell of a spec: each number in the middle of its part, those of edges that are there above the others.
    pub(super) fn draw_of(&self, spec: Spec, rng: &mut SearchRng) -> Vec<f64> {
        let cell = spec.prune().expect("specs are connected");
        let genes = self.genome.of_spec(cell.padded(self.max_vertices));
        let (edges, operations) = genes[..self.genome.len()].split_at(self.genome.edges());
        let mut numbers: Vec<f64> = edges.iter().map(|gene| rng.random_range(0.0..0.5) + 0.5 * f64::from(*gene)).collect();
        numbers.push((count(cell.edge_count()) + 0.5) / count(self.max_edges + 1));
        let choices = (self.genome.edges()..).map(|gene| count(self.genome.choices(gene)));
        numbers.extend(operations.iter().zip(choices).map(|(gene, choices)| (f64::from(*gene) + 0.5) / choices));
        numbers
    }
}

/// The index of the part in which a number lies, of so many equal parts of the numbers from 0 to 1.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to a small count")]
fn part(number: f64, parts: usize) -> usize {
    (number * count(parts)).floor().clamp(0.0, count(parts - 1)) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::{Operation, Sampler};
    use crate::unit::Seed;

    #[test]
    fn a_cell_becomes_a_vector_and_is_the_same_cell_again() {
        let mut rng = Seed(1).rng();
        for space in [Space::nas_bench_101(), Space::nas_bench_101().with_max_vertices(2).unwrap()] {
            let vectors = Vectors::new(&space);
            for _ in 0..100 {
                let spec = Sampler::Official.draw(&space, &mut rng);
                let numbers = vectors.draw_of(spec, &mut rng);
                assert_eq!(numbers.len(), vectors.len());
                assert_eq!(vectors.spec(&numbers).prune().unwrap(), spec.prune().unwrap());
            }
        }
    }

    #[test]
    fn the_largest_numbers_are_the_edges() {
        let vectors = Vectors::new(&Space::nas_bench_101());
        let mut numbers = vec![0.5; 27];
        (numbers[0], numbers[20], numbers[21]) = (7.0, 0.6, 0.25);
        (numbers[22], numbers[23], numbers[24]) = (-3.0, 0.34, 9.0);
        let spec = vectors.spec(&numbers);
        assert_eq!(spec.edge_bits(), 1 | 1 << 20, "a quarter of the way from 0 to 9 is 2");
        let operations: Vec<_> = spec.operations().take(4).collect();
        assert_eq!(operations, [Operation::Conv3x3, Operation::Conv1x1, Operation::MaxPool3x3, Operation::Conv1x1]);
    }
}
