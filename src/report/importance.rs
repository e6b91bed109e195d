//! What the parts of cells matter, and the features of a model, as text for the terminal.

use super::block::{Block, Section};
use super::grid::{Grid, tabulate};
use crate::analysis::importance::{Effect, Importance, Variance};
use crate::print::{self, percent, points};
use crate::space::Operation;
use crate::surrogate::attribution::Attribution;

/// The published effects on NAS-Bench-101 of replacing an operation: of the accuracy in percentage points, of the training time in percent.
///
/// # Source
///
/// Ying et al., ICML 2019, section 4.
const PUBLISHED: [(Operation, Operation, f64, f64); 3] = [
    (Operation::Conv3x3, Operation::Conv1x1, -1.16, -14.11),
    (Operation::Conv3x3, Operation::MaxPool3x3, -1.99, -9.84),
    (Operation::Conv1x1, Operation::MaxPool3x3, -0.81, 5.04),
];

/// The features of a model that a text has; the JSON has all.
const MOST_FEATURES: usize = 15;

/// Formats what the features of a model add to its predictions as aligned plain text; ends with a line break.
#[must_use]
pub fn attribution_text(attributions: &[Attribution]) -> String {
    let about = "the mean absolute Shapley value of each feature, and the mean prediction if all cells had its lowest, middle and highest \
        value, in percentage points and percent";
    let shown = &attributions[..attributions.len().min(MOST_FEATURES)];
    let at = |one: &Attribution, index: usize| {
        one.dependence.get(index).map(|(value, mean)| format!("{} % at {value}", percent(*mean)))
    };
    let grid = tabulate(shown)
        .left("feature", |one| one.feature.as_str())
        .right("Shapley", |one| percent(one.mean_absolute))
        .left("lowest", |one| at(one, 0))
        .left("middle", |one| at(one, one.dependence.len() / 2))
        .left("highest", |one| at(one, one.dependence.len().saturating_sub(1)))
        .grid;
    let mut blocks = vec![Block::Table(grid, about.to_owned())];
    if let Some(left @ 1..) = attributions.len().checked_sub(MOST_FEATURES) {
        blocks.push(Block::Paragraph(format!(
            "{} that add less are left out: `--format json` has all",
            print::counted(left, "feature")
        )));
    }
    Section::new("features", "what the features of the model add to its predictions", blocks).text()
}

/// Formats what the parts of cells matter as aligned plain text; ends with a line break. `with_published` sets the published effects on
/// NAS-Bench-101 beside those found: for its own records.
#[must_use]
pub fn importance_text(importance: &Importance, with_published: bool) -> String {
    let Importance { epochs, cells, variance, .. } = importance;
    let contents = format!("{} at {}", print::counted(*cells, "cell"), print::budget(*epochs));
    let differences = "differences of the mean validation accuracies in percentage points, and of the training times; intervals of 95 %, \
        where the changes of one cell count as one";
    let table = |grid: Grid, caption: &str| vec![Block::Table(grid, caption.to_owned())];
    let mut sections = vec![
        Section::new("cells", "cells", vec![Block::Paragraph(contents)]),
        Section::new(
            "operations",
            "what it does to replace an operation",
            table(operations(importance, with_published), differences),
        ),
        Section::new("edges", "what it does to remove an edge, where all vertices stay", table(edges(importance), "")),
    ];
    let blocks = match variance {
        Some(variance) => shares(variance),
        None => vec![Block::Paragraph("not all cells of three to six vertices are recorded: no shares".to_owned())],
    };
    sections.push(Section::new("variance", "which share of the variance is due to what", blocks));
    sections.iter().map(Section::text).collect::<String>().trim_start().to_owned()
}

fn accuracy(effect: Effect) -> String {
    print::interval(effect.accuracy, points)
}

fn time(effect: Effect) -> String {
    print::interval(effect.training_time, |share| format!("{} %", points(share)))
}

fn operations(importance: &Importance, with_published: bool) -> Grid {
    let rows = &importance.operations;
    let mut grid = tabulate(rows)
        .left("from", |row| row.from)
        .left("to", |row| row.to)
        .right("depth", |row| row.depth.map_or_else(|| "any".to_owned(), |depth| depth.to_string()))
        .right("pairs", |row| row.effect.pairs)
        .left("accuracy", |row| accuracy(row.effect))
        .left("time", |row| time(row.effect));
    if with_published {
        grid = grid.left("published", |row| {
            let is_row = |one: &&(Operation, Operation, f64, f64)| {
                row.depth.is_none() && (one.0.name(), one.1.name()) == (row.from, row.to)
            };
            PUBLISHED
                .iter()
                .find(is_row)
                .map(|(_, _, accuracy, time)| format!("{}, {} %", points(accuracy / 100.0), points(time / 100.0)))
        });
    }
    grid.grid
}

fn edges(importance: &Importance) -> Grid {
    tabulate(&importance.edges)
        .left("edge", |row| row.between)
        .right("pairs", |row| row.effect.pairs)
        .left("accuracy", |row| accuracy(row.effect))
        .left("time", |row| time(row.effect))
        .grid
}

fn shares(variance: &Variance) -> Vec<Block> {
    let Variance { vertices, graphs, deviation, edges, operations, between_operations, edges_with_operations } = variance;
    let about = format!(
        "over all {} labelled graphs of {vertices} vertices, each as likely; the standard deviation is {} points",
        print::thousands(*graphs as u64),
        percent(*deviation)
    );
    let mut rows = vec![("the edges alone".to_owned(), *edges)];
    rows.extend((1..).zip(operations).map(|(vertex, share)| (format!("the operation of vertex {vertex} alone"), *share)));
    rows.push(("operations with each other".to_owned(), *between_operations));
    rows.push(("operations with edges, and noise".to_owned(), *edges_with_operations));
    let grid = tabulate(&rows)
        .left("part", |(part, _)| part.as_str())
        .right("share", |(_, share)| format!("{} %", percent(*share)))
        .grid;
    vec![Block::Table(grid, about)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::Estimate;
    use crate::table::Benchmark;
    use crate::unit::Epochs;

    #[test]
    fn published_effects_stand_where_they_are_asked_for() {
        let table = Benchmark::open("tests/data/tiny-benchmark").unwrap().table().unwrap();
        let found = Importance::new(&table, Epochs(2)).unwrap();
        let text = importance_text(&found, true);
        assert!(text.contains("−1.16, −14.11 %") && text.contains("−0.81, +5.04 %"), "{text}");
        assert_eq!(text.matches("published").count(), 1);
        assert!(!importance_text(&found, false).contains("published"));
        // Shares are printed to hundredths of a percent.
        let percents: f64 = text
            .split("share\n")
            .nth(1)
            .unwrap()
            .lines()
            .skip(1)
            .filter_map(|line| line.trim_end_matches(" %").split_whitespace().last()?.parse::<f64>().ok())
            .sum();
        assert!((percents - 100.0).abs() < 0.05, "{text}");
    }

    #[test]
    fn an_interval_has_the_sign_of_a_difference() {
        let estimate = Estimate { value: 0.0116, low: -0.01, high: 0.02 };
        let effect = Effect { pairs: 3, accuracy: Some(estimate), training_time: None };
        assert_eq!((accuracy(effect), time(effect)), ("+1.16 [−1.00, +2.00]".to_owned(), "–".to_owned()));
    }
}
