//! Cells as people and programs write them down: a matrix, edges or JSON. Nothing is read or printed here.
//!
//! What is written may be anything, so it becomes a [`RawGraph`] first: a graph of any names and up to [`MOST_WRITTEN`]
//! vertices. [`RawGraph::cell`] prunes it and checks it in the order in which the official program does. Another way of
//! writing is one more function that ends in a [`RawGraph`].

mod json;
mod literal;

use std::borrow::Cow;

use super::operation::{INPUT, OUTPUT};
use super::spec::{on_paths, ones};
use super::{Cell, ModuleHash, Operation, Space, Spec};
use crate::file::without_mark;

/// The most vertices that a graph may have before it is pruned.
pub const MOST_WRITTEN: usize = 64;

/// What is wrong with a graph as it was written down.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A text is no JSON, or no JSON of a cell.
    #[error("line {line}, column {column}: {problem}")]
    Json {
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
        /// What was expected and what was found.
        problem: String,
    },
    /// One of several objects is no cell.
    #[error("{problem}")]
    NoCell {
        /// What was expected and what was found.
        problem: String,
    },
    /// A text holds no cell at all.
    #[error("expected a cell (JSON with `matrix` and `ops`), found nothing")]
    Nothing,
    /// An edge is not two vertices.
    #[error("`{found}` is no edge: expected two vertices such as `0-1`")]
    Edge {
        /// The edge as it was written.
        found: String,
    },
    /// An edge names a vertex that no graph here can have.
    #[error("the edge `{found}` names a vertex above {}, the last that a graph may have", MOST_WRITTEN - 1)]
    Vertex {
        /// The edge as it was written.
        found: String,
    },
    /// An edge does not lead from a lower to a higher vertex.
    #[error("the edge `{found}` does not lead from a lower to a higher vertex")]
    Backwards {
        /// The edge as it was written.
        found: String,
    },
    /// The matrix has more rows, or there are more operations, than a graph here can have.
    #[error("more than {MOST_WRITTEN} {what}, the most that a graph may have")]
    TooMany {
        /// `vertices` or `operations`.
        what: &'static str,
    },
    /// The row-major text of a matrix cannot be cut into as many rows as columns.
    #[error("the matrix has {found} digits, expected a square number such as 4, 9 or 49")]
    Digits {
        /// The digits.
        found: usize,
    },
    /// A value of the matrix is neither 0 nor 1.
    #[error("the matrix holds `{found}`, expected 0 or 1")]
    NotBinary {
        /// The value.
        found: String,
    },
    /// The brackets or quotes of a text do not match.
    #[error("the brackets or quotes do not match")]
    Brackets,
    /// The digits of a matrix became a number that has too few of them to say what they were.
    #[error("the matrix is `{found}`, a number that has lost its digits\nhint: store the column as text")]
    Rounded {
        /// The number.
        found: String,
    },
    /// There are more or fewer operations than vertices.
    #[error("{found} operations for {vertices} vertices, expected {vertices} with `input` and `output` or {} without", vertices.saturating_sub(2))]
    OperationCount {
        /// The number of vertices.
        vertices: usize,
        /// The number of operations.
        found: usize,
    },
    /// The matrix and the operations make no graph.
    #[error(transparent)]
    Graph(#[from] super::Error),
}

/// A graph as it was written down: dangling vertices, too many of them and unknown operations included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawGraph {
    /// For each vertex a bit for each vertex that feeds it. All of them are lower.
    predecessors: Vec<u64>,
    /// The names of all vertices, the input's and the output's included.
    names: Vec<Name>,
    /// The hash that was written beside the graph.
    hash: Option<ModuleHash>,
    /// The keys of its JSON object that were not read.
    passed_over: Vec<Box<str>>,
}

type Name = Cow<'static, str>;

/// The rows of a matrix: how many values each has, and a bit for each that is 1.
#[derive(Clone, Debug, Default)]
struct Matrix(Vec<Row>);

#[derive(Clone, Copy, Debug, Default)]
struct Row {
    ones: u64,
    length: usize,
}

impl RawGraph {
    /// Reads a matrix, as JSON such as `[[0,1],[0,0]]` or as row-major digits such as `0100`, and a list of operations.
    ///
    /// What Python and NumPy print is read, too: `array([[0, 1], [0, 0]])`, `[[0. 1.] [0. 0.]]`, `[[False, True], …]`, and
    /// `['input', 'output']`. Operations may be the official labels: −1 input, −2 output, 0 `conv3x3` and so on. The names
    /// `input` and `output` may be left out. Digits in front of which a spreadsheet took the zeros get them back, as the number
    /// of operations says how many there were.
    ///
    /// # Errors
    ///
    /// [`Error::Json`], [`Error::Digits`], [`Error::NotBinary`], [`Error::Brackets`], [`Error::Rounded`] or [`Error::TooMany`]
    /// if it is no matrix, [`Error::Graph`] if it is not square or not upper triangular, [`Error::OperationCount`] if it is of
    /// another size than the operations.
    pub fn from_matrix(matrix: &str, operations: &str) -> Result<Self, Error> {
        let names = literal::names(operations);
        let vertices = names.as_ref().ok().map(|names| names.len() + if has_ends(names) { 0 } else { 2 });
        let rows = json::matrix(matrix, vertices)?;
        Self::new(&rows, names?)
    }

    /// Reads comma-separated edges such as `0-1,1-2` and a list of operations as [`from_matrix`](Self::from_matrix) does.
    ///
    /// The names `input` and `output` may be left out. The highest vertex that an edge names is the output.
    ///
    /// # Errors
    ///
    /// [`Error::Edge`], [`Error::Vertex`] or [`Error::Backwards`] for the first that is no edge, and as
    /// [`from_matrix`](Self::from_matrix).
    pub fn from_edges(edges: &str, operations: &str) -> Result<Self, Error> {
        let mut rows = vec![Row::default(); MOST_WRITTEN];
        let mut vertices = 0;
        for edge in edges.split(',').map(str::trim) {
            let found = || edge.to_owned();
            let ends = edge.split_once('-').and_then(|(x, y)| Some((vertex(x)?, vertex(y)?)));
            let (x, y) = ends.ok_or_else(|| Error::Edge { found: found() })?;
            if x.max(y) >= MOST_WRITTEN {
                return Err(Error::Vertex { found: found() });
            }
            if x >= y {
                return Err(Error::Backwards { found: found() });
            }
            rows[x].ones |= 1 << y;
            vertices = vertices.max(y + 1);
        }
        rows.truncate(vertices);
        for row in &mut rows {
            row.length = vertices;
        }
        Self::new(&Matrix(rows), literal::names(operations)?)
    }

    /// Reads cells from JSON: one object, a list of them, or one after the other as in JSON lines.
    ///
    /// An object has `matrix` (rows of 0 and 1, or their digits as a text) and `ops` (names, as a list or comma-separated).
    /// `adjacency` and `operations`, as a [`Cell`] is serialized, and `module_adjacency` and `module_operations`, as a query
    /// answers, mean the same. A `hash` or `module_hash` must be that of the cell. Other keys are [passed over](Self::passed_over).
    ///
    /// # Errors
    ///
    /// [`Error::Json`] with the line and column of the first text that is no cell, [`Error::Nothing`] if there is none.
    ///
    /// # Example
    ///
    /// ```
    /// use nasbench::space::{RawGraph, Space};
    ///
    /// let sketches = RawGraph::from_json(r#"{ "matrix": [[0, 1], [0, 0]], "ops": ["input", "output"] }"#)?;
    /// let cell = sketches[0].cell(&Space::nas_bench_101())?;
    /// assert_eq!(cell.hash().to_string(), "043721b9c7fe8c5fad811d47d83132ec");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn from_json(text: &str) -> Result<Vec<Self>, Error> {
        let sketches = json::graphs(without_mark(text))?;
        if sketches.is_empty() { Err(Error::Nothing) } else { Ok(sketches) }
    }

    /// Reads cells as [`from_json`](Self::from_json) does, but for what is wrong with one cell, which does not keep from the others.
    ///
    /// # Errors
    ///
    /// [`Error::Json`] if the text is no JSON, or holds something else than objects; [`Error::Nothing`] if there is none.
    pub fn each_from_json(text: &str) -> Result<Vec<Result<Self, Error>>, Error> {
        let sketches = json::each(without_mark(text))?;
        if sketches.is_empty() { Err(Error::Nothing) } else { Ok(sketches) }
    }

    /// Checks what the official program checks when it makes a spec, in its order.
    fn new(Matrix(rows): &Matrix, mut names: Vec<Name>) -> Result<Self, Error> {
        let vertices = rows.len();
        if let Some(row) = rows.iter().position(|row| row.length != vertices) {
            return Err(super::Error::NotSquare { row, expected: vertices, found: rows[row].length }.into());
        }
        if names.len() + 2 == vertices && !has_ends(&names) {
            names.insert(0, INPUT.into());
            names.push(OUTPUT.into());
        }
        if names.len() != vertices {
            return Err(Error::OperationCount { vertices, found: names.len() });
        }
        if vertices < 2 {
            return Err(super::Error::TooFewVertices { found: vertices }.into());
        }
        for (x, row) in rows.iter().enumerate() {
            let column = row.ones.trailing_zeros() as usize;
            if column <= x {
                return Err(super::Error::NotUpperTriangular { row: x, column }.into());
            }
        }
        let mut predecessors = vec![0; vertices];
        for (x, row) in rows.iter().enumerate() {
            ones(row.ones).for_each(|y| predecessors[y] |= 1 << x);
        }
        Ok(Self { predecessors, names, hash: None, passed_over: Vec::new() })
    }

    /// Prunes the graph and checks the cell that remains, in the order in which the official program does.
    ///
    /// # Errors
    ///
    /// Of [`space::Error`](super::Error), the first that applies: `Disconnected`, `TooManyVertices`, `TooManyEdges`,
    /// `EndOperation`, `UnknownOperation` or `ForeignOperation`. The vertices of a message are those that were written.
    /// `OtherHash` if the hash that was written beside the graph is that of another cell.
    pub fn cell(&self, space: &Space) -> Result<Cell, super::Error> {
        let kept = self.kept();
        if kept.len() < 2 {
            return Err(super::Error::Disconnected);
        }
        if kept.len() > space.max_vertices() {
            return Err(super::Error::TooManyVertices { limit: space.max_vertices(), found: kept.len() });
        }
        let mut edges = 0_u64;
        let pairs = (1..kept.len()).flat_map(|y| (0..y).map(move |x| (x, y)));
        for (bit, (x, y)) in pairs.enumerate() {
            edges |= (self.predecessors[kept[y]] >> kept[x] & 1) << bit;
        }
        if edges.count_ones() as usize > space.max_edges() {
            return Err(super::Error::TooManyEdges { limit: space.max_edges(), found: edges.count_ones() as usize });
        }
        let last = self.names.len() - 1;
        for (vertex, expected) in [(0, INPUT), (last, OUTPUT)] {
            let found = &self.names[vertex];
            if found != expected {
                return Err(super::Error::EndOperation { vertex, expected, found: found.to_string() });
            }
        }
        let of_space = |error| match error {
            super::Error::UnknownOperation { name, .. } => {
                super::Error::UnknownOperation { name, known: space.operations().collect() }
            }
            other => other,
        };
        let interior = kept[1..kept.len() - 1].iter().map(|vertex| Operation::from_name(&self.names[*vertex]).map_err(of_space));
        let cell = space.cell(&Spec::from_bits(edges, &interior.collect::<Result<Vec<_>, _>>()?))?;
        match self.hash.map(|given| (given, cell.hash())) {
            Some((given, found)) if given != found => Err(super::Error::OtherHash { given, found }),
            _ => Ok(cell),
        }
    }

    /// Returns the keys of the JSON object that were not read, in their order.
    #[must_use]
    pub fn passed_over(&self) -> &[Box<str>] {
        &self.passed_over
    }

    /// The names of the operations of all vertices, the input and the output among them.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(AsRef::as_ref)
    }

    /// Whether there are vertices on no path from the input to the output, which [`cell`](Self::cell) leaves out.
    #[must_use]
    pub fn dangles(&self) -> bool {
        self.kept().len() < self.names.len()
    }

    /// The vertices that the input reaches and that reach the output, ascending: the input and the output, or none.
    fn kept(&self) -> Vec<usize> {
        ones(on_paths(self.names.len() - 1, |y| self.predecessors[y])).collect()
    }
}

impl Row {
    /// Adds a value to a row that has fewer than [`MOST_WRITTEN`].
    fn push(&mut self, is_one: bool) {
        self.ones |= u64::from(is_one) << self.length;
        self.length += 1;
    }
}

/// Whether names begin with the input or end with the output.
fn has_ends(names: &[Name]) -> bool {
    names.first().is_some_and(|name| name == INPUT) || names.last().is_some_and(|name| name == OUTPUT)
}

fn vertex(text: &str) -> Option<usize> {
    let text = text.trim();
    // A number too large to hold is a vertex all the same, only above every limit.
    let is_number = !text.is_empty() && text.bytes().all(|digit| digit.is_ascii_digit());
    is_number.then(|| text.parse().unwrap_or(usize::MAX))
}

/// A name, without a text of its own if it is a known one. A short name becomes the official one.
fn name(text: &str) -> Name {
    let operation = Operation::from_name(text).ok().map(Operation::name);
    let known = operation.or_else(|| [INPUT, OUTPUT].into_iter().find(|known| *known == text));
    known.map_or_else(|| Cow::Owned(text.to_owned()), Cow::Borrowed)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::space::Sampler;
    use crate::unit::Seed;

    const CONV: &str = "conv3x3-bn-relu";

    fn cell(sketch: &RawGraph) -> Result<Cell, super::super::Error> {
        sketch.cell(&Space::nas_bench_101())
    }

    fn refused(sketch: Result<RawGraph, Error>) -> String {
        match sketch {
            Err(error) => error.to_string(),
            Ok(sketch) => cell(&sketch).unwrap_err().to_string(),
        }
    }

    #[test]
    fn all_ways_of_writing_a_cell_mean_the_same() {
        let operations = format!("input,{CONV},maxpool3x3,output");
        let by_edges = RawGraph::from_edges("0-1,0-2,1-3,2-3", &operations).unwrap();
        for sketch in [
            RawGraph::from_edges(" 0-1, 2-3, 0-2,1-3", &format!("{CONV}, maxpool3x3")).unwrap(),
            RawGraph::from_edges("0-1,0-2,1-3,2-3", "conv3x3,maxpool3x3").unwrap(),
            RawGraph::from_matrix("[[0,1,1,0],[0,0,0,1],[0,0,0,1],[0,0,0,0]]", &operations).unwrap(),
            RawGraph::from_matrix("[[0,1.0,1,0],[0,0,0,1],[0.0,0,0,1],[0,0,0,0]]", &operations).unwrap(),
            RawGraph::from_matrix("0110000100010000", &operations).unwrap(),
        ] {
            assert_eq!(sketch, by_edges);
        }
        let lines = format!(
            "{{\"matrix\": [[0,1,1,0],[0,0,0,1],[0,0,0,1],[0,0,0,0]], \"ops\": [\"{CONV}\", \"maxpool3x3\"]}}\n\
            {{\"adjacency\":\"0110000100010000\",\"operations\":\"{operations}\"}}\n\n\
            [{{\"module_operations\":\"{operations}\",\"module_adjacency\":\"0110000100010000\"}}]\n"
        );
        assert_eq!(RawGraph::from_json(&lines).unwrap(), [by_edges.clone(), by_edges.clone(), by_edges.clone()]);
        assert_eq!(cell(&by_edges).unwrap(), Cell::from_texts("0110000100010000", &operations).unwrap());
    }

    #[test]
    fn what_stands_beside_a_graph_is_checked_or_named() {
        let read = |more: &str| {
            let text = format!("{{\"matrix\": [[0,1],[0,0]], \"ops\": []{more}}}");
            RawGraph::from_json(&text).map(|sketches| sketches[0].clone())
        };
        let right = read(", \"module_hash\": \"043721B9C7FE8C5FAD811D47D83132EC\", \"epochs\": 4, \"name\": [1]").unwrap();
        assert_eq!(right.passed_over(), ["epochs".into(), "name".into()]);
        assert!(cell(&right).is_ok());
        let wrong = read(", \"hash\": \"043721b9c7fe8c5fad811d47d83132ed\"");
        assert_eq!(
            refused(wrong),
            "the hash of the cell is 043721b9c7fe8c5fad811d47d83132ec, and 043721b9c7fe8c5fad811d47d83132ed was given with it"
        );
        let none = refused(read(", \"hash\": \"0437\""));
        assert!(none.ends_with("`0437` is no module hash: expected 32 hex digits"), "{none}");
    }

    #[test]
    fn a_cell_without_operations_is_two_vertices() {
        let cell = cell(&RawGraph::from_edges("0-1", "").unwrap()).unwrap();
        assert_eq!((cell.operations_text().as_str(), cell.to_string().as_str()), ("input,output", "0-1"));
    }

    #[test]
    fn what_is_no_graph_is_named() {
        let matrix = |matrix: &str, operations: &str| refused(RawGraph::from_matrix(matrix, operations));
        let edges = |edges: &str, operations: &str| refused(RawGraph::from_edges(edges, operations));
        assert_eq!(edges("0-1,x", ""), "`x` is no edge: expected two vertices such as `0-1`");
        assert_eq!(edges("", ""), "`` is no edge: expected two vertices such as `0-1`");
        assert_eq!(edges("0--1", ""), "`0--1` is no edge: expected two vertices such as `0-1`");
        assert_eq!(
            edges("0-99999999999999999999", ""),
            "the edge `0-99999999999999999999` names a vertex above 63, the last that a graph may have"
        );
        assert_eq!(edges("0-1,1-1", ""), "the edge `1-1` does not lead from a lower to a higher vertex");
        assert_eq!(edges("0-2", ""), "0 operations for 3 vertices, expected 3 with `input` and `output` or 1 without");
        let text = "2 operations for 4 vertices, expected 4 with `input` and `output` or 2 without";
        assert_eq!(edges("0-1,1-3,0-2", "input,output"), text);
        assert_eq!(matrix("01000", ""), "the matrix has 5 digits, expected a square number such as 4, 9 or 49");
        assert_eq!(matrix("0200", ""), "the matrix holds `2`, expected 0 or 1");
        assert_eq!(matrix("[[0,2],[0,0]]", ""), "line 1, column 5: the matrix holds `2`, expected 0 or 1");
        assert_eq!(matrix("[[0,-1],[0,0]]", ""), "line 1, column 6: the matrix holds `-1`, expected 0 or 1");
        assert_eq!(matrix("[[0,1],[0]]", ""), "row 1 of the matrix has 1 values, expected 2: it is not square");
        assert_eq!(matrix("[[0,1],[1,0]]", ""), "the matrix has an edge at row 1, column 0: it is not upper triangular");
        assert_eq!(matrix("[[0]]", "input"), "the matrix has 1 vertices, expected at least 2");
        assert_eq!(matrix(&"0".repeat(65 * 65), ""), "more than 64 vertices, the most that a graph may have");
        assert_eq!(matrix("0100", &"a,".repeat(64)), "more than 64 operations, the most that a graph may have");
    }

    #[test]
    fn a_cell_is_checked_in_the_official_order() {
        // Each graph has every fault that comes after the one that it is refused for, too.
        let chain: Vec<_> = (0..10).map(|x| format!("{x}-{}", x + 1)).collect();
        let (chain, names) = (chain.join(","), ["odd"; 11].join(","));
        let edges = |edges: &str, operations: &str| refused(RawGraph::from_edges(edges, operations));
        assert_eq!(
            edges(&chain.replace("4-5,", ""), &names),
            "the cell is disconnected: no path leads from the input to the output"
        );
        assert_eq!(edges(&chain, &names), "the cell has 11 vertices, expected at most 7");
        let full = "0-1,0-2,0-3,0-4,1-2,1-3,1-4,2-3,2-4,3-4";
        assert_eq!(edges(full, "odd,odd,odd,odd,odd"), "the cell has 10 edges, expected at most 9");
        assert_eq!(edges("0-1,1-2", "odd,odd,odd"), "the operation of vertex 0 is `odd`, expected `input`");
        assert_eq!(edges("0-1,1-2", "input,odd,odd"), "the operation of vertex 2 is `odd`, expected `output`");
        let known = "unknown operation `odd` (known: conv3x3-bn-relu, conv1x1-bn-relu, maxpool3x3)";
        assert_eq!(edges("0-1,1-2", "odd"), known);
        assert!(edges("0-1,1-2", "identity").contains("`identity`, which is not one of the space"));
    }

    #[test]
    fn what_is_pruned_may_be_anything() {
        let sketch = RawGraph::from_edges("0-1,1-9,0-2,3-9,4-5,6-7", "maxpool3x3,a,b,c,d,e,f,g").unwrap();
        assert_eq!(cell(&sketch).unwrap().to_string(), "0-1,1-2 maxpool3x3");
        assert!(sketch.dangles() && !RawGraph::from_edges("0-1,1-2", "maxpool3x3").unwrap().dangles());
    }

    proptest! {
        #[test]
        fn a_sketch_is_pruned_as_a_spec_is(seed: u64) {
            let spec = Sampler::Official.draw(&Space::nas_bench_101(), &mut Seed(seed).rng());
            let sketch = RawGraph::from_matrix(&spec.adjacency_text(), &spec.operations_text()).unwrap();
            prop_assert_eq!(cell(&sketch).unwrap(), spec.prune().unwrap());
        }
    }
}
