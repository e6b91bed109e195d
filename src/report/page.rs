//! The report as one HTML page: style and plots are inside, nothing is loaded.

use super::grid::{Grid, escape};
use super::plot::{Figure, figures};
use super::{Error, Judge, Records, Report, SearchRun, Surrogates, drawing, summary, tables};
use crate::print;
use crate::space::Cell;
use crate::verify::{Outcome, Role, Verification};

const STYLE: &str = include_str!("page.css");
/// Refuses everything that would have to be loaded.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";
/// The rows of the table of recorded cells that are not folded away, and that there are at all.
const SHOWN: usize = 10;
const MOST: usize = 1_000;
/// The drawings of a section.
const DRAWINGS: usize = 8;

pub(super) fn of(report: &Report) -> Result<String, Error> {
    let sections = [
        ("summary", "Summary", summary(report)),
        ("setting", "What was run", setting(report)),
        ("records", "Records", records(&report.records)?),
        ("surrogates", "Surrogates", surrogates(&report.surrogates)?),
        ("searches", "Searches", searches(report)?),
        ("verification", "Verification", verification(report)?),
        ("repeat", "Repeat this run", repeat(report)),
    ];
    let lead = format!(
        "nasbench {} · {} · protocol {} · seed {} · {}",
        report.header.tool_version,
        report.header.dataset.name,
        report.header.protocol.name,
        report.header.seed,
        report.header.started
    );
    Ok(document(&report.header.title, &lead, &sections))
}

/// A whole page of sections, each with its id, its heading and what is in it.
pub(super) fn document(title: &str, lead: &str, sections: &[(&str, &str, String)]) -> String {
    let links: Vec<_> = sections.iter().map(|(id, name, _)| format!("<a href=\"#{id}\">{name}</a>\n")).collect();
    let bodies = sections.iter().map(|(id, name, body)| format!("<section id=\"{id}\">\n<h2>{name}</h2>\n{body}</section>\n"));
    let title = escape(title);
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n\
         <meta name=\"color-scheme\" content=\"light dark\"/>\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\"/>\n\
         <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n\
         <header>\n<h1>{title}</h1>\n{}<nav>\n{}</nav>\n</header>\n<main>\n{}</main>\n</body>\n</html>\n",
        paragraph(lead),
        links.concat(),
        bodies.collect::<Vec<_>>().concat()
    )
}

fn summary(report: &Report) -> String {
    let tiles: Vec<_> = summary::tiles(report)
        .iter()
        .map(|tile| {
            let class = tile.outcome.map_or_else(|| "tile".to_owned(), |outcome| format!("tile {}", class_of(outcome)));
            let (value, note) = (escape(&tile.value), escape(&tile.note));
            format!("<div class=\"{class}\"><div>{}</div><strong>{value}</strong><div>{note}</div></div>\n", tile.name)
        })
        .collect();
    let sentences: Vec<_> = summary::sentences(report).iter().map(|sentence| paragraph(sentence)).collect();
    let recorded = report.records.best().map(|(best, validation)| card(best.cell, "best recorded cell", &validation.to_string()));
    let winner = summary::chosen_winner(&report.verification)
        .map(|(winner, chosen)| card(winner.cell, summary::CHOSEN, &format!("{} %", print::percent(chosen.measured))));
    let cards: Vec<_> = recorded.into_iter().chain(winner).collect();
    format!(
        "<div class=\"tiles\">\n{}</div>\n<div class=\"lead\">\n<div>\n{}</div>\n<div class=\"cards\">\n{}</div>\n</div>\n",
        tiles.concat(),
        sentences.concat(),
        cards.concat()
    )
}

fn setting(report: &Report) -> String {
    let lines: Vec<_> = tables::setting(report)
        .iter()
        .map(|(name, value)| format!("<dt>{}</dt><dd>{}</dd>\n", escape(name), escape(value)))
        .collect();
    let stages = table(&tables::stages(&report.header), "Where the time went");
    format!("<div class=\"pair\">\n<dl>\n{}</dl>\n<div>{stages}</div>\n</div>\n", lines.concat())
}

fn records(records: &Records) -> Result<String, Error> {
    if records.cells.is_empty() {
        return Ok(paragraph("No cell was recorded."));
    }
    let trained = print::counted(records.cells.len(), "trained cell");
    let budget = records.budget.map_or_else(String::new, |epochs| format!(", accuracies after {}", print::budget(epochs)));
    let figures = [figures::accuracy_against_parameters(records)?, figures::repeats(records)?];
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
        format!("<details><summary>{heading}</summary>\n{}</details>\n", table(&cells.first(MOST), "Recorded cells"))
    } else {
        String::new()
    };
    Ok([
        paragraph(&format!("{}: {trained}{budget}.", capitalised(&records.space))),
        side_by_side(figures.into_iter().flatten()),
        "<div class=\"tables\">\n".to_owned(),
        table(&tables::rows(records), "Trainings by budget"),
        table(&tables::repeats(records), "Two trainings of the same cell; noise is the standard deviation of one training"),
        table(&tables::budgets(records), "Does a small budget rank the cells as a larger one does?"),
        "</div>\n".to_owned(),
        cards("The best recorded cells", best),
        table(&cells.first(SHOWN), "The best recorded cells; ● marks the Pareto front of accuracy and parameters"),
        all,
    ]
    .concat())
}

fn surrogates(surrogates: &Surrogates) -> Result<String, Error> {
    if surrogates.models.is_empty() {
        return Ok(paragraph("No surrogate was fitted."));
    }
    let quality = table(
        &tables::surrogates(surrogates),
        "Mean ± standard deviation on cells that were held out; regret: how far the best of the five cells predicted best stays behind the best cell",
    );
    let how = if surrogates.validation.is_empty() {
        String::new()
    } else {
        paragraph(&format!("Cross-validated: {}.", surrogates.validation))
    };
    let judge = surrogates.judge.as_ref().map(judge);
    let figure = figures::held_out(surrogates)?.map(|figure| drawn(&figure));
    let pair: Vec<_> = figure.into_iter().chain(judge).collect();
    Ok(format!("{how}{quality}<div class=\"pair\">\n{}</div>\n", pair.concat()))
}

fn judge(judge: &Judge) -> String {
    let rate = |rate: Option<f64>| rate.map_or_else(|| print::NOTHING.to_owned(), |rate| format!("{} %", print::percent(rate)));
    let quality = format!(
        "On held-out cells it is right in {} of the cells that it calls promising, where guessing is right in {}; it finds {} of the promising ones.",
        rate(judge.precision),
        rate(Some(judge.base_rate)),
        rate(judge.recall),
    );
    let heading = format!("The judge: {}", judge.question);
    format!(
        "<div class=\"judge\">\n<h3>{}</h3>\n{}<pre tabindex=\"0\">{}</pre>\n</div>\n",
        escape(&heading),
        paragraph(&quality),
        escape(&judge.rules)
    )
}

fn searches(report: &Report) -> Result<String, Error> {
    if report.searches.is_empty() {
        return Ok(paragraph(&report.scored.map_or_else(
            || "No search was run.".to_owned(),
            |scored| {
                format!(
                    "The surrogate scored all {} of the searched space, of which a search could only find some. A larger one is searched.",
                    print::counted(scored, "cell")
                )
            },
        )));
    }
    let about = |search: &SearchRun| format!("<dt>{}</dt><dd>{}</dd>\n", escape(&search.name), escape(&search.about));
    let abouts: Vec<_> = report.searches.iter().map(about).collect();
    let best = report.records.best().map(|(_, validation)| validation);
    let figure = figures::trajectories(&report.searches, best)?.map(|figure| drawn(&figure)).unwrap_or_default();
    let table = table(&tables::searches(&report.searches), "Searches on the surrogate");
    let found = report.searches.iter().filter_map(|search| {
        let predicted = search.trajectory.last()?.best;
        Some(card(search.best?, &search.name, &format!("predicted {predicted}")))
    });
    let found = cards("What they found", found);
    Ok(format!("<div class=\"pair\">\n{figure}<div>\n<dl>\n{}</dl>\n{found}</div>\n</div>\n{table}", abouts.concat()))
}

fn verification(report: &Report) -> Result<String, Error> {
    let verification = &report.verification;
    if verification.cells.is_empty() {
        return Ok(paragraph("No cell was retrained."));
    }
    let figures = [figures::verified(report)?, figures::learning_curves(verification)?];
    let verdict = verification
        .verdict
        .as_ref()
        .map(|verdict| format!("<p class=\"verdict {}\">{}</p>\n", class_of(verdict.outcome), escape(&verdict.text)));
    let training = if verification.training.is_empty() {
        String::new()
    } else {
        paragraph(&format!("Each cell was trained anew: {}. These rows are kept apart from the records.", verification.training))
    };
    Ok([
        training,
        verdict.unwrap_or_default(),
        side_by_side(figures.into_iter().flatten()),
        table(&tables::differences(verification), "The winners against the cells beside them; intervals of 95 %"),
        table(
            &tables::verified(verification),
            "Retrained cells; measured is the mean over the seeds ± their standard deviation, the difference with an interval of 95 % by the \
             noise of all these trainings",
        ),
        table(&tables::ranks(verification), "Does the surrogate rank what it has never seen?"),
        cards("The retrained winners and the best recorded cell", retrained_cards(verification).into_iter()),
    ]
    .concat())
}

/// The style of what became of a promise.
const fn class_of(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Held => "held",
        Outcome::Broken => "broken",
        Outcome::Open => "open",
    }
}

fn retrained_cards(verification: &Verification) -> Vec<String> {
    let drawn = [Role::Winner, Role::BestRecorded].into_iter().flat_map(|role| verification.of_role(role)).take(DRAWINGS);
    drawn
        .map(|verified| {
            let note = format!("{} %, predicted {} %", tables::measured(verified), print::accuracy(verified.predicted));
            card(verified.cell, verified.role.name(), &note)
        })
        .collect()
}

fn repeat(report: &Report) -> String {
    let what = format!(
        "The same command with the same version ({}) gives the same accuracies on the same kind of CPU; times differ. In the same \
         folder it continues and trains nothing twice: another --out trains everything again.",
        report.header.tool_version
    );
    format!("<pre tabindex=\"0\">{}</pre>\n{}", escape(&report.header.command), paragraph(&what))
}

pub(super) fn paragraph(text: &str) -> String {
    format!("<p>{}</p>\n", escape(text))
}

pub(super) fn table(grid: &Grid, caption: &str) -> String {
    if grid.is_empty() { String::new() } else { grid.html(caption) }
}

fn drawn(figure: &Figure) -> String {
    let legend: Vec<_> =
        figure.legend.iter().map(|(swatch, name)| format!("<li>{}{}</li>\n", swatch.trim_end(), escape(name))).collect();
    format!(
        "<figure>\n<figcaption><strong>{}</strong> {}</figcaption>\n<ul class=\"legend\">\n{}</ul>\n{}</figure>\n",
        escape(figure.title),
        escape(&figure.caption),
        legend.concat(),
        figure.svg
    )
}

pub(super) fn side_by_side(figures: impl Iterator<Item = Figure>) -> String {
    let figures: Vec<_> = figures.map(|figure| drawn(&figure)).collect();
    format!("<div class=\"pair\">\n{}</div>\n", figures.concat())
}

fn card(cell: Cell, role: &str, note: &str) -> String {
    let hash = cell.hash();
    format!(
        "<figure class=\"card\">\n<figcaption><strong>{}</strong> <code title=\"{hash}\">{}</code><br/>{}</figcaption>\n{}</figure>\n",
        escape(role),
        print::short(hash),
        escape(note),
        drawing::of(cell)
    )
}

fn cards(heading: &str, cards: impl Iterator<Item = String>) -> String {
    let cards: Vec<_> = cards.collect();
    if cards.is_empty() {
        return String::new();
    }
    format!("<h3>{}</h3>\n<div class=\"cards\">\n{}</div>\n", escape(heading), cards.concat())
}

fn capitalised(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map_or_else(|| "Recorded".to_owned(), |first| first.to_uppercase().chain(characters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::parts::Makeup;
    use crate::report::plot::{AXIS, BLUE, GREEN, GRID, INK, hex};
    use crate::report::sample;

    #[test]
    fn a_page_is_well_formed_and_loads_nothing() {
        let page = sample::full().page().unwrap();
        sample::assert_well_formed(&page);
        for reference in ["http://", "https://", " src=", "url(", "@import", "<link", "<script"] {
            assert!(!page.contains(reference), "{reference}");
        }
        let links: Vec<_> = page.split("href=\"").skip(1).collect();
        assert!(links.iter().all(|link| link.starts_with('#')));
    }

    #[test]
    fn a_full_page_has_every_plot_and_a_drawing_of_each_winner() {
        let page = sample::full().page().unwrap();
        assert_eq!(page.matches("<svg class=\"plot\"").count(), 6);
        // The summary has two, the records four, the searches one each; then four winners and the best recorded cell.
        assert_eq!(page.matches("<svg class=\"cell\"").count(), 2 + 4 + 2 + 5);
        assert_eq!(page.matches("<li>").count(), 4 + 2 + 2 + 5 + 3 + 5);
        assert!(Makeup::ALL.iter().all(|makeup| page.contains(makeup.name())));
    }

    #[test]
    fn odd_reports_have_sensible_pages() {
        for report in sample::odd() {
            let page = report.page().unwrap();
            sample::assert_well_formed(&page);
            assert!(!page.contains("NaN") && !page.contains("inf\""), "{page}");
            assert!(page.contains("The same command"));
        }
        assert!(sample::empty().page().unwrap().contains("No cell was retrained."));
    }

    #[test]
    fn text_from_outside_cannot_become_markup() {
        let mut report = sample::full();
        let hostile = "</style><script>alert(1)</script>\"'&";
        let header = &mut report.header;
        for text in [
            &mut header.title,
            &mut header.command,
            &mut header.dataset.name,
            &mut header.protocol.name,
            &mut header.machine.device,
        ] {
            *text = hostile.to_owned();
        }
        header.protocol.lines = vec![(hostile.to_owned(), hostile.to_owned())];
        report.records.space = hostile.to_owned();
        report.surrogates.validation = hostile.to_owned();
        report.surrogates.models[0].name = hostile.to_owned();
        let judge = report.surrogates.judge.as_mut().unwrap();
        (judge.question, judge.rules) = (hostile.to_owned(), hostile.to_owned());
        (report.searches[0].name, report.searches[0].about) = (hostile.to_owned(), hostile.to_owned());
        report.verification.verdict.as_mut().unwrap().text = hostile.to_owned();
        report.verification.training = hostile.to_owned();
        let page = report.page().unwrap();
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
