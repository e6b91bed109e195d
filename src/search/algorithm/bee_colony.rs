//! Multi-objective artificial bee colony: food sources that bees improve, and abandon after many failures.

use crate::search::multi::start;
use crate::search::{Entry, Error, SearchRng, check_option, defaults_of};
use rand::RngExt as _;
use serde::{Deserialize, Serialize};

use crate::search::multi::mating::{Known, roulette};
use crate::search::multi::options::check_size;
use crate::search::multi::survival::GridArchive;
use crate::search::multi::variation::draw_valid;
use crate::search::multi::{Algorithm, Genome, Individual, count, domination_ranks};

pub(super) const ENTRY: Entry = Entry {
    name: "bee-colony",
    about: "bees improve food sources, others help with good ones, and a source that fails too often is given up",
    source: "Akbari, Hedayatzadeh, Ziarati & Hassanizadeh, Swarm and Evolutionary Computation 2, 2012",
    uses_small_budgets: false,
    needs_several_objectives: true,
    defaults: defaults_of::<Options>,
    build: |setup| start(ENTRY.name, setup, |cells, _, options| BeeColony::new(cells, options)),
};

/// The options of the bee colony.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Number of food sources: of employed bees, and of onlookers.
    pub sources: usize,
    /// Number of failures after which a source is abandoned.
    pub limit: usize,
    /// Number of individuals that the archive keeps.
    pub archive_size: usize,
    /// Number of divisions of each objective's range.
    pub divisions: usize,
    /// Whether a bee that gets to a source, to a solution of the archive or to another bee goes on.
    pub remove_duplicates: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { sources: 50, limit: 100, archive_size: 100, divisions: 8, remove_duplicates: true }
    }
}

#[derive(Debug)]
struct Source<S> {
    individual: Individual<S>,
    /// Number of visits since the last improvement.
    failures: usize,
}

/// Which bees are searching.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// One bee for each source; from an abandoned source it is a scout.
    Employed,
    /// As many bees as there are sources, at those that fewer dominate.
    Onlooker,
}

/// A multi-objective artificial bee colony.
///
/// # Source
///
/// Karaboga & Basturk, "A powerful and efficient algorithm for numerical function optimization: artificial bee colony", Journal
/// of Global Optimization 39, 2007; with an archive that guides the bees as in Akbari, Hedayatzadeh, Ziarati & Hassanizadeh, "A
/// multi-objective artificial bee colony algorithm", Swarm and Evolutionary Computation 2, 2012. On categorical genes a bee
/// takes one gene from a random individual of the archive, or a random other value where the two agree. An onlooker chooses a
/// source with a chance in proportion to 1 / rank, with Fonseca and Fleming's rank.
#[derive(Debug)]
pub(crate) struct BeeColony<G: Genome> {
    genome: G,
    options: Options,
    archive: GridArchive<G::Solution>,
    sources: Vec<Source<G::Solution>>,
    phase: Phase,
    /// The source that each bee of the batch visits; of a scout the one that it replaces.
    visited: Vec<usize>,
}

impl<G: Genome> BeeColony<G> {
    /// Creates the algorithm.
    ///
    /// # Errors
    ///
    /// The option that is not in its valid range.
    pub(crate) fn new(genome: G, options: Options) -> Result<Self, Error> {
        check_size(ENTRY.name, "sources", options.sources)?;
        check_option(ENTRY.name, "limit", &options.limit, options.limit > 0, "at least 1")?;
        check_size(ENTRY.name, "archive_size", options.archive_size)?;
        check_option(ENTRY.name, "divisions", &options.divisions, options.divisions > 0, "at least 1")?;
        let archive = GridArchive::new(options.archive_size, options.divisions);
        Ok(Self { genome, options, archive, sources: Vec::new(), phase: Phase::Onlooker, visited: Vec::new() })
    }

    fn is_abandoned(&self, source: usize) -> bool {
        self.sources[source].failures >= self.options.limit
    }

    /// A solution that differs from a source in one gene.
    fn neighbour(&self, source: usize, rng: &mut SearchRng) -> G::Solution {
        let sizes = self.genome.sizes();
        let varied: Vec<usize> = (0..sizes.len()).filter(|gene| sizes[*gene] > 1).collect();
        let genes = self.genome.encode(&self.sources[source].individual.solution);
        draw_valid(&self.genome, rng, |rng| {
            let mut genes = genes.clone();
            let guide = &self.archive.members()[rng.random_range(0..self.archive.members().len())].solution;
            if varied.is_empty() {
                return genes;
            }
            let gene = varied[rng.random_range(0..varied.len())];
            let guided = self.genome.encode(guide)[gene];
            genes[gene] = if guided == genes[gene] { (guided + rng.random_range(1..sizes[gene])) % sizes[gene] } else { guided };
            genes
        })
    }

    /// Chooses the sources that the bees of the next phase visit.
    fn choose_sources(&self, rng: &mut SearchRng) -> Vec<usize> {
        match self.phase {
            Phase::Employed => (0..self.sources.len()).collect(),
            Phase::Onlooker => {
                let ranks = domination_ranks(&self.sources.iter().map(|source| &source.individual).collect::<Vec<_>>());
                let chances: Vec<f64> = ranks.into_iter().map(|rank| 1.0 / count(rank)).collect();
                self.sources.iter().map(|_| roulette(&chances, rng)).collect()
            }
        }
    }
}

impl<G: Genome> Algorithm<G::Solution> for BeeColony<G> {
    fn breed(&mut self, rng: &mut SearchRng) -> Vec<G::Solution> {
        let keys = self.sources.iter().map(|source| self.genome.key(&source.individual.solution));
        let archived = self.archive.members().iter().map(|member| self.genome.key(&member.solution));
        let mut known = Known::new(keys.chain(archived), self.options.remove_duplicates);
        if self.sources.is_empty() {
            return (0..self.options.sources).map(|_| known.draw_new(&self.genome, rng)).collect();
        }
        self.phase = if self.phase == Phase::Employed { Phase::Onlooker } else { Phase::Employed };
        self.visited = self.choose_sources(rng);
        let mut bee = |source: usize, rng: &mut SearchRng| {
            if self.phase == Phase::Employed && self.is_abandoned(source) {
                return known.draw_new(&self.genome, rng);
            }
            known.breed_new(&self.genome, rng, |rng| self.neighbour(source, rng))
        };
        self.visited.iter().map(|source| bee(*source, rng)).collect()
    }

    fn select(&mut self, measured: Vec<Individual<G::Solution>>, rng: &mut SearchRng) {
        for individual in &measured {
            self.archive.offer(individual.clone(), rng);
        }
        if self.sources.is_empty() {
            self.sources = measured.into_iter().map(|individual| Source { individual, failures: 0 }).collect();
            return;
        }
        for (place, individual) in measured.into_iter().enumerate() {
            let visited = self.visited[place];
            let is_scout = self.phase == Phase::Employed && self.is_abandoned(visited);
            let source = &mut self.sources[visited];
            if is_scout || individual.dominates(&source.individual) {
                *source = Source { individual, failures: 0 };
            } else {
                source.failures += 1;
            }
        }
    }

    fn population(&self) -> &[Individual<G::Solution>] {
        self.archive.members()
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;

    use super::*;
    use crate::search::multi::tests::digits::{Digits, leading_ones_trailing_zeros};

    fn failures(colony: &BeeColony<Digits>) -> Vec<usize> {
        colony.sources.iter().map(|source| source.failures).collect()
    }

    #[test]
    fn failures_are_counted_and_scouts_leave_after_the_limit() {
        let mut rng = SearchRng::seed_from_u64(1);
        let options = Options { sources: 4, limit: 3, ..Default::default() };
        let mut colony = BeeColony::new(Digits::bits(12), options).unwrap();
        let first = colony.breed(&mut rng);
        colony.select(first.iter().map(|genes| leading_ones_trailing_zeros(genes)).collect(), &mut rng);
        let mut worse = |colony: &mut BeeColony<Digits>| {
            let batch = colony.breed(&mut rng);
            colony.select(batch.into_iter().map(|genes| Individual::feasible(genes, vec![9.0, 9.0])).collect(), &mut rng);
        };
        worse(&mut colony);
        assert_eq!((colony.phase, failures(&colony)), (Phase::Employed, vec![1; 4]));
        worse(&mut colony);
        // The onlookers count for the sources that they chose.
        assert_eq!((colony.phase, failures(&colony).iter().sum::<usize>()), (Phase::Onlooker, 8));
        let chosen = failures(&colony);
        worse(&mut colony);
        worse(&mut colony);
        let abandoned: Vec<usize> = (0..4).filter(|source| colony.is_abandoned(*source)).collect();
        assert!(!abandoned.is_empty() && abandoned.iter().any(|source| chosen[*source] > 1));
        let before = failures(&colony);
        worse(&mut colony);
        // A scout's find replaces the source, however bad it is; the others failed once more.
        for (source, (now, before)) in failures(&colony).into_iter().zip(before).enumerate() {
            let is_abandoned = abandoned.contains(&source);
            assert_eq!(now, if is_abandoned { 0 } else { before + 1 });
            assert!(!is_abandoned || colony.sources[source].individual.objectives[0] > 1.0);
        }
    }

    #[test]
    fn an_improvement_resets_the_failures() {
        let mut rng = SearchRng::seed_from_u64(2);
        let mut colony = BeeColony::new(Digits::bits(12), Options { sources: 4, ..Default::default() }).unwrap();
        let first = colony.breed(&mut rng);
        colony.select(first.into_iter().map(|genes| Individual::feasible(genes, vec![5.0, 5.0])).collect(), &mut rng);
        for (value, expected) in [(6.0, 1), (5.0, 2), (4.0, 0)] {
            colony.phase = Phase::Onlooker;
            let batch = colony.breed(&mut rng);
            colony.select(batch.into_iter().map(|genes| Individual::feasible(genes, vec![value, 5.0])).collect(), &mut rng);
            assert_eq!(failures(&colony), [expected; 4]);
        }
    }

    #[test]
    fn a_bee_changes_one_gene() {
        let mut rng = SearchRng::seed_from_u64(3);
        let mut colony = BeeColony::new(Digits::bits(12), Options { sources: 6, ..Default::default() }).unwrap();
        let first = colony.breed(&mut rng);
        colony.select(first.iter().map(|genes| leading_ones_trailing_zeros(genes)).collect(), &mut rng);
        for (place, genes) in colony.breed(&mut rng).into_iter().enumerate() {
            let source = &colony.sources[place].individual.solution;
            assert_eq!(genes.iter().zip(source).filter(|(one, other)| one != other).count(), 1);
        }
    }
}
