//! Small changes of a spec: the step that evolution and local search take.
//!
//! Public programs mean different things by "a mutation", so a search must say which one it uses. A new form is one variant
//! of [`Mutation`] with its texts, its line in [`MUTATIONS`] and its arm in [`Mutation::mutate`].

use std::fmt;

use rand::RngExt as _;
use rand::seq::IndexedRandom as _;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::{Space, Spec};

/// How a spec is changed at random. It is serialized as its name.
///
/// Whatever the form, the cell stays in the space and becomes another cell: what leaves the space, or changes only what
/// pruning removes, is drawn again, since measuring the same cell twice teaches a search nothing. (The public programs draw
/// again only what is invalid.)
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mutation {
    /// One edge is flipped or one operation changed, drawn uniformly among all edges and interior operations.
    #[default]
    OneEdit,
    /// Each of the v(v − 1)/2 possible edges of v vertices is flipped with probability 1/v, and each of the v − 2
    /// operations changed with probability 1/(v − 2): for 7 vertices three flips and one change are expected.
    Notebook,
    /// Each possible edge is flipped with probability 2/(v(v − 1)), and each operation changed with probability 1/(v − 2):
    /// one flip and one change are expected.
    Naszilla,
}

/// Every form of mutation.
pub const MUTATIONS: &[Mutation] = &[Mutation::OneEdit, Mutation::Notebook, Mutation::Naszilla];

/// The single edits that may fail before the possible ones are listed.
const PATIENCE: usize = 8;
/// The edits in a row that may change only what pruning removes before the search for another cell is given up.
const MOST_STEPS: usize = 100;
/// The draws of many edits that may fail before the search for another cell is given up.
const MOST_DRAWS: usize = 100_000;

impl Mutation {
    /// The name in options and on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::OneEdit => "one-edit",
            Self::Notebook => "notebook",
            Self::Naszilla => "naszilla",
        }
    }

    /// What is changed, in a line.
    #[must_use]
    pub const fn about(self) -> &'static str {
        match self {
            Self::OneEdit => "one edge or one operation, drawn uniformly; again while the cell stays the same",
            Self::Notebook => {
                "each of v vertices' edges with chance 1/v, each operation with 1/(v-2): 3 edges + 1 of 7 vertices; again while the \
                 cell stays the same, unlike the program"
            }
            Self::Naszilla => {
                "each of v vertices' edges with chance 2/(v(v-1)), each operation with 1/(v-2): 1 edge + 1 expected; again while the \
                 cell stays the same, unlike the program"
            }
        }
    }

    /// Who mutates so.
    #[must_use]
    pub const fn source(self) -> &'static str {
        match self {
            Self::OneEdit => "Ying et al., ICML 2019, supplement S2.2",
            Self::Notebook => "the example notebook of the NAS-Bench-101 program",
            Self::Naszilla => "White et al., BANANAS, AAAI 2021, and its program naszilla",
        }
    }

    /// Changes a spec, so that its cell stays in the space and becomes another cell.
    ///
    /// Where no single edit makes another cell, `one-edit` takes one that changes only what pruning removes as a step
    /// towards it. `None` if the cell is not in the space, or no other cell was found in 100 such steps or, of the other
    /// forms, 100,000 draws: then there is none.
    #[must_use]
    pub fn mutate(self, space: &Space, spec: Spec, rng: &mut ChaCha8Rng) -> Option<Spec> {
        let before = space.cell(&spec).ok()?;
        let is_another = |spec: &Spec| space.cell(spec).is_ok_and(|cell| !cell.is_isomorphic_to(&before));
        let vertices = spec.vertices();
        if vertices == 2 {
            return None;
        }
        match self {
            Self::OneEdit => one_edit(space, spec, is_another, rng),
            Self::Notebook => edits(space, spec, [vertices, vertices - 2], is_another, rng),
            Self::Naszilla => edits(space, spec, [vertices * (vertices - 1) / 2, vertices - 2], is_another, rng),
        }
    }
}

impl fmt::Display for Mutation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Flips each edge with a chance of one in the first number and changes each operation with one in the second, until another
/// cell comes out.
fn edits(
    space: &Space,
    spec: Spec,
    one_in: [usize; 2],
    is_another: impl Fn(&Spec) -> bool,
    rng: &mut ChaCha8Rng,
) -> Option<Spec> {
    let [flip, change] = one_in.map(|number| move |rng: &mut ChaCha8Rng| rng.random_range(0..number) == 0);
    for _ in 0..MOST_DRAWS {
        let mut edited = spec;
        for (x, y) in pairs(spec.vertices()) {
            if flip(rng) {
                edited = edited.with_flipped_edge(x, y);
            }
        }
        for vertex in 1..spec.vertices() - 1 {
            if change(rng) {
                edited = with_another_operation(space, edited, vertex, rng);
            }
        }
        if is_another(&edited) {
            return Some(edited);
        }
    }
    None
}

/// Makes one edit, and where no single one makes another cell, a few.
fn one_edit(space: &Space, spec: Spec, is_another: impl Fn(&Spec) -> bool, rng: &mut ChaCha8Rng) -> Option<Spec> {
    let mut from = spec;
    for _ in 0..MOST_STEPS {
        // Most edits are fine, so drawing is the fast way; listing decides when luck has run out.
        for _ in 0..PATIENCE {
            let edited = random_edit(space, from, rng);
            if is_another(&edited) {
                return Some(edited);
            }
        }
        let neighbours: Vec<_> = space.neighbours(from).collect();
        let others: Vec<_> = neighbours.iter().copied().filter(&is_another).collect();
        if let Some(other) = others.choose(rng) {
            return Some(*other);
        }
        from = *neighbours.choose(rng)?;
    }
    None
}

/// One edit: each possible edge and each interior operation is picked with the same chance.
fn random_edit(space: &Space, spec: Spec, rng: &mut ChaCha8Rng) -> Spec {
    let vertices = spec.vertices();
    let possible_edges = vertices * (vertices - 1) / 2;
    let pick = rng.random_range(0..possible_edges + vertices - 2);
    if pick < possible_edges {
        let (x, y) = pairs(vertices).nth(pick).expect("a pick below the number of edges");
        return spec.with_flipped_edge(x, y);
    }
    with_another_operation(space, spec, pick - possible_edges + 1, rng)
}

/// A space of one operation has no other to change to: there the spec stays as it is.
fn with_another_operation(space: &Space, spec: Spec, vertex: usize, rng: &mut ChaCha8Rng) -> Spec {
    let mut others = space.operations().filter(|operation| spec.operation(vertex) != Some(*operation));
    let count = others.clone().count();
    if count == 0 {
        return spec;
    }
    let operation = others.nth(rng.random_range(0..count));
    operation.map_or(spec, |operation| spec.with_operation(vertex, operation))
}

/// All possible edges.
fn pairs(vertices: usize) -> impl Iterator<Item = (usize, usize)> {
    (1..vertices).flat_map(|y| (0..y).map(move |x| (x, y)))
}

impl Space {
    /// Lists the specs that one edit makes of a spec and whose cells lie in the space: at most 31 of 7 vertices.
    ///
    /// A spec never gains a vertex; for moving among the cells of all sizes see
    /// [`distinct_neighbours`](Self::distinct_neighbours).
    pub fn neighbours(&self, spec: Spec) -> impl Iterator<Item = Spec> + use<> {
        let space = *self;
        self.edits(spec).filter(move |edited| space.cell(edited).is_ok())
    }

    /// Every flip of an edge and every change of an operation.
    fn edits(&self, spec: Spec) -> impl Iterator<Item = Spec> + use<> {
        let space = *self;
        let vertices = spec.vertices();
        let flips = pairs(vertices).map(move |(x, y)| spec.with_flipped_edge(x, y));
        let changes = (1..vertices - 1).flat_map(move |vertex| {
            let others = space.operations().filter(move |operation| spec.operation(vertex) != Some(*operation));
            others.map(move |operation| spec.with_operation(vertex, operation))
        });
        flips.chain(changes)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::space::fixture::{cells, space};
    use crate::space::{Operation, Sampler};
    use crate::unit::Seed;

    fn hash(spec: &Spec) -> crate::space::ModuleHash {
        spec.prune().unwrap().hash()
    }

    proptest! {
        #[test]
        fn a_mutant_is_another_cell_of_the_space(seed: u64, max_vertices in 3_usize..=7) {
            let space = space(max_vertices);
            let mut rng = Seed(seed).rng();
            let parent = Sampler::Official.draw(&space, &mut rng);
            for mutation in MUTATIONS {
                let mutant = mutation.mutate(&space, parent, &mut rng).unwrap();
                prop_assert!(space.cell(&mutant).is_ok());
                prop_assert_ne!(hash(&mutant), hash(&parent));
                prop_assert_eq!(mutant.vertices(), parent.vertices());
            }
        }

        #[test]
        fn one_edit_is_one_edit_wherever_one_is_enough(seed: u64, max_vertices in 3_usize..=7) {
            let space = space(max_vertices);
            let mut rng = Seed(seed).rng();
            let parent = Sampler::Official.draw(&space, &mut rng);
            let mutant = Mutation::OneEdit.mutate(&space, parent, &mut rng).unwrap();
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
    fn where_there_is_no_other_cell_there_is_no_mutant() {
        let three = space(3).with_operations(&[Operation::Identity]).unwrap().with_max_edges(1).unwrap();
        for mutation in MUTATIONS {
            assert_eq!(mutation.mutate(&space(2), cells(2)[0].spec(), &mut Seed(0).rng()), None);
            assert_eq!(mutation.mutate(&space(2), cells(3)[1].spec(), &mut Seed(0).rng()), None, "outside the space");
            assert_eq!(mutation.mutate(&three, Sampler::Official.draw(&three, &mut Seed(0).rng()), &mut Seed(0).rng()), None);
        }
    }

    #[test]
    fn a_mutation_is_serialized_as_its_name() {
        for mutation in MUTATIONS {
            assert_eq!(serde_json::to_value(mutation).unwrap(), mutation.name());
        }
    }

    #[test]
    fn edits_are_as_many_as_edges_and_other_operations() {
        let spec = Sampler::Official.draw(&Space::nas_bench_101(), &mut Seed(3).rng());
        assert_eq!(Space::nas_bench_101().edits(spec).count(), 21 + 10);
    }

    #[test]
    fn the_forms_flip_as_many_edges_as_they_say() {
        // Every spec counts, so that nothing is drawn again and the plain expectations show.
        let space = Space::nas_bench_101();
        let parent = Sampler::Official.draw(&space, &mut Seed(5).rng());
        let mut rng = Seed(6).rng();
        let mut mean = |chances| {
            let mut differences = [0, 0];
            for _ in 0..4_000 {
                let mutant = edits(&space, parent, chances, |_| true, &mut rng).unwrap();
                differences[0] += (mutant.edge_bits() ^ parent.edge_bits()).count_ones();
                differences[1] +=
                    (1..6).map(|vertex| u32::from(mutant.operation(vertex) != parent.operation(vertex))).sum::<u32>();
            }
            differences.map(|count| f64::from(count) / 4_000.0)
        };
        let close = |found: [f64; 2], expected: [f64; 2]| found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 0.1);
        assert!(close(mean([7, 5]), [3.0, 1.0]));
        assert!(close(mean([21, 5]), [1.0, 1.0]));
    }
}
