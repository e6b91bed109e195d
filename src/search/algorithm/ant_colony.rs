//! Multi-objective ant colony: ants choose each gene by the pheromone of every objective, weighted at random.

use crate::search::multi::start;
use crate::search::{Entry, Error, SearchRng, check_option, defaults_of};
use rand::RngExt as _;
use serde::{Deserialize, Serialize};

use crate::search::multi::mating::{Known, roulette};
use crate::search::multi::options::{check_probability, check_size};
use crate::search::multi::survival::GridArchive;
use crate::search::multi::variation::draw_valid;
use crate::search::multi::{Algorithm, Genome, Individual, count};

pub(super) const ENTRY: Entry = Entry {
    name: "ant-colony",
    about: "ants choose each gene by the pheromone of every objective, which an archive lays down",
    source: "López-Ibáñez & Stützle, IEEE TEC 16(6), 2012; bounds of Stützle & Hoos, FGCS 16(8), 2000",
    uses_small_budgets: false,
    needs_several_objectives: true,
    defaults: defaults_of::<Options>,
    build: |setup| start(ENTRY.name, setup, |cells, _, options| AntColony::new(cells, options)),
};

/// The options of the ant colony.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Number of ants of an iteration.
    pub ants: usize,
    /// Number of individuals that the archive keeps.
    pub archive_size: usize,
    /// Number of divisions of each objective's range.
    pub divisions: usize,
    /// ρ: the part of the pheromone that is replaced in an iteration.
    pub evaporation: f64,
    /// The least pheromone of a value, as a fraction of an even share.
    pub floor: f64,
    /// Whether an ant that finds a solution of the archive or of another ant searches again.
    pub remove_duplicates: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { ants: 50, archive_size: 100, divisions: 8, evaporation: 0.1, floor: 0.1, remove_duplicates: true }
    }
}

/// A multi-objective ant colony.
///
/// # Source
///
/// One pheromone for each objective and random weights for each ant as in P-ACO: Doerner, Gutjahr, Hartl, Strauss & Stummer,
/// "Pareto ant colony optimization", Annals of Operations Research 131, 2004. Pheromone between bounds: Stützle & Hoos, "MAX-MIN
/// ant system", FGCS 16(8), 2000, in the scale of Blum & Dorigo, "The hyper-cube framework", IEEE SMC-B 34(2), 2004. Unlike in
/// P-ACO the whole archive deposits, the better an individual in an objective the more, and there is no heuristic.
#[derive(Debug)]
pub(crate) struct AntColony<G: Genome> {
    genome: G,
    options: Options,
    archive: GridArchive<G::Solution>,
    /// One for each objective; none before the first iteration was measured.
    pheromones: Vec<Pheromone>,
}

impl<G: Genome> AntColony<G> {
    /// Creates the algorithm.
    ///
    /// # Errors
    ///
    /// The option that is not in its valid range.
    pub(crate) fn new(genome: G, options: Options) -> Result<Self, Error> {
        check_size(ENTRY.name, "ants", options.ants)?;
        check_size(ENTRY.name, "archive_size", options.archive_size)?;
        check_option(ENTRY.name, "divisions", &options.divisions, options.divisions > 0, "at least 1")?;
        check_probability(ENTRY.name, "evaporation", options.evaporation)?;
        check_probability(ENTRY.name, "floor", options.floor)?;
        let archive = GridArchive::new(options.archive_size, options.divisions);
        Ok(Self { genome, options, archive, pheromones: Vec::new() })
    }

    /// The genes that an ant with some weights of the objectives chooses.
    fn walk(&self, weights: &[f64], rng: &mut SearchRng) -> Vec<usize> {
        let sizes = self.genome.sizes().iter().enumerate();
        let strength = |gene: usize, value: usize| -> f64 {
            let factors = self.pheromones.iter().zip(weights).map(|(pheromone, weight)| pheromone.0[gene][value].powf(*weight));
            factors.product()
        };
        sizes
            .map(|(gene, size)| {
                let strengths: Vec<f64> = (0..*size).map(|value| strength(gene, value)).collect();
                roulette(&strengths, rng)
            })
            .collect()
    }
}

impl<G: Genome> Algorithm<G::Solution> for AntColony<G> {
    fn breed(&mut self, rng: &mut SearchRng) -> Vec<G::Solution> {
        let mut known = Known::of(&self.genome, self.archive.members(), self.options.remove_duplicates);
        let mut ant = |rng: &mut SearchRng| {
            if self.pheromones.is_empty() {
                return known.draw_new(&self.genome, rng);
            }
            known.breed_new(&self.genome, rng, |rng| {
                let weights = random_weights(self.pheromones.len(), rng);
                draw_valid(&self.genome, rng, |rng| self.walk(&weights, rng))
            })
        };
        (0..self.options.ants).map(|_| ant(rng)).collect()
    }

    fn select(&mut self, measured: Vec<Individual<G::Solution>>, rng: &mut SearchRng) {
        for individual in measured {
            self.archive.offer(individual, rng);
        }
        let members = self.archive.members();
        let objectives = members.first().map_or(0, |member| member.objectives.len());
        self.pheromones.resize_with(objectives, || Pheromone::even(self.genome.sizes()));
        let genes: Vec<Vec<usize>> = members.iter().map(|member| self.genome.encode(&member.solution)).collect();
        for (objective, pheromone) in self.pheromones.iter_mut().enumerate() {
            let mut order: Vec<usize> = (0..members.len()).collect();
            order.sort_by(|one, other| members[*one].objectives[objective].total_cmp(&members[*other].objectives[objective]));
            // The best of n has the weight n, the worst 1.
            let deposits: Vec<_> =
                order.iter().rev().enumerate().map(|(place, index)| (count(place + 1), &genes[*index])).collect();
            pheromone.update(&deposits, self.options.evaporation, self.options.floor);
        }
    }

    fn population(&self) -> &[Individual<G::Solution>] {
        self.archive.members()
    }
}

/// The pheromone of each value of each gene.
#[derive(Clone, Debug, PartialEq)]
struct Pheromone(Vec<Vec<f64>>);

impl Pheromone {
    fn even(sizes: &[usize]) -> Self {
        Self(sizes.iter().map(|size| vec![1.0 / count(*size); *size]).collect())
    }

    /// Replaces a part of the pheromone by the weighted shares of the values among some genes, between the bounds.
    ///
    /// The bounds are such that one value is at the upper one when all others are at the lower one.
    fn update(&mut self, deposits: &[(f64, &Vec<usize>)], evaporation: f64, floor: f64) {
        let total: f64 = deposits.iter().map(|(weight, _)| weight).sum();
        for (gene, values) in self.0.iter_mut().enumerate() {
            let least = floor / count(values.len());
            let greatest = 1.0 - least * count(values.len() - 1);
            for value in values.iter_mut() {
                *value *= 1.0 - evaporation;
            }
            for (weight, genes) in deposits {
                values[genes[gene]] += evaporation * weight / total;
            }
            for value in values.iter_mut() {
                *value = value.clamp(least, greatest);
            }
        }
    }
}

/// Weights with the sum 1, all of them equally likely.
fn random_weights(objectives: usize, rng: &mut SearchRng) -> Vec<f64> {
    // Exponential numbers divided by their sum are uniform on the simplex.
    let mut weights: Vec<f64> = (0..objectives).map(|_| -(1.0 - rng.random_range(0.0..1.0_f64)).ln()).collect();
    let sum: f64 = weights.iter().sum();
    for weight in &mut weights {
        *weight /= sum.max(f64::MIN_POSITIVE);
    }
    weights
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;

    use super::*;
    use crate::search::multi::tests::digits::Digits;

    #[test]
    fn the_better_in_an_objective_deposits_more_for_it() {
        let mut rng = SearchRng::seed_from_u64(1);
        let options = Options { evaporation: 1.0, floor: 0.0, ..Default::default() };
        let mut colony = AntColony::new(Digits::bits(1), options).unwrap();
        colony
            .select(vec![Individual::feasible(vec![0], vec![1.0, 2.0]), Individual::feasible(vec![1], vec![2.0, 1.0])], &mut rng);
        // The better of two has the weight 2 of 3.
        let found: Vec<f64> = colony.pheromones.iter().map(|pheromone| pheromone.0[0][0]).collect();
        assert!((found[0] - 2.0 / 3.0).abs() < 1e-12 && (found[1] - 1.0 / 3.0).abs() < 1e-12, "{found:?}");
    }

    #[test]
    fn evaporation_of_all_forgets() {
        let deposits = [(2.0, &vec![0, 1]), (1.0, &vec![1, 1])];
        let mut one = Pheromone::even(&[2, 3]);
        one.update(&[(1.0, &vec![1, 2])], 0.5, 0.1);
        let mut other = Pheromone::even(&[2, 3]);
        assert_ne!(one, other);
        one.update(&deposits, 1.0, 0.1);
        other.update(&deposits, 1.0, 0.1);
        assert_eq!(one, other);
        let expected = [vec![2.0 / 3.0, 1.0 / 3.0], vec![0.1 / 3.0, 1.0 - 0.2 / 3.0, 0.1 / 3.0]];
        let pairs = one.0.iter().flatten().zip(expected.iter().flatten());
        for (found, expected) in pairs {
            assert!((found - expected).abs() < 1e-12, "{found} and {expected}");
        }
    }

    #[test]
    fn the_pheromone_stays_between_its_bounds() {
        let mut pheromone = Pheromone::even(&[4]);
        for _ in 0..200 {
            pheromone.update(&[(1.0, &vec![2])], 0.1, 0.2);
            assert!(pheromone.0[0].iter().all(|value| (0.05..=0.85).contains(value)), "{pheromone:?}");
        }
        assert_eq!(pheromone.0[0], [0.05, 0.05, 1.0 - 0.05 * 3.0, 0.05]);
    }
}
