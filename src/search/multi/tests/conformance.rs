//! The rules that every algorithm is held to.

use std::collections::HashSet;

use crate::search::SearchRng;
use rand::SeedableRng as _;

use super::digits::{Digits, constrained, leading_ones_trailing_zeros, run};
use super::random::{self, Random};
use crate::search::Error;
use crate::search::algorithm::ant_colony::AntColony;
use crate::search::algorithm::bee_colony::BeeColony;
use crate::search::algorithm::ibea::Ibea;
use crate::search::algorithm::moead::MoeaD;
use crate::search::algorithm::moga::Moga;
use crate::search::algorithm::mopso::Mopso;
use crate::search::algorithm::nsga2::Nsga2;
use crate::search::algorithm::nsga3::Nsga3;
use crate::search::algorithm::pareto_local_search::ParetoLocalSearch;
use crate::search::algorithm::pesa2::Pesa2;
use crate::search::algorithm::{ant_colony, bee_colony, ibea, moead, moga, mopso, nsga2, nsga3, pareto_local_search, pesa2};
use crate::search::multi::front::hypervolume;
use crate::search::multi::survival::{GridArchive, Indicator};
use crate::search::multi::{Evolver, Individual, Variation};

type Genes = Vec<usize>;

/// How the algorithms of a test are built.
#[derive(Clone, Copy)]
struct Shape {
    /// Number of individuals.
    size: usize,
    remove_duplicates: bool,
}

type Build = fn(Digits, Shape) -> Result<Evolver<Genes>, Error>;

/// Every algorithm, for two objectives.
const ALGORITHMS: [(&str, Build); 13] = [
    ("random", |digits, Shape { remove_duplicates, .. }| {
        Ok(Evolver::new(Random::new(digits, &random::Options { remove_duplicates })))
    }),
    ("pareto-local-search", |digits, Shape { remove_duplicates, .. }| {
        let options = pareto_local_search::Options { remove_duplicates, ..Default::default() };
        ParetoLocalSearch::new(digits, options).map(Evolver::new)
    }),
    ("nsga2", |digits, Shape { size: population_size, remove_duplicates }| {
        Nsga2::new(digits, nsga2::Options { population_size, remove_duplicates }).map(Evolver::new)
    }),
    ("nsga3", |digits, Shape { size: population_size, remove_duplicates }| {
        Nsga3::new(digits, 2, nsga3::Options { population_size, remove_duplicates }).map(Evolver::new)
    }),
    ("moead", |digits, Shape { size: population_size, remove_duplicates }| {
        let options = moead::Options { population_size, neighbours: 5, remove_duplicates, ..Default::default() };
        MoeaD::new(digits, 2, options).map(Evolver::new)
    }),
    ("moead-pbi", |digits, Shape { size: population_size, remove_duplicates }| {
        let decomposition = moead::Decomposition::PenaltyBoundaryIntersection;
        let options = moead::Options {
            population_size,
            neighbours: 5,
            most_replaced: 2,
            decomposition,
            remove_duplicates,
            ..Default::default()
        };
        MoeaD::new(digits, 2, options).map(Evolver::new)
    }),
    ("ibea", |digits, Shape { size: population_size, remove_duplicates }| {
        let options = ibea::Options { population_size, remove_duplicates, ..Default::default() };
        Ibea::new(digits, options).map(Evolver::new)
    }),
    ("ibea-hypervolume", |digits, Shape { size: population_size, remove_duplicates }| {
        let indicator = Indicator::Hypervolume;
        let options = ibea::Options { population_size, indicator, remove_duplicates, ..Default::default() };
        Ibea::new(digits, options).map(Evolver::new)
    }),
    ("pesa2", |digits, Shape { size, remove_duplicates }| {
        let options = pesa2::Options { population_size: size, archive_size: size, remove_duplicates, ..Default::default() };
        Pesa2::new(digits, options).map(Evolver::new)
    }),
    ("moga", |digits, Shape { size: population_size, remove_duplicates }| {
        Moga::new(digits, moga::Options { population_size, remove_duplicates }).map(Evolver::new)
    }),
    ("mopso", |digits, Shape { size, remove_duplicates }| {
        let options = mopso::Options { swarm_size: size, archive_size: size, remove_duplicates, ..Default::default() };
        Mopso::new(digits, options).map(Evolver::new)
    }),
    ("ant-colony", |digits, Shape { size, remove_duplicates }| {
        let options = ant_colony::Options { ants: size, archive_size: size, remove_duplicates, ..Default::default() };
        AntColony::new(digits, options).map(Evolver::new)
    }),
    ("bee-colony", |digits, Shape { size, remove_duplicates }| {
        let options = bee_colony::Options { sources: size, archive_size: size, remove_duplicates, ..Default::default() };
        BeeColony::new(digits, options).map(Evolver::new)
    }),
];

const SHAPE: Shape = Shape { size: 20, remove_duplicates: true };

/// Rows of unlike genes, a third of which are not valid.
fn unlike() -> Digits {
    Digits { sizes: vec![2, 3, 4, 1, 2, 5, 3, 2, 2, 3], is_valid: |genes| genes.iter().sum::<usize>() % 3 != 0 }
}

fn rng(seed: u64) -> SearchRng {
    SearchRng::seed_from_u64(seed)
}

fn solutions(build: Build, room: usize, seed: u64) -> Vec<Genes> {
    let mut evolver = build(unlike(), SHAPE).unwrap();
    let measured = run(&mut evolver, (500, room), &mut rng(seed), |genes| leading_ones_trailing_zeros(genes));
    measured.into_iter().map(|individual| individual.solution).collect()
}

#[test]
fn what_is_asked_does_not_depend_on_the_room_and_only_on_the_seed() {
    for (name, build) in ALGORITHMS {
        let expected = solutions(build, 100, 1);
        for room in [1, 7, 33] {
            assert!(solutions(build, room, 1) == expected, "{name} with room for {room}");
        }
        assert!(solutions(build, 100, 2) != expected, "{name}");
    }
}

#[test]
fn every_solution_is_valid() {
    for (name, build) in ALGORITHMS {
        let digits = unlike();
        for genes in solutions(build, 100, 3) {
            let is_in_range = genes.iter().zip(&digits.sizes).all(|(gene, size)| gene < size);
            assert!(is_in_range && genes.len() == digits.sizes.len() && (digits.is_valid)(&genes), "{name}: {genes:?}");
        }
    }
}

/// Number of solutions asked that equal another of their batch or one that the algorithm keeps.
fn copies(build: Build, remove_duplicates: bool) -> usize {
    let (digits, mut rng) = (Digits::bits(9), rng(1));
    let mut evolver = build(digits.clone(), Shape { remove_duplicates, ..SHAPE }).unwrap();
    let mut copies = 0;
    let mut asked = 0;
    // Of the 512 rows most are left.
    while asked < 200 {
        let mut known: HashSet<u64> = evolver.population(&mut rng).iter().map(|one| digits.key(&one.solution)).collect();
        let batch = evolver.ask(usize::MAX, &mut rng);
        asked += batch.len();
        copies += batch.iter().filter(|genes| !known.insert(digits.key(genes))).count();
        evolver.tell(batch.iter().map(|genes| leading_ones_trailing_zeros(genes)).collect());
    }
    copies
}

#[test]
fn duplicates_are_removed_when_asked() {
    for (name, build) in ALGORITHMS {
        assert_eq!(copies(build, true), 0, "{name}");
        assert!(copies(build, false) > 0, "{name}");
    }
}

#[test]
fn a_space_smaller_than_the_population_is_searched_on() {
    for (name, build) in ALGORITHMS {
        let mut evolver = build(Digits::bits(3), SHAPE).unwrap();
        let measured = run(&mut evolver, (200, 9), &mut rng(1), |genes| leading_ones_trailing_zeros(genes));
        let different: HashSet<_> = measured.iter().map(|individual| &individual.solution).collect();
        assert_eq!(different.len(), 8, "{name}");
    }
}

/// The hypervolume of all that was measured, as a part of that of the front.
fn share_of_front(measured: &[Individual<Genes>]) -> f64 {
    let n = measured[0].solution.len();
    let ones_first = |ones: usize| -> Genes { (0..n).map(|gene| usize::from(gene < ones)).collect() };
    let front: Vec<_> = (0..=n).map(|ones| leading_ones_trailing_zeros(&ones_first(ones))).collect();
    hypervolume(measured, &[1.0; 2]) / hypervolume(&front, &[1.0; 2])
}

#[test]
fn every_algorithm_finds_more_of_the_front_than_random_search() {
    let median = |build: Build| {
        let mut shares: Vec<f64> = (0..11)
            .map(|seed| {
                let mut evolver = build(Digits::bits(16), SHAPE).unwrap();
                share_of_front(&run(&mut evolver, (2_000, 100), &mut rng(seed), |genes| leading_ones_trailing_zeros(genes)))
            })
            .collect();
        shares.sort_by(f64::total_cmp);
        shares[5]
    };
    let random = median(ALGORITHMS[0].1);
    println!("random {random:.4}");
    for (name, build) in &ALGORITHMS[1..] {
        let share = median(*build);
        println!("{name} {share:.4}");
        assert!(share > random + 0.05, "{name} has {share} where random search has {random}");
    }
}

#[test]
fn the_feasible_part_of_the_front_is_found() {
    for (name, build) in &ALGORITHMS[1..] {
        let mut rng = rng(1);
        let mut evolver = build(Digits::bits(9), SHAPE).unwrap();
        let measured = run(&mut evolver, (3_000, 100), &mut rng, |genes| constrained(genes));
        let mut archive = GridArchive::unlimited();
        for individual in measured {
            archive.offer(individual, &mut rng);
        }
        // Of 9 genes at most 3 are ones: 0 to 3 leading ones.
        let mut ones: Vec<_> = archive.members().iter().map(|one| one.solution.iter().sum::<usize>()).collect();
        ones.sort_unstable();
        assert_eq!(ones, [0, 1, 2, 3], "{name}");
        let kept = evolver.population(&mut rng);
        let feasible = kept.iter().filter(|individual| individual.is_feasible()).count();
        // MOGA's last generation are children, some of them infeasible.
        assert!(feasible == kept.len() || (*name == "moga" && feasible > 0), "{name} {feasible}");
    }
}

#[test]
fn options_are_checked_and_readable() {
    for (name, build) in &ALGORITHMS[2..] {
        let error = build(Digits::bits(3), Shape { size: 1, ..SHAPE }).unwrap_err();
        assert!(error.to_string().ends_with(" = 1, expected 2 to 1000000"), "{name}: {error}");
    }
    let options: moead::Options =
        serde_json::from_str(r#"{ "decomposition": "penalty-boundary-intersection", "neighbours": 10 }"#).unwrap();
    assert_eq!((options.neighbours, options.population_size), (10, 100));
    assert!(serde_json::from_str::<moead::Options>(r#"{ "neighbors": 10 }"#).is_err());
}
