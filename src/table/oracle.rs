//! A table as an oracle: searches look up records instead of training.

use rustc_hash::FxHashMap;

use super::{Costs, Status, Stop, Table};
use crate::oracle::{self, Candidate, Measurement, Oracle};
use crate::space::ModuleHash;
use crate::unit::{Epochs, Seed};

/// Answers with one of the recorded repeats of a cell, at the end of its training.
///
/// Which repeat is a function of the seed, the cell, the budget and how often that was asked before: never of a global
/// generator, nor of what else was asked. A training that diverged has no accuracy and costs what it took; one that failed does
/// not answer. A time of 0 is one that nobody measured. With [`costing`](Self::costing) costs are computed.
///
/// # Source
///
/// Ying et al., ICML 2019, section 5: a search sees one repeat at random, never the mean.
#[derive(Debug)]
pub struct TableOracle<'a> {
    table: &'a Table,
    seed: u64,
    /// At this budget only the repeats below this number answer.
    shown: Option<(Epochs, u16)>,
    /// Whether every repeat of a cell is shown before one is shown again.
    in_turn: bool,
    /// What trainings cost; what was measured if that is not given.
    costs: Option<&'a Costs>,
    /// How often a cell, by its index, was asked at a budget.
    asked: FxHashMap<u64, u32>,
}

impl<'a> TableOracle<'a> {
    /// Creates an oracle for one search.
    #[must_use]
    pub fn new(table: &'a Table, seed: Seed) -> Self {
        table.prepare();
        Self {
            table,
            seed: seed.derive("repeats of a table").0,
            shown: None,
            in_turn: false,
            costs: None,
            asked: FxHashMap::default(),
        }
    }

    /// Answers at one budget with the repeats below a number only, so that cells can be judged by the others.
    #[must_use]
    pub fn showing(self, shown: Option<(Epochs, u16)>) -> Self {
        Self { shown, ..self }
    }

    /// Uses computed costs instead of the measured training times.
    #[must_use]
    pub fn costing(self, costs: Option<&'a Costs>) -> Self {
        Self { costs, ..self }
    }

    /// Shows a repeat of a cell again only when all were shown, in a random order that stays: so the mean of the answers is soon that of
    /// all repeats.
    #[must_use]
    pub fn without_replacement(self) -> Self {
        Self { in_turn: true, ..self }
    }

    fn answer(&mut self, candidate: &Candidate) -> Result<Measurement, oracle::Error> {
        let refused = |source| oracle::Error { cell: candidate.architecture, epochs: candidate.epochs, source: Box::new(source) };
        let missing = |epochs| super::Error::NotRecorded { hash: candidate.architecture.hash(), epochs };
        let index = self.table.index_of(&candidate.architecture).ok_or_else(|| refused(missing(None)))?;
        let mut rows = self.table.repeats(index, candidate.epochs);
        if let Some((_, most)) = self.shown.filter(|(epochs, _)| *epochs == candidate.epochs) {
            rows = &rows[..rows.partition_point(|row| row.repeat() < most)];
        }
        if rows.is_empty() {
            self.table.check_budget(candidate.epochs).map_err(refused)?;
            return Err(refused(missing(Some(candidate.epochs))));
        }
        // A training that failed says nothing of its cell.
        let mut answers = rows.iter().filter(|row| row.status() != Status::Failed);
        let row = match answers.clone().count() {
            0 => return Err(refused(missing(Some(candidate.epochs)))),
            1 => answers.next(),
            count => answers.nth(self.draw(index, candidate.epochs, count)),
        };
        let row = row.expect("one of those that were counted");
        let end = row.at(Stop::Final);
        let measured = end.training_time.measured();
        let training_time = self.costs.map_or(measured, |costs| Some(costs.seconds(index, candidate.epochs)));
        Ok(Measurement::new(end.validation_accuracy, training_time))
    }

    /// Draws one of some repeats by its position.
    fn draw(&mut self, index: usize, epochs: Epochs, count: usize) -> usize {
        let epochs = u64::from(epochs.0);
        let asked = self.asked.entry((index as u64) << 16 | epochs).or_insert(0);
        let source = mix(self.seed ^ start(self.table.hashes()[index]));
        let drawn = |number: u32, count: usize| below(count, mix(source ^ (epochs << 32 | u64::from(number))));
        let number = *asked;
        *asked = asked.wrapping_add(1);
        if !self.in_turn {
            return drawn(number, count);
        }
        // The first steps of Fisher and Yates' shuffle; what it draws does not depend on how often the cell was asked.
        let mut order: Vec<usize> = (0..count).collect();
        for (draw, position) in (0..).zip(0..count) {
            order.swap(position, position + drawn(draw, count - position));
        }
        order[number as usize % count]
    }
}

/// Returns a random number as one below a count.
#[expect(clippy::cast_possible_truncation, reason = "below the count")]
const fn below(count: usize, number: u64) -> usize {
    ((number as u128 * count as u128) >> 64) as usize
}

/// Returns the first bytes of a hash as a number.
fn start(hash: ModuleHash) -> u64 {
    let bytes = hash.to_bytes();
    u64::from_le_bytes(std::array::from_fn(|index| bytes[index]))
}

/// Makes every bit depend on every other: the finishing of the SplitMix64 generator, after a step of it.
const fn mix(number: u64) -> u64 {
    let number = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    number ^ (number >> 31)
}

impl Oracle for TableOracle<'_> {
    fn measure(&mut self, candidates: &[Candidate]) -> Result<Vec<Measurement>, oracle::Error> {
        candidates.iter().map(|candidate| self.answer(candidate)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::{Cell, Space};
    use crate::table::Record;
    use crate::train::Evaluation;
    use crate::unit::{Accuracy, Seconds};

    /// Three repeats of each small cell, each repeat with an accuracy of its own.
    fn table() -> (Table, Vec<Cell>) {
        let cells = Space::nas_bench_101().with_max_vertices(4).unwrap().cells().unwrap();
        let record = |cell: &Cell, repeat: u16| {
            let accuracy = Accuracy::from_fraction(f32::from(repeat) / 10.0);
            let end = Evaluation { validation_accuracy: accuracy, training_time: Seconds(2.0), ..Evaluation::default() };
            Record { end, ..Record::blank(*cell, Epochs(4), repeat) }
        };
        let records: Vec<_> = cells.iter().flat_map(|cell| (0..3).map(move |repeat| record(cell, repeat))).collect();
        (Table::from_records(&records), cells)
    }

    fn fractions(oracle: &mut TableOracle<'_>, cell: Cell, times: usize) -> Vec<f32> {
        let candidates = vec![Candidate::new(cell, Epochs(4)); times];
        let measurements = oracle.measure(&candidates).unwrap();
        measurements.iter().map(|measurement| measurement.validation_accuracy.unwrap().fraction()).collect()
    }

    #[test]
    fn what_a_cell_answers_depends_on_the_seed_and_on_how_often_it_was_asked_only() {
        let (table, cells) = table();
        let mut one = TableOracle::new(&table, Seed(1));
        let alone = fractions(&mut one, cells[50], 20);
        let mut among_others = TableOracle::new(&table, Seed(1));
        let mut again = Vec::new();
        for other in &cells[..20] {
            fractions(&mut among_others, *other, 1);
            again.extend(fractions(&mut among_others, cells[50], 1));
        }
        assert_eq!(alone, again);
        assert_ne!(alone, fractions(&mut TableOracle::new(&table, Seed(2)), cells[50], 20));
    }

    #[test]
    fn without_replacement_every_repeat_is_shown_before_one_is_shown_again() {
        let (table, cells) = table();
        let sorted = |mut shown: Vec<f32>| {
            shown.sort_by(f32::total_cmp);
            shown
        };
        let mut firsts = [0; 3];
        for cell in &cells {
            let mut oracle = TableOracle::new(&table, Seed(1)).without_replacement();
            let shown = fractions(&mut oracle, *cell, 6);
            assert_eq!(sorted(shown[..3].to_vec()), [0.0, 0.1, 0.2]);
            assert_eq!(shown[..3], shown[3..], "the order stays");
            firsts[[0.05, 0.15, 1.0].iter().position(|bound| shown[0] < *bound).unwrap()] += 1;
        }
        // Of 91 cells each repeat is the first of about 30: four standard deviations of a binomial are 18.
        assert!(firsts.iter().all(|count| (12..=48).contains(count)), "{firsts:?}");
    }

    #[test]
    fn every_repeat_is_shown_equally_often() {
        let (table, cells) = table();
        let mut oracle = TableOracle::new(&table, Seed(1));
        let shown = fractions(&mut oracle, cells[7], 3_000);
        for repeat in [0.0, 0.1, 0.2] {
            let count = shown.iter().filter(|fraction| (**fraction - repeat).abs() < 0.01).count();
            assert!((900..1_100).contains(&count), "{repeat} {count} times");
        }
        let first: Vec<_> = cells.iter().map(|cell| fractions(&mut TableOracle::new(&table, Seed(3)), *cell, 1)[0]).collect();
        assert!(first.iter().any(|fraction| *fraction < 0.05) && first.iter().any(|fraction| *fraction > 0.15));
    }

    #[test]
    fn a_training_that_failed_does_not_answer_and_one_that_diverged_has_no_accuracy() {
        let (_, cells) = table();
        let record = |repeat, status| Record { status, ..Record::blank(cells[0], Epochs(4), repeat) };
        let end = Evaluation { validation_accuracy: Accuracy::from_fraction(0.9), ..Evaluation::default() };
        let fine = Record { end, ..record(1, Status::Ok) };
        let table = Table::from_records(&[record(0, Status::Failed), fine, record(2, Status::Failed)]);
        assert!(fractions(&mut TableOracle::new(&table, Seed(1)), cells[0], 20).iter().all(|fraction| *fraction > 0.8));
        let candidate = Candidate::new(cells[0], Epochs(4));
        let measured = |status| {
            let table = Table::from_records(&[record(0, status)]);
            TableOracle::new(&table, Seed(1)).measure(&[candidate]).map(|measured| measured[0].validation_accuracy)
        };
        assert_eq!(measured(Status::Diverged).unwrap(), None);
        let message = measured(Status::Failed).unwrap_err().source.to_string();
        assert_eq!(message, format!("cell {} is not recorded at 4 epochs", cells[0].hash()));
    }

    #[test]
    fn a_time_that_nobody_measured_is_none() {
        let (_, cells) = table();
        let table = Table::from_records(&[Record::blank(cells[0], Epochs(4), 0)]);
        let answers = TableOracle::new(&table, Seed(1)).measure(&[Candidate::new(cells[0], Epochs(4))]).unwrap();
        assert_eq!(answers[0].training_time, None);
    }

    #[test]
    fn what_was_not_recorded_is_named() {
        let (table, cells) = table();
        let mut oracle = TableOracle::new(&table, Seed(1));
        let larger = Space::nas_bench_101().with_max_vertices(5).unwrap().cells().unwrap()[200];
        let error = oracle.measure(&[Candidate::new(larger, Epochs(4))]).unwrap_err();
        assert_eq!(error.cell, larger);
        assert!(error.source.to_string().ends_with("is not recorded"), "{}", error.source);
        let error = oracle.measure(&[Candidate::new(cells[0], Epochs(108))]).unwrap_err();
        assert!(error.source.to_string().contains("108"), "{}", error.source);
    }
}
