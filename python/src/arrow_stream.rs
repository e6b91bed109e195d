//! Tables for any library that speaks Arrow: pyarrow, polars, pandas and DuckDB take them without a copy.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Float64Array, Float64Builder, Int64Array, ListBuilder, NullArray, StringArray, UInt64Array,
};
use arrow::datatypes::{Field, Schema, SchemaRef};
use arrow::ffi_stream::FFI_ArrowArrayStream;
use arrow::record_batch::{RecordBatch, RecordBatchIterator, RecordBatchOptions};
use nasbench::interchange::sql::Frame;
use pyo3::ffi::c_str;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyCapsule};
use serde_json::Value;

use crate::error::{Kind, Raise as _};

/// A table in memory, with Arrow's interface for other libraries: `pyarrow.table(it)`, `polars.DataFrame(it)`.
#[pyclass(module = "nasbench", frozen)]
pub(crate) struct Arrow {
    pub(crate) schema: SchemaRef,
    pub(crate) batches: Vec<RecordBatch>,
}

impl Arrow {
    /// The answer to a question in SQL.
    pub(crate) fn of_frame(frame: &Frame) -> PyResult<Self> {
        let columns: Vec<ArrayRef> = (0..frame.columns.len())
            .map(|column| array(&frame.rows.iter().map(|row| &row[column]).collect::<Vec<_>>()))
            .collect();
        let fields = frame.columns.iter().zip(&columns).map(|(name, array)| Field::new(name, array.data_type().clone(), true));
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        // A table without columns has rows all the same.
        let options = RecordBatchOptions::new().with_row_count(Some(frame.rows.len()));
        let batch = RecordBatch::try_new_with_options(Arc::clone(&schema), columns, &options).raise(Kind::Benchmark)?;
        Ok(Self { schema, batches: vec![batch] })
    }
}

/// A column of an answer in the narrowest type that has all of its values; of values of several kinds their texts.
fn array(values: &[&Value]) -> ArrayRef {
    let present = || values.iter().filter(|value| !value.is_null());
    let texts = || {
        let text = |value: &&Value| match value {
            Value::Null => None,
            Value::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        };
        Arc::new(values.iter().map(text).collect::<StringArray>()) as ArrayRef
    };
    let is_numbers = |value: &Value| value.as_array().is_some_and(|list| list.iter().all(|one| one.is_number() || one.is_null()));
    if present().next().is_none() {
        Arc::new(NullArray::new(values.len()))
    } else if present().all(|value| value.is_boolean()) {
        Arc::new(values.iter().map(|value| value.as_bool()).collect::<BooleanArray>())
    } else if present().all(|value| value.is_i64()) {
        Arc::new(values.iter().map(|value| value.as_i64()).collect::<Int64Array>())
    } else if present().all(|value| value.is_u64()) {
        Arc::new(values.iter().map(|value| value.as_u64()).collect::<UInt64Array>())
    } else if present().all(|value| value.is_number()) {
        Arc::new(values.iter().map(|value| value.as_f64()).collect::<Float64Array>())
    } else if present().all(|value| is_numbers(value)) {
        let mut lists = ListBuilder::new(Float64Builder::new());
        for value in values {
            for one in value.as_array().into_iter().flatten() {
                lists.values().append_option(one.as_f64());
            }
            lists.append(!value.is_null());
        }
        Arc::new(lists.finish())
    } else {
        texts()
    }
}

#[pymethods]
impl Arrow {
    /// The names of the columns.
    #[getter]
    fn columns(&self) -> Vec<String> {
        self.schema.fields().iter().map(|field| field.name().clone()).collect()
    }

    /// The number of rows.
    fn __len__(&self) -> usize {
        self.batches.iter().map(RecordBatch::num_rows).sum()
    }

    /// The stream of Arrow's PyCapsule interface; the schema that is asked for is not looked at, as the interface allows.
    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        let _ = requested_schema;
        let batches = RecordBatchIterator::new(self.batches.clone().into_iter().map(Ok), SchemaRef::clone(&self.schema));
        let stream = FFI_ArrowArrayStream::new(Box::new(batches));
        PyCapsule::new_with_value(py, stream, c_str!("arrow_array_stream"))
    }

    /// The table as a `pandas.DataFrame`, through pyarrow.
    fn to_pandas<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        slf.py().import("pyarrow")?.getattr("table")?.call1((slf,))?.call_method0("to_pandas")
    }

    /// The rows as a list of dicts, without any other library. Numbers that are not finite are None.
    fn to_pylist<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let written = py.detach(|| {
            let builder = arrow::json::WriterBuilder::new().with_explicit_nulls(true);
            let mut writer: arrow::json::ArrayWriter<_> = builder.build(Vec::new());
            for batch in &self.batches {
                writer.write(batch)?;
            }
            writer.finish()?;
            Ok::<_, arrow::error::ArrowError>(writer.into_inner())
        });
        let text = written.raise(Kind::Benchmark)?;
        // Without a row the writer writes nothing.
        let text: &[u8] = if text.is_empty() { b"[]" } else { &text };
        py.import("json")?.getattr("loads")?.call1((PyBytes::new(py, text),))
    }

    /// The rows, one after the other, as dicts.
    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        Ok(self.to_pylist(py)?.try_iter()?.into_any())
    }

    fn __repr__(&self) -> String {
        format!("<{} rows of {}>", self.__len__(), self.columns().join(", "))
    }
}
