//! What holds for every entry of every list.

use std::collections::HashSet;
use std::sync::Arc;

use nasbench::dataset::{self, DATASETS};
use nasbench::engine::{DEVICES, Device};
use nasbench::network::ENCODINGS;
use nasbench::oracle::{self, Candidate, Measurement, Oracle};
use nasbench::search::conformance::Toy;
use nasbench::search::{self, ALGORITHMS, Budget, Duplicates, Entry, Setup};
use nasbench::space::{Cell, MUTATIONS, OPERATIONS, SAMPLERS, Space};
use nasbench::statistics;
use nasbench::surrogate::features::STANDARD;
use nasbench::surrogate::{self, Features, Model, QUANTITIES, Quantity, Rows, SURROGATES, SurrogateOracle, Target, TrainingSet};
use nasbench::table::{Benchmark, TableOracle};
use nasbench::train::{Data, PROTOCOLS, Protocol, TrainingOracle};
use nasbench::unit::{Accuracy, Epochs, Seconds, Seed};

use crate::pipeline::TINY;

const BUDGETS: [Epochs; 4] = [Epochs(4), Epochs(12), Epochs(36), Epochs(108)];

fn setup(max_vertices: usize) -> Setup {
    Setup::new(Space::nas_bench_101().with_max_vertices(max_vertices).unwrap(), Epochs(108)).with_budgets(&BUDGETS)
}

/// A set-up whose models are hardly trained: what is tested here does not depend on how good they are.
fn quick(entry: &Entry, mut setup: Setup) -> Setup {
    for (option, small) in [("training_epochs", 3), ("hidden", 8)] {
        if (entry.defaults)().get(option).is_some() {
            setup.options[option] = small.into();
        }
    }
    setup
}

#[test]
fn every_search_keeps_its_promises() {
    for entry in ALGORITHMS {
        let mut options = quick(entry, setup(4)).options;
        if (entry.defaults)().get("candidates").is_some() {
            options["candidates"] = 10.into();
        }
        search::conformance::check(entry, &options).unwrap();
    }
}

#[test]
fn searches_that_repeat_no_cell_are_the_same_under_every_rule() {
    for name in ["largest-first", "local-search", "pnas"] {
        let entry = search::find(name).unwrap();
        let run = |duplicates| {
            let setup = Setup { duplicates, ..quick(entry, setup(5)) };
            search::run(entry, &setup, &mut Toy::default(), Budget::Evaluations(90), Seed(3)).unwrap().trials
        };
        let published = run(Duplicates::Published);
        assert_eq!(published, run(Duplicates::Average), "{name}");
        assert_eq!(published, run(Duplicates::Never), "{name}");
    }
}

#[test]
fn searches_take_every_sampler_and_every_mutation() {
    for sampler in SAMPLERS {
        for mutation in MUTATIONS {
            let mut setup = setup(5);
            setup.options = serde_json::json!({ "population_size": 10, "sampler": sampler, "mutation": mutation });
            setup.options["tournament_size"] = 3.into();
            let entry = search::find("regularized-evolution").unwrap();
            let history = search::run(entry, &setup, &mut Toy::default(), Budget::Evaluations(60), Seed(1)).unwrap();
            assert_eq!(history.trials.len(), 60, "{sampler} and {mutation}");
        }
    }
}

#[test]
fn evolution_beats_random_search_on_a_smooth_toy() {
    let best = |name: &str| -> f32 {
        let entry = search::find(name).unwrap();
        let loss = |seed| {
            let history = search::run(entry, &setup(7), &mut Smooth, Budget::Evaluations(400), Seed(seed)).unwrap();
            history.ranking()[0].loss()
        };
        (0..20).map(loss).sum()
    };
    assert!(best("regularized-evolution") < best("random"));
}

/// Rewards 3×3 convolutions and depth: a slope that evolution can climb.
struct Smooth;

impl Oracle for Smooth {
    fn measure(&mut self, candidates: &[Candidate]) -> Result<Vec<Measurement>, oracle::Error> {
        let measure = |candidate: &Candidate| {
            let good = candidate.architecture.operations().filter(|operation| operation.name().starts_with("conv3x3")).count();
            #[expect(clippy::cast_precision_loss, reason = "a handful of vertices and edges")]
            let fraction = (good as f32 * 10.0 - candidate.architecture.edge_count() as f32) / 60.0;
            Measurement::new(Accuracy::from_fraction(fraction.clamp(0.0, 1.0)), Some(Seconds(1.0)))
        };
        Ok(candidates.iter().map(measure).collect())
    }
}

#[test]
fn every_surrogate_learns_a_slope_and_repeats_itself_and_refuses_what_is_no_lesson() {
    // Every second row is fitted, and the others are predicted.
    let (mut rows, mut unseen, mut targets, mut truth) = (Rows::new(3), Rows::new(3), Vec::new(), Vec::new());
    for i in 0..120_u16 {
        let x = f32::from(i) / 120.0;
        let row = [x, f32::from(i * 37 % 11), 1.0];
        if i % 2 == 0 {
            rows.push(&row).unwrap();
            targets.push(0.5 + 0.3 * x);
        } else {
            unseen.push(&row).unwrap();
            truth.push(f64::from(x));
        }
    }
    for entry in SURROGATES {
        let predict = |seed| entry.fit(&rows, &targets, seed).unwrap().predict(&unseen).unwrap();
        let predictions = predict(Seed(1));
        assert_eq!(predictions, predict(Seed(1)), "{}", entry.name);
        let predicted: Vec<_> = predictions.iter().map(|prediction| f64::from(prediction.mean)).collect();
        let tau = statistics::kendall_tau_b(&truth, &predicted).unwrap_or(0.0);
        assert!(tau > 0.6, "{} learned nothing: {tau}", entry.name);
        assert_eq!(surrogate::find(entry.name).unwrap().name, entry.name);
        assert!(entry.fit(&rows, &targets[1..], Seed(1)).is_err(), "{} takes a row without a target", entry.name);
        assert!(entry.fit(&rows.select(&[0]), &targets[..1], Seed(1)).is_err(), "{} takes a single row", entry.name);
        assert!(entry.fit(&rows, &[f32::NAN; 60], Seed(1)).is_err(), "{} takes targets that are no numbers", entry.name);
        let narrow = Rows::new(2);
        assert!(entry.fit(&rows, &targets, Seed(1)).unwrap().predict(&narrow).is_err(), "{} takes other rows", entry.name);
    }
    assert!(surrogate::find("random-forset").is_err());
}

#[test]
fn every_surrogate_beats_the_mean_on_cells_that_it_has_not_seen_and_is_the_same_from_its_file() {
    let benchmark = Benchmark::shipped().unwrap();
    let (table, skeleton) = (benchmark.table().unwrap(), benchmark.skeleton().unwrap());
    let features = Features::new(STANDARD, &Space::nas_bench_101()).unwrap().with_skeleton(skeleton);
    let folder = tempfile::tempdir().unwrap();
    for quantity in QUANTITIES {
        let target = Target { quantity: *quantity, epochs: Epochs(12) };
        let set = TrainingSet::new(&table, target).unwrap().draw(300, Seed(1)).unwrap();
        let ((seen, unseen), (values, truth)) = (set.cells.split_at(150), set.values.split_at(150));
        let rows = features.rows(seen).unwrap();
        let wide = |values: &[f32]| values.iter().copied().map(f64::from).collect::<Vec<_>>();
        let truth = wide(truth);
        let error_of_mean = statistics::rmse(&truth, &[statistics::mean(&wide(values)).unwrap(); 150]).unwrap();
        for entry in SURROGATES {
            let fit = || Model::fit(entry, target, &features, &rows, seen, values, Seed(1)).unwrap();
            let model = fit();
            let predictions = model.predict_all(unseen).unwrap();
            let predicted: Vec<_> = predictions.iter().map(|prediction| f64::from(prediction.mean)).collect();
            let error = statistics::rmse(&truth, &predicted).unwrap();
            assert!(error < 0.8 * error_of_mean, "{}: an error of {error}, the mean has {error_of_mean}", entry.name);
            assert_eq!(fit().predict_all(unseen).unwrap(), predictions, "{} does not repeat itself", entry.name);
            let file = folder.path().join(entry.name);
            model.save(&file).unwrap();
            let loaded = Model::load(&file).unwrap();
            assert_eq!(loaded.predict_all(unseen).unwrap(), predictions, "{} is another one from its file", entry.name);
            assert_eq!(loaded.estimates(unseen, &predictions), model.estimates(unseen, &predictions), "{}", entry.name);
        }
    }
}

/// The promise of `compare --noise`: the answers of a model are as far apart as the repeats of the table, for good cells and for bad ones.
#[test]
fn the_noise_of_a_model_is_that_of_cells_it_has_not_seen_in_each_decile() {
    let table = Benchmark::shipped().unwrap().table().unwrap();
    let features = Features::new(STANDARD, &Space::nas_bench_101()).unwrap();
    let all = TrainingSet::new(&table, Target { quantity: Quantity::ValidationAccuracy, epochs: Epochs(12) }).unwrap();
    let seen = all.draw(1_266, Seed(1)).unwrap();
    let known: HashSet<_> = seen.hashes.iter().collect();
    let unseen = all.choose(&all.hashes.iter().copied().filter(|hash| !known.contains(hash)).collect::<Vec<_>>()).unwrap();
    let model =
        seen.fit(surrogate::find("random-forest").unwrap(), &features, &features.rows(&seen.cells).unwrap(), Seed(1)).unwrap();
    let noise = model.noise.as_ref().unwrap();
    let predictions = model.predict_all(&unseen.cells).unwrap();
    let mut cells: Vec<_> = predictions.iter().map(|prediction| prediction.mean).zip(unseen.repeats).collect();
    cells.sort_by(|one, other| one.0.total_cmp(&other.0));
    let mut rng = Seed(2).rng();
    for (decile, cells) in cells.chunks(cells.len().div_ceil(10)).enumerate() {
        let of_table = statistics::pooled_deviation(cells.iter().map(|(_, repeats)| repeats)).unwrap();
        let mut drawn = |mean: f32| (0..20).map(|_| f64::from(noise.draw(mean, &mut rng)).powi(2)).sum::<f64>() / 20.0;
        let squares: Vec<f64> = cells.iter().map(|(predicted, _)| drawn(*predicted)).collect();
        let of_model = statistics::mean(&squares).unwrap().sqrt();
        assert!((of_model / of_table - 1.0).abs() < 0.25, "decile {}: {of_model}, in the table {of_table}", decile + 1);
    }
}

/// Every numbering of every cell of at most so many vertices, and what is stored for each.
fn numberings(max_vertices: usize) -> [Vec<Cell>; 2] {
    let labelled: Vec<_> = Space::nas_bench_101().with_max_vertices(max_vertices).unwrap().labelled_cells().collect();
    let stored: Vec<_> = labelled.iter().map(Cell::representative).collect();
    assert_ne!(labelled, stored);
    [labelled, stored]
}

/// Asks one oracle about every numbering, and another one about what is stored for each. Times are measured, so they may differ.
fn assert_same_answers(name: &str, max_vertices: usize, epochs: Epochs, oracles: [&mut dyn Oracle; 2]) {
    let answers = oracles.into_iter().zip(numberings(max_vertices)).map(|(oracle, cells)| {
        let candidates: Vec<_> = cells.into_iter().map(|cell| Candidate::new(cell, epochs)).collect();
        let measured = oracle.measure(&candidates).unwrap();
        measured.into_iter().map(|measurement| measurement.validation_accuracy).collect::<Vec<_>>()
    });
    let [of_numberings, of_stored]: [_; 2] = answers.collect::<Vec<_>>().try_into().unwrap();
    assert_eq!(of_numberings, of_stored, "{name}");
}

#[test]
fn isomorphic_cells_have_one_answer_of_every_oracle() {
    let table = Benchmark::shipped().unwrap().table().unwrap();
    let mut tables = [1; 2].map(|seed| TableOracle::new(&table, Seed(seed)));
    let [one, other] = &mut tables;
    assert_same_answers("table", 5, Epochs(12), [one, other]);

    let images = dataset::find("fashion-14").unwrap().load(None).unwrap();
    let protocol = Protocol::find(TINY).unwrap().resolve(&images).unwrap();
    let data = Data::select(&protocol, &images).unwrap();
    let mut trainings = [1; 2].map(|seed| TrainingOracle::new(&protocol, &data, Device::Cpu, Seed(seed)));
    let [one, other] = &mut trainings;
    assert_same_answers("training", 4, Epochs(2), [one, other]);
}

#[test]
fn isomorphic_cells_have_one_answer_of_every_surrogate() {
    let benchmark = Benchmark::shipped().unwrap();
    let (table, skeleton) = (benchmark.table().unwrap(), benchmark.skeleton().unwrap());
    // Each on all encodings that can stand side by side, those that depend on the numbering among them.
    let encodings = ["adjacency", "path", "statistics", "walks", "triples", "graf", "cost"];
    let features = Features::new(&encodings, &Space::nas_bench_101()).unwrap().with_skeleton(skeleton);
    for entry in SURROGATES {
        let [accuracy, time] = [Quantity::ValidationAccuracy, Quantity::TrainingTime].map(|quantity| {
            let target = Target { quantity, epochs: Epochs(12) };
            let lesson = TrainingSet::new(&table, target).unwrap().draw(60, Seed(1)).unwrap();
            let rows = features.rows(&lesson.cells).unwrap();
            Model::fit(entry, target, &features, &rows, &lesson.cells, &lesson.values, Seed(1)).unwrap()
        });
        let [labelled, stored] = numberings(5);
        assert_eq!(accuracy.predict_all(&labelled).unwrap(), accuracy.predict_all(&stored).unwrap(), "{}", entry.name);
        let (accuracy, time) = (Arc::new(accuracy), Arc::new(time));
        let mut oracles = [(); 2].map(|()| SurrogateOracle::new().with_models(accuracy.clone(), time.clone()).unwrap());
        let [one, other] = &mut oracles;
        assert_same_answers(entry.name, 5, Epochs(12), [one, other]);
    }
    assert_eq!(QUANTITIES.len(), 2, "a model of each quantity is asked");
}

#[test]
fn names_are_unique_and_in_kebab_case() {
    let lists: [(&str, Vec<&str>); 9] = [
        ("algorithms", ALGORITHMS.iter().map(|entry| entry.name).collect()),
        ("surrogates", SURROGATES.iter().map(|entry| entry.name).collect()),
        ("datasets", DATASETS.iter().map(|entry| entry.name).collect()),
        ("protocols", PROTOCOLS.iter().map(|entry| entry.name).collect()),
        ("devices", DEVICES.iter().map(|entry| entry.name.split('[').next().unwrap()).collect()),
        ("operations", OPERATIONS.iter().map(|spec| spec.name).collect()),
        ("encodings", ENCODINGS.iter().map(|encoding| encoding.name).collect()),
        ("mutations", MUTATIONS.iter().map(|mutation| mutation.name()).collect()),
        ("samplers", SAMPLERS.iter().map(|sampler| sampler.name()).collect()),
    ];
    for (list, names) in lists {
        assert_eq!(names.iter().collect::<HashSet<_>>().len(), names.len(), "{list}");
        for name in names {
            let fine = name.chars().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-');
            assert!(fine && !name.is_empty(), "`{name}` of {list}");
        }
    }
}
