//! What was found, in a few sentences.

use super::model::{mean_and_deviation, over_folds};
use super::{Records, Report, RowCount, Surrogates};
use crate::print::{self, counted};
use crate::surrogate::quality::{self, Quality};
use crate::verify::{Chosen, Outcome, Role, Verification, Verified};

/// A figure worth a tile at the top of the page.
pub(super) struct Tile {
    pub(super) name: &'static str,
    pub(super) value: String,
    pub(super) note: String,
    /// The outcome of the verification, on its tile.
    pub(super) outcome: Option<Outcome>,
}

/// The sentences, in pipeline order.
pub(super) fn sentences(report: &Report) -> Vec<String> {
    [
        Some(recorded(&report.records)),
        best_recorded(&report.records),
        asked_surrogate(report),
        report.surrogates.outside.as_ref().map(|outside| format!("Of those that were searched, {outside}.")),
        Some(verified(&report.verification)),
        report.verification.verdict.as_ref().map(|verdict| verdict.text.clone()),
        chosen(&report.verification),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The best recorded cell, the best verified winner, the surrogate's quality and the verdict.
pub(super) fn tiles(report: &Report) -> Vec<Tile> {
    let mut tiles = Vec::new();
    if let Some((best, validation)) = report.records.best() {
        let note = format!("validation accuracy, {} parameters", print::thousands(best.parameters.0));
        tiles.push(Tile { name: "best recorded cell", value: validation.to_string(), note, outcome: None });
    }
    if let Some((winner, chosen)) = chosen_winner(&report.verification) {
        let note = format!(
            "over {} that it was not chosen by, {} parameters",
            counted(chosen.seeds, "seed"),
            print::thousands(winner.parameters.0)
        );
        tiles.push(Tile { name: CHOSEN, value: format!("{} %", print::percent(chosen.measured)), note, outcome: None });
    }
    if let Some((name, kendall)) = asked_model(&report.surrogates) {
        let deviation = kendall.standard_deviation.map(|deviation| format!("{deviation:.2}"));
        let value = format!("τ {}", mean_and_deviation(&format!("{:.2}", kendall.mean), deviation)).replace('-', "−");
        tiles.push(Tile { name: "surrogate on unseen cells", value, note: name.to_owned(), outcome: None });
    }
    if let Some(verdict) = &report.verification.verdict {
        let (value, note) = (verdict.outcome.name().to_owned(), "see Verification".to_owned());
        tiles.push(Tile { name: "the surrogate's promise", value, note, outcome: Some(verdict.outcome) });
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
    let budget = records.budget.map_or_else(String::new, |epochs| format!(" after {}", print::budget(epochs)));
    let test = best.test.map_or_else(String::new, |test| format!(" ({test} on the test images)"));
    let spread = f64::from(validation.fraction()) - f64::from(worst.fraction());
    let spread = if ranked.len() > 1 {
        format!("; the worst reaches {worst}, {} points less", print::percent(spread))
    } else {
        String::new()
    };
    Some(format!(
        "The best recorded cell, {}, has {} parameters and reaches a validation accuracy of {validation}{budget}{test}{spread}.",
        print::short(best.cell.hash()),
        print::thousands(best.parameters.0),
    ))
}

/// The first of the surrogates is the one that was asked.
fn asked_surrogate(report: &Report) -> Option<String> {
    let (name, kendall) = asked_model(&report.surrogates)?;
    let kendall = over_folds(Some(kendall), print::plain);
    let asked = report.scored.map_or_else(
        || format!("The searches asked the {name}"),
        |scored| format!("All {} of the searched space were scored by the {name}", counted(scored, "cell")),
    );
    Some(format!("{asked}, which ranks cells that it has not seen with Kendall τ {kendall}{}.", beside_sizes(&report.surrogates)))
}

/// Compares the surrogate with the sizes of the cells alone.
fn beside_sizes(surrogates: &Surrogates) -> String {
    let size = |(name, quality): &(&str, Quality)| format!("{name} {}", over_folds(quality.measures.kendall_tau, print::plain));
    let sizes: Vec<_> = surrogates.sizes.iter().map(size).collect();
    if sizes.is_empty() {
        String::new()
    } else {
        format!("; with nothing fitted, the size alone does so with {}", sizes.join(", "))
    }
}

fn asked_model(surrogates: &Surrogates) -> Option<(&'static str, quality::Summary)> {
    let (name, quality) = surrogates.models.first()?;
    Some((name, quality.measures.kendall_tau?))
}

/// The name of the winner that was trained further.
pub(super) const CHOSEN: &str = "best winner, trained further";

/// Returns the best winner and its further trainings.
pub(super) fn chosen_winner(verification: &Verification) -> Option<(&Verified, Chosen)> {
    let chosen = verification.chosen?;
    Some((verification.cells.get(chosen.place)?, chosen))
}

fn verified(verification: &Verification) -> String {
    let winners = verification.of_role(Role::Winner);
    let retrained = match winners.len() {
        0 => {
            return "No cell that the surrogate promises much of was retrained, so nothing is known about its promise."
                .to_owned();
        }
        count => was(count, "winner"),
    };
    if winners.iter().all(|winner| winner.measured.is_none()) {
        return format!("{retrained} retrained, and every training diverged.");
    }
    format!("{retrained} retrained on fresh seeds: the cells that the surrogate promises most of and that are not recorded.")
}

fn chosen(verification: &Verification) -> Option<String> {
    let (winner, chosen) = chosen_winner(verification)?;
    let above = chosen.above_recorded.map_or_else(String::new, |above| {
        let [value, low, high] = [above.value, above.low, above.high].map(print::points);
        format!(": {value} points [{low}, {high}] from the best recorded cell on fresh seeds")
    });
    Some(format!(
        "The best of them, {}, has {} parameters; on {} that it was not chosen by it reaches {} %{above}.",
        print::short(winner.cell.hash()),
        print::thousands(winner.parameters.0),
        counted(chosen.seeds, "further seed"),
        print::percent(chosen.measured),
    ))
}

/// A count, its noun and `was` or `were`.
fn was(count: usize, noun: &str) -> String {
    format!("{} {}", counted(count, noun), if count == 1 { "was" } else { "were" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::sample;

    #[test]
    fn a_full_report_is_summed_up_in_pipeline_order() {
        let text = sentences(&sample::full()).join("\n");
        let order = [
            "91 cells were trained for real",
            "The best recorded cell",
            "ranks cells that it has not seen",
            "Of those that were searched, 2441 of 2532 cells are outside the fitted range",
            "4 winners were retrained on fresh seeds",
            "The promise held",
            "that it was not chosen by it reaches",
        ];
        let places: Vec<_> = order.iter().map(|part| text.find(part).unwrap_or_else(|| panic!("`{part}` in {text}"))).collect();
        assert!(places.is_sorted(), "{text}");
        assert_eq!(tiles(&sample::full()).len(), 4);
    }

    #[test]
    fn a_report_of_nothing_says_so() {
        let text = sentences(&sample::empty()).join(" ");
        assert!(text.starts_with("No cell was recorded. No cell that the surrogate promises much of was retrained"), "{text}");
        assert!(tiles(&sample::empty()).is_empty());
    }

    #[test]
    fn a_space_that_was_scored_whole_was_not_searched() {
        let text = |scored| sentences(&Report { scored, ..sample::full() }).join(" ");
        assert!(text(None).contains("The searches asked the random-forest, which ranks"), "{}", text(None));
        let scored = text(Some(2_532));
        assert!(
            scored.contains("All 2,532 cells of the searched space were scored by the random-forest, which ranks"),
            "{scored}"
        );
        assert!(scored.contains("with nothing fitted, the size alone does so with flops 0.512"), "{scored}");
    }

    #[test]
    fn one_is_no_plural() {
        assert_eq!(was(1, "cell"), "1 cell was");
        assert_eq!(was(2, "cell"), "2 cells were");
    }
}
