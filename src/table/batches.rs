//! The rows of a benchmark as Arrow has them.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{Schema, SchemaRef};
use rayon::prelude::*;

use super::merge_scan::Sorted;
use super::reader::{Group, Reader, columns};
use super::{Benchmark, Error, Part};

impl Benchmark {
    /// Reads the rows of a part as record batches, each key once: all columns, or some, in the order of the files.
    ///
    /// Every value is checked as [`read`](super::read) does.
    ///
    /// # Errors
    ///
    /// [`Error::NoColumn`] for the first name that is none, and as [`read`](super::read) for the first damaged file.
    pub fn batches(&self, part: Part, names: Option<&[&str]>) -> Result<(SchemaRef, Vec<RecordBatch>), Error> {
        let (files, identity) = (self.files(part)?, self.identity());
        let all = columns(&files, identity)?;
        let schema = match names {
            None => all,
            Some(names) => {
                if let Some(unknown) = names.iter().find(|name| all.column_with_name(name).is_none()) {
                    let known = all.fields().iter().map(|field| field.name().clone()).collect();
                    return Err(Error::NoColumn { column: (*unknown).to_owned(), known });
                }
                let fields = all.fields().iter().filter(|field| names.contains(&field.name().as_str()));
                Arc::new(Schema::new(fields.cloned().collect::<Vec<_>>()))
            }
        };
        let [file] = files.as_slice() else {
            let batches = Sorted::open_columns(self, part, Arc::clone(&schema))?.collect::<Result<_, _>>()?;
            return Ok((schema, batches));
        };
        let reader = Reader::open(file, identity, &schema)?;
        let of_group =
            |group: &Group| reader.group(group, group.rows.max(1))?.map(|batch| Ok(batch?.1)).collect::<Result<Vec<_>, _>>();
        let groups = reader.groups();
        let batches: Vec<Vec<RecordBatch>> = groups.par_iter().map(of_group).collect::<Result<_, Error>>()?;
        Ok((Arc::clone(reader.columns()), batches.concat()))
    }
}
