//! An LSTM that makes one choice after the other, its gradients, and Adam.

use std::ops::Range;

use rand::RngExt as _;

use super::SearchRng;
use super::genes::{CHOICES, Chances, Genome, softmax};

/// Weights begin between −this and this, but for those of the scores, which are 0: so that all choices are as likely at first.
const FIRST: f64 = 0.1;
/// Adam's rates for the mean of the gradients and of their squares, and what keeps it from dividing by 0.
const BETAS: [f64; 2] = [0.9, 0.999];
const EPSILON: f64 = 1e-8;

/// A choice: what came in, what the units did, and the chances of the values.
#[derive(Clone, Debug)]
pub(super) struct Step {
    /// The row of the embedding.
    token: usize,
    /// Embedding, output of the step before, and 1: `[2 hidden + 1]`.
    input: Vec<f64>,
    /// Input gate, forget gate, candidate and output gate: `[4, hidden]`.
    gates: Vec<f64>,
    /// The states of the cells before and after, `[hidden]` each.
    states: [Vec<f64>; 2],
    /// The output and a 1: `[hidden + 1]`.
    output: Vec<f64>,
    /// The chances of the values.
    pub(super) chances: Chances,
}

/// The weights: embeddings `[1 + 2 + operations, hidden]`, gates `[4 hidden, 2 hidden + 1]`, scores of an edge `[2, hidden + 1]` and of an
/// operation `[operations, hidden + 1]`, each row by row, one after the other.
#[derive(Clone, Debug)]
pub(super) struct Network {
    hidden: usize,
    choices: Vec<usize>,
    edges: usize,
    weights: Vec<f64>,
}

impl Network {
    pub(super) fn new(genome: &Genome, hidden: usize, rng: &mut SearchRng) -> Self {
        let choices: Vec<usize> = (0..genome.len()).map(|gene| genome.choices(gene)).collect();
        let mut network = Self { hidden, choices, edges: genome.edges(), weights: Vec::new() };
        let scores = network.scores(0).start;
        network.weights = vec![0.0; network.scores(genome.len()).end];
        network.weights[..scores].fill_with(|| rng.random_range(-FIRST..FIRST));
        network
    }

    pub(super) fn weights_mut(&mut self) -> &mut [f64] {
        &mut self.weights
    }

    /// A zero for each weight.
    pub(super) fn zeros(&self) -> Vec<f64> {
        vec![0.0; self.weights.len()]
    }

    /// The number of tokens: the start, no edge, an edge, and the operations.
    const fn tokens() -> usize {
        1 + 2 + CHOICES
    }

    fn embedding(&self, token: usize) -> Range<usize> {
        token * self.hidden..(token + 1) * self.hidden
    }

    fn gates(&self) -> Range<usize> {
        let start = Self::tokens() * self.hidden;
        start..start + 4 * self.hidden * (2 * self.hidden + 1)
    }

    /// The weights of the scores of a gene.
    fn scores(&self, gene: usize) -> Range<usize> {
        let (start, row) = (self.gates().end, self.hidden + 1);
        if gene < self.edges { start..start + 2 * row } else { start + 2 * row..start + (2 + CHOICES) * row }
    }

    /// Makes the choices one after the other: `choose` takes a gene and the chances of its values.
    pub(super) fn unroll(&self, mut choose: impl FnMut(usize, &Chances) -> u8) -> Vec<Step> {
        let mut token = 0;
        let mut before = (vec![0.0; self.hidden], vec![0.0; self.hidden]);
        let mut steps = Vec::with_capacity(self.choices.len());
        for gene in 0..self.choices.len() {
            let step = self.step(gene, token, &before);
            let choice = usize::from(choose(gene, &step.chances));
            token = if gene < self.edges { 1 + choice } else { 3 + choice };
            before = (step.output[..self.hidden].to_vec(), step.states[1].clone());
            steps.push(step);
        }
        steps
    }

    fn step(&self, gene: usize, token: usize, (output, state): &(Vec<f64>, Vec<f64>)) -> Step {
        let hidden = self.hidden;
        let input = [&self.weights[self.embedding(token)], output, &[1.0]].concat();
        let mut gates = product(&self.weights[self.gates()], &input);
        for (at, gate) in gates.iter_mut().enumerate() {
            *gate = if at / hidden == 2 { gate.tanh() } else { 1.0 / (1.0 + (-*gate).exp()) };
        }
        let next = (0..hidden).map(|unit| gates[hidden + unit] * state[unit] + gates[unit] * gates[2 * hidden + unit]);
        let next: Vec<f64> = next.collect();
        let mut output: Vec<f64> = (0..hidden).map(|unit| gates[3 * hidden + unit] * next[unit].tanh()).collect();
        output.push(1.0);
        let mut scores = [0.0; CHOICES];
        let choices = self.choices[gene];
        for (score, found) in scores.iter_mut().zip(product(&self.weights[self.scores(gene)], &output)) {
            *score = found;
        }
        Step { token, input, gates, states: [state.clone(), next], output, chances: softmax(&scores, choices) }
    }

    /// Adds the gradients by the weights, where `by_score` gives those by the scores of each step.
    pub(super) fn add_gradients(&self, steps: &[Step], by_score: impl Fn(usize, &Step) -> Chances, gradients: &mut [f64]) {
        let hidden = self.hidden;
        let (mut by_output, mut by_state) = (vec![0.0; hidden], vec![0.0; hidden]);
        for (gene, step) in steps.iter().enumerate().rev() {
            let scores = &by_score(gene, step)[..self.choices[gene]];
            add_outer(&mut gradients[self.scores(gene)], scores, &step.output);
            // What follows has told its part already.
            add_transposed(&mut by_output, &self.weights[self.scores(gene)], scores);
            let mut by_gate = vec![0.0; 4 * hidden];
            for unit in 0..hidden {
                let [input, forget, candidate, output] = [0, 1, 2, 3].map(|gate| step.gates[gate * hidden + unit]);
                let squashed = step.states[1][unit].tanh();
                by_state[unit] += by_output[unit] * output * (1.0 - squashed * squashed);
                by_gate[unit] = by_state[unit] * candidate * input * (1.0 - input);
                by_gate[hidden + unit] = by_state[unit] * step.states[0][unit] * forget * (1.0 - forget);
                by_gate[2 * hidden + unit] = by_state[unit] * input * (1.0 - candidate * candidate);
                by_gate[3 * hidden + unit] = by_output[unit] * squashed * output * (1.0 - output);
                by_state[unit] *= forget;
            }
            add_outer(&mut gradients[self.gates()], &by_gate, &step.input);
            let mut by_input = vec![0.0; 2 * hidden];
            add_transposed(&mut by_input, &self.weights[self.gates()], &by_gate);
            for (gradient, by_input) in gradients[self.embedding(step.token)].iter_mut().zip(&by_input) {
                *gradient += by_input;
            }
            by_output.copy_from_slice(&by_input[hidden..]);
        }
    }
}

/// The product of a matrix, row by row, and a vector.
fn product(matrix: &[f64], vector: &[f64]) -> Vec<f64> {
    matrix.chunks_exact(vector.len()).map(|row| dot(row, vector)).collect()
}

/// The sum of the products of the entries: eight sums side by side, which a processor adds at once.
fn dot(one: &[f64], other: &[f64]) -> f64 {
    let mut sums = [0.0; 8];
    let (ones, others) = (one.chunks(8), other.chunks(8));
    for (one, other) in ones.zip(others) {
        sums.iter_mut().zip(one.iter().zip(other)).for_each(|(sum, (one, other))| *sum += one * other);
    }
    sums.iter().sum()
}

/// Adds to a matrix the products of the entries of two vectors.
fn add_outer(matrix: &mut [f64], column: &[f64], row: &[f64]) {
    for (entries, factor) in matrix.chunks_exact_mut(row.len()).zip(column) {
        entries.iter_mut().zip(row).for_each(|(entry, other)| *entry += factor * other);
    }
}

/// Adds the product of a transposed matrix, of which the last column belongs to a constant, and a vector.
fn add_transposed(sum: &mut [f64], matrix: &[f64], vector: &[f64]) {
    for (row, factor) in matrix.chunks_exact(sum.len() + 1).zip(vector) {
        sum.iter_mut().zip(row).for_each(|(entry, weight)| *entry += factor * weight);
    }
}

/// Adam.
///
/// # Source
///
/// Kingma & Ba, ICLR 2015.
#[derive(Clone, Debug)]
pub(super) struct Adam {
    /// The moving means of the gradients and of their squares.
    moments: [Vec<f64>; 2],
    steps: i32,
}

impl Adam {
    pub(super) fn new(network: &Network) -> Self {
        Self { moments: [network.zeros(), network.zeros()], steps: 0 }
    }

    pub(super) fn step(&mut self, weights: &mut [f64], gradients: &[f64], rate: f64) {
        self.steps = self.steps.saturating_add(1);
        let [first, second] = BETAS.map(|beta| 1.0 - beta.powi(self.steps));
        let [means, squares] = &mut self.moments;
        for ((weight, gradient), (mean, square)) in weights.iter_mut().zip(gradients).zip(means.iter_mut().zip(squares)) {
            *mean = BETAS[0] * *mean + (1.0 - BETAS[0]) * gradient;
            *square = BETAS[1] * *square + (1.0 - BETAS[1]) * gradient * gradient;
            *weight -= rate * (*mean / first) / ((*square / second).sqrt() + EPSILON);
        }
    }
}
