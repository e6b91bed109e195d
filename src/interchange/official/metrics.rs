//! The protobuf of a record: `ModelMetrics`, as the official program declares it.

use prost::Message;

use super::Problem;

/// Three evaluations, the number of trainable parameters and the time of everything.
#[derive(Clone, PartialEq, Message)]
pub(super) struct ModelMetrics {
    #[prost(message, repeated, tag = "1")]
    pub(super) evaluation_data: Vec<EvaluationData>,
    #[prost(int32, optional, tag = "2")]
    pub(super) trainable_parameters: Option<i32>,
    #[prost(double, optional, tag = "3")]
    pub(super) total_time: Option<f64>,
}

/// One evaluation. The path of the checkpoint, field 6, is skipped, so that reading one takes no memory.
#[derive(Clone, Copy, PartialEq, Message)]
pub(super) struct EvaluationData {
    #[prost(double, optional, tag = "1")]
    pub(super) current_epoch: Option<f64>,
    #[prost(double, optional, tag = "2")]
    pub(super) training_time: Option<f64>,
    #[prost(double, optional, tag = "3")]
    pub(super) train_accuracy: Option<f64>,
    #[prost(double, optional, tag = "4")]
    pub(super) validation_accuracy: Option<f64>,
    #[prost(double, optional, tag = "5")]
    pub(super) test_accuracy: Option<f64>,
}

/// The metrics of one model as the importer keeps them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Metrics {
    /// Seconds: training until the start, half and end evaluation, then everything.
    pub(super) times: [f64; 4],
    /// Of the start, half and end evaluation in turn: train, validation, test.
    pub(super) accuracies: [f32; 9],
    pub(super) parameters: u32,
    /// Whether an accuracy had more digits than single precision holds.
    pub(super) rounded: bool,
}

/// The evaluations, as messages name them.
const EVALUATIONS: [&str; 3] = ["start", "halfway", "final"];

impl Metrics {
    /// Checks every number of a message.
    ///
    /// # Errors
    ///
    /// [`Problem::EvaluationCount`], [`Problem::EvaluationOrder`], [`Problem::Missing`] or [`Problem::Number`].
    pub(super) fn check(message: &ModelMetrics) -> Result<Self, Problem> {
        let found = message.evaluation_data.len();
        if found != EVALUATIONS.len() {
            return Err(Problem::EvaluationCount { found });
        }
        let mut metrics = Self { times: [0.0; 4], accuracies: [0.0; 9], parameters: 0, rounded: false };
        let mut epochs = [0.0; 3];
        for (i, (evaluation, of)) in message.evaluation_data.iter().zip(EVALUATIONS).enumerate() {
            let name = |field: &str| format!("{of} {field}");
            epochs[i] = positive(evaluation.current_epoch, "an epoch, 0 or more", || name("current_epoch"))?;
            metrics.times[i] = positive(evaluation.training_time, SECONDS, || name("training_time"))?;
            let accuracies = [
                ("train_accuracy", evaluation.train_accuracy),
                ("validation_accuracy", evaluation.validation_accuracy),
                ("test_accuracy", evaluation.test_accuracy),
            ];
            for (j, (field, found)) in accuracies.into_iter().enumerate() {
                let (accuracy, is_rounded) = accuracy(found, || name(field))?;
                metrics.accuracies[3 * i + j] = accuracy;
                metrics.rounded |= is_rounded;
            }
        }
        if !epochs.is_sorted() {
            return Err(Problem::EvaluationOrder { found: epochs });
        }
        metrics.times[3] = positive(message.total_time, SECONDS, || "total_time".to_owned())?;
        metrics.parameters = parameters(message.trainable_parameters)?;
        Ok(metrics)
    }
}

const SECONDS: &str = "seconds, 0 or more";

fn positive(found: Option<f64>, expected: &'static str, field: impl Fn() -> String) -> Result<f64, Problem> {
    let found = found.ok_or_else(|| Problem::Missing { field: field() })?;
    if found.is_finite() && found >= 0.0 { Ok(found) } else { Err(Problem::Number { field: field(), expected, found }) }
}

/// Returns an accuracy in single precision, and whether it had more digits than that.
#[expect(clippy::cast_possible_truncation, reason = "what is lost is reported")]
fn accuracy(found: Option<f64>, field: impl Fn() -> String) -> Result<(f32, bool), Problem> {
    let found = found.ok_or_else(|| Problem::Missing { field: field() })?;
    if !(0.0..=1.0).contains(&found) {
        return Err(Problem::Number { field: field(), expected: "a fraction from 0 to 1", found });
    }
    let single = found as f32;
    Ok((single, f64::from(single).to_bits() != found.to_bits()))
}

fn parameters(found: Option<i32>) -> Result<u32, Problem> {
    let field = || "trainable_parameters".to_owned();
    let found = found.ok_or_else(|| Problem::Missing { field: field() })?;
    let wrong = |_| Problem::Number { field: field(), expected: "a count", found: found.into() };
    u32::try_from(found).map_err(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message() -> ModelMetrics {
        let evaluation = |epoch: f64| EvaluationData {
            current_epoch: Some(epoch),
            training_time: Some(epoch * 10.0),
            train_accuracy: Some(0.5),
            validation_accuracy: Some(f64::from(0.1_f32)),
            test_accuracy: Some(1.0),
        };
        ModelMetrics {
            evaluation_data: vec![evaluation(0.0), evaluation(2.0), evaluation(4.0)],
            trainable_parameters: Some(7),
            total_time: Some(50.5),
        }
    }

    fn refusal(change: impl FnOnce(&mut ModelMetrics)) -> String {
        let mut message = message();
        change(&mut message);
        Metrics::check(&message).unwrap_err().to_string()
    }

    #[test]
    fn numbers_are_kept_bit_by_bit() {
        let metrics = Metrics::check(&message()).unwrap();
        assert_eq!(metrics.times.map(f64::to_bits), [0.0, 20.0, 40.0, 50.5_f64].map(f64::to_bits));
        assert_eq!(metrics.accuracies.map(f32::to_bits), [0.5, 0.1, 1.0, 0.5, 0.1, 1.0, 0.5, 0.1, 1.0_f32].map(f32::to_bits));
        assert_eq!((metrics.parameters, metrics.rounded), (7, false));
    }

    #[test]
    fn an_accuracy_of_double_precision_is_noted() {
        let mut message = message();
        message.evaluation_data[0].train_accuracy = Some(0.1);
        assert!(Metrics::check(&message).unwrap().rounded);
    }

    #[test]
    fn the_checkpoint_is_skipped() {
        let mut bytes = Vec::new();
        // Evaluation: field 1 (current_epoch) and field 6 (checkpoint_path).
        bytes.extend([0x0a, 9 + 5, 0x09]);
        bytes.extend(3.5_f64.to_le_bytes());
        bytes.extend([0x32, 3, b'a', b'/', b'b']);
        let found = ModelMetrics::decode(&bytes[..]).unwrap();
        assert_eq!(found.evaluation_data, [EvaluationData { current_epoch: Some(3.5), ..EvaluationData::default() }]);
    }

    #[test]
    fn numbers_that_cannot_be_right_are_named() {
        assert_eq!(
            refusal(|message| message.evaluation_data[2].test_accuracy = Some(1.5)),
            "`final test_accuracy` is 1.5, expected a fraction from 0 to 1"
        );
        assert_eq!(
            refusal(|message| message.evaluation_data[0].validation_accuracy = Some(f64::NAN)),
            "`start validation_accuracy` is NaN, expected a fraction from 0 to 1"
        );
        assert_eq!(
            refusal(|message| message.evaluation_data[1].training_time = Some(-1.0)),
            "`halfway training_time` is -1, expected seconds, 0 or more"
        );
        assert_eq!(
            refusal(|message| message.total_time = Some(f64::INFINITY)),
            "`total_time` is inf, expected seconds, 0 or more"
        );
        assert_eq!(refusal(|message| message.trainable_parameters = Some(-7)), "`trainable_parameters` is -7, expected a count");
        assert_eq!(refusal(|message| message.total_time = None), "the metrics lack `total_time`");
        assert_eq!(
            refusal(|message| message.evaluation_data[1].test_accuracy = None),
            "the metrics lack `halfway test_accuracy`"
        );
    }

    #[test]
    fn other_than_three_evaluations_in_order_are_refused() {
        assert_eq!(
            refusal(|message| message.evaluation_data.truncate(2)),
            "the metrics hold 2 evaluations, expected 3: start, halfway and end"
        );
        assert_eq!(
            refusal(|message| message.evaluation_data.reverse()),
            "the evaluations are of epochs 4, 2 and 0, expected ascending ones from 0"
        );
    }
}
