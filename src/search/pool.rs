//! The region in which a search proposes cells: a whole space, or the recorded cells of a table that lacks some.
//!
//! A table that is not complete is a pool: a search draws, mutates and proposes within its cells. A draw outside is repeated,
//! and after [`MOST_REDRAWS`] of them any recorded cell is taken, each with the same chance. Both are counted.

use std::collections::BTreeSet;
use std::sync::Arc;

use rand::RngExt as _;
use rustc_hash::FxHashSet;

use super::SearchRng;
use super::duplicates::Draws;
use crate::oracle::Candidate;
use crate::space::{self, Cell, Mutation, Operation, Sampler, Space, Spec, with_unused_vertices};
use crate::table::{Status, Table};
use crate::unit::Epochs;

/// The draws outside a pool, or of cells asked for before, after which a search takes any other cell.
pub const MOST_REDRAWS: usize = 256;

/// The known cells in a row that a sampler draws in a pool before any of its cells is drawn instead.
const MOST_KNOWN: usize = 16;

/// The recorded cells of a table that lacks some cells of its space. A clone shares them.
#[derive(Clone, Debug)]
pub struct Pool(Arc<Recorded>);

#[derive(Debug)]
struct Recorded {
    cells: Vec<Cell>,
    fingerprints: FxHashSet<u64>,
    in_space: Option<usize>,
}

impl Pool {
    /// Makes a pool of some cells; `in_space` is the number of cells of the space, if that is known.
    #[must_use]
    pub fn new(cells: Vec<Cell>, in_space: Option<usize>) -> Self {
        let fingerprints = cells.iter().map(Cell::fingerprint).collect();
        Self(Arc::new(Recorded { cells, fingerprints, in_space }))
    }

    /// The smallest space that holds the cells that a table has at all of some budgets, and, where the table does not have all
    /// cells of that space, the pool of those that it has. `None` if it has none.
    ///
    /// A cell whose trainings all failed at a budget is not there; one whose trainings diverged is. `is_wanted` says of the
    /// index of a cell whether more that is needed is known of it.
    ///
    /// # Errors
    ///
    /// [`space::Error`] if the cells are of no space.
    pub fn of_table(
        table: &Table,
        budgets: &[Epochs],
        is_wanted: impl Fn(usize) -> bool,
    ) -> Result<Option<(Space, Option<Self>)>, space::Error> {
        let answers =
            |index: usize, epochs: &Epochs| table.repeats(index, *epochs).iter().any(|row| row.status() != Status::Failed);
        let has_all = |index: &usize| budgets.iter().all(|epochs| answers(*index, epochs)) && is_wanted(*index);
        let cells: Vec<_> = (0..table.len()).filter(has_all).map(|index| table.cells()[index]).collect();
        let vertices = cells.iter().map(|cell| cell.vertices()).max();
        let edges = cells.iter().map(|cell| cell.edge_count()).max();
        let (Some(vertices), Some(edges)) = (vertices, edges) else { return Ok(None) };
        let mut space = Space::nas_bench_101().with_max_vertices(vertices)?.with_max_edges(edges)?;
        let operations: BTreeSet<Operation> = cells.iter().flat_map(|cell| cell.operations()).collect();
        if !operations.is_empty() {
            space = space.with_operations(&operations.into_iter().collect::<Vec<_>>())?;
        }
        let in_space = match space.cells() {
            Ok(all) => Some(all.len()),
            Err(space::Error::TooLarge { .. }) => None,
            Err(error) => return Err(error),
        };
        let pool = (in_space != Some(cells.len())).then(|| Self::new(cells, in_space));
        Ok(Some((space, pool)))
    }

    /// Returns the number of its cells.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.cells.len()
    }

    /// Whether it has no cells.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.cells.is_empty()
    }

    /// The number of cells of the space; `None` if the space is too large to count them.
    #[must_use]
    pub fn in_space(&self) -> Option<usize> {
        self.0.in_space
    }

    /// Returns the cells.
    #[must_use]
    pub fn cells(&self) -> &[Cell] {
        &self.0.cells
    }

    /// Returns whether a cell is one of its cells, however its vertices are numbered.
    #[must_use]
    pub fn contains(&self, cell: &Cell) -> bool {
        self.0.fingerprints.contains(&cell.fingerprint())
    }

    /// Returns a digest of its cells.
    #[must_use]
    pub fn digest(&self) -> u64 {
        // The sum does not depend on the order of the cells.
        self.0.fingerprints.iter().fold(0, |sum, fingerprint| sum.wrapping_add(*fingerprint))
    }
}

/// In words: `20,001 recorded cells of the 423,624 of the space, 403,623 missing`.
impl std::fmt::Display for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.in_space() {
            Some(all) => write!(f, "{} recorded cells of the {all} of the space, {} missing", self.len(), all - self.len()),
            None => write!(f, "{} recorded cells of a space too large to count", self.len()),
        }
    }
}

/// The region in which a search proposes cells. Algorithms draw and change cells through it, so that none needs to know of pools, nor of cells that are
/// not to be asked for again.
#[derive(Clone, Debug)]
pub(super) struct Region {
    space: Space,
    pool: Option<Pool>,
    draws: Draws,
    /// Whether no cell is asked for twice.
    never_twice: bool,
    /// The full budget, with which cells are proposed.
    epochs: Epochs,
}

impl Region {
    pub(super) fn new(space: Space, pool: Option<Pool>, (draws, never_twice): (Draws, bool), epochs: Epochs) -> Self {
        Self { space, pool, draws, never_twice, epochs }
    }

    /// Proposes cells at the full budget.
    ///
    /// # Panics
    ///
    /// Panics if a spec is not connected.
    pub(super) fn candidates<'a>(&self, specs: impl IntoIterator<Item = &'a Spec>) -> Vec<Candidate> {
        specs.into_iter().map(|spec| Candidate::of_spec(*spec, self.epochs)).collect()
    }

    /// Returns whether every cell of the space may be drawn.
    const fn is_whole(&self) -> bool {
        self.pool.is_none() && !self.never_twice
    }

    /// Returns whether a cell was asked for and is not to be again.
    fn was_asked(&self, cell: &Cell) -> bool {
        self.never_twice && self.draws.contains(cell)
    }

    /// The space, for what depends on its limits only.
    pub(super) const fn space(&self) -> &Space {
        &self.space
    }

    /// Returns the cell of a spec, if the search may propose it now.
    pub(super) fn cell(&self, spec: &Spec) -> Option<Cell> {
        self.space.cell(spec).ok().filter(|cell| self.holds(cell) && !self.was_asked(cell))
    }

    /// Returns whether a cell of the space may be proposed.
    pub(super) fn holds(&self, cell: &Cell) -> bool {
        self.pool.as_ref().is_none_or(|pool| pool.contains(cell))
    }

    /// Whether a spec that was drawn lies in the space, but outside the pool, or was asked for and is not to be again: then it is to be
    /// drawn again, and was counted.
    pub(super) fn is_redrawn(&self, spec: &Spec) -> bool {
        if self.is_whole() {
            return false;
        }
        let Ok(cell) = self.space.cell(spec) else { return false };
        if !self.holds(&cell) {
            self.draws.count(|redraws| redraws.outside += 1);
            return true;
        }
        let was_asked = self.was_asked(&cell);
        self.draws.count(|redraws| redraws.duplicates += u64::from(was_asked));
        was_asked
    }

    /// Draws a cell with a sampler.
    pub(super) fn draw(&self, sampler: Sampler, rng: &mut SearchRng) -> Spec {
        let once = |rng: &mut SearchRng| match &self.pool {
            // What is accepted of uniform draws is uniform within the pool, too.
            Some(pool) if sampler == Sampler::Uniform => with_unused_vertices(pool.any(rng), &self.space, rng),
            _ => sampler.draw(&self.space, rng),
        };
        if self.is_whole() || self.is_exhausted() {
            return once(rng);
        }
        let drawn = (0..MOST_REDRAWS).map(|_| once(rng)).find(|spec| !self.is_redrawn(spec));
        drawn.unwrap_or_else(|| self.any(rng))
    }

    /// Draws a cell that `is_new` takes; `None` if there seems to be no other after `most` draws.
    ///
    /// A sampler favours some cells. In a pool these are known soon, and then any of its cells is drawn.
    pub(super) fn draw_new(
        &self,
        sampler: Sampler,
        most: usize,
        rng: &mut SearchRng,
        mut is_new: impl FnMut(Spec) -> bool,
    ) -> Option<Spec> {
        for place in 0..most {
            if self.is_exhausted() {
                break;
            }
            let spec = if self.is_pool() && place >= MOST_KNOWN { self.any(rng) } else { self.draw(sampler, rng) };
            if is_new(spec) {
                return Some(spec);
            }
        }
        None
    }

    /// Mutates a cell into another one; `None` if there is no other.
    pub(super) fn mutate(&self, mutation: Mutation, spec: Spec, rng: &mut SearchRng) -> Option<Spec> {
        if self.is_whole() {
            return mutation.mutate(&self.space, spec, rng);
        }
        let before = self.space.cell(&spec).ok()?;
        for _ in 0..MOST_REDRAWS {
            let Some(mutant) = mutation.mutate(&self.space, spec, rng) else { break };
            if !self.is_redrawn(&mutant) {
                return Some(mutant);
            }
        }
        if self.never_twice {
            return self.any_other(rng);
        }
        let pool = self.pool.as_ref()?;
        let has_another = pool.0.cells.iter().any(|cell| !cell.is_isomorphic_to(&before));
        has_another.then(|| {
            loop {
                let other = self.any(rng);
                if !other.prune().is_ok_and(|cell| cell.is_isomorphic_to(&before)) {
                    return other;
                }
            }
        })
    }

    /// The neighbours of a cell that may be proposed.
    pub(super) fn neighbours(&self, spec: Spec) -> impl Iterator<Item = Spec> {
        let holds = |neighbour: &Spec| self.space.cell(neighbour).is_ok_and(|cell| self.holds(&cell));
        self.space.neighbours(spec).filter(move |neighbour| self.pool.is_none() || holds(neighbour))
    }

    /// Returns all cells of at most `max_vertices` vertices that may be proposed.
    ///
    /// # Panics
    ///
    /// Panics if the space has too many cells to list.
    pub(super) fn cells(&self, max_vertices: usize) -> Vec<Cell> {
        if let Some(pool) = &self.pool {
            return pool.0.cells.iter().filter(|cell| cell.vertices() <= max_vertices).copied().collect();
        }
        let cells = self.space.with_max_vertices(max_vertices).and_then(|space| space.cells());
        cells.expect("a space of few vertices is small")
    }

    /// Any cell of the pool, or any that was not asked for, each with the same chance, counted. Once all were asked for it is one of
    /// them, and the search is over.
    ///
    /// # Panics
    ///
    /// Panics unless there is a pool, or no cell is asked for twice.
    pub(super) fn any(&self, rng: &mut SearchRng) -> Spec {
        if self.never_twice {
            return self.any_other(rng).unwrap_or_else(|| Sampler::Uniform.draw(&self.space, rng));
        }
        let pool = self.pool.as_ref().expect("only in a pool every draw can be outside");
        self.draws.count(|redraws| redraws.uniform += 1);
        with_unused_vertices(pool.any(rng), &self.space, rng)
    }

    /// Any of the cells that were not asked for; `None` if there is none.
    fn any_other(&self, rng: &mut SearchRng) -> Option<Spec> {
        let all = || self.cells(self.space.max_vertices());
        self.draws.any_other(all, rng).map(|cell| with_unused_vertices(cell, &self.space, rng))
    }

    /// Whether a cell was to be drawn and all had been asked for.
    fn is_exhausted(&self) -> bool {
        self.draws.is_exhausted()
    }

    /// Whether there is a pool.
    pub(super) const fn is_pool(&self) -> bool {
        self.pool.is_some()
    }
}

impl Pool {
    fn any(&self, rng: &mut SearchRng) -> Cell {
        self.0.cells[rng.random_range(0..self.len())]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::Redraws;
    use crate::table::Record;
    use crate::unit::Seed;

    fn space(max_vertices: usize) -> Space {
        Space::nas_bench_101().with_max_vertices(max_vertices).unwrap()
    }

    /// Every `step`-th cell of the space of five vertices.
    fn region(step: usize) -> (Region, Pool) {
        let all = space(5).cells().unwrap();
        let pool = Pool::new(all.iter().copied().step_by(step).collect(), Some(all.len()));
        (Region::new(space(5), Some(pool.clone()), (Draws::default(), false), Epochs(4)), pool)
    }

    #[test]
    fn draws_mutants_and_neighbours_stay_in_the_pool() {
        let (region, pool) = region(20);
        let mut rng = Seed(1).rng();
        let is_inside = |spec: Spec| pool.contains(&spec.prune().unwrap());
        for sampler in [Sampler::Official, Sampler::Strict, Sampler::Uniform] {
            assert!((0..50).all(|_| is_inside(region.draw(sampler, &mut rng))));
        }
        for _ in 0..50 {
            let parent = region.draw(Sampler::Official, &mut rng);
            let mutant = region.mutate(Mutation::OneEdit, parent, &mut rng).unwrap();
            assert!(is_inside(mutant) && !mutant.prune().unwrap().is_isomorphic_to(&parent.prune().unwrap()));
            assert!(region.neighbours(parent).all(is_inside));
        }
        let Redraws { outside, uniform, .. } = region.draws.redraws();
        assert!(outside > 1_000 && uniform > 0, "{outside} and {uniform}");
    }

    #[test]
    fn uniform_draws_of_a_pool_are_uniform() {
        let (region, pool) = region(500);
        assert_eq!(pool.len(), 6);
        let mut rng = Seed(2).rng();
        let mut counts = [0; 6];
        for _ in 0..3_000 {
            let cell = region.draw(Sampler::Uniform, &mut rng).prune().unwrap();
            counts[pool.0.cells.iter().position(|other| other.is_isomorphic_to(&cell)).unwrap()] += 1;
        }
        // Four standard deviations of a binomial with n = 3000 and p = 1/6 are 82.
        assert!(counts.iter().all(|count| (418..=582).contains(count)), "{counts:?}");
    }

    #[test]
    fn a_pool_of_one_cell_has_no_mutant() {
        let cell = space(5).cells().unwrap()[100];
        let region = Region::new(space(5), Some(Pool::new(vec![cell], None)), (Draws::default(), false), Epochs(4));
        let mut rng = Seed(3).rng();
        let spec = region.draw(Sampler::Official, &mut rng);
        assert_eq!(region.mutate(Mutation::OneEdit, spec, &mut rng), None);
    }

    #[test]
    fn cells_that_were_asked_for_are_not_drawn_again() {
        let cells = space(4).cells().unwrap();
        let pools = [None, Some(Pool::new(cells[..60].to_vec(), Some(cells.len())))];
        for pool in pools {
            let count = pool.as_ref().map_or(cells.len(), Pool::len);
            let asked = Draws::default();
            let region = Region::new(space(4), pool, (asked.clone(), true), Epochs(4));
            let mut rng = Seed(4).rng();
            for place in 0..count {
                let parent = region.draw(Sampler::Official, &mut rng);
                let drawn = match place % 3 {
                    0 => parent,
                    1 => region.draw(Sampler::Uniform, &mut rng),
                    _ => region.mutate(Mutation::OneEdit, parent, &mut rng).unwrap(),
                };
                let cell = region.cell(&drawn).unwrap();
                assert!(!asked.contains(&cell) && !region.is_redrawn(&drawn));
                asked.insert(&cell);
                assert!(region.is_redrawn(&drawn) && region.cell(&drawn).is_none() && region.holds(&cell));
            }
            assert!(!region.is_exhausted());
            let last = region.draw(Sampler::Official, &mut rng);
            assert!(region.is_exhausted() && region.mutate(Mutation::OneEdit, last, &mut rng).is_none());
            // Neighbours are those of the space, whether they were asked for or not.
            let neighbours = |region: &Region| region.neighbours(last).count();
            assert_eq!(neighbours(&region), neighbours(&Region { never_twice: false, ..region.clone() }));
            let Redraws { duplicates, uniform, .. } = asked.redraws();
            assert!(duplicates > 0 && uniform > 0, "{duplicates} and {uniform}");
        }
    }

    #[test]
    fn a_table_that_lacks_a_cell_or_one_budget_of_it_is_a_pool_for_those_who_need_it() {
        let all = space(4).cells().unwrap();
        let budgets = [Epochs(4), Epochs(12)];
        let record = |cell: &Cell, epochs| Record::blank(*cell, epochs, 0);
        let mut records: Vec<_> = all.iter().flat_map(|cell| budgets.map(|epochs| record(cell, epochs))).collect();
        let of = |records: &[Record], budgets: &[Epochs]| {
            Pool::of_table(&Table::from_records(records), budgets, |_| true).unwrap().unwrap()
        };
        let (found, pool) = of(&records, &budgets);
        assert!(found == space(4).with_max_edges(6).unwrap() && pool.is_none());
        // The small budget of the last cell.
        records.remove(records.len() - 2);
        assert!(of(&records, &budgets[1..]).1.is_none());
        let pool = of(&records, &budgets).1.unwrap();
        assert_eq!(pool.to_string(), "90 recorded cells of the 91 of the space, 1 missing");
        assert!(!pool.contains(all.last().unwrap()) && pool.contains(&all[0]));
        // What failed is not recorded, what diverged is.
        records[1].status = Status::Failed;
        records[3].status = Status::Diverged;
        assert_eq!(of(&records, &budgets[1..]).1.unwrap().len(), 90);
        assert!(Pool::of_table(&Table::from_records(&records), &[Epochs(5)], |_| true).unwrap().is_none());
    }
}
