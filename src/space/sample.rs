//! Drawing cells at random. The ways differ in which cells they favour, so a search must say which one it uses.

use rand::RngExt as _;
use rand::seq::IndexedRandom as _;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::{Operation, Space, Spec};

/// How a random spec is drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sampler {
    /// Fair coins for all edges of the largest matrix and fair dice for its operations, until the pruned cell is within
    /// the limits: what the example searches of NAS-Bench-101 do (73.34 % of the draws are accepted).
    #[default]
    Official,
    /// As `official`, but the matrix must keep the limit of edges before it is pruned, too (27.35 % are accepted).
    Strict,
}

impl Sampler {
    /// Draws a spec whose cell lies in the space. The spec may hold vertices that pruning removes.
    pub fn draw(self, space: &Space, rng: &mut ChaCha8Rng) -> Spec {
        loop {
            let spec = random_spec(space, rng);
            let within = self == Self::Official || spec.edge_count() <= space.max_edges();
            if within && space.cell(&spec).is_ok() {
                return spec;
            }
        }
    }
}

/// Fair coins for the edges, fair dice for the operations.
fn random_spec(space: &Space, rng: &mut ChaCha8Rng) -> Spec {
    let vertices = space.max_vertices();
    let known: Vec<_> = space.operations().collect();
    let edges = rng.random_range(0..1_u64 << (vertices * (vertices - 1) / 2));
    let operations: Vec<Operation> = (0..vertices - 2).map(|_| *known.choose(rng).expect("there are operations")).collect();
    Spec::from_bits(edges, &operations)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unit::Seed;

    #[test]
    fn every_drawn_spec_has_a_cell_of_the_space() {
        let space = Space::nas_bench_101().with_max_vertices(5).unwrap();
        let mut rng = Seed(1).rng();
        for sampler in [Sampler::Official, Sampler::Strict] {
            for _ in 0..200 {
                assert!(space.cell(&sampler.draw(&space, &mut rng)).is_ok());
            }
        }
    }

    #[test]
    fn acceptance_is_what_the_whole_space_says() {
        let space = Space::nas_bench_101();
        let mut rng = Seed(2).rng();
        let draws: Vec<_> = (0..20_000).map(|_| random_spec(&space, &mut rng)).collect();
        let accepted = |keep: &dyn Fn(&Spec) -> bool| draws.iter().filter(|spec| keep(spec)).count();
        let official = accepted(&|spec| space.cell(spec).is_ok());
        let strict = accepted(&|spec| space.cell(spec).is_ok() && spec.edge_count() <= 9);
        // 73.34 % and 27.35 %, within four standard deviations of 20,000 draws.
        assert!((14_418..=14_918).contains(&official), "{official} of 20,000 accepted");
        assert!((5_218..=5_722).contains(&strict), "{strict} of 20,000 accepted");
    }
}
