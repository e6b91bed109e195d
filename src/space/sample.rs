//! Drawing cells at random. The ways differ in which cells they favour, so a search must say which one it uses.
//!
//! A new sampler is one variant of [`Sampler`] with its texts, its line in [`SAMPLERS`] and its arm in [`Sampler::draw`].

use std::fmt;

use rand::RngExt as _;
use rand::seq::IndexedRandom as _;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::enumerate::is_full;
use super::{Cell, Operation, Space, Spec};

/// How a random spec is drawn. It is serialized as its name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sampler {
    /// Fair coins for all edges of the largest matrix and fair dice for its operations, until the pruned cell is within
    /// the limits: what the example searches of NAS-Bench-101 do (73.34 % of the draws are accepted).
    #[default]
    Official,
    /// As `official`, but the matrix must keep the limit of edges before it is pruned, too (27.35 % are accepted).
    Strict,
    /// Every cell of the space with the same chance, isomorphic ones counted once; what the largest matrix holds besides
    /// is drawn by fair coins and dice.
    Uniform,
}

/// Every sampler.
pub const SAMPLERS: &[Sampler] = &[Sampler::Official, Sampler::Strict, Sampler::Uniform];

impl Sampler {
    /// The name in options and on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Official => "official",
            Self::Strict => "strict",
            Self::Uniform => "uniform",
        }
    }

    /// What is drawn, in a line.
    #[must_use]
    pub const fn about(self) -> &'static str {
        match self {
            Self::Official => "fair coins for all edges, until the pruned cell is within the limits",
            Self::Strict => "fair coins for all edges, until the matrix is within the limits before it is pruned, too",
            Self::Uniform => "every cell with the same chance, isomorphic ones counted once",
        }
    }

    /// Who draws so.
    #[must_use]
    pub const fn source(self) -> &'static str {
        match self {
            Self::Official => "the example searches of the NAS-Bench-101 program, Ying et al., ICML 2019",
            Self::Strict => "nas_benchmarks (NASCifar10A), the program of the comparison in Ying et al., ICML 2019",
            Self::Uniform => "rejection of isomorphic cells by their number, exact",
        }
    }

    /// Draws a spec whose cell lies in the space. The spec may hold vertices that pruning removes: they are the material of
    /// later mutations.
    pub fn draw(self, space: &Space, rng: &mut ChaCha8Rng) -> Spec {
        match self {
            Self::Official => accepted(space, rng, |_| true),
            Self::Strict => accepted(space, rng, |spec| spec.edge_count() <= space.max_edges()),
            Self::Uniform => {
                let cell = uniform_cell(space, rng);
                with_unused_vertices(cell, space, rng)
            }
        }
    }
}

impl fmt::Display for Sampler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A random spec that is fine and whose cell lies in the space.
fn accepted(space: &Space, rng: &mut ChaCha8Rng, is_fine: impl Fn(&Spec) -> bool) -> Spec {
    loop {
        let spec = random_spec(space, rng);
        if is_fine(&spec) && space.cell(&spec).is_ok() {
            return spec;
        }
    }
}

/// Fair coins for the edges, fair dice for the operations.
fn random_spec(space: &Space, rng: &mut ChaCha8Rng) -> Spec {
    let vertices = space.max_vertices();
    let edges = rng.random_range(0..1_u64 << possible_edges(vertices));
    Spec::from_bits(edges, &random_operations(space, vertices - 2, rng))
}

fn random_operations(space: &Space, count: usize, rng: &mut ChaCha8Rng) -> Vec<Operation> {
    let known: Vec<_> = space.operations().collect();
    (0..count).map(|_| *known.choose(rng).expect("there are operations")).collect()
}

const fn possible_edges(vertices: usize) -> usize {
    vertices * (vertices - 1) / 2
}

/// Draws a cell with the chance of one in all unique cells.
///
/// A labelled graph is drawn uniformly, whatever its size; it is kept if it is full, and then with the chance of one in its
/// isomorphs. So each class is drawn as often as each other one, without a list of them.
fn uniform_cell(space: &Space, rng: &mut ChaCha8Rng) -> Cell {
    let sizes = Sizes::new(space);
    loop {
        let (vertices, edge_count) = sizes.draw(rng);
        let edges = random_edges(possible_edges(vertices), edge_count, rng);
        if !is_full(vertices, edges) {
            continue;
        }
        let cell = Cell::from_pruned(Spec::from_bits(edges, &random_operations(space, vertices - 2, rng)));
        if rng.random_range(0..cell.isomorphs()) == 0 {
            return cell;
        }
    }
}

/// How many labelled graphs there are of each number of vertices and edges, full or not.
struct Sizes {
    /// Vertices, edges, and the graphs up to and with this line.
    lines: Vec<(usize, usize, u64)>,
    total: u64,
}

impl Sizes {
    fn new(space: &Space) -> Self {
        let mut lines = Vec::new();
        let mut total = 0;
        let mut labellings = 1;
        for vertices in 2..=space.max_vertices() {
            let possible = possible_edges(vertices);
            // The ways to choose some of the possible edges: a line of Pascal's triangle.
            let mut chosen = 1;
            for edges in 0..=possible.min(space.max_edges()) {
                // With fewer edges than this, some vertex is on no path.
                if edges >= vertices - 1 {
                    total += chosen * labellings;
                    lines.push((vertices, edges, total));
                }
                chosen = chosen * (possible - edges) as u64 / (edges + 1) as u64;
            }
            labellings *= space.operation_count() as u64;
        }
        Self { lines, total }
    }

    fn draw(&self, rng: &mut ChaCha8Rng) -> (usize, usize) {
        let pick = rng.random_range(0..self.total);
        let line = self.lines.partition_point(|(_, _, up_to)| *up_to <= pick);
        (self.lines[line].0, self.lines[line].1)
    }
}

/// A uniform choice of `count` bits among the lowest `of`: Floyd's algorithm.
fn random_edges(of: usize, count: usize, rng: &mut ChaCha8Rng) -> u64 {
    (of - count..of).fold(0, |chosen, next| {
        let bit = rng.random_range(0..=next);
        chosen | 1 << if chosen >> bit & 1 == 1 { next } else { bit }
    })
}

/// Draws one of the largest specs that prune to a cell, each with the same chance.
pub(crate) fn with_unused_vertices(cell: Cell, space: &Space, rng: &mut ChaCha8Rng) -> Spec {
    let (vertices, used) = (space.max_vertices(), cell.vertices() - 2);
    if used + 2 == vertices {
        return cell.spec();
    }
    loop {
        let chosen = random_edges(vertices - 2, used, rng);
        let interior = (1..vertices - 1).filter(|vertex| chosen >> (vertex - 1) & 1 == 1);
        let places: Vec<_> = std::iter::once(0).chain(interior).chain([vertices - 1]).collect();
        let mut spec = random_spec(space, rng);
        for (y, place_y) in places.iter().enumerate() {
            for (x, place_x) in places[..y].iter().enumerate() {
                if spec.has_edge(*place_x, *place_y) != cell.has_edge(x, y) {
                    spec = spec.with_flipped_edge(*place_x, *place_y);
                }
            }
            if let Some(operation) = cell.operation(y) {
                spec = spec.with_operation(*place_y, operation);
            }
        }
        if spec.prune().is_ok_and(|pruned| pruned == cell) {
            return spec;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::space::fixture::{cells, space};
    use crate::unit::Seed;

    #[test]
    fn every_drawn_spec_has_a_cell_of_the_space() {
        let mut rng = Seed(1).rng();
        let five = space(5);
        for space in [space(2), space(3), five, five.with_max_edges(4).unwrap(), five.with_max_edges(1).unwrap()] {
            for sampler in SAMPLERS {
                for _ in 0..200 {
                    let spec = sampler.draw(&space, &mut rng);
                    assert!(space.cell(&spec).is_ok());
                    assert_eq!(spec.vertices(), space.max_vertices());
                }
            }
        }
    }

    #[test]
    fn a_sampler_is_serialized_as_its_name() {
        for sampler in SAMPLERS {
            assert_eq!(serde_json::to_value(sampler).unwrap(), sampler.name());
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

    #[test]
    #[expect(clippy::cast_precision_loss, reason = "counts of draws")]
    fn the_uniform_sampler_draws_every_cell_as_often_as_any_other() {
        let space = space(4);
        let cells = cells(4);
        let mut rng = Seed(3).rng();
        let mut met: HashMap<_, usize> = HashMap::new();
        let draws = 91 * 400;
        for _ in 0..draws {
            *met.entry(space.cell(&Sampler::Uniform.draw(&space, &mut rng)).unwrap().hash()).or_default() += 1;
        }
        assert_eq!(met.len(), cells.len());
        let expected = f64::from(draws) / cells.len() as f64;
        let square: f64 = met.values().map(|count| (*count as f64 - expected).powi(2) / expected).sum();
        // Chi-squared with 90 degrees of freedom exceeds 150 once in ten thousand times.
        assert!(square < 150.0, "chi-squared {square} of 91 cells");
    }

    #[test]
    #[expect(clippy::cast_precision_loss, reason = "counts of draws")]
    fn the_uniform_sampler_draws_sizes_as_often_as_the_whole_space_has_them() {
        let space = Space::nas_bench_101();
        let mut rng = Seed(4).rng();
        let draws = 20_000;
        let small = (0..draws).filter(|_| uniform_cell(&space, &mut rng).vertices() < 7).count() as f64;
        // 64,542 of 423,624 cells have fewer than 7 vertices.
        let share = 64_542.0 / 423_624.0;
        let deviation = (f64::from(draws) * share * (1.0 - share)).sqrt();
        assert!((small - f64::from(draws) * share).abs() < 4.0 * deviation, "{small} of {draws} have fewer than 7 vertices");
    }
}
