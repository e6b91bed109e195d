//! A cell as a row of features: some encodings side by side.
//!
//! The encodings themselves live in [`space`](crate::space::ENCODINGS), each with its name; here they are chosen, and the cost
//! of the network in which a cell is trained takes the place of that of NAS-Bench-101. A new feature is a new encoding, or a new
//! column of one.

use rayon::prelude::*;

use super::{Error, Rows, Target};
use crate::network::{self, COST_COLUMNS, Skeleton, encode_cost, encoding};
use crate::space::{Cell, Encoding, Space};

/// What models are fitted on if nothing else is asked for: numbers that mean the same for cells of every size and do not
/// depend on how vertices are numbered.
pub const STANDARD: &[&str] = &["statistics", "walks", "triples", COST];
/// What a person can read: counts, and the cost of the network.
pub const READABLE: &[&str] = &["statistics", COST];

/// The encoding that is made of the cost given.
const COST: &str = "cost";
/// The most vertices and edges of a cell: models may score cells that are larger than those of the fit.
const LIMITS: (usize, usize) = (7, 21);
/// Cells that one thread encodes at a time.
const BATCH: usize = 256;

/// Which numbers make the row of a cell.
#[derive(Clone, Debug)]
pub struct Features {
    encodings: Vec<&'static Encoding>,
    space: Space,
    skeleton: Skeleton,
    /// What is known of each cell from cheaper trainings, behind the encodings.
    warm: Option<Target>,
    names: Vec<String>,
}

impl PartialEq for Features {
    fn eq(&self, other: &Self) -> bool {
        self.space == other.space && self.skeleton == other.skeleton && self.warm == other.warm && self.names == other.names
    }
}

impl Features {
    /// Chooses encodings by their names, for cells of the operations of a space and of any size, in the network of NAS-Bench-101.
    ///
    /// # Errors
    ///
    /// [`Error::NoEncodings`], [`Error::UnknownEncoding`], or [`Error::RepeatedEncoding`] if two have the same columns.
    ///
    /// # Panics
    ///
    /// Never: the limits are those that a space may have.
    ///
    /// # Example
    ///
    /// ```
    /// use nasbench::space::Space;
    /// use nasbench::surrogate::features::{Features, READABLE};
    ///
    /// let features = Features::new(READABLE, &Space::nas_bench_101())?;
    /// assert_eq!(features.names()[0], "conv3x3");
    /// # Ok::<(), nasbench::surrogate::Error>(())
    /// ```
    pub fn new<N: AsRef<str>>(encodings: &[N], space: &Space) -> Result<Self, Error> {
        let found =
            encodings.iter().map(|name| encoding(name.as_ref()).ok_or_else(|| Error::UnknownEncoding(name.as_ref().to_owned())));
        let found: Vec<_> = found.collect::<Result<_, _>>()?;
        if found.is_empty() {
            return Err(Error::NoEncodings);
        }
        let space = space.with_max_vertices(LIMITS.0).and_then(|space| space.with_max_edges(LIMITS.1));
        let space = space.expect("limits of a space");
        let mut names: Vec<String> = Vec::new();
        for encoding in &found {
            let columns = encoding.columns(&space);
            if let Some(column) = columns.iter().find(|column| names.contains(column)) {
                return Err(Error::RepeatedEncoding { encoding: encoding.name, column: column.clone() });
            }
            names.extend(columns);
        }
        Ok(Self { encodings: found, space, skeleton: Skeleton::nas_bench_101(), warm: None, names })
    }

    /// The same features of cells in another network.
    #[must_use]
    pub fn with_skeleton(self, skeleton: Skeleton) -> Self {
        Self { skeleton, ..self }
    }

    /// The same features with one more behind them: what each cell reached in cheaper trainings.
    #[must_use]
    pub fn with_warm(mut self, warm: Target) -> Self {
        self.names.truncate(self.width_of_cells());
        self.names.push(format!("{}@{}", warm.quantity.name(), warm.epochs));
        Self { warm: Some(warm), ..self }
    }

    /// What must be known of each cell beside the cell itself.
    #[must_use]
    pub const fn warm(&self) -> Option<Target> {
        self.warm
    }

    /// The columns that follow from the cell alone.
    fn width_of_cells(&self) -> usize {
        self.names.len() - usize::from(self.warm.is_some())
    }

    /// The network around the cells, which says what they cost.
    #[must_use]
    pub const fn skeleton(&self) -> &Skeleton {
        &self.skeleton
    }

    /// The names of the columns, in their order.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The names of the encodings.
    pub fn encodings(&self) -> impl Iterator<Item = &'static str> {
        self.encodings.iter().map(|encoding| encoding.name)
    }

    /// The space of the cells that can be encoded.
    #[must_use]
    pub const fn space(&self) -> Space {
        self.space
    }

    /// Encodes cells, each as its [`representative`](Cell::representative) and with that one's cost in the network: isomorphic cells
    /// have equal rows, whatever the encodings.
    ///
    /// # Shapes
    ///
    /// - returns: `[cells, names]`
    ///
    /// # Errors
    ///
    /// [`Error::Cell`] for a cell with an operation that the features do not know, [`Error::Network`] if the network has too few
    /// channels for one, [`Error::Warm`] if more must be known than the cells.
    pub fn rows(&self, cells: &[Cell]) -> Result<Rows, Error> {
        match self.warm {
            Some(target) => Err(Error::Warm(target)),
            None => self.rows_of_cells(cells),
        }
    }

    /// Encodes cells, each with what it reached in the cheaper trainings of [`warm`](Self::warm).
    ///
    /// # Shapes
    ///
    /// - `values`: `[cells]`, fractions or seconds as its quantity says
    /// - returns: `[cells, names]`
    ///
    /// # Errors
    ///
    /// As [`rows`](Self::rows); [`Error::Count`] unless there is a value for each cell, [`Error::Feature`] if one is no number.
    ///
    /// # Panics
    ///
    /// Panics if nothing but the cells must be known.
    pub fn rows_with(&self, cells: &[Cell], values: &[f32]) -> Result<Rows, Error> {
        assert!(self.warm.is_some(), "there is a column for the values");
        self.rows_of_cells(cells)?.with_column(values)
    }

    fn rows_of_cells(&self, cells: &[Cell]) -> Result<Rows, Error> {
        let width = self.width_of_cells();
        let mut rows = Rows { width, values: vec![0.0; cells.len() * width] };
        let batches = rows.values.par_chunks_mut(width * BATCH).zip(cells.par_chunks(BATCH));
        batches.try_for_each(|(values, cells)| {
            values.chunks_mut(width).zip(cells).try_for_each(|(row, cell)| self.encode(&cell.representative(), row))
        })?;
        Ok(rows)
    }

    /// Encodes a representative.
    fn encode(&self, cell: &Cell, mut row: &mut [f32]) -> Result<(), Error> {
        self.space.check(*cell).map_err(|source| Error::Cell { cell: *cell, source })?;
        for encoding in &self.encodings {
            let (own, rest) = row.split_at_mut(encoding.width(&self.space));
            if encoding.name == COST {
                let cost = network::cost_as_numbered(cell, &self.skeleton);
                encode_cost(&cost.map_err(|source| Error::Network { cell: *cell, source })?, own);
            } else {
                (encoding.encode)(&self.space, cell, own);
            }
            row = rest;
        }
        Ok(())
    }
}

/// What the numbers of a feature are, so that a threshold can be printed as a person would say it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scale {
    /// Whole numbers.
    Count,
    /// Any numbers.
    Number,
    /// Decimal logarithms.
    Logarithm,
}

/// What the numbers of a feature are, and the name of the quantity.
pub(super) fn scale(name: &str) -> (Scale, &str) {
    if let Some(quantity) = name.strip_prefix("log10_").filter(|_| COST_COLUMNS.contains(&name)) {
        return (Scale::Logarithm, quantity);
    }
    let space = Space::nas_bench_101();
    let counted = ["statistics", "triples"].into_iter().filter_map(encoding).flat_map(|encoding| encoding.columns(&space));
    let is_count = !name.starts_with("mean_") && counted.into_iter().any(|column| column == name);
    (if is_count { Scale::Count } else { Scale::Number }, name)
}

#[cfg(test)]
mod tests {
    use super::super::tests::cells;
    use super::*;
    use crate::network::{ENCODINGS, Plan};
    use crate::space::Operation;
    use crate::surrogate::Quantity;
    use crate::unit::Epochs;

    #[test]
    fn encodings_stand_side_by_side() {
        let features = Features::new(STANDARD, &Space::nas_bench_mini()).unwrap();
        let cell = cells(20)[19];
        let rows = features.rows(&[cell]).unwrap();
        let mut expected = Vec::new();
        for name in STANDARD {
            let encoding = encoding(name).unwrap();
            let mut row = vec![0.0; encoding.width(&Space::nas_bench_101())];
            encoding.encode(&Space::nas_bench_101(), &[cell], &mut row).unwrap();
            expected.extend(row);
        }
        assert_eq!(rows.row(0), expected);
        assert_eq!(features.names().last().unwrap(), "log10_activation_bytes");
    }

    #[test]
    fn the_cost_is_that_of_the_network_around_the_cell() {
        let small = Skeleton { stem_channels: 16, ..Skeleton::nas_bench_101() };
        let features = |skeleton| Features::new(READABLE, &Space::nas_bench_101()).unwrap().with_skeleton(skeleton);
        let cells = cells(91);
        for skeleton in [small, Skeleton::nas_bench_101()] {
            for (cell, row) in cells.iter().zip(features(skeleton).rows(&cells).unwrap().iter()) {
                let mut cost = [0.0; COST_COLUMNS.len()];
                encode_cost(&Plan::compile(cell, &skeleton).unwrap().cost(), &mut cost);
                assert_eq!(row[row.len() - cost.len()..], cost);
            }
        }
        assert_ne!(features(small), features(Skeleton::nas_bench_101()));
        let tiny = features(Skeleton { stem_channels: 1, ..small });
        assert!(matches!(tiny.rows(&cells), Err(Error::Network { .. })));
    }

    #[test]
    fn isomorphic_cells_have_equal_rows_of_every_encoding() {
        let five = Space::nas_bench_101().with_max_vertices(5).unwrap();
        let labelled: Vec<_> = five.labelled_cells().collect();
        let stored: Vec<_> = labelled.iter().map(Cell::representative).collect();
        let small = Skeleton { stem_channels: 4, ..Skeleton::nas_bench_101() };
        for encoding in &ENCODINGS {
            let features = Features::new(&[encoding.name], &five).unwrap().with_skeleton(small);
            assert_eq!(features.rows(&labelled).unwrap(), features.rows(&stored).unwrap(), "{}", encoding.name);
        }
    }

    #[test]
    fn what_a_cell_reached_before_is_the_last_feature() {
        let target = Target { quantity: Quantity::ValidationAccuracy, epochs: Epochs(4) };
        let plain = Features::new(READABLE, &Space::nas_bench_101()).unwrap();
        let warm = plain.clone().with_warm(target);
        assert_eq!(warm.names().last().unwrap(), "final_validation_accuracy@4");
        assert_eq!((warm.names().len(), warm.warm()), (plain.names().len() + 1, Some(target)));
        assert_ne!(warm, plain);
        let rows = warm.rows_with(&cells(2), &[0.25, 0.5]).unwrap();
        assert_eq!(rows, plain.rows(&cells(2)).unwrap().with_column(&[0.25, 0.5]).unwrap());
        let message = warm.rows(&cells(2)).unwrap_err().to_string();
        assert_eq!(message, "the model also needs the validation accuracy at 4 epochs of each cell");
        assert!(matches!(warm.rows_with(&cells(2), &[0.25]), Err(Error::Count { .. })));
    }

    #[test]
    fn every_encoding_makes_features() {
        let five = Space::nas_bench_101().with_operations(&Operation::ALL).unwrap();
        let known = cells(91);
        for encoding in &ENCODINGS {
            let rows = Features::new(&[encoding.name], &five).unwrap().rows(&known).unwrap();
            assert_eq!((rows.len(), rows.width()), (91, encoding.width(&five)));
        }
    }

    #[test]
    fn what_cannot_be_encoded_is_named() {
        let message = |names: &[&str]| Features::new(names, &Space::nas_bench_101()).unwrap_err().to_string();
        assert!(message(&["statistics", "colour"]).starts_with("unknown encoding `colour` (known: adjacency, "));
        assert_eq!(message(&[]), "no encodings, expected at least one");
        assert_eq!(message(&["path", "path-40"]), "the encoding `path-40` repeats the column `path` of another one");
        let cell = Cell::from_texts("010001000", "input,identity,output").unwrap();
        let error = Features::new(STANDARD, &Space::nas_bench_101()).unwrap().rows(&[cell]).unwrap_err();
        assert!(matches!(error, Error::Cell { .. }), "{error}");
    }

    #[test]
    fn thresholds_are_read_by_the_name_of_the_column() {
        assert_eq!(scale("conv3x3"), (Scale::Count, "conv3x3"));
        assert_eq!(scale("triple_input_conv3x3_output").0, Scale::Count);
        assert_eq!(scale("mean_path_length").0, Scale::Number);
        assert_eq!(scale("walk_operations").0, Scale::Number);
        assert_eq!(scale("log10_parameters"), (Scale::Logarithm, "parameters"));
        assert_eq!(scale("something"), (Scale::Number, "something"));
    }
}
