//! What a benchmark holds, as a page of plain text.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::Value;

use super::grid::{Entry, Grid, Side};
use crate::analysis::summary::{BestCell, BudgetCount, BySize, Provenance, Range, Summary, WithinBudget};
use crate::print;
use crate::statistics::RankCorrelation;
use crate::table::{Divergence, Status};
use crate::unit::Epochs;

const INDENT: usize = 2;
/// Lines are wrapped to this many characters.
const WIDTH: usize = 100;
/// The width of the names of facts.
const NAME: usize = 14;

use Side::{Left, Right};

pub(super) fn of(summary: &Summary) -> String {
    let mut text = format!("contents\n{}", contents(summary));
    let mut section = |name: &str, grid: &Grid| {
        if !grid.is_empty() {
            text.extend(["\n", name, "\n", &grid.text(INDENT)]);
        }
    };
    section("cells by vertices", &vertices(summary));
    section("models by budget", &budgets(summary));
    section("ranges (accuracies in %, times in seconds)", &ranges(&summary.ranges));
    section("best cells by mean final validation accuracy (in %, times in seconds)", &best(summary));
    text.extend(luck(summary));
    text.extend(divergence(summary));
    let mut section = |name: &str, grid: &Grid| {
        if !grid.is_empty() {
            text.extend(["\n", name, "\n", &grid.text(INDENT)]);
        }
    };
    section(
        "final validation accuracy: how well one training at a smaller budget ranks the means of a larger one",
        &between(summary),
    );
    section("the size of a network alone: how well it ranks the cells at the largest budget", &by_size(summary));
    let of_budgets = |within: &[WithinBudget]| {
        let mut grid = Grid::new(&CORRELATION_COLUMNS);
        for row in within.iter().filter(|row| row.correlation.cells > 0) {
            grid.push(correlation_row(row.epochs.to_string(), &row.correlation));
        }
        grid
    };
    section(
        "at the end: how well validation accuracy ranks the cells of test accuracy",
        &of_budgets(&summary.validation_and_test),
    );
    section("validation accuracy: how well halfway ranks the cells of the end", &of_budgets(&summary.halfway_and_final));
    section("final validation accuracy: deviation over repeats, repeat 0 against repeat 1", &repeats(summary));
    section("the first trainings that did not end well", &failures(summary));
    text.extend(["\nwhere it comes from\n", &origin(&summary.provenance)]);
    text
}

fn contents(summary: &Summary) -> String {
    let Provenance { files, bytes, .. } = summary.provenance;
    let size = format!("{} in {}", print::file_size(bytes), print::counted(files, "Parquet file"));
    [
        fact("cells", &print::thousands(summary.cells as u64)),
        fact("models", &print::thousands(summary.rows as u64)),
        fact("verification", &print::counted(summary.verified_rows, "model")),
        fact("on disk", &size),
    ]
    .concat()
}

fn origin(provenance: &Provenance) -> String {
    let Provenance { identity, dataset, seed, protocol, imported, sources, devices, tool_versions, numerics, revisions, .. } =
        provenance;
    let nothing = || print::NOTHING.to_owned();
    let mut text = fact("identity", &identity.to_string());
    text += &fact("data set", &dataset.name);
    if let Some(sha256) = &dataset.sha256 {
        text += &fact("", &format!("sha256 {sha256}"));
    }
    text += &fact("seed", &seed.map_or_else(nothing, |seed| seed.to_string()));
    let mut settings = Vec::new();
    flatten("", protocol, &mut settings);
    text += &fact("protocol", &settings.join(", "));
    for file in imported {
        let records = print::counted(usize::try_from(file.records).unwrap_or(usize::MAX), "record");
        text += &fact("imported from", &format!("{}, {}, {records}", file.file, print::file_size(file.bytes)));
        text += &fact("", &format!("sha256 {}", file.sha256));
    }
    for (name, counts) in [("source", sources), ("device", devices), ("tool version", tool_versions)] {
        text += &fact(name, &counted_labels(counts));
    }
    if !numerics.is_empty() {
        text += &fact("numerics", &counted_labels(numerics));
    }
    if let Some(warning) = revisions.warning() {
        text += &fact("", &format!("WARNING: {warning}"));
    }
    let recorded = [provenance.first_recorded, provenance.last_recorded].map(|moment| moment.map(|moment| moment.to_string()));
    if let [Some(first), Some(last)] = recorded {
        text += &fact("recorded", &if first == last { first } else { format!("{first} to {last}") });
    }
    text
}

/// A line, or more if it is long, of a name and what there is to say of it.
fn fact(name: &str, value: &str) -> String {
    let mut lines = vec![format!("{:INDENT$}{name:<NAME$}", "")];
    let mut is_fresh = true;
    for word in value.split(' ') {
        let line = lines.last().expect("there is a first line");
        if !is_fresh && line.chars().count() + 1 + word.chars().count() > WIDTH {
            lines.push(" ".repeat(INDENT + NAME));
            is_fresh = true;
        }
        let line = lines.last_mut().expect("there is a first line");
        line.extend([if is_fresh { "" } else { " " }, word]);
        is_fresh = false;
    }
    let lines: Vec<_> = lines.iter().map(|line| line.trim_end()).collect();
    lines.join("\n") + "\n"
}

/// The settings of a protocol, each with its path.
fn flatten(path: &str, value: &Value, settings: &mut Vec<String>) {
    match value {
        Value::Object(object) => {
            for (key, value) in object {
                flatten(&if path.is_empty() { key.clone() } else { format!("{path}.{key}") }, value, settings);
            }
        }
        Value::String(text) => settings.push(format!("{path} {text}")),
        other => settings.push(format!("{path} {other}")),
    }
}

fn counted_labels(counts: &BTreeMap<String, u64>) -> String {
    let labels: Vec<_> = counts.iter().map(|(label, rows)| format!("{label} ({})", print::thousands(*rows))).collect();
    if labels.is_empty() { print::NOTHING.to_owned() } else { labels.join(", ") }
}

fn vertices(summary: &Summary) -> Grid {
    let mut grid = Grid::new(&[("vertices", Right), ("cells", Right)]);
    for count in &summary.vertices {
        grid.push([count.vertices.to_string().into(), print::thousands(count.cells as u64).into()]);
    }
    grid
}

fn budgets(summary: &Summary) -> Grid {
    let columns = ["epochs", "cells", "models", "repeats", "ok", "diverged", "failed"];
    let mut grid = Grid::new(&columns.map(|column| (column, Right)));
    for budget in &summary.budgets {
        let repeats = match (budget.fewest_repeats, budget.most_repeats) {
            (fewest, most) if fewest == most => most.to_string(),
            (fewest, most) => format!("{fewest} to {most}"),
        };
        let status = |name| print::thousands(budget.statuses.get(name).copied().unwrap_or_default() as u64).into();
        let count = |count: usize| print::thousands(count as u64).into();
        grid.push([
            budget.epochs.to_string().into(),
            count(budget.cells),
            count(budget.rows),
            repeats.into(),
            status("ok"),
            diverged(budget).into(),
            status("failed"),
        ]);
    }
    grid
}

/// The trainings of a budget that diverged, with their share.
fn diverged(budget: &BudgetCount) -> String {
    let diverged = budget.statuses.get(Status::Diverged.name()).copied().unwrap_or_default();
    let rate = Divergence { diverged, trainings: budget.rows }.rate();
    let count = print::thousands(diverged as u64);
    if diverged == 0 { count } else { format!("{count} ({} %)", print::percent(rate)) }
}

/// How far the means of the best cells are known, so that nobody takes their order for the truth.
fn luck(summary: &Summary) -> Option<String> {
    let (best, last) = (summary.best.first()?, summary.repeats.last()?);
    let noise = last.best_tenth.over_repeats.or(last.all.over_repeats)?;
    #[expect(clippy::cast_precision_loss, reason = "a handful of repeats")]
    let error = noise / (best.repeats as f64).sqrt();
    Some(format!(
        "\n  a mean of {} has a standard error of {} points, and these are the largest of {} means:\n  {}\n",
        print::counted(best.repeats, "repeat"),
        print::percent(error),
        print::thousands(summary.cells as u64),
        "which cell is the best, and by how much, they do not tell"
    ))
}

/// What the trainings that diverged count as, if any did.
fn divergence(summary: &Summary) -> Option<String> {
    let of = |budget: &BudgetCount| budget.statuses.get(Status::Diverged.name()).copied().unwrap_or_default();
    let diverged: usize = summary.budgets.iter().map(of).sum();
    let trainings = print::counted(diverged, "training");
    let chance = print::percent(summary.chance);
    (diverged > 0).then(|| {
        format!("\n  {trainings} diverged: in means, rankings and noise each counts as an accuracy of chance, {chance} %\n")
    })
}

/// The repeats behind the means of one of the best cells: those of the test accuracy where they are others, and those that
/// diverged.
fn repeats_of(cell: &BestCell) -> String {
    let mut text = cell.repeats.to_string();
    if cell.final_test_accuracy.is_some() && cell.test_repeats != cell.repeats {
        let _ = write!(text, ", test {}", cell.test_repeats);
    }
    if cell.diverged > 0 {
        let _ = write!(text, ", {} diverged", cell.diverged);
    }
    text
}

fn ranges(ranges: &[Range]) -> Grid {
    let columns = ["epochs", "values", "least", "mean", "largest"].map(|column| (column, Right));
    let mut grid = Grid::new(&[&[("column", Left)], columns.as_slice()].concat());
    for range in ranges.iter().filter(|range| range.values > 0) {
        let value = |value: Option<f64>| value.map_or_else(|| print::NOTHING.to_owned(), |value| in_unit(range.column, value));
        grid.push([
            range.column.into(),
            range.epochs.map_or_else(String::new, |epochs| epochs.to_string()).into(),
            print::thousands(range.values as u64).into(),
            value(range.least).into(),
            value(range.mean).into(),
            value(range.largest).into(),
        ]);
    }
    grid
}

/// A value as its column prints.
fn in_unit(column: &str, value: f64) -> String {
    if column.ends_with("_accuracy") {
        print::percent(value)
    } else if column.ends_with("_time") {
        format!("{value:.2}")
    } else {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count, or the mean of counts")]
        print::thousands(value.round() as u64)
    }
}

fn best(summary: &Summary) -> Grid {
    let columns = ["epochs", "validation", "test", "repeats", "parameters", "training time"].map(|column| (column, Right));
    let mut grid = Grid::new(&[&[("module_hash", Left)], columns.as_slice()].concat());
    for cell in &summary.best {
        grid.push([
            cell.module_hash.to_string().into(),
            cell.epochs.to_string().into(),
            print::percent(cell.final_validation_accuracy).into(),
            cell.final_test_accuracy.map_or_else(|| print::NOTHING.to_owned(), print::percent).into(),
            repeats_of(cell).into(),
            print::thousands(cell.trainable_parameters).into(),
            cell.final_training_time.map_or_else(|| print::NOTHING.to_owned(), |time| format!("{time:.2}")).into(),
        ]);
    }
    grid
}

const CORRELATION_COLUMNS: [(&str, Side); 5] =
    [("epochs", Right), ("cells", Right), ("Spearman", Right), ("Spearman, best 10 %", Right), ("Kendall τ-b", Right)];

fn correlation_row(epochs: String, correlation: &RankCorrelation) -> [Entry; 5] {
    [
        epochs.into(),
        print::thousands(correlation.cells as u64).into(),
        print::correlation(correlation.spearman).into(),
        print::correlation(correlation.spearman_of_best).into(),
        print::correlation(correlation.kendall_tau_b).into(),
    ]
}

fn by_size(summary: &Summary) -> Grid {
    let columns = [&[("size", Left)], &CORRELATION_COLUMNS[1..]].concat();
    let mut grid = Grid::new(&columns);
    for BySize { column, correlation, .. } in summary.by_size.iter().filter(|row| row.correlation.cells > 0) {
        let [_, cells, spearman, of_best, kendall] = correlation_row(String::new(), correlation);
        grid.push([(*column).into(), cells, spearman, of_best, kendall]);
    }
    grid
}

fn between(summary: &Summary) -> Grid {
    let mut grid = Grid::new(&CORRELATION_COLUMNS);
    for pair in &summary.between_budgets {
        let epochs = |Epochs(smaller), Epochs(larger)| format!("{smaller} for {larger}");
        grid.push(correlation_row(epochs(pair.smaller, pair.larger), &pair.correlation));
    }
    grid
}

fn repeats(summary: &Summary) -> Grid {
    let mut grid = Grid::new(&[
        ("epochs", Right),
        ("of", Left),
        ("cells", Right),
        ("over repeats", Right),
        ("over cells", Right),
        ("Spearman", Right),
    ]);
    let points = |deviation: Option<f64>| deviation.map_or_else(|| print::NOTHING.to_owned(), print::percent);
    for repeats in summary.repeats.iter().filter(|repeats| repeats.all.cells > 0) {
        for (of, noise) in [("all", repeats.all), ("best 10 %", repeats.best_tenth)] {
            grid.push([
                repeats.epochs.to_string().into(),
                of.into(),
                print::thousands(noise.cells as u64).into(),
                points(noise.over_repeats).into(),
                points(noise.over_cells).into(),
                print::correlation(noise.spearman).into(),
            ]);
        }
    }
    grid
}

fn failures(summary: &Summary) -> Grid {
    let mut grid = Grid::new(&[("module_hash", Left), ("epochs", Right), ("repeat", Right), ("status", Left)]);
    for failure in &summary.failures {
        let key = failure.key;
        grid.push([
            key.hash.to_string().into(),
            key.epochs.to_string().into(),
            key.repeat.to_string().into(),
            failure.status.name().into(),
        ]);
    }
    grid
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::Benchmark;

    #[test]
    fn the_page_fits_a_terminal_and_has_no_empty_section() {
        let text = of(&Benchmark::open("tests/data/tiny-benchmark").unwrap().summary().unwrap());
        for line in text.lines() {
            assert!(line.chars().count() <= WIDTH && line == line.trim_end(), "{line}");
        }
        assert!(!text.contains("NaN") && !text.contains("did not end well"), "{text}");
        assert!(text.starts_with("contents\n  cells         91\n"), "{text}");
    }

    #[test]
    fn a_benchmark_without_rows_has_a_page_too() {
        let folder = tempfile::tempdir().unwrap();
        let from = std::path::Path::new("tests/data/tiny-benchmark/benchmark.toml");
        fs_err::copy(from, folder.path().join("benchmark.toml")).unwrap();
        let text = of(&Benchmark::open(folder.path()).unwrap().summary().unwrap());
        assert!(text.starts_with("contents\n  cells         0\n  models        0\n"), "{text}");
        assert!(!text.contains("best cells") && !text.contains("NaN"), "{text}");
    }

    #[test]
    fn what_diverged_is_counted_with_its_share_and_means_say_how_many_repeats_they_are_of() {
        let mut summary = Benchmark::open("tests/data/tiny-benchmark").unwrap().summary().unwrap();
        assert_eq!(divergence(&summary), None);
        assert_eq!((diverged(&summary.budgets[0]), repeats_of(&summary.best[0])), ("0".to_owned(), "2".to_owned()));
        summary.budgets[0].statuses.insert("diverged", 3);
        (summary.best[0].test_repeats, summary.best[0].diverged) = (1, 1);
        // The tiny benchmark has 182 trainings at each budget.
        assert_eq!(diverged(&summary.budgets[0]), "3 (1.65 %)");
        assert_eq!(repeats_of(&summary.best[0]), "2, test 1, 1 diverged");
        let text = "\n  3 trainings diverged: in means, rankings and noise each counts as an accuracy of chance, 10.00 %\n";
        assert_eq!(divergence(&summary).as_deref(), Some(text));
    }

    #[test]
    fn long_facts_are_wrapped_below_their_first_word() {
        let text = fact("protocol", &"word ".repeat(40));
        let lines: Vec<_> = text.lines().collect();
        assert!(lines.len() == 3 && lines[1].starts_with("                word word"), "{text}");
        assert_eq!(fact("", "a"), "                a\n");
    }
}
