//! PNAS: cells grow by a vertex at a time, and a predictor says which of the larger ones are worth measuring.

use std::collections::VecDeque;

use rustc_hash::FxHashSet;
use serde::{Deserialize, Serialize};

use crate::oracle::Candidate;
use crate::search::pool::Region;
use crate::search::{Entry, Error, SearchRng, Searcher, Setup, Trial, check_option, defaults_of};
use crate::space::{Cell, ENCODINGS, Encoding, Operation, Space, Spec};
use crate::surrogate::perceptron::{Ensemble, Sparse, Training, encoded};
use crate::unit::Epochs;

pub(super) const ENTRY: Entry = Entry {
    name: "pnas",
    about: "measures all cells of 3 vertices, then of those of one vertex more the 256 that an ensemble expects most of, and so on; \
            ends after the largest",
    source: "Liu et al., Progressive neural architecture search, ECCV 2018: beams of 256, an ensemble of 5 perceptrons; vertices are \
             its blocks",
    uses_small_budgets: false,
    needs_several_objectives: false,
    defaults: defaults_of::<Options>,
    build: |setup| Ok(Box::new(Pnas::new(setup)?)),
};

/// The number of vertices of the first level, whose cells are all measured.
const FIRST_LEVEL: usize = 3;
/// The encoding that the ensemble sees: the paths of a cell, which mean the same whatever its size.
const ENCODING: &str = "path";

/// The options of `pnas`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// How many cells of a level are measured.
    pub beam: usize,
    /// The perceptrons of the ensemble.
    pub ensemble: usize,
    /// Passes over the measured cells when a network is fitted.
    pub training_epochs: usize,
    /// The learning rate of the fit.
    pub learning_rate: f64,
}

impl Default for Options {
    fn default() -> Self {
        Self { beam: 256, ensemble: 5, training_epochs: 50, learning_rate: 0.01 }
    }
}

/// A level is the cells of one number of vertices. The cells of the next level are those that one more vertex makes of those
/// measured of this one, so that with a beam without end every cell of the space is measured.
#[derive(Debug)]
struct Pnas {
    region: Region,
    epochs: Epochs,
    options: Options,
    encoding: &'static Encoding,
    /// The number of vertices of the level, and the cells of it that were measured.
    level: usize,
    grown_from: Vec<Cell>,
    waiting: VecDeque<Cell>,
    rows: Vec<Sparse>,
    losses: Vec<f32>,
}

impl Pnas {
    fn new(setup: &Setup) -> Result<Self, Error> {
        let options: Options = setup.options(ENTRY.name)?;
        let counts = [("beam", options.beam), ("ensemble", options.ensemble), ("training_epochs", options.training_epochs)];
        for (option, found) in counts {
            check_option(ENTRY.name, option, &found, (1..=1_000_000).contains(&found), "1 to 1000000")?;
        }
        let is_rate = options.learning_rate > 0.0 && options.learning_rate <= 1.0;
        check_option(ENTRY.name, "learning_rate", &options.learning_rate, is_rate, "more than 0, at most 1")?;
        let region = setup.region();
        let most = setup.space.max_vertices();
        let first = FIRST_LEVEL.min(most);
        // A pool may have no cells so small.
        let level = (first..most).find(|level| !region.cells(*level).is_empty()).unwrap_or(most);
        let waiting = region.cells(level).into();
        let encoding = ENCODINGS.iter().find(|encoding| encoding.name == ENCODING).expect("a name of the list");
        Ok(Self {
            region,
            epochs: setup.epochs,
            options,
            encoding,
            level,
            grown_from: Vec::new(),
            waiting,
            rows: Vec::new(),
            losses: Vec::new(),
        })
    }

    fn encoded(&self, cell: Cell) -> Sparse {
        encoded(self.encoding, self.region.space(), cell)
    }

    /// Chooses the cells of the next level.
    fn grow(&mut self, rng: &mut SearchRng) {
        if self.level == self.region.space().max_vertices() || self.losses.is_empty() {
            return;
        }
        let mut larger = self.larger();
        while larger.is_empty() && self.region.is_pool() && self.level < self.region.space().max_vertices() {
            larger = self.larger();
        }
        if larger.len() > self.options.beam {
            let Options { ensemble: members, training_epochs: epochs, learning_rate, .. } = self.options;
            let training = Training { members, epochs, learning_rate };
            let ensemble = Ensemble::fit(self.encoding.width(self.region.space()), &self.rows, &self.losses, training, rng);
            larger = most_promising(larger, self.options.beam, |cell| ensemble.predict(&self.encoded(cell)).mean);
        }
        self.waiting = larger.into();
    }

    /// Goes to the next level, and gives the cells that one vertex more makes of those measured of this one.
    fn larger(&mut self) -> Vec<Cell> {
        let mut met = FxHashSet::default();
        let mut larger = Vec::new();
        for cell in std::mem::take(&mut self.grown_from) {
            expansions(self.region.space(), cell, |cell| {
                if self.region.holds(&cell) && met.insert(cell.fingerprint()) {
                    larger.push(cell);
                }
            });
        }
        self.level += 1;
        if larger.is_empty() && self.region.is_pool() {
            // No recorded cell is one vertex away from those measured: all recorded ones of the level are candidates.
            larger = self.region.cells(self.level).into_iter().filter(|cell| cell.vertices() == self.level).collect();
        }
        larger
    }
}

/// The cells of the lowest expected losses; of equals those that come first.
fn most_promising(cells: Vec<Cell>, beam: usize, expected: impl Fn(Cell) -> f64) -> Vec<Cell> {
    let mut expected: Vec<_> = cells.into_iter().map(|cell| (expected(cell), cell)).collect();
    expected.sort_by(|one, other| one.0.total_cmp(&other.0));
    expected.into_iter().take(beam).map(|(_, cell)| cell).collect()
}

/// Visits the cells of the space that one more vertex makes of a cell: it feeds the output, and takes in some vertices before,
/// each of which may feed the output no longer.
///
/// Every cell of more than two vertices is made so: take away a vertex that feeds only the output, and let what fed only this
/// vertex feed the output instead.
fn expansions(space: &Space, cell: Cell, mut visit: impl FnMut(Cell)) {
    let vertices = cell.vertices();
    let before_output = (vertices - 1) * (vertices - 2) / 2;
    let to_output = cell.edge_bits() >> before_output;
    let others = cell.edge_bits() & ((1 << before_output) - 1);
    let new = vertices - 1;
    let mut operations: Vec<Operation> = cell.operations().collect();
    operations.push(Operation::Conv3x3);
    for taken in 1..1_u64 << new {
        let may_leave = taken & to_output;
        let mut leaving = may_leave;
        loop {
            let last = (to_output & !leaving) | 1 << new;
            let edges = others | taken << before_output | last << (vertices * (vertices - 1) / 2);
            for operation in space.operations() {
                operations[new - 1] = operation;
                if let Ok(larger) = space.cell(&Spec::from_bits(edges, &operations)) {
                    visit(larger);
                }
            }
            if leaving == 0 {
                break;
            }
            leaving = (leaving - 1) & may_leave;
        }
    }
}

impl Searcher for Pnas {
    fn ask(&mut self, room: usize, rng: &mut SearchRng) -> Result<Vec<Candidate>, Error> {
        if self.waiting.is_empty() {
            self.grow(rng);
        }
        let propose = |cell| Candidate::new(cell, self.epochs);
        Ok(self.waiting.drain(..room.min(self.waiting.len())).map(propose).collect())
    }

    fn tell(&mut self, trials: &[Trial]) -> Result<(), Error> {
        for trial in trials {
            let cell = trial.candidate.architecture;
            self.rows.push(self.encoded(cell));
            self.losses.push(trial.loss());
            if cell.vertices() == self.level {
                self.grown_from.push(cell);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use rand::seq::IndexedRandom as _;

    use super::*;
    use crate::search::tests::fixture::tell;
    use crate::space::Sampler;
    use crate::unit::Seed;

    /// Searches to the end, and gives the cells by their number of vertices.
    fn levels(options: serde_json::Value, max_vertices: usize, accuracy: impl Fn(&Cell) -> f32) -> Vec<Vec<Cell>> {
        let mut setup = Setup::new(Space::nas_bench_101().with_max_vertices(max_vertices).unwrap(), Epochs(4));
        setup.options = options;
        let mut search = Pnas::new(&setup).unwrap();
        let mut rng = Seed(1).rng();
        let mut levels = vec![Vec::new(); max_vertices + 1];
        loop {
            let asked = search.ask(50, &mut rng).unwrap();
            if asked.is_empty() {
                return levels;
            }
            for candidate in &asked {
                tell(&mut search, &[*candidate], |_| accuracy(&candidate.architecture));
                levels[candidate.architecture.vertices()].push(candidate.architecture);
            }
        }
    }

    #[test]
    fn with_a_beam_without_end_every_cell_is_measured_once() {
        let levels = levels(serde_json::json!({ "beam": 1_000_000 }), 5, |_| 0.5);
        let sizes: Vec<_> = levels.iter().map(Vec::len).collect();
        assert_eq!(sizes, [0, 0, 1, 6, 84, 2_441]);
        let distinct: FxHashSet<_> = levels.iter().flatten().map(Cell::fingerprint).collect();
        assert_eq!(distinct.len(), 2_532);
    }

    #[test]
    fn each_level_has_what_the_predictor_expects_most_of() {
        let convolutions =
            |cell: &Cell| f32::from(u8::try_from(cell.operations().filter(|operation| operation.label() == 0).count()).unwrap());
        let accuracy = |cell: &Cell| 0.1 + 0.1 * convolutions(cell);
        let levels = levels(serde_json::json!({ "beam": 30 }), 6, accuracy);
        assert_eq!(levels.iter().map(Vec::len).collect::<Vec<_>>(), [0, 0, 1, 6, 30, 30, 30]);
        let mean = levels[6].iter().map(accuracy).sum::<f32>() / 30.0;
        // Of four random operations a third is the good one, which makes 0.23.
        assert!(mean > 0.4, "{mean}");
    }

    /// Searches to the end with a predictor that knows the losses, and gives the cells by their number of vertices.
    fn foreseen(beam: usize, max_vertices: usize, loss: impl Fn(Cell) -> f64) -> Vec<Vec<Cell>> {
        let mut search =
            Pnas::new(&Setup::new(Space::nas_bench_101().with_max_vertices(max_vertices).unwrap(), Epochs(4))).unwrap();
        let mut rng = Seed(1).rng();
        let mut levels = vec![Vec::new(); max_vertices + 1];
        loop {
            if search.waiting.is_empty() && search.level < max_vertices {
                search.waiting = most_promising(search.larger(), beam, &loss).into();
            }
            let asked = search.ask(usize::MAX, &mut rng).unwrap();
            if asked.is_empty() {
                return levels;
            }
            tell(&mut search, &asked, |_| 0.5);
            levels[search.level]
                .extend(asked.iter().map(|candidate| candidate.architecture).filter(|cell| cell.vertices() == search.level));
        }
    }

    /// A number from 0 to 1 that says nothing of its neighbours.
    fn rugged(cell: Cell) -> f64 {
        f64::from(u16::try_from(cell.fingerprint() >> 48).unwrap()) / 65_536.0
    }

    #[test]
    fn a_perfect_predictor_never_drops_a_chain_of_best_ancestors() {
        let space = Space::nas_bench_101();
        let mut rng = Seed(7).rng();
        for _ in 0..3 {
            // A cell of seven vertices and what it grows from; all others are worse, by as much as it happens.
            let drawn = std::iter::repeat_with(|| Sampler::Official.draw(&space, &mut rng).prune().unwrap());
            let mut chain = vec![drawn.into_iter().find(|cell| cell.vertices() == 7).unwrap()];
            while chain.len() < 5 {
                chain.push(*shrunk(chain[chain.len() - 1]).choose(&mut rng).unwrap());
            }
            chain.reverse();
            let is_of_chain = |cell: Cell| chain.iter().any(|other| other.fingerprint() == cell.fingerprint());
            for beam in [1, 7] {
                let levels = foreseen(beam, 7, |cell| if is_of_chain(cell) { 0.0 } else { 0.1 + rugged(cell) });
                for (cell, level) in chain.iter().zip(&levels[3..]) {
                    assert!(level.iter().any(|other| other.fingerprint() == cell.fingerprint()), "{cell} is lost");
                }
                assert_eq!(levels[7].len(), beam);
            }
        }
    }

    #[test]
    fn a_perfect_predictor_keeps_the_best_of_all_that_grow_from_the_best() {
        let beam = 12;
        let levels = foreseen(beam, 5, rugged);
        let cells = Space::nas_bench_101().with_max_vertices(5).unwrap().cells().unwrap();
        let best = |mut cells: Vec<Cell>| {
            cells.sort_by(|one, other| rugged(*one).total_cmp(&rugged(*other)));
            cells.truncate(beam);
            cells.iter().map(Cell::fingerprint).collect::<Vec<_>>()
        };
        let fours = best(cells.iter().copied().filter(|cell| cell.vertices() == 4).collect());
        assert_eq!(levels[4].iter().map(Cell::fingerprint).collect::<Vec<_>>(), fours);
        let grows = |cell: &Cell| shrunk(*cell).iter().any(|smaller| fours.contains(&smaller.fingerprint()));
        let fives = best(cells.into_iter().filter(|cell| cell.vertices() == 5 && grows(cell)).collect());
        assert_eq!(levels[5].iter().map(Cell::fingerprint).collect::<Vec<_>>(), fives);
    }

    /// The cells that a cell can grow from: a vertex that feeds only the output is taken away, what fed only this vertex feeds the
    /// output instead, and the others that fed it may do so or not.
    fn shrunk(cell: Cell) -> Vec<Cell> {
        let output = cell.vertices() - 1;
        let feeds_only_output = |vertex: &usize| cell.successors(*vertex).eq([output]);
        let mut smaller = Vec::new();
        for gone in (1..output).filter(feeds_only_output) {
            let place = |vertex: usize| if vertex > gone { vertex - 1 } else { vertex };
            let edges = cell.edges().filter(|(x, y)| *x != gone && *y != gone).map(|(x, y)| (place(x), place(y)));
            let bits = edges.fold(0, |bits, (x, y)| bits | bit(x, y));
            let sources: Vec<_> = cell.predecessors(gone).collect();
            let operations: Vec<_> =
                (1..output).filter(|vertex| *vertex != gone).filter_map(|vertex| cell.operation(vertex)).collect();
            for chosen in 0_u64..1 << sources.len() {
                let added = sources.iter().enumerate().filter(|(place, _)| chosen >> place & 1 == 1);
                let added = added.fold(0, |bits, (_, source)| bits | bit(place(*source), output - 1));
                let spec = Spec::from_bits(bits | added, &operations);
                smaller.extend(spec.prune().ok().filter(|smaller| smaller.vertices() == output));
            }
        }
        smaller
    }

    fn bit(x: usize, y: usize) -> u64 {
        1 << (x + y * (y - 1) / 2)
    }
}
