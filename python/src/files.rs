//! Benchmarks as files of other programs, and such files as benchmarks.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use nasbench::file::replace;
use nasbench::interchange::tabular::{self, Columns};
use nasbench::interchange::{Error, description, export, naslib, official, syne_tune};
use nasbench::table::{self, Part};
use nasbench::train::Protocol;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::benchmark::{Benchmark, open};
use crate::error::{Kind, Raise as _};
use crate::watch::Watch;

/// The formats, by the names of `nasbench export`.
const FORMATS: &[&str] = &["csv", "jsonl", "parquet", "arrow", "croissant", "card", "naslib", "syne-tune", "tfrecord"];

/// Writes a benchmark to a file of a format, or for Syne Tune to a folder.
pub(crate) fn written(
    py: Python<'_>,
    benchmark: &table::Benchmark,
    path: &Path,
    format: &str,
    progress: Option<&Bound<'_, PyAny>>,
) -> PyResult<()> {
    if !FORMATS.contains(&format) {
        return Err(PyValueError::new_err(format!("unknown format `{format}` (known: {})", FORMATS.join(", "))));
    }
    let watch = Watch::new(py, progress)?;
    let work = || -> Result<(), Error> {
        let mut told = |done, all| watch.tell(done, all);
        let mut plain = |format| {
            replace(path, |file: &mut fs_err::File| export::export(benchmark, Part::Recorded, format, file, &mut told).map(drop))
        };
        let text = |text: String| replace(path, |file: &mut fs_err::File| Ok(file.write_all(text.as_bytes())?));
        match format {
            "csv" => plain(export::Format::Csv),
            "jsonl" => plain(export::Format::JsonLines),
            "parquet" => plain(export::Format::Parquet),
            "arrow" => plain(export::Format::Arrow),
            "croissant" => text(format!("{:#}\n", description::croissant(benchmark)?)),
            "card" => text(description::card(benchmark)),
            "naslib" => replace(path, |file: &mut fs_err::File| naslib::export(benchmark, &mut BufWriter::new(file)).map(drop)),
            "syne-tune" => syne_tune::export(benchmark, path).map(drop),
            _ => official::export(benchmark, path, &mut told).map(drop),
        }
    };
    watch.run(py, work)?.raise(Kind::Benchmark)
}

/// Imports a table of cells and metrics into a new folder: CSV, JSON, NASLib's dicts as JSON, Parquet or Arrow. Cells are those of
/// NAS-Bench-101, accuracies fractions, times seconds.
#[pyfunction]
#[pyo3(signature = (file, out, dataset="cifar-10", protocol="nas-bench-101", keep_going=false))]
pub(crate) fn import_table(
    py: Python<'_>,
    file: PathBuf,
    out: PathBuf,
    dataset: &str,
    protocol: &str,
    keep_going: bool,
) -> PyResult<Benchmark> {
    let protocol = Protocol::find(protocol).raise(Kind::Training)?;
    // What is not there is said by its name.
    File::open(&file)?;
    let imported = Watch::new(py, None)?
        .run(py, || tabular::import_table(&file, &Columns::default(), &protocol, dataset, keep_going, &out).map(drop));
    imported?.raise(Kind::Benchmark)?;
    open(py, Some(out))
}
