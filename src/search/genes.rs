//! A spec as a row of genes: one for each edge that the largest matrix may have, then one for each of its operations.

use rand::RngExt as _;

use super::{SearchRng, count};
use crate::space::{Cell, OPERATIONS, Operation, Space, Spec};

/// The genes of the largest space: 21 edges and 5 operations.
pub(super) const MOST: usize = 26;

/// The most values of a gene.
pub(super) const CHOICES: usize = OPERATIONS.len();

/// A number for each value of a gene, as its probability.
pub(super) type Chances = [f64; CHOICES];

/// The values of the genes; what is beyond those of the space stays 0.
pub(super) type Genes = [u8; MOST];

/// Which genes the specs of a space have.
#[derive(Clone, Debug)]
pub(super) struct Genome {
    edges: usize,
    interior: usize,
    kinds: Vec<Operation>,
}

impl Genome {
    pub(super) fn new(space: &Space) -> Self {
        let vertices = space.max_vertices();
        let (edges, interior) = (vertices * (vertices - 1) / 2, vertices - 2);
        debug_assert!(edges + interior <= MOST, "a space has at most 7 vertices");
        Self { edges, interior, kinds: space.operations().collect() }
    }

    /// Returns the number of genes that are edges.
    pub(super) const fn edges(&self) -> usize {
        self.edges
    }

    /// Returns the number of genes.
    pub(super) const fn len(&self) -> usize {
        self.edges + self.interior
    }

    /// Returns the number of values of a gene.
    pub(super) const fn choices(&self, gene: usize) -> usize {
        if gene < self.edges { 2 } else { self.kinds.len() }
    }

    /// Reads the genes of a spec of the largest matrix.
    #[expect(clippy::cast_possible_truncation, reason = "a gene is below eight")]
    pub(super) fn of_spec(&self, spec: Spec) -> Genes {
        let mut genes = [0; MOST];
        let bits = spec.edge_bits();
        for (edge, gene) in genes[..self.edges].iter_mut().enumerate() {
            *gene = (bits >> edge & 1) as u8;
        }
        for (gene, operation) in genes[self.edges..self.len()].iter_mut().zip(spec.operations()) {
            *gene = self.kinds.iter().position(|kind| *kind == operation).unwrap_or_default() as u8;
        }
        genes
    }

    /// Reads the genes of a cell, which are those of every isomorphic one.
    pub(super) fn of_cell(&self, cell: &Cell) -> Genes {
        // The largest matrix has two vertices beside those of the operations.
        self.of_spec(cell.representative().padded(self.interior + 2))
    }

    /// Makes the spec of some genes.
    pub(super) fn spec(&self, genes: &Genes) -> Spec {
        let edges = genes[..self.edges].iter().rev().fold(0, |bits, gene| bits << 1 | u64::from(*gene));
        let mut operations = [Operation::Conv3x3; MOST];
        for (operation, gene) in operations.iter_mut().zip(&genes[self.edges..self.len()]) {
            *operation = self.kinds[usize::from(*gene)];
        }
        Spec::from_bits(edges, &operations[..self.interior])
    }

    /// Draws a value of a gene, each with the same chance.
    #[expect(clippy::cast_possible_truncation, reason = "a gene is below eight")]
    pub(super) fn draw(&self, gene: usize, rng: &mut SearchRng) -> u8 {
        rng.random_range(0..self.choices(gene)) as u8
    }
}

/// Sets the genes of edges: those of the `number` largest numbers are there, of equals the first ones.
pub(super) fn keep_largest(genes: &mut Genes, edges: &[f64], number: f64) {
    let mut order: Vec<_> = (0..edges.len()).collect();
    order.sort_by(|one, other| edges[*other].total_cmp(&edges[*one]));
    for (place, edge) in order.into_iter().enumerate() {
        genes[edge] = u8::from(count(place) < number);
    }
}

/// The chances that logits give to the first `count` values.
pub(super) fn softmax(logits: &Chances, count: usize) -> Chances {
    let highest = logits[..count].iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut chances = [0.0; CHOICES];
    for (chance, logit) in chances[..count].iter_mut().zip(logits) {
        *chance = (logit - highest).exp();
    }
    let sum: f64 = chances.iter().sum();
    chances.map(|chance| chance / sum)
}

/// Draws one of `choices` values by its probability.
pub(super) fn draw_by_chance(chances: &Chances, choices: usize, rng: &mut SearchRng) -> u8 {
    let mut left = rng.random_range(0.0..1.0);
    let mut value = 0;
    for chance in &chances[..choices - 1] {
        if left < *chance {
            break;
        }
        left -= chance;
        value += 1;
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::{Operation, Sampler};
    use crate::unit::Seed;

    #[test]
    fn genes_become_the_same_spec_again() {
        let mut rng = Seed(1).rng();
        let five = Space::nas_bench_101().with_operations(&Operation::ALL[1..]).unwrap();
        for space in [Space::nas_bench_101(), five.with_max_vertices(5).unwrap(), five.with_max_vertices(2).unwrap()] {
            let genome = Genome::new(&space);
            for _ in 0..100 {
                let spec = Sampler::Official.draw(&space, &mut rng);
                let genes = genome.of_spec(spec);
                assert_eq!(genome.spec(&genes), spec);
                assert!((0..genome.len()).all(|gene| usize::from(genes[gene]) < genome.choices(gene)));
            }
        }
        let genome = Genome::new(&Space::nas_bench_101());
        assert_eq!((genome.len(), genome.choices(20), genome.choices(21)), (26, 2, 3));
    }
}
