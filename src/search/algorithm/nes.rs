//! Natural evolution strategy on categories: a chance for each value of each gene follows the natural gradient of the ranks.

use serde::{Deserialize, Serialize};

use crate::search::generations::{Generations, Strategy};
use crate::search::genes::{CHOICES, Chances, Genes, Genome, MOST, draw_by_chance};
use crate::search::{Entry, Error, SearchRng, Setup, check_option, count, defaults_of};
use crate::space::Spec;

pub(super) const ENTRY: Entry = Entry {
    name: "nes",
    about: "draws each edge and operation by its chance, and moves the chances along the natural gradient, in which only the ranks of \
            a generation count; a draw outside the space counts as a cell of loss 1 and is not evaluated",
    source: "Wierstra et al., JMLR 15, 2014, for the utilities; Ollivier et al., JMLR 18, 2017, for categories",
    uses_small_budgets: false,
    needs_several_objectives: false,
    defaults: defaults_of::<Options>,
    build: |setup| Ok(Box::new(Generations::new(setup, Nes::new(setup)?))),
};

/// The options of `nes`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// The cells of a generation.
    pub population_size: usize,
    /// How far the chances move in a generation.
    pub learning_rate: f64,
    /// A chance is never less than this part of an equal one, so that no value dies out.
    pub margin: f64,
}

impl Default for Options {
    fn default() -> Self {
        Self { population_size: 10, learning_rate: 0.5, margin: 0.1 }
    }
}

struct Nes {
    genome: Genome,
    options: Options,
    utilities: Vec<f64>,
    chances: Vec<Chances>,
}

/// The utilities of the ranks of a generation, the best first; their sum is 0.
fn utilities(size: usize) -> Vec<f64> {
    let raw: Vec<f64> = (1..=size).map(|rank| ((0.5 * count(size) + 1.0).ln() - count(rank).ln()).max(0.0)).collect();
    let sum: f64 = raw.iter().sum();
    raw.iter().map(|utility| utility / sum - 1.0 / count(size)).collect()
}

impl Nes {
    fn new(setup: &Setup) -> Result<Self, Error> {
        let options: Options = setup.options(ENTRY.name)?;
        let Options { population_size: size, learning_rate, margin } = options;
        check_option(ENTRY.name, "population_size", &size, (2..=1_000_000).contains(&size), "2 to 1000000")?;
        let is_rate = learning_rate > 0.0 && learning_rate <= 1.0;
        check_option(ENTRY.name, "learning_rate", &learning_rate, is_rate, "more than 0, at most 1")?;
        check_option(ENTRY.name, "margin", &margin, (0.0..1.0).contains(&margin), "0 or more, below 1")?;
        let genome = Genome::new(&setup.space);
        let equal = |gene: usize| -> Chances {
            let choices = genome.choices(gene);
            std::array::from_fn(|value| if value < choices { 1.0 / count(choices) } else { 0.0 })
        };
        let chances = (0..genome.len()).map(equal).collect();
        Ok(Self { genome, utilities: utilities(size), options, chances })
    }

    /// Moves the chances towards the genes of a generation, the best first.
    fn follow(&mut self, generation: &[Genes]) {
        for (gene, chances) in self.chances.iter_mut().enumerate() {
            let choices = self.genome.choices(gene);
            let mut step: Chances = [0.0; CHOICES];
            for (genes, utility) in generation.iter().zip(&self.utilities) {
                for (value, (step, chance)) in step.iter_mut().zip(&*chances).enumerate().take(choices) {
                    *step += utility * (f64::from(u8::from(usize::from(genes[gene]) == value)) - chance);
                }
            }
            let least = self.options.margin / count(choices);
            let moved = chances.iter().zip(step).map(|(chance, step)| (chance + self.options.learning_rate * step).max(least));
            let moved: Vec<f64> = moved.take(choices).collect();
            // What is above the least is shared anew, so that the sum is 1.
            let above: f64 = moved.iter().map(|chance| chance - least).sum();
            for (chance, moved) in chances.iter_mut().zip(moved) {
                *chance = least + (moved - least) / above * (1.0 - self.options.margin);
            }
        }
    }
}

impl Strategy for Nes {
    type Point = Genes;

    fn size(&self) -> usize {
        self.options.population_size
    }

    fn draw(&mut self, _: &[Genes], rng: &mut SearchRng) -> Genes {
        let mut genes = [0; MOST];
        for (gene, (value, chances)) in genes.iter_mut().zip(&self.chances).enumerate() {
            *value = draw_by_chance(chances, self.genome.choices(gene), rng);
        }
        genes
    }

    fn spec(&self, genes: &Genes) -> Spec {
        self.genome.spec(genes)
    }

    fn point(&self, spec: Spec, _: &mut SearchRng) -> Genes {
        self.genome.of_spec(spec)
    }

    fn learn(&mut self, mut generation: Vec<(Genes, f64)>) {
        generation.sort_by(|(_, one), (_, other)| one.total_cmp(other));
        self.follow(&generation.into_iter().map(|(genes, _)| genes).collect::<Vec<_>>());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::Space;
    use crate::unit::{Epochs, Seed};

    fn nes(options: serde_json::Value) -> Nes {
        let mut setup = Setup::new(Space::nas_bench_101(), Epochs(108));
        setup.options = options;
        Nes::new(&setup).unwrap()
    }

    #[test]
    fn the_utilities_are_the_known_ones() {
        // `nes_utilities_lambda10` of the known answers.
        let known =
            [0.329_544_041_986_65, 0.163_373_723_513_242, 0.066_170_318_473_407, -0.002_796_594_960_165, -0.056_291_489_013_135];
        let found = utilities(10);
        for (found, expected) in found.iter().zip(known.into_iter().chain([-0.1; 5])) {
            assert!((found - expected).abs() < 1e-14, "{found} and {expected}");
        }
        assert!(found.iter().sum::<f64>().abs() < 1e-15);
    }

    #[test]
    fn two_values_move_as_in_population_based_incremental_learning() {
        // Of two cells the utilities are 1/2 and −1/2: the chance moves to the better one by a half of the rate, away from the worse one
        // by as much.
        let mut search = nes(serde_json::json!({ "population_size": 2, "learning_rate": 0.2, "margin": 0.0 }));
        let (mut better, worse) = ([0; MOST], [0; MOST]);
        better[0] = 1;
        search.follow(&[better, worse]);
        assert!((search.chances[0][1] - 0.6).abs() < 1e-15, "{:?}", search.chances[0]);
        assert!((search.chances[1][1] - 0.5).abs() < 1e-15, "both have the same value: the chance stays");
        let pbil = 0.5 + 0.2 * 0.5 * (1.0 - 0.5) - 0.2 * 0.5 * (0.0 - 0.5);
        assert!((search.chances[0][1] - pbil).abs() < 1e-15);
    }

    /// Runs generations on the share of 3×3 convolutions, and returns the chances.
    fn learned(rescale: impl Fn(f64) -> f64) -> Vec<Chances> {
        let mut search = nes(serde_json::json!({}));
        let mut rng = Seed(1).rng();
        for _ in 0..60 {
            let drawn: Vec<Genes> = (0..10).map(|_| search.draw(&[], &mut rng)).collect();
            let loss = |genes: &Genes| rescale(count(genes[21..].iter().filter(|gene| **gene > 0).count()));
            search.learn(drawn.into_iter().map(|genes| (genes, loss(&genes))).collect());
        }
        search.chances
    }

    #[test]
    fn only_the_ranks_count_and_what_is_better_becomes_likely() {
        let chances = learned(|loss| loss);
        assert_eq!(chances, learned(|loss| (3.0 * loss).exp() - 7.0));
        assert!(chances[21..].iter().all(|chances| chances[0] > 0.8), "{:?}", &chances[21..]);
        for (gene, chances) in chances.iter().enumerate() {
            let least = 0.1 / if gene < 21 { 2.0 } else { 3.0 };
            assert!(
                (chances.iter().sum::<f64>() - 1.0).abs() < 1e-12
                    && chances.iter().all(|chance| *chance == 0.0 || *chance >= least - 1e-12)
            );
        }
    }
}
