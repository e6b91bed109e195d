//! `nasbench evaluate`: metrics of a saved model.

use std::io::Write as _;
use std::path::PathBuf;

use anyhow::Context as _;
use nasbench::engine::Device;
use nasbench::train::{Evaluated, SavedModel};
use serde_json::Value;

use super::format::{Format, Table};
use super::outputs::{check_distinct, check_writable};
use super::{figures, images};

const HELP: &str = "\
On the images of its training a model repeats the metrics recorded at its end, bit for bit on the
same kind of processor. The output says whether it does.

Examples:
  nasbench evaluate best.safetensors
  nasbench evaluate best.safetensors --export best.onnx --answers answers.safetensors";

/// Evaluate a model that `nasbench train --save` saved.
#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub(super) struct Arguments {
    /// The saved model.
    #[arg(value_name = "FILE.safetensors")]
    model: PathBuf,

    /// The images; of other images than the model's own all are used [default: the model's own].
    ///
    /// Images whose classes have other names or another order than in the training are refused. Classes of an archive have numbers but no
    /// names: they must have the same meaning.
    #[arg(long, value_name = "NAME")]
    dataset: Option<String>,

    /// Path of the images, unless they are embedded: the folder with the files of the data set, or your own archive or folder.
    #[arg(long, value_name = "PATH")]
    data_dir: Option<PathBuf>,

    /// Device: `cpu`, `gpu[:index]`, `cuda[:index]` or `reference`.
    #[arg(long, default_value = "cpu", value_name = "DEVICE")]
    device: String,

    /// Write the model to this ONNX file: input `pixels` (0 to 255), output `logits`.
    #[arg(long, value_name = "FILE.onnx")]
    export: Option<PathBuf>,

    /// Write test images and the model's logits to this file, to check other programs: `pixels`, `labels`, `logits`.
    #[arg(long, value_name = "FILE.safetensors")]
    answers: Option<PathBuf>,

    /// Number of test images for `--answers`.
    #[arg(long, default_value_t = 100, value_name = "N", requires = "answers")]
    images: usize,

    /// Overwrite existing files of `--export` and `--answers`.
    #[arg(long)]
    force: bool,

    /// Output format; `json` and `csv` print one row.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    check_distinct(&[
        ("FILE.safetensors", Some(&arguments.model)),
        ("--data-dir", images::file(arguments.data_dir.as_deref())),
        ("--export", arguments.export.as_deref()),
        ("--answers", arguments.answers.as_deref()),
    ])?;
    for file in arguments.export.iter().chain(&arguments.answers) {
        check_writable(file, arguments.force)?;
    }
    let device: Device = arguments.device.parse().context("could not choose the device")?;
    let model = SavedModel::read(&arguments.model).context("could not read the model")?;
    if let Some(file) = &arguments.export {
        model.export_onnx(file).context("could not export the model")?;
    }
    let name = arguments.dataset.as_deref().unwrap_or(&model.card().dataset);
    let dataset = images::load(name, arguments.data_dir.as_deref())?;
    let found = model.evaluate(&dataset, device).context("could not evaluate the model")?;
    // What was asked for as a file is there before anything is printed: standard output may end at any moment.
    if let Some(file) = &arguments.answers {
        model.write_answers(file, &dataset, arguments.images, device).context("could not write the answers")?;
    }
    print(&model, dataset.name(), device, &found, arguments.format)
}

fn print(model: &SavedModel, dataset: &str, device: Device, found: &Evaluated, format: Format) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    let equal = found.recorded.map(|recorded| recorded == found.figures);
    if format == Format::Table {
        figures::table(&found.figures).print(format, &mut out)?;
        match (equal, &found.recorded) {
            (Some(true), _) => writeln!(out, "the figures equal those at the end of the training")?,
            (Some(false), Some(recorded)) => {
                writeln!(out, "the figures differ from those at the end of the training:")?;
                figures::table(recorded).print(format, &mut out)?;
            }
            _ => writeln!(out, "the images are not those of the training: there is nothing to compare")?,
        }
        return Ok(());
    }
    let mut row: Vec<(&str, Value)> = vec![
        ("module_hash", model.card().cell.hash().to_string().into()),
        ("epochs", model.card().epochs.0.into()),
        ("seed", model.card().seed.0.into()),
        ("protocol", model.protocol().name.clone().into()),
        ("dataset", dataset.into()),
    ];
    row.extend(figures::columns(Some(&found.figures)));
    row.extend([("equals_recorded", equal.into()), ("device", device.description().into())]);
    Table::of_row(row).print(format, &mut out)
}
