//! Cooperative co-evolution: edges and operations are two populations, each judged by what it reaches with members of the other.

use rand::RngExt as _;
use serde::{Deserialize, Serialize};

use crate::search::generations::{Generations, Strategy};
use crate::search::genes::{Genes, Genome, MOST};
use crate::search::{Entry, Error, SearchRng, Setup, check_option, defaults_of};
use crate::space::Spec;

pub(super) const ENTRY: Entry = Entry {
    name: "coevolution",
    about: "breeds edges and operations as two populations in turn; a member is as good as the best cell that it makes with the best and \
            with random members of the other; a cell outside the space counts as one of loss 1 and is not evaluated",
    source: "Potter & De Jong, PPSN 1994, CCGA-2",
    uses_small_budgets: false,
    needs_several_objectives: false,
    defaults: defaults_of::<Options>,
    build: |setup| Ok(Box::new(Generations::new(setup, Coevolution::new(setup)?))),
};

/// The options of `coevolution`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// The members of each of the two populations.
    pub population_size: usize,
    /// The cells that each member makes: one with the best of the other population, the others with random ones.
    pub collaborators: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { population_size: 10, collaborators: 2 }
    }
}

/// A population of one part of the genes. Those of the other part are those of the best cell that a member was in.
type Population = Vec<(Genes, f64)>;

struct Coevolution {
    genome: Genome,
    options: Options,
    /// Of the edges and of the operations, the best first. The second one is empty in the first generation.
    populations: [Population; 2],
    /// Which one is bred.
    turn: usize,
}

impl Coevolution {
    fn new(setup: &Setup) -> Result<Self, Error> {
        let options: Options = setup.options(ENTRY.name)?;
        let Options { population_size, collaborators } = options;
        check_option(ENTRY.name, "population_size", &population_size, (2..=100_000).contains(&population_size), "2 to 100000")?;
        check_option(ENTRY.name, "collaborators", &collaborators, (1..=100).contains(&collaborators), "1 to 100")?;
        Ok(Self { genome: Genome::new(&setup.space), options, populations: [Vec::new(), Vec::new()], turn: 0 })
    }

    /// The genes of a part.
    fn part(&self, turn: usize) -> std::ops::Range<usize> {
        if turn == 0 { 0..self.genome.edges() } else { self.genome.edges()..self.genome.len() }
    }

    /// Draws a new member of the population whose turn it is: a mutant of a cross of two winners of tournaments of two.
    fn child(&self, rng: &mut SearchRng) -> Genes {
        let (population, part) = (&self.populations[self.turn], self.part(self.turn));
        let mut genes = [0; MOST];
        if part.is_empty() {
            return genes;
        }
        // The best is first, so that the smaller index wins.
        let winner = |rng: &mut SearchRng| population[(0..2).map(|_| rng.random_range(0..population.len())).min().unwrap_or(0)].0;
        let parents = (!population.is_empty()).then(|| [winner(rng), winner(rng)]);
        let sure = rng.random_range(part.clone());
        let rate = 1.0 / f64::from(u8::try_from(part.len()).expect("at most 26 genes"));
        for gene in part {
            genes[gene] = match parents {
                Some(parents) if gene != sure && rng.random_range(0.0..1.0) >= rate => parents[rng.random_range(0..2)][gene],
                _ => self.genome.draw(gene, rng),
            };
        }
        genes
    }

    /// Puts the two parts of a cell together.
    fn joined(&self, child: &Genes, other: &Genes) -> Genes {
        let mut genes = *other;
        let part = self.part(self.turn);
        genes[part.clone()].copy_from_slice(&child[part]);
        genes
    }
}

/// A cell of a generation: a new member with a collaborator. Without any in the other population its genes are random.
impl Strategy for Coevolution {
    type Point = Genes;

    fn size(&self) -> usize {
        self.options.population_size * self.options.collaborators
    }

    fn draw(&mut self, drawn: &[Genes], rng: &mut SearchRng) -> Genes {
        let round = drawn.len() % self.options.collaborators;
        let child = if round == 0 { self.child(rng) } else { drawn[drawn.len() - 1] };
        let others = &self.populations[1 - self.turn];
        if others.is_empty() {
            let mut random = [0; MOST];
            for gene in self.part(1 - self.turn) {
                random[gene] = self.genome.draw(gene, rng);
            }
            return self.joined(&child, &random);
        }
        let index = if round == 0 { 0 } else { rng.random_range(0..others.len()) };
        self.joined(&child, &others[index].0)
    }

    fn spec(&self, genes: &Genes) -> Spec {
        self.genome.spec(genes)
    }

    fn point(&self, spec: Spec, _: &mut SearchRng) -> Genes {
        self.genome.of_spec(spec)
    }

    /// The members that were there compete with the new ones; of equals the new one stays.
    fn learn(&mut self, generation: Vec<(Genes, f64)>) {
        let best =
            |cells: &[(Genes, f64)]| cells.iter().copied().reduce(|best, other| if other.1 < best.1 { other } else { best });
        let mut all: Population = generation.chunks(self.options.collaborators).filter_map(best).collect();
        all.append(&mut self.populations[self.turn]);
        all.sort_by(|(_, one), (_, other)| one.total_cmp(other));
        all.truncate(self.options.population_size);
        self.populations[self.turn] = all;
        self.turn = 1 - self.turn;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::Space;
    use crate::unit::{Epochs, Seed};

    fn coevolution(options: serde_json::Value) -> Coevolution {
        let mut setup = Setup::new(Space::nas_bench_101(), Epochs(108));
        setup.options = options;
        Coevolution::new(&setup).unwrap()
    }

    fn generation(search: &mut Coevolution, rng: &mut SearchRng) -> Vec<Genes> {
        let mut drawn = Vec::new();
        for _ in 0..search.size() {
            drawn.push(search.draw(&drawn, rng));
        }
        drawn
    }

    /// The share of the edges that are there, and of the operations that are the last one.
    fn parts(genes: &Genes) -> [f64; 2] {
        let share = |genes: &[u8], wanted: u8| {
            let good: u8 = genes.iter().map(|gene| u8::from(*gene == wanted)).sum();
            f64::from(good) / crate::search::count(genes.len())
        };
        [share(&genes[..21], 1), share(&genes[21..], 2)]
    }

    #[test]
    fn a_sum_of_two_parts_is_solved_part_by_part() {
        let mut search = coevolution(serde_json::json!({}));
        let mut rng = Seed(1).rng();
        for _ in 0..120 {
            let drawn = generation(&mut search, &mut rng);
            assert_eq!(drawn.len(), 20);
            search.learn(drawn.into_iter().map(|genes| (genes, 2.0 - parts(&genes).iter().sum::<f64>())).collect());
        }
        let best = search.populations.each_ref().map(|population| parts(&population[0].0));
        assert_eq!((best[0][0], best[1][1]), (1.0, 1.0), "{best:?}");
    }

    #[test]
    fn each_member_meets_the_best_and_another_of_the_other_population() {
        let mut search = coevolution(serde_json::json!({ "population_size": 4, "collaborators": 3 }));
        let mut rng = Seed(2).rng();
        for turn in 0..6 {
            let drawn = generation(&mut search, &mut rng);
            let (own, others) = (search.part(turn % 2), search.part(1 - turn % 2));
            for cells in drawn.chunks(3) {
                assert!(cells.iter().all(|genes| genes[own.clone()] == cells[0][own.clone()]), "one member, three times");
                let population = &search.populations[1 - turn % 2];
                if turn > 0 {
                    assert_eq!(cells[0][others.clone()], population[0].0[others.clone()]);
                    let is_member =
                        |genes: &Genes| population.iter().any(|(member, _)| member[others.clone()] == genes[others.clone()]);
                    assert!(cells.iter().all(is_member));
                }
            }
            search.learn(drawn.into_iter().map(|genes| (genes, 2.0 - parts(&genes).iter().sum::<f64>())).collect());
            let population = &search.populations[turn % 2];
            assert!(population.len() == 4 && population.is_sorted_by(|one, other| one.1 <= other.1));
        }
    }
}
