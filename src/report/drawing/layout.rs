//! Where the boxes and arrows of a cell go: layers from top to bottom, arrows around the boxes that they skip.

use crate::space::Cell;
use crate::statistics::number;

pub(super) const BOX: (f64, f64) = (104.0, 28.0);
/// Between the boxes of two layers.
pub(super) const LAYER_GAP: f64 = 34.0;
const LAYER: f64 = BOX.1 + LAYER_GAP;
/// Between two things side by side.
const GAP: f64 = 14.0;
/// The room that an arrow takes where it passes a layer.
const LANE: f64 = 10.0;
const MARGIN: f64 = 8.0;

/// A point of the drawing.
pub(super) type Position = (f64, f64);

/// A drawing's geometry.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    pub(super) width: f64,
    pub(super) height: f64,
    /// The centre of each vertex's box.
    pub(super) boxes: Vec<Position>,
    pub(super) arrows: Vec<Arrow>,
}

/// An arrow between two vertices.
#[derive(Clone, Debug)]
pub(super) struct Arrow {
    /// Where it leaves a box at the bottom.
    pub(super) from: Position,
    /// The centres of the layers that it passes: it is vertical there, and takes its turns between the layers.
    pub(super) lanes: Vec<Position>,
    /// Where it meets a box at the top.
    pub(super) to: Position,
}

/// A box, or the place where an arrow passes a layer.
#[derive(Clone, Debug)]
struct Node {
    layer: usize,
    x: f64,
    is_box: bool,
    above: Vec<usize>,
    below: Vec<usize>,
}

/// The nodes of a cell, boxes first, and the nodes of each layer from left to right.
struct Graph {
    nodes: Vec<Node>,
    layers: Vec<Vec<usize>>,
    /// The nodes along each edge, both boxes included.
    chains: Vec<Vec<usize>>,
}

impl Layout {
    /// Lays out a cell.
    pub(super) fn new(cell: Cell) -> Self {
        let mut graph = Graph::new(cell);
        graph.order();
        graph.place();
        let nodes = &graph.nodes;
        let half = |node: &Node| width(node) / 2.0;
        let left = nodes.iter().map(|node| node.x - half(node)).fold(f64::INFINITY, f64::min) - MARGIN;
        let right = nodes.iter().map(|node| node.x + half(node)).fold(f64::NEG_INFINITY, f64::max) + MARGIN;
        let at = |node: &Node| (node.x - left, MARGIN + BOX.1 / 2.0 + LAYER * number(node.layer));
        let arrow = |chain: &Vec<usize>| {
            let [first, .., last] = chain[..] else { unreachable!("an edge has two ends") };
            let (from, to) = (at(&nodes[first]), at(&nodes[last]));
            Arrow {
                from: (from.0 + graph.port(first, chain[1], true), from.1 + BOX.1 / 2.0),
                lanes: chain[1..chain.len() - 1].iter().map(|node| at(&nodes[*node])).collect(),
                to: (to.0 + graph.port(last, chain[chain.len() - 2], false), to.1 - BOX.1 / 2.0),
            }
        };
        Self {
            width: right - left,
            height: LAYER * number(graph.layers.len()) - LAYER_GAP + 2.0 * MARGIN,
            boxes: nodes.iter().filter(|node| node.is_box).map(at).collect(),
            arrows: graph.chains.iter().map(arrow).collect(),
        }
    }
}

fn width(node: &Node) -> f64 {
    if node.is_box { BOX.0 } else { LANE }
}

impl Graph {
    /// Puts each vertex one layer below the lowest that feeds it, and a lane into each layer that an edge skips.
    fn new(cell: Cell) -> Self {
        let node = |layer, is_box| Node { layer, x: 0.0, is_box, above: Vec::new(), below: Vec::new() };
        let mut nodes: Vec<Node> = Vec::new();
        for vertex in 0..cell.vertices() {
            let layer = cell.predecessors(vertex).map(|x| nodes[x].layer + 1).max().unwrap_or(0);
            nodes.push(node(layer, true));
        }
        let mut chains = Vec::new();
        for (x, y) in cell.edges() {
            let lanes = nodes[x].layer + 1..nodes[y].layer;
            let first_lane = nodes.len();
            nodes.extend(lanes.map(|layer| node(layer, false)));
            let chain: Vec<_> = std::iter::once(x).chain(first_lane..nodes.len()).chain(std::iter::once(y)).collect();
            for pair in chain.windows(2) {
                nodes[pair[0]].below.push(pair[1]);
                nodes[pair[1]].above.push(pair[0]);
            }
            chains.push(chain);
        }
        let last = nodes.iter().map(|node| node.layer).max().unwrap_or(0);
        let layers = (0..=last).map(|layer| (0..nodes.len()).filter(|i| nodes[*i].layer == layer).collect()).collect();
        Self { nodes, layers, chains }
    }

    /// Orders each layer so that few arrows cross: sweeps down and up, each node to the middle of its neighbours.
    fn order(&mut self) {
        let mut best = (self.crossings(), self.layers.clone());
        for sweep in 0..8 {
            let down = sweep % 2 == 0;
            let count = self.layers.len();
            for step in 1..count {
                let layer = if down { step } else { count - 1 - step };
                let positions = self.positions();
                let middle = |node: &usize| {
                    let neighbours = if down { &self.nodes[*node].above } else { &self.nodes[*node].below };
                    mean(neighbours.iter().map(|other| number(positions[*other])))
                };
                let mut ordered = self.layers[layer].clone();
                ordered.sort_by(|a, b| middle(a).total_cmp(&middle(b)));
                self.layers[layer] = ordered;
            }
            let crossings = self.crossings();
            if crossings < best.0 {
                best = (crossings, self.layers.clone());
            }
        }
        self.layers = best.1;
        self.swap_neighbours(best.0);
    }

    /// Swaps things that stand side by side as long as that leaves fewer crossings.
    fn swap_neighbours(&mut self, mut crossings: usize) {
        let pairs: Vec<_> =
            (0..self.layers.len()).flat_map(|layer| (1..self.layers[layer].len()).map(move |i| (layer, i))).collect();
        let mut better = true;
        while better {
            better = false;
            for (layer, i) in &pairs {
                self.layers[*layer].swap(i - 1, *i);
                let now = self.crossings();
                if now < crossings {
                    (crossings, better) = (now, true);
                } else {
                    self.layers[*layer].swap(i - 1, *i);
                }
            }
        }
    }

    /// The position of each node in its layer.
    fn positions(&self) -> Vec<usize> {
        let mut positions = vec![0; self.nodes.len()];
        for layer in &self.layers {
            for (position, node) in layer.iter().enumerate() {
                positions[*node] = position;
            }
        }
        positions
    }

    /// How many pairs of arrows cross between two layers.
    fn crossings(&self) -> usize {
        let positions = self.positions();
        let links: Vec<_> = self
            .chains
            .iter()
            .flat_map(|chain| chain.windows(2))
            .map(|pair| (self.nodes[pair[0]].layer, positions[pair[0]], positions[pair[1]]))
            .collect();
        let crossed = |a: &(usize, usize, usize)| links.iter().filter(|b| a.0 == b.0 && a.1 < b.1 && a.2 > b.2).count();
        links.iter().map(crossed).sum()
    }

    /// Pulls each node towards its neighbours; the order and the room between nodes stay.
    fn place(&mut self) {
        for layer in 0..self.layers.len() {
            self.settle(layer, |_| 0.0);
        }
        for _ in 0..24 {
            for layer in 0..self.layers.len() {
                let wished: Vec<_> = self.nodes.iter().map(|node| self.wish(node)).collect();
                self.settle(layer, |node| wished[node]);
            }
        }
    }

    /// Where a node would stand if it were alone: a box under the boxes that feed it, a lane straight below its own.
    fn wish(&self, node: &Node) -> f64 {
        let weight = |other: &Node| if node.is_box == other.is_box { 4.0 } else { 1.0 };
        let neighbours = || node.above.iter().chain(&node.below).map(|other| &self.nodes[*other]);
        let total: f64 = neighbours().map(weight).sum();
        if total > 0.0 { neighbours().map(|other| weight(other) * other.x).sum::<f64>() / total } else { 0.0 }
    }

    /// Moves the nodes of a layer as near to their wishes as the room between them allows (least squares).
    fn settle(&mut self, layer: usize, wish: impl Fn(usize) -> f64) {
        let members = &self.layers[layer];
        let mut offset = 0.0;
        let offsets: Vec<f64> = (0..members.len())
            .map(|i| {
                if i > 0 {
                    offset += f64::midpoint(width(&self.nodes[members[i - 1]]), width(&self.nodes[members[i]])) + GAP;
                }
                offset
            })
            .collect();
        // Pool adjacent violators: groups that would overlap stand side by side around their common mean.
        let mut groups: Vec<(f64, f64, usize)> = Vec::new();
        for (i, member) in members.iter().enumerate() {
            let weight = if self.nodes[*member].is_box { 2.0 } else { 1.0 };
            let mut group = (wish(*member) - offsets[i], weight, 1);
            while let Some(last) = groups.pop_if(|last| last.0 > group.0) {
                let weight = last.1 + group.1;
                group = ((last.0 * last.1 + group.0 * group.1) / weight, weight, last.2 + group.2);
            }
            groups.push(group);
        }
        let shifts: Vec<_> = groups.iter().flat_map(|(shift, _, size)| std::iter::repeat_n(*shift, *size)).collect();
        for ((member, offset), shift) in self.layers[layer].iter().zip(offsets).zip(shifts) {
            self.nodes[*member].x = shift + offset;
        }
    }

    /// How far from the middle of a box the arrow to or from a neighbour is attached.
    fn port(&self, node: usize, neighbour: usize, leaves: bool) -> f64 {
        let neighbours = if leaves { &self.nodes[node].below } else { &self.nodes[node].above };
        let count = number(neighbours.len());
        let x = |other: &&usize| self.nodes[**other].x;
        let before = neighbours.iter().filter(|other| x(other) < self.nodes[neighbour].x).count();
        let room = (BOX.0 / (count + 1.0)).min(20.0);
        room * (number(before) - (count - 1.0) / 2.0)
    }
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
    if count > 0.0 { sum / count } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::space::{Sampler, Space};
    use crate::unit::Seed;

    /// No arrow comes nearer to a box that it skips than this.
    const CLEARANCE: f64 = 6.0;

    fn assert_clear(cell: Cell) {
        let layout = Layout::new(cell);
        assert!(layout.width <= 5.0 * BOX.0, "{cell}: {} wide", layout.width);
        for (i, a) in layout.boxes.iter().enumerate() {
            assert!(a.0 - BOX.0 / 2.0 >= 0.0 && a.0 + BOX.0 / 2.0 <= layout.width && a.1 + BOX.1 / 2.0 <= layout.height);
            for b in &layout.boxes[i + 1..] {
                assert!((a.1 - b.1).abs() >= LAYER - 1e-6 || (a.0 - b.0).abs() >= BOX.0 + CLEARANCE, "{cell}: boxes overlap");
            }
        }
        assert_eq!(layout.arrows.len(), cell.edge_count());
        for arrow in &layout.arrows {
            // Turns are taken between the layers, where no box is; so only the lanes could touch one.
            let beside = |lane: &Position, other: &Position| {
                (lane.1 - other.1).abs() > 1.0 || (lane.0 - other.0).abs() >= BOX.0 / 2.0 + CLEARANCE
            };
            assert!(
                arrow.lanes.iter().all(|lane| layout.boxes.iter().all(|other| beside(lane, other))),
                "{cell}: an arrow crosses a box"
            );
            let bends = arrow.lanes.iter().map(|lane| lane.1).chain([arrow.to.1 + BOX.1 / 2.0]);
            let starts = std::iter::once(arrow.from.1 - BOX.1 / 2.0).chain(arrow.lanes.iter().map(|lane| lane.1));
            assert!(starts.zip(bends).all(|(above, below)| (below - above - LAYER).abs() < 1e-6), "{cell}: a layer is skipped");
        }
    }

    #[test]
    fn boxes_of_small_cells_do_not_overlap_and_arrows_go_around_them() {
        Space::nas_bench_101().with_max_vertices(5).unwrap().cells().unwrap().into_iter().for_each(assert_clear);
    }

    #[test]
    fn a_chain_is_straight() {
        let cell = Cell::from_texts("0100001000010000", "input,conv3x3-bn-relu,maxpool3x3,output").unwrap();
        let layout = Layout::new(cell);
        assert!(layout.boxes.iter().all(|place| (place.0 - layout.boxes[0].0).abs() < 1e-6));
    }

    proptest! {
        #[test]
        fn boxes_of_any_cell_do_not_overlap_and_arrows_go_around_them(seed: u64) {
            let spec = Sampler::Official.draw(&Space::nas_bench_101(), &mut Seed(seed).rng());
            assert_clear(spec.prune().unwrap());
        }
    }
}
