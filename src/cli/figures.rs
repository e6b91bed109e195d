//! Tables of the measured metrics of a model.

use nasbench::train::{Figures, Quality};
use nasbench::unit::Accuracy;
use serde_json::Value;

use super::format::{Table, single};

/// A row for each metric, a column for each split of the images.
pub(super) fn table(figures: &Figures) -> Table {
    let Figures { train_accuracy, validation, test } = figures;
    let mut table = Table::new(&["", "train", "validation", "test"], &[]);
    let mut row = |name: &str, train: Value, of: &dyn Fn(&Quality) -> Value| {
        table.push([name.into(), train, of(validation), of(test)]);
    };
    row("accuracy", train_accuracy.to_string().into(), &|quality| quality.accuracy.to_string().into());
    row("loss", Value::Null, &|quality| of_some(quality.loss));
    row("macro ROC-AUC", Value::Null, &|quality| of_some(quality.macro_roc_auc));
    row("macro F1", Value::Null, &|quality| single(quality.macro_f1));
    table
}

/// The metrics as columns of one row; null if one is missing.
pub(super) fn columns(figures: Option<&Figures>) -> Vec<(&'static str, Value)> {
    let of = |value: &dyn Fn(&Figures) -> Option<f32>| of_some(figures.and_then(value));
    let accuracy = |accuracy: Accuracy| Some(accuracy.fraction());
    vec![
        ("train_accuracy", of(&|figures| accuracy(figures.train_accuracy))),
        ("validation_accuracy", of(&|figures| accuracy(figures.validation.accuracy))),
        ("test_accuracy", of(&|figures| accuracy(figures.test.accuracy))),
        ("validation_loss", of(&|figures| figures.validation.loss)),
        ("test_loss", of(&|figures| figures.test.loss)),
        ("validation_macro_roc_auc", of(&|figures| figures.validation.macro_roc_auc)),
        ("test_macro_roc_auc", of(&|figures| figures.test.macro_roc_auc)),
        ("validation_macro_f1", of(&|figures| Some(figures.validation.macro_f1))),
        ("test_macro_f1", of(&|figures| Some(figures.test.macro_f1))),
    ]
}

fn of_some(number: Option<f32>) -> Value {
    number.map_or(Value::Null, single)
}
