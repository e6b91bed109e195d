//! Models that predict what cells reach.

use std::path::PathBuf;
use std::sync::Arc;

use nasbench::space;
use nasbench::surrogate::{self, Features, FitOptions, Quantity, Target, TrainingSet};
use nasbench::unit::{Epochs, Seed};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use serde_json::json;

use crate::benchmark::{Benchmark, Open, python_of};
use crate::cell::{Cell, given};
use crate::error::{Kind, Raise as _};
use crate::watch::{Watch, detached};

/// A model that was fitted on the records of a benchmark.
#[pyclass(module = "nasbench", frozen)]
pub(crate) struct Model(pub(crate) Arc<surrogate::Model>);

impl Model {
    /// The cells of the sizes that it was fitted on.
    pub(crate) fn space(&self) -> space::Space {
        self.0.features.space()
    }
}

/// Fits a surrogate of `nasbench list surrogates` on the validation accuracies of a benchmark at a budget, on all cells or on some drawn.
#[pyfunction]
#[pyo3(signature = (benchmark, model="random-forest", epochs=None, train_size=None, features=None, seed=0))]
pub(crate) fn fit(
    py: Python<'_>,
    benchmark: &Bound<'_, Benchmark>,
    model: &str,
    epochs: Option<u16>,
    train_size: Option<usize>,
    features: Option<Vec<String>>,
    seed: u64,
) -> PyResult<Model> {
    let benchmark = benchmark.get().opened()?;
    let table = benchmark.table(py)?;
    let (set, options) = detached(py, || prepared(&benchmark, &table, (model, epochs, train_size, features), seed))??;
    let fitted = Watch::new(py, None)?.run(py, || surrogate::Model::fit_on(&table, &set, None, &options))?;
    Ok(Model(Arc::new(fitted.raise(Kind::Model)?.0)))
}

/// Judges a surrogate by cross-validation on a benchmark: its measures with their deviations over the folds.
#[pyfunction]
#[pyo3(signature = (benchmark, model="random-forest", epochs=None, train_size=None, features=None, folds=5, seed=0))]
#[expect(clippy::too_many_arguments, reason = "keywords of Python")]
pub(crate) fn assess<'py>(
    py: Python<'py>,
    benchmark: &Bound<'py, Benchmark>,
    model: &str,
    epochs: Option<u16>,
    train_size: Option<usize>,
    features: Option<Vec<String>>,
    folds: usize,
    seed: u64,
) -> PyResult<Bound<'py, PyAny>> {
    let benchmark = benchmark.get().opened()?;
    let table = benchmark.table(py)?;
    let (set, options) = detached(py, || prepared(&benchmark, &table, (model, epochs, train_size, features), seed))??;
    let quality = Watch::new(py, None)?.run(py, || {
        let rows = options.features.rows(&set.cells)?;
        let targets = (set.target.quantity, set.values.as_slice());
        surrogate::quality::cross_validate(options.surrogate, &rows, &set.hashes, targets, folds, options.seed)
    })?;
    let measures = quality.raise(Kind::Model)?.measures;
    let one = |summary: Option<surrogate::quality::Summary>| {
        summary.map(|summary| json!({ "mean": summary.mean, "deviation": summary.standard_deviation }))
    };
    let named = json!({
        "kendall_tau": one(measures.kendall_tau),
        "spearman": one(measures.spearman),
        "r_squared": one(measures.r_squared),
        "rmse": one(measures.rmse),
        "top_regret": one(measures.top_regret),
    });
    python_of(py, &named)
}

fn prepared(
    benchmark: &Open,
    table: &nasbench::table::Table,
    (model, epochs, train_size, features): (&str, Option<u16>, Option<usize>, Option<Vec<String>>),
    seed: u64,
) -> PyResult<(TrainingSet, FitOptions)> {
    let epochs = epochs.map(Epochs).or_else(|| table.budgets().last().copied()).unwrap_or_default();
    let target = Target { quantity: Quantity::ValidationAccuracy, epochs };
    let set = TrainingSet::new(table, target).raise(Kind::Model)?;
    let set = train_size.map_or(Ok(set.clone()), |count| set.draw(count, Seed(seed))).raise(Kind::Model)?;
    let standard: Vec<String> = surrogate::features::STANDARD.iter().map(|name| (*name).to_owned()).collect();
    let features = Features::new(&features.unwrap_or(standard), &space::Space::nas_bench_101()).raise(Kind::Model)?;
    let features = benchmark.benchmark.skeleton().map_or(features.clone(), |skeleton| features.with_skeleton(skeleton));
    let surrogate = surrogate::find(model).raise(Kind::Model)?;
    let benchmark = Some(benchmark.benchmark.identity().to_string());
    Ok((set, FitOptions { surrogate, features, benchmark, seed: Seed(seed) }))
}

#[pymethods]
impl Model {
    /// Reads a model that `nasbench fit` or `save` wrote.
    #[staticmethod]
    fn load(path: PathBuf) -> PyResult<Self> {
        Ok(Self(Arc::new(surrogate::Model::load(&path).raise(Kind::Model)?)))
    }

    /// Writes the model to a file.
    fn save(&self, path: PathBuf) -> PyResult<()> {
        self.0.save(&path).raise(Kind::Model)
    }

    /// The name of the surrogate.
    #[getter]
    fn name(&self) -> &str {
        self.0.name
    }

    /// Predicts the validation accuracies of cells, as fractions: a mean for each, and a standard deviation where the model has one.
    fn predict<'py>(&self, py: Python<'py>, cells: Vec<Bound<'py, PyAny>>) -> PyResult<Bound<'py, PyDict>> {
        let cells = cells.iter().map(|cell| given(cell, &space::Space::nas_bench_101())).collect::<PyResult<Vec<_>>>()?;
        let predictions = detached(py, || self.0.predict_all(&cells))?.raise(Kind::Model)?;
        let found = PyDict::new(py);
        found.set_item("mean", predictions.iter().map(|prediction| prediction.mean).collect::<Vec<_>>())?;
        found.set_item("std", predictions.iter().map(|prediction| prediction.std).collect::<Vec<_>>())?;
        Ok(found)
    }

    /// The cells of a list that the model promises most of, the best first.
    #[pyo3(signature = (cells, count=10))]
    fn best(&self, py: Python<'_>, cells: Vec<Cell>, count: usize) -> PyResult<Vec<(Cell, f32)>> {
        let all: Vec<_> = cells.iter().map(|cell| cell.0).collect();
        let predictions = detached(py, || self.0.predict_all(&all))?.raise(Kind::Model)?;
        let mut ranked: Vec<_> = cells.into_iter().zip(predictions.iter().map(|prediction| prediction.mean)).collect();
        ranked.sort_by(|one, other| other.1.total_cmp(&one.1));
        ranked.truncate(count);
        Ok(ranked)
    }
}
