//! A labelled graph as a person or a search writes it down, before pruning: a matrix and a list of operations.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::operation::{INPUT, OUTPUT};
use super::{Cell, Error, Operation};

/// The most vertices that a [`Spec`] has room for. A [`Space`](super::Space) sets the limit that counts.
pub const CAPACITY: usize = 9;

const EDGE_BITS: u32 = 36;
const OPERATION_BITS: u32 = 3;
const VERTICES_SHIFT: u32 = EDGE_BITS + OPERATION_BITS * 7;

/// An upper-triangular graph whose interior vertices carry operations: what NAS-Bench-101 calls a model spec.
///
/// Vertex 0 is the input, the last one the output. Vertices may dangle; [`prune`](Self::prune) makes the [`Cell`] of it.
/// Packed into 64 bits: edge x→y is bit `x + y(y−1)/2`, three bits per operation follow, then the number of vertices.
///
/// It is serialized as the two texts of a record.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "Texts", into = "Texts")]
pub struct Spec(u64);

/// A spec as [`Spec::from_texts`] reads it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Texts {
    adjacency: String,
    operations: String,
}

impl TryFrom<Texts> for Spec {
    type Error = Error;

    fn try_from(texts: Texts) -> Result<Self, Error> {
        Self::from_texts(&texts.adjacency, &texts.operations)
    }
}

impl From<Spec> for Texts {
    fn from(spec: Spec) -> Self {
        Self { adjacency: spec.adjacency_text(), operations: spec.operations_text() }
    }
}

/// The bit of edge `x`→`y` in the order of the official enumeration.
pub(super) const fn edge_bit(x: usize, y: usize) -> u64 {
    1 << (x + y * (y - 1) / 2)
}

/// The positions of the ones among the bits, ascending.
pub(super) fn ones(mut bits: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let position = (bits != 0).then(|| bits.trailing_zeros() as usize)?;
        bits &= bits - 1;
        Some(position)
    })
}

/// The vertices on the paths from the input to the output `last`, a bit for each; none if there is no path.
pub(super) fn on_paths(last: usize, predecessors: impl Fn(usize) -> u64) -> u64 {
    let mut reached = 1_u64;
    for y in 1..=last {
        reached |= u64::from(predecessors(y) & reached != 0) << y;
    }
    let mut reaching = 1_u64 << last;
    for y in (1..=last).rev() {
        if reaching >> y & 1 == 1 {
            reaching |= predecessors(y);
        }
    }
    reached & reaching
}

/// The ends of the edge of each bit.
const ENDS: [(usize, usize); EDGE_BITS as usize] = {
    let mut ends = [(0, 1); EDGE_BITS as usize];
    let mut bit = 1;
    while bit < ends.len() {
        let (x, y) = ends[bit - 1];
        ends[bit] = if x + 1 < y { (x + 1, y) } else { (0, y + 1) };
        bit += 1;
    }
    ends
};

impl Spec {
    /// Makes a spec of the official bit mask of its edges and the operations of its interior vertices.
    ///
    /// # Panics
    ///
    /// Panics if there are more interior vertices than [`CAPACITY`] allows, or an edge of a vertex that does not exist:
    /// outside input goes through [`from_matrix`](Self::from_matrix).
    #[must_use]
    pub fn from_bits(edges: u64, operations: &[Operation]) -> Self {
        let vertices = operations.len() + 2;
        assert!(vertices <= CAPACITY, "a spec has at most {CAPACITY} vertices");
        assert!(edges < 1 << (vertices * (vertices - 1) / 2), "an edge of a vertex that does not exist");
        let labels =
            operations.iter().rev().fold(0, |packed, operation| (packed << OPERATION_BITS) | u64::from(operation.label()));
        Self(((vertices as u64) << VERTICES_SHIFT) | (labels << EDGE_BITS) | edges)
    }

    /// Reads a 0/1 matrix and its official operation names, the input's and the output's included.
    ///
    /// # Errors
    ///
    /// [`Error::NotSquare`], [`Error::OperationCount`], [`Error::NotBinary`], [`Error::NotUpperTriangular`],
    /// [`Error::TooManyVertices`], [`Error::TooFewVertices`], [`Error::EndOperation`] or [`Error::UnknownOperation`].
    pub fn from_matrix<R: AsRef<[u8]>, N: AsRef<str>>(matrix: &[R], operations: &[N]) -> Result<Self, Error> {
        let vertices = matrix.len();
        for (row, values) in matrix.iter().enumerate() {
            if values.as_ref().len() != vertices {
                return Err(Error::NotSquare { row, expected: vertices, found: values.as_ref().len() });
            }
        }
        if operations.len() != vertices {
            return Err(Error::OperationCount { expected: vertices, found: operations.len() });
        }
        if vertices < 2 {
            return Err(Error::TooFewVertices { found: vertices });
        }
        if vertices > CAPACITY {
            return Err(Error::TooManyVertices { limit: CAPACITY, found: vertices });
        }
        let mut edges = 0;
        for (x, row) in matrix.iter().enumerate() {
            for (y, value) in row.as_ref().iter().enumerate() {
                match value {
                    0 => {}
                    1 if x < y => edges |= edge_bit(x, y),
                    1 => return Err(Error::NotUpperTriangular { row: x, column: y }),
                    _ => return Err(Error::NotBinary { row: x, column: y, found: *value }),
                }
            }
        }
        for (vertex, expected) in [(0, INPUT), (vertices - 1, OUTPUT)] {
            let found = operations[vertex].as_ref();
            if found != expected {
                return Err(Error::EndOperation { vertex, expected, found: found.to_owned() });
            }
        }
        let interior: Vec<_> =
            operations[1..vertices - 1].iter().map(|name| Operation::from_name(name.as_ref())).collect::<Result<_, _>>()?;
        Ok(Self::from_bits(edges, &interior))
    }

    /// Reads the two texts of a record: the row-major 0/1 matrix and the comma-separated operations.
    ///
    /// # Errors
    ///
    /// As [`from_matrix`](Self::from_matrix).
    pub fn from_texts(adjacency: &str, operations: &str) -> Result<Self, Error> {
        let names: Vec<_> = operations.split(',').collect();
        let values: Vec<_> = adjacency.bytes().map(|digit| digit.wrapping_sub(b'0')).collect();
        let rows: Vec<_> = values.chunks(names.len()).collect();
        if rows.len() > names.len() {
            return Err(Error::OperationCount { expected: rows.len(), found: names.len() });
        }
        Self::from_matrix(&rows, &names)
    }

    /// Vertices, the input and the output included.
    #[must_use]
    pub const fn vertices(&self) -> usize {
        (self.0 >> VERTICES_SHIFT) as usize
    }

    /// The official bit mask of the edges.
    #[must_use]
    pub const fn edge_bits(&self) -> u64 {
        self.0 & ((1 << EDGE_BITS) - 1)
    }

    /// How many edges there are.
    #[must_use]
    pub const fn edge_count(&self) -> usize {
        self.edge_bits().count_ones() as usize
    }

    /// Whether there is an edge from `x` to `y`.
    #[must_use]
    pub const fn has_edge(&self, x: usize, y: usize) -> bool {
        x < y && y < self.vertices() && self.edge_bits() & edge_bit(x, y) != 0
    }

    /// The edges in the order of the official bit mask.
    pub fn edges(&self) -> impl Iterator<Item = (usize, usize)> + use<> {
        ones(self.edge_bits()).map(|bit| ENDS[bit])
    }

    /// The vertices that feed `vertex`, ascending.
    pub fn predecessors(&self, vertex: usize) -> impl Iterator<Item = usize> + use<> {
        ones(self.predecessor_bits(vertex))
    }

    /// The vertices that `vertex` feeds, ascending.
    pub fn successors(&self, vertex: usize) -> impl Iterator<Item = usize> + use<> {
        let spec = *self;
        (vertex + 1..spec.vertices()).filter(move |y| spec.has_edge(vertex, *y))
    }

    /// The vertices that feed `vertex`, a bit for each.
    pub(super) const fn predecessor_bits(self, vertex: usize) -> u64 {
        if vertex == 0 || vertex >= self.vertices() {
            return 0;
        }
        self.edge_bits() >> (vertex * (vertex - 1) / 2) & ((1 << vertex) - 1)
    }

    /// The operation of a vertex; `None` for the input, the output and vertices that do not exist.
    #[must_use]
    pub fn operation(&self, vertex: usize) -> Option<Operation> {
        if vertex == 0 || vertex + 1 >= self.vertices() {
            return None;
        }
        #[expect(clippy::cast_possible_truncation, reason = "a vertex is below the capacity")]
        let shift = EDGE_BITS + OPERATION_BITS * (vertex as u32 - 1);
        Operation::ALL.get((self.0 >> shift & 0b111) as usize).copied()
    }

    /// The operations of the interior vertices, ascending.
    pub fn operations(&self) -> impl Iterator<Item = Operation> + use<> {
        let spec = *self;
        (1..spec.vertices() - 1).filter_map(move |vertex| spec.operation(vertex))
    }

    /// The same graph with the edge from `x` to `y` taken away or added.
    ///
    /// # Panics
    ///
    /// Panics unless `x < y` are vertices of the graph.
    #[must_use]
    pub fn with_flipped_edge(self, x: usize, y: usize) -> Self {
        assert!(x < y && y < self.vertices(), "an edge of the graph");
        Self(self.0 ^ edge_bit(x, y))
    }

    /// The same graph with another operation at an interior vertex.
    ///
    /// # Panics
    ///
    /// Panics unless `vertex` is an interior vertex of the graph.
    #[must_use]
    pub fn with_operation(self, vertex: usize, operation: Operation) -> Self {
        assert!(vertex > 0 && vertex + 1 < self.vertices(), "an interior vertex of the graph");
        #[expect(clippy::cast_possible_truncation, reason = "a vertex is below the capacity")]
        let shift = EDGE_BITS + OPERATION_BITS * (vertex as u32 - 1);
        Self(self.0 & !(0b111 << shift) | u64::from(operation.label()) << shift)
    }

    /// Keeps the vertices that the input reaches and that reach the output, in order.
    ///
    /// # Errors
    ///
    /// [`Error::Disconnected`] if the input does not reach the output.
    pub fn prune(&self) -> Result<Cell, Error> {
        // All at once, since searches prune a great deal.
        let (mut predecessors, mut bits) = ([0; CAPACITY], self.edge_bits());
        for (vertex, predecessors) in predecessors.iter_mut().enumerate().take(self.vertices()) {
            *predecessors = bits & ((1 << vertex) - 1);
            bits >>= vertex;
        }
        let kept = on_paths(self.vertices() - 1, |y| predecessors[y]);
        if kept == 0 {
            return Err(Error::Disconnected);
        }
        Ok(Cell::from_pruned(if kept.count_ones() as usize == self.vertices() {
            *self
        } else {
            self.select(kept, &predecessors)
        }))
    }

    /// The graph of some of the vertices, a bit for each, the input and the output among them.
    fn select(self, kept: u64, predecessors: &[u64; CAPACITY]) -> Self {
        let old_labels = self.0 >> EDGE_BITS & ((1 << (VERTICES_SHIFT - EDGE_BITS)) - 1);
        let mut edges = 0;
        let mut labels = 0;
        for (y, old_y) in ones(kept).enumerate().skip(1) {
            for old_x in ones(predecessors[old_y] & kept) {
                let x = (kept & ((1 << old_x) - 1)).count_ones() as usize;
                edges |= edge_bit(x, y);
            }
            // The output has no operation, and zeros stand in its place.
            let label = old_labels >> (OPERATION_BITS as usize * (old_y - 1)) & 0b111;
            labels |= label << (OPERATION_BITS as usize * (y - 1));
        }
        Self((u64::from(kept.count_ones()) << VERTICES_SHIFT) | (labels << EDGE_BITS) | edges)
    }

    /// The row-major 0/1 text of the matrix, as in the official records.
    #[must_use]
    pub fn adjacency_text(&self) -> String {
        let vertices = self.vertices();
        (0..vertices * vertices).map(|i| if self.has_edge(i / vertices, i % vertices) { '1' } else { '0' }).collect()
    }

    /// The comma-separated names of the operations, the input's and the output's included, as in the official records.
    #[must_use]
    pub fn operations_text(&self) -> String {
        let interior = self.operations().map(Operation::name);
        std::iter::once(INPUT).chain(interior).chain(std::iter::once(OUTPUT)).collect::<Vec<_>>().join(",")
    }
}

impl fmt::Display for Spec {
    /// Prints the edges and, if there are any, the operations: `0-1,1-2 conv3x3-bn-relu`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let edges: Vec<_> = self.edges().map(|(x, y)| format!("{x}-{y}")).collect();
        let operations: Vec<_> = self.operations().map(Operation::name).collect();
        f.write_str(&edges.join(","))?;
        if operations.is_empty() { Ok(()) } else { write!(f, " {}", operations.join(",")) }
    }
}

impl fmt::Debug for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Spec({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 3] = [INPUT, "conv3x3-bn-relu", OUTPUT];

    #[test]
    fn a_matrix_becomes_the_same_texts_again() {
        let spec = Spec::from_matrix(&[[0, 1, 1], [0, 0, 1], [0, 0, 0]], &NAMES).unwrap();
        assert_eq!(spec.adjacency_text(), "011001000");
        assert_eq!(spec.operations_text(), "input,conv3x3-bn-relu,output");
        assert_eq!(Spec::from_texts(&spec.adjacency_text(), &spec.operations_text()).unwrap(), spec);
        assert_eq!(spec.to_string(), "0-1,0-2,1-2 conv3x3-bn-relu");
    }

    #[test]
    fn a_bad_matrix_is_named() {
        let message = |matrix: &[&[u8]], names: &[&str]| Spec::from_matrix(matrix, names).unwrap_err().to_string();
        assert_eq!(message(&[&[0, 1], &[0]], &NAMES), "row 1 of the matrix has 1 values, expected 2: it is not square");
        assert_eq!(message(&[&[0, 1], &[0, 0]], &NAMES), "3 operations for 2 vertices");
        assert_eq!(message(&[&[0, 2], &[0, 0]], &[INPUT, OUTPUT]), "the matrix holds 2 at row 0, column 1: expected 0 or 1");
        assert_eq!(
            message(&[&[0, 1], &[1, 0]], &[INPUT, OUTPUT]),
            "the matrix has an edge at row 1, column 0: it is not upper triangular"
        );
        assert_eq!(message(&[&[0, 1], &[0, 0]], &[OUTPUT, OUTPUT]), "the operation of vertex 0 is `output`, expected `input`");
    }

    #[test]
    fn texts_of_different_lengths_are_refused() {
        assert!(Spec::from_texts("0100", "input").is_err());
        assert!(Spec::from_texts("010", "input,output").is_err());
        assert!(Spec::from_texts("", "").is_err());
        assert!(Spec::from_texts("0x00", "input,output").is_err());
    }

    #[test]
    fn vertices_that_lead_nowhere_are_pruned() {
        let names = [INPUT, "maxpool3x3", "conv3x3-bn-relu", OUTPUT];
        let dangling = Spec::from_matrix(&[[0, 1, 1, 0], [0, 0, 0, 0], [0, 0, 0, 1], [0, 0, 0, 0]], &names).unwrap();
        assert_eq!(dangling.prune().unwrap().to_string(), "0-1,1-2 conv3x3-bn-relu");
        let cut = Spec::from_matrix(&[[0, 1, 0, 0], [0, 0, 0, 0], [0, 0, 0, 1], [0, 0, 0, 0]], &names).unwrap();
        assert!(matches!(cut.prune(), Err(Error::Disconnected)));
    }
}
