//! Errors of the library as exceptions, which `nasbench.errors` defines.

use std::error::Error;

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

/// The exceptions, by their names in `nasbench.errors`.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    /// Anything else.
    Nasbench,
    /// A cell is none, or not of the space.
    Cell,
    /// A cell, a budget or a repeat is not recorded.
    NotRecorded,
    /// A benchmark or another file could not be read or written.
    Benchmark,
    /// A model could not be fitted, read, or asked.
    Model,
    /// A search or a comparison could not be made.
    Search,
    /// A training could not be made.
    Training,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Nasbench => "NasbenchError",
            Self::Cell => "CellError",
            Self::NotRecorded => "NotRecordedError",
            Self::Benchmark => "BenchmarkError",
            Self::Model => "ModelError",
            Self::Search => "SearchError",
            Self::Training => "TrainingError",
        }
    }
}

/// Makes an exception with the message of an error and its causes.
pub(crate) fn raised(kind: Kind, error: &dyn Error) -> PyErr {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    said(kind, text)
}

/// Makes an exception with a message.
pub(crate) fn said(kind: Kind, text: String) -> PyErr {
    Python::attach(|py| {
        let class = py.import("nasbench.errors").and_then(|errors| errors.getattr(kind.name()));
        match class.and_then(|class| class.call1((text.as_str(),))) {
            Ok(exception) => PyErr::from_value(exception),
            Err(_) => PyRuntimeError::new_err(text),
        }
    })
}

/// Makes exceptions of errors.
pub(crate) trait Raise<T> {
    /// The value, or an exception of a kind.
    fn raise(self, kind: Kind) -> PyResult<T>;
}

impl<T, E: Error + 'static> Raise<T> for Result<T, E> {
    fn raise(self, kind: Kind) -> PyResult<T> {
        self.map_err(|error| raised(kind, &error))
    }
}
