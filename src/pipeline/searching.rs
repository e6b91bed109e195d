//! The stage that searches: random search and regularized evolution, against the fitted surrogate.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::time::Instant;

use super::Error;
use super::fitting::Fitted;
use crate::report::{SearchRun, Step};
use crate::search::{self, Budget, History, Setup};
use crate::space::{Cell, Space};
use crate::surrogate::SurrogateOracle;
use crate::table::write_trials;
use crate::unit::{Epochs, Seconds, Seed};

/// The baseline, and the algorithm that the other ones are held against.
const ALGORITHMS: [&str; 2] = ["random", "regularized-evolution"];
/// What each algorithm may ask.
const ASKS: usize = 3_000;

/// What the searches found.
#[derive(Debug)]
pub(super) struct Searched {
    pub(super) runs: Vec<SearchRun>,
    /// The representatives of the cells that any search asked about, the most promising first.
    pub(super) ranking: Vec<Cell>,
}

/// Runs the algorithms and writes their trials.
pub(super) fn search(fitted: &Fitted, space: Space, epochs: Epochs, seed: Seed, folder: &Path) -> Result<Searched, Error> {
    fs_err::create_dir_all(folder)?;
    let setup = Setup::new(space, epochs);
    let mut runs = Vec::new();
    let mut losses: HashMap<Cell, f32> = HashMap::new();
    for name in ALGORITHMS {
        let entry = search::find(name)?;
        let started = Instant::now();
        let mut oracle = fitted.oracle()?;
        let history = search::run(entry, &setup, &mut oracle, Budget::Evaluations(ASKS), seed.derive("search"))?;
        let wall = Seconds::from(started.elapsed());
        write(&history, &format!("surrogate:{}", fitted.accuracy.name()), &folder.join(format!("{}.parquet", entry.name)))?;
        losses.extend(history.trials.iter().map(|trial| (trial.cell(), trial.loss())));
        runs.push(summary(&history, entry.about, wall));
    }
    let mut ranking: Vec<_> = losses.into_iter().collect();
    // Of equally promising cells the order of the representatives decides, so that two runs choose the same.
    ranking.sort_by(|a, b| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0)));
    Ok(Searched { runs, ranking: ranking.into_iter().map(|(cell, _)| cell).collect() })
}

impl Fitted {
    fn oracle(&self) -> Result<SurrogateOracle, Error> {
        Ok(SurrogateOracle::new().with_models(self.accuracy.clone(), self.time.clone())?)
    }
}

fn write(history: &History, oracle: &str, file: &Path) -> Result<(), Error> {
    Ok(write_trials(file, &history.rows(oracle))?)
}

fn summary(history: &History, about: &str, wall: Seconds) -> SearchRun {
    let incumbents = history.incumbents();
    let step = |(position, trial): &(usize, search::Trial)| {
        Some(Step { evaluation: position + 1, best: trial.measurement.validation_accuracy? })
    };
    let distinct: HashSet<_> = history.trials.iter().map(|trial| trial.proposal.cell.hash()).collect();
    SearchRun {
        name: history.algorithm.to_owned(),
        about: about.to_owned(),
        trajectory: incumbents.iter().filter_map(step).collect(),
        evaluations: history.trials.len(),
        distinct_cells: distinct.len(),
        wall,
        best: incumbents.last().map(|(_, trial)| trial.cell()),
    }
}
