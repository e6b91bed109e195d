//! What single algorithms promise.

use crate::search::SearchRng;
use rand::SeedableRng as _;

use super::digits::{Digits, leading_ones_trailing_zeros, run};
use super::reals::{Reals, zdt};
use crate::search::algorithm::ant_colony::AntColony;
use crate::search::algorithm::moead::MoeaD;
use crate::search::algorithm::nsga2::Nsga2;
use crate::search::algorithm::pesa2::Pesa2;
use crate::search::algorithm::{ant_colony, moead, nsga2, pesa2};
use crate::search::multi::front::hypervolume;
use crate::search::multi::{Algorithm, Evolver, Individual};

/// Runs generations of an algorithm on ZDT1 and shows it after each.
fn generations<A: Algorithm<Vec<f64>>>(mut algorithm: A, number: usize, mut check: impl FnMut(&A)) {
    let mut rng = SearchRng::seed_from_u64(1);
    for _ in 0..number {
        let batch = algorithm.breed(&mut rng);
        let measured = batch.into_iter().map(|x| {
            let objectives = zdt(1, &x);
            Individual::feasible(x, objectives)
        });
        algorithm.select(measured.collect(), &mut rng);
        check(&algorithm);
    }
}

#[test]
fn nsga2_never_loses_hypervolume_while_the_front_fits() {
    let options = nsga2::Options { population_size: 40, ..Default::default() };
    for seed in 0..5 {
        let mut rng = SearchRng::seed_from_u64(seed);
        let mut evolver = Evolver::new(Nsga2::new(Digits::bits(10), options.clone()).unwrap());
        let mut before = 0.0;
        for generation in 1..30 {
            run(&mut evolver, (40, 40), &mut rng, |genes| leading_ones_trailing_zeros(genes));
            let now = hypervolume(evolver.population(&mut rng), &[1.0; 2]);
            assert!(now >= before, "seed {seed}, generation {generation}: {before} became {now}");
            before = now;
        }
        assert!(before > 50.0);
    }
}

#[test]
fn nsga2_keeps_the_best_of_each_objective() {
    let mut best = [f64::INFINITY; 2];
    generations(Nsga2::new(Reals::new(30), nsga2::Options::default()).unwrap(), 60, |algorithm| {
        for (objective, best) in best.iter_mut().enumerate() {
            let now = algorithm.population().iter().map(|one| one.objectives[objective]).fold(f64::INFINITY, f64::min);
            assert!(now <= *best);
            *best = now;
        }
    });
}

#[test]
fn the_ideal_point_of_moead_only_improves() {
    let mut before = vec![f64::INFINITY; 2];
    generations(MoeaD::new(Reals::new(30), 2, moead::Options::default()).unwrap(), 3_000, |algorithm| {
        assert!(algorithm.ideal().iter().zip(&before).all(|(now, before)| now <= before));
        let population = algorithm.population().iter();
        assert!(
            population.map(|one| &one.objectives).all(|one| one.iter().zip(algorithm.ideal()).all(|(one, ideal)| ideal <= one))
        );
        before = algorithm.ideal().to_vec();
    });
    assert!(before.iter().all(|value| *value < 0.8), "{before:?}");
}

#[test]
fn the_archive_of_pesa2_is_bounded_and_mutually_non_dominated() {
    let mut most = 0;
    let options = pesa2::Options { archive_size: 30, ..Default::default() };
    generations(Pesa2::new(Reals::new(30), options).unwrap(), 100, |algorithm| {
        let archive = algorithm.population();
        assert!(archive.iter().all(|one| archive.iter().all(|other| !one.dominates(other))));
        most = most.max(archive.len());
    });
    assert_eq!(most, 30);
}

#[test]
fn ants_with_one_objective_choose_the_best_arm() {
    let mut rng = SearchRng::seed_from_u64(1);
    let arms = Digits { sizes: vec![10], is_valid: |_| true };
    let options = ant_colony::Options { remove_duplicates: false, ..Default::default() };
    let mut evolver = Evolver::new(AntColony::new(arms, options).unwrap());
    // The third arm is the best.
    let cost = |genes: &Vec<usize>| {
        Individual::feasible(genes.clone(), vec![[5.0, 2.0, 1.0, 9.0][genes[0] % 4] + crate::search::multi::count(genes[0])])
    };
    run(&mut evolver, (3_000, 50), &mut rng, cost);
    let last = run(&mut evolver, (1_000, 50), &mut rng, cost);
    let best = last.iter().filter(|individual| individual.solution == [2]).count();
    // The upper bound of the pheromone is 1 − 9 · 0.01.
    assert!((880..=940).contains(&best), "{best}");
}
