//! A genetic algorithm: generations whose children take each gene of one of two parents.

use rand::RngExt as _;
use serde::{Deserialize, Serialize};

use crate::oracle::Candidate;
use crate::search::crossover::{repaired, uniform};
use crate::search::evolution::{Individual, tournament};
use crate::search::genes::{Genes, Genome};
use crate::search::pool::Region;
use crate::search::{Entry, Error, SearchRng, Searcher, Setup, Trial, check_option, defaults_of};
use crate::space::{Mutation, Sampler, Spec};

pub(super) const ENTRY: Entry = Entry {
    name: "genetic",
    about: "generations of crossed and mutated winners of tournaments; the best one lives on; a mutant is never the same cell as \
            what it was made of",
    source: "Goldberg, Genetic Algorithms, 1989; uniform crossover: Syswerda, ICGA 1989; rates 0.5 and 0.2 as in the example of the program DEAP",
    uses_small_budgets: false,
    needs_several_objectives: false,
    defaults: defaults_of::<Options>,
    build: |setup| Ok(Box::new(Genetic::new(setup)?)),
};

/// How the genes of two parents are put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Crossover {
    /// Each gene of either parent with the same chance.
    Uniform,
    /// The genes up to a random place of one, those behind it of the other.
    OnePoint,
}

/// The options of `genetic`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// How many are alive.
    pub population_size: usize,
    /// How many of them compete to be a parent.
    pub tournament_size: usize,
    /// How two parents are mixed.
    pub crossover: Crossover,
    /// The chance that a child has two parents; else it is a mutant of one.
    pub crossover_rate: f64,
    /// The chance that a child of two parents is mutated, too.
    pub mutation_rate: f64,
    /// How many of the best live on.
    pub elites: usize,
    /// How random cells are drawn.
    pub sampler: Sampler,
    /// How a cell is changed.
    pub mutation: Mutation,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            population_size: 50,
            tournament_size: 3,
            crossover: Crossover::Uniform,
            crossover_rate: 0.5,
            mutation_rate: 0.2,
            elites: 1,
            sampler: Sampler::Official,
            mutation: Mutation::OneEdit,
        }
    }
}

impl Options {
    fn check(&self) -> Result<(), Error> {
        let Self { population_size: size, tournament_size, elites, crossover_rate, mutation_rate, .. } = *self;
        let check = |option, found: &dyn std::fmt::Display, is_fine, expected| {
            check_option(ENTRY.name, option, &found, is_fine, expected)
        };
        check("population_size", &size, (2..=1_000_000).contains(&size), "2 to 1000000")?;
        check("tournament_size", &tournament_size, (1..=size).contains(&tournament_size), "1 to population_size")?;
        check("elites", &elites, elites < size, "less than population_size")?;
        check("crossover_rate", &crossover_rate, (0.0..=1.0).contains(&crossover_rate), "0 to 1")?;
        check("mutation_rate", &mutation_rate, (0.0..=1.0).contains(&mutation_rate), "0 to 1")
    }
}

#[derive(Debug)]
struct Genetic {
    region: Region,
    options: Options,
    genome: Genome,
    /// The generation that has children.
    parents: Vec<Individual>,
    /// The generation that is being measured: its elites are known already.
    born: Vec<Individual>,
}

impl Genetic {
    fn new(setup: &Setup) -> Result<Self, Error> {
        let options: Options = setup.options(ENTRY.name)?;
        options.check()?;
        let (parents, born) = (Vec::new(), Vec::new());
        Ok(Self { region: setup.region(), options, genome: Genome::new(&setup.space), parents, born })
    }

    fn child(&self, rng: &mut SearchRng) -> Option<Spec> {
        let parent = |rng: &mut SearchRng| tournament(&self.parents, self.options.tournament_size, rng).map(|winner| winner.spec);
        let one = parent(rng)?;
        if rng.random_range(0.0..1.0) < self.options.crossover_rate {
            let other = parent(rng)?;
            let crossed = cross(self.options.crossover, &self.genome, [one, other].map(|spec| self.genome.of_spec(spec)), rng);
            if let Some(child) = repaired(self.region.space(), self.genome.spec(&crossed), rng) {
                let is_new = [one, other].iter().all(|parent| child.prune().ok() != parent.prune().ok());
                let is_kept = is_new && rng.random_range(0.0..1.0) >= self.options.mutation_rate;
                if is_kept && !self.region.is_redrawn(&child) {
                    return Some(child);
                }
                return self.region.mutate(self.options.mutation, child, rng);
            }
        }
        self.region.mutate(self.options.mutation, one, rng)
    }

    /// Makes the generation that was measured the one that has children.
    fn turn(&mut self) {
        self.parents = std::mem::take(&mut self.born);
        let mut best = self.parents.clone();
        best.sort_by(|one, other| one.loss.total_cmp(&other.loss));
        best.truncate(self.options.elites);
        self.born = best;
    }
}

/// Puts the genes of two parents together.
fn cross(crossover: Crossover, genome: &Genome, [one, other]: [Genes; 2], rng: &mut SearchRng) -> Genes {
    let mut child = one;
    match crossover {
        Crossover::Uniform => child = uniform(genome, [one, other], rng),
        Crossover::OnePoint => {
            let point = rng.random_range(0..genome.len());
            child[point..].copy_from_slice(&other[point..]);
        }
    }
    child
}

impl Searcher for Genetic {
    fn ask(&mut self, room: usize, rng: &mut SearchRng) -> Result<Vec<Candidate>, Error> {
        if self.born.len() == self.options.population_size {
            self.turn();
        }
        let count = room.min(self.options.population_size - self.born.len());
        let mut asked = Vec::new();
        for _ in 0..count {
            let spec = if self.parents.is_empty() { Some(self.region.draw(self.options.sampler, rng)) } else { self.child(rng) };
            asked.extend(spec);
        }
        Ok(self.region.candidates(&asked))
    }

    fn tell(&mut self, trials: &[Trial]) -> Result<(), Error> {
        self.born.extend(trials.iter().map(Individual::from_trial));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::tests::fixture::tell;
    use crate::space::Space;
    use crate::unit::{Epochs, Seed};

    fn genetic(options: serde_json::Value) -> Genetic {
        let mut setup = Setup::new(Space::nas_bench_101(), Epochs(4));
        setup.options = options;
        Genetic::new(&setup).unwrap()
    }

    #[test]
    fn each_gene_of_a_child_is_of_a_parent() {
        let genome = Genome::new(&Space::nas_bench_101());
        let mut rng = Seed(1).rng();
        for crossover in [Crossover::Uniform, Crossover::OnePoint] {
            let mut from_other = 0;
            for _ in 0..200 {
                let parents = [(); 2].map(|()| genome.of_spec(Sampler::Official.draw(&Space::nas_bench_101(), &mut rng)));
                let child = cross(crossover, &genome, parents, &mut rng);
                assert!((0..genome.len()).all(|gene| parents.iter().any(|parent| parent[gene] == child[gene])));
                from_other += usize::from(child != parents[0]);
                if crossover == Crossover::OnePoint {
                    let point = (0..=genome.len()).find(|point| child[*point..] == parents[1][*point..]).unwrap();
                    assert_eq!(child[..point], parents[0][..point]);
                }
            }
            assert!(from_other > 150, "{crossover:?}");
        }
    }

    #[test]
    fn the_best_lives_on_and_a_generation_keeps_its_size() {
        let mut search = genetic(serde_json::json!({ "population_size": 8, "elites": 2 }));
        let mut rng = Seed(3).rng();
        let mut best = f32::INFINITY;
        for generation in 0_u8..20 {
            let mut asked = 0;
            let size = if generation == 0 { 8 } else { 6 };
            while asked < size {
                let candidates = search.ask(5, &mut rng).unwrap();
                let losses = tell(&mut search, &candidates, |place| (place + f32::from(generation) * 0.37).fract());
                best = losses.into_iter().fold(best, f32::min);
                asked += candidates.len();
            }
            assert_eq!((asked, search.born.len()), (size, 8));
            let alive = search.born.iter().map(|individual| individual.loss).fold(f32::INFINITY, f32::min);
            assert!((alive - best).abs() < f32::EPSILON);
        }
    }

    #[test]
    fn without_crossover_each_child_is_a_mutant_of_one_parent() {
        let mut search = genetic(serde_json::json!({ "population_size": 8, "crossover_rate": 0.0 }));
        let mut rng = Seed(4).rng();
        let candidates = search.ask(100, &mut rng).unwrap();
        tell(&mut search, &candidates, |place| place / 10.0);
        for child in search.ask(100, &mut rng).unwrap() {
            assert!(search.parents.iter().any(|parent| search.region.neighbours(parent.spec).any(|other| other == child.spec())));
        }
    }
}
