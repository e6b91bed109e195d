//! The report as one HTML page: style and plots are inside, nothing is loaded.

use super::grid::escape;
use super::plot::{Figure, figures};
use super::summary::Tile;
use super::{Records, Report, Surrogates, drawing, summary, tables};
use crate::print;
use crate::space::Cell;
use crate::surrogate::quality::ClassifierQuality;
use crate::surrogate::rule_classifier::PROMISING;
use crate::surrogate::rule_classifier::RuleClassifier;
use crate::verify::{Outcome, Role, Verification};

const STYLE: &str = include_str!("page.css");
/// Refuses everything that would have to be loaded.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";
/// The rows of the table of recorded cells that are not folded away, and that there are at all.
const SHOWN: usize = 10;
const MOST: usize = 1_000;
/// The drawings of a section.
const DRAWINGS: usize = 8;

/// A section of a page: its id, its heading as HTML, and what is in it.
pub(super) type Section = (String, String, String);

/// Makes the page of a run.
pub(super) fn page(report: &Report) -> String {
    let sections = [
        section("summary", "Summary", summary(report)),
        section("setting", "What was run", setting(report)),
        section("records", "Records", records(&report.records)),
        section("surrogates", "Surrogates", surrogates(&report.surrogates)),
        section("searches", "Searches", searches(report)),
        section("verification", "Verification", verification(report)),
        section("repeat", "Repeat this run", repeat(report)),
    ];
    let header = &report.header;
    let (data, protocol) = (&header.dataset.name, &header.protocol.name);
    let run = format!(" · {data} · protocol {protocol} · seed {} · {}", header.seed, header.started);
    document(&header.title, &run, &sections)
}

/// Makes a section whose heading is plain text.
pub(super) fn section(id: &str, heading: &str, body: String) -> Section {
    (id.to_owned(), escape(heading), body)
}

/// Makes a whole page of sections, led by the version of this tool and `lead`.
pub(super) fn document(title: &str, lead: &str, sections: &[Section]) -> String {
    let link = |(id, name, _): &Section| format!("<a href=\"#{id}\">{name}</a>\n");
    let part = |(id, name, body): &Section| format!("<section id=\"{id}\">\n<h2>{name}</h2>\n{body}</section>\n");
    let title = escape(title);
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n\
         <meta name=\"color-scheme\" content=\"light dark\"/>\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\"/>\n\
         <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n\
         <header>\n<h1>{title}</h1>\n{}<nav>\n{}</nav>\n</header>\n<main>\n{}</main>\n</body>\n</html>\n",
        paragraph(&format!("nasbench {}{lead}", env!("CARGO_PKG_VERSION"))),
        sections.iter().map(link).collect::<String>(),
        sections.iter().map(part).collect::<String>()
    )
}

fn summary(report: &Report) -> String {
    let tile = |tile: &Tile| {
        let class = tile.outcome.map_or_else(|| "tile".to_owned(), |outcome| format!("tile {}", class_of(outcome)));
        let (value, note) = (escape(&tile.value), escape(&tile.note));
        format!("<div class=\"{class}\"><div>{}</div><strong>{value}</strong><div>{note}</div></div>\n", tile.name)
    };
    let tiles: String = summary::tiles(report).iter().map(tile).collect();
    let sentences: String = summary::sentences(report).iter().map(|sentence| paragraph(sentence)).collect();
    let recorded = report.records.best().map(|(best, validation)| card(best.cell, "best recorded cell", &validation.to_string()));
    let winner = summary::chosen_winner(&report.verification)
        .map(|(winner, chosen)| card(winner.cell, summary::CHOSEN, &format!("{} %", print::percent(chosen.measured))));
    let cards: String = recorded.into_iter().chain(winner).collect();
    format!(
        "<div class=\"tiles\">\n{tiles}</div>\n<div class=\"lead\">\n<div>\n{sentences}</div>\n<div class=\"cards\">\n{cards}</div>\n</div>\n"
    )
}

fn setting(report: &Report) -> String {
    let stages = tables::stages(&report.header).html("Where the time went");
    format!("<div class=\"pair\">\n{}<div>{stages}</div>\n</div>\n", definitions(tables::setting(report)))
}

fn records(records: &Records) -> String {
    if records.cells.is_empty() {
        return paragraph("No cell was recorded.");
    }
    let trained = print::counted(records.cells.len(), "trained cell");
    let budget = records.budget.map_or_else(String::new, |epochs| format!(", accuracies after {}", print::budget(epochs)));
    let figures = [figures::accuracy_against_parameters(records), figures::repeats(records)];
    let cells = tables::cells(records);
    let best = records.ranked().into_iter().take(4).enumerate().map(|(i, (recorded, validation))| {
        card(
            recorded.cell,
            &format!("rank {}", i + 1),
            &format!("{validation}, {} parameters", print::thousands(recorded.parameters.0)),
        )
    });
    let all = if records.cells.len() > SHOWN {
        let shown = print::counted(records.cells.len().min(MOST), "cell");
        let heading = match records.cells.len() {
            0..=MOST => format!("All {shown}"),
            _ => format!("The best {shown}; the others are in the table on disk"),
        };
        format!("<details><summary>{heading}</summary>\n{}</details>\n", cells.first(MOST).html("Recorded cells"))
    } else {
        String::new()
    };
    [
        paragraph(&format!("{}: {trained}{budget}.", print::capitalised(&records.space))),
        side_by_side(figures),
        "<div class=\"tables\">\n".to_owned(),
        tables::rows(records).html("Trainings by budget"),
        tables::repeats(records).html("Two trainings of the same cell; noise is the standard deviation of one training"),
        tables::budgets(records).html("Does a small budget rank the cells as a larger one does?"),
        "</div>\n".to_owned(),
        cards("The best recorded cells", best),
        cells.first(SHOWN).html("The best recorded cells; ● marks the Pareto front of accuracy and parameters"),
        all,
    ]
    .concat()
}

fn surrogates(surrogates: &Surrogates) -> String {
    if surrogates.models.is_empty() {
        return paragraph("No surrogate was fitted.");
    }
    let quality = tables::surrogates(surrogates).html(
        "Mean ± standard deviation on cells that were held out; regret: how far the best of the five cells predicted best stays behind the best cell",
    );
    let how = if surrogates.validation.is_empty() {
        String::new()
    } else {
        paragraph(&format!("Cross-validated: {}.", surrogates.validation))
    };
    let judge = surrogates.judge.as_ref().map(judge).unwrap_or_default();
    let figure = figures::held_out(surrogates).map(|figure| drawn(&figure)).unwrap_or_default();
    format!("{how}{quality}<div class=\"pair\">\n{figure}{judge}</div>\n")
}

/// The question that the judge answers.
pub(super) fn question() -> String {
    format!("Is this cell among the best {:.0} %?", PROMISING * 100.0)
}

fn judge((judge, quality): &(RuleClassifier, ClassifierQuality)) -> String {
    let rate = |rate: Option<f64>| rate.map_or_else(print::nothing, |rate| format!("{} %", print::percent(rate)));
    let text = format!(
        "On held-out cells it is right in {} of the cells that it calls promising, where guessing is right in {}; it finds {} of the promising ones.",
        rate(quality.precision()),
        rate(Some(quality.base_rate().unwrap_or_default())),
        rate(quality.recall()),
    );
    let rules = preformatted(&judge.to_string());
    format!("<div class=\"judge\">\n<h3>The judge: {}</h3>\n{}{rules}</div>\n", escape(&question()), paragraph(&text))
}

fn searches(report: &Report) -> String {
    if report.searches.is_empty() {
        return paragraph(&report.scored.map_or_else(
            || "No search was run.".to_owned(),
            |scored| {
                format!(
                    "The surrogate scored all {} of the searched space, of which a search could only find some. A larger one is searched.",
                    print::counted(scored, "cell")
                )
            },
        ));
    }
    let abouts = definitions(report.searches.iter().map(|search| (search.history.algorithm.as_str(), search.about)));
    let best = report.records.best().map(|(_, validation)| validation);
    let figure = figures::trajectories(&report.searches, best).map(|figure| drawn(&figure)).unwrap_or_default();
    let table = tables::searches(&report.searches).html("Searches on the surrogate");
    let found = report.searches.iter().filter_map(|search| {
        let step = *search.steps().last()?;
        Some(card(step.cell, &search.history.algorithm, &format!("predicted {}", step.predicted)))
    });
    let found = cards("What they found", found);
    format!("<div class=\"pair\">\n{figure}<div>\n{abouts}{found}</div>\n</div>\n{table}")
}

fn verification(report: &Report) -> String {
    let verification = &report.verification;
    if verification.cells.is_empty() {
        return paragraph("No cell was retrained.");
    }
    let figures = [figures::verified(report), figures::learning_curves(verification)];
    let verdict = verification
        .verdict
        .as_ref()
        .map(|verdict| format!("<p class=\"verdict {}\">{}</p>\n", class_of(verdict.outcome), escape(&verdict.text)));
    let training = if verification.training.is_empty() {
        String::new()
    } else {
        paragraph(&format!("Each cell was trained anew: {}. These rows are kept apart from the records.", verification.training))
    };
    [
        training,
        verdict.unwrap_or_default(),
        side_by_side(figures),
        tables::differences(verification).html("The winners against the cells beside them; intervals of 95 %"),
        tables::verified(verification).html(
            "Retrained cells; measured is the mean over the seeds ± their standard deviation, the difference with an interval of 95 % by the \
             noise of all these trainings",
        ),
        tables::ranks(verification).html("Does the surrogate rank what it has never seen?"),
        cards("The retrained winners and the best recorded cell", retrained_cards(verification)),
    ]
    .concat()
}

/// The style of an outcome.
const fn class_of(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Held => "held",
        Outcome::Broken => "broken",
        Outcome::Open => "open",
    }
}

fn retrained_cards(verification: &Verification) -> impl Iterator<Item = String> {
    let drawn = [Role::Winner, Role::BestRecorded].into_iter().flat_map(|role| verification.of_role(role)).take(DRAWINGS);
    drawn.map(|verified| {
        let note = format!("{} %, predicted {} %", tables::measured(verified), print::accuracy(verified.predicted));
        card(verified.cell, verified.role.name(), &note)
    })
}

fn repeat(report: &Report) -> String {
    let what = format!(
        "The same command with the same version ({}) gives the same accuracies on the same kind of CPU; times differ. In the same \
         folder it continues and trains nothing twice: another --out trains everything again.",
        env!("CARGO_PKG_VERSION")
    );
    preformatted(&report.header.command) + &paragraph(&what)
}

pub(super) fn paragraph(text: &str) -> String {
    format!("<p>{}</p>\n", escape(text))
}

/// Formats preformatted text, as a command.
pub(super) fn preformatted(text: &str) -> String {
    format!("<pre tabindex=\"0\">{}</pre>\n", escape(text))
}

/// Formats a list of names and descriptions.
pub(super) fn definitions<N: AsRef<str>, V: AsRef<str>>(lines: impl IntoIterator<Item = (N, V)>) -> String {
    let line = |(name, value): (N, V)| format!("<dt>{}</dt><dd>{}</dd>\n", escape(name.as_ref()), escape(value.as_ref()));
    format!("<dl>\n{}</dl>\n", lines.into_iter().map(line).collect::<String>())
}

fn drawn(figure: &Figure) -> String {
    let mark = |(swatch, name): &(String, String)| format!("<li>{}{}</li>\n", swatch.trim_end(), escape(name));
    format!(
        "<figure>\n<figcaption><strong>{}</strong> {}</figcaption>\n<ul class=\"legend\">\n{}</ul>\n{}</figure>\n",
        escape(figure.title),
        escape(figure.caption),
        figure.legend.iter().map(mark).collect::<String>(),
        figure.svg
    )
}

/// Formats figures beside each other; those that are `None` are left out.
pub(super) fn side_by_side(figures: impl IntoIterator<Item = Option<Figure>>) -> String {
    let figures: String = figures.into_iter().flatten().map(|figure| drawn(&figure)).collect();
    format!("<div class=\"pair\">\n{figures}</div>\n")
}

fn card(cell: Cell, role: &str, note: &str) -> String {
    let hash = cell.hash();
    format!(
        "<figure class=\"card\">\n<figcaption><strong>{}</strong> <code title=\"{hash}\">{}</code><br/>{}</figcaption>\n{}</figure>\n",
        escape(role),
        print::short(hash),
        escape(note),
        drawing::svg(cell)
    )
}

fn cards(heading: &str, cards: impl Iterator<Item = String>) -> String {
    let cards: String = cards.collect();
    if cards.is_empty() {
        return cards;
    }
    format!("<h3>{}</h3>\n<div class=\"cards\">\n{cards}</div>\n", escape(heading))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::plot::figures::MAKEUPS;
    use crate::report::plot::{AXIS, BLUE, GREEN, GRID, INK, hex};
    use crate::report::tests::sample;

    #[test]
    fn a_page_is_well_formed_and_loads_nothing() {
        let page = sample::full().page();
        sample::assert_well_formed(&page);
        for reference in ["http://", "https://", " src=", "url(", "@import", "<link", "<script"] {
            assert!(!page.contains(reference), "{reference}");
        }
        let links: Vec<_> = page.split("href=\"").skip(1).collect();
        assert!(links.iter().all(|link| link.starts_with('#')));
    }

    #[test]
    fn a_full_page_has_every_plot_and_a_drawing_of_each_winner() {
        let page = sample::full().page();
        assert_eq!(page.matches("<svg class=\"plot\"").count(), 6);
        // The summary has two, the records four, the searches one each; then four winners and the best recorded cell.
        assert_eq!(page.matches("<svg class=\"cell\"").count(), 2 + 4 + 2 + 5);
        assert_eq!(page.matches("<li>").count(), 4 + 2 + 2 + 5 + 3 + 5);
        assert!(MAKEUPS.iter().all(|makeup| page.contains(makeup)));
    }

    #[test]
    fn odd_reports_have_sensible_pages() {
        for report in sample::odd() {
            let page = report.page();
            sample::assert_well_formed(&page);
            assert!(!page.contains("NaN") && !page.contains("inf\""), "{page}");
            assert!(page.contains("The same command"));
        }
        assert!(sample::empty().page().contains("No cell was retrained."));
    }

    #[test]
    fn text_from_outside_cannot_become_markup() {
        let mut report = sample::full();
        let hostile = "</style><script>alert(1)</script>\"'&";
        let header = &mut report.header;
        for text in [&mut header.title, &mut header.command, &mut header.dataset.name, &mut header.protocol.name] {
            *text = hostile.to_owned();
        }
        header.processor = Some(hostile);
        report.records.space = hostile.to_owned();
        report.surrogates.validation = hostile.to_owned();
        report.surrogates.models[0].0 = hostile;
        report.surrogates.judge = Some(sample::judge(hostile));
        (report.searches[0].history.algorithm, report.searches[0].about) = (hostile.to_owned(), hostile);
        report.verification.verdict.as_mut().unwrap().text = hostile.to_owned();
        report.verification.training = hostile.to_owned();
        let page = report.page();
        assert!(!page.contains("<script"));
        sample::assert_well_formed(&page);
    }

    #[test]
    fn the_style_sheet_knows_every_colour_that_a_dark_page_turns_around() {
        for color in [INK, AXIS, GRID, BLUE, GREEN].map(hex) {
            assert!(STYLE.contains(&format!("[stroke=\"{color}\"]")), "{color}");
        }
        for color in [INK, AXIS, BLUE, GREEN].map(hex) {
            assert!(STYLE.contains(&format!("[fill=\"{color}\"]")), "{color}");
        }
    }
}
