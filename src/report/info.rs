//! The page of `nasbench info`: what a benchmark holds, as plain text.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::Value;

use super::grid::{Grid, INDENT, Tabulated, tabulate};
use crate::analysis::summary::{BestCell, BudgetCount, Provenance, Range, Summary, WithinBudget};
use crate::print;
use crate::statistics::{RankCorrelation, number};
use crate::table::{BetweenBudgets, Divergence, Status};

/// Lines are wrapped to this many characters.
const WIDTH: usize = 100;
/// The width of the names of facts.
const NAME: usize = 14;

/// Formats what a benchmark holds as aligned plain text, at most 100 characters wide; ends with a line break.
///
/// # Example
///
/// ```
/// use nasbench::{report, table::Benchmark};
///
/// let page = report::info(&Benchmark::open("tests/data/tiny-benchmark")?.summary()?);
/// assert!(page.starts_with("contents\n"));
/// # Ok::<(), nasbench::table::Error>(())
/// ```
#[must_use]
pub fn info(summary: &Summary) -> String {
    [
        format!("contents\n{}", contents(summary)),
        vertices(summary).section("cells by vertices"),
        budgets(summary).section("models by budget"),
        ranges(&summary.ranges).section("ranges (accuracies in %, times in seconds)"),
        best(summary).section("best cells by mean final validation accuracy (in %, times in seconds)"),
        standard_error(summary).unwrap_or_default(),
        divergence(summary).unwrap_or_default(),
        between(summary)
            .section("final validation accuracy: how well one training at a smaller budget ranks the means of a larger one"),
        by_size(summary).section("the size of a network alone: how well it ranks the cells at the largest budget"),
        within(&summary.validation_and_test).section("at the end: how well validation accuracy ranks the cells of test accuracy"),
        within(&summary.halfway_and_final).section("validation accuracy: how well halfway ranks the cells of the end"),
        repeats(summary).section("final validation accuracy: deviation over repeats, repeat 0 against repeat 1"),
        failures(summary).section("the first trainings that did not end well"),
        format!("\nwhere it comes from\n{}", origin(&summary.provenance)),
    ]
    .concat()
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
    let mut text = fact("identity", &identity.to_string());
    text += &fact("data set", &dataset.name);
    if let Some(sha256) = &dataset.sha256 {
        text += &fact("", &format!("sha256 {sha256}"));
    }
    text += &fact("seed", &seed.map_or_else(print::nothing, |seed| seed.to_string()));
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

/// Formats a name and its value, wrapped.
fn fact(name: &str, value: &str) -> String {
    print::wrapped(&format!("{:INDENT$}{name:<NAME$}", ""), value, INDENT + NAME, WIDTH)
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
    if labels.is_empty() { print::nothing() } else { labels.join(", ") }
}

fn vertices(summary: &Summary) -> Grid {
    tabulate(&summary.vertices).right("vertices", |count| count.vertices.to_string()).right("cells", |count| count.cells).grid
}

/// Returns the number of trainings of a budget that ended in one way.
fn count(budget: &BudgetCount, status: Status) -> usize {
    budget.statuses.get(status.name()).copied().unwrap_or_default()
}

fn budgets(summary: &Summary) -> Grid {
    let repeats = |budget: &BudgetCount| match (budget.fewest_repeats, budget.most_repeats) {
        (fewest, most) if fewest == most => most.to_string(),
        (fewest, most) => format!("{fewest} to {most}"),
    };
    tabulate(&summary.budgets)
        .right("epochs", |budget| budget.epochs)
        .right("cells", |budget| budget.cells)
        .right("models", |budget| budget.rows)
        .right("repeats", repeats)
        .right("ok", |budget| count(budget, Status::Ok))
        .right("diverged", diverged)
        .right("failed", |budget| count(budget, Status::Failed))
        .grid
}

/// The trainings of a budget that diverged, with their share.
fn diverged(budget: &BudgetCount) -> String {
    let diverged = count(budget, Status::Diverged);
    let rate = Divergence { diverged, trainings: budget.rows }.rate();
    let text = print::thousands(diverged);
    if diverged == 0 { text } else { format!("{text} ({} %)", print::percent(rate)) }
}

/// Warns that the order of the best cells is uncertain.
fn standard_error(summary: &Summary) -> Option<String> {
    let (best, last) = (summary.best.first()?, summary.repeats.last()?);
    let noise = last.best_tenth.over_repeats.or(last.all.over_repeats)?;
    Some(format!(
        "\n  a mean of {} has a standard error of {} points, and these are the largest of {} means:\n  {}\n",
        print::counted(best.repeats, "repeat"),
        print::percent(noise / number(best.repeats).sqrt()),
        print::thousands(summary.cells as u64),
        "which cell is the best, and by how much, they do not tell"
    ))
}

/// Explains how trainings that diverged are counted, if any did.
fn divergence(summary: &Summary) -> Option<String> {
    let diverged: usize = summary.budgets.iter().map(|budget| count(budget, Status::Diverged)).sum();
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
    tabulate(ranges.iter().filter(|range| range.values > 0))
        .left("column", |range| range.column)
        .right("epochs", |range| range.epochs.map_or_else(String::new, |epochs| epochs.to_string()))
        .right("values", |range| range.values)
        .right("least", |range| range.least.map(|value| in_unit(range.column, value)))
        .right("mean", |range| range.mean.map(|value| in_unit(range.column, value)))
        .right("largest", |range| range.largest.map(|value| in_unit(range.column, value)))
        .grid
}

/// Formats a value in the unit of its column.
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
    tabulate(&summary.best)
        .left("module_hash", |cell| cell.module_hash.to_string())
        .right("epochs", |cell| cell.epochs)
        .right("validation", |cell| print::percent(cell.final_validation_accuracy))
        .right("test", |cell| cell.final_test_accuracy.map(print::percent))
        .right("repeats", repeats_of)
        .right("parameters", |cell| print::thousands(cell.trainable_parameters))
        .right("training time", |cell| cell.final_training_time.map(|time| format!("{time:.2}")))
        .grid
}

/// Adds the columns of a rank correlation to a table.
fn with_correlation<T: Copy>(table: Tabulated<T>, correlation: impl Fn(T) -> RankCorrelation) -> Grid {
    table
        .right("cells", |row| correlation(row).cells)
        .right("Spearman", |row| print::correlation(correlation(row).spearman))
        .right("Spearman, best 10 %", |row| print::correlation(correlation(row).spearman_of_best))
        .right("Kendall τ-b", |row| print::correlation(correlation(row).kendall_tau_b))
        .grid
}

fn by_size(summary: &Summary) -> Grid {
    let sizes = summary.by_size.iter().filter(|row| row.correlation.cells > 0);
    with_correlation(tabulate(sizes).left("size", |row| row.column), |row| row.correlation)
}

fn between(summary: &Summary) -> Grid {
    let epochs = |pair: &BetweenBudgets| format!("{} for {}", pair.smaller, pair.larger);
    with_correlation(tabulate(&summary.between_budgets).right("epochs", epochs), |pair| pair.correlation)
}

fn within(budgets: &[WithinBudget]) -> Grid {
    let budgets = budgets.iter().filter(|row| row.correlation.cells > 0);
    with_correlation(tabulate(budgets).right("epochs", |row| row.epochs), |row| row.correlation)
}

fn repeats(summary: &Summary) -> Grid {
    let repeated = summary.repeats.iter().filter(|repeats| repeats.all.cells > 0);
    let rows = repeated.flat_map(|repeats| {
        [("all", repeats.all), ("best 10 %", repeats.best_tenth)].map(|(cells, noise)| (repeats.epochs, cells, noise))
    });
    tabulate(rows)
        .right("epochs", |(epochs, ..)| epochs)
        .left("of", |(_, cells, _)| cells)
        .right("cells", |(.., noise)| noise.cells)
        .right("over repeats", |(.., noise)| noise.over_repeats.map(print::percent))
        .right("over cells", |(.., noise)| noise.over_cells.map(print::percent))
        .right("Spearman", |(.., noise)| print::correlation(noise.spearman))
        .grid
}

fn failures(summary: &Summary) -> Grid {
    tabulate(&summary.failures)
        .left("module_hash", |failure| failure.key.hash.to_string())
        .right("epochs", |failure| failure.key.epochs)
        .right("repeat", |failure| failure.key.repeat.to_string())
        .left("status", |failure| failure.status.name())
        .grid
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::Benchmark;

    #[test]
    fn the_page_fits_a_terminal_and_has_no_empty_section() {
        let text = info(&Benchmark::open("tests/data/tiny-benchmark").unwrap().summary().unwrap());
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
        let text = info(&Benchmark::open(folder.path()).unwrap().summary().unwrap());
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
