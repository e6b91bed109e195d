//! What the parts of a cell matter: what it costs or gains to replace one operation or to remove one edge, and the shares of the variance.

use rustc_hash::FxHashMap;
use serde::Serialize;

use crate::space::{Cell, Operation, Space, Spec};
use crate::statistics::{Estimate, NORMAL_95, number};
use crate::table::{self, Table};
use crate::unit::Epochs;

/// The most vertices of cells whose variance is decomposed: of seven there are half a billion labelled graphs.
const MOST_VERTICES: usize = 6;

/// What the parts of the cells of a table matter at one budget, by the mean final validation accuracies.
///
/// # Units
///
/// Accuracies are fractions; times are shares of the time of the cell that is changed.
#[derive(Clone, Debug, Serialize)]
pub struct Importance {
    /// The budget.
    pub epochs: Epochs,
    /// The cells that have an accuracy at it.
    pub cells: usize,
    /// What it does to replace an operation by another one; the other way round it is the opposite.
    pub operations: Vec<Replacement>,
    /// What it does to remove an edge, where all vertices stay.
    pub edges: Vec<Removal>,
    /// Which share of the variance of the accuracies is due to what; `None` if the table has not all cells of a number of vertices up to
    /// six.
    pub variance: Option<Variance>,
}

/// The effect of replacing an operation.
#[derive(Clone, Debug, Serialize)]
pub struct Replacement {
    /// The operation that is replaced.
    pub from: &'static str,
    /// What replaces it.
    pub to: &'static str,
    /// The edges of the longest path from the input to the vertex; `None` of all vertices.
    pub depth: Option<usize>,
    /// What it does.
    pub effect: Effect,
}

/// The effect of removing an edge.
#[derive(Clone, Debug, Serialize)]
pub struct Removal {
    /// What the edge connects: `input to output`, `input to operation`, `operation to operation`, `operation to output`.
    pub between: &'static str,
    /// What it does.
    pub effect: Effect,
}

/// The mean effect of a change over all recorded pairs of a cell and the changed cell.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Effect {
    /// The pairs.
    pub pairs: usize,
    /// The difference of the accuracies.
    pub accuracy: Option<Estimate>,
    /// The difference of the training times, as a share; `None` where times are not known.
    pub training_time: Option<Estimate>,
}

/// The shares of the variance over all labelled graphs of a number of vertices, each as likely as another. Their sum is 1; the noise of the
/// means is in the last two.
///
/// # Source
///
/// The analysis of variance of functions: Hooker, "Generalized functional ANOVA diagnostics", JCGS 16, 2007, of a full factorial.
#[derive(Clone, Debug, Serialize)]
pub struct Variance {
    /// The vertices of the cells.
    pub vertices: usize,
    /// The labelled graphs; isomorphic ones are one cell.
    pub graphs: usize,
    /// The standard deviation of the accuracies over them.
    pub deviation: f64,
    /// What the edges explain alone.
    pub edges: f64,
    /// What the operation of each vertex between the input and the output explains alone.
    pub operations: Vec<f64>,
    /// What the operations explain together beyond each alone.
    pub between_operations: f64,
    /// What only the edges and the operations together explain.
    pub edges_with_operations: f64,
}

/// A change of one cell: the cell, the difference of the accuracies, and that of the times.
type Change = (usize, f64, Option<f64>);

impl Importance {
    /// Analyses a table at a budget.
    ///
    /// # Errors
    ///
    /// As [`Table::check_budget`].
    pub fn new(table: &Table, epochs: Epochs) -> Result<Self, table::Error> {
        let known = Known::new(table, epochs)?;
        let mut operations: Vec<Operation> = known.cells.iter().flat_map(|(cell, ..)| cell.operations()).collect();
        operations.sort_by_key(|operation| operation.label());
        operations.dedup();
        Ok(Self {
            epochs,
            cells: known.cells.len(),
            operations: known.replacements(&operations),
            edges: known.removals(),
            variance: (2..=MOST_VERTICES).rev().find_map(|vertices| known.variance(vertices, &operations)),
        })
    }
}

/// The cells that have an accuracy, with that and their training time.
struct Known {
    cells: Vec<(Cell, f64, Option<f64>)>,
    by_fingerprint: FxHashMap<u64, usize>,
}

impl Known {
    fn new(table: &Table, epochs: Epochs) -> Result<Self, table::Error> {
        let measured = table.measurements(epochs)?.into_iter();
        let values = measured.filter_map(|(cell, measurement)| {
            let accuracy = measurement.validation_accuracy?.decimal();
            Some((cell, accuracy, measurement.training_time.map(|time| time.0).filter(|time| *time > 0.0)))
        });
        let cells: Vec<_> = values.collect();
        let by_fingerprint = cells.iter().enumerate().map(|(index, (cell, ..))| (cell.fingerprint(), index)).collect();
        Ok(Self { cells, by_fingerprint })
    }

    /// What a cell is changed to, if that is recorded and has as many vertices.
    fn change(&self, index: usize, changed: Spec) -> Option<Change> {
        let (cell, accuracy, time) = &self.cells[index];
        let changed = changed.prune().ok().filter(|changed| changed.vertices() == cell.vertices())?;
        let (_, other, other_time) = &self.cells[*self.by_fingerprint.get(&changed.fingerprint())?];
        let time = time.zip(*other_time).map(|(before, after)| after / before - 1.0);
        Some((index, other - accuracy, time))
    }

    fn replacements(&self, operations: &[Operation]) -> Vec<Replacement> {
        let mut found = Vec::new();
        for (at, from) in operations.iter().enumerate() {
            for to in &operations[at + 1..] {
                let mut changes: Vec<(usize, Change)> = Vec::new();
                for (index, (cell, ..)) in self.cells.iter().enumerate() {
                    let spec = cell.spec();
                    for (vertex, depth) in depths(spec).into_iter().enumerate() {
                        if spec.operation(vertex) == Some(*from) {
                            let change = self.change(index, spec.with_operation(vertex, *to));
                            changes.extend(change.map(|change| (depth, change)));
                        }
                    }
                }
                let deepest = changes.iter().map(|(depth, _)| *depth).max().unwrap_or(0);
                for depth in std::iter::once(None).chain((1..=deepest).map(Some)) {
                    let chosen = changes.iter().filter(|(at, _)| depth.is_none_or(|depth| depth == *at));
                    let effect = Effect::new(&chosen.map(|(_, change)| *change).collect::<Vec<_>>());
                    if effect.pairs > 0 {
                        found.push(Replacement { from: from.name(), to: to.name(), depth, effect });
                    }
                }
            }
        }
        found
    }

    fn removals(&self) -> Vec<Removal> {
        let kinds = ["input to output", "input to operation", "operation to operation", "operation to output"];
        let mut changes: [Vec<Change>; 4] = Default::default();
        for (index, (cell, ..)) in self.cells.iter().enumerate() {
            let spec = cell.spec();
            for (x, y) in spec.edges() {
                let kind = match (x == 0, y == spec.vertices() - 1) {
                    (true, true) => 0,
                    (true, false) => 1,
                    (false, false) => 2,
                    (false, true) => 3,
                };
                changes[kind].extend(self.change(index, spec.with_flipped_edge(x, y)));
            }
        }
        let removals =
            kinds.into_iter().zip(&changes).map(|(between, changes)| Removal { between, effect: Effect::new(changes) });
        removals.filter(|removal| removal.effect.pairs > 0).collect()
    }

    /// `None` unless all cells of so many vertices are recorded.
    fn variance(&self, vertices: usize, operations: &[Operation]) -> Option<Variance> {
        let interior = vertices - 2;
        let most_edges = Space::nas_bench_101().max_edges();
        let labels = operations.len().pow(u32::try_from(interior).ok()?);
        let labelled = |label: usize| -> Vec<usize> {
            (0..interior)
                .map(|vertex| label / operations.len().pow(u32::try_from(vertex).unwrap_or(0)) % operations.len())
                .collect()
        };
        // `[graphs, labels]`
        let mut values = Vec::new();
        for bits in 0..1_u64 << (vertices * (vertices - 1) / 2) {
            let graph = Spec::from_bits(bits, &vec![Operation::Conv3x3; interior]);
            let is_whole = graph.prune().is_ok_and(|cell| cell.vertices() == vertices && cell.edge_count() <= most_edges);
            for label in (0..labels).take_while(|_| is_whole) {
                let operations: Vec<Operation> = labelled(label).into_iter().map(|value| operations[value]).collect();
                let cell = Spec::from_bits(bits, &operations).prune().ok()?;
                values.push(self.cells[*self.by_fingerprint.get(&cell.fingerprint())?].1);
            }
        }
        let graphs = values.len() / labels;
        let all = mean_of(values.iter().copied(), values.len());
        let variance = |means: &[f64]| mean_of(means.iter().map(|mean| (mean - all).powi(2)), means.len());
        let total = variance(&values);
        if graphs == 0 || total == 0.0 {
            return None;
        }
        let of_graphs: Vec<f64> = values.chunks(labels).map(|values| mean_of(values.iter().copied(), labels)).collect();
        let of_labels: Vec<f64> =
            (0..labels).map(|label| mean_of(values.iter().skip(label).step_by(labels).copied(), graphs)).collect();
        let alone = |vertex: usize| {
            let of_value = |value: usize| {
                let chosen = (0..labels).filter(|label| labelled(*label)[vertex] == value).map(|label| of_labels[label]);
                mean_of(chosen, labels / operations.len())
            };
            variance(&(0..operations.len()).map(of_value).collect::<Vec<_>>()) / total
        };
        let (edges, together) = (variance(&of_graphs) / total, variance(&of_labels) / total);
        let operations: Vec<f64> = (0..interior).map(alone).collect();
        Some(Variance {
            vertices,
            graphs: values.len(),
            deviation: total.sqrt(),
            edges,
            between_operations: together - operations.iter().sum::<f64>(),
            edges_with_operations: 1.0 - edges - together,
            operations,
        })
    }
}

impl Effect {
    fn new(changes: &[Change]) -> Self {
        let times: Option<Vec<(usize, f64)>> = changes.iter().map(|(cell, _, time)| Some((*cell, (*time)?))).collect();
        let accuracies: Vec<(usize, f64)> = changes.iter().map(|(cell, accuracy, _)| (*cell, *accuracy)).collect();
        Self { pairs: changes.len(), accuracy: clustered(&accuracies), training_time: times.and_then(|times| clustered(&times)) }
    }
}

/// The mean of values with an interval that knows that those of one cell belong together; `None` of fewer than two cells. Values of a cell
/// follow each other.
///
/// # Source
///
/// Liang & Zeger, "Longitudinal data analysis using generalized linear models", Biometrika 73, 1986: the sum of the squared sums of the
/// residuals of each cluster.
fn clustered(values: &[(usize, f64)]) -> Option<Estimate> {
    let count = number(values.len());
    let value = values.iter().map(|(_, value)| value).sum::<f64>() / count;
    let clusters = values.chunk_by(|(one, _), (other, _)| one == other);
    let squares: Vec<f64> = clusters.map(|cell| cell.iter().map(|(_, other)| other - value).sum::<f64>().powi(2)).collect();
    let cells = number(squares.len());
    let reach = NORMAL_95 * (squares.iter().sum::<f64>() * cells / (cells - 1.0)).sqrt() / count;
    (squares.len() > 1).then_some(Estimate { value, low: value - reach, high: value + reach })
}

/// The edges of the longest path from the input to each vertex.
fn depths(spec: Spec) -> Vec<usize> {
    let mut depths = vec![0; spec.vertices()];
    for vertex in 1..spec.vertices() {
        depths[vertex] = spec.predecessors(vertex).map(|before| depths[before] + 1).max().unwrap_or(0);
    }
    depths
}

fn mean_of(values: impl Iterator<Item = f64>, count: usize) -> f64 {
    values.sum::<f64>() / number(count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::Record;
    use crate::train::Evaluation;
    use crate::unit::{Accuracy, Seconds};

    /// The table of all cells of at most `vertices` vertices.
    fn importance(vertices: usize, accuracy: impl Fn(&Cell) -> f32) -> Importance {
        let cells = Space::nas_bench_101().with_max_vertices(vertices).unwrap().cells().unwrap();
        let record = |cell: &Cell| {
            let end = Evaluation {
                validation_accuracy: Accuracy::from_fraction(accuracy(cell)),
                training_time: Seconds(1.0 + f64::from(u8::try_from(cell.edge_count()).unwrap())),
                ..Evaluation::default()
            };
            Record { end, ..Record::blank(*cell, Epochs(4), 0) }
        };
        Importance::new(&Table::from_records(&cells.iter().map(record).collect::<Vec<_>>()), Epochs(4)).unwrap()
    }

    /// An accuracy that each operation and each edge adds to.
    fn additive(cell: &Cell) -> f32 {
        let of_operation = |operation: Operation| match operation {
            Operation::Conv3x3 => 0.125,
            Operation::Conv1x1 => 0.0625,
            _ => 0.0,
        };
        0.125 + cell.operations().map(of_operation).sum::<f32>() + 0.03125 * f32::from(u8::try_from(cell.edge_count()).unwrap())
    }

    #[test]
    fn the_effects_of_a_sum_are_its_parts() {
        let found = importance(5, additive);
        assert_eq!(found.cells, 2_532);
        let expected = [
            ("conv3x3-bn-relu", "conv1x1-bn-relu", -0.0625),
            ("conv3x3-bn-relu", "maxpool3x3", -0.125),
            ("conv1x1-bn-relu", "maxpool3x3", -0.0625),
        ];
        for (from, to, effect) in expected {
            let of_pair: Vec<_> = found.operations.iter().filter(|one| (one.from, one.to) == (from, to)).collect();
            let depths: Vec<_> = of_pair.iter().map(|one| one.depth).collect();
            assert_eq!(depths, [None, Some(1), Some(2), Some(3)]);
            assert_eq!(of_pair[0].effect.pairs, of_pair[1..].iter().map(|one| one.effect.pairs).sum::<usize>());
            for one in of_pair {
                let accuracy = one.effect.accuracy.unwrap();
                assert!((accuracy.value - effect).abs() < 1e-6 && accuracy.high - accuracy.low < 1e-6, "{one:?}");
                assert!(one.effect.training_time.unwrap().value.abs() < 1e-12, "the edges stay");
            }
        }
        assert_eq!(found.edges.len(), 4);
        for removal in &found.edges {
            assert!((removal.effect.accuracy.unwrap().value + 0.03125).abs() < 1e-6, "{removal:?}");
            assert!(removal.effect.training_time.unwrap().value < 0.0);
        }
        let variance = found.variance.unwrap();
        assert_eq!((variance.vertices, variance.operations.len()), (5, 3));
        assert!(variance.between_operations.abs() < 1e-5 && variance.edges_with_operations.abs() < 1e-5, "{variance:?}");
        // Each vertex has one of 1/8, 1/16 and 0: a variance of 1/384.
        let part = 1.0 / 384.0 / variance.deviation.powi(2);
        assert!(variance.operations.iter().all(|share| (share - part).abs() < 1e-5), "{variance:?}");
    }

    #[test]
    fn the_shares_of_any_table_are_not_negative_and_sum_to_one() {
        let found = importance(4, |cell| f32::from(u16::try_from(cell.fingerprint() >> 48).unwrap()) / 65_536.0);
        let Variance { edges, operations, between_operations, edges_with_operations, .. } = found.variance.unwrap();
        let shares = [&[edges, between_operations, edges_with_operations], operations.as_slice()].concat();
        assert!(shares.iter().all(|share| *share > 0.0) && (shares.iter().sum::<f64>() - 1.0).abs() < 1e-12, "{shares:?}");
    }

    #[test]
    fn cells_that_belong_together_count_as_one() {
        let twice: Vec<(usize, f64)> = [(0, 0.1), (1, 0.3), (2, 0.2), (3, 0.8)].iter().flat_map(|one| [*one; 2]).collect();
        let once: Vec<(usize, f64)> = twice.iter().step_by(2).copied().collect();
        let [twice, once] = [twice, once].map(|values| clustered(&values).unwrap());
        assert!((twice.high - once.high).abs() < 1e-12 && (once.value - 0.35).abs() < 1e-12);
        assert!(clustered(&[(0, 0.5), (0, 0.6)]).is_none() && clustered(&[]).is_none());
    }

    #[test]
    fn a_table_that_lacks_a_cell_has_shares_of_smaller_cells_only() {
        let mut cells = Space::nas_bench_101().with_max_vertices(4).unwrap().cells().unwrap();
        let at = cells.iter().position(|cell| cell.vertices() == 4).unwrap();
        cells.remove(at);
        let record = |cell: &Cell| {
            let end = Evaluation { validation_accuracy: Accuracy::from_fraction(additive(cell)), ..Evaluation::default() };
            Record { end, ..Record::blank(*cell, Epochs(4), 0) }
        };
        let found = Importance::new(&Table::from_records(&cells.iter().map(record).collect::<Vec<_>>()), Epochs(4)).unwrap();
        assert_eq!(found.variance.unwrap().vertices, 3);
    }
}
