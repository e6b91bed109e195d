//! Which of the cells that it asked for a search returns: what looked best is often what was lucky.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::Trial;
use super::forest::Forest;
use super::genes::{Genes, Genome};
use crate::space::Space;
use crate::unit::Seed;

/// The trees of the forest whose mean is the posterior.
const TREES: usize = 100;
/// No forest is fitted on fewer trials.
const FEWEST_TRIALS: usize = 10;

/// Which of the cells that it asked for a search returns: its incumbent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Returns {
    /// The one that looked best, as the papers of the algorithms have it.
    #[default]
    BestSeen,
    /// Of some that looked best, the one of the best mean of all its answers. A share of the budget is kept for asking for them again, in
    /// turn and whatever the rule of [`Duplicates`](super::Duplicates) says; until that is spent the incumbent is the one that looked best.
    TopKMean {
        /// The most cells that are asked for again, of the largest budget of epochs at which one ended well.
        k: usize,
        /// The share of the budget that is kept, between 0 and 1. What the search leaves of the rest is spent, too.
        share: f64,
    },
    /// The one for which a random forest predicts most, which is fitted on what the search saw at the largest budget of epochs. It is
    /// fitted again whenever there are a quarter more trials, and at the end.
    ///
    /// # Source
    ///
    /// The forest is that of Hutter, Hoos & Leyton-Brown, LION 2011, as in `smac`, with 100 trees; that one returns the cell of the best
    /// model mean, not of the best observation, is usual where observations are noisy: Frazier, "A tutorial on Bayesian
    /// optimization", 2018, section 5.
    Posterior,
}

/// The cells that are asked for again, and the share of the budget for it, where nobody says otherwise.
const TOP_K_MEAN: (usize, f64) = (10, 0.1);

impl Returns {
    /// Whether this is the default.
    #[must_use]
    pub fn is_best_seen(&self) -> bool {
        *self == Self::BestSeen
    }

    /// The rule in a sentence, for reports.
    #[must_use]
    pub fn in_words(self) -> String {
        match self {
            Self::BestSeen => {
                "The incumbent is chosen by what the search saw, cells of more epochs before those of fewer.".to_owned()
            }
            Self::TopKMean { k, share } => format!(
                "The incumbent is what looked best until {:.0} % of the budget are left: with them the {k} cells that looked best are \
                 trained again in turn, and the one of the best mean of all its answers is returned.",
                100.0 * share
            ),
            Self::Posterior => {
                "The incumbent is the cell for which a random forest predicts most that is fitted on what the search saw, again whenever \
                 there are a quarter more trials."
                    .to_owned()
            }
        }
    }
}

/// As it is typed: `best-seen`, `top-k-mean:k=10:share=0.1` or `posterior`.
impl fmt::Display for Returns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BestSeen => f.write_str("best-seen"),
            Self::TopKMean { k, share } => write!(f, "top-k-mean:k={k}:share={share}"),
            Self::Posterior => f.write_str("posterior"),
        }
    }
}

impl FromStr for Returns {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || {
            "expected `best-seen`, `posterior` or `top-k-mean`, which takes a number and a share between 0 and 1, as in \
             `top-k-mean:k=10:share=0.1`"
                .to_owned()
        };
        let (name, options) = text.split_once(':').map_or((text, None), |(name, options)| (name, Some(options)));
        match (name, options) {
            ("best-seen", None) => Ok(Self::BestSeen),
            ("posterior", None) => Ok(Self::Posterior),
            ("top-k-mean", options) => {
                let (mut k, mut share) = TOP_K_MEAN;
                for option in options.into_iter().flat_map(|options| options.split(':')) {
                    match option.split_once('=') {
                        Some(("k", number)) => k = number.parse().map_err(|_| expected())?,
                        Some(("share", number)) => share = number.parse().map_err(|_| expected())?,
                        _ => return Err(expected()),
                    }
                }
                if k > 0 && share > 0.0 && share < 1.0 { Ok(Self::TopKMean { k, share }) } else { Err(expected()) }
            }
            _ => Err(expected()),
        }
    }
}

/// The incumbents by the mean of a forest: those that looked best until there are enough trials for one.
pub(super) fn posterior(trials: &[Trial], best_seen: &[(usize, Trial)], space: &Space, seed: Seed) -> Vec<(usize, Trial)> {
    let genome = Genome::new(space);
    let mut rng = seed.derive("forest of the returned cell").rng();
    let looked_best = |count: usize| best_seen.iter().rev().find(|(position, _)| *position < count).map(|(_, trial)| *trial);
    let mut incumbents: Vec<(usize, Trial)> =
        best_seen.iter().copied().take_while(|(position, _)| position + 1 < FEWEST_TRIALS).collect();
    let mut count = FEWEST_TRIALS;
    while count <= trials.len() {
        let best = expected_best(&genome, &trials[..count], looked_best(count), |observed| {
            Forest::fit(&genome, observed, TREES, &mut rng)
        });
        let last = incumbents.last().map(|(_, last)| last.key());
        incumbents.extend(best.filter(|best| last != Some(best.key())).map(|best| (count - 1, best)));
        count = if count == trials.len() { usize::MAX } else { (count + count.div_ceil(4)).min(trials.len()) };
    }
    incumbents
}

/// The trial of the lowest expected loss among those of the largest budget; that which looked best if there are too few of them.
fn expected_best(
    genome: &Genome,
    trials: &[Trial],
    looked_best: Option<Trial>,
    fit: impl FnOnce(&[(Genes, f32)]) -> Forest,
) -> Option<Trial> {
    let most = looked_best?.candidate.epochs;
    let of_most: Vec<&Trial> = trials.iter().filter(|trial| trial.candidate.epochs == most).collect();
    if of_most.len() < FEWEST_TRIALS {
        return looked_best;
    }
    let observed: Vec<_> = of_most.iter().map(|trial| (genome.of_cell(&trial.cell()), trial.loss())).collect();
    let forest = fit(&observed);
    let expected = of_most.iter().zip(&observed).map(|(trial, (genes, _))| (forest.predict(genes).mean, **trial));
    // What diverged is never returned while something did not.
    let ended_well = expected.filter(|(_, trial)| trial.measurement.validation_accuracy.is_some());
    ended_well.min_by(|one, other| one.0.total_cmp(&other.0)).map(|(_, trial)| trial).or(looked_best)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oracle::Candidate;
    use crate::search::tests::fixture;
    use crate::space::Cell;
    use crate::unit::Epochs;

    #[test]
    fn rules_are_read_as_they_are_printed() {
        let parsed = |text: &str| text.parse::<Returns>();
        for text in ["best-seen", "posterior", "top-k-mean:k=3:share=0.25"] {
            assert_eq!(parsed(text).unwrap().to_string(), text);
        }
        assert_eq!(parsed("top-k-mean"), Ok(Returns::TopKMean { k: 10, share: 0.1 }));
        assert_eq!(parsed("top-k-mean:share=0.5"), Ok(Returns::TopKMean { k: 10, share: 0.5 }));
        for text in ["", "mean", "posterior:k=3", "top-k-mean:", "top-k-mean:k=0", "top-k-mean:share=1", "top-k-mean:share=NaN"] {
            assert!(parsed(text).unwrap_err().starts_with("expected `best-seen`"), "{text}");
        }
    }

    /// Trials of all cells of four vertices: good ones have an edge from the input to the output; one of the others was lucky.
    fn lucky(space: &Space) -> (Vec<Trial>, usize) {
        let cells = space.cells().unwrap();
        let is_good = |cell: &Cell| cell.vertices() == 4 && cell.has_edge(0, 3);
        let lucky = cells.iter().position(|cell| cell.vertices() == 4 && !is_good(cell)).unwrap();
        let trial = |(place, cell): (usize, &Cell)| {
            let fraction = if place == lucky { 0.8 } else { 0.5 + 0.25 * f32::from(u8::from(is_good(cell))) };
            fixture::trial(Candidate::new(*cell, Epochs(12)), fraction)
        };
        (cells.iter().enumerate().map(trial).collect(), lucky)
    }

    #[test]
    fn a_forest_does_not_believe_in_luck() {
        let space = Space::nas_bench_101().with_max_vertices(4).unwrap();
        let (trials, lucky) = lucky(&space);
        let best_seen = [(0, trials[0]), (lucky, trials[lucky])];
        let incumbents = posterior(&trials, &best_seen, &space, Seed(1));
        let (position, returned) = *incumbents.last().unwrap();
        assert!(returned.cell().has_edge(0, 3) && (returned.loss() - 0.25).abs() < 1e-6, "{returned:?}");
        assert!(position < trials.len() && incumbents.is_sorted_by(|one, other| one.0 < other.0));
        assert_eq!(incumbents, posterior(&trials, &best_seen, &space, Seed(1)));
        // Of few trials what looked best is returned.
        assert_eq!(posterior(&trials[..FEWEST_TRIALS - 1], &best_seen[..1], &space, Seed(1)), best_seen[..1]);
    }
}
