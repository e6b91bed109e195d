//! The columns of imported rows, made of the compact rows at once.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, ArrowPrimitiveType, DictionaryArray, Int32Array, PrimitiveArray, StringArray, StringBuilder, new_null_array,
};
use arrow::datatypes::{Float32Type, Float64Type, Int32Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type};

use super::rows::{Found, Row};
use crate::table::column::{Column, EVALUATIONS, small};
use crate::table::{Source, Status};

/// Gathers a column of imported rows; null where the official files have nothing of the kind.
///
/// # Shapes
///
/// - returns: `[rows]`
pub(super) fn gather(column: &Column, rows: &[Row], cells: &[Found]) -> ArrayRef {
    let of = Gather { rows, cells };
    match column.name {
        "module_hash" => of.text(|found| found.hash.to_string()),
        "module_adjacency" => of.text(|found| found.cell.adjacency_text()),
        "module_operations" => of.text(|found| found.cell.operations_text()),
        "vertices" => of.number::<UInt8Type>(|_, found| small(found.cell.vertices())),
        "edges" => of.number::<UInt8Type>(|_, found| small(found.cell.edge_count())),
        "epochs" => of.number::<UInt16Type>(|row, _| row.epochs),
        "repeat" => of.number::<UInt16Type>(|row, _| row.repeat),
        "trainable_parameters" => of.number::<UInt32Type>(|row, _| row.parameters),
        "flops" => of.number::<UInt64Type>(|_, found| found.flops),
        "total_time" => of.number::<Float64Type>(|row, _| row.times[3]),
        "status" => of.label(Status::Ok.name()),
        "source" => of.label(Source::Imported.name()),
        "tool_version" => of.label(env!("CARGO_PKG_VERSION")),
        name => match EVALUATIONS.as_flattened().iter().position(|measured| *measured == name) {
            Some(index) if index % 4 == 0 => of.number::<Float64Type>(|row, _| row.times[index / 4]),
            Some(index) => of.number::<Float32Type>(|row, _| row.accuracies[index / 4 * 3 + index % 4 - 1]),
            None => new_null_array(&column.data_type(), rows.len()),
        },
    }
}

struct Gather<'a> {
    rows: &'a [Row],
    cells: &'a [Found],
}

impl Gather<'_> {
    fn number<T: ArrowPrimitiveType>(&self, value: impl Fn(&Row, &Found) -> T::Native) -> ArrayRef {
        let values = self.rows.iter().map(|row| value(row, &self.cells[row.cell as usize]));
        Arc::new(PrimitiveArray::<T>::from_iter_values(values))
    }

    /// Returns a text of the cell. Rows of one cell stand together, so each text is made once.
    fn text(&self, text: impl Fn(&Found) -> String) -> ArrayRef {
        let mut texts = StringBuilder::with_capacity(self.rows.len(), 32 * self.rows.len());
        for rows in self.rows.chunk_by(|one, other| one.cell == other.cell) {
            let text = text(&self.cells[rows[0].cell as usize]);
            for _ in rows {
                texts.append_value(&text);
            }
        }
        Arc::new(texts.finish())
    }

    /// Returns the same text in every row.
    fn label(&self, text: &str) -> ArrayRef {
        let values = Arc::new(StringArray::from(vec![text]));
        Arc::new(DictionaryArray::<Int32Type>::new(Int32Array::from(vec![0; self.rows.len()]), values))
    }
}
