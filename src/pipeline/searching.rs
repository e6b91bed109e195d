//! The stage that searches against the fitted surrogate: it scores every cell of a space that is small enough, and runs random search and
//! regularized evolution on a larger one.

use std::collections::HashMap;
use std::path::Path;
use std::time::Instant;

use super::Error;
use super::fitting::Fitted;
use crate::report::SearchRun;
use crate::search::{self, Budget, Setup};
use crate::space::{Cell, Space};
use crate::surrogate::SurrogateOracle;
use crate::table::write_trials;
use crate::unit::{Epochs, Seconds, Seed};

/// The baseline of NAS papers and an algorithm that should beat it.
const ALGORITHMS: [&str; 2] = ["random", "regularized-evolution"];
/// The budget of each algorithm, in evaluations.
const ASKS: usize = 3_000;
/// The largest number of cells of a space that is scored whole: a search of it would be a slower way to the same list.
const WHOLE: usize = 10_000;

/// The result of the stage.
#[derive(Debug)]
pub(super) struct Searched {
    pub(super) runs: Vec<SearchRun>,
    /// The cells that were scored; `None` where searches asked about some.
    pub(super) scored: Option<usize>,
    /// The representatives of the cells that were scored or that any search asked about, the most promising first.
    pub(super) ranking: Vec<Cell>,
}

/// Scores the cells of a space, or runs the algorithms on it and writes their trials.
pub(super) fn search(
    fitted: &Fitted,
    (space, cells): (Space, &[Cell]),
    epochs: Epochs,
    seed: Seed,
    folder: &Path,
) -> Result<Searched, Error> {
    if cells.len() <= WHOLE {
        let scored = cells.iter().map(Cell::representative).zip(fitted.losses(cells)?);
        return Ok(Searched { runs: Vec::new(), scored: Some(cells.len()), ranking: ranking(scored.collect()) });
    }
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
        let oracle = format!("surrogate:{}", fitted.accuracy.name);
        write_trials(&folder.join(format!("{}.parquet", entry.name)), &history.rows(&oracle))?;
        losses.extend(history.trials.iter().map(|trial| (trial.cell(), trial.loss())));
        runs.push(SearchRun { history, about: entry.about, wall });
    }
    Ok(Searched { runs, scored: None, ranking: ranking(losses.into_iter().collect()) })
}

/// Sorts cells by their losses. Of equally promising ones the order of the representatives decides, so that two runs choose the same.
fn ranking(mut losses: Vec<(Cell, f32)>) -> Vec<Cell> {
    losses.sort_by(|a, b| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0)));
    losses.into_iter().map(|(cell, _)| cell).collect()
}

impl Fitted {
    fn losses(&self, cells: &[Cell]) -> Result<Vec<f32>, Error> {
        Ok(self.accuracy.predict_all(cells)?.into_iter().map(|prediction| 1.0 - prediction.mean).collect())
    }

    fn oracle(&self) -> Result<SurrogateOracle, Error> {
        Ok(SurrogateOracle::new().with_models(self.accuracy.clone(), self.time.clone())?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Surrogates;
    use crate::surrogate::features::STANDARD;
    use crate::surrogate::{self, Features, Model, Quantity, Target};

    /// Models that were taught that edges are good, on the cells of at most four vertices.
    fn fitted() -> Fitted {
        let space = Space::nas_bench_101();
        let cells = space.with_max_vertices(4).unwrap().cells().unwrap();
        let features = Features::new(STANDARD, &space).unwrap();
        #[expect(clippy::cast_precision_loss, reason = "values of a test")]
        let values: Vec<f32> = cells.iter().map(|cell| cell.edge_count() as f32 / 10.0).collect();
        let rows = features.rows(&cells).unwrap();
        let fit = |quantity| {
            let target = Target { quantity, epochs: Epochs(4) };
            let entry = surrogate::find("random-forest").unwrap();
            Model::fit(entry, target, &features, &rows, &cells, &values, Seed(1)).unwrap().into()
        };
        let (accuracy, time) = (fit(Quantity::ValidationAccuracy), fit(Quantity::TrainingTime));
        Fitted { accuracy, time, quality: Surrogates::default() }
    }

    #[test]
    fn a_small_space_is_scored_whole_and_a_large_one_is_searched() {
        let (folder, fitted) = (tempfile::tempdir().unwrap(), fitted());
        let searched = |vertices: usize| {
            let space = Space::nas_bench_101().with_max_vertices(vertices).unwrap();
            let cells = space.cells().unwrap();
            search(&fitted, (space, &cells), Epochs(4), Seed(1), &folder.path().join("trials")).unwrap()
        };
        let whole = searched(5);
        assert_eq!((whole.scored, whole.runs.len(), whole.ranking.len()), (Some(2_532), 0, 2_532));
        assert!(!folder.path().join("trials").exists());
        let losses = fitted.losses(&whole.ranking).unwrap();
        assert!(losses.is_sorted(), "the most promising come first");
        let found = searched(6);
        assert_eq!((found.scored, found.runs.len()), (None, 2));
        assert!(found.runs.iter().all(|run| run.history.trials.len() == ASKS && !run.history.incumbents().is_empty()));
        assert!(found.ranking.len() > 1_000, "{}", found.ranking.len());
        let losses = fitted.losses(&found.ranking).unwrap();
        assert!(losses.windows(2).all(|pair| pair[0] <= pair[1] + 1e-6), "the most promising come first");
        for algorithm in ALGORITHMS {
            assert!(folder.path().join("trials").join(format!("{algorithm}.parquet")).is_file());
        }
    }
}
