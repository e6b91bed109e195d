//! Surrogate-led search for several objectives: a random forest predicts what must be measured, and the most promising front is measured.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::front::{Archive, Normalisation, hypervolume, non_dominated};
use crate::objective::{Goals, Objective, Source, Worth};
use crate::oracle::Candidate;
use crate::search::archive::Archive as Seen;
use crate::search::forest::Forest;
use crate::search::genes::{Genes, Genome};
use crate::search::pool::Region;
use crate::search::{Entry, Error, SearchRng, Searcher, Setup, Trial, check_option, defaults_of};
use crate::space::{Cell, Mutation, Sampler, Spec};

pub(super) const ENTRY: Entry = Entry {
    name: "surrogate-led",
    about: "a random forest for each that is measured; measures what adds most to the hypervolume by a draw from its trees, in batches",
    source: "Thompson sampling in batches as by Bradford, Schweidtmann & Lapkin, TSEMO, Journal of Global Optimization 71, 2018; forests \
             as by Hutter, Hoos & Leyton-Brown, LION 2011",
    uses_small_budgets: false,
    needs_several_objectives: true,
    defaults: defaults_of::<Options>,
    build: |setup| Ok(Box::new(SurrogateLed::new(setup)?)),
};

/// The maximum number of cells of a space that is predicted whole.
const WHOLE: u64 = 20_000;
/// Where the front so far reaches from 0 to 1, the point up to which hypervolume counts.
const REFERENCE: f64 = 1.1;

/// The options of `surrogate-led`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Random cells to begin with.
    pub startup: usize,
    /// Cells that are measured before the forests are fitted again.
    pub batch: usize,
    /// The trees of each forest.
    pub trees: usize,
    /// In a space that is too large to predict all of it: how many mutants of the front are predicted, and as many random cells.
    pub candidates: usize,
    /// How random cells are drawn.
    pub sampler: Sampler,
    /// How a cell is changed.
    pub mutation: Mutation,
}

impl Default for Options {
    fn default() -> Self {
        let (sampler, mutation) = (Sampler::Official, Mutation::OneEdit);
        Self { startup: 20, batch: 5, trees: 20, candidates: 500, sampler, mutation }
    }
}

#[derive(Debug)]
struct SurrogateLed {
    region: Region,
    goals: Goals,
    options: Options,
    genome: Genome,
    seen: Seen,
    /// All cells of a space that is small enough, with what is known of them without a training.
    whole: Option<Vec<Prospect>>,
    known: Vec<Known>,
    drawn: usize,
    waiting: VecDeque<Spec>,
}

/// A cell that was measured.
#[derive(Debug)]
struct Known {
    spec: Spec,
    genes: Genes,
    worth: Worth,
}

/// A cell that may be measured.
#[derive(Clone, Debug)]
struct Prospect {
    spec: Spec,
    genes: Genes,
    /// The values to minimise; of an objective that is measured nothing is known.
    values: Vec<Option<f64>>,
}

impl SurrogateLed {
    fn new(setup: &Setup) -> Result<Self, Error> {
        let options: Options = setup.options(ENTRY.name)?;
        let counts = [
            ("startup", options.startup),
            ("batch", options.batch),
            ("trees", options.trees),
            ("candidates", options.candidates),
        ];
        for (option, found) in counts {
            check_option(ENTRY.name, option, &found, (1..=100_000).contains(&found), "1 to 100000")?;
        }
        let (region, goals, genome) = (setup.region(), setup.goals.clone(), Genome::new(&setup.space));
        let mut search = Self {
            region,
            goals,
            options,
            genome,
            seen: Seen::default(),
            whole: None,
            known: Vec::new(),
            drawn: 0,
            waiting: VecDeque::new(),
        };
        let is_small = setup.pool.is_some() || setup.space.max_vertices() <= 5;
        let cells = if is_small { search.region.cells(setup.space.max_vertices()) } else { Vec::new() };
        if !cells.is_empty() && cells.len() as u64 <= WHOLE {
            let prospects = cells.iter().map(|cell| search.prospect(cell.padded(setup.space.max_vertices())));
            search.whole = Some(prospects.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect());
        }
        Ok(search)
    }

    /// Counts what is known of a cell without a training; `None` if it breaks a limit on what can be counted.
    fn prospect(&self, spec: Spec) -> Result<Option<Prospect>, Error> {
        let cell: Cell = spec.prune()?;
        let context = self.goals.context(&cell)?;
        let known = |objective: &Objective| objective.before_training(&context);
        let limits = self.goals.limits().iter();
        if limits.filter_map(|limit| Some(limit.violation(known(limit.objective)?))).any(|violation| violation > 0.0) {
            return Ok(None);
        }
        let values = self.goals.objectives().iter();
        let values = values.map(|objective| Some(objective.minimised(known(objective)?))).collect();
        Ok(Some(Prospect { spec, genes: self.genome.of_cell(&cell), values }))
    }

    /// Lists the cells to choose from, none of which was seen.
    fn prospects(&self, front: &[Spec], rng: &mut SearchRng) -> Result<Vec<Prospect>, Error> {
        if let Some(whole) = &self.whole {
            return Ok(whole.iter().filter(|prospect| !self.seen.contains(prospect.spec)).cloned().collect());
        }
        let mut met = Seen::default();
        let mut prospects = Vec::new();
        for place in 0..2 * self.options.candidates {
            let parent = front.get(place / 2 % front.len().max(1)).filter(|_| place % 2 == 0);
            let spec = match parent {
                Some(parent) => self.region.mutate(self.options.mutation, *parent, rng),
                None => Some(self.region.draw(self.options.sampler, rng)),
            };
            if let Some(spec) = spec.filter(|spec| !self.seen.contains(*spec) && met.insert(*spec)) {
                prospects.extend(self.prospect(spec)?);
            }
        }
        Ok(prospects)
    }

    /// Chooses the next batch.
    fn choose(&mut self, rng: &mut SearchRng) -> Result<(), Error> {
        let mut archive = Archive::default();
        for known in self.known.iter().filter(|known| known.worth.violation <= 0.0) {
            archive.insert(known.worth.values.clone(), known.spec);
        }
        let front: Vec<Spec> = archive.points().iter().map(|(_, spec)| *spec).collect();
        let mut prospects = self.prospects(&front, rng)?;
        let mut reached: Vec<Vec<f64>> = archive.points().iter().map(|(values, _)| values.clone()).collect();
        let scale = Normalisation::of(&reached).ok();
        let scaled = |values: &[f64]| scale.as_ref().map_or_else(|| values.to_vec(), |scale| scale.apply(values));
        for values in &mut reached {
            *values = scaled(values);
        }
        let forest = |(place, objective): (usize, &&Objective)| match objective.source {
            Source::Exact(_) | Source::OnDevice(_) => None,
            #[expect(clippy::cast_possible_truncation, reason = "forests take single precision")]
            Source::Measured(_) => {
                let lessons: Vec<_> = self.known.iter().map(|known| (known.genes, known.worth.values[place] as f32)).collect();
                Some(Forest::fit(&self.genome, &lessons, self.options.trees, rng))
            }
        };
        let forests: Vec<_> = self.goals.objectives().iter().enumerate().map(forest).collect();
        let reference = vec![REFERENCE; forests.len()];
        while self.waiting.len() < self.options.batch && !prospects.is_empty() {
            let functions: Vec<_> = forests
                .iter()
                .map(|forest| forest.as_ref().map(|forest| forest.draw(self.options.trees.div_ceil(4), rng)))
                .collect();
            let value = |prospect: &Prospect, place: usize| match &functions[place] {
                Some(function) => function(&prospect.genes),
                None => prospect.values[place].unwrap_or(f64::MAX),
            };
            let values =
                |prospect: &Prospect| scaled(&(0..functions.len()).map(|place| value(prospect, place)).collect::<Vec<_>>());
            let drawn: Vec<Vec<f64>> = prospects.iter().map(values).collect();
            let mut best: Option<(f64, usize)> = None;
            for place in non_dominated(&drawn).map_err(failed)? {
                let volume = hypervolume(&[reached.as_slice(), &drawn[place..=place]].concat(), &reference).map_err(failed)?;
                if best.is_none_or(|(most, _)| volume > most) {
                    best = Some((volume, place));
                }
            }
            let Some((_, place)) = best else { break };
            reached.push(drawn[place].clone());
            let chosen = prospects.swap_remove(place);
            self.seen.insert(chosen.spec);
            self.waiting.push_back(chosen.spec);
        }
        // Where nothing new is known, the search goes on at random.
        if self.waiting.is_empty() {
            self.waiting.extend(self.seen.draw(&self.region, self.options.sampler, rng));
        }
        Ok(())
    }
}

fn failed(source: crate::front::Error) -> Error {
    Error::Searcher { algorithm: ENTRY.name.to_owned(), source: source.into() }
}

impl Searcher for SurrogateLed {
    fn ask(&mut self, room: usize, rng: &mut SearchRng) -> Result<Vec<Candidate>, Error> {
        let missing = self.options.startup.saturating_sub(self.drawn).min(room);
        if missing > 0 {
            self.drawn += missing;
            let drawn: Vec<_> = (0..missing).filter_map(|_| self.seen.draw(&self.region, self.options.sampler, rng)).collect();
            if !drawn.is_empty() {
                return Ok(self.region.candidates(&drawn));
            }
        }
        if self.waiting.is_empty() {
            self.choose(rng)?;
        }
        let next: Vec<_> = self.waiting.drain(..room.min(self.waiting.len())).collect();
        Ok(self.region.candidates(&next))
    }

    fn tell(&mut self, trials: &[Trial]) -> Result<(), Error> {
        for trial in trials {
            let worth = self.goals.worth(&trial.candidate.architecture, &trial.measurement)?;
            let genes = self.genome.of_cell(&trial.candidate.architecture);
            self.known.push(Known { spec: trial.candidate.spec(), genes, worth });
        }
        Ok(())
    }
}
