//! The tree-structured Parzen estimator: each gene on its own takes the value that good cells have more often than bad ones.

use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::oracle::Proposal;
use crate::search::genes::{Genes, Genome};
use crate::search::{Entry, Error, Searcher, Setup, Trial, check_option, count, defaults_of};
use crate::space::{OPERATIONS, Sampler, Space};
use crate::unit::Epochs;

pub(super) const ENTRY: Entry = Entry {
    name: "tpe",
    about: "draws each edge and operation as the good cells have it, and keeps what they have more often than the others",
    source: "Bergstra et al., NeurIPS 2011; densities and defaults as in the program hyperopt",
    uses_small_budgets: false,
    defaults: defaults_of::<Options>,
    build: |setup| Ok(Box::new(Tpe::new(setup)?)),
};

/// The most values that a gene has.
const CHOICES: usize = OPERATIONS.len();
/// So many of the latest cells count in full; older ones count less, the oldest hardly.
const REMEMBERED: usize = 25;
/// After so many cells outside the space one is drawn at random.
const MOST_DRAWS: usize = 200;

#[derive(Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Options {
    /// Random cells to begin with.
    startup: usize,
    /// Values drawn for each gene, of which the best is taken.
    candidates: usize,
    /// ⌈gamma · √n⌉ of n cells are good, but no more than 25.
    gamma: f64,
    /// The cells that each value of a gene is given before any is measured.
    prior_weight: f64,
    sampler: Sampler,
}

impl Default for Options {
    fn default() -> Self {
        Self { startup: 20, candidates: 24, gamma: 0.25, prior_weight: 1.0, sampler: Sampler::Official }
    }
}

/// A cell outside the space is no evaluation, but is remembered with a loss of 1, as in the program nas_benchmarks.
#[derive(Debug)]
struct Tpe {
    space: Space,
    epochs: Epochs,
    options: Options,
    genome: Genome,
    started: usize,
    /// In the order of the search.
    observed: Vec<(Genes, f32)>,
    asked: Vec<Genes>,
}

impl Tpe {
    fn new(setup: &Setup) -> Result<Self, Error> {
        let options: Options = setup.options(ENTRY.name)?;
        let Options { startup, candidates, gamma, prior_weight, .. } = options;
        check_option(ENTRY.name, "startup", &startup, startup > 0, "at least 1")?;
        check_option(ENTRY.name, "candidates", &candidates, (1..=100_000).contains(&candidates), "1 to 100000")?;
        check_option(ENTRY.name, "gamma", &gamma, gamma > 0.0 && gamma <= 1_000.0, "more than 0, at most 1000")?;
        let is_weight = prior_weight > 0.0 && prior_weight.is_finite();
        check_option(ENTRY.name, "prior_weight", &prior_weight, is_weight, "more than 0")?;
        let genome = Genome::of(&setup.space);
        let (observed, asked) = (Vec::new(), Vec::new());
        Ok(Self { space: setup.space, epochs: setup.epochs, options, genome, started: 0, observed, asked })
    }

    /// Takes for each gene the best of some values drawn as good cells have it.
    fn propose(&self, rng: &mut ChaCha8Rng) -> Genes {
        let good = good(&self.observed, self.options.gamma);
        let densities = [true, false].map(|wanted| self.densities(&good, wanted));
        let mut genes = [0; crate::search::genes::MOST];
        for (gene, value) in genes[..self.genome.len()].iter_mut().enumerate() {
            let [good, bad] = [densities[0][gene], densities[1][gene]];
            let mut best = f64::NEG_INFINITY;
            for _ in 0..self.options.candidates {
                let drawn = draw(&good, self.genome.choices(gene), rng);
                let ratio = good[usize::from(drawn)] / bad[usize::from(drawn)];
                if ratio > best {
                    (best, *value) = (ratio, drawn);
                }
            }
        }
        genes
    }

    /// The chances of the values of each gene among the good cells or the others.
    fn densities(&self, good: &[bool], wanted: bool) -> Vec<[f64; CHOICES]> {
        let cells = good.iter().filter(|is_good| **is_good == wanted).count();
        let mut densities: Vec<[f64; CHOICES]> = (0..self.genome.len())
            .map(|gene| {
                std::array::from_fn(|value| if value < self.genome.choices(gene) { self.options.prior_weight } else { 0.0 })
            })
            .collect();
        let chosen = self.observed.iter().zip(good).filter(|(_, is_good)| **is_good == wanted);
        for (place, ((genes, _), _)) in chosen.enumerate() {
            let weight = weight(place, cells);
            for (density, gene) in densities.iter_mut().zip(genes) {
                density[usize::from(*gene)] += weight;
            }
        }
        for density in &mut densities {
            let sum: f64 = density.iter().sum();
            *density = density.map(|chance| chance / sum);
        }
        densities
    }
}

/// Which cells are good: those of the lowest losses, of equals the earlier ones.
fn good(observed: &[(Genes, f32)], gamma: f64) -> Vec<bool> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to a small count")]
    let number = (gamma * count(observed.len()).sqrt()).ceil().clamp(0.0, count(REMEMBERED)) as usize;
    let mut order: Vec<_> = (0..observed.len()).collect();
    let number = number.min(order.len());
    if number < order.len() {
        order.select_nth_unstable_by(number, |one, other| observed[*one].1.total_cmp(&observed[*other].1).then(one.cmp(other)));
    }
    let mut good = vec![false; observed.len()];
    for place in &order[..number] {
        good[*place] = true;
    }
    good
}

/// What a cell counts by its place among `cells`: the older ones count less, along a straight line from 1 / cells to 1.
fn weight(place: usize, cells: usize) -> f64 {
    let old = cells.saturating_sub(REMEMBERED);
    match old {
        _ if place >= old => 1.0,
        1 => 1.0 / count(cells),
        _ => {
            let first = 1.0 / count(cells);
            first + (1.0 - first) * count(place) / count(old - 1)
        }
    }
}

fn draw(chances: &[f64; CHOICES], choices: usize, rng: &mut ChaCha8Rng) -> u8 {
    let mut left = rng.random_range(0.0..1.0);
    let mut value = 0;
    for chance in &chances[..choices - 1] {
        if left < *chance {
            break;
        }
        left -= chance;
        value += 1;
    }
    value
}

impl Searcher for Tpe {
    fn ask(&mut self, room: usize, rng: &mut ChaCha8Rng) -> Vec<Proposal> {
        self.asked.clear();
        let missing = self.options.startup - self.started;
        let mut specs = Vec::new();
        if missing > 0 {
            specs.extend((0..missing.min(room)).map(|_| self.options.sampler.draw(&self.space, rng)));
            self.started += specs.len();
        } else {
            for _ in 0..MOST_DRAWS {
                let genes = self.propose(rng);
                let spec = self.genome.spec(&genes);
                if self.space.cell(&spec).is_ok() {
                    specs.push(spec);
                    break;
                }
                self.observed.push((genes, 1.0));
            }
            if specs.is_empty() {
                specs.push(self.options.sampler.draw(&self.space, rng));
            }
        }
        self.asked.extend(specs.iter().map(|spec| self.genome.of_spec(*spec)));
        let propose =
            |spec: &crate::space::Spec| Proposal { cell: spec.prune().expect("specs are connected"), epochs: self.epochs };
        specs.iter().map(propose).collect()
    }

    fn tell(&mut self, trials: &[Trial]) {
        self.observed.extend(self.asked.iter().zip(trials).map(|(genes, trial)| (*genes, trial.loss())));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unit::Seed;

    fn tpe() -> Tpe {
        Tpe::new(&Setup::new(Space::nas_bench_101(), Epochs(108))).unwrap()
    }

    #[test]
    fn the_densities_of_six_cells_are_those_by_hand() {
        let mut search = tpe();
        let losses = [(1, 0.3), (0, 0.1), (0, 0.5), (1, 0.4), (1, 0.2), (0, 0.6)];
        for (value, loss) in losses {
            let mut genes = [0; crate::search::genes::MOST];
            genes[0] = value;
            genes[21] = 2 * value;
            search.observed.push((genes, loss));
        }
        let good = good(&search.observed, 0.25);
        assert_eq!(good, [false, true, false, false, false, false], "⌈0.25 √6⌉ = 1");
        let [good, bad] = [true, false].map(|wanted| search.densities(&good, wanted));
        let close = |found: &[f64], expected: &[f64]| {
            found.iter().zip(expected).all(|(found, expected)| (found - expected).abs() < 1e-15)
        };
        assert!(close(&good[0], &[2.0 / 3.0, 1.0 / 3.0, 0.0]));
        assert!(close(&bad[0], &[3.0 / 7.0, 4.0 / 7.0, 0.0]));
        assert!(close(&good[21], &[2.0 / 4.0, 1.0 / 4.0, 1.0 / 4.0]));
        assert!(close(&bad[21], &[3.0 / 8.0, 1.0 / 8.0, 4.0 / 8.0]));
        assert!((good[0][0] / bad[0][0] - 14.0 / 9.0).abs() < 1e-15);
    }

    #[test]
    fn without_cells_there_is_the_prior_only() {
        let densities = tpe().densities(&[], true);
        assert!(densities[..21].iter().all(|chances| chances[..2] == [0.5, 0.5]));
        assert!(densities[21..].iter().flat_map(|chances| &chances[..3]).all(|chance| (chance - 1.0 / 3.0).abs() < 1e-15));
    }

    #[test]
    fn old_cells_count_less_and_the_last_25_in_full() {
        assert!((0..25).all(|place| (weight(place, 25) - 1.0).abs() < 1e-15));
        let weights: Vec<_> = (0..30).map(|place| weight(place, 30)).collect();
        for (found, expected) in weights.iter().zip([1.0 / 30.0, 0.275, 31.0 / 60.0, 0.758_333_333_333_333_3, 1.0, 1.0]) {
            assert!((found - expected).abs() < 1e-12, "{found} and {expected}");
        }
    }

    #[test]
    fn at_most_25_cells_are_good() {
        let observed = vec![([0; crate::search::genes::MOST], 0.5); 40_000];
        assert_eq!(good(&observed, 0.25).iter().filter(|good| **good).count(), 25);
        assert!(good(&observed, 0.25)[..25].iter().all(|good| *good), "of equals the earlier ones");
    }

    #[test]
    fn what_the_good_cells_share_is_proposed() {
        let mut search = tpe();
        for place in 0_u8..60 {
            let mut genes = [0; crate::search::genes::MOST];
            genes[22] = place % 3;
            search.observed.push((genes, if place % 3 == 1 { 0.1 } else { 0.2 }));
        }
        let mut rng = Seed(1).rng();
        assert!((0..20).all(|_| search.propose(&mut rng)[22] == 1));
    }
}
