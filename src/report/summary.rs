//! What was found, in a few sentences.

use crate::unit::Accuracy;

use super::number::{self, counted};
use super::{Records, Report, RowCount, Spread, Surrogates};
use crate::verify::{Role, Verification, Verified};

/// A figure worth a tile at the top of the page.
pub(super) struct Tile {
    pub(super) name: &'static str,
    pub(super) value: String,
    pub(super) note: String,
    /// Whether the promise held, on the tile that says so.
    pub(super) held: Option<bool>,
}

/// The sentences, in pipeline order.
pub(super) fn sentences(report: &Report) -> Vec<String> {
    [
        Some(recorded(&report.records)),
        best_recorded(&report.records),
        asked_surrogate(&report.surrogates),
        report.surrogates.outside.as_ref().map(|outside| format!("Of those that were searched, {outside}.")),
        Some(verified(&report.verification)),
        report.verification.verdict.as_ref().map(|verdict| verdict.text.clone()),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The best recorded cell, the best verified winner, the surrogate's quality and the verdict.
pub(super) fn tiles(report: &Report) -> Vec<Tile> {
    let mut tiles = Vec::new();
    if let Some((best, validation)) = report.records.best() {
        let note = format!("validation accuracy, {} parameters", number::thousands(best.parameters.0));
        tiles.push(Tile { name: "best recorded cell", value: validation.to_string(), note, held: None });
    }
    if let Some((winner, measured)) = best_winner(&report.verification) {
        let deviation = winner.deviation.map_or_else(String::new, |d| format!(" ± {}", number::percent(d)));
        let value = format!("{}{deviation} %", number::accuracy(Some(measured)));
        let note = format!("over {}, {} parameters", counted(winner.seeds, "seed"), number::thousands(winner.parameters.0));
        tiles.push(Tile { name: "best verified winner", value, note, held: None });
    }
    if let Some((name, kendall)) = asked_model(&report.surrogates) {
        let deviation = kendall.deviation.map(|deviation| format!("{deviation:.2}"));
        let value = format!("τ {}", number::with_deviation(&format!("{:.2}", kendall.mean), deviation)).replace('-', "−");
        tiles.push(Tile { name: "surrogate on unseen cells", value, note: name.to_owned(), held: None });
    }
    if let Some(verdict) = &report.verification.verdict {
        let (value, note) = if verdict.held { ("held", "see Verification") } else { ("did not hold", "see Verification") };
        tiles.push(Tile { name: "the surrogate's promise", value: value.into(), note: note.into(), held: Some(verdict.held) });
    }
    tiles
}

fn recorded(records: &Records) -> String {
    if records.cells.is_empty() {
        return "No cell was recorded.".to_owned();
    }
    let epochs: Vec<_> = records.rows.iter().map(|count| count.epochs.to_string()).collect();
    let sum = |of: fn(&RowCount) -> usize| records.rows.iter().map(of).sum::<usize>();
    let (diverged, failed) = (sum(|count| count.diverged), sum(|count| count.failed));
    let trained = was(records.cells.len(), "cell");
    let trainings = match epochs.len() {
        0 => String::new(),
        _ => format!(": {} at {} epochs", counted(records.row_count(), "training"), epochs.join(" and ")),
    };
    let lost = match (diverged, failed) {
        (0, 0) => String::new(),
        (_, 0) => format!(", of which {diverged} diverged"),
        (0, _) => format!(", of which {failed} failed"),
        _ => format!(", of which {diverged} diverged and {failed} failed"),
    };
    format!("{trained} trained for real{trainings}{lost}.")
}

fn best_recorded(records: &Records) -> Option<String> {
    let ranked = records.ranked();
    let (best, validation) = ranked.first()?;
    let (_, worst) = ranked.last()?;
    let budget = records.budget.map_or_else(String::new, |epochs| format!(" after {}", number::budget(epochs)));
    let test = best.test.map_or_else(String::new, |test| format!(" ({test} on the test images)"));
    let spread = f64::from(validation.fraction()) - f64::from(worst.fraction());
    let spread = if ranked.len() > 1 {
        format!("; the worst reaches {worst}, {} points less", number::percent(spread))
    } else {
        String::new()
    };
    Some(format!(
        "The best recorded cell, {}, has {} parameters and reaches a validation accuracy of {validation}{budget}{test}{spread}.",
        number::short(best.cell.hash()),
        number::thousands(best.parameters.0),
    ))
}

/// The first of the surrogates is the one that the searches asked.
fn asked_surrogate(surrogates: &Surrogates) -> Option<String> {
    let (name, kendall) = asked_model(surrogates)?;
    let kendall = number::spread(Some(kendall));
    Some(format!("The searches asked the {name}, which ranks cells that it has not seen with Kendall τ {kendall}."))
}

fn asked_model(surrogates: &Surrogates) -> Option<(&str, Spread)> {
    let model = surrogates.models.first()?;
    Some((model.name.as_str(), model.kendall?))
}

pub(super) fn best_winner(verification: &Verification) -> Option<(&Verified, Accuracy)> {
    let winner = *verification.of_role(Role::Winner).first()?;
    Some((winner, winner.measured?))
}

fn verified(verification: &Verification) -> String {
    let winners = verification.of_role(Role::Winner).len();
    let Some((winner, measured)) = best_winner(verification) else {
        return match winners {
            0 => "No winner of a search was retrained, so nothing is known about the surrogate's promise.".to_owned(),
            _ => format!("{} retrained, and every training diverged.", was(winners, "winner")),
        };
    };
    let deviation = winner.deviation.map_or_else(String::new, |d| format!(" ± {}", number::percent(d)));
    let predicted = winner.predicted.map_or_else(String::new, |predicted| format!(", predicted {predicted}"));
    let retrained = match winners {
        1 => "1 winner of a search was".to_owned(),
        _ => format!("{winners} winners of the searches were"),
    };
    let recorded = verification.of_role(Role::BestRecorded).first().and_then(|recorded| recorded.measured);
    let beside = recorded.map_or_else(String::new, |recorded| {
        let gain = f64::from(measured.fraction()) - f64::from(recorded.fraction());
        let (gain, how) = (number::percent(gain.abs()), if gain < 0.0 { "less" } else { "more" });
        format!(": {gain} points {how} than the best recorded cell retrained beside it ({recorded})")
    });
    format!(
        "{retrained} retrained on fresh seeds; the best, {}, has {} parameters and reaches {}{deviation} %{predicted}{beside}.",
        number::short(winner.cell.hash()),
        number::thousands(winner.parameters.0),
        number::accuracy(Some(measured)),
    )
}

/// A count, its noun and `was` or `were`.
fn was(count: usize, noun: &str) -> String {
    format!("{} {}", counted(count, noun), if count == 1 { "was" } else { "were" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn a_full_report_is_summed_up_in_pipeline_order() {
        let text = sentences(&sample::full()).join("\n");
        let order = [
            "91 cells were trained for real",
            "The best recorded cell",
            "ranks cells that it has not seen",
            "Of those that were searched, 2441 of 2532 cells are outside the fitted range",
            "retrained beside it",
        ];
        let places: Vec<_> = order.iter().map(|part| text.find(part).unwrap_or_else(|| panic!("`{part}` in {text}"))).collect();
        assert!(places.is_sorted(), "{text}");
        assert_eq!(tiles(&sample::full()).len(), 4);
    }

    #[test]
    fn a_report_of_nothing_says_so() {
        let text = sentences(&sample::empty()).join(" ");
        assert!(text.starts_with("No cell was recorded. No winner of a search was retrained"), "{text}");
        assert!(tiles(&sample::empty()).is_empty());
    }

    #[test]
    fn one_is_no_plural() {
        assert_eq!(was(1, "cell"), "1 cell was");
        assert_eq!(was(2, "cell"), "2 cells were");
    }
}
