//! Cells made of two: each gene is of one of the parents, and the child has no more edges than the space allows.

use rand::RngExt as _;

use super::SearchRng;
use super::genes::{Genes, Genome};
use crate::space::{Space, Spec};

/// Takes each gene of either parent with the same chance.
pub(super) fn uniform(genome: &Genome, [one, other]: [Genes; 2], rng: &mut SearchRng) -> Genes {
    let mut child = one;
    for (gene, other) in child[..genome.len()].iter_mut().zip(other) {
        if rng.random_range(0..2) == 1 {
            *gene = other;
        }
    }
    child
}

/// Takes away edges of the cell at random until there are few enough; `None` if the input does not reach the output then.
pub(super) fn repaired(space: &Space, mut spec: Spec, rng: &mut SearchRng) -> Option<Spec> {
    while space.cell(&spec).is_err() {
        let cell = spec.prune().ok().filter(|cell| cell.edge_count() > space.max_edges())?;
        let edges = spec.edge_count();
        let (x, y) = spec.edges().nth(rng.random_range(0..edges))?;
        let without = spec.with_flipped_edge(x, y);
        // An edge that everything hangs on stays; there are others while there are more than a way needs.
        if without.prune().is_ok() || cell.edge_count() < space.max_vertices() {
            spec = without;
        }
    }
    Some(spec)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unit::Seed;

    #[test]
    fn a_repair_only_takes_edges_away() {
        let space = Space::nas_bench_101();
        let genome = Genome::new(&space);
        let mut rng = Seed(2).rng();
        let mut repairs = 0;
        for _ in 0..500 {
            let mut genes = [0; crate::search::genes::MOST];
            for (gene, value) in genes[..genome.len()].iter_mut().enumerate() {
                *value = genome.draw(gene, &mut rng);
            }
            let spec = genome.spec(&genes);
            if let Some(repaired) = repaired(&space, spec, &mut rng) {
                assert!(space.cell(&repaired).is_ok());
                assert_eq!(repaired.edge_bits() & !spec.edge_bits(), 0);
                repairs += usize::from(repaired != spec);
            }
        }
        assert!(repairs > 50, "{repairs}");
        let complete = Spec::from_bits((1 << 21) - 1, &[crate::space::Operation::Conv3x3; 5]);
        assert!((0..100).filter(|_| repaired(&space, complete, &mut rng).is_some()).count() > 90);
    }
}
