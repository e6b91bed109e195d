//! Brackets of cells over growing budgets, which successive halving, Hyperband and BOHB share.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::pool::Region;
use super::{Error, SearchRng, Searcher, Setup, Trial, check_option};
use crate::oracle::Candidate;
use crate::space::{Sampler, Spec};
use crate::unit::Epochs;

/// How many cells start in each bracket of Hyperband: programs and paper differ. It is serialized as its name.
///
/// | budgets 4, 12, 36, 108 and η = 3 | `hpbandster` | `li-2018` |
/// |---|---|---|
/// | bracket 1 | 27, 9, 3, 1 | 27, 9, 3, 1 |
/// | bracket 2 | 9, 3, 1 | 12, 4, 1 |
/// | bracket 3 | 6, 2 | 6, 2 |
/// | bracket 4 | 4 | 4 |
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sizes {
    /// ⌊(R + 1) / (s + 1)⌋ ηˢ, where R + 1 is the number of budgets: the program HpBandSter, with which NAS-Bench-101 was
    /// compared.
    #[default]
    Hpbandster,
    /// ⌈(R + 1) ηˢ / (s + 1)⌉: Li et al., JMLR 2018.
    #[serde(rename = "li-2018")]
    Li2018,
}

/// How many cells are trained at a budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Rung {
    epochs: Epochs,
    size: usize,
}

/// The rungs of the bracket that begins `s` budgets below the largest. Whole numbers only: the logarithm of a ratio, rounded
/// down, may lose a rung.
fn bracket(budgets: &[Epochs], eta: usize, s: usize, sizes: Sizes) -> Vec<Rung> {
    let used = &budgets[budgets.len() - 1 - s..];
    let power = |exponent: usize| (0..exponent).fold(1_usize, |power, _| power.saturating_mul(eta));
    let start = match sizes {
        Sizes::Hpbandster => (budgets.len() / (s + 1)).saturating_mul(power(s)),
        Sizes::Li2018 => budgets.len().saturating_mul(power(s)).div_ceil(s + 1),
    };
    let rung = |(place, epochs): (usize, &Epochs)| Rung { epochs: *epochs, size: (start / power(place)).max(1) };
    used.iter().enumerate().map(rung).collect()
}

/// Bracket after bracket: in each the best of a rung go on to the next.
#[derive(Debug)]
pub(super) struct Brackets {
    /// The rungs of each bracket; after the last one the first begins again.
    rungs: Vec<Vec<Rung>>,
    bracket: usize,
    rung: usize,
    /// The winners of the rung before that have yet to be asked about.
    waiting: VecDeque<Spec>,
    /// How many of this rung were asked about, and what they reached.
    started: usize,
    reached: Vec<(Spec, f32)>,
}

impl Brackets {
    /// Makes one bracket that begins at each budget, the smallest budget first.
    ///
    /// # Errors
    ///
    /// [`Error::Option`] for a rate at which rungs do not get smaller.
    pub(super) fn new(algorithm: &'static str, setup: &Setup, eta: usize, sizes: Sizes) -> Result<Self, Error> {
        check_option(algorithm, "eta", &eta, (2..=1_000).contains(&eta), "2 to 1000")?;
        let rungs = (0..setup.budgets.len()).rev().map(|s| bracket(&setup.budgets, eta, s, sizes)).collect();
        Ok(Self { rungs, bracket: 0, rung: 0, waiting: VecDeque::new(), started: 0, reached: Vec::new() })
    }

    /// Keeps the first bracket only, which has all budgets.
    pub(super) fn widest(mut self) -> Self {
        self.rungs.truncate(1);
        self
    }

    fn rung(&self) -> Rung {
        self.rungs[self.bracket][self.rung]
    }

    /// Proposes what the rung still lacks, at most `room`; `draw` makes new cells for a first rung.
    pub(super) fn ask(&mut self, room: usize, mut draw: impl FnMut() -> Spec) -> Vec<Candidate> {
        let Rung { epochs, size } = self.rung();
        let count = room.min(size - self.started);
        self.started += count;
        let mut spec = || if self.rung == 0 { Some(draw()) } else { self.waiting.pop_front() };
        (0..count).map_while(|_| spec()).map(|spec| Candidate::of_spec(spec, epochs)).collect()
    }

    /// Takes in what was reached.
    pub(super) fn tell(&mut self, trials: &[Trial]) {
        self.reached.extend(trials.iter().map(|trial| (trial.candidate.spec(), trial.loss())));
        if self.reached.len() == self.rung().size {
            self.advance();
        }
    }

    fn advance(&mut self) {
        self.started = 0;
        let mut reached = std::mem::take(&mut self.reached);
        self.rung += 1;
        if self.rung == self.rungs[self.bracket].len() {
            self.rung = 0;
            self.bracket = (self.bracket + 1) % self.rungs.len();
            return;
        }
        reached.sort_by(|one, other| one.1.total_cmp(&other.1));
        self.waiting = reached.into_iter().take(self.rung().size).map(|(spec, _)| spec).collect();
    }
}

/// Brackets of cells that a sampler draws.
#[derive(Debug)]
pub(super) struct RandomBrackets {
    pub(super) region: Region,
    pub(super) sampler: Sampler,
    pub(super) brackets: Brackets,
}

impl Searcher for RandomBrackets {
    fn ask(&mut self, room: usize, rng: &mut SearchRng) -> Result<Vec<Candidate>, Error> {
        Ok(self.brackets.ask(room, || self.region.draw(self.sampler, rng)))
    }

    fn tell(&mut self, trials: &[Trial]) -> Result<(), Error> {
        self.brackets.tell(trials);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUDGETS: [Epochs; 4] = [Epochs(4), Epochs(12), Epochs(36), Epochs(108)];

    /// The sizes of each bracket and the epochs that it takes.
    fn brackets(sizes: Sizes) -> Vec<(Vec<usize>, usize)> {
        let bracket = |s| {
            let rungs = bracket(&BUDGETS, 3, s, sizes);
            assert!(rungs.iter().map(|rung| rung.epochs).eq(BUDGETS[3 - s..].iter().copied()));
            let epochs = rungs.iter().map(|rung| rung.size * usize::from(rung.epochs.0)).sum();
            (rungs.iter().map(|rung| rung.size).collect(), epochs)
        };
        (0..4).rev().map(bracket).collect()
    }

    #[test]
    fn brackets_are_those_of_hpbandster_and_of_the_paper() {
        // `hyperband_4_108_eta3` of the known answers.
        let expected = [(vec![27, 9, 3, 1], 432), (vec![9, 3, 1], 324), (vec![6, 2], 432), (vec![4], 432)];
        assert_eq!(brackets(Sizes::Hpbandster), expected);
        let expected = [vec![27, 9, 3, 1], vec![12, 4, 1], vec![6, 2], vec![4]];
        assert!(brackets(Sizes::Li2018).into_iter().map(|(sizes, _)| sizes).eq(expected));
    }

    #[test]
    fn many_budgets_ask_for_no_number_that_does_not_fit() {
        let budgets: Vec<_> = (1..=60).map(Epochs).collect();
        for sizes in [Sizes::Hpbandster, Sizes::Li2018] {
            let rungs = bracket(&budgets, 1_000, 59, sizes);
            assert_eq!((rungs.len(), rungs[59].size >= 1), (60, true));
            assert!(rungs.windows(2).all(|pair| pair[0].size >= pair[1].size));
        }
    }
}
