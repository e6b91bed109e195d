//! Landscapes of which everything is known, and how well the algorithms do on them.

use std::sync::OnceLock;

use rustc_hash::FxHashMap;
use serde_json::{Value, json};

use crate::oracle::{self, Candidate, Measurement, Oracle};
use crate::search::{Budget, SearchRng, Setup, count, find, run};
use crate::space::{Cell, Operation, Space, Spec, distance};
use crate::statistics::distribution::standard_normal;
use crate::statistics::{mean, standard_deviation};
use crate::unit::{Accuracy, Epochs, Seconds, Seed};

/// The score of each cell, and the standard deviation of a measurement.
struct Landscape<'a> {
    worth: &'a dyn Fn(&Cell) -> f64,
    deviation: f64,
}

struct Measured<'a> {
    landscape: &'a Landscape<'a>,
    rng: SearchRng,
}

impl Oracle for Measured<'_> {
    fn measure(&mut self, candidates: &[Candidate]) -> Result<Vec<Measurement>, oracle::Error> {
        let measure = |candidate: &Candidate| {
            let error = self.landscape.deviation * standard_normal(&mut self.rng);
            #[expect(clippy::cast_possible_truncation, reason = "accuracies have single precision")]
            let fraction = ((self.landscape.worth)(&candidate.architecture) + error).clamp(0.0, 1.0) as f32;
            Measurement::new(Accuracy::from_fraction(fraction), Some(Seconds(1.0)))
        };
        Ok(candidates.iter().map(measure).collect())
    }
}

impl Landscape<'_> {
    /// Returns the true score of the cell that each run of an algorithm ends with.
    fn ends(&self, algorithm: &str, options: &Value, evaluations: usize, runs: u64) -> Vec<f64> {
        let mut setup = Setup::new(space(), Epochs(108));
        setup.options = options.clone();
        let end = |seed| {
            let mut oracle = Measured { landscape: self, rng: Seed(seed).derive("noise").rng() };
            let entry = find(algorithm).unwrap();
            let history = run(entry, &setup, &mut oracle, Budget::Evaluations(evaluations), Seed(seed)).unwrap();
            (self.worth)(&history.incumbents().last().unwrap().1.candidate.architecture)
        };
        (0..runs).map(end).collect()
    }
}

/// By how many standard errors of their difference the mean of the first is above that of the second.
fn standard_errors(higher: &[f64], lower: &[f64]) -> f64 {
    let variance = |values: &[f64]| standard_deviation(values).unwrap().powi(2) / count(values.len());
    (mean(higher).unwrap() - mean(lower).unwrap()) / (variance(higher) + variance(lower)).sqrt()
}

/// The target: six vertices and nine edges, so that nothing of it is left open.
fn target() -> Cell {
    use Operation::{Conv1x1, Conv3x3, MaxPool3x3};
    let edges = [(0, 1), (0, 2), (1, 2), (1, 3), (2, 3), (2, 4), (3, 4), (3, 5), (4, 5)];
    let bits = edges.iter().fold(0, |bits, (x, y)| bits | 1 << (x + y * (y - 1) / 2));
    Spec::from_bits(bits, &[Conv3x3, Conv1x1, Conv3x3, MaxPool3x3]).prune().unwrap()
}

/// All 64,542 cells of at most six vertices by their fingerprints, with how many edges and operations must be changed to make the target
/// of them.
fn distances() -> &'static FxHashMap<u64, usize> {
    static DISTANCES: OnceLock<FxHashMap<u64, usize>> = OnceLock::new();
    DISTANCES.get_or_init(|| {
        let cells = space().cells().unwrap();
        cells.iter().map(|cell| (cell.fingerprint(), distance(cell, &target()))).collect()
    })
}

fn space() -> Space {
    Space::nas_bench_101().with_max_vertices(6).unwrap()
}

/// The number of edges and operations that can agree with the target.
const GENES: usize = 15 + 4;

/// The share of the edges and operations that agree with the target, however the vertices are numbered.
fn one_max(cell: &Cell) -> f64 {
    count(GENES - distances()[&cell.fingerprint()]) / count(GENES)
}

/// A slope towards the target, and on it a height of each cell's own, twice as high as a step of the slope.
fn rugged(fingerprint: u64) -> f64 {
    let own = f64::from(u16::try_from(fingerprint >> 48).unwrap()) / 65_535.0;
    0.9 - 0.04 * count(distances()[&fingerprint]) + 0.08 * own
}

#[test]
fn random_search_is_worse_than_evolution_and_evolution_worse_than_regularized_evolution() {
    assert_eq!(distances().len(), 64_542);
    let best = distances().keys().map(|fingerprint| rugged(*fingerprint)).fold(0.0, f64::max);
    let landscape = Landscape { worth: &|cell| rugged(cell.fingerprint()), deviation: 0.02 };
    // Small populations, which lose what they had soon: the worst of them dies until all are alike, the oldest goes on.
    let small = json!({ "population_size": 10, "tournament_size": 5 });
    let [random, worst_dies, oldest_dies] =
        [("random", &json!({})), ("non-regularized-evolution", &small), ("regularized-evolution", &small)]
            .map(|(algorithm, options)| landscape.ends(algorithm, options, 1_000, 100));
    let regrets = [&random, &worst_dies, &oldest_dies].map(|ends| best - mean(ends).unwrap());
    assert!(standard_errors(&worst_dies, &random) > 5.0, "{regrets:?}");
    assert!(standard_errors(&oldest_dies, &worst_dies) > 5.0, "{regrets:?}");
    assert!(regrets[2] < 0.03, "{regrets:?}");
}

#[test]
fn regularized_evolution_solves_one_max_through_noise() {
    // The noise of a measurement is half a gene, and the luckiest one is the end: so it is not always the target.
    let landscape = Landscape { worth: &one_max, deviation: 0.5 / count(GENES) };
    let small = json!({ "population_size": 20, "tournament_size": 5 });
    let ends = landscape.ends("regularized-evolution", &small, 1_000, 60);
    let random = landscape.ends("random", &json!({}), 1_000, 60);
    assert!(standard_errors(&ends, &random) > 5.0);
    assert!(mean(&ends).unwrap() > 1.0 - 1.5 / count(GENES), "{ends:?}");
}

#[test]
fn the_genetic_algorithm_solves_one_max() {
    let landscape = Landscape { worth: &one_max, deviation: 0.0 };
    let random = landscape.ends("random", &json!({}), 1_000, 60);
    for crossover in ["uniform", "one-point"] {
        let ends = landscape.ends("genetic", &json!({ "crossover": crossover }), 1_000, 60);
        assert!(standard_errors(&ends, &random) > 5.0);
        let solved = ends.iter().filter(|end| **end > 1.0 - 0.5 / count(GENES)).count();
        assert!(solved >= 30, "{crossover}: {solved} of 60");
    }
}

#[test]
fn searches_that_draw_generations_beat_random_search() {
    let landscape = Landscape { worth: &one_max, deviation: 0.5 / count(GENES) };
    let random = landscape.ends("random", &json!({}), 500, 60);
    for algorithm in ["differential-evolution", "cma-es", "nes", "coevolution"] {
        let ends = landscape.ends(algorithm, &json!({}), 500, 60);
        let apart = standard_errors(&ends, &random);
        assert!(apart > 5.0, "{algorithm}: {apart}, {:?} and {:?}", mean(&ends), mean(&random));
    }
}

#[test]
fn both_encodings_of_the_parzen_estimator_beat_random_search() {
    let landscape = Landscape { worth: &one_max, deviation: 0.5 / count(GENES) };
    for (encoding, evaluations, runs) in [("bits", 150, 80), ("continuous", 100, 12)] {
        let ends = landscape.ends("tpe", &json!({ "encoding": encoding }), evaluations, runs);
        let random = landscape.ends("random", &json!({}), evaluations, 80);
        let apart = standard_errors(&ends, &random);
        assert!(apart > 3.0, "{encoding}: {apart}");
    }
}
