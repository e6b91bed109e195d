//! Screened evolution: a model fitted on what was measured so far lets only promising children be measured.

use rand::RngExt as _;
use serde::{Deserialize, Serialize};

use crate::oracle::Candidate;
use crate::search::evolution::{self, Death, Evolution};
use crate::search::{Entry, Error, SearchRng, Searcher, Setup, Trial, check_option, defaults_of};
use crate::space::{Cell, Mutation, Sampler, Spec};
use crate::surrogate::{self, Features, Rows, RuleClassifier, Surrogate, rule_classifier};
use crate::unit::Seed;

pub(super) const ENTRY: Entry = Entry {
    name: "screened-evolution",
    about: "regularized evolution; of 10 children the one is measured of which a decision tree or a support vector regression, \
            fitted again every 50 cells, expects most",
    source: "Real et al., AAAI 2019, with a screen of our own: the decision tree of Breiman et al., 1984, or the regression of \
             Drucker et al., 1997",
    uses_small_budgets: false,
    needs_several_objectives: false,
    defaults: defaults_of::<Options>,
    build: |setup| Ok(Box::new(ScreenedEvolution::new(setup)?)),
};

/// The share of the measured cells that the tree is to tell from the others.
const PROMISING: f64 = 0.2;
/// What the screens see of a cell, which is the same for isomorphic cells. Of 20,000 cells of NAS-Bench-101 walks help the
/// regression to find the best of ten (its mean rank rises from 0.937 to 0.944 of 1 after 200 cells); more encodings do not.
const ENCODED: &[&str] = &["statistics", "walks"];

/// What says how promising a child is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Screening {
    /// The tree of rules that says whether a cell is among the best fifth.
    Judge,
    /// The regression of the accuracy.
    Svr,
}

/// The options of `screened-evolution`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// How many are alive.
    pub population_size: usize,
    /// How many of them compete to be a parent.
    pub tournament_size: usize,
    /// How random cells are drawn.
    pub sampler: Sampler,
    /// How a cell is changed.
    pub mutation: Mutation,
    /// What screens the children.
    pub screening: Screening,
    /// How many children are screened for one that is measured.
    pub candidates: usize,
    /// After how many cells the screen is fitted again.
    pub refit: usize,
}

impl Default for Options {
    fn default() -> Self {
        let evolution::Options { population_size, tournament_size, sampler, mutation } = evolution::Options::default();
        let screening = Screening::Judge;
        Self { population_size, tournament_size, sampler, mutation, screening, candidates: 10, refit: 50 }
    }
}

#[derive(Debug)]
struct ScreenedEvolution {
    evolution: Evolution,
    options: Options,
    screen: Screen,
    features: Features,
    /// The cells measured, as the screen sees them, and their accuracies; what diverged has 0.
    rows: Rows,
    accuracies: Vec<f32>,
    /// How many cells the screen was fitted on.
    fitted: usize,
}

/// A fitted screen.
#[derive(Debug)]
enum Screen {
    /// All children are alike.
    None,
    Classifier(RuleClassifier),
    Regression(Box<dyn Surrogate>),
}

impl ScreenedEvolution {
    fn new(setup: &Setup) -> Result<Self, Error> {
        let options: Options = setup.options(ENTRY.name)?;
        let Options { population_size, tournament_size, sampler, mutation, candidates, refit, .. } = options;
        check_option(ENTRY.name, "candidates", &candidates, (1..=100_000).contains(&candidates), "1 to 100000")?;
        check_option(ENTRY.name, "refit", &refit, refit > 0, "at least 1")?;
        let own = evolution::Options { population_size, tournament_size, sampler, mutation };
        let evolution = Evolution::new(ENTRY.name, setup, own, Death::Oldest)?;
        let features = Features::new(ENCODED, &setup.space).expect("names of the list");
        let rows = Rows::new(features.names().len());
        Ok(Self { evolution, options, features, screen: Screen::None, rows, accuracies: Vec::new(), fitted: 0 })
    }

    /// Fits the screen on all cells measured. What cannot be fitted, as cells that are all alike, screens nothing.
    fn fit(&mut self, seed: Seed) {
        self.fitted = self.accuracies.len();
        let screen = match self.options.screening {
            Screening::Judge => rule_classifier::best(&self.accuracies, PROMISING)
                .and_then(|promising| RuleClassifier::fit(&self.rows, self.features.names(), &promising))
                .map(Screen::Classifier),
            Screening::Svr => {
                surrogate::find("svr").and_then(|entry| entry.fit(&self.rows, &self.accuracies, seed)).map(Screen::Regression)
            }
        };
        self.screen = screen.unwrap_or(Screen::None);
    }
}

impl Screen {
    /// The most promising of some children; of equals the first, as without a screen.
    fn choose(&self, features: &Features, children: &[Spec]) -> Option<Spec> {
        let cells: Vec<Cell> = children.iter().filter_map(|child| child.prune().ok()).collect();
        let rows = features.rows(&cells).ok()?;
        let expected: Vec<f32> = match self {
            Self::None => return children.first().copied(),
            Self::Classifier(classifier) => classifier.classify(&rows).ok()?.iter().map(|verdict| verdict.share).collect(),
            Self::Regression(model) => model.predict(&rows).ok()?.iter().map(|prediction| prediction.mean).collect(),
        };
        let best = children.iter().zip(expected).reduce(|best, other| if other.1 > best.1 { other } else { best });
        best.map(|(child, _)| *child)
    }
}

impl Searcher for ScreenedEvolution {
    fn ask(&mut self, room: usize, rng: &mut SearchRng) -> Result<Vec<Candidate>, Error> {
        let measured = self.accuracies.len();
        if measured >= self.options.population_size && (self.fitted == 0 || measured >= self.fitted + self.options.refit) {
            self.fit(Seed(rng.random()));
        }
        let Self { evolution, screen, options, features, .. } = self;
        Ok(evolution.ask_with(room, rng, |evolution, rng| {
            let count = if matches!(screen, Screen::None) { 1 } else { options.candidates };
            let children: Vec<_> = (0..count).map_while(|_| evolution.child(rng)).collect();
            screen.choose(features, &children)
        }))
    }

    fn tell(&mut self, trials: &[Trial]) -> Result<(), Error> {
        self.evolution.tell(trials)?;
        let cells: Vec<Cell> = trials.iter().map(|trial| trial.candidate.architecture).collect();
        let rows = self.features.rows(&cells).expect("cells lie in the space");
        rows.iter().for_each(|row| self.rows.push(row).expect("encodings are finite"));
        self.accuracies.extend(trials.iter().map(|trial| 1.0 - trial.loss()));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::tests::fixture::{tell, trial};
    use crate::space::Space;
    use crate::unit::Epochs;

    fn accuracy(cell: &Cell) -> f32 {
        f32::from(u8::try_from(cell.operations().filter(|operation| operation.label() == 0).count()).unwrap()) / 10.0
    }

    fn screened(options: serde_json::Value) -> ScreenedEvolution {
        let mut setup = Setup::new(Space::nas_bench_101(), Epochs(4));
        setup.options = options;
        ScreenedEvolution::new(&setup).unwrap()
    }

    #[test]
    fn either_screen_chooses_better_children_than_none() {
        // A tournament of one takes any parent, so that the screen alone makes the difference.
        let mean = |screening: &str, candidates: usize| {
            let mut search = screened(serde_json::json!({
                "screening": screening, "candidates": candidates, "population_size": 60, "tournament_size": 1, "refit": 20
            }));
            let mut rng = Seed(1).rng();
            let mut sum = 0.0;
            for step in 0_u8..160 {
                let asked = search.ask(1, &mut rng).unwrap();
                let accuracy = accuracy(&asked[0].architecture);
                sum += if step >= 60 { accuracy } else { 0.0 };
                search.tell(&[trial(asked[0], accuracy)]).unwrap();
            }
            assert_eq!((search.rows.len(), search.fitted), (160, 140));
            sum / 100.0
        };
        let none = mean("judge", 1);
        for screening in ["judge", "svr"] {
            assert!(mean(screening, 10) > none + 0.05, "{screening}");
        }
    }

    #[test]
    fn cells_that_are_all_alike_screen_nothing() {
        let mut search = screened(serde_json::json!({ "population_size": 20, "tournament_size": 2 }));
        let mut rng = Seed(2).rng();
        for _ in 0..60 {
            let asked = search.ask(30, &mut rng).unwrap();
            assert!(!asked.is_empty());
            tell(&mut search, &asked, |_| 0.5);
        }
        assert!(matches!(search.screen, Screen::None));
    }
}
