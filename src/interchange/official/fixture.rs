//! Hand-made records for the tests of this folder.

use std::io::Write;

use super::frame::Frame;
use super::{Model, Writer};
use crate::space::{Cell, Space};
use crate::train::Evaluation;
use crate::unit::{Accuracy, Epochs, Parameters, Seconds};

/// The texts of a cell and its hash.
pub(super) struct Texts {
    pub(super) hash: String,
    pub(super) adjacency: String,
    pub(super) operations: String,
}

impl Texts {
    pub(super) fn new(cell: &Cell) -> Self {
        Self { hash: cell.hash().to_string(), adjacency: cell.adjacency_text(), operations: cell.operations_text() }
    }
}

/// A record whose cell is not filled in.
pub(super) struct Trained {
    pub(super) texts: Texts,
    pub(super) epochs: u16,
    pub(super) evaluations: [Evaluation; 3],
    pub(super) parameters: Parameters,
    pub(super) total_time: Seconds,
    pub(super) checkpoint: Option<&'static str>,
}

/// Returns a model of one of the 7 cells of at most 3 vertices; its numbers are a function of the arguments.
pub(super) fn model(cell: usize, epochs: u16, repeat: u16) -> Trained {
    let cells = Space::nas_bench_101().with_max_vertices(3).unwrap().cells().unwrap();
    let number = f64::from(u16::try_from(cell).unwrap()) + f64::from(repeat) / 7.0;
    let count = |offset: usize| Accuracy::from_counts(900 + 1_000 * cell + 100 * usize::from(repeat) + offset, 9_984);
    let evaluation = |step: u8| Evaluation {
        training_time: Seconds(f64::from(step) * (100.0 + number) * f64::from(epochs)),
        train_accuracy: Accuracy::from_counts(25 * (usize::from(step) + 1), 256),
        validation_accuracy: count(17 * usize::from(step)),
        test_accuracy: count(19 * usize::from(step) + 1),
    };
    Trained {
        texts: Texts::new(&cells[cell]),
        epochs,
        evaluations: [evaluation(0), evaluation(1), evaluation(2)],
        parameters: Parameters(1_000_000 + u32::try_from(cell).unwrap()),
        total_time: Seconds(300.0 * f64::from(epochs) + number),
        checkpoint: Some("/where/it/was/trained/model.ckpt"),
    }
}

/// Returns a model as it is written.
pub(super) fn record(model: &Trained) -> Model<'_> {
    Model {
        hash: &model.texts.hash,
        epochs: Epochs(model.epochs),
        adjacency: &model.texts.adjacency,
        operations: &model.texts.operations,
        evaluations: model.evaluations,
        parameters: model.parameters,
        total_time: model.total_time,
        checkpoint: model.checkpoint,
    }
}

/// Writes a model.
pub(super) fn write(writer: &mut Writer<impl Write>, model: &Trained) -> bool {
    writer.write(&record(model)).unwrap()
}

/// Returns the bytes of a file of models.
pub(super) fn file(models: &[Trained]) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new());
    assert!(models.iter().all(|model| write(&mut writer, model)));
    writer.finish().unwrap()
}

/// Returns the payload of a model's record.
pub(super) fn payload(cell: usize, epochs: u16, repeat: u16) -> Vec<u8> {
    let bytes = file(&[model(cell, epochs, repeat)]);
    Frame::take(&bytes).unwrap().unwrap().payload().unwrap().to_vec()
}
