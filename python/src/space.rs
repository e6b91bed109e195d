//! Spaces.

use nasbench::space::{self, Operation, Sampler};
use nasbench::unit::Seed;
use pyo3::prelude::*;

use crate::cell::Cell;
use crate::error::{Kind, Raise as _};
use crate::watch::detached;

/// A space of cells: all that have at most so many vertices and edges, with some operations.
#[pyclass(module = "nasbench", frozen, from_py_object)]
#[derive(Clone, Copy)]
pub(crate) struct Space(pub(crate) space::Space);

#[pymethods]
impl Space {
    /// Makes a space, by default that of NAS-Bench-101.
    #[new]
    #[pyo3(signature = (max_vertices=7, max_edges=9, operations=None))]
    fn new(max_vertices: usize, max_edges: usize, operations: Option<Vec<String>>) -> PyResult<Self> {
        let space = space::Space::nas_bench_101().with_max_vertices(max_vertices).raise(Kind::Cell)?;
        let space = space.with_max_edges(max_edges).raise(Kind::Cell)?;
        let Some(operations) = operations else { return Ok(Self(space)) };
        let operations = operations.iter().map(|name| Operation::from_name(name)).collect::<Result<Vec<_>, _>>();
        Ok(Self(space.with_operations(&operations.raise(Kind::Cell)?).raise(Kind::Cell)?))
    }

    /// The most vertices, the input and the output among them.
    #[getter]
    fn max_vertices(&self) -> usize {
        self.0.max_vertices()
    }

    /// The most edges.
    #[getter]
    fn max_edges(&self) -> usize {
        self.0.max_edges()
    }

    /// The names of the operations.
    #[getter]
    fn operations(&self) -> Vec<&'static str> {
        self.0.operations().map(Operation::name).collect()
    }

    /// All its cells, each once: 423,624 for NAS-Bench-101, in a second.
    fn enumerate(&self, py: Python<'_>) -> PyResult<Vec<Cell>> {
        Ok(detached(py, || self.0.cells())?.raise(Kind::Cell)?.into_iter().map(Cell).collect())
    }

    /// Draws cells with a sampler of `nasbench list samplers`.
    #[pyo3(signature = (count=1, seed=0, sampler="official"))]
    fn sample(&self, py: Python<'_>, count: usize, seed: u64, sampler: &str) -> PyResult<Vec<Cell>> {
        let known = nasbench::space::SAMPLERS.iter().find(|known: &&Sampler| known.name() == sampler);
        let Some(sampler) = known else {
            let known: Vec<_> = nasbench::space::SAMPLERS.iter().map(|known| known.name()).collect();
            return Err(crate::error::said(Kind::Cell, format!("unknown sampler `{sampler}` (known: {})", known.join(", "))));
        };
        let mut rng = Seed(seed).rng();
        let drawn =
            detached(py, || (0..count).map(|_| self.0.cell(&sampler.draw(&self.0, &mut rng))).collect::<Result<Vec<_>, _>>())?;
        Ok(drawn.raise(Kind::Cell)?.into_iter().map(Cell).collect())
    }

    fn __contains__(&self, cell: &Bound<'_, PyAny>) -> PyResult<bool> {
        let cell = crate::cell::given(cell, &space::Space::nas_bench_101())?;
        Ok(self.0.check(cell).is_ok())
    }

    fn __repr__(&self) -> String {
        let operations = self.operations().into_iter().map(|name| format!("'{name}'")).collect::<Vec<_>>().join(", ");
        format!("Space(max_vertices={}, max_edges={}, operations=[{operations}])", self.max_vertices(), self.max_edges())
    }
}
