//! A cell as a row of features: some encodings side by side.
//!
//! The encodings themselves live in [`space`](crate::space::ENCODINGS), each with its name; here they are chosen, and the cost
//! of the network in which a cell is trained takes the place of that of NAS-Bench-101. A new feature is a new encoding, or a new
//! column of one.

use rayon::prelude::*;

use super::{Error, Rows};
use crate::network::{COST_COLUMNS, Cost, Plan, Skeleton, encode_cost, encoding};
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
    names: Vec<String>,
}

impl PartialEq for Features {
    fn eq(&self, other: &Self) -> bool {
        self.space == other.space && self.skeleton == other.skeleton && self.names == other.names
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
        let found = encodings
            .iter()
            .map(|name| encoding(name.as_ref()).ok_or_else(|| Error::UnknownEncoding { name: name.as_ref().to_owned() }));
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
        Ok(Self { encodings: found, space, skeleton: Skeleton::nas_bench_101(), names })
    }

    /// The same features of cells in another network.
    #[must_use]
    pub fn with_skeleton(self, skeleton: Skeleton) -> Self {
        Self { skeleton, ..self }
    }

    /// The network around the cells, which says what they cost.
    #[must_use]
    pub const fn skeleton(&self) -> &Skeleton {
        &self.skeleton
    }

    /// What a cell costs in the network.
    ///
    /// # Errors
    ///
    /// [`Error::Network`] if the network has too few channels for it.
    pub fn cost(&self, cell: &Cell) -> Result<Cost, Error> {
        let plan = Plan::compile(cell, &self.skeleton).map_err(|source| Error::Network { cell: *cell, source })?;
        Ok(plan.cost())
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

    /// Encodes cells, each with its cost.
    ///
    /// # Shapes
    ///
    /// - returns: `[cells, names]`
    ///
    /// # Errors
    ///
    /// [`Error::Cell`] for a cell with an operation that the features do not know.
    pub fn rows(&self, cells: &[(Cell, Cost)]) -> Result<Rows, Error> {
        self.encode_all(cells, |(cell, cost), row| self.encode(cell, || Ok(*cost), row))
    }

    /// Encodes cells, each with its cost in the network.
    ///
    /// # Shapes
    ///
    /// - returns: `[cells, names]`
    ///
    /// # Errors
    ///
    /// As [`rows`](Self::rows) and [`cost`](Self::cost).
    pub fn rows_of(&self, cells: &[Cell]) -> Result<Rows, Error> {
        self.encode_all(cells, |cell, row| self.encode(cell, || self.cost(cell), row))
    }

    fn encode_all<T: Sync>(
        &self,
        cells: &[T],
        encode: impl Fn(&T, &mut [f32]) -> Result<(), Error> + Sync,
    ) -> Result<Rows, Error> {
        let width = self.names.len();
        let mut rows = Rows { width, values: vec![0.0; cells.len() * width] };
        let batches = rows.values.par_chunks_mut(width * BATCH).zip(cells.par_chunks(BATCH));
        batches
            .try_for_each(|(values, cells)| values.chunks_mut(width).zip(cells).try_for_each(|(row, cell)| encode(cell, row)))?;
        Ok(rows)
    }

    fn encode(&self, cell: &Cell, cost: impl FnOnce() -> Result<Cost, Error>, mut row: &mut [f32]) -> Result<(), Error> {
        self.space.check(*cell).map_err(|source| Error::Cell { cell: *cell, source })?;
        let mut cost = Some(cost);
        for encoding in &self.encodings {
            let (own, rest) = row.split_at_mut(encoding.width(&self.space));
            match cost.take_if(|_| encoding.name == COST) {
                Some(cost) => encode_cost(&cost()?, own),
                None => (encoding.encode)(&self.space, cell, own),
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
    use super::super::tests::{cells, cost, costed};
    use super::*;
    use crate::network::ENCODINGS;
    use crate::space::OPERATIONS;

    #[test]
    fn encodings_stand_side_by_side_with_the_cost_that_was_given() {
        let features = Features::new(STANDARD, &Space::nas_bench_mini()).unwrap();
        let cell = cells(20)[19];
        let given = Cost { activation_bytes: 1_000_000, ..cost(cell) };
        let rows = features.rows(&[(cell, given)]).unwrap();
        let mut expected = Vec::new();
        for name in ["statistics", "walks", "triples"] {
            let encoding = encoding(name).unwrap();
            let mut row = vec![0.0; encoding.width(&Space::nas_bench_101())];
            encoding.encode(&Space::nas_bench_101(), &[cell], &mut row).unwrap();
            expected.extend(row);
        }
        assert_eq!(rows.row(0)[..expected.len()], expected);
        assert!((rows.row(0)[expected.len() + 2] - 6.0).abs() < 1e-6, "ten to the sixth bytes");
        assert_eq!(features.names().last().unwrap(), "log10_activation_bytes");
    }

    #[test]
    fn the_cost_is_that_of_the_network_around_the_cell() {
        let small = Skeleton { stem_channels: 16, ..Skeleton::nas_bench_101() };
        let features = |skeleton| Features::new(READABLE, &Space::nas_bench_101()).unwrap().with_skeleton(skeleton);
        let cells = cells(30);
        for skeleton in [small, Skeleton::nas_bench_101()] {
            let costed: Vec<_> = cells.iter().map(|cell| (*cell, Plan::compile(cell, &skeleton).unwrap().cost())).collect();
            let own = features(skeleton);
            assert_eq!(own.rows_of(&cells).unwrap(), own.rows(&costed).unwrap());
        }
        assert_ne!(features(small), features(Skeleton::nas_bench_101()));
        let tiny = features(Skeleton { stem_channels: 1, ..small });
        assert!(cells.iter().any(|cell| matches!(tiny.cost(cell), Err(Error::Network { .. }))));
    }

    #[test]
    fn every_encoding_makes_features() {
        let five = Space::nas_bench_101().with_operations(OPERATIONS).unwrap();
        let known = costed(&cells(91));
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
        let error = Features::new(STANDARD, &Space::nas_bench_101()).unwrap().rows(&[(cell, cost(cells(1)[0]))]).unwrap_err();
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
