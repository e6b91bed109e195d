//! Local search: from the best of a few random cells downhill, one edit at a time, and again from others.

use rand::seq::SliceRandom as _;
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use crate::oracle::Candidate;
use crate::search::evolution::Individual;
use crate::search::pool::Region;
use crate::search::{Entry, Error, SearchRng, Searcher, Setup, Trial, check_option, defaults_of};
use crate::space::{Sampler, Spec};

pub(super) const ENTRY: Entry = Entry {
    name: "local-search",
    about: "goes to better neighbours of the best of 10 random cells, and starts again where there is none",
    source: "White et al., Local search is state of the art for NAS benchmarks, 2020, and its program naszilla",
    uses_small_budgets: false,
    needs_several_objectives: false,
    defaults: defaults_of::<Options>,
    build: |setup| Ok(Box::new(LocalSearch::new(setup)?)),
};

/// The number of draws of known cells after which there is nothing new to draw.
const MOST_DRAWS: usize = 10_000;

/// The options of `local-search`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// How many random cells a descent starts from the best of.
    pub starts: usize,
    /// Whether all neighbours are measured before the best is chosen, instead of going to the first better one.
    pub whole_neighbourhood: bool,
    /// How random cells are drawn.
    pub sampler: Sampler,
}

impl Default for Options {
    fn default() -> Self {
        Self { starts: 10, whole_neighbourhood: false, sampler: Sampler::Official }
    }
}

/// No cell is measured twice: what is known of a neighbour is used.
#[derive(Debug)]
struct LocalSearch {
    region: Region,
    options: Options,
    /// The loss of each cell by its fingerprint; of those just asked about it is infinite.
    known: FxHashMap<u64, f32>,
    phase: Phase,
}

#[derive(Debug)]
enum Phase {
    /// Random cells are measured.
    Start { drawn: usize, best: Option<Individual> },
    /// Neighbours are measured. `best` is the best one so far.
    Descent { here: Individual, left: Vec<Spec>, best: Option<Individual> },
}

const START: Phase = Phase::Start { drawn: 0, best: None };

impl LocalSearch {
    fn new(setup: &Setup) -> Result<Self, Error> {
        let options: Options = setup.options(ENTRY.name)?;
        check_option(ENTRY.name, "starts", &options.starts, options.starts > 0, "at least 1")?;
        Ok(Self { region: setup.region(), options, known: FxHashMap::default(), phase: START })
    }

    /// Draws a spec of a new cell.
    fn draw(&mut self, rng: &mut SearchRng) -> Option<Spec> {
        let Self { region, options, known, .. } = self;
        region.draw_new(options.sampler, MOST_DRAWS, rng, |spec| is_new(known, spec))
    }

    fn descent_from(&self, here: Individual, rng: &mut SearchRng) -> Phase {
        let mut left: Vec<_> = self.region.neighbours(here.spec).collect();
        left.shuffle(rng);
        Phase::Descent { here, left, best: None }
    }

    /// Returns what the phase needs; nothing where the phase changed, `None` if the search is over.
    fn step(&mut self, room: usize, rng: &mut SearchRng) -> Option<Vec<Spec>> {
        let mut asked = Vec::new();
        match &mut self.phase {
            Phase::Start { drawn, best } => {
                let (missing, best) = (self.options.starts - *drawn, *best);
                for _ in 0..missing.min(room) {
                    let Some(spec) = self.draw(rng) else { break };
                    asked.push(spec);
                }
                if let Phase::Start { drawn, .. } = &mut self.phase {
                    *drawn += asked.len();
                }
                if asked.is_empty() {
                    self.phase = self.descent_from(best?, rng);
                }
            }
            Phase::Descent { here, left, best } => {
                let whole = self.options.whole_neighbourhood;
                let (here, most) = (*here, if whole { room } else { 1 });
                let is_better = |best: &Individual| best.loss < here.loss;
                while asked.len() < most && (whole || !best.as_ref().is_some_and(is_better)) {
                    let Some(spec) = left.pop() else { break };
                    match self.known.get(&fingerprint(spec)) {
                        Some(loss) => improve(best, Individual { spec, loss: *loss }),
                        None => asked.push(spec),
                    }
                }
                let best = *best;
                asked.retain(|spec| is_new(&mut self.known, *spec));
                if asked.is_empty() {
                    let better = best.filter(is_better);
                    self.phase = better.map_or(START, |better| self.descent_from(better, rng));
                }
            }
        }
        Some(asked)
    }
}

/// Adds a cell, and returns whether it is new.
fn is_new(known: &mut FxHashMap<u64, f32>, spec: Spec) -> bool {
    let before = known.len();
    known.entry(fingerprint(spec)).or_insert(f32::INFINITY);
    known.len() > before
}

fn fingerprint(spec: Spec) -> u64 {
    spec.prune().expect("only connected specs are met").fingerprint()
}

fn improve(best: &mut Option<Individual>, other: Individual) {
    if best.is_none_or(|best| other.loss < best.loss) {
        *best = Some(other);
    }
}

impl Searcher for LocalSearch {
    fn ask(&mut self, room: usize, rng: &mut SearchRng) -> Result<Vec<Candidate>, Error> {
        while let Some(asked) = self.step(room, rng) {
            if !asked.is_empty() {
                return Ok(self.region.candidates(&asked));
            }
        }
        Ok(Vec::new())
    }

    fn tell(&mut self, trials: &[Trial]) -> Result<(), Error> {
        for trial in trials {
            let individual = Individual::from_trial(trial);
            self.known.insert(trial.candidate.architecture.fingerprint(), individual.loss);
            match &mut self.phase {
                Phase::Start { best, .. } | Phase::Descent { best, .. } => improve(best, individual),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::search::tests::fixture::trial;
    use crate::space::{Cell, Space};
    use crate::unit::{Epochs, Seed};

    /// A rugged landscape: some bits of the fingerprint, and a slope.
    fn accuracy(cell: &Cell) -> f32 {
        let rugged = f32::from(u16::try_from(cell.fingerprint() >> 56).unwrap()) / 255.0;
        let slope = f32::from(u8::try_from(cell.operations().filter(|operation| operation.label() == 0).count()).unwrap());
        (rugged + slope) / 10.0
    }

    /// Searches until it ends or `most` cells are known; gives the minima and the cells asked about.
    fn search(space: Space, whole: bool, room: usize, most: usize) -> (Vec<Spec>, Vec<Cell>) {
        let mut setup = Setup::new(space, Epochs(4));
        setup.options = serde_json::json!({ "whole_neighbourhood": whole });
        let mut search = LocalSearch::new(&setup).unwrap();
        let mut rng = Seed(1).rng();
        let (mut minima, mut asked) = (Vec::new(), Vec::new());
        while asked.len() < most {
            let here = if let Phase::Descent { here, .. } = &search.phase { Some(here.spec) } else { None };
            let Some(next) = search.step(room, &mut rng) else { return (minima, asked) };
            minima.extend(here.filter(|_| matches!(search.phase, Phase::Start { .. })));
            let candidates = search.region.candidates(&next);
            let trials: Vec<_> =
                candidates.iter().map(|candidate| trial(*candidate, accuracy(&candidate.architecture))).collect();
            asked.extend(candidates.iter().map(|candidate| candidate.architecture));
            search.tell(&trials).unwrap();
        }
        (minima, asked)
    }

    #[test]
    fn it_stops_only_where_no_neighbour_is_better_and_asks_nothing_twice() {
        let space = Space::nas_bench_101();
        for whole in [false, true] {
            let (minima, asked) = search(space, whole, 100, 3_000);
            let is_minimum = |spec: &Spec| {
                let here = accuracy(&spec.prune().unwrap());
                space.neighbours(*spec).all(|neighbour| accuracy(&neighbour.prune().unwrap()) <= here)
            };
            assert!(minima.len() > 5 && minima.iter().all(is_minimum), "{} minima", minima.len());
            let distinct: HashSet<_> = asked.iter().map(Cell::fingerprint).collect();
            assert_eq!(distinct.len(), asked.len());
        }
    }

    #[test]
    fn it_ends_when_every_cell_is_known() {
        for whole in [false, true] {
            let space = Space::nas_bench_101().with_max_vertices(4).unwrap();
            let (_, asked) = search(space, whole, 7, usize::MAX);
            assert_eq!(asked.len(), 91);
        }
    }

    #[test]
    fn the_room_changes_nothing() {
        for whole in [false, true] {
            let [one, other] = [1, 50].map(|room| search(Space::nas_bench_101(), whole, room, 400).1);
            assert_eq!(one[..400], other[..400]);
        }
    }

    /// Every spec of five vertices whose cell is in the space, with the place of each in the list.
    fn specs(space: Space) -> (Vec<Spec>, FxHashMap<Spec, usize>) {
        let kinds: Vec<_> = space.operations().collect();
        let operations = (0..27).map(|code| [kinds[code / 9], kinds[code / 3 % 3], kinds[code % 3]]);
        let all = operations.flat_map(|three| (0..1 << 10).map(move |edges| Spec::from_bits(edges, &three)));
        let specs: Vec<_> = all.filter(|spec| space.cell(spec).is_ok()).collect();
        let places = specs.iter().copied().zip(0..).collect();
        (specs, places)
    }

    #[test]
    fn its_minima_are_those_that_a_look_at_all_specs_finds() {
        let space = Space::nas_bench_101().with_max_vertices(5).unwrap();
        let (specs, places) = specs(space);
        let losses: Vec<f32> = specs.iter().map(|spec| 1.0 - accuracy(&spec.prune().unwrap())).collect();
        // One bit of the edges or one operation makes a neighbour, if it is among the specs at all.
        let neighbours = |spec: Spec| {
            let operations: Vec<_> = spec.operations().collect();
            let flips = (0..10).map(|edge| Spec::from_bits(spec.edge_bits() ^ 1 << edge, &operations)).collect::<Vec<_>>();
            let change = |(vertex, kind)| {
                let mut changed = operations.clone();
                changed[vertex] = kind;
                Spec::from_bits(spec.edge_bits(), &changed)
            };
            let changes = (0..3).flat_map(|vertex| space.operations().map(move |kind| (vertex, kind))).map(change);
            flips.into_iter().chain(changes).filter_map(|other| places.get(&other).copied()).collect::<Vec<_>>()
        };
        let is_minimum = |place: &usize| neighbours(specs[*place]).into_iter().all(|other| losses[other] >= losses[*place]);
        let expected: HashSet<usize> = (0..specs.len()).filter(is_minimum).collect();
        let cells: HashSet<_> = expected.iter().map(|place| fingerprint(specs[*place])).collect();
        assert!(cells.len() > 10 && expected.len() < specs.len() / 10, "{} minima of {} cells", expected.len(), cells.len());

        for whole in [false, true] {
            let (minima, asked) = search(space, whole, 100, usize::MAX);
            assert_eq!(asked.len(), 2_532);
            assert!(minima.iter().all(|spec| expected.contains(&places[spec])), "a descent ended before a minimum");

            let mut setup = Setup::new(space, Epochs(4));
            setup.options = serde_json::json!({ "whole_neighbourhood": whole });
            let mut search = LocalSearch::new(&setup).unwrap();
            search.known = specs.iter().zip(&losses).map(|(spec, loss)| (fingerprint(*spec), *loss)).collect();
            let mut rng = Seed(2).rng();
            let mut end = |place: usize| {
                let mut spec = specs[place];
                search.phase = search.descent_from(Individual { spec, loss: losses[place] }, &mut rng);
                while let Phase::Descent { here, .. } = search.phase {
                    spec = here.spec;
                    search.step(100, &mut rng).unwrap();
                }
                places[&spec]
            };
            let ends: HashSet<usize> = (0..specs.len()).map(&mut end).collect();
            assert_eq!(ends, expected, "where descents from all specs end");
        }
    }
}
