//! Rows of cells, printed one at a time: a space is never held as text.

use std::io::{BufWriter, Write};

use clap::ValueEnum;
use clap::builder::PossibleValue;
use nasbench::space::{Cell, ModuleHash};
use serde_json::Value;

use crate::cli::format::{self, Format, Table};

/// Format of cells: as other rows, or only their hashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CellFormat {
    Rows(Format),
    Hashes,
}

impl Default for CellFormat {
    fn default() -> Self {
        Self::Rows(Format::default())
    }
}

impl ValueEnum for CellFormat {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Rows(Format::Table), Self::Rows(Format::Json), Self::Rows(Format::Csv), Self::Hashes]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        match self {
            Self::Hashes => Some(PossibleValue::new("hashes").help("The hashes alone, one per line")),
            Self::Rows(Format::Json) => {
                Some(PossibleValue::new("json").help("A JSON list with an object on each line; `--cell` reads it"))
            }
            Self::Rows(format) => format.to_possible_value(),
        }
    }
}

/// Prints rows: the command's own columns, then the columns of every cell.
pub(super) struct Rows<W: Write> {
    names: Vec<&'static str>,
    printer: Printer<W>,
}

enum Printer<W: Write> {
    Table(Table, BufWriter<W>),
    Json { out: BufWriter<W>, is_first: bool },
    Csv(Box<csv::Writer<W>>),
    Hashes(BufWriter<W>),
}

impl<W: Write> Rows<W> {
    pub(super) fn new(format: CellFormat, own: &[&'static str], out: W) -> anyhow::Result<Self> {
        let shown: Vec<_> = own.iter().copied().chain(["hash", "vertices", "edges", "cell"]).collect();
        let names: Vec<_> = own.iter().copied().chain(["hash", "vertices", "edges", "adjacency", "operations"]).collect();
        let printer = match format {
            CellFormat::Rows(Format::Table) => Printer::Table(Table::new(&shown, &[]), BufWriter::new(out)),
            CellFormat::Rows(Format::Json) => {
                let mut out = BufWriter::new(out);
                write!(out, "[")?;
                Printer::Json { out, is_first: true }
            }
            CellFormat::Rows(Format::Csv) => {
                let mut writer = csv::Writer::from_writer(out);
                writer.write_record(&names)?;
                Printer::Csv(Box::new(writer))
            }
            CellFormat::Hashes => Printer::Hashes(BufWriter::new(out)),
        };
        Ok(Self { names, printer })
    }

    /// Prints a cell, with values for the command's own columns.
    pub(super) fn push(&mut self, own: impl Into<Vec<Value>>, hash: ModuleHash, cell: &Cell) -> anyhow::Result<()> {
        if let Printer::Hashes(out) = &mut self.printer {
            return Ok(writeln!(out, "{hash}")?);
        }
        let mut row = own.into();
        row.extend([hash.to_string().into(), cell.vertices().into(), cell.edge_count().into()]);
        match &mut self.printer {
            Printer::Hashes(_) => unreachable!("hashes are printed above"),
            Printer::Table(table, _) => {
                row.push(cell.to_string().into());
                table.push(row);
            }
            Printer::Json { out, is_first } => {
                row.extend([cell.adjacency_text().into(), cell.operations_text().into()]);
                let object: serde_json::Map<_, _> = self.names.iter().map(|name| (*name).to_owned()).zip(row).collect();
                let comma = if std::mem::take(is_first) { "" } else { "," };
                write!(out, "{comma}\n  {}", Value::Object(object))?;
            }
            Printer::Csv(writer) => {
                row.extend([cell.adjacency_text().into(), cell.operations_text().into()]);
                writer.write_record(row.iter().map(format::text))?;
            }
        }
        Ok(())
    }

    /// Prints the rest.
    pub(super) fn finish(self) -> anyhow::Result<()> {
        match self.printer {
            Printer::Table(table, mut out) => {
                table.print(Format::Table, &mut out)?;
                out.flush()?;
            }
            Printer::Json { mut out, is_first } => {
                writeln!(out, "{}]", if is_first { "" } else { "\n" })?;
                out.flush()?;
            }
            Printer::Csv(mut writer) => writer.flush()?,
            Printer::Hashes(mut out) => out.flush()?,
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(format: CellFormat, cells: &[Cell]) -> String {
        let mut out = Vec::new();
        let mut rows = Rows::new(format, &["index"], &mut out).unwrap();
        for (index, cell) in cells.iter().enumerate() {
            rows.push([Value::from(index)], cell.hash(), cell).unwrap();
        }
        rows.finish().unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn rows_that_stream_are_well_formed_however_many_there_are() {
        let cell = Cell::from_texts("010001000", "input,maxpool3x3,output").unwrap();
        for count in 0..3 {
            let list: Vec<Value> = serde_json::from_str(&printed(CellFormat::Rows(Format::Json), &vec![cell; count])).unwrap();
            assert_eq!(list.len(), count);
            assert_eq!(printed(CellFormat::Hashes, &vec![cell; count]), format!("{}\n", cell.hash()).repeat(count));
        }
        let csv = printed(CellFormat::Rows(Format::Csv), &[cell]);
        let expected = format!("0,{},3,2,010001000,\"input,maxpool3x3,output\"\n", cell.hash());
        assert_eq!(csv, format!("index,hash,vertices,edges,adjacency,operations\n{expected}"));
        assert!(printed(CellFormat::Rows(Format::Table), &[cell]).contains("0-1,1-2 maxpool3x3"));
    }
}
