//! `nasbench check --retrain`: trains drawn rows again and compares the results.

use std::collections::BTreeMap;
use std::io::Write;
use std::num::NonZeroUsize;

use anyhow::{Context as _, bail};
use nasbench::engine::Device;
use nasbench::pipeline::{self, Retrained};
use nasbench::statistics;
use nasbench::table::Benchmark;
use nasbench::unit::{Epochs, Seed};
use serde_json::{Value, json};

use super::{Global, images, progress};

/// Maximum number of different rows that are listed.
const LISTED: usize = 5;

#[derive(Debug, clap::Args)]
#[group(skip)]
pub(super) struct Arguments {
    /// Train this many drawn rows again, from their own seeds, and compare every result with the row.
    #[arg(long, value_name = "N", help_heading = "Retraining")]
    retrain: Option<NonZeroUsize>,

    /// Seed of the drawn rows.
    #[arg(long, default_value_t = 0, requires = "retrain", value_name = "S", help_heading = "Retraining")]
    retrain_seed: u64,

    /// Device: `cpu`, `gpu[:index]` or `reference`.
    #[arg(long, default_value = "cpu", requires = "retrain", value_name = "DEVICE", help_heading = "Retraining")]
    device: String,

    #[command(flatten, next_help_heading = "Retraining")]
    images: images::Arguments,
}

/// The results of retrained rows.
pub(super) struct Outcome {
    rows: Vec<Retrained>,
    /// The standard deviation over the repeats of a cell, at each budget.
    noise: BTreeMap<Epochs, f64>,
    /// The numerics of the device.
    numerics: String,
}

/// Retrains rows, if requested.
pub(super) fn run(arguments: &Arguments, benchmark: &Benchmark, global: &Global) -> anyhow::Result<Option<Outcome>> {
    let Some(count) = arguments.retrain else { return Ok(None) };
    let device: Device = arguments.device.parse().context("could not choose the device")?;
    let dataset = arguments.images.load_for(benchmark)?;
    let bar = progress::bar(global.quiet, Some(count.get() as u64), "{wide_bar} {pos}/{len}");
    let observe = |done: usize, all: usize| {
        bar.set_length(all as u64);
        bar.set_position(done as u64);
    };
    let rows = pipeline::retrain(benchmark, &dataset, device, count.get(), Seed(arguments.retrain_seed), &observe);
    bar.finish_and_clear();
    let rows = rows.context("could not train the rows again")?;
    let noise = benchmark.summary().context("could not read the benchmark")?.repeats;
    let noise = noise.iter().filter_map(|noise| Some((noise.epochs, noise.all.over_repeats?))).collect();
    Ok(Some(Outcome { rows, noise, numerics: device.numerics() }))
}

impl Outcome {
    /// All of it as JSON.
    pub(super) fn json(&self) -> Value {
        let row = |row: &Retrained| {
            json!({
                "module_hash": row.key.hash,
                "epochs": row.key.epochs,
                "repeat": row.key.repeat,
                "is_same": row.is_same,
                "numerics": row.numerics,
                "validation_accuracy": row.validation[0],
                "new_validation_accuracy": row.validation[1],
            })
        };
        json!({ "numerics": self.numerics, "rows": self.rows.iter().map(row).collect::<Vec<_>>() })
    }

    /// Fails if rows that this device should repeat bit for bit were different.
    pub(super) fn conclude(&self) -> anyhow::Result<()> {
        let Self { rows, numerics, .. } = self;
        match rows.iter().filter(|row| !row.is_same && row.numerics.as_ref() == Some(numerics)).count() {
            0 => Ok(()),
            count => bail!(
                "{count} of {} rows should have been repeated bit for bit with numerics {numerics}, and were not: one of the machines \
                computes wrongly, or the rows were changed",
                rows.len()
            ),
        }
    }

    /// Prints the results.
    pub(super) fn print(&self, out: &mut dyn Write) -> anyhow::Result<()> {
        let (same, other): (Vec<_>, Vec<_>) = self.rows.iter().partition(|row| row.is_same);
        let all = self.rows.len();
        writeln!(out, "trained again with numerics {}: {all} rows, {} of them the same bit for bit", self.numerics, same.len())?;
        let difference = |row: &&Retrained| Some(row.validation[1]? - row.validation[0]?);
        let differences: Vec<f64> = other.iter().filter_map(difference).collect();
        if let Some(mean) = statistics::mean(&differences) {
            let largest = differences.iter().map(|difference| difference.abs()).fold(0.0, f64::max);
            writeln!(
                out,
                "  the others differ in validation accuracy by {:+.2} points in the mean, at most {:.2}{}",
                100.0 * mean,
                100.0 * largest,
                self.expected(&other)
            )?;
        }
        for row in other.iter().take(LISTED) {
            let accuracy =
                |found: Option<f64>| found.map_or_else(|| "diverged".to_owned(), |found| format!("{:.2} %", 100.0 * found));
            let [before, after] = row.validation.map(accuracy);
            let of = row.numerics.as_deref().unwrap_or("of an older version");
            writeln!(out, "  other: {}: {before} (numerics {of}), now {after}", row.key)?;
        }
        if other.len() > LISTED {
            writeln!(out, "  … {} more", other.len() - LISTED)?;
        }
        Ok(())
    }

    /// The expected difference of two repeats, as text.
    fn expected(&self, rows: &[&Retrained]) -> String {
        // Two trainings differ by the square root of two times the deviation of one.
        let variance = |row: &&Retrained| Some(2.0 * self.noise.get(&row.key.epochs)?.powi(2));
        let variances: Vec<f64> = rows.iter().filter_map(variance).collect();
        statistics::mean(&variances).map_or_else(String::new, |variance| {
            format!("; two repeats of a cell differ by {:.2} (root mean square)", 100.0 * variance.sqrt())
        })
    }
}
