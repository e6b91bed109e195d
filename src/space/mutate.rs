//! Small changes of a spec: the step that evolution and local search take.

use rand::RngExt as _;
use rand::seq::IndexedRandom as _;
use rand_chacha::ChaCha8Rng;

use super::{Space, Spec};

impl Space {
    /// Changes one edge or one operation of a spec, so that the cell stays in the space and becomes another cell.
    ///
    /// An edit is drawn uniformly among all edges and interior operations; one that leaves the space, or changes only
    /// what pruning removes, is drawn again. Where no single edit makes another cell, one that changes only what pruning
    /// removes is taken as a step towards it. `None` if the space has no other cell.
    ///
    /// # Source
    ///
    /// Ying et al., ICML 2019, supplement S2.2 (one edge or operation, chosen uniformly). We also draw again when the
    /// cell did not change, since measuring the same cell twice teaches an evolution nothing.
    #[must_use]
    pub fn mutate(&self, spec: Spec, rng: &mut ChaCha8Rng) -> Option<Spec> {
        let before = self.cell(&spec).ok()?.hash();
        let is_another = |spec: &Spec| self.cell(spec).is_ok_and(|cell| cell.hash() != before);
        if self.max_vertices() == 2 {
            return None;
        }
        let mut from = spec;
        loop {
            // Most edits are fine, so drawing is the fast way; listing decides when luck has run out.
            for _ in 0..8 {
                let edited = self.random_edit(from, rng);
                if is_another(&edited) {
                    return Some(edited);
                }
            }
            let neighbours: Vec<_> = self.neighbours(from).collect();
            let others: Vec<_> = neighbours.iter().copied().filter(is_another).collect();
            if let Some(other) = others.choose(rng) {
                return Some(*other);
            }
            from = *neighbours.choose(rng)?;
        }
    }

    /// Lists the specs that one edit makes of a spec and whose cells lie in the space: at most 31 of 7 vertices.
    pub fn neighbours(&self, spec: Spec) -> impl Iterator<Item = Spec> + use<> {
        let space = *self;
        self.edits(spec).filter(move |edited| space.cell(edited).is_ok())
    }

    /// Every flip of an edge and every change of an operation.
    fn edits(&self, spec: Spec) -> impl Iterator<Item = Spec> + use<> {
        let space = *self;
        let vertices = spec.vertices();
        let flips = (1..vertices).flat_map(move |y| (0..y).map(move |x| spec.with_flipped_edge(x, y)));
        let changes = (1..vertices - 1).flat_map(move |vertex| {
            let others = space.operations().filter(move |operation| spec.operation(vertex) != Some(*operation));
            others.map(move |operation| spec.with_operation(vertex, operation))
        });
        flips.chain(changes)
    }

    /// One edit: each possible edge and each interior operation is picked with the same chance.
    fn random_edit(&self, spec: Spec, rng: &mut ChaCha8Rng) -> Spec {
        let vertices = spec.vertices();
        let possible_edges = vertices * (vertices - 1) / 2;
        let pick = rng.random_range(0..possible_edges + vertices - 2);
        if pick < possible_edges {
            let (x, y) =
                (1..vertices).flat_map(|y| (0..y).map(move |x| (x, y))).nth(pick).expect("a pick below the number of edges");
            return spec.with_flipped_edge(x, y);
        }
        let vertex = pick - possible_edges + 1;
        let others: Vec<_> = self.operations().filter(|operation| spec.operation(vertex) != Some(*operation)).collect();
        // A space of one operation has no other to change to: such an edit changes nothing.
        others.choose(rng).map_or(spec, |operation| spec.with_operation(vertex, *operation))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::space::Sampler;
    use crate::unit::Seed;

    proptest! {
        #[test]
        fn a_mutant_is_another_cell_of_the_space(seed: u64, max_vertices in 3_usize..=7) {
            let space = Space::nas_bench_101().with_max_vertices(max_vertices).unwrap();
            let mut rng = Seed(seed).rng();
            let parent = Sampler::Official.draw(&space, &mut rng);
            let mutant = space.mutate(parent, &mut rng).unwrap();
            prop_assert_ne!(space.cell(&mutant).unwrap().hash(), space.cell(&parent).unwrap().hash());
            let hash = |spec: &Spec| space.cell(spec).unwrap().hash();
            let within_one_edit = space.neighbours(parent).any(|neighbour| neighbour == mutant);
            prop_assert!(within_one_edit || space.neighbours(parent).all(|neighbour| hash(&neighbour) == hash(&parent)));
        }

        #[test]
        fn pruning_is_idempotent(seed: u64) {
            let spec = Sampler::Official.draw(&Space::nas_bench_101(), &mut Seed(seed).rng());
            let cell = spec.prune().unwrap();
            prop_assert_eq!(cell.spec().prune().unwrap(), cell);
        }
    }

    #[test]
    fn a_space_of_one_cell_has_no_mutants() {
        let space = Space::nas_bench_101().with_max_vertices(2).unwrap();
        let only = space.cells().unwrap()[0].spec();
        assert_eq!(space.mutate(only, &mut Seed(0).rng()), None);
    }

    #[test]
    fn edits_are_as_many_as_edges_and_other_operations() {
        let spec = Sampler::Official.draw(&Space::nas_bench_101(), &mut Seed(3).rng());
        assert_eq!(Space::nas_bench_101().edits(spec).count(), 21 + 10);
    }
}
