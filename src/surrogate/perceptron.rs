//! Small perceptrons, and ensembles of them: the predictor of BANANAS and PNAS, which is a surrogate of its own, too.

use rand::RngExt as _;
use rand::seq::SliceRandom as _;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::entry::restore;
use super::standard::Feature;
use super::{Entry, Error, Prediction, Rows, Surrogate};
use crate::space::{Cell, Encoding, Space};
use crate::statistics::number;
use crate::unit::Seed;

/// The width of every layer but the last.
const WIDTH: usize = 20;
/// The layers after the first one and before the last one.
const HIDDEN: usize = 9;
/// The rows of a training step.
const BATCH: usize = 32;
/// The decay rates of the moving averages of the gradients and of their squares.
const BETAS: [f32; 2] = [0.9, 0.99];
/// Keeps steps finite where gradients vanish.
const EPSILON: f32 = 1e-7;
/// The perceptrons of the surrogate, and their learning rate.
const MEMBERS: usize = 5;
const LEARNING_RATE: f64 = 0.01;
/// The fewest and the most epochs of the surrogate, and the rows that it sees in all epochs between them.
const EPOCHS: [usize; 2] = [20, 150];
const ROWS: usize = 100_000;

/// The perceptrons of the list.
///
/// | parameter | value |
/// |---|---|
/// | perceptrons | 5, of 10 layers of 20 with rectifiers |
/// | features and target | standardised; features clamped to the range of the fit |
/// | loss | the mean absolute error |
/// | optimizer | Adam, learning rate 0.01, batches of 32 |
/// | epochs | 150, as in BANANAS; beyond 667 rows fewer, so that the perceptrons see 100,000 rows, but at least 20 |
pub(super) const ENTRY: Entry = Entry {
    name: "perceptrons",
    about: "an ensemble of 5 perceptrons of 10 layers, as BANANAS has; the spread is the standard deviation between them",
    source: "White et al., BANANAS, AAAI 2021, and the program naszilla",
    most_rows: None,
    fit: |rows, targets, seed| Ok(Box::new(Perceptrons::fit(rows, targets, seed))),
    restore: restore::<Perceptrons>,
};

/// An ensemble on standardised features.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Perceptrons {
    features: Vec<Feature>,
    ensemble: Ensemble,
}

impl Perceptrons {
    fn fit(rows: &Rows, targets: &[f32], seed: Seed) -> Self {
        let features: Vec<_> = (0..rows.width).map(|column| Feature::fit(rows.column(column))).collect();
        let standardised: Vec<_> = rows.iter().map(|row| standardised(&features, row)).collect();
        let epochs = (ROWS / rows.len()).clamp(EPOCHS[0], EPOCHS[1]);
        let training = Training { members: MEMBERS, epochs, learning_rate: LEARNING_RATE };
        let mut rng = seed.derive(ENTRY.name).rng();
        Self { ensemble: Ensemble::fit(rows.width, &standardised, targets, training, &mut rng), features }
    }
}

impl Surrogate for Perceptrons {
    #[expect(clippy::cast_possible_truncation, reason = "predictions of seven digits")]
    fn predict(&self, rows: &Rows) -> Result<Vec<Prediction>, Error> {
        rows.check_width(self.features.len())?;
        let predict = |row: &[f32]| {
            let Estimate { mean, std } = self.ensemble.predict(&standardised(&self.features, row));
            Prediction { mean: mean as f32, std: Some(std as f32) }
        };
        Ok(rows.values.par_chunks_exact(rows.width).with_min_len(64).map(predict).collect())
    }

    fn parameters(&self) -> serde_json::Result<serde_json::Value> {
        serde_json::to_value(self)
    }

    fn check(&self) -> Result<(), &'static str> {
        let width = self.features.len();
        let length = zeros(width).len();
        let fits = |member: &Perceptron| member.width == width && member.weights.len() == length;
        if width == 0 || self.ensemble.members.is_empty() || !self.ensemble.members.iter().all(fits) {
            return Err("the weights have not the width of the features");
        }
        Ok(())
    }
}

fn standardised(features: &[Feature], row: &[f32]) -> Sparse {
    sparse(features.iter().zip(row).map(|(feature, value)| feature.apply(*value)))
}

/// A row of features, of which only the values that are not 0 are kept, with their columns.
pub(crate) type Sparse = Vec<(u16, f32)>;

fn sparse(row: impl IntoIterator<Item = f32>) -> Sparse {
    (0..).zip(row).filter(|(_, value)| *value != 0.0).collect()
}

/// Encodes a cell of a space.
///
/// # Panics
///
/// Panics if the cell is not in the space.
pub(crate) fn encoded(encoding: &Encoding, space: &Space, cell: Cell) -> Sparse {
    let mut row = vec![0.0; encoding.width(space)];
    encoding.encode(space, &[cell], &mut row).expect("cells lie in the space");
    sparse(row)
}

/// The training of an ensemble.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Training {
    /// The number of perceptrons.
    pub(crate) members: usize,
    pub(crate) epochs: usize,
    pub(crate) learning_rate: f64,
}

/// The prediction of an ensemble: the mean of its members, and the standard deviation between them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Estimate {
    pub(crate) mean: f64,
    pub(crate) std: f64,
}

/// Perceptrons that differ in their first weights and in the order of the rows.
///
/// # Source
///
/// White et al., BANANAS, AAAI 2021, and the program naszilla: 10 layers of 20 with rectifiers, the mean absolute error, Adam
/// with β of 0.9 and 0.99. We scale the targets to mean 0 and deviation 1.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ensemble {
    members: Vec<Perceptron>,
    mean: f32,
    std: f32,
}

impl Ensemble {
    /// Fits perceptrons to the targets of some rows, at least one, side by side; the number of threads changes nothing.
    ///
    /// # Shapes
    ///
    /// - `rows`: `[n]`, whose columns are below `width`
    /// - `targets`: `[n]`
    #[expect(clippy::cast_possible_truncation, reason = "numbers of seven digits are enough")]
    pub(crate) fn fit(width: usize, rows: &[Sparse], targets: &[f32], training: Training, rng: &mut ChaCha8Rng) -> Self {
        let mean = (targets.iter().map(|target| f64::from(*target)).sum::<f64>() / number(targets.len())) as f32;
        let squares: f64 = targets.iter().map(|target| f64::from(target - mean).powi(2)).sum();
        let std = Some((squares / number(targets.len())).sqrt() as f32).filter(|std| *std > 1e-9).unwrap_or(1.0);
        let scaled: Vec<_> = targets.iter().map(|target| (target - mean) / std).collect();
        let seeds: Vec<_> = (0..training.members).map(|_| Seed(rng.random())).collect();
        let fit = |seed: Seed| Perceptron::fit(width, rows, &scaled, training, &mut seed.rng());
        Self { members: seeds.into_par_iter().map(fit).collect(), mean, std }
    }

    pub(crate) fn predict(&self, row: &Sparse) -> Estimate {
        let outputs = self.members.iter().map(|member| f64::from(member.forward(row).output));
        let (sum, squares) = outputs.fold((0.0, 0.0), |(sum, squares), output| (sum + output, squares + output * output));
        let members = number(self.members.len());
        let mean = sum / members;
        let std = (squares / members - mean * mean).max(0.0).sqrt();
        let scale = f64::from(self.std);
        Estimate { mean: f64::from(self.mean) + scale * mean, std: scale * std }
    }
}

type Row = [f32; WIDTH];

/// The weights and biases of a perceptron, or their gradients, one after the other: each is a row of [`WIDTH`] numbers.
///
/// First the weights of each column of the input, then the biases of that layer; then of each hidden layer the weights of
/// each of its inputs and its biases; then the weights of the output, and in a row of its own the bias of the output.
type Weights = Vec<Row>;

fn zeros(width: usize) -> Weights {
    vec![[0.0; WIDTH]; first_row(width, HIDDEN) + 2]
}

/// Returns the first row of the weights of a hidden layer, or that of the output behind the last one.
const fn first_row(width: usize, layer: usize) -> usize {
    width + 1 + layer * (WIDTH + 1)
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Perceptron {
    /// The columns of the input.
    width: usize,
    weights: Weights,
}

/// The activations of the layers for a row.
struct Outputs {
    layers: [Row; HIDDEN + 1],
    output: f32,
}

impl Perceptron {
    /// Draws weights as Glorot and Bengio do: uniformly, as far from 0 as fits the width of both sides.
    fn new(width: usize, rng: &mut ChaCha8Rng) -> Self {
        let mut weights = zeros(width);
        let mut draw = |rows: &mut [Row], inputs: usize, outputs: usize| {
            #[expect(clippy::cast_possible_truncation, reason = "a number of seven digits")]
            let limit = (6.0 / number(inputs + outputs)).sqrt() as f32;
            for weight in rows.iter_mut().flatten() {
                *weight = rng.random_range(-limit..limit);
            }
        };
        draw(&mut weights[..width], width, WIDTH);
        for layer in 0..HIDDEN {
            draw(&mut weights[first_row(width, layer)..][..WIDTH], WIDTH, WIDTH);
        }
        draw(&mut weights[first_row(width, HIDDEN)..][..1], WIDTH, 1);
        Self { width, weights }
    }

    fn forward(&self, row: &Sparse) -> Outputs {
        let rows = &self.weights;
        let mut layers = [[0.0; WIDTH]; HIDDEN + 1];
        layers[0] = rows[self.width];
        for (column, value) in row {
            add(&mut layers[0], &rows[usize::from(*column)], *value);
        }
        relu(&mut layers[0]);
        for layer in 0..HIDDEN {
            let own = &rows[first_row(self.width, layer)..][..=WIDTH];
            let mut sums = own[WIDTH];
            for (input, weights) in layers[layer].iter().zip(&own[..WIDTH]).filter(|(input, _)| **input > 0.0) {
                add(&mut sums, weights, *input);
            }
            relu(&mut sums);
            layers[layer + 1] = sums;
        }
        let last = first_row(self.width, HIDDEN);
        let output = dot(&layers[HIDDEN], &rows[last]) + rows[last + 1][0];
        Outputs { layers, output }
    }

    /// Adds the gradients of `gradient` times the output.
    fn backward(&self, row: &Sparse, outputs: &Outputs, gradient: f32, gradients: &mut [Row]) {
        let last = first_row(self.width, HIDDEN);
        gradients[last + 1][0] += gradient;
        add(&mut gradients[last], &outputs.layers[HIDDEN], gradient);
        let mut behind = self.weights[last].map(|weight| weight * gradient);
        mask(&mut behind, &outputs.layers[HIDDEN]);
        for layer in (0..HIDDEN).rev() {
            let first = first_row(self.width, layer);
            let mut before = [0.0; WIDTH];
            // Where a rectifier was shut, no gradient goes through.
            for (input, value) in outputs.layers[layer].iter().enumerate().filter(|(_, value)| **value > 0.0) {
                add(&mut gradients[first + input], &behind, *value);
                before[input] = dot(&self.weights[first + input], &behind);
            }
            add(&mut gradients[first + WIDTH], &behind, 1.0);
            behind = before;
        }
        for (column, value) in row {
            add(&mut gradients[usize::from(*column)], &behind, *value);
        }
        add(&mut gradients[self.width], &behind, 1.0);
    }

    /// Lowers the mean absolute error.
    fn fit(width: usize, rows: &[Sparse], targets: &[f32], training: Training, rng: &mut ChaCha8Rng) -> Self {
        let mut perceptron = Self::new(width, rng);
        #[expect(clippy::cast_possible_truncation, reason = "a step needs no more than seven digits")]
        let rate = training.learning_rate as f32;
        let mut adam = Adam { rate, left: [1.0; 2], means: [zeros(width), zeros(width)] };
        let mut gradients = zeros(width);
        let mut order: Vec<_> = (0..rows.len()).collect();
        for _ in 0..training.epochs {
            order.shuffle(rng);
            for batch in order.chunks(BATCH) {
                gradients.fill([0.0; WIDTH]);
                #[expect(clippy::cast_precision_loss, reason = "at most 32 rows")]
                let share = 1.0 / batch.len() as f32;
                for place in batch {
                    let outputs = perceptron.forward(&rows[*place]);
                    let error = outputs.output - targets[*place];
                    let gradient = if error == 0.0 { 0.0 } else { share.copysign(error) };
                    perceptron.backward(&rows[*place], &outputs, gradient, &mut gradients);
                }
                adam.step(&mut perceptron.weights, &gradients);
            }
        }
        perceptron
    }
}

/// Kingma & Ba, ICLR 2015.
struct Adam {
    rate: f32,
    /// The powers of the decay rates, for the bias correction.
    left: [f32; 2],
    /// The means of the gradients and of their squares.
    means: [Weights; 2],
}

impl Adam {
    fn step(&mut self, weights: &mut [Row], gradients: &[Row]) {
        for (left, beta) in self.left.iter_mut().zip(BETAS) {
            *left *= beta;
        }
        let scales = self.left.map(|left| 1.0 / (1.0 - left));
        let rate = self.rate;
        let update = |number: &mut f32, gradient: f32, mean: &mut f32, squares: &mut f32| {
            *mean = BETAS[0] * *mean + (1.0 - BETAS[0]) * gradient;
            *squares = BETAS[1] * *squares + (1.0 - BETAS[1]) * gradient * gradient;
            *number -= rate * (*mean * scales[0]) / ((*squares * scales[1]).sqrt() + EPSILON);
        };
        let [means, squares] = &mut self.means;
        let rows = weights.iter_mut().zip(gradients).zip(means.iter_mut().zip(squares));
        for ((weights, gradients), (means, squares)) in rows {
            for place in 0..WIDTH {
                update(&mut weights[place], gradients[place], &mut means[place], &mut squares[place]);
            }
        }
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

fn relu(row: &mut Row) {
    *row = row.map(|value| value.max(0.0));
}

/// Stops gradients where a rectifier was shut.
fn mask(gradients: &mut Row, outputs: &Row) {
    for (gradient, output) in gradients.iter_mut().zip(outputs) {
        if *output <= 0.0 {
            *gradient = 0.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gradients_are_those_of_finite_differences() {
        let mut rng = Seed(1).rng();
        let mut perceptron = Perceptron::new(6, &mut rng);
        // Biases that open all rectifiers, so that the output is smooth around here.
        perceptron.weights[6] = [2.0; WIDTH];
        for layer in 0..HIDDEN {
            let place = first_row(6, layer) + WIDTH;
            perceptron.weights[place] = [3.0; WIDTH];
        }
        let row = vec![(1, 1.0), (4, 0.5)];
        let mut gradients = zeros(6);
        perceptron.backward(&row, &perceptron.forward(&row), 1.0, &mut gradients);
        let last = perceptron.weights.len() - 2;
        for (place, column) in [(1, 3), (4, 0), (6, 7), (7, 2), (12, 19), (27, 5), (60, 11), (150, 4), (last - 1, 9), (last, 8)] {
            let number = perceptron.weights[place][column];
            let mut at = |number: f32| {
                perceptron.weights[place][column] = number;
                perceptron.forward(&row).output
            };
            let difference = (at(number + 0.01) - at(number - 0.01)) / 0.02;
            at(number);
            let gradient = gradients[place][column];
            assert!(
                (gradient - difference).abs() < 0.02 * difference.abs().max(0.05),
                "{place} {column}: {gradient} and {difference}"
            );
        }
        assert!(gradients[0].iter().all(|gradient| *gradient == 0.0), "a column that is 0");
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
        let std = ensemble.predict(&rows[0]).std;
        assert!(std > 0.0 && std < 0.05, "{std}");
    }

    #[test]
    fn equal_losses_are_predicted_without_doubt() {
        let rows = vec![vec![(0, 1.0)], vec![(1, 1.0)]];
        let training = Training { members: 3, epochs: 100, learning_rate: 0.01 };
        let prediction = Ensemble::fit(2, &rows, &[0.25; 2], training, &mut Seed(3).rng()).predict(&rows[0]);
        assert!((prediction.mean - 0.25).abs() < 0.2 && prediction.std < 0.2, "{prediction:?}");
    }
}
