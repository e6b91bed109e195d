//! The Python package `nasbench`: bindings only. What they do is in the library, and what needs no Rust is in `python/nasbench`.

mod arrow_stream;
mod benchmark;
mod cell;
mod compare;
mod error;
mod files;
mod model;
mod search;
mod space;
mod training;
mod watch;

use pyo3::prelude::*;

/// What the package is made of.
#[pymodule]
mod _nasbench {
    #[pymodule_export]
    use super::arrow_stream::Arrow;
    #[pymodule_export]
    use super::benchmark::{Benchmark, import_official, open};
    #[pymodule_export]
    use super::cell::{_kept, _saved, Cell};
    #[pymodule_export]
    use super::compare::{Comparison, compare_all};
    #[pymodule_export]
    use super::files::import_table;
    #[pymodule_export]
    use super::model::{Model, assess, fit};
    #[pymodule_export]
    use super::search::{History, Searcher, Setup, Trial, algorithms, check_searcher, search_once};
    #[pymodule_export]
    use super::space::Space;
    #[pymodule_export]
    use super::training::{_answers, datasets, record, run, train};
    use super::{Bound, PyModule, PyModuleMethods as _, PyResult};

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
