//! A small random forest over genes, refitted after every trial: what the forests of surrogates are too thorough for.

use rand::RngExt as _;
use rand::seq::SliceRandom as _;

use super::SearchRng;
use super::count;
use super::genes::{Genes, Genome};
use crate::space::OPERATIONS;

/// A node of fewer cells is not split.
const LEAST_TO_SPLIT: usize = 3;
/// The fewest cells of each side of a split.
const LEAST_IN_LEAF: usize = 3;

/// Regression trees on bootstrap samples that ask whether a gene has a value.
///
/// | parameter | value |
/// |---|---|
/// | genes tried per split | 5 of 6 |
/// | cells to split a node, cells in a leaf | at least 3 |
///
/// # Source
///
/// Hutter, Hoos & Leyton-Brown, LION 2011; the values are those of the program SMAC3.
#[derive(Debug)]
pub(super) struct Forest {
    nodes: Vec<Node>,
    roots: Vec<usize>,
}

#[derive(Clone, Copy, Debug)]
enum Node {
    /// Those whose gene has the value go to the next node, the others to another.
    Split {
        gene: usize,
        value: u8,
        others: usize,
    },
    Leaf {
        mean: f64,
        variance: f64,
    },
}

/// The prediction of a forest for a cell.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Prediction {
    pub(super) mean: f64,
    /// Of the trees' means, and on average within their leaves.
    pub(super) variance: f64,
}

/// The count, the sum and the sum of squares of some losses.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    count: usize,
    sum: f64,
    squares: f64,
}

impl Sums {
    fn add(&mut self, loss: f64) {
        self.count += 1;
        self.sum += loss;
        self.squares += loss * loss;
    }

    fn without(self, other: Self) -> Self {
        Self { count: self.count - other.count, sum: self.sum - other.sum, squares: self.squares - other.squares }
    }

    /// The sum of squared distances from the mean.
    fn scatter(self) -> f64 {
        (self.squares - self.sum * self.sum / count(self.count.max(1))).max(0.0)
    }
}

impl Forest {
    /// Fits trees to the losses of cells, of which there is at least one.
    pub(super) fn fit(genome: &Genome, cells: &[(Genes, f32)], trees: usize, rng: &mut SearchRng) -> Self {
        let mut forest = Self { nodes: Vec::new(), roots: Vec::new() };
        for _ in 0..trees {
            let mut sample: Vec<_> = (0..cells.len()).map(|_| rng.random_range(0..cells.len())).collect();
            forest.roots.push(forest.nodes.len());
            forest.grow(genome, cells, &mut sample, rng);
        }
        forest
    }

    fn grow(&mut self, genome: &Genome, cells: &[(Genes, f32)], sample: &mut [usize], rng: &mut SearchRng) {
        let mut all = Sums::default();
        for cell in &*sample {
            all.add(cells[*cell].1.into());
        }
        let place = self.nodes.len();
        let n = count(all.count);
        self.nodes.push(Node::Leaf { mean: all.sum / n, variance: all.scatter() / n });
        let Some((gene, value)) = split(genome, cells, sample, all, rng) else { return };
        let mut middle = 0;
        for next in 0..sample.len() {
            if cells[sample[next]].0[gene] == value {
                sample.swap(next, middle);
                middle += 1;
            }
        }
        let (with, without) = sample.split_at_mut(middle);
        self.grow(genome, cells, with, rng);
        self.nodes[place] = Node::Split { gene, value, others: self.nodes.len() };
        self.grow(genome, cells, without, rng);
    }

    /// The mean and the variance of the leaf of a tree.
    fn leaf(&self, root: usize, genes: &Genes) -> (f64, f64) {
        let mut place = root;
        loop {
            match self.nodes[place] {
                Node::Split { gene, value, others } => place = if genes[gene] == value { place + 1 } else { others },
                Node::Leaf { mean, variance } => return (mean, variance),
            }
        }
    }

    /// Draws some of the trees, as a function that the data may well have: what two cells have in common they have there, too.
    pub(super) fn draw<'a>(&'a self, trees: usize, rng: &mut SearchRng) -> impl Fn(&Genes) -> f64 + use<'a> {
        let drawn: Vec<usize> = (0..trees.max(1)).map(|_| self.roots[rng.random_range(0..self.roots.len())]).collect();
        move |genes| drawn.iter().map(|root| self.leaf(*root, genes).0).sum::<f64>() / count(drawn.len())
    }

    pub(super) fn predict(&self, genes: &Genes) -> Prediction {
        let (mut sum, mut squares, mut variances) = (0.0, 0.0, 0.0);
        for root in &self.roots {
            let (mean, variance) = self.leaf(*root, genes);
            sum += mean;
            squares += mean * mean;
            variances += variance;
        }
        let trees = count(self.roots.len());
        let mean = sum / trees;
        Prediction { mean, variance: (squares / trees - mean * mean).max(0.0) + variances / trees }
    }
}

/// The question that leaves the least scatter, if one leaves less.
fn split(genome: &Genome, cells: &[(Genes, f32)], sample: &[usize], all: Sums, rng: &mut SearchRng) -> Option<(usize, u8)> {
    if sample.len() < LEAST_TO_SPLIT.max(2 * LEAST_IN_LEAF) || all.scatter() <= 1e-12 * all.squares {
        return None;
    }
    let mut genes: Vec<_> = (0..genome.len()).collect();
    genes.shuffle(rng);
    genes.truncate((genome.len() * 5).div_ceil(6));
    let mut least = all.scatter() * (1.0 - 1e-9);
    let mut best = None;
    for gene in genes {
        let mut sums = [Sums::default(); OPERATIONS.len()];
        for cell in sample {
            let (genes, loss) = &cells[*cell];
            sums[usize::from(genes[gene])].add((*loss).into());
        }
        // Of two values one question says all.
        let questions = if genome.choices(gene) == 2 { 1 } else { genome.choices(gene) };
        for (value, with) in (0..).zip(&sums[..questions]) {
            let without = all.without(*with);
            if with.count >= LEAST_IN_LEAF && without.count >= LEAST_IN_LEAF {
                let scatter = with.scatter() + without.scatter();
                if scatter < least {
                    (least, best) = (scatter, Some((gene, value)));
                }
            }
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::{Sampler, Space};
    use crate::unit::Seed;

    fn cells(n: usize, loss: impl Fn(&Genes) -> f32) -> (Genome, Vec<(Genes, f32)>) {
        let space = Space::nas_bench_101();
        let genome = Genome::new(&space);
        let mut rng = Seed(1).rng();
        let draw = |_| genome.of_spec(Sampler::Official.draw(&space, &mut rng));
        let genes: Vec<_> = (0..n).map(draw).collect();
        (genome, genes.into_iter().map(|genes| (genes, loss(&genes))).collect())
    }

    #[test]
    fn a_rule_of_two_genes_is_learned() {
        let rule = |genes: &Genes| f32::from(genes[3]) * 0.5 + if genes[22] == 2 { 0.25 } else { 0.0 };
        let (genome, cells) = cells(300, rule);
        let forest = Forest::fit(&genome, &cells, 5, &mut Seed(2).rng());
        for (genes, loss) in &cells {
            let Prediction { mean, variance } = forest.predict(genes);
            assert!((mean - f64::from(*loss)).abs() < 0.05, "{mean} and {loss}");
            assert!(variance < 0.02);
        }
    }

    #[test]
    fn trees_that_agree_have_no_variance() {
        let (genome, cells) = cells(40, |_| 0.5);
        let forest = Forest::fit(&genome, &cells, 5, &mut Seed(2).rng());
        assert_eq!(forest.predict(&cells[0].0), Prediction { mean: 0.5, variance: 0.0 });
    }

    #[test]
    fn the_variance_is_that_between_and_within_leaves() {
        // Two trees of one leaf each: the law of total variance by hand.
        let leaves = vec![Node::Leaf { mean: 1.0, variance: 0.5 }, Node::Leaf { mean: 3.0, variance: 1.5 }];
        let forest = Forest { nodes: leaves, roots: vec![0, 1] };
        assert_eq!(forest.predict(&[0; super::super::genes::MOST]), Prediction { mean: 2.0, variance: 2.0 });
    }
}
