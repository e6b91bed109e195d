//! Fits and scores random forests and says how fast: one JSON object a call, for `compare_surrogates.sh`.
//!
//! ```text
//! surrogate_speed write FOLDER ROWS   features (`rows.f32`, [ROWS, 60]) and made-up accuracies (`targets.f32`) of cells
//! surrogate_speed fit ROWS            seconds to fit 100 trees on the first of them
//! surrogate_speed score ROWS          seconds to encode and score all 423,624 cells with such a forest
//! ```
//!
//! The features are those of the encodings `statistics` and `cost`; accuracies follow from some of them, with noise of 0.3 %.

#![expect(clippy::print_stdout, reason = "its answer is what it prints")]

use std::path::Path;
use std::time::Instant;

use anyhow::bail;
use nasbench::space::{Cell, Space};
use nasbench::surrogate::features::READABLE;
use nasbench::surrogate::{self, Features, Model, Quantity, Rows, Target};
use nasbench::unit::{Epochs, Seed};
use rand::RngExt as _;
use rand::seq::SliceRandom as _;
use serde_json::json;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let words: Vec<_> = arguments.iter().map(String::as_str).collect();
    let answer = match words[..] {
        ["write", folder, rows] => Lesson::of(rows.parse()?)?.write(Path::new(folder))?,
        ["fit", rows] => Lesson::of(rows.parse()?)?.fit()?,
        ["score", rows] => Lesson::of(rows.parse()?)?.score()?,
        _ => bail!("usage: surrogate_speed write FOLDER ROWS | fit ROWS | score ROWS"),
    };
    println!("{answer}");
    Ok(())
}

/// What the forests learn from.
struct Lesson {
    all: Vec<Cell>,
    features: Features,
    chosen: Vec<Cell>,
    rows: Rows,
    targets: Vec<f32>,
}

impl Lesson {
    fn of(count: usize) -> anyhow::Result<Self> {
        let all = Space::nas_bench_101().cells()?;
        let mut chosen = all.clone();
        chosen.shuffle(&mut Seed(0).derive("cells").rng());
        chosen.truncate(count);
        let features = Features::new(READABLE, &Space::nas_bench_101())?;
        let rows = features.rows(&chosen)?;
        let named = |name: &str| features.names().iter().position(|other| other == name).expect("a feature");
        let [convolutions, depth, parameters] = ["conv3x3", "depth", "log10_parameters"].map(named);
        let mut noise = Seed(0).derive("noise").rng();
        let mut target = |row: &[f32]| {
            let noise: f32 = (0..12).map(|_| noise.random_range(0.0..1.0_f32)).sum::<f32>() - 6.0;
            0.85 + 0.02 * row[parameters].sin() + 0.01 * row[convolutions].sqrt() - 0.002 * (row[depth] - 3.0).powi(2)
                + 0.003 * noise
        };
        let targets = rows.iter().map(&mut target).collect();
        Ok(Self { all, features, chosen, rows, targets })
    }

    fn write(&self, folder: &Path) -> anyhow::Result<serde_json::Value> {
        let bytes = |values: &mut dyn Iterator<Item = f32>| values.flat_map(f32::to_le_bytes).collect::<Vec<u8>>();
        fs_err::write(folder.join("rows.f32"), bytes(&mut self.rows.iter().flatten().copied()))?;
        fs_err::write(folder.join("targets.f32"), bytes(&mut self.targets.iter().copied()))?;
        Ok(json!({ "rows": self.rows.len(), "features": self.rows.width() }))
    }

    fn fit(&self) -> anyhow::Result<serde_json::Value> {
        let forest = surrogate::find("random-forest")?;
        let started = Instant::now();
        let model = forest.fit(&self.rows, &self.targets, Seed(1))?;
        let seconds = started.elapsed().as_secs_f64();
        Ok(json!({ "seconds": seconds, "first": model.predict(&self.rows.select(&[0]))?[0].mean }))
    }

    fn score(&self) -> anyhow::Result<serde_json::Value> {
        let target = Target { quantity: Quantity::ValidationAccuracy, epochs: Epochs(108) };
        let forest = surrogate::find("random-forest")?;
        let model = Model::fit(forest, target, &self.features, &self.rows, &self.chosen, &self.targets, Seed(1))?;
        let started = Instant::now();
        let rows = self.features.rows(&self.all)?;
        let encoding = started.elapsed().as_secs_f64();
        model.predict(&rows)?;
        let both = started.elapsed().as_secs_f64();
        let started = Instant::now();
        let predictions = model.predict_all(&self.all)?;
        let seconds = started.elapsed().as_secs_f64();
        Ok(json!({ "seconds": seconds, "encoding": encoding, "scoring": both - encoding, "cells": predictions.len() }))
    }
}
