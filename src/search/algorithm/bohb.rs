//! BOHB: the brackets of Hyperband, filled by a density model of what was good at the largest budget that has enough cells.

use std::collections::BTreeMap;

use rand::RngExt as _;
use serde::{Deserialize, Serialize};

use crate::oracle::Candidate;
use crate::search::brackets::{Brackets, Sizes};
use crate::search::genes::{Genes, Genome, MOST};
use crate::search::pool::Region;
use crate::search::{Entry, Error, SearchRng, Searcher, Setup, Trial, check_option, count, defaults_of};
use crate::space::{Sampler, Spec};
use crate::unit::Epochs;

pub(super) const ENTRY: Entry = Entry {
    name: "bohb",
    about: "Hyperband whose cells are drawn from a density of the good ones, where it is high against that of the others",
    source: "Falkner et al., ICML 2018, and the program HpBandSter; no random cells, 4 samples and bandwidths of at least 0.3 \
             as in Ying et al., ICML 2019, S2.2",
    uses_small_budgets: true,
    needs_several_objectives: false,
    defaults: defaults_of::<Options>,
    build: |setup| Ok(Box::new(Bohb::new(setup)?)),
};

/// The share of the cells that are good, in per cent.
const GOOD: usize = 15;
/// No density is taken to be lower.
const LEAST_DENSITY: f64 = 1e-32;
/// The number of draws outside the space after which a cell is drawn at random.
const MOST_DRAWS: usize = 1_000;

/// The options of `bohb`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// One in `eta` cells goes on to the next rung.
    pub eta: usize,
    /// How many cells the brackets begin with.
    pub brackets: Sizes,
    /// How many cells are drawn for one that is proposed.
    pub samples: usize,
    /// The share of cells that are drawn at random whatever the model says.
    pub random_fraction: f64,
    /// The least bandwidth of the density estimators.
    pub least_bandwidth: f64,
    /// How random cells are drawn.
    pub sampler: Sampler,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            eta: 3,
            brackets: Sizes::Hpbandster,
            samples: 4,
            random_fraction: 0.0,
            least_bandwidth: 0.3,
            sampler: Sampler::Official,
        }
    }
}

/// Cells outside the space are drawn again; in the comparison of Ying et al. they took a place of a bracket at no cost.
#[derive(Debug)]
struct Bohb {
    region: Region,
    options: Options,
    genome: Genome,
    brackets: Brackets,
    /// What was reached at each budget.
    observed: BTreeMap<Epochs, Vec<(Genes, f32)>>,
    model: Option<Model>,
}

/// The densities of the good cells and of the others.
#[derive(Debug)]
struct Model {
    epochs: Epochs,
    good: Density,
    bad: Density,
}

impl Bohb {
    fn new(setup: &Setup) -> Result<Self, Error> {
        let options: Options = setup.options(ENTRY.name)?;
        let Options { eta, brackets, samples, random_fraction, least_bandwidth, .. } = options;
        let all = Brackets::new(ENTRY.name, setup, eta, brackets)?;
        check_option(ENTRY.name, "samples", &samples, (1..=100_000).contains(&samples), "1 to 100000")?;
        check_option(ENTRY.name, "random_fraction", &random_fraction, (0.0..=1.0).contains(&random_fraction), "0 to 1")?;
        let is_width = least_bandwidth > 0.0 && least_bandwidth <= 1.0;
        check_option(ENTRY.name, "least_bandwidth", &least_bandwidth, is_width, "more than 0, at most 1")?;
        let genome = Genome::new(&setup.space);
        Ok(Self { region: setup.region(), options, genome, brackets: all, observed: BTreeMap::new(), model: None })
    }

    /// Fits the model to a budget, unless there is one of a larger budget or too few cells.
    fn fit(&mut self, epochs: Epochs) {
        if self.model.as_ref().is_some_and(|model| model.epochs > epochs) {
            return;
        }
        let observed = &self.observed[&epochs];
        let least = self.genome.len() + 1;
        let goods = least.max(GOOD * observed.len() / 100);
        let bads = least.max((100 - GOOD) * observed.len() / 100).min(observed.len().saturating_sub(goods));
        if bads < least {
            return;
        }
        let mut order: Vec<_> = observed.iter().collect();
        order.sort_by(|one, other| one.1.total_cmp(&other.1));
        let density = |cells: &[&(Genes, f32)]| {
            let cells = cells.iter().map(|(genes, _)| *genes).collect();
            Density::fit(cells, &self.genome, self.options.least_bandwidth)
        };
        self.model = Some(Model { epochs, good: density(&order[..goods]), bad: density(&order[goods..goods + bads]) });
    }
}

impl Model {
    /// The best of some cells of the space drawn from the density of the good ones.
    fn propose(&self, region: &Region, genome: &Genome, samples: usize, rng: &mut SearchRng) -> Option<Spec> {
        let draw = |_| self.good.draw(genome, rng);
        let is_cell = |genes: &Genes| {
            let spec = genome.spec(genes);
            !region.is_redrawn(&spec) && region.cell(&spec).is_some()
        };
        let cells = (0..MOST_DRAWS.max(samples)).map(draw).filter(is_cell).take(samples);
        let ratio =
            |genes: &Genes| self.bad.at(genes, genome).max(LEAST_DENSITY) / self.good.at(genes, genome).max(LEAST_DENSITY);
        let best = cells.map(|genes| (ratio(&genes), genes)).min_by(|one, other| one.0.total_cmp(&other.0));
        best.map(|(_, genes)| genome.spec(&genes))
    }
}

/// A mixture of a kernel around each cell: a product over the genes, each of which keeps its value with the chance of 1 less
/// its bandwidth.
#[derive(Debug)]
struct Density {
    cells: Vec<Genes>,
    bandwidths: [f64; MOST],
}

impl Density {
    /// Bandwidths are those of the normal reference rule, 1.06 σ n^(−1 / (4 + d)), but at least `least` and at most those
    /// that make all values equal.
    fn fit(cells: Vec<Genes>, genome: &Genome, least: f64) -> Self {
        let n = count(cells.len());
        let mut bandwidths = [0.0; MOST];
        for (gene, bandwidth) in bandwidths[..genome.len()].iter_mut().enumerate() {
            let values = || cells.iter().map(|genes| f64::from(genes[gene]));
            let mean = values().sum::<f64>() / n;
            let variance = values().map(|value| (value - mean).powi(2)).sum::<f64>() / n;
            let choices = count(genome.choices(gene));
            let reference = 1.06 * variance.sqrt() * n.powf(-1.0 / (4.0 + count(genome.len())));
            *bandwidth = reference.max(least).min((choices - 1.0) / choices);
        }
        Self { cells, bandwidths }
    }

    /// The density of a cell: it sums to 1 over all.
    fn at(&self, genes: &Genes, genome: &Genome) -> f64 {
        let mut kept = [1.0; MOST];
        let mut changed = [1.0; MOST];
        for gene in 0..genome.len() {
            kept[gene] = 1.0 - self.bandwidths[gene];
            changed[gene] = self.bandwidths[gene] / count((genome.choices(gene) - 1).max(1));
        }
        let kernel = |cell: &Genes| -> f64 {
            let factors = (0..genome.len()).map(|gene| if cell[gene] == genes[gene] { kept[gene] } else { changed[gene] });
            factors.product()
        };
        self.cells.iter().map(kernel).sum::<f64>() / count(self.cells.len())
    }

    /// Draws around one of the cells: a gene keeps its value with the chance of 1 less its bandwidth, else it takes any, as in
    /// HpBandSter.
    fn draw(&self, genome: &Genome, rng: &mut SearchRng) -> Genes {
        let mut genes = self.cells[rng.random_range(0..self.cells.len())];
        for (gene, value) in genes[..genome.len()].iter_mut().enumerate() {
            if rng.random_range(0.0..1.0) < self.bandwidths[gene] {
                *value = genome.draw(gene, rng);
            }
        }
        genes
    }
}

impl Searcher for Bohb {
    fn ask(&mut self, _: usize, rng: &mut SearchRng) -> Result<Vec<Candidate>, Error> {
        let Self { region, options, genome, brackets, model, .. } = self;
        // One at a time: what was told last may change the model.
        Ok(brackets.ask(1, || {
            let is_random = options.random_fraction >= 1.0
                || model.is_none()
                || options.random_fraction > 0.0 && rng.random_range(0.0..1.0) < options.random_fraction;
            let proposed = match model {
                Some(model) if !is_random => model.propose(region, genome, options.samples, rng),
                _ => None,
            };
            proposed.unwrap_or_else(|| region.draw(options.sampler, rng))
        }))
    }

    fn tell(&mut self, trials: &[Trial]) -> Result<(), Error> {
        let Self { brackets, genome, observed, .. } = self;
        brackets.tell(trials);
        for trial in trials {
            observed.entry(trial.candidate.epochs).or_default().push((genome.of_spec(trial.candidate.spec()), trial.loss()));
        }
        if let Some(trial) = trials.last() {
            self.fit(trial.candidate.epochs);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::tests::fixture::tell;
    use crate::search::{Budget, find};
    use crate::space::Space;
    use crate::unit::Seed;

    fn setup() -> Setup {
        Setup::new(Space::nas_bench_101(), Epochs(108)).with_budgets(&[4, 12, 36].map(Epochs))
    }

    fn accuracy(candidate: &Candidate) -> f32 {
        let good = candidate.architecture.operations().filter(|operation| operation.label() == 0).count();
        f32::from(u8::try_from(good).unwrap()) / 10.0 + f32::from(candidate.epochs.0) / 1_000.0
    }

    #[test]
    fn with_random_cells_only_it_is_hyperband() {
        let mut random = setup();
        random.options = serde_json::json!({ "random_fraction": 1.0 });
        let mut bohb = Bohb::new(&random).unwrap();
        let mut hyperband = (find("hyperband").unwrap().build)(&setup()).unwrap();
        let mut generators = [Seed(1).rng(), Seed(1).rng()];
        for _ in 0..300 {
            let candidates = bohb.ask(1, &mut generators[0]).unwrap();
            assert_eq!(candidates, hyperband.ask(1, &mut generators[1]).unwrap());
            let accuracy = accuracy(&candidates[0]);
            tell(&mut bohb, &candidates, |_| accuracy);
            tell(hyperband.as_mut(), &candidates, |_| accuracy);
        }
        assert!(bohb.model.is_some());
    }

    #[test]
    fn a_density_sums_to_one_over_all_cells() {
        let space = Space::nas_bench_101().with_max_vertices(4).unwrap();
        let genome = Genome::new(&space);
        let mut rng = Seed(2).rng();
        let cells = (0..9).map(|_| genome.of_spec(Sampler::Official.draw(&space, &mut rng))).collect();
        let density = Density::fit(cells, &genome, 0.05);
        let mut sum = 0.0;
        for edges in 0..1_u64 << 6 {
            for labels in 0..9_u8 {
                let mut genes = [0; MOST];
                for (edge, gene) in genes[..6].iter_mut().enumerate() {
                    *gene = u8::try_from(edges >> edge & 1).unwrap();
                }
                (genes[6], genes[7]) = (labels % 3, labels / 3);
                sum += density.at(&genes, &genome);
            }
        }
        assert!((sum - 1.0).abs() < 1e-12, "{sum}");
    }

    #[test]
    fn bandwidths_follow_the_normal_reference_rule_within_their_limits() {
        let genome = Genome::new(&Space::nas_bench_101());
        let mut cells = vec![[0; MOST]; 64];
        for genes in &mut cells[..32] {
            genes[0] = 1;
        }
        for genes in &mut cells[..16] {
            genes[25] = 2;
        }
        let density = Density::fit(cells, &genome, 0.3);
        let expected = 1.06 * 0.5 * 64_f64.powf(-1.0 / 30.0);
        assert!((density.bandwidths[0] - expected).abs() < 1e-12);
        assert!((density.bandwidths[1] - 0.3).abs() < 1e-12, "the least");
        assert!((density.bandwidths[25] - 2.0 / 3.0).abs() < 1e-12, "all values are equal");
    }

    #[test]
    fn the_model_is_that_of_the_largest_budget_with_enough_cells_and_finds_better_ones() {
        let search = |fraction: f64| {
            let mut setup = setup();
            setup.options = serde_json::json!({ "random_fraction": fraction });
            let mut bohb = Bohb::new(&setup).unwrap();
            let mut rng = Seed(3).rng();
            let mut sum = 0.0;
            for trial in 0..600 {
                let candidates = bohb.ask(1, &mut rng).unwrap();
                let accuracy = accuracy(&candidates[0]);
                tell(&mut bohb, &candidates, |_| accuracy);
                let enough = |epochs| bohb.observed.get(&Epochs(epochs)).is_some_and(|cells: &Vec<_>| cells.len() >= 54);
                let largest = [108, 36, 12, 4].into_iter().find(|epochs| enough(*epochs));
                assert_eq!(bohb.model.as_ref().map(|model| model.epochs.0), largest, "after {trial}");
                if trial > 300 && candidates[0].epochs == Epochs(4) {
                    sum += accuracy;
                }
            }
            sum
        };
        assert!(search(0.0) > search(1.0));
        let history = crate::search::run(&ENTRY, &setup(), &mut Toy, Budget::Evaluations(30), Seed(1)).unwrap();
        assert!(!history.is_short_of(Budget::Evaluations(30)));
    }

    struct Toy;

    impl crate::oracle::Oracle for Toy {
        fn measure(&mut self, candidates: &[Candidate]) -> Result<Vec<crate::oracle::Measurement>, crate::oracle::Error> {
            Ok(candidates
                .iter()
                .map(|candidate| crate::search::tests::fixture::trial(*candidate, accuracy(candidate)).measurement)
                .collect())
        }
    }
}
