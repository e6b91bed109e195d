//! Writing records as the official program reads them.

use std::io::{self, Write};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use prost::Message as _;

use super::frame;
use crate::table::column::EVALUATIONS;
use crate::train::Evaluation;
use crate::unit::{Accuracy, Epochs, Parameters, Seconds};

/// One record of an official file, as it is written.
#[derive(Clone, Copy, Debug)]
pub struct Model<'a> {
    /// The official hash of the cell, in hex digits.
    pub hash: &'a str,
    /// The training budget.
    pub epochs: Epochs,
    /// The row-major 0/1 text of the matrix.
    pub adjacency: &'a str,
    /// The comma-separated names of the operations.
    pub operations: &'a str,
    /// The evaluations at the start, halfway and at the end, at epochs 0, half of the budget and the budget.
    pub evaluations: [Evaluation; 3],
    /// The trainable parameters.
    pub parameters: Parameters,
    /// The time of the training and its evaluations.
    pub total_time: Seconds,
    /// The path of a checkpoint, which every evaluation then names.
    pub checkpoint: Option<&'a str>,
}

impl Model<'_> {
    /// Returns the columns without which the format has no words for this model: accuracies that are not known, as of a training that
    /// diverged, and parameters beyond 2³¹ − 1.
    #[must_use]
    pub fn lacking(&self) -> Vec<&'static str> {
        let accuracies = self.evaluations.iter().zip(EVALUATIONS).flat_map(|(evaluation, [_, names @ ..])| {
            let Evaluation { train_accuracy, validation_accuracy, test_accuracy, .. } = evaluation;
            [train_accuracy, validation_accuracy, test_accuracy].into_iter().zip(names)
        });
        let unknown = accuracies.filter(|(accuracy, _)| accuracy.is_none()).map(|(_, name)| name);
        unknown.chain(i32::try_from(self.parameters.0).is_err().then_some("trainable_parameters")).collect()
    }
}

/// Writes official records, one frame each.
#[derive(Debug)]
pub struct Writer<W> {
    out: W,
    protobuf: Vec<u8>,
    base64: String,
    payload: Vec<u8>,
}

/// `ModelMetrics` with the path that the importer skips.
#[derive(Clone, PartialEq, prost::Message)]
struct ModelMetrics {
    #[prost(message, repeated, tag = "1")]
    evaluation_data: Vec<EvaluationData>,
    #[prost(int32, optional, tag = "2")]
    trainable_parameters: Option<i32>,
    #[prost(double, optional, tag = "3")]
    total_time: Option<f64>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct EvaluationData {
    #[prost(double, optional, tag = "1")]
    current_epoch: Option<f64>,
    #[prost(double, optional, tag = "2")]
    training_time: Option<f64>,
    #[prost(double, optional, tag = "3")]
    train_accuracy: Option<f64>,
    #[prost(double, optional, tag = "4")]
    validation_accuracy: Option<f64>,
    #[prost(double, optional, tag = "5")]
    test_accuracy: Option<f64>,
    #[prost(string, optional, tag = "6")]
    checkpoint_path: Option<String>,
}

impl<W: Write> Writer<W> {
    /// Starts with the first record.
    pub const fn new(out: W) -> Self {
        Self { out, protobuf: Vec::new(), base64: String::new(), payload: Vec::new() }
    }

    /// Writes a record, unless the format has no words for the model; see [`lacking`](Model::lacking). Says whether it did.
    ///
    /// # Errors
    ///
    /// What the writer below says.
    pub fn write(&mut self, model: &Model<'_>) -> io::Result<bool> {
        let Some(message) = message(model) else { return Ok(false) };
        self.protobuf.clear();
        message.encode(&mut self.protobuf)?;
        self.base64.clear();
        BASE64_STANDARD.encode_string(&self.protobuf, &mut self.base64);
        self.payload.clear();
        let fields = (model.hash, model.epochs.0, model.adjacency, model.operations, &self.base64);
        serde_json::to_writer(&mut self.payload, &fields)?;
        frame::write(&mut self.out, &self.payload)?;
        Ok(true)
    }

    /// Ends with the last record.
    ///
    /// # Errors
    ///
    /// What the writer below says.
    pub fn finish(mut self) -> io::Result<W> {
        self.out.flush()?;
        Ok(self.out)
    }
}

fn message(model: &Model<'_>) -> Option<ModelMetrics> {
    let epochs = f64::from(model.epochs.0);
    let evaluation = |(evaluation, epoch): (&Evaluation, f64)| {
        let accuracy = |accuracy: Option<Accuracy>| accuracy.map(|accuracy| f64::from(accuracy.fraction()));
        Some(EvaluationData {
            current_epoch: Some(epoch),
            training_time: Some(evaluation.training_time.0),
            train_accuracy: Some(accuracy(evaluation.train_accuracy)?),
            validation_accuracy: Some(accuracy(evaluation.validation_accuracy)?),
            test_accuracy: Some(accuracy(evaluation.test_accuracy)?),
            checkpoint_path: model.checkpoint.map(ToOwned::to_owned),
        })
    };
    Some(ModelMetrics {
        evaluation_data: model.evaluations.iter().zip([0.0, epochs / 2.0, epochs]).map(evaluation).collect::<Option<_>>()?,
        trainable_parameters: Some(i32::try_from(model.parameters.0).ok()?),
        total_time: Some(model.total_time.0),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interchange::official::fixture;

    #[test]
    fn a_record_is_the_bytes_of_the_official_format() {
        let accuracy = Accuracy::from_fraction(0.5);
        let evaluation = |seconds| Evaluation {
            training_time: Seconds(seconds),
            train_accuracy: accuracy,
            validation_accuracy: accuracy,
            test_accuracy: accuracy,
        };
        let model = Model {
            hash: "h",
            epochs: Epochs(4),
            adjacency: "0100",
            operations: "input,output",
            evaluations: [evaluation(0.0), evaluation(1.0), evaluation(2.0)],
            parameters: Parameters(300),
            total_time: Seconds(3.0),
            checkpoint: Some("p"),
        };
        let mut writer = Writer::new(Vec::new());
        assert!(writer.write(&model).unwrap());
        let mut expected = Vec::new();
        for (epoch, seconds) in [(0.0_f64, 0.0_f64), (2.0, 1.0), (4.0, 2.0)] {
            // Field 1, a message of 48 bytes: five doubles and a text of one byte.
            expected.extend([0x0a, 48]);
            for (field, value) in [(1, epoch), (2, seconds), (3, 0.5), (4, 0.5), (5, 0.5)] {
                expected.push(field << 3 | 1);
                expected.extend(value.to_le_bytes());
            }
            expected.extend([6 << 3 | 2, 1, b'p']);
        }
        // Field 2, the number 300 as a varint; field 3, a double.
        expected.extend([2 << 3, 0xac, 0x02, 3 << 3 | 1]);
        expected.extend(3.0_f64.to_le_bytes());
        let payload = format!("[\"h\",4,\"0100\",\"input,output\",\"{}\"]", BASE64_STANDARD.encode(expected));
        let mut framed = Vec::new();
        frame::write(&mut framed, payload.as_bytes()).unwrap();
        assert_eq!(writer.finish().unwrap(), framed);
    }

    #[test]
    fn a_model_that_lacks_an_accuracy_is_not_written() {
        let mut model = fixture::model(0, 4, 0);
        model.evaluations[2].validation_accuracy = None;
        let mut writer = Writer::new(Vec::new());
        assert!(!fixture::write(&mut writer, &model));
        assert_eq!(fixture::record(&model).lacking(), ["final_validation_accuracy"]);
        assert!(writer.finish().unwrap().is_empty());
    }
}
