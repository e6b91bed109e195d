//! Invented reports to test with.

use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;

use crate::dataset::Sizes;
use crate::engine::Device;
use crate::oracle::{Candidate, Measurement};
use crate::report::{Header, Prediction, RecordedCell, Records, RepeatAgreement, Report, RowCount, SearchRun, Stage, Surrogates};
use crate::search::{Duplicates, History, Redraws, Trial};
use crate::space::{Cell, Operation, Sampler, Space};
use crate::statistics::{Estimate, RankCorrelation, number};
use crate::surrogate::quality::{ClassifierQuality, Measures, Quality, Summary};
use crate::surrogate::{Rows, RuleClassifier};
use crate::table::{BetweenBudgets, Dataset, Timestamp};
use crate::train::Protocol;
use crate::unit::{Accuracy, Epochs, Flops, Parameters, Seconds, Seed};
use crate::verify::{Chosen, Difference, LearningCurve, Outcome, RankCorrelations, Role, Verdict, Verification, Verified};

/// A report that looks like one of a real run.
pub(in crate::report) fn full() -> Report {
    let mut rng = Seed(3).rng();
    let records = records(&mut rng);
    let held_out = records.cells.iter().filter_map(|recorded| {
        let measured = recorded.validation?;
        let predicted = accuracy(0.6 * f64::from(measured.fraction()) + 0.4 * worth(recorded.cell) + noise(&mut rng, 0.008))?;
        Some(Prediction { cell: recorded.cell, predicted, measured })
    });
    let held_out = held_out.collect();
    let searches = [("random", "draws cells at random"), ("regularized-evolution", "mutates the best of a sample")]
        .map(|(name, about)| search(name, about, &mut rng));
    let verification = verification(&records, &mut rng);
    Report { header: header(), records, surrogates: surrogates(held_out), scored: None, searches: searches.into(), verification }
}

/// A report of a run that has not got anywhere.
pub(in crate::report) fn empty() -> Report {
    let (records, surrogates, verification) = <(Records, Surrogates, Verification)>::default();
    let mut header = header();
    header.stages.clear();
    header.processor = None;
    Report { header, records, surrogates, scored: None, searches: Vec::new(), verification }
}

/// Reports with parts missing, single, equal or diverged.
pub(in crate::report) fn odd() -> Vec<Report> {
    let full = full();
    let only = |keep: fn(&mut Report)| {
        let mut report = full.clone();
        keep(&mut report);
        report
    };
    vec![
        empty(),
        only(|report| report.records.cells.truncate(1)),
        only(|report| report.records.cells.iter_mut().for_each(|cell| cell.validation = Accuracy::from_fraction(0.5))),
        only(|report| {
            report.records.cells.iter_mut().for_each(diverge);
        }),
        only(|report| report.records.cells.iter_mut().for_each(|cell| cell.parameters = Parameters(0))),
        only(|report| report.verification = Verification::default()),
        only(|report| report.verification.cells.iter_mut().for_each(|cell| (cell.measured, cell.deviation) = (None, None))),
        only(|report| report.verification.cells.iter_mut().for_each(|cell| cell.predicted = None)),
        only(|report| report.verification.cells.truncate(1)),
        only(|report| report.verification.cells.iter_mut().for_each(|cell| cell.curve.train.clear())),
        only(|report| report.verification.cells.iter_mut().for_each(|cell| cell.curve.validation.truncate(1))),
        only(|report| report.surrogates.models.iter_mut().for_each(|(_, quality)| quality.measures.kendall_tau = None)),
        only(|report| report.searches.iter_mut().for_each(|search| search.history.trials.clear())),
        only(|report| report.searches.truncate(1)),
        only(|report| (report.scored, report.searches) = (Some(2_532), Vec::new())),
        only(|report| report.records.rows.clear()),
    ]
}

fn diverge(recorded: &mut RecordedCell) {
    recorded.validation = None;
    recorded.repeats = vec![None, None];
}

/// Checks that tags are closed in the order in which they were opened, that attributes are quoted and `&` starts an entity.
pub(in crate::report) fn assert_well_formed(markup: &str) {
    let mut open = Vec::new();
    let mut rest = markup;
    while let Some((before, after)) = rest.split_once('<') {
        assert!(!before.contains('>'), "a bare `>` in `{before}`");
        for part in before.split('&').skip(1) {
            assert!(part.split_once(';').is_some_and(|(name, _)| name.len() <= 6), "a bare `&` before `{part}`");
        }
        let (tag, after) = after.split_once('>').unwrap_or_else(|| panic!("a tag that does not end: {after}"));
        rest = after;
        assert_eq!(tag.matches('"').count() % 2, 0, "quotes of <{tag}>");
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name), "closes another tag than the last one");
        } else if !tag.ends_with('/') && !tag.starts_with('!') {
            open.push(tag.split_whitespace().next().unwrap());
        }
    }
    assert!(open.is_empty(), "not closed: {open:?}");
}

fn header() -> Header {
    let stages =
        [("enumerate", 0.004), ("train and record", 402.7), ("fit", 1.9), ("search", 0.31), ("verify", 61.2), ("report", 0.05)];
    Header {
        title: "NAS benchmark: fashion-14, at most 4 vertices".to_owned(),
        command: "nasbench run --out runs/first --seed 0".to_owned(),
        seed: Seed(0),
        dataset: Dataset {
            name: "fashion-14".to_owned(),
            sha256: Some("9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08".to_owned()),
        },
        images: Sizes { train: 6_000, validation: 4_000, test: 4_000 },
        protocol: Protocol::find("quick").unwrap(),
        device: Device::Cpu,
        processor: Some("Intel(R) Xeon(R) Processor @ 2.60GHz"),
        cores: 2,
        started: Timestamp(1_769_860_800_000_000),
        stages: stages.map(|(name, wall)| Stage { name: name.to_owned(), wall: Seconds(wall) }).into(),
    }
}

fn records(rng: &mut ChaCha8Rng) -> Records {
    let cells = Space::nas_bench_101().with_max_vertices(4).unwrap().cells().unwrap();
    let cells: Vec<_> = cells.into_iter().map(|cell| recorded(cell, rng)).collect();
    let count = |epochs, diverged| RowCount { epochs: Epochs(epochs), ok: 182 - diverged, diverged, failed: 0 };
    let correlation = RankCorrelation {
        cells: 91,
        spearman: Some(estimate(0.903)),
        spearman_of_best: None,
        kendall_tau_b: Some(estimate(0.744)),
    };
    let agreement = |epochs, pearson, spearman, noise| RepeatAgreement {
        epochs: Epochs(epochs),
        cells: 91,
        pearson: Some(estimate(pearson)),
        spearman: Some(estimate(spearman)),
        noise: Some(noise),
    };
    Records {
        space: "all cells of at most 4 vertices".to_owned(),
        budget: Some(Epochs(12)),
        cells,
        rows: vec![count(4, 1), count(12, 0)],
        repeats: vec![agreement(4, 0.913, 0.887, 0.0091), agreement(12, 0.954, 0.921, 0.0058)],
        budgets: vec![BetweenBudgets { smaller: Epochs(4), larger: Epochs(12), correlation }],
    }
}

fn recorded(cell: Cell, rng: &mut ChaCha8Rng) -> RecordedCell {
    let repeats: Vec<_> = (0..2).map(|_| accuracy(worth(cell) + noise(rng, 0.006))).collect();
    let mean = repeats.iter().flatten().map(|repeat| f64::from(repeat.fraction())).sum::<f64>() / 2.0;
    RecordedCell {
        cell,
        parameters: size(cell),
        flops: Flops(u64::from(size(cell).0) * 310),
        repeats,
        validation: accuracy(mean),
        test: accuracy(mean - 0.006 + noise(rng, 0.003)),
    }
}

fn surrogates(held_out: Vec<Prediction>) -> Surrogates {
    let over_folds = |mean, deviation| Some(Summary { mean, standard_deviation: Some(deviation), folds: 5 });
    let measures = |worse: f64| Measures {
        kendall_tau: over_folds(0.712 - worse, 0.061),
        spearman: over_folds(0.874 - worse, 0.043),
        r_squared: over_folds(0.803 - 2.0 * worse, 0.094),
        rmse: over_folds(0.0094 + worse / 20.0, 0.0011),
        top_regret: over_folds(0.0011 + worse / 40.0, 0.0017),
    };
    let model = |measures| Quality { measures, predictions: Vec::new() };
    Surrogates {
        validation: "5 folds, grouped by cell hash".to_owned(),
        models: vec![("random-forest", model(measures(0.0))), ("svr", model(measures(0.035)))],
        sizes: vec![("flops", model(Measures { r_squared: None, rmse: None, ..measures(0.2) }))],
        held_out,
        outside: Some(
            "2441 of 2532 cells are outside the fitted range (2 to 4 vertices and 1 to 6 edges): the model extrapolates there"
                .to_owned(),
        ),
        judge: Some(judge("conv3x3")),
    }
}

/// A tree that asks one thing.
pub(in crate::report) fn judge(feature: &str) -> (RuleClassifier, ClassifierQuality) {
    let mut rows = Rows::new(1);
    (0_u8..40).for_each(|value| rows.push(&[value.into()]).unwrap());
    let promising: Vec<_> = (0..40).map(|row| row >= 30).collect();
    let (true_positives, false_positives, false_negatives, true_negatives) = (15, 6, 4, 66);
    let quality = ClassifierQuality { true_positives, false_positives, false_negatives, true_negatives, verdicts: Vec::new() };
    (RuleClassifier::fit(&rows, &[feature], &promising).unwrap(), quality)
}

fn search(algorithm: &'static str, about: &'static str, rng: &mut ChaCha8Rng) -> SearchRun {
    let space = Space::nas_bench_101().with_max_vertices(5).unwrap();
    let (epochs, duplicates, redraws) = (Epochs(12), Duplicates::default(), Redraws::default());
    let mut trial = || {
        let cell = space.cell(&Sampler::Official.draw(&space, rng)).unwrap();
        let validation_accuracy = accuracy(worth(cell) + noise(rng, 0.002));
        Trial::new(Candidate::new(cell, epochs), Measurement::new(validation_accuracy, None))
    };
    let trials = (0..300).map(|_| trial()).collect();
    let history = History { algorithm: algorithm.to_owned(), seed: Seed(0), epochs, trials, redraws, duplicates, chosen: None };
    SearchRun { history, about, wall: Seconds(0.187) }
}

fn verification(records: &Records, rng: &mut ChaCha8Rng) -> Verification {
    let space = Space::nas_bench_101().with_max_vertices(5).unwrap();
    let mut cells: Vec<_> = space.cells().unwrap().into_iter().filter(|cell| cell.vertices() == 5).collect();
    cells.sort_by(|a, b| worth(*b).total_cmp(&worth(*a)));
    let winners = [0, 2, 5, 9].map(|i| verified(Role::Winner, cells[i], rng));
    let controls: Vec<_> = (0..8).map(|i| verified(Role::Control, cells[i * 290 + 100], rng)).collect();
    let best = verified(Role::BestRecorded, records.best().unwrap().0.cell, rng);
    let winners = winners.map(|winner| Verified { curve: curve(&winner, rng), ..winner });
    Verification {
        training: "3 fresh seeds at 12 epochs".to_owned(),
        cells: winners.into_iter().chain([best]).chain(controls).collect(),
        verdict: Some(Verdict {
            outcome: Outcome::Held,
            text: "The promise held: the best winner reaches what the forest said within two standard deviations of the repeats."
                .to_owned(),
        }),
        differences: vec![Difference { role: Role::Control, cells: 8, mean: 0.81, difference: estimate(0.03) }],
        chosen: Some(Chosen { place: 0, seeds: 3, measured: 0.862, above_recorded: Some(estimate(-0.002)) }),
        rank_correlation: RankCorrelations { all: Some(estimate(0.891)), winners: None, controls: Some(estimate(0.833)) },
    }
}

fn verified(role: Role, cell: Cell, rng: &mut ChaCha8Rng) -> Verified {
    let measured = worth(cell) - 0.003 + noise(rng, 0.004);
    Verified {
        role,
        cell,
        parameters: size(cell),
        predicted: accuracy(worth(cell)),
        measured: accuracy(measured),
        deviation: Some(0.003 + noise(rng, 0.001)),
        seeds: 3,
        test: accuracy(measured - 0.005),
        difference: Some(estimate(-0.003)),
        curve: LearningCurve::default(),
    }
}

const fn estimate(value: f64) -> Estimate {
    Estimate { value, low: value - 0.04, high: value + 0.03 }
}

fn curve(winner: &Verified, rng: &mut ChaCha8Rng) -> LearningCurve {
    let end = f64::from(winner.measured.unwrap().fraction());
    let mut after = |epoch: u8, ahead: f64| {
        let rise = 1.0 - (-f64::from(epoch) / 2.5).exp();
        accuracy(0.45 + (end + ahead - 0.45) * rise + noise(rng, 0.004)).unwrap()
    };
    let validation = (1..=12).map(|epoch| after(epoch, 0.0)).collect();
    let train = (1..=12).map(|epoch| after(epoch, 0.03)).collect();
    LearningCurve { train, validation }
}

/// An invented truth: convolutions help, 3×3 ones more, depth a little.
fn worth(cell: Cell) -> f64 {
    let gain = |operation| match operation {
        Operation::Conv3x3 => 0.034,
        Operation::Conv1x1 => 0.016,
        _ => -0.004,
    };
    let gain: f64 = cell.operations().map(gain).sum();
    0.762 + 0.11 * (1.0 - (-gain * 18.0).exp()) + 0.002 * number(cell.edge_count())
}

fn size(cell: Cell) -> Parameters {
    let cost = |operation| match operation {
        Operation::Conv3x3 => 6_912,
        Operation::Conv1x1 => 864,
        _ => 0,
    };
    let operations: u32 = cell.operations().map(cost).sum();
    Parameters(1_650 + operations + 130 * u32::try_from(cell.edge_count()).unwrap())
}

/// A sum of uniform numbers: near enough to a normal one.
fn noise(rng: &mut ChaCha8Rng, deviation: f64) -> f64 {
    ((0..12).map(|_| rng.random_range(0.0..1.0)).sum::<f64>() - 6.0) * deviation
}

#[expect(clippy::cast_possible_truncation, reason = "an invented accuracy")]
fn accuracy(fraction: f64) -> Option<Accuracy> {
    Accuracy::from_fraction(fraction as f32)
}
