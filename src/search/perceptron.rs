//! Small perceptrons, and ensembles of them, that predict the loss of a cell from an encoding of it.

use rand::RngExt as _;
use rand::seq::SliceRandom as _;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::count;
use crate::unit::Seed;

/// The width of every layer but the last.
const WIDTH: usize = 20;
/// The layers after the first one and before the last one.
const HIDDEN: usize = 9;
/// Rows that a step of the training sees.
const BATCH: usize = 32;
/// How much of the mean slope, and of the mean squared slope, stays at each step.
const BETAS: [f32; 2] = [0.9, 0.99];
/// Keeps steps finite where slopes vanish.
const EPSILON: f32 = 1e-7;

/// A row of an encoding, of which only the values that are not 0 are kept.
pub(super) type Sparse = Vec<(u16, f32)>;

/// Keeps the values of a row that are not 0.
pub(super) fn sparse(row: &[f32]) -> Sparse {
    (0..).zip(row).filter(|(_, value)| **value != 0.0).map(|(column, value)| (column, *value)).collect()
}

/// How an ensemble is trained.
#[derive(Clone, Copy, Debug)]
pub(super) struct Training {
    /// How many perceptrons there are.
    pub(super) members: usize,
    /// How often each sees all rows.
    pub(super) epochs: usize,
    pub(super) learning_rate: f64,
}

/// What an ensemble says of a row: the mean of its members, and the standard deviation between them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Prediction {
    pub(super) mean: f64,
    pub(super) deviation: f64,
}

/// Perceptrons that differ in their first weights and in the order of the rows.
///
/// # Source
///
/// White et al., BANANAS, AAAI 2021, and the program naszilla: 10 layers of 20 with rectifiers, the mean absolute error, Adam
/// with momenta of 0.9 and 0.99. We scale the losses to mean 0 and deviation 1.
#[derive(Debug)]
pub(super) struct Ensemble {
    members: Vec<Perceptron>,
    mean: f32,
    deviation: f32,
}

impl Ensemble {
    /// Fits perceptrons to the losses of some rows, at least one, side by side; the number of threads changes nothing.
    ///
    /// # Shapes
    ///
    /// - `rows`: `[n]`, whose columns are below `width`
    /// - `losses`: `[n]`
    #[expect(clippy::cast_possible_truncation, reason = "numbers of seven digits are enough")]
    pub(super) fn fit(width: usize, rows: &[Sparse], losses: &[f32], training: Training, rng: &mut ChaCha8Rng) -> Self {
        let mean = (losses.iter().map(|loss| f64::from(*loss)).sum::<f64>() / count(losses.len())) as f32;
        let squares: f64 = losses.iter().map(|loss| f64::from(loss - mean).powi(2)).sum();
        let deviation = Some((squares / count(losses.len())).sqrt() as f32).filter(|deviation| *deviation > 1e-9).unwrap_or(1.0);
        let targets: Vec<_> = losses.iter().map(|loss| (loss - mean) / deviation).collect();
        let seeds: Vec<_> = (0..training.members).map(|_| Seed(rng.random())).collect();
        let fit = |seed: Seed| Perceptron::fit(width, rows, &targets, training, &mut seed.rng());
        Self { members: seeds.into_par_iter().map(fit).collect(), mean, deviation }
    }

    pub(super) fn predict(&self, row: &Sparse) -> Prediction {
        let outputs = self.members.iter().map(|member| f64::from(member.forward(row).output));
        let (sum, squares) = outputs.fold((0.0, 0.0), |(sum, squares), output| (sum + output, squares + output * output));
        let members = count(self.members.len());
        let mean = sum / members;
        let deviation = (squares / members - mean * mean).max(0.0).sqrt();
        let scale = f64::from(self.deviation);
        Prediction { mean: f64::from(self.mean) + scale * mean, deviation: scale * deviation }
    }
}

type Row = [f32; WIDTH];

/// The weights and biases of a perceptron, or their slopes, one after the other: each is a row of [`WIDTH`] numbers.
///
/// First the weights of each column of the input, then the biases of that layer; then of each hidden layer the weights of
/// each of its inputs and its biases; then the weights of the output. The bias of the output is apart.
#[derive(Clone, Debug)]
struct Numbers {
    rows: Vec<Row>,
    output_bias: f32,
}

impl Numbers {
    fn zeros(width: usize) -> Self {
        Self { rows: vec![[0.0; WIDTH]; width + 1 + HIDDEN * (WIDTH + 1) + 1], output_bias: 0.0 }
    }
}

#[derive(Debug)]
struct Perceptron {
    /// The columns of the input.
    width: usize,
    numbers: Numbers,
}

/// What the layers put out for a row.
struct Outputs {
    layers: [Row; HIDDEN + 1],
    output: f32,
}

impl Perceptron {
    /// Draws weights as Glorot and Bengio do: uniformly, as far from 0 as fits the width of both sides.
    fn new(width: usize, rng: &mut ChaCha8Rng) -> Self {
        let mut numbers = Numbers::zeros(width);
        let mut draw = |rows: &mut [Row], inputs: usize, outputs: usize| {
            #[expect(clippy::cast_possible_truncation, reason = "a number of seven digits")]
            let limit = (6.0 / count(inputs + outputs)).sqrt() as f32;
            for weight in rows.iter_mut().flatten() {
                *weight = rng.random_range(-limit..limit);
            }
        };
        draw(&mut numbers.rows[..width], width, WIDTH);
        for layer in 0..HIDDEN {
            let first = width + 1 + layer * (WIDTH + 1);
            draw(&mut numbers.rows[first..first + WIDTH], WIDTH, WIDTH);
        }
        let last = numbers.rows.len() - 1;
        draw(&mut numbers.rows[last..], WIDTH, 1);
        Self { width, numbers }
    }

    /// The first row of the numbers of a hidden layer.
    const fn hidden(&self, layer: usize) -> usize {
        self.width + 1 + layer * (WIDTH + 1)
    }

    fn forward(&self, row: &Sparse) -> Outputs {
        let rows = &self.numbers.rows;
        let mut layers = [[0.0; WIDTH]; HIDDEN + 1];
        layers[0] = rows[self.width];
        for (column, value) in row {
            add(&mut layers[0], &rows[usize::from(*column)], *value);
        }
        rectify(&mut layers[0]);
        for layer in 0..HIDDEN {
            let own = &rows[self.hidden(layer)..=self.hidden(layer) + WIDTH];
            let mut sums = own[WIDTH];
            for (input, weights) in layers[layer].iter().zip(&own[..WIDTH]).filter(|(input, _)| **input > 0.0) {
                add(&mut sums, weights, *input);
            }
            rectify(&mut sums);
            layers[layer + 1] = sums;
        }
        let output = dot(&layers[HIDDEN], &rows[rows.len() - 1]) + self.numbers.output_bias;
        Outputs { layers, output }
    }

    /// Adds the slopes of `slope` times the output.
    fn backward(&self, row: &Sparse, outputs: &Outputs, slope: f32, slopes: &mut Numbers) {
        let last = self.numbers.rows.len() - 1;
        slopes.output_bias += slope;
        add(&mut slopes.rows[last], &outputs.layers[HIDDEN], slope);
        let mut behind = self.numbers.rows[last].map(|weight| weight * slope);
        cut(&mut behind, &outputs.layers[HIDDEN]);
        for layer in (0..HIDDEN).rev() {
            let first = self.hidden(layer);
            let mut before = [0.0; WIDTH];
            // Where a rectifier was shut, no slope goes through.
            for (input, value) in outputs.layers[layer].iter().enumerate().filter(|(_, value)| **value > 0.0) {
                add(&mut slopes.rows[first + input], &behind, *value);
                before[input] = dot(&self.numbers.rows[first + input], &behind);
            }
            add(&mut slopes.rows[first + WIDTH], &behind, 1.0);
            behind = before;
        }
        for (column, value) in row {
            add(&mut slopes.rows[usize::from(*column)], &behind, *value);
        }
        add(&mut slopes.rows[self.width], &behind, 1.0);
    }

    /// Lowers the mean absolute error.
    fn fit(width: usize, rows: &[Sparse], targets: &[f32], training: Training, rng: &mut ChaCha8Rng) -> Self {
        let mut perceptron = Self::new(width, rng);
        #[expect(clippy::cast_possible_truncation, reason = "a step needs no more than seven digits")]
        let rate = training.learning_rate as f32;
        let mut adam = Adam { rate, left: [1.0; 2], means: [Numbers::zeros(width), Numbers::zeros(width)] };
        let mut slopes = Numbers::zeros(width);
        let mut order: Vec<_> = (0..rows.len()).collect();
        for _ in 0..training.epochs {
            order.shuffle(rng);
            for batch in order.chunks(BATCH) {
                slopes.rows.fill([0.0; WIDTH]);
                slopes.output_bias = 0.0;
                #[expect(clippy::cast_precision_loss, reason = "at most 32 rows")]
                let share = 1.0 / batch.len() as f32;
                for place in batch {
                    let outputs = perceptron.forward(&rows[*place]);
                    let error = outputs.output - targets[*place];
                    let slope = if error == 0.0 { 0.0 } else { share.copysign(error) };
                    perceptron.backward(&rows[*place], &outputs, slope, &mut slopes);
                }
                adam.step(&mut perceptron.numbers, &slopes);
            }
        }
        perceptron
    }
}

/// Kingma & Ba, ICLR 2015.
struct Adam {
    rate: f32,
    /// What is left of the start of each mean.
    left: [f32; 2],
    /// The means of the slopes and of their squares.
    means: [Numbers; 2],
}

impl Adam {
    fn step(&mut self, numbers: &mut Numbers, slopes: &Numbers) {
        for (left, momentum) in self.left.iter_mut().zip(BETAS) {
            *left *= momentum;
        }
        let scales = self.left.map(|left| 1.0 / (1.0 - left));
        let rate = self.rate;
        let update = |number: &mut f32, slope: f32, mean: &mut f32, squares: &mut f32| {
            *mean = BETAS[0] * *mean + (1.0 - BETAS[0]) * slope;
            *squares = BETAS[1] * *squares + (1.0 - BETAS[1]) * slope * slope;
            *number -= rate * (*mean * scales[0]) / ((*squares * scales[1]).sqrt() + EPSILON);
        };
        let [means, squares] = &mut self.means;
        let rows = numbers.rows.iter_mut().zip(&slopes.rows).zip(means.rows.iter_mut().zip(&mut squares.rows));
        for ((numbers, slopes), (means, squares)) in rows {
            for place in 0..WIDTH {
                update(&mut numbers[place], slopes[place], &mut means[place], &mut squares[place]);
            }
        }
        update(&mut numbers.output_bias, slopes.output_bias, &mut means.output_bias, &mut squares.output_bias);
    }
}

fn add(sums: &mut Row, row: &Row, factor: f32) {
    for (sum, value) in sums.iter_mut().zip(row) {
        *sum += factor * value;
    }
}

/// Sums in four lanes, which a processor adds side by side.
fn dot(one: &Row, other: &Row) -> f32 {
    let mut lanes = [0.0; 4];
    for (one, other) in one.chunks_exact(4).zip(other.chunks_exact(4)) {
        for (lane, (one, other)) in lanes.iter_mut().zip(one.iter().zip(other)) {
            *lane += one * other;
        }
    }
    (lanes[0] + lanes[1]) + (lanes[2] + lanes[3])
}

fn rectify(row: &mut Row) {
    *row = row.map(|value| value.max(0.0));
}

/// Stops slopes where a rectifier was shut.
fn cut(slopes: &mut Row, outputs: &Row) {
    for (slope, output) in slopes.iter_mut().zip(outputs) {
        if *output <= 0.0 {
            *slope = 0.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slopes_are_those_of_finite_differences() {
        let mut rng = Seed(1).rng();
        let mut perceptron = Perceptron::new(6, &mut rng);
        // Biases that open all rectifiers, so that the output is smooth around here.
        perceptron.numbers.rows[6] = [2.0; WIDTH];
        for layer in 0..HIDDEN {
            let place = perceptron.hidden(layer) + WIDTH;
            perceptron.numbers.rows[place] = [3.0; WIDTH];
        }
        let row = vec![(1, 1.0), (4, 0.5)];
        let mut slopes = Numbers::zeros(6);
        perceptron.backward(&row, &perceptron.forward(&row), 1.0, &mut slopes);
        let last = perceptron.numbers.rows.len() - 1;
        for (place, column) in [(1, 3), (4, 0), (6, 7), (7, 2), (12, 19), (27, 5), (60, 11), (150, 4), (last - 1, 9), (last, 8)] {
            let number = perceptron.numbers.rows[place][column];
            let mut at = |number: f32| {
                perceptron.numbers.rows[place][column] = number;
                perceptron.forward(&row).output
            };
            let difference = (at(number + 0.01) - at(number - 0.01)) / 0.02;
            at(number);
            let slope = slopes.rows[place][column];
            assert!((slope - difference).abs() < 0.02 * difference.abs().max(0.05), "{place} {column}: {slope} and {difference}");
        }
        assert!(slopes.rows[0].iter().all(|slope| *slope == 0.0), "a column that is 0");
    }

    #[test]
    fn an_ensemble_learns_a_rule_and_agrees_where_it_has_seen_it() {
        let rule = |row: &Sparse| row.iter().map(|(column, _)| if *column < 5 { 0.05 } else { -0.02 }).sum::<f32>() + 0.3;
        let mut rng = Seed(2).rng();
        let draw = |rng: &mut ChaCha8Rng| -> Sparse { (0..12).filter(|_| rng.random()).map(|column| (column, 1.0)).collect() };
        let rows: Vec<_> = (0..120).map(|_| draw(&mut rng)).collect();
        let losses: Vec<_> = rows.iter().map(rule).collect();
        let training = Training { members: 5, epochs: 150, learning_rate: 0.01 };
        let ensemble = Ensemble::fit(12, &rows, &losses, training, &mut rng);
        let unseen: Vec<_> = (0..200).map(|_| draw(&mut rng)).collect();
        let predicted: Vec<_> = unseen.iter().map(|row| ensemble.predict(row).mean).collect();
        let truth: Vec<_> = unseen.iter().map(|row| f64::from(rule(row))).collect();
        let correlation = crate::statistics::pearson(&predicted, &truth).unwrap();
        assert!(correlation > 0.95, "{correlation}");
        let deviation = ensemble.predict(&rows[0]).deviation;
        assert!(deviation > 0.0 && deviation < 0.05, "{deviation}");
    }

    #[test]
    fn equal_losses_are_predicted_without_doubt() {
        let rows = vec![vec![(0, 1.0)], vec![(1, 1.0)]];
        let training = Training { members: 3, epochs: 100, learning_rate: 0.01 };
        let prediction = Ensemble::fit(2, &rows, &[0.25; 2], training, &mut Seed(3).rng()).predict(&rows[0]);
        assert!((prediction.mean - 0.25).abs() < 0.02 && prediction.deviation < 0.02, "{prediction:?}");
    }
}
