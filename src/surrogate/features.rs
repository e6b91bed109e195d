//! A cell as a row of numbers that mean the same for cells of every size.
//!
//! A surrogate is fitted on small cells and scores larger ones, so no number here depends on how many vertices there are or
//! how they are numbered: counts of operations, edges by what they connect, paths from the input to the output by their length
//! and by the operations on them, depth, width, degrees, and the cost of the network. Isomorphic cells have equal rows, up to
//! the cost that is passed in. A new feature is one line of [`FEATURES`].

use super::Rows;
use crate::network::Cost;
use crate::space::{CAPACITY, Cell, OPERATIONS};

/// How many kinds of operation there are.
const KINDS: usize = OPERATIONS.len();
/// Where an edge begins or ends besides the operations: the input, or the output.
const END: usize = KINDS;
/// Paths at least this long share a feature.
const LONGEST_COUNTED: usize = 6;
/// Paths with at least this many of an operation share a feature.
const MOST_COUNTED: usize = 3;

/// What the numbers of a feature are, so that a threshold can be printed as a person would say it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// Whole numbers.
    Count,
    /// Any numbers.
    Number,
    /// Decimal logarithms; the name of the feature is that of the quantity itself.
    Logarithm,
}

/// One number about a cell.
#[derive(Clone, Copy, Debug)]
pub struct Feature {
    /// Its name, unique.
    pub name: &'static str,
    /// What its numbers are.
    pub scale: Scale,
    of: fn(&Facts) -> f32,
}

/// A feature that counts.
const fn count(name: &'static str, of: fn(&Facts) -> f32) -> Feature {
    Feature { name, scale: Scale::Count, of }
}

/// A feature that is no whole number.
const fn number(name: &'static str, of: fn(&Facts) -> f32) -> Feature {
    Feature { name, scale: Scale::Number, of }
}

/// A feature whose logarithm counts.
const fn logarithm(name: &'static str, of: fn(&Facts) -> f32) -> Feature {
    Feature { name, scale: Scale::Logarithm, of }
}

/// Every feature, in the order of its column. The kinds of operation are their labels: 0 is conv3x3,
/// 1 conv1x1, 2 maxpool3x3.
pub const FEATURES: &[Feature] = &[
    count("conv3x3", |facts| facts.operations[0].into()),
    count("conv1x1", |facts| facts.operations[1].into()),
    count("maxpool3x3", |facts| facts.operations[2].into()),
    count("avgpool3x3", |facts| facts.operations[3].into()),
    count("identity", |facts| facts.operations[4].into()),
    count("edges", |facts| facts.edges.iter().flatten().sum::<u16>().into()),
    count("joins", |facts| facts.joins.into()),
    count("input_degree", |facts| facts.edges[END].iter().sum::<u16>().into()),
    count("output_degree", |facts| facts.edges.iter().map(|to| to[END]).sum::<u16>().into()),
    count("residual_projection", |facts| facts.edges[END][END].into()),
    count("depth", |facts| facts.longest.into()),
    count("shortest_path", |facts| facts.shortest.into()),
    count("width", |facts| facts.width.into()),
    count("edges_input_to_conv3x3", |facts| facts.edges[END][0].into()),
    count("edges_input_to_conv1x1", |facts| facts.edges[END][1].into()),
    count("edges_input_to_maxpool3x3", |facts| facts.edges[END][2].into()),
    count("edges_conv3x3_to_conv3x3", |facts| facts.edges[0][0].into()),
    count("edges_conv3x3_to_conv1x1", |facts| facts.edges[0][1].into()),
    count("edges_conv3x3_to_maxpool3x3", |facts| facts.edges[0][2].into()),
    count("edges_conv1x1_to_conv3x3", |facts| facts.edges[1][0].into()),
    count("edges_conv1x1_to_conv1x1", |facts| facts.edges[1][1].into()),
    count("edges_conv1x1_to_maxpool3x3", |facts| facts.edges[1][2].into()),
    count("edges_maxpool3x3_to_conv3x3", |facts| facts.edges[2][0].into()),
    count("edges_maxpool3x3_to_conv1x1", |facts| facts.edges[2][1].into()),
    count("edges_maxpool3x3_to_maxpool3x3", |facts| facts.edges[2][2].into()),
    count("edges_conv3x3_to_output", |facts| facts.edges[0][END].into()),
    count("edges_conv1x1_to_output", |facts| facts.edges[1][END].into()),
    count("edges_maxpool3x3_to_output", |facts| facts.edges[2][END].into()),
    count("paths", |facts| facts.paths.into()),
    count("paths_of_length_1", |facts| facts.by_length[1].into()),
    count("paths_of_length_2", |facts| facts.by_length[2].into()),
    count("paths_of_length_3", |facts| facts.by_length[3].into()),
    count("paths_of_length_4", |facts| facts.by_length[4].into()),
    count("paths_of_length_5", |facts| facts.by_length[5].into()),
    count("paths_of_length_6_or_more", |facts| facts.by_length[6].into()),
    count("paths_with_0_conv3x3", |facts| facts.by_operation[0][0].into()),
    count("paths_with_1_conv3x3", |facts| facts.by_operation[0][1].into()),
    count("paths_with_2_conv3x3", |facts| facts.by_operation[0][2].into()),
    count("paths_with_3_conv3x3_or_more", |facts| facts.by_operation[0][3].into()),
    count("paths_with_0_conv1x1", |facts| facts.by_operation[1][0].into()),
    count("paths_with_1_conv1x1", |facts| facts.by_operation[1][1].into()),
    count("paths_with_2_conv1x1", |facts| facts.by_operation[1][2].into()),
    count("paths_with_3_conv1x1_or_more", |facts| facts.by_operation[1][3].into()),
    count("paths_with_0_maxpool3x3", |facts| facts.by_operation[2][0].into()),
    count("paths_with_1_maxpool3x3", |facts| facts.by_operation[2][1].into()),
    count("paths_with_2_maxpool3x3", |facts| facts.by_operation[2][2].into()),
    count("paths_with_3_maxpool3x3_or_more", |facts| facts.by_operation[2][3].into()),
    count("most_conv3x3_on_a_path", |facts| facts.most[0].into()),
    count("most_conv1x1_on_a_path", |facts| facts.most[1].into()),
    count("most_maxpool3x3_on_a_path", |facts| facts.most[2].into()),
    count("fewest_conv3x3_on_a_path", |facts| facts.fewest[0].into()),
    count("fewest_conv1x1_on_a_path", |facts| facts.fewest[1].into()),
    count("fewest_maxpool3x3_on_a_path", |facts| facts.fewest[2].into()),
    number("mean_conv3x3_on_a_path", |facts| facts.per_path(facts.on_paths[0])),
    number("mean_conv1x1_on_a_path", |facts| facts.per_path(facts.on_paths[1])),
    number("mean_maxpool3x3_on_a_path", |facts| facts.per_path(facts.on_paths[2])),
    number("mean_path_length", |facts| facts.per_path(facts.length_of_paths)),
    logarithm("parameters", |facts| decimal_logarithm(facts.cost.parameters.0.into())),
    logarithm("flops", |facts| decimal_logarithm(facts.cost.flops.0)),
    logarithm("activation_bytes", |facts| decimal_logarithm(facts.cost.activation_bytes)),
];

const NAMES: [&str; FEATURES.len()] = {
    let mut names = [""; FEATURES.len()];
    let mut column = 0;
    while column < names.len() {
        names[column] = FEATURES[column].name;
        column += 1;
    }
    names
};

/// The names of the columns of [`encode`].
#[must_use]
pub const fn feature_names() -> &'static [&'static str] {
    &NAMES
}

/// What the numbers of a feature are; any numbers, if it is none of [`FEATURES`].
pub(super) fn scale(name: &str) -> Scale {
    FEATURES.iter().find(|feature| feature.name == name).map_or(Scale::Number, |feature| feature.scale)
}

/// Writes the features of a cell.
///
/// # Shapes
///
/// - `row`: `[width]`, as many as there are [`feature_names`]
///
/// # Panics
///
/// Panics if the row has another width.
pub fn encode(cell: &Cell, cost: &Cost, row: &mut [f32]) {
    assert_eq!(row.len(), FEATURES.len(), "the width of the row");
    let facts = Facts::of(*cell, *cost);
    for (value, feature) in row.iter_mut().zip(FEATURES) {
        *value = (feature.of)(&facts);
    }
}

/// Encodes many cells, each with its cost.
///
/// # Shapes
///
/// - returns: `[cells, width]`
///
/// # Panics
///
/// Never: every feature of every cell is finite.
#[must_use]
pub fn rows<'a>(cells: impl IntoIterator<Item = (&'a Cell, Cost)>) -> Rows {
    let mut rows = Rows::new(FEATURES.len());
    let mut row = [0.0; FEATURES.len()];
    for (cell, cost) in cells {
        encode(cell, &cost, &mut row);
        rows.push(&row).expect("a row of finite features, as wide as the others");
    }
    rows
}

#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "a feature needs no more than seven digits")]
fn decimal_logarithm(quantity: u64) -> f32 {
    (quantity.max(1) as f64).log10() as f32
}

/// What the features are read from.
struct Facts {
    cost: Cost,
    /// Vertices by operation.
    operations: [u16; KINDS],
    /// Edges by what they leave (an operation or the input) and what they enter (an operation or the output).
    edges: [[u16; KINDS + 1]; KINDS + 1],
    /// Interior vertices that add two inputs or more.
    joins: u16,
    /// Most vertices that are equally far from the input.
    width: u16,
    longest: u16,
    shortest: u16,
    paths: u16,
    by_length: [u16; LONGEST_COUNTED + 1],
    by_operation: [[u16; MOST_COUNTED + 1]; KINDS],
    most: [u16; KINDS],
    fewest: [u16; KINDS],
    /// Operations on all paths together.
    on_paths: [u16; KINDS],
    length_of_paths: u16,
}

/// A path from the input to some vertex.
#[derive(Clone, Copy, Default)]
struct Path {
    length: u16,
    operations: [u16; KINDS],
}

impl Facts {
    fn of(cell: Cell, cost: Cost) -> Self {
        let mut facts = Self {
            cost,
            operations: [0; KINDS],
            edges: [[0; KINDS + 1]; KINDS + 1],
            joins: 0,
            width: 0,
            longest: 0,
            shortest: u16::MAX,
            paths: 0,
            by_length: [0; LONGEST_COUNTED + 1],
            by_operation: [[0; MOST_COUNTED + 1]; KINDS],
            most: [0; KINDS],
            fewest: [u16::MAX; KINDS],
            on_paths: [0; KINDS],
            length_of_paths: 0,
        };
        facts.count_vertices(cell);
        facts.follow(cell, 0, Path::default());
        facts
    }

    fn count_vertices(&mut self, cell: Cell) {
        for (x, y) in cell.edges() {
            self.edges[kind(cell, x)][kind(cell, y)] += 1;
        }
        let mut distance = [0; CAPACITY];
        let mut at_distance = [0; CAPACITY];
        for vertex in 1..cell.vertices() - 1 {
            self.operations[kind(cell, vertex)] += 1;
            self.joins += u16::from(cell.predecessors(vertex).nth(1).is_some());
            distance[vertex] = cell.predecessors(vertex).map(|x| distance[x] + 1).max().unwrap_or(0);
            at_distance[distance[vertex]] += 1;
        }
        self.width = at_distance.into_iter().max().unwrap_or(0);
    }

    /// Walks every path that goes on from `vertex`.
    fn follow(&mut self, cell: Cell, vertex: usize, path: Path) {
        if vertex + 1 == cell.vertices() {
            return self.count_path(path);
        }
        for next in cell.successors(vertex) {
            let mut longer = Path { length: path.length + 1, ..path };
            if let Some(operation) = cell.operation(next) {
                longer.operations[usize::from(operation.label())] += 1;
            }
            self.follow(cell, next, longer);
        }
    }

    fn count_path(&mut self, path: Path) {
        self.paths += 1;
        self.longest = self.longest.max(path.length);
        self.shortest = self.shortest.min(path.length);
        self.length_of_paths += path.length;
        self.by_length[usize::from(path.length).min(LONGEST_COUNTED)] += 1;
        for (kind, times) in path.operations.into_iter().enumerate() {
            self.by_operation[kind][usize::from(times).min(MOST_COUNTED)] += 1;
            self.most[kind] = self.most[kind].max(times);
            self.fewest[kind] = self.fewest[kind].min(times);
            self.on_paths[kind] += times;
        }
    }

    fn per_path(&self, total: u16) -> f32 {
        f32::from(total) / f32::from(self.paths)
    }
}

/// The label of a vertex's operation, or [`END`].
fn kind(cell: Cell, vertex: usize) -> usize {
    cell.operation(vertex).map_or(END, |operation| operation.label().into())
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;
    use rand::seq::IteratorRandom as _;

    use super::*;
    use crate::space::{Operation, Sampler, Space, Spec};
    use crate::unit::{Flops, Parameters, Seed};

    const COST: Cost = Cost { parameters: Parameters(1_000), flops: Flops(1_000_000), activation_bytes: 100 };

    fn encoded(cell: Cell) -> Vec<f32> {
        let mut row = vec![f32::NAN; feature_names().len()];
        encode(&cell, &COST, &mut row);
        row
    }

    fn feature(cell: Cell, name: &str) -> f32 {
        let column = feature_names().iter().position(|known| *known == name).unwrap();
        encoded(cell)[column]
    }

    /// The same graph with its vertices in another order that its edges allow.
    fn renumbered(cell: Cell, seed: Seed) -> Cell {
        let mut rng = seed.rng();
        let last = cell.vertices() - 1;
        let mut order = vec![0];
        while order.len() < last {
            let ready = (1..last).filter(|y| !order.contains(y) && cell.predecessors(*y).all(|x| order.contains(&x)));
            order.push(ready.choose(&mut rng).unwrap());
        }
        order.push(last);
        let edges = (0..=last).flat_map(|y| (0..y).map(move |x| (x, y))).filter(|(x, y)| cell.has_edge(order[*x], order[*y]));
        let bits = edges.fold(0, |bits, (x, y)| bits | 1 << (x + y * (y - 1) / 2));
        let operations: Vec<Operation> = order.iter().filter_map(|vertex| cell.operation(*vertex)).collect();
        Spec::from_bits(bits, &operations).prune().unwrap()
    }

    #[test]
    fn names_are_unique() {
        assert_eq!(feature_names().iter().collect::<HashSet<_>>().len(), feature_names().len());
    }

    #[test]
    fn a_residual_cell_reads_as_a_person_would_count_it() {
        let names = ["input", "conv3x3-bn-relu", "conv3x3-bn-relu", "maxpool3x3", "output"];
        // 0-1-2-4, 0-3-4, 0-4 and 1-3.
        let matrix = [[0, 1, 0, 1, 1], [0, 0, 1, 1, 0], [0, 0, 0, 0, 1], [0, 0, 0, 0, 1], [0; 5]];
        let cell = Spec::from_matrix(&matrix, &names).unwrap().prune().unwrap();
        let expected = [
            ("conv3x3", 2.0),
            ("maxpool3x3", 1.0),
            ("edges", 7.0),
            ("joins", 1.0),
            ("input_degree", 3.0),
            ("output_degree", 3.0),
            ("residual_projection", 1.0),
            ("depth", 3.0),
            ("shortest_path", 1.0),
            ("width", 2.0),
            ("edges_conv3x3_to_conv3x3", 1.0),
            ("edges_conv3x3_to_maxpool3x3", 1.0),
            ("paths", 4.0),
            ("paths_of_length_3", 2.0),
            ("paths_with_0_conv3x3", 2.0),
            ("paths_with_2_conv3x3", 1.0),
            ("most_conv3x3_on_a_path", 2.0),
            ("fewest_maxpool3x3_on_a_path", 0.0),
            ("mean_conv3x3_on_a_path", 0.75),
            ("mean_path_length", 2.25),
            ("parameters", 3.0),
            ("flops", 6.0),
            ("activation_bytes", 2.0),
        ];
        for (name, value) in expected {
            assert!((feature(cell, name) - value).abs() < 1e-6, "{name} is {}, expected {value}", feature(cell, name));
        }
    }

    #[test]
    fn the_smallest_cell_has_finite_features() {
        let cell = Spec::from_bits(1, &[]).prune().unwrap();
        assert!(encoded(cell).iter().all(|value| value.is_finite()));
        assert!(feature(cell, "residual_projection") > 0.0);
    }

    #[test]
    fn nearly_every_small_cell_has_a_row_of_its_own() {
        for (max_vertices, cells, expected) in [(4, 91, 91), (5, 2_532, 2_514)] {
            let listed = Space::nas_bench_101().with_max_vertices(max_vertices).unwrap().cells().unwrap();
            let rows: HashSet<Vec<u32>> =
                listed.iter().map(|cell| encoded(*cell).into_iter().map(f32::to_bits).collect()).collect();
            assert_eq!((listed.len(), rows.len()), (cells, expected));
        }
    }

    proptest! {
        #[test]
        fn isomorphic_cells_have_equal_features(seed in any::<u64>()) {
            let space = Space::nas_bench_101();
            let cell = space.cell(&Sampler::Official.draw(&space, &mut Seed(seed).rng())).unwrap();
            let other = renumbered(cell, Seed(seed));
            prop_assert_eq!(cell.hash(), other.hash());
            prop_assert_eq!(encoded(cell), encoded(other));
        }
    }
}
