//! The compact rows of an import: 88 bytes a record, and each cell once.

use rayon::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};

use super::Problem;
use super::metrics::Metrics;
use super::payload::Payload;
use crate::network::{self, Skeleton};
use crate::space::{Cell, ModuleHash, Space, Spec};
use crate::table::FIRST_VERIFIED_REPEAT;
use crate::unit::{Flops, Parameters};

/// One record.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    /// As in [`Metrics`].
    pub(super) times: [f64; 4],
    /// As in [`Metrics`].
    pub(super) accuracies: [f32; 9],
    pub(super) parameters: u32,
    /// The position of its cell among those that were found, then among those sorted by hash.
    pub(super) cell: u32,
    /// How many records came before it, those that were left out included.
    pub(super) ordinal: u32,
    pub(super) epochs: u16,
    pub(super) repeat: u16,
}

impl Row {
    /// Returns whether two trainings came to the same to the last bit, which only a copy does: even the times are equal.
    fn is_copy(&self, other: &Self) -> bool {
        self.times.map(f64::to_bits) == other.times.map(f64::to_bits)
            && self.accuracies.map(f32::to_bits) == other.accuracies.map(f32::to_bits)
            && self.parameters == other.parameters
    }
}

/// A cell with what is known of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    pub(super) hash: ModuleHash,
    /// The graph of the first record with this hash: parameter counts depend on it.
    pub(super) cell: Cell,
    /// The trainable parameters of the official network of it.
    parameters: u32,
    /// The cost of one forward pass of that network.
    pub(super) flops: u64,
}

/// All records that were taken so far.
#[derive(Debug, Default)]
pub(super) struct Rows {
    pub(super) records: Vec<Row>,
    pub(super) cells: Vec<Found>,
    by_spec: FxHashMap<Spec, u32>,
    by_hash: FxHashMap<ModuleHash, u32>,
    /// Records whose matrix is not the stored one of their hash.
    pub(super) isomorphic: u64,
    /// Records that state another number of parameters than the network of their hash has.
    pub(super) recounted: u64,
    /// Records with an accuracy of more digits than single precision has.
    pub(super) rounded: u64,
}

/// Why a row cannot stay: it is a copy of another one, or there are too many of its kind.
pub(super) enum Surplus {
    /// The ordinal of the row that it is a copy of.
    CopyOf(u32),
    /// There is no repeat left for it.
    TooMany(Box<Problem>),
}

impl Rows {
    /// Learns the cells of records that were not seen before, on all cores; [`add`](Self::add) refuses those that are no
    /// cells of NAS-Bench-101.
    pub(super) fn learn<'a>(&mut self, payloads: impl Iterator<Item = &'a Payload>) {
        let mut unknown: Vec<Spec> =
            payloads.map(|payload| payload.spec).filter(|spec| !self.by_spec.contains_key(spec)).collect();
        let mut seen = FxHashSet::default();
        unknown.retain(|spec| seen.insert(*spec));
        let learnt: Vec<_> = unknown.par_chunks(512).flat_map_iter(find).collect();
        for (spec, found) in unknown.into_iter().zip(learnt) {
            if let Some(found) = found {
                self.add_cell(spec, found);
            }
        }
    }

    fn add_cell(&mut self, spec: Spec, found: Found) {
        let next = u32::try_from(self.cells.len()).expect("a space has fewer than 2^32 cells");
        let cell = *self.by_hash.entry(found.hash).or_insert(next);
        if cell == next {
            self.cells.push(found);
        }
        self.by_spec.insert(spec, cell);
    }

    /// Adds a record whose cell was learnt.
    ///
    /// # Errors
    ///
    /// [`Problem::Hash`] if it states another hash than its cell has; [`Problem::Cell`] or [`Problem::Unpruned`] if it has no
    /// cell of NAS-Bench-101.
    pub(super) fn add(&mut self, payload: &Payload, ordinal: u32) -> Result<(), Problem> {
        let Some(cell) = self.by_spec.get(&payload.spec).copied() else {
            return Err(check(&payload.spec).expect_err("a cell that is one was learnt"));
        };
        let found = &self.cells[cell as usize];
        if payload.stated != found.hash {
            return Err(Problem::Hash { stated: payload.stated, computed: found.hash });
        }
        self.isomorphic += u64::from(found.cell.spec() != payload.spec);
        let Metrics { times, accuracies, parameters, rounded } = payload.metrics;
        self.recounted += u64::from(found.parameters != parameters);
        self.rounded += u64::from(rounded);
        self.records.push(Row { times, accuracies, parameters, cell, ordinal, epochs: payload.epochs, repeat: 0 });
        Ok(())
    }

    /// Sorts the cells by hash and gives every row its repeat: its position among those of its cell and budget, in the order
    /// of the files. Returns the order of the rows by key.
    ///
    /// `refuse` is called with the ordinals of those that are left out.
    pub(super) fn sort(&mut self, mut refuse: impl FnMut(u32, Surplus)) -> Vec<u32> {
        self.by_spec = FxHashMap::default();
        self.by_hash = FxHashMap::default();
        self.sort_cells();
        let key = |(i, row): (usize, &Row)| (u64::from(row.cell) << 16 | u64::from(row.epochs), position(i));
        let mut keys: Vec<(u64, u32)> = self.records.par_iter().enumerate().map(key).collect();
        keys.par_sort_unstable();
        let mut order = Vec::with_capacity(keys.len());
        for group in keys.chunk_by(|one, other| one.0 == other.0) {
            let first = order.len();
            for &(_, i) in group {
                if let Some(surplus) = self.surplus(i, &order[first..]) {
                    refuse(self.records[i as usize].ordinal, surplus);
                } else {
                    self.records[i as usize].repeat = u16::try_from(order.len() - first).expect("repeats are limited");
                    order.push(i);
                }
            }
        }
        order
    }

    /// Why a row cannot stand beside those that were accepted of its cell and budget.
    fn surplus(&self, i: u32, accepted: &[u32]) -> Option<Surplus> {
        let row = &self.records[i as usize];
        let accepted = || accepted.iter().map(|i| &self.records[*i as usize]);
        if let Some(other) = accepted().find(|other| other.is_copy(row)) {
            return Some(Surplus::CopyOf(other.ordinal));
        }
        let limit = FIRST_VERIFIED_REPEAT;
        (accepted().len() >= usize::from(limit)).then(|| {
            let hash = self.cells[row.cell as usize].hash;
            Surplus::TooMany(Box::new(Problem::TooManyRepeats { hash, epochs: row.epochs, limit }))
        })
    }

    fn sort_cells(&mut self) {
        let mut order: Vec<u32> = (0..self.cells.len()).map(position).collect();
        order.par_sort_unstable_by_key(|i| self.cells[*i as usize].hash);
        let mut ranks = vec![0; order.len()];
        for (rank, i) in order.iter().enumerate() {
            ranks[*i as usize] = position(rank);
        }
        self.cells = order.iter().map(|i| self.cells[*i as usize]).collect();
        self.records.par_iter_mut().for_each(|row| row.cell = ranks[row.cell as usize]);
    }
}

fn position(i: usize) -> u32 {
    u32::try_from(i).expect("records are counted in 32 bits")
}

/// Returns the cell of a graph, or an error unless it is a pruned cell of NAS-Bench-101.
fn check(spec: &Spec) -> Result<Cell, Problem> {
    let cell = spec.prune()?;
    if cell.spec() != *spec {
        return Err(Problem::Unpruned { expected: cell.vertices(), found: spec.vertices() });
    }
    Ok(Space::nas_bench_101().check(cell)?)
}

/// Hashes and weighs those specs that are cells.
fn find(specs: &[Spec]) -> Vec<Option<Found>> {
    let checked: Vec<_> = specs.iter().map(|spec| check(spec).ok()).collect();
    let cells: Vec<_> = checked.iter().copied().flatten().collect();
    let mut hashes = Cell::hashes(&cells).into_iter();
    let mut found = |cell: Cell| {
        let cost = network::count(&cell, &Skeleton::nas_bench_101());
        let (Parameters(parameters), Flops(flops)) = cost.expect("the official network can hold every cell");
        let hash = hashes.next().expect("a hash for each cell");
        Found { hash, cell, parameters, flops }
    };
    checked.into_iter().map(|cell| cell.map(&mut found)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_takes_88_bytes() {
        assert_eq!(size_of::<Row>(), 88);
    }
}
