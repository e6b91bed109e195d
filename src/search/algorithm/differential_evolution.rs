//! Differential evolution: each vector of a population is challenged by one that differences of others make.

use rand::RngExt as _;
use serde::{Deserialize, Serialize};

use crate::search::generations::{Generations, Strategy};
use crate::search::vectors::Vectors;
use crate::search::{Entry, Error, SearchRng, Setup, check_option, defaults_of};
use crate::space::Spec;

pub(super) const ENTRY: Entry = Entry {
    name: "differential-evolution",
    about: "adds the difference of two members of a population to a third, crosses it with a fourth, and keeps the better one \
            (rand/1/bin); a draw outside the space counts as a cell of loss 1 and is not evaluated",
    source: "Storn & Price, Journal of Global Optimization 11, 1997; population 20, F = CR = 0.5 and numbers outside 0 to 1 drawn again \
             as in Awad, Mallik & Hutter, arXiv:2012.06400; the encoding of Ying et al., ICML 2019, S3",
    uses_small_budgets: false,
    needs_several_objectives: false,
    defaults: defaults_of::<Options>,
    build: |setup| Ok(Box::new(Generations::new(setup, DifferentialEvolution::new(setup)?))),
};

/// The options of `differential-evolution`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// How many are alive.
    pub population_size: usize,
    /// The factor of the difference, F.
    pub factor: f64,
    /// The chance that a number is that of the mutant, CR. One number always is.
    pub crossover_rate: f64,
}

impl Default for Options {
    fn default() -> Self {
        Self { population_size: 20, factor: 0.5, crossover_rate: 0.5 }
    }
}

struct DifferentialEvolution {
    vectors: Vectors,
    options: Options,
    /// Empty before the first generation.
    population: Vec<(Vec<f64>, f64)>,
}

impl DifferentialEvolution {
    fn new(setup: &Setup) -> Result<Self, Error> {
        let options: Options = setup.options(ENTRY.name)?;
        let Options { population_size, factor, crossover_rate } = options;
        check_option(
            ENTRY.name,
            "population_size",
            &population_size,
            (4..=1_000_000).contains(&population_size),
            "4 to 1000000",
        )?;
        check_option(ENTRY.name, "factor", &factor, (0.0..=2.0).contains(&factor), "0 to 2")?;
        check_option(ENTRY.name, "crossover_rate", &crossover_rate, (0.0..=1.0).contains(&crossover_rate), "0 to 1")?;
        Ok(Self { vectors: Vectors::new(&setup.space), options, population: Vec::new() })
    }
}

/// The first vector with the difference of the others.
fn mutant([base, one, other]: [&[f64]; 3], factor: f64) -> Vec<f64> {
    base.iter().zip(one.iter().zip(other)).map(|(base, (one, other))| base + factor * (one - other)).collect()
}

/// Draws the challenger of a member of a population.
fn challenger(population: &[(Vec<f64>, f64)], index: usize, options: &Options, rng: &mut SearchRng) -> Vec<f64> {
    let drawn = rand::seq::index::sample(rng, population.len() - 1, 3);
    // The three are different, and none is the member itself.
    let others = [0, 1, 2].map(|at| population[drawn.index(at) + usize::from(drawn.index(at) >= index)].0.as_slice());
    let mutant = mutant(others, options.factor);
    let target = &population[index].0;
    let sure = rng.random_range(0..target.len());
    let choose = |(at, (mutant, target)): (usize, (&f64, &f64))| {
        let is_taken = rng.random_range(0.0..1.0) < options.crossover_rate || at == sure;
        let number = if is_taken { *mutant } else { *target };
        if (0.0..=1.0).contains(&number) { number } else { rng.random_range(0.0..1.0) }
    };
    mutant.iter().zip(target).enumerate().map(choose).collect()
}

/// Keeps the better of each member and its challenger; of equals the challenger.
fn select(population: &mut Vec<(Vec<f64>, f64)>, generation: Vec<(Vec<f64>, f64)>) {
    if population.is_empty() {
        *population = generation;
        return;
    }
    for (member, challenger) in population.iter_mut().zip(generation) {
        if challenger.1 <= member.1 {
            *member = challenger;
        }
    }
}

impl Strategy for DifferentialEvolution {
    type Point = Vec<f64>;

    fn size(&self) -> usize {
        self.options.population_size
    }

    fn draw(&mut self, drawn: &[Vec<f64>], rng: &mut SearchRng) -> Vec<f64> {
        if self.population.is_empty() {
            return (0..self.vectors.len()).map(|_| rng.random_range(0.0..1.0)).collect();
        }
        challenger(&self.population, drawn.len(), &self.options, rng)
    }

    fn spec(&self, point: &Vec<f64>) -> Spec {
        self.vectors.spec(point)
    }

    fn point(&self, spec: Spec, rng: &mut SearchRng) -> Vec<f64> {
        self.vectors.draw_of(spec, rng)
    }

    fn learn(&mut self, generation: Vec<(Vec<f64>, f64)>) {
        select(&mut self.population, generation);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unit::Seed;

    fn population(size: u8) -> Vec<(Vec<f64>, f64)> {
        (0..size).map(|index| (vec![f64::from(index) / f64::from(size); 6], f64::from(index))).collect()
    }

    #[test]
    fn the_mutant_is_the_known_one() {
        // `synthetic_de_rand1bin` of the known answers.
        let found = mutant([&[0.1, 0.2, 0.3], &[0.4, 0.4, 0.4], &[0.2, 0.6, 0.1]], 0.5);
        assert!(found.iter().zip([0.2, 0.1, 0.45]).all(|(found, expected)| (found - expected).abs() < 1e-15), "{found:?}");
    }

    #[test]
    fn without_a_difference_the_challenger_is_another_member() {
        let (members, options) = (population(8), Options { factor: 0.0, crossover_rate: 1.0, ..Options::default() });
        let mut rng = Seed(1).rng();
        for _ in 0..100 {
            let found = challenger(&members, 3, &options, &mut rng);
            assert!(members.iter().enumerate().any(|(index, (member, _))| index != 3 && *member == found), "{found:?}");
        }
    }

    #[test]
    fn without_crossover_one_number_is_the_mutants() {
        let (members, options) = (population(8), Options { crossover_rate: 0.0, ..Options::default() });
        let mut rng = Seed(2).rng();
        for _ in 0..100 {
            let found = challenger(&members, 3, &options, &mut rng);
            assert!(
                found.iter().zip(&members[3].0).filter(|(found, target)| (*found - *target).abs() > 1e-12).count() <= 1,
                "{found:?}"
            );
        }
    }

    #[test]
    fn a_sphere_is_solved() {
        let sphere = |point: &[f64]| point.iter().map(|x| (x - 0.3).powi(2)).sum::<f64>();
        let mut rng = Seed(3).rng();
        let options = Options::default();
        let drawn = |rng: &mut SearchRng| (0..8).map(|_| rng.random_range(0.0..1.0)).collect::<Vec<f64>>();
        let mut members: Vec<_> = (0..20).map(|_| drawn(&mut rng)).map(|point| (point.clone(), sphere(&point))).collect();
        for _ in 0..400 {
            let next: Vec<_> = (0..20).map(|index| challenger(&members, index, &options, &mut rng)).collect();
            select(&mut members, next.into_iter().map(|point| (point.clone(), sphere(&point))).collect());
        }
        let best = members.iter().map(|(_, value)| *value).fold(f64::INFINITY, f64::min);
        assert!(best < 1e-8, "{best}");
    }
}
