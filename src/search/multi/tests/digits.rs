//! Rows of categorical genes, and problems on them whose fronts are known.

use crate::search::SearchRng;
use rand::RngExt as _;

use crate::search::multi::{Evolver, Genome, Individual, Neighbourhood, Variation, count};

/// Rows of genes with some numbers of values.
#[derive(Clone, Debug)]
pub(crate) struct Digits {
    pub(crate) sizes: Vec<usize>,
    /// Which rows are valid.
    pub(crate) is_valid: fn(&[usize]) -> bool,
}

impl Digits {
    pub(crate) fn bits(n: usize) -> Self {
        Self { sizes: vec![2; n], is_valid: |_| true }
    }
}

impl Variation for Digits {
    type Solution = Vec<usize>;

    fn draw(&self, rng: &mut SearchRng) -> Vec<usize> {
        loop {
            let genes: Vec<usize> = self.sizes.iter().map(|size| rng.random_range(0..*size)).collect();
            if (self.is_valid)(&genes) {
                return genes;
            }
        }
    }

    fn cross(&self, [one, other]: [&Vec<usize>; 2], rng: &mut SearchRng) -> Vec<usize> {
        let gene = |(one, other): (&usize, &usize)| if rng.random_range(0..2) == 1 { *other } else { *one };
        let child: Vec<usize> = one.iter().zip(other).map(gene).collect();
        if (self.is_valid)(&child) { child } else { one.clone() }
    }

    fn mutate(&self, solution: &Vec<usize>, rng: &mut SearchRng) -> Vec<usize> {
        loop {
            let mut genes = solution.clone();
            for (gene, size) in genes.iter_mut().zip(&self.sizes) {
                if rng.random_range(0..self.sizes.len()) == 0 {
                    *gene = rng.random_range(0..*size);
                }
            }
            if (self.is_valid)(&genes) {
                return genes;
            }
        }
    }

    fn key(&self, solution: &Vec<usize>) -> u64 {
        solution.iter().zip(&self.sizes).fold(0, |key, (gene, size)| key * *size as u64 + *gene as u64)
    }
}

impl Neighbourhood for Digits {
    fn neighbours(&self, solution: &Vec<usize>) -> Vec<Vec<usize>> {
        let edits = self.sizes.iter().enumerate().flat_map(|(gene, size)| (0..*size).map(move |value| (gene, value)));
        let edited = edits.filter(|(gene, value)| solution[*gene] != *value).map(|(gene, value)| {
            let mut genes = solution.clone();
            genes[gene] = value;
            genes
        });
        edited.filter(|genes| (self.is_valid)(genes)).collect()
    }
}

impl Genome for Digits {
    fn sizes(&self) -> &[usize] {
        &self.sizes
    }

    fn encode(&self, solution: &Vec<usize>) -> Vec<usize> {
        solution.clone()
    }

    fn decode(&self, genes: &[usize]) -> Option<Vec<usize>> {
        (self.is_valid)(genes).then(|| genes.to_vec())
    }
}

/// Leading ones and trailing zeros: the front is 1…10…0, one point for each number of ones.
///
/// # Source
///
/// Laumanns, Thiele & Zitzler, "Running time analysis of multiobjective evolutionary algorithms on pseudo-Boolean functions",
/// IEEE TEC 8(2), 2004.
pub(crate) fn leading_ones_trailing_zeros(genes: &[usize]) -> Individual<Vec<usize>> {
    let ones = genes.iter().take_while(|gene| **gene > 0).count();
    let zeros = genes.iter().rev().take_while(|gene| **gene == 0).count();
    Individual::feasible(genes.to_vec(), vec![-count(ones), -count(zeros)])
}

/// The same where more than a third of the genes that are not 0 violate a constraint: the rest of the front is out of bounds.
pub(crate) fn constrained(genes: &[usize]) -> Individual<Vec<usize>> {
    let ones = genes.iter().filter(|gene| **gene > 0).count();
    Individual { violation: count(ones.saturating_sub(genes.len() / 3)), ..leading_ones_trailing_zeros(genes) }
}

/// Runs a search for a number of evaluations, with little or much room; returns all it measured.
pub(crate) fn run<S: Clone>(
    evolver: &mut Evolver<S>,
    (evaluations, room): (usize, usize),
    rng: &mut SearchRng,
    evaluate: impl Fn(&S) -> Individual<S>,
) -> Vec<Individual<S>> {
    let mut measured = Vec::new();
    while measured.len() < evaluations {
        let asked = evolver.ask(room.min(evaluations - measured.len()), rng);
        assert!(!asked.is_empty() && asked.len() <= room);
        let told: Vec<_> = asked.iter().map(&evaluate).collect();
        measured.extend(told.iter().cloned());
        evolver.tell(told);
    }
    measured
}
