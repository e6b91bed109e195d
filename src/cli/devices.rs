//! `nasbench devices`: the devices found, each tested by a short training.

use anyhow::{Context as _, bail};
use nasbench::engine::{self, Found, Proof};
use serde_json::{Value, json};

use super::format::{Format, Table, single};
use super::{Global, note};

/// List the available devices, and test each with a short training.
///
/// A device trains a small cell for three steps, from the same initial weights and on the same batches as the reference, which is the
/// processor through burn-flex. It passes if none of its losses differs from the reference by more than a thousandth. The images per second
/// are measured on this small network, in whole training steps of 32 images: a GPU is faster with larger ones. A failed device is shown
/// with the reason, and the exit code is 1.
///
/// Pass a device to `--device` of `nasbench run`. GPUs are found by a build with GPU support: `cargo build --release --features gpu`, or
/// `--features cuda` for CUDA.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Output format; `json` and `csv` have all losses.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub(super) fn run(arguments: &Arguments, global: &Global) -> anyhow::Result<()> {
    let columns = ["device", "name", "greatest_difference", "images_per_second", "verdict", "reason"];
    let mut table = Table::new(&columns, &["losses", "reference_losses"]);
    let expected = engine::reference_losses().context("could not train on the reference")?;
    let found = engine::found();
    let mut failed = 0;
    for found in &found {
        if !global.quiet {
            note(format_args!("proving {}: {}", found.device, found.name));
        }
        let proof = engine::prove(found.device, &expected);
        failed += usize::from(!proof.as_ref().is_ok_and(Proof::is_ok));
        table.push(row(found, proof));
    }
    let printed = table.print(arguments.format, &mut std::io::stdout().lock());
    if failed > 0 {
        bail!("{failed} of {} devices failed", found.len());
    }
    printed
}

/// A device's row.
fn row(found: &Found, proof: Result<Proof, engine::Error>) -> [Value; 8] {
    let (device, name) = (found.device.to_string().into(), found.name.clone().into());
    match proof {
        Ok(proof) => {
            let reason = if proof.is_ok() {
                Value::Null
            } else {
                format!("its losses differ from the reference's, expected at most {} of them", engine::TOLERANCE).into()
            };
            let verdict = if proof.is_ok() { "ok" } else { "failed" };
            // JSON has no infinity: a loss that is no number has no difference.
            let difference = json!(proof.difference());
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a speed, to be read by people")]
            let speed = json!(proof.images_per_second as u64);
            [device, name, difference, speed, verdict.into(), reason, losses(&proof.losses), losses(&proof.expected)]
        }
        Err(error) => {
            let reason = format!("{:#}", anyhow::Error::new(error)).into();
            [device, name, Value::Null, Value::Null, "failed".into(), reason, Value::Null, Value::Null]
        }
    }
}

fn losses(losses: &[f32]) -> Value {
    losses.iter().copied().map(single).collect()
}

#[cfg(test)]
mod tests {
    use nasbench::engine::Device;

    use super::*;

    fn found() -> Found {
        Found { device: Device::Gpu { index: Some(1) }, name: "a card".to_owned() }
    }

    fn proof(losses: &[f32]) -> Proof {
        Proof { losses: losses.to_vec(), expected: vec![2.0, 2.0], images_per_second: 812.4 }
    }

    #[test]
    fn a_device_that_passes_has_no_reason() {
        let row = row(&found(), Ok(proof(&[2.0, 2.0])));
        assert_eq!(row[..6], [json!("gpu:1"), json!("a card"), json!(0.0), json!(812), json!("ok"), Value::Null]);
        assert_eq!(row[6], json!([2.0, 2.0]));
    }

    #[test]
    fn a_device_that_fails_is_shown_with_its_reason() {
        let differs = row(&found(), Ok(proof(&[2.0, 3.0])));
        let reason = "its losses differ from the reference's, expected at most 0.001 of them";
        assert_eq!(differs[2..6], [json!(0.5), json!(812), json!("failed"), json!(reason)]);
        let broken = row(&found(), Ok(proof(&[f32::NAN, 2.0])));
        assert_eq!(broken[2..5], [Value::Null, json!(812), json!("failed")]);
        let error = engine::Error::Failed { device: found().device, reason: "out of memory".to_owned() };
        let dead = row(&found(), Err(error));
        assert_eq!(dead[4..6], [json!("failed"), json!("device `gpu:1` failed: out of memory")]);
    }
}
