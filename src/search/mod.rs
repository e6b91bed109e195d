//! Search algorithms: each asks an oracle about cells and learns from the answers.
//!
//! A new algorithm is one file in `algorithm/` with an `ENTRY`, its `mod` line and its line in the list. Its options
//! are a struct with `#[serde(default, deny_unknown_fields)]` and the paper's defaults; [`run`](run()) owns the
//! budget, the seed and the history.

mod acquisition;
mod algorithm;
mod archive;
mod brackets;
pub mod conformance;
mod crossover;
mod duplicates;
mod evolution;
pub mod external;
mod forest;
mod generations;
mod genes;
mod multi;
mod parzen;
mod pool;
mod recurrent;
mod redraws;
mod returned;
mod rows;
mod run;
mod scalarised;
mod served;
#[cfg(test)]
mod tests;
mod vectors;

pub use algorithm::{ALGORITHMS, options};
pub use duplicates::{Draws, Duplicates};
pub use pool::{MOST_REDRAWS, Pool};
pub use rand_chacha::ChaCha8Rng as SearchRng;
pub use redraws::Redraws;
pub use returned::Returns;
pub use run::{Budget, History, run, run_searcher};
pub use served::serve;

use std::cmp::Reverse;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::objective::{self, Goals};
use crate::oracle::{self, Candidate, Measurement};
use crate::space::{self, Cell, Space};
use crate::table::{self, Table, TableOracle};
use crate::unit::{Epochs, Seconds, Seed};
use pool::Region;

/// An error of a search.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No algorithm has this name.
    #[error("unknown algorithm `{name}` (known: {})", known())]
    UnknownAlgorithm {
        /// The name given.
        name: String,
    },
    /// The algorithm has no such option, or it has another type.
    #[error("the options of `{algorithm}` do not fit")]
    Options {
        /// The algorithm.
        algorithm: String,
        /// Which option, and what was expected.
        source: serde_json::Error,
    },
    /// An option is not in its valid range.
    #[error("`{algorithm}` has {option} = {found}, expected {expected}")]
    Option {
        /// The algorithm.
        algorithm: String,
        /// The option.
        option: &'static str,
        /// The value.
        found: String,
        /// The valid range.
        expected: &'static str,
    },
    /// The algorithm searches for several objectives.
    #[error("`{algorithm}` searches for several objectives, found `{found}` alone, expected as in `error,parameters`")]
    OneObjective {
        /// The algorithm.
        algorithm: &'static str,
        /// The only objective.
        found: &'static str,
    },
    /// The algorithm proposed more than there was room for.
    #[error("`{algorithm}` proposed {found} cells where {room} were left of the budget")]
    OverBudget {
        /// The algorithm.
        algorithm: String,
        /// The evaluations left.
        room: usize,
        /// The candidates asked for.
        found: usize,
    },
    /// A table has nothing to search.
    #[error("it has no rows yet: there is nothing to search")]
    NoRows,
    /// No cell of a table can be asked for.
    #[error("no cell has been trained at {}: there is nothing to search", listed(budgets))]
    NothingRecorded {
        /// The budgets that the algorithms use.
        budgets: Vec<Epochs>,
    },
    /// A table does not have a budget.
    #[error(transparent)]
    Table(#[from] table::Error),
    /// The cells of a table are of no space.
    #[error(transparent)]
    Space(#[from] space::Error),
    /// The budget pays for no training at all.
    #[error("a budget of {}, expected at least one evaluation or more than 0 s", described(*found))]
    NoBudget {
        /// The budget.
        found: Budget,
    },
    /// The budget does not pay for one training.
    #[error("a budget of {} s does not pay for one training: that of `{cell}` costs {} s", budget.0, found.0)]
    SmallBudget {
        /// The budget.
        budget: Seconds,
        /// The cell asked for first.
        cell: Cell,
        /// What its training costs.
        found: Seconds,
    },
    /// A budget in time is never spent by trainings that cost nothing.
    #[error("the training of `{cell}` costs {} s, expected more than 0 s: such trainings never spend a budget in time", found.0)]
    FreeTraining {
        /// The cell.
        cell: Cell,
        /// What the oracle says that its training costs.
        found: Seconds,
    },
    /// A budget in time cannot be spent by trainings of which nobody knows what they cost.
    #[error(
        "no training time is known of `{cell}` at {epochs} epochs, and the budget is one of seconds: expected evaluations, as in `200evals`"
    )]
    UnknownTime {
        /// The cell.
        cell: Cell,
        /// The budget of the training.
        epochs: Epochs,
    },
    /// The oracle could not answer.
    #[error(transparent)]
    Oracle(#[from] oracle::Error),
    /// What a candidate is worth is not known.
    #[error(transparent)]
    Objective(#[from] objective::Error),
    /// The algorithm could not go on.
    #[error("`{algorithm}` cannot go on")]
    Searcher {
        /// The algorithm.
        algorithm: String,
        /// The cause.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl Error {
    /// The same of a search with a name of its own, as one in another program has.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        if let Self::Options { algorithm, .. }
        | Self::Option { algorithm, .. }
        | Self::OverBudget { algorithm, .. }
        | Self::Searcher { algorithm, .. } = &mut self
        {
            name.clone_into(algorithm);
        }
        self
    }
}

fn known() -> String {
    ALGORITHMS.iter().map(|entry| entry.name).collect::<Vec<_>>().join(", ")
}

fn listed(budgets: &[Epochs]) -> String {
    let budgets: Vec<_> = budgets.iter().map(ToString::to_string).collect();
    format!("{} epochs", budgets.join(" and "))
}

fn described(budget: Budget) -> String {
    match budget {
        Budget::Evaluations(evaluations) => format!("{evaluations} evaluations"),
        Budget::SimulatedTime(Seconds(time)) => format!("{time} s"),
    }
}

/// A candidate and its measurement.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// What was asked.
    pub candidate: Candidate,
    /// The answer.
    pub measurement: Measurement,
    /// By how much it breaks the limits of the search, in parts of their bounds; 0 if it keeps them or there are none.
    #[serde(default)]
    pub violation: f32,
}

impl Trial {
    /// A trial that keeps all limits.
    #[must_use]
    pub const fn new(candidate: Candidate, measurement: Measurement) -> Self {
        Self { candidate, measurement, violation: 0.0 }
    }

    /// The cell that the answer is of: the [`representative`](Cell::representative) of what was asked.
    #[must_use]
    pub fn cell(&self) -> Cell {
        self.candidate.architecture.representative()
    }

    /// Returns what a search minimises: the validation error, 1 for a training that diverged; of a cell that breaks the limits 1
    /// and the violation, so that it is worse than any that keeps them.
    ///
    /// # Source
    ///
    /// The rules of feasibility of Deb, Computer Methods in Applied Mechanics and Engineering 186, 2000.
    #[must_use]
    pub fn loss(&self) -> f32 {
        if self.violation > 0.0 {
            return 1.0 + self.violation;
        }
        self.measurement.validation_accuracy.map_or(1.0, |accuracy| 1.0 - accuracy.fraction())
    }

    /// Returns what two trials of one cell at one budget share.
    fn key(&self) -> (u64, Epochs) {
        (self.candidate.architecture.fingerprint(), self.candidate.epochs)
    }

    /// Orders trials, the better first: by the violation of limits, those that diverged last, then more epochs before fewer, then by
    /// the loss.
    fn rank(&self) -> (u32, bool, Reverse<Epochs>, u32) {
        // The bits of numbers that are not negative are ordered as the numbers are.
        let has_diverged = self.measurement.validation_accuracy.is_none();
        (self.violation.to_bits(), has_diverged, Reverse(self.candidate.epochs), self.loss().to_bits())
    }
}

/// A search algorithm at work.
pub trait Searcher {
    /// Says what to measure next: at most `room` candidates; none means that the search is over.
    ///
    /// What is asked must not depend on the room, only how much of it at once: so a search of a smaller budget is the
    /// beginning of one of a larger budget.
    ///
    /// # Errors
    ///
    /// [`Error::Searcher`] where it cannot go on, as an external program that has ended.
    fn ask(&mut self, room: usize, rng: &mut SearchRng) -> Result<Vec<Candidate>, Error>;

    /// Learns from the last candidates: all of them, in the order asked, but for those at the end that a budget cut off, which nobody
    /// trained.
    ///
    /// # Errors
    ///
    /// As [`ask`](Self::ask).
    fn tell(&mut self, trials: &[Trial]) -> Result<(), Error>;
}

/// The set-up of a search.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Where to search.
    pub space: Space,
    /// The full budget of a training, for algorithms that use one. It is what counts as one evaluation.
    pub epochs: Epochs,
    /// The budgets that can be asked, ascending, for algorithms that use many; the last one is the full one.
    pub budgets: Vec<Epochs>,
    /// What is to be reached: the limits hold for every algorithm, and those for several objectives minimise all of them.
    pub goals: Goals,
    /// The options given, as a JSON object; the rest have the paper's defaults.
    pub options: serde_json::Value,
    /// The cells that can be measured, where those are not all of the space.
    pub pool: Option<Pool>,
    /// What a search gets for a cell that it asks for again.
    pub duplicates: Duplicates,
    /// Which of the cells that it asked for a search returns.
    pub returns: Returns,
    /// The draws of the run. [`run`](run()) sets it.
    pub draws: Draws,
}

impl Setup {
    /// A set-up of one budget with every option at its default.
    #[must_use]
    pub fn new(space: Space, epochs: Epochs) -> Self {
        Self {
            space,
            epochs,
            budgets: vec![epochs],
            goals: Goals::default(),
            options: serde_json::Value::Object(serde_json::Map::new()),
            pool: None,
            duplicates: Duplicates::default(),
            returns: Returns::default(),
            draws: Draws::default(),
        }
    }

    /// The set-up of searches on the records of a table: at a full budget, or the largest one, and those below it.
    ///
    /// The space is the smallest that holds the recorded cells; if some cells of it are missing, those that are there are the
    /// [`pool`](Self::pool). Only the budgets that one of the algorithms uses count. `is_wanted` says of the index of a cell
    /// whether more that is needed is known of it.
    ///
    /// # Errors
    ///
    /// [`Error::NoRows`] for a table without rows, [`Error::Table`] for a budget that it does not have,
    /// [`Error::NothingRecorded`] if no cell is wanted at all budgets that are used.
    pub fn on_table(
        table: &Table,
        epochs: Option<Epochs>,
        algorithms: &[&Entry],
        is_wanted: impl Fn(usize) -> bool,
    ) -> Result<Self, Error> {
        let largest = table.budgets().last().copied().ok_or(Error::NoRows)?;
        let epochs = epochs.unwrap_or(largest);
        table.check_budget(epochs)?;
        let setup = Self::new(Space::nas_bench_101(), epochs).with_budgets(table.budgets());
        let mut used: Vec<Epochs> = algorithms.iter().flat_map(|entry| entry.budgets(&setup)).copied().collect();
        used.push(epochs);
        used.sort_unstable();
        used.dedup();
        let found = Pool::of_table(table, &used, is_wanted)?;
        let (space, pool) = found.ok_or(Error::NothingRecorded { budgets: used })?;
        Ok(Self { space, pool, ..setup })
    }

    /// An oracle for one search on a table. Where a mean of answers counts, it shows each repeat of a cell before one is shown again.
    #[must_use]
    pub fn oracle_on<'a>(&self, table: &'a Table, seed: Seed) -> TableOracle<'a> {
        let oracle = TableOracle::new(table, seed);
        let is_averaged = self.duplicates == Duplicates::Average || matches!(self.returns, Returns::TopKMean { .. });
        if is_averaged { oracle.without_replacement() } else { oracle }
    }

    /// The same set-up with the options of an algorithm.
    ///
    /// # Panics
    ///
    /// Panics for options that are no JSON object. Those of our algorithms are.
    ///
    /// # Example
    ///
    /// ```
    /// use nasbench::search::{Setup, options::Genetic};
    /// use nasbench::space::Space;
    /// use nasbench::unit::Epochs;
    ///
    /// let options = Genetic { population_size: 50, ..Genetic::default() };
    /// let setup = Setup::new(Space::nas_bench_101(), Epochs(108)).with_options(&options);
    /// assert_eq!(setup.options["population_size"], 50);
    /// ```
    #[must_use]
    pub fn with_options(self, options: &impl Serialize) -> Self {
        let options = serde_json::to_value(options).expect("options are JSON");
        assert!(options.is_object(), "options are an object, found `{options}`");
        Self { options, ..self }
    }

    /// Whether a search may propose a cell: one of the space, and of the pool if there is one.
    #[must_use]
    pub fn holds(&self, cell: &Cell) -> bool {
        self.space.check(*cell).is_ok() && self.pool.as_ref().is_none_or(|pool| pool.contains(cell))
    }

    /// Returns the region in which a search may propose cells.
    fn region(&self) -> Region {
        let draws = (self.draws.clone(), self.duplicates == Duplicates::Never);
        Region::new(self.space, self.pool.clone(), draws, self.epochs)
    }

    /// The same set-up with more budgets: those of a list that are below the full one.
    #[must_use]
    pub fn with_budgets(mut self, budgets: &[Epochs]) -> Self {
        self.budgets = budgets.iter().copied().filter(|epochs| epochs.0 > 0 && *epochs < self.epochs).collect();
        self.budgets.push(self.epochs);
        self.budgets.sort_unstable();
        self.budgets.dedup();
        self
    }

    /// Reads the options of an algorithm.
    fn options<T: DeserializeOwned>(&self, algorithm: &'static str) -> Result<T, Error> {
        T::deserialize(&self.options).map_err(|source| Error::Options { algorithm: algorithm.to_owned(), source })
    }
}

/// A count as a number to calculate with.
#[expect(clippy::cast_precision_loss, reason = "counts of a search are far below 2^53")]
const fn count(number: usize) -> f64 {
    number as f64
}

/// Returns an error unless an option is in its valid range.
fn check_option(
    algorithm: &'static str,
    option: &'static str,
    found: &impl ToString,
    is_fine: bool,
    expected: &'static str,
) -> Result<(), Error> {
    let wrong = || Error::Option { algorithm: algorithm.to_owned(), option, found: found.to_string(), expected };
    if is_fine { Ok(()) } else { Err(wrong()) }
}

/// An algorithm, as the registry lists it.
#[derive(Debug)]
pub struct Entry {
    /// Its name on the command line.
    pub name: &'static str,
    /// One line that describes it.
    pub about: &'static str,
    /// The paper that describes it.
    pub source: &'static str,
    /// Whether it also trains with the budgets below the full one, and so needs some.
    pub uses_small_budgets: bool,
    /// Whether it searches for several objectives, and so needs more than one.
    pub needs_several_objectives: bool,
    /// The options with their defaults, as a JSON object.
    pub defaults: fn() -> serde_json::Value,
    /// Builds it, as [`searcher`](Self::searcher) does.
    pub build: fn(&Setup) -> Result<Box<dyn Searcher>, Error>,
}

impl Entry {
    /// Builds the algorithm for a set-up.
    ///
    /// # Errors
    ///
    /// [`Error::OneObjective`] if it needs several and there is one, [`Error::Options`] or [`Error::Option`] for an option that does not
    /// fit.
    pub fn searcher(&self, setup: &Setup) -> Result<Box<dyn Searcher>, Error> {
        if self.needs_several_objectives && setup.goals.objectives().len() < 2 {
            return Err(Error::OneObjective { algorithm: self.name, found: setup.goals.objectives()[0].name });
        }
        (self.build)(setup)
    }

    /// The budgets that it trains with in a set-up.
    #[must_use]
    pub fn budgets<'a>(&self, setup: &'a Setup) -> &'a [Epochs] {
        if self.uses_small_budgets { &setup.budgets } else { std::slice::from_ref(&setup.epochs) }
    }

    /// Whether it uses small budgets and a set-up has none, so that it does without what it is made for.
    #[must_use]
    pub const fn misses_small_budgets(&self, setup: &Setup) -> bool {
        self.uses_small_budgets && setup.budgets.len() < 2
    }
}

/// Finds an algorithm by its name.
///
/// # Errors
///
/// [`Error::UnknownAlgorithm`] with the known ones.
pub fn find(name: &str) -> Result<&'static Entry, Error> {
    ALGORITHMS.iter().find(|entry| entry.name == name).ok_or_else(|| Error::UnknownAlgorithm { name: name.to_owned() })
}

/// The defaults of an algorithm's options, for its [`Entry`].
fn defaults_of<T: Default + Serialize>() -> serde_json::Value {
    serde_json::to_value(T::default()).expect("options are plain data")
}
