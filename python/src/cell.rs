//! Cells.

use std::path::PathBuf;

use nasbench::network::{Plan, Skeleton};
use nasbench::space::{self, INPUT, OUTPUT, Operation, RawGraph, Spec};
use nasbench::surrogate::Features;
use nasbench::train::SavedModel;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyString};

use crate::error::{Kind, Raise as _, said};
use crate::space::Space;
use crate::watch::detached;

/// The most characters of an object that a message shows.
const MOST_SHOWN: usize = 120;

/// A cell: an acyclic graph with an operation at each vertex, without what lies on no path from input to output.
///
/// Two cells are equal if their official hashes are, however their vertices are numbered.
#[pyclass(module = "nasbench", frozen, eq, hash, from_py_object)]
#[derive(Clone, Copy)]
pub(crate) struct Cell(pub(crate) space::Cell);

impl PartialEq for Cell {
    fn eq(&self, other: &Self) -> bool {
        self.0.fingerprint() == other.0.fingerprint()
    }
}

impl std::hash::Hash for Cell {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.fingerprint().hash(state);
    }
}

/// What a cell is made of again: its matrix and the names of its operations.
type Arguments = (Vec<Vec<i32>>, Vec<&'static str>);

#[pymethods]
impl Cell {
    /// Makes a cell of a matrix and a list of operations.
    #[new]
    #[pyo3(signature = (matrix, ops, space=None))]
    fn new(matrix: &Bound<'_, PyAny>, ops: &Bound<'_, PyAny>, space: Option<&Space>) -> PyResult<Self> {
        let space = space.map_or_else(space::Space::nas_bench_101, |space| space.0);
        Ok(Self(cell_of(matrix, ops, &space)?))
    }

    /// The official hash.
    #[getter]
    fn hash(&self) -> String {
        self.0.hash().to_string()
    }

    /// The matrix, as lists of 0 and 1.
    #[getter]
    fn matrix(&self) -> Vec<Vec<i32>> {
        let vertices = self.0.vertices();
        (0..vertices).map(|x| (0..vertices).map(|y| i32::from(self.0.has_edge(x, y))).collect()).collect()
    }

    /// The operations of all vertices, the input's and the output's included.
    #[getter]
    fn ops(&self) -> Vec<&'static str> {
        [INPUT].into_iter().chain(self.0.operations().map(Operation::name)).chain([OUTPUT]).collect()
    }

    /// The number of vertices.
    #[getter]
    fn vertices(&self) -> usize {
        self.0.vertices()
    }

    /// The number of edges.
    #[getter]
    fn edges(&self) -> usize {
        self.0.edge_count()
    }

    /// The trainable parameters of its network.
    #[pyo3(signature = (**network))]
    fn parameters(&self, network: Option<&Bound<'_, PyDict>>) -> PyResult<u32> {
        Ok(nasbench::network::cost(&self.0, &skeleton(network)?).raise(Kind::Cell)?.parameters.0)
    }

    /// The operations of a forward pass of one image through its network, two for a multiply-add.
    #[pyo3(signature = (**network))]
    fn flops(&self, network: Option<&Bound<'_, PyDict>>) -> PyResult<u64> {
        Ok(nasbench::network::cost(&self.0, &skeleton(network)?).raise(Kind::Cell)?.flops.0)
    }

    /// The cells that one edit away are of a space, each once.
    #[pyo3(signature = (space=None))]
    fn neighbours(&self, py: Python<'_>, space: Option<&Space>) -> PyResult<Vec<Self>> {
        let space = space.map_or_else(space::Space::nas_bench_101, |space| space.0);
        Ok(detached(py, || space.distinct_neighbours(&self.0))?.into_iter().map(Self).collect())
    }

    /// The cell as numbers, in an encoding of `nasbench list encodings`.
    fn encode(&self, py: Python<'_>, encoding: &str) -> PyResult<Vec<f32>> {
        let features = Features::new(&[encoding], &space::Space::nas_bench_101()).raise(Kind::Model)?;
        Ok(detached(py, || features.rows(&[self.0]))?.raise(Kind::Model)?.row(0).to_vec())
    }

    /// The steps of its network, as `nasbench.torch` reads them.
    #[pyo3(signature = (**network))]
    fn _plan<'py>(&self, py: Python<'py>, network: Option<&Bound<'py, PyDict>>) -> PyResult<Bound<'py, PyList>> {
        steps(py, &Plan::compile(&self.0, &skeleton(network)?).raise(Kind::Cell)?)
    }

    /// The network as a `torch.nn.Module`; `nasbench.torch` has more.
    #[pyo3(signature = (**network))]
    fn to_torch<'py>(slf: &Bound<'py, Self>, network: Option<&Bound<'py, PyDict>>) -> PyResult<Bound<'py, PyAny>> {
        slf.py().import("nasbench.torch")?.getattr("network")?.call((slf,), network)
    }

    /// A drawing, for notebooks.
    fn _repr_svg_(&self) -> String {
        nasbench::report::svg_of(self.0)
    }

    fn __repr__(&self) -> String {
        let ops = self.ops().into_iter().map(|op| format!("'{op}'")).collect::<Vec<_>>().join(", ");
        format!("Cell({:?}, [{ops}])", self.matrix())
    }

    /// For `pickle` and `copy`.
    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyAny>, Arguments)> {
        Ok((py.import("nasbench")?.getattr("Cell")?, (self.matrix(), self.ops())))
    }
}

/// The steps of a plan, for `nasbench.torch`.
fn steps<'py>(py: Python<'py>, plan: &Plan) -> PyResult<Bound<'py, PyList>> {
    let steps = PyList::empty(py);
    for step in plan.steps() {
        let one = PyDict::new(py);
        one.set_item("name", &step.name)?;
        one.set_item("operator", format!("{:?}", step.operator))?;
        one.set_item("inputs", step.inputs.iter().map(|input| (input.buffer, input.channels)).collect::<Vec<_>>())?;
        one.set_item("channels", step.output.channels)?;
        steps.append(one)?;
    }
    Ok(steps)
}

/// A saved model, for `nasbench.torch`: the steps of its network, the channels of an image, two numbers of batch normalisation, the arrays with
/// their shapes, and what the file says of it.
#[pyfunction]
#[expect(clippy::type_complexity, reason = "one private function of Python's takes it apart")]
pub(crate) fn _saved<'py>(
    py: Python<'py>,
    file: PathBuf,
) -> PyResult<(Bound<'py, PyList>, usize, f64, f64, Bound<'py, PyDict>, String)> {
    let model = SavedModel::read(&file).raise(Kind::Model)?;
    let arrays = PyDict::new(py);
    for array in model.state().arrays() {
        let bytes: Vec<u8> = array.values.iter().flat_map(|value| value.to_le_bytes()).collect();
        arrays.set_item(&array.name, (&array.shape, PyBytes::new(py, &bytes)))?;
    }
    let update = &model.protocol().update;
    let card = serde_json::to_string(model.card()).map_err(|error| said(Kind::Model, error.to_string()))?;
    let channels = model.plan().skeleton().image.channels;
    Ok((steps(py, model.plan())?, channels, update.batch_norm_epsilon, update.batch_norm_momentum, arrays, card))
}

/// Reads a matrix and operations as a cell of a space.
fn cell_of(matrix: &Bound<'_, PyAny>, ops: &Bound<'_, PyAny>, space: &space::Space) -> PyResult<space::Cell> {
    let matrix = if let Ok(digits) = matrix.cast::<PyString>() {
        digits.to_str()?.to_owned()
    } else {
        let rows = rows(matrix)?;
        // What is as it should be is read at once; of the others the library says what is wrong.
        if let Some(cell) = spec(&rows, ops).and_then(|spec| space.cell(&spec).ok()) {
            return Ok(cell);
        }
        text(&rows)
    };
    RawGraph::from_matrix(&matrix, &ops_text(ops)?).raise(Kind::Cell)?.cell(space).raise(Kind::Cell)
}

/// A spec of at most seven vertices, if nothing is wrong with it.
fn spec(rows: &[Vec<u8>], ops: &Bound<'_, PyAny>) -> Option<Spec> {
    let vertices = rows.len();
    if !(2..=7).contains(&vertices) || rows.iter().any(|row| row.len() != vertices) {
        return None;
    }
    let mut edges = 0_u64;
    for (x, row) in rows.iter().enumerate() {
        for (y, _) in row.iter().enumerate().filter(|(_, value)| **value == 1) {
            if y <= x {
                return None;
            }
            edges |= 1 << (x + y * (y - 1) / 2);
        }
    }
    let ops = ops.cast::<PyList>().ok().filter(|ops| ops.len() == vertices)?;
    let mut operations = [Operation::ALL[0]; 5];
    for vertex in 0..vertices {
        let name = ops.get_item(vertex).ok()?;
        let name = name.cast::<PyString>().ok()?.to_str().ok()?;
        match vertex {
            0 if name == INPUT => {}
            _ if vertex == vertices - 1 && name == OUTPUT => {}
            _ if vertex == 0 || vertex == vertices - 1 => return None,
            _ => operations[vertex - 1] = Operation::from_name(name).ok()?,
        }
    }
    Some(Spec::from_bits(edges, &operations[..vertices - 2]))
}

/// The vertices of a matrix that the input reaches and that reach the output, ascending; None if there is no path.
///
/// The errors are those of the original program's specs, and their words.
#[pyfunction]
pub(crate) fn _kept(matrix: &Bound<'_, PyAny>, operations: usize) -> PyResult<Option<Vec<usize>>> {
    let rows = rows(matrix)?;
    let vertices = rows.len();
    if rows.iter().any(|row| row.len() != vertices) {
        return Err(PyValueError::new_err("matrix must be square"));
    }
    if operations != vertices {
        let found = format!("length of ops must match matrix dimensions: {operations} operations, {vertices} vertices");
        return Err(PyValueError::new_err(found));
    }
    if rows.iter().enumerate().any(|(x, row)| row[..=x].contains(&1)) {
        return Err(PyValueError::new_err("matrix must be upper triangular"));
    }
    let Some(last) = vertices.checked_sub(1) else { return Ok(None) };
    let (mut reached, mut reaching) = (vec![false; vertices], vec![false; vertices]);
    (reached[0], reaching[last]) = (true, true);
    for y in 1..vertices {
        reached[y] = (0..y).any(|x| reached[x] && rows[x][y] == 1);
    }
    for x in (0..last).rev() {
        reaching[x] = (x + 1..vertices).any(|y| reaching[y] && rows[x][y] == 1);
    }
    let kept: Vec<usize> = (0..vertices).filter(|vertex| reached[*vertex] && reaching[*vertex]).collect();
    Ok((kept.len() > 1).then_some(kept))
}

/// The rows of a matrix of 0 and 1. Arrays of any kind have `tolist`.
fn rows(matrix: &Bound<'_, PyAny>) -> PyResult<Vec<Vec<u8>>> {
    let listed = if matrix.is_instance_of::<PyList>() || !matrix.hasattr("tolist")? {
        matrix.clone()
    } else {
        matrix.call_method0("tolist")?
    };
    let no_matrix = |_| said(Kind::Cell, format!("the matrix is {}, expected rows of 0 and 1", shown(matrix)));
    if let Ok(listed) = listed.cast::<PyList>() {
        return listed.iter().map(|row| values(&row)).collect();
    }
    listed.try_iter().map_err(no_matrix)?.map(|row| values(&row?)).collect()
}

fn values(row: &Bound<'_, PyAny>) -> PyResult<Vec<u8>> {
    if let Ok(row) = row.cast::<PyList>() {
        return row.iter().map(|value| binary(&value)).collect();
    }
    let listed = if row.hasattr("tolist")? { row.call_method0("tolist")? } else { row.clone() };
    let no_row = |_| said(Kind::Cell, format!("a row of the matrix is {}, expected values of 0 and 1", shown(row)));
    listed.try_iter().map_err(no_row)?.map(|value| binary(&value?)).collect()
}

/// A value of a matrix: an integer, a truth value, or a float that is 0 or 1.
fn binary(value: &Bound<'_, PyAny>) -> PyResult<u8> {
    let found = match value.extract::<i64>() {
        Ok(0) => Some(0),
        Ok(1) => Some(1),
        Ok(_) => None,
        Err(_) => match value.extract::<f64>() {
            Ok(0.0) => Some(0),
            Ok(1.0) => Some(1),
            _ => None,
        },
    };
    found.ok_or_else(|| said(Kind::Cell, format!("the matrix has the value {}, expected 0 or 1", shown(value))))
}

/// Rows as JSON.
fn text(rows: &[Vec<u8>]) -> String {
    let row = |row: &Vec<u8>| format!("[{}]", row.iter().map(ToString::to_string).collect::<Vec<_>>().join(","));
    format!("[{}]", rows.iter().map(row).collect::<Vec<_>>().join(","))
}

fn shown(value: &Bound<'_, PyAny>) -> String {
    let text = value.repr().map_or_else(|_| "?".to_owned(), |text| text.to_string());
    // An object may describe itself by a page.
    match text.char_indices().nth(MOST_SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// The operations with commas; a text is taken as it is.
fn ops_text(ops: &Bound<'_, PyAny>) -> PyResult<String> {
    if let Ok(text) = ops.cast::<PyString>() {
        return Ok(text.to_str()?.to_owned());
    }
    let mut names = Vec::with_capacity(7);
    for name in ops.try_iter().map_err(|_| PyTypeError::new_err(format!("ops are {}, expected a list of names", shown(ops))))? {
        let name = name?;
        match name.cast::<PyString>() {
            Ok(name) => names.push(name.to_str()?.to_owned()),
            Err(_) => return Err(said(Kind::Cell, format!("the operation {} is no name", shown(&name)))),
        }
    }
    Ok(names.join(","))
}

/// The network of NAS-Bench-101 with what is given changed.
pub(crate) fn skeleton(given: Option<&Bound<'_, PyDict>>) -> PyResult<Skeleton> {
    let mut skeleton = Skeleton::nas_bench_101();
    for (name, value) in given.into_iter().flatten() {
        let name: String = name.extract()?;
        match name.as_str() {
            "channels" => skeleton.stem_channels = value.extract()?,
            "stacks" => skeleton.stacks = value.extract()?,
            "cells_per_stack" => skeleton.cells_per_stack = value.extract()?,
            "classes" => skeleton.classes = value.extract()?,
            "image" => {
                let (channels, height, width) = value.extract()?;
                skeleton.image = nasbench::dataset::ImageShape { channels, height, width };
            }
            _ => {
                let known = "channels, stacks, cells_per_stack, classes, image";
                return Err(PyValueError::new_err(format!("a network has no `{name}` (known: {known})")));
            }
        }
    }
    skeleton.check().raise(Kind::Cell)?;
    Ok(skeleton)
}

/// A cell as it is given: a `Cell`, a pair of a matrix and operations, or an object with `matrix` and `ops`.
pub(crate) fn given(cell: &Bound<'_, PyAny>, space: &space::Space) -> PyResult<space::Cell> {
    if let Ok(cell) = cell.cast::<Cell>() {
        return space.check(cell.get().0).raise(Kind::Cell);
    }
    let (matrix, ops) = match cell.extract::<(Bound<'_, PyAny>, Bound<'_, PyAny>)>() {
        Ok(pair) => pair,
        Err(_) if cell.hasattr("matrix")? && cell.hasattr("ops")? => (cell.getattr("matrix")?, cell.getattr("ops")?),
        Err(_) => {
            let expected = "a Cell, a pair of a matrix and operations, or an object with `matrix` and `ops`";
            return Err(PyTypeError::new_err(format!("{} is no cell, expected {expected}", shown(cell))));
        }
    };
    cell_of(&matrix, &ops, space)
}
