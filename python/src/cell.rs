//! Cells.

use std::path::PathBuf;

use nasbench::network::{Plan, Skeleton};
use nasbench::space::{self, INPUT, OUTPUT, Operation, RawGraph};
use nasbench::surrogate::Features;
use nasbench::train::SavedModel;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyString};

use crate::error::{Kind, Raise as _, said};
use crate::space::Space;

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

#[pymethods]
impl Cell {
    /// Makes a cell of a matrix and a list of operations.
    #[new]
    #[pyo3(signature = (matrix, ops, space=None))]
    fn new(matrix: &Bound<'_, PyAny>, ops: &Bound<'_, PyAny>, space: Option<&Space>) -> PyResult<Self> {
        let graph = graph(matrix, ops)?;
        let space = space.map_or_else(space::Space::nas_bench_101, |space| space.0);
        Ok(Self(graph.cell(&space).raise(Kind::Cell)?))
    }

    /// The official hash.
    #[getter]
    fn hash(&self) -> String {
        self.0.hash().to_string()
    }

    /// The matrix, as lists of 0 and 1.
    #[getter]
    fn matrix(&self) -> Vec<Vec<u8>> {
        let vertices = self.0.vertices();
        (0..vertices).map(|x| (0..vertices).map(|y| u8::from(self.0.has_edge(x, y))).collect()).collect()
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
    fn neighbours(&self, space: Option<&Space>) -> Vec<Self> {
        let space = space.map_or_else(space::Space::nas_bench_101, |space| space.0);
        space.distinct_neighbours(&self.0).into_iter().map(Self).collect()
    }

    /// The cell as numbers, in an encoding of `nasbench list encodings`.
    fn encode(&self, encoding: &str) -> PyResult<Vec<f32>> {
        let features = Features::new(&[encoding], &space::Space::nas_bench_101()).raise(Kind::Model)?;
        Ok(features.rows(&[self.0]).raise(Kind::Model)?.row(0).to_vec())
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
    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyAny>, (Vec<Vec<u8>>, Vec<&'static str>))> {
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

/// Reads a matrix and operations as a graph, which may be no cell.
pub(crate) fn graph(matrix: &Bound<'_, PyAny>, ops: &Bound<'_, PyAny>) -> PyResult<RawGraph> {
    RawGraph::from_matrix(&matrix_text(matrix)?, &ops_text(ops)?).raise(Kind::Cell)
}

/// A matrix as JSON, or its digits as they are. Arrays of any kind have `tolist`.
fn matrix_text(matrix: &Bound<'_, PyAny>) -> PyResult<String> {
    if let Ok(digits) = matrix.cast::<PyString>() {
        return Ok(digits.to_str()?.to_owned());
    }
    let listed =
        if matrix.is_instance_of::<PyList>() || !matrix.hasattr("tolist")? { None } else { Some(matrix.call_method0("tolist")?) };
    let mut text = String::with_capacity(128);
    text.push('[');
    for row in listed.as_ref().unwrap_or(matrix).try_iter()? {
        text.push_str(if text.len() > 1 { ",[" } else { "[" });
        let mut is_first = true;
        let row = row?;
        let row = if row.is_instance_of::<PyList>() || !row.hasattr("tolist")? { row } else { row.call_method0("tolist")? };
        for value in row.try_iter()? {
            if !is_first {
                text.push(',');
            }
            is_first = false;
            text.push(binary(&value?)?);
        }
        text.push(']');
    }
    text.push(']');
    Ok(text)
}

/// A value of a matrix: an integer, a truth value, or a float that is 0 or 1.
fn binary(value: &Bound<'_, PyAny>) -> PyResult<char> {
    let found = match value.extract::<i64>() {
        Ok(0) => Some('0'),
        Ok(1) => Some('1'),
        Ok(_) => None,
        Err(_) => match value.extract::<f64>() {
            Ok(0.0) => Some('0'),
            Ok(1.0) => Some('1'),
            _ => None,
        },
    };
    found.ok_or_else(|| said(Kind::Cell, format!("the matrix has the value {}, expected 0 or 1", shown(value))))
}

fn shown(value: &Bound<'_, PyAny>) -> String {
    value.repr().map_or_else(|_| "?".to_owned(), |text| text.to_string())
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
    graph(&matrix, &ops)?.cell(space).raise(Kind::Cell)
}
