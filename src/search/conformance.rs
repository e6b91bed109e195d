//! What holds for every search algorithm: the suite that those of [`ALGORITHMS`](super::ALGORITHMS) pass, for one written elsewhere.

use std::collections::HashSet;

use serde_json::Value;

use super::{Budget, Duplicates, Entry, Error, History, Pool, Redraws, Returns, Setup, run};
use crate::network::Skeleton;
use crate::objective::{self, ERROR, Goals};
use crate::oracle::{self, Candidate, Measurement, Oracle};
use crate::space::{Cell, Space};
use crate::unit::{Accuracy, Epochs, Seconds, Seed};

/// A promise that an algorithm does not keep.
#[derive(Debug, thiserror::Error)]
#[error("`{algorithm}` {problem}")]
pub struct Violation {
    /// The algorithm.
    pub algorithm: &'static str,
    /// What it does.
    pub problem: String,
}

/// The budgets of epochs of the suite.
const BUDGETS: [Epochs; 4] = [Epochs(4), Epochs(12), Epochs(36), Epochs(108)];
/// More than the largest population that an algorithm begins with.
const EVALUATIONS: usize = 130;

/// An oracle for tests: the more edges, the better; every tenth training diverges. Each costs a second, whatever its epochs.
#[derive(Debug, Default)]
pub struct Toy {
    asked: usize,
}

impl Oracle for Toy {
    fn measure(&mut self, candidates: &[Candidate]) -> Result<Vec<Measurement>, oracle::Error> {
        let measure = |candidate: &Candidate| {
            self.asked += 1;
            #[expect(clippy::cast_precision_loss, reason = "at most nine edges")]
            let fraction = candidate.architecture.edge_count() as f32 / 10.0;
            let validation_accuracy = if self.asked.is_multiple_of(10) { None } else { Accuracy::from_fraction(fraction) };
            Measurement::new(validation_accuracy, Some(Seconds(1.0)))
        };
        Ok(candidates.iter().map(measure).collect())
    }
}

/// An algorithm that is held to its promises.
struct Held<'a> {
    entry: &'a Entry,
    options: &'a Value,
}

/// Holds an algorithm to what every one promises: it repeats itself, keeps its budget, its space and its pool, does not look at its room,
/// and follows the rules of a run. `options` are those to run it with, as few trainings of a model; the rest have their defaults.
///
/// # Errors
///
/// [`Violation`] for the first promise that it does not keep.
///
/// # Example
///
/// ```
/// use nasbench::search::{conformance, find};
///
/// conformance::check(find("genetic")?, &serde_json::json!({}))?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn check(entry: &Entry, options: &Value) -> Result<(), Violation> {
    let held = Held { entry, options };
    held.keeps_its_budget()?;
    held.does_not_look_at_its_room()?;
    held.stays_in_its_space()?;
    held.stays_in_a_pool()?;
    held.asks_for_no_cell_twice()?;
    held.returns_what_it_asked_for()?;
    held.asks_for_one_budget()?;
    held.refuses_unknown_options()
}

impl Held<'_> {
    fn promise(&self, is_kept: bool, problem: impl Into<String>) -> Result<(), Violation> {
        if is_kept { Ok(()) } else { Err(Violation { algorithm: self.entry.name, problem: problem.into() }) }
    }

    fn setup(&self, max_vertices: usize) -> Setup {
        let space = Space::nas_bench_101().with_max_vertices(max_vertices).expect("from 2 to 7 vertices");
        Setup { options: self.options.clone(), goals: self.goals(), ..Setup::new(space, Epochs(108)).with_budgets(&BUDGETS) }
    }

    /// Two objectives for an algorithm that needs them.
    fn goals(&self) -> Goals {
        let count = if self.entry.needs_several_objectives { 2 } else { 1 };
        let objectives = [ERROR, "parameters"].map(|name| objective::find(name).expect("a name of the list"));
        Goals::new(objectives[..count].to_vec(), Vec::new(), Skeleton::nas_bench_101()).expect("objectives, each once")
    }

    fn run(&self, setup: &Setup, budget: Budget, seed: u64) -> Result<History, Violation> {
        let history = run(self.entry, setup, &mut Toy::default(), budget, Seed(seed));
        history.map_err(|error| Violation { algorithm: self.entry.name, problem: format!("fails: {error}") })
    }

    fn keeps_its_budget(&self) -> Result<(), Violation> {
        let setup = self.setup(6);
        for evaluations in [1, 7, EVALUATIONS] {
            let run = || self.run(&setup, Budget::Evaluations(evaluations), 5);
            let history = run()?;
            self.promise(history == run()?, "does not repeat itself")?;
            let epochs: usize = history.trials.iter().map(|trial| usize::from(trial.candidate.epochs.0)).sum();
            let last = history.trials.last().map_or(0, |trial| usize::from(trial.candidate.epochs.0));
            self.promise(epochs - last < evaluations * 108, "goes on after its budget is spent")?;
            self.promise(epochs >= evaluations * 108, "stops before its budget is spent")?;
        }
        Ok(())
    }

    fn does_not_look_at_its_room(&self) -> Result<(), Violation> {
        let setup = self.setup(7);
        let evaluations = self.run(&setup, Budget::Evaluations(EVALUATIONS), 1)?;
        for seconds in [3_u8, 60, 125] {
            let time = self.run(&setup, Budget::SimulatedTime(Seconds(seconds.into())), 1)?;
            let count = usize::from(seconds).min(evaluations.trials.len());
            self.promise(time.trials.len() == usize::from(seconds), "does not spend its budget of seconds")?;
            self.promise(time.trials[..count] == evaluations.trials[..count], "looks at its room")?;
        }
        Ok(())
    }

    fn stays_in_its_space(&self) -> Result<(), Violation> {
        for max_vertices in [2, 3, 7] {
            let setup = self.setup(max_vertices);
            let history = self.run(&setup, Budget::Evaluations(110), 1)?;
            self.promise(!history.trials.is_empty(), "asks nothing")?;
            for candidate in history.trials.iter().map(|trial| trial.candidate) {
                self.promise(setup.space.check(candidate.architecture).is_ok(), "leaves its space")?;
                let epochs = candidate.epochs;
                self.promise(BUDGETS.contains(&epochs), format!("asks for {epochs} epochs, a budget that nobody has"))?;
            }
        }
        Ok(())
    }

    fn stays_in_a_pool(&self) -> Result<(), Violation> {
        let setup = self.setup(6);
        let all = setup.space.cells().expect("a space of 6 vertices can be listed");
        // Dense, sparse, and one whose smallest cells are large.
        let pools: [Vec<Cell>; 3] = [
            all.iter().copied().step_by(3).collect(),
            all.iter().copied().step_by(2_000).collect(),
            all.iter().copied().filter(|cell| cell.vertices() == 6).step_by(100).collect(),
        ];
        for cells in pools {
            let pool = Pool::new(cells, Some(all.len()));
            let setup = Setup { pool: Some(pool.clone()), ..setup.clone() };
            let history = self.run(&setup, Budget::Evaluations(30), 3)?;
            let is_inside = history.trials.iter().all(|trial| pool.contains(&trial.candidate.architecture));
            self.promise(!history.trials.is_empty(), "asks nothing in a pool")?;
            self.promise(is_inside, "leaves the pool")?;
            self.promise(history == self.run(&setup, Budget::Evaluations(30), 3)?, "does not repeat itself in a pool")?;
            self.promise(!history.is_short_of(Budget::Evaluations(30)), format!("ends early in a pool of {}", pool.len()))?;
        }
        let whole = self.run(&setup, Budget::Evaluations(30), 3)?;
        self.promise(whole.redraws == Redraws::default(), "counts draws outside a pool where there is none")
    }

    fn asks_for_no_cell_twice(&self) -> Result<(), Violation> {
        let setup = Setup { duplicates: Duplicates::Never, ..self.setup(4) };
        let all = setup.space.cells().expect("a space of 4 vertices can be listed");
        let pool = Pool::new(all[..50].to_vec(), Some(all.len()));
        for (pool, cells) in [(None, all.len()), (Some(pool), 50)] {
            let setup = Setup { pool, ..setup.clone() };
            let history = self.run(&setup, Budget::Evaluations(400), 3)?;
            let asked = history.trials.iter().map(|trial| (trial.candidate.architecture.fingerprint(), trial.candidate.epochs));
            let asked: HashSet<_> = asked.collect();
            self.promise(asked.len() == history.trials.len(), "asks twice where that is against the rule")?;
            let problem =
                || format!("asks for {} of {cells} cells where none is to be asked for twice", history.distinct_cells());
            self.promise(history.distinct_cells() == cells, problem())?;
            let beginning = self.run(&setup, Budget::SimulatedTime(Seconds(40.0)), 3)?;
            self.promise(beginning.trials == history.trials[..40], "looks at its room where no cell is asked for twice")?;
        }
        Ok(())
    }

    fn returns_what_it_asked_for(&self) -> Result<(), Violation> {
        for returns in [Returns::TopKMean { k: 4, share: 0.25 }, Returns::Posterior] {
            let setup = Setup { returns, ..self.setup(5) };
            let history = self.run(&setup, Budget::Evaluations(40), 3)?;
            let repeated = self.run(&setup, Budget::Evaluations(40), 3)?;
            self.promise(history == repeated, format!("does not repeat itself with {returns}"))?;
            let epochs: usize = history.trials.iter().map(|trial| usize::from(trial.candidate.epochs.0)).sum();
            let is_spent = (40 * 108..41 * 108).contains(&epochs);
            self.promise(is_spent, format!("spends another budget than its own with {returns}"))?;
            let incumbents = history.incumbents();
            let is_sorted = incumbents.is_sorted_by(|one, other| one.0 < other.0);
            self.promise(is_sorted, format!("has incumbents out of order with {returns}"))?;
            for (position, incumbent) in incumbents {
                let was_asked = history.trials[..=position].iter().any(|trial| trial.candidate == incumbent.candidate);
                self.promise(was_asked, format!("returns a cell that it did not ask for with {returns}"))?;
            }
        }
        Ok(())
    }

    fn asks_for_one_budget(&self) -> Result<(), Violation> {
        let setup =
            Setup { options: self.options.clone(), goals: self.goals(), ..Setup::new(Space::nas_bench_101(), Epochs(12)) };
        let history = self.run(&setup, Budget::Evaluations(60), 1)?;
        let is_one = history.trials.len() == 60 && history.trials.iter().all(|trial| trial.candidate.epochs == Epochs(12));
        self.promise(is_one, "asks for another budget of epochs than the only one")
    }

    fn refuses_unknown_options(&self) -> Result<(), Violation> {
        let mut setup = self.setup(4);
        setup.options = (self.entry.defaults)();
        self.promise(self.entry.searcher(&setup).is_ok(), "refuses its own defaults")?;
        setup.options = serde_json::json!({ "populaton": 3 });
        let refused =
            matches!(self.entry.searcher(&setup), Err(Error::Options { algorithm, .. }) if algorithm == self.entry.name);
        self.promise(refused, "takes an option that it does not know")
    }
}

#[cfg(test)]
mod tests {
    use rand::RngExt as _;

    use super::*;
    use crate::search::{SearchRng, Searcher, Trial};
    use crate::space::Sampler;

    /// Random search with a fault.
    struct Faulty(Setup, Fault);

    #[derive(Clone, Copy)]
    enum Fault {
        Room,
        Space,
        Stops,
    }

    impl Searcher for Faulty {
        fn ask(&mut self, room: usize, rng: &mut SearchRng) -> Result<Vec<Candidate>, Error> {
            let Self(setup, fault) = self;
            if matches!(fault, Fault::Room) && room > 50 || matches!(fault, Fault::Stops) && rng.random_range(0..20) == 0 {
                rng.random_range(0..2);
                if matches!(fault, Fault::Stops) {
                    return Ok(Vec::new());
                }
            }
            let space = if matches!(fault, Fault::Space) { Space::nas_bench_101() } else { setup.space };
            Ok(vec![Candidate::of_spec(Sampler::Official.draw(&space, rng), setup.epochs)])
        }

        fn tell(&mut self, _: &[Trial]) -> Result<(), Error> {
            Ok(())
        }
    }

    fn problem(build: fn(&Setup) -> Result<Box<dyn Searcher>, Error>) -> String {
        let defaults = || serde_json::json!({});
        let entry = Entry {
            name: "faulty",
            about: "",
            source: "",
            uses_small_budgets: false,
            needs_several_objectives: false,
            defaults,
            build,
        };
        check(&entry, &defaults()).unwrap_err().to_string()
    }

    #[test]
    fn a_fault_is_named() {
        let found = [
            problem(|setup| Ok(Box::new(Faulty(setup.clone(), Fault::Room)))),
            problem(|setup| Ok(Box::new(Faulty(setup.clone(), Fault::Space)))),
            problem(|setup| Ok(Box::new(Faulty(setup.clone(), Fault::Stops)))),
        ];
        let expected = ["looks at its room", "leaves its space", "stops before its budget is spent"];
        assert_eq!(found, expected.map(|problem| format!("`faulty` {problem}")));
    }
}
