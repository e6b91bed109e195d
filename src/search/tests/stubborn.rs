//! An algorithm that draws nothing and proposes the same few cells whatever it is told, and what the rules of a run make of it.

use crate::oracle::{self, Candidate, Measurement, Oracle};
use crate::search::{Budget, Duplicates, Entry, Error, History, Redraws, Returns, SearchRng, Searcher, Setup, Trial, run};
use crate::space::{Cell, Space};
use crate::unit::{Accuracy, Epochs, Seconds, Seed};

/// Proposes the same few cells in turn, whatever it is told.
#[derive(Default)]
struct Stubborn {
    asked: usize,
    told: usize,
}

impl Searcher for Stubborn {
    fn ask(&mut self, _: usize, _: &mut SearchRng) -> Result<Vec<Candidate>, Error> {
        assert_eq!(self.asked, self.told, "what was asked is told before more is asked");
        let texts = [("0100", "input,output"), ("010001000", "input,maxpool3x3,output")][self.asked % 2];
        let cell = Cell::from_texts(texts.0, texts.1).unwrap();
        self.asked += 1;
        Ok(vec![Candidate::new(cell, Epochs(108))])
    }

    fn tell(&mut self, trials: &[Trial]) -> Result<(), Error> {
        self.told += trials.len();
        Ok(())
    }
}

/// Answers with 1/2, 1/4, 1/8 and so on.
struct Halving(f32);

impl Oracle for Halving {
    fn measure(&mut self, candidates: &[Candidate]) -> Result<Vec<Measurement>, oracle::Error> {
        let answer = |_| {
            self.0 /= 2.0;
            Measurement::new(Accuracy::from_fraction(self.0), Some(Seconds(1.0)))
        };
        Ok(candidates.iter().map(answer).collect())
    }
}

fn stubborn() -> Entry {
    Entry {
        name: "stubborn",
        about: "",
        source: "",
        uses_small_budgets: false,
        needs_several_objectives: false,
        defaults: || serde_json::json!({}),
        build: |_| Ok(Box::new(Stubborn::default())),
    }
}

#[test]
fn an_algorithm_that_draws_nothing_has_the_same_rules() {
    let entry = stubborn();
    let run = |duplicates| {
        let setup = Setup { duplicates, ..Setup::new(Space::nas_bench_101(), Epochs(108)) };
        run(&entry, &setup, &mut Halving(1.0), Budget::Evaluations(5), Seed(1)).unwrap()
    };
    let seen = |history: &History| history.trials.iter().map(|trial| 1.0 - trial.loss()).collect::<Vec<_>>();
    assert_eq!(seen(&run(Duplicates::Published)), [0.5, 0.25, 0.125, 0.0625, 0.03125]);
    // Two cells in turn: the means of 1/2 and 1/8, of 1/4 and 1/16, and of 1/2, 1/8 and 1/32.
    assert_eq!(seen(&run(Duplicates::Average)), [0.5, 0.25, 0.3125, 0.15625, 0.65625 / 3.0]);
    let never = run(Duplicates::Never);
    assert_eq!((seen(&never), never.is_short_of(Budget::Evaluations(5))), (vec![0.5, 0.25], true));
    assert_eq!(never.redraws, Redraws { duplicates: 257, ..Redraws::default() });
}

/// The cell of two vertices is lucky once, with 7/8, and has 1/2 else; that of three vertices always has 3/4.
struct LuckyOnce(bool);

impl Oracle for LuckyOnce {
    fn measure(&mut self, candidates: &[Candidate]) -> Result<Vec<Measurement>, oracle::Error> {
        let mut answer = |candidate: &Candidate| {
            let is_lucky = candidate.architecture.vertices() == 2 && std::mem::take(&mut self.0);
            let usual = if candidate.architecture.vertices() == 3 { 0.75 } else { 0.5 };
            let fraction = if is_lucky { 0.875 } else { usual };
            Measurement::new(Accuracy::from_fraction(fraction), Some(Seconds(1.0)))
        };
        Ok(candidates.iter().map(&mut answer).collect())
    }
}

#[test]
fn the_best_are_asked_for_again_with_what_was_kept_of_the_budget() {
    let entry = stubborn();
    let returns = Returns::TopKMean { k: 2, share: 0.4 };
    for duplicates in [Duplicates::Published, Duplicates::Average, Duplicates::Never] {
        for budget in [Budget::Evaluations(10), Budget::SimulatedTime(Seconds(10.0))] {
            let setup = Setup { duplicates, returns, ..Setup::new(Space::nas_bench_101(), Epochs(108)) };
            let history = run(&entry, &setup, &mut LuckyOnce(true), budget, Seed(1)).unwrap();
            assert_eq!(history.trials.len(), 10, "{duplicates} with {budget}");
            let (position, returned) = *history.incumbents().last().unwrap();
            assert_eq!((position, returned.candidate.architecture.vertices()), (9, 3), "{duplicates} with {budget}");
            assert_eq!(returned.measurement.validation_accuracy.map(Accuracy::fraction), Some(0.75));
            let last: Vec<_> = history.trials[6..].iter().map(|trial| trial.candidate.architecture.vertices()).collect();
            let in_turn = if duplicates == Duplicates::Average { [3, 2, 3, 2] } else { [2, 3, 2, 3] };
            assert_eq!(last, in_turn, "the best first, and both in turn");
        }
    }
    let best_seen = Setup::new(Space::nas_bench_101(), Epochs(108));
    let history = run(&entry, &best_seen, &mut LuckyOnce(true), Budget::Evaluations(10), Seed(1)).unwrap();
    assert_eq!(history.incumbents().last().map(|(at, best)| (*at, best.candidate.architecture.vertices())), Some((0, 2)));
}
