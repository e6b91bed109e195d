//! What a table says of its landscape, as text for the terminal and as a page.

use super::Error;
use super::grid::{Entry, Grid, Side, escape};
use super::page::{document, paragraph, side_by_side, table};
use super::plot::landscape as plots;
use crate::analysis::landscape::{Landscape, Reliability};
use crate::compare::Judging;
use crate::print::{self, percent, plain};
use crate::statistics::Estimate;

use Side::{Left, Right};

const INDENT: usize = 2;

/// Tells a landscape in aligned plain text; ends with a line break.
#[must_use]
pub fn landscape_text(landscape: &Landscape) -> String {
    let mut text = String::new();
    let is_filled = |section: &Section| !(section.sentences.is_empty() && section.grid.is_empty());
    for Section { name, sentences, grid, .. } in sections(landscape).into_iter().filter(is_filled) {
        text.extend([if text.is_empty() { "" } else { "\n" }, name, "\n"]);
        text.extend(sentences.iter().map(|sentence| format!("{:INDENT$}{sentence}\n", "")));
        if !grid.is_empty() {
            text += &grid.text(INDENT);
        }
    }
    text
}

/// Makes the HTML page of a landscape: style and pictures are inside, nothing is loaded. `title` says of which table, `command` makes
/// the page again.
///
/// # Errors
///
/// [`Error::Plot`] if a picture could not be drawn.
pub fn landscape_page(landscape: &Landscape, title: &str, command: &str) -> Result<String, Error> {
    let mut parts: Vec<(String, String, String)> = Vec::new();
    let pictures = [plots::accuracy_by_flops(landscape)?, plots::noise_by_decile(landscape)?];
    let ways = [plots::autocorrelation(landscape)?, plots::accuracy_by_distance(landscape)?];
    parts.push((
        "pictures".to_owned(),
        "The landscape".to_owned(),
        side_by_side(pictures.into_iter().flatten()) + &side_by_side(ways.into_iter().flatten()),
    ));
    for Section { id, name, sentences, grid, caption } in sections(landscape) {
        let body: String = sentences.iter().map(|sentence| paragraph(&capitalised(sentence))).collect();
        parts.push((id.to_owned(), capitalised(name), body + &table(&grid, caption)));
    }
    let again = format!("<pre tabindex=\"0\">{}</pre>\n", escape(command));
    parts.push(("repeat".to_owned(), "Repeat this analysis".to_owned(), again));
    let parts: Vec<_> = parts.iter().map(|(id, name, body)| (id.as_str(), name.as_str(), body.clone())).collect();
    Ok(document(title, &format!("nasbench {}", env!("CARGO_PKG_VERSION")), &parts))
}

/// A section of the text and of the page: sentences, then a table.
struct Section {
    /// Its name in addresses.
    id: &'static str,
    name: &'static str,
    sentences: Vec<String>,
    grid: Grid,
    caption: &'static str,
}

fn sections(landscape: &Landscape) -> [Section; 5] {
    let nothing = || Grid::new(&[]);
    [
        Section { id: "cells", name: "cells", sentences: contents(landscape), grid: nothing(), caption: "" },
        Section {
            id: "noise",
            name: "how far the means can be trusted",
            sentences: noise(landscape),
            grid: deciles(landscape),
            caption: "Each tenth of the cells, by their means; noise and spread are standard deviations in percentage points",
        },
        Section {
            id: "size",
            name: "how far size ranks the cells (Spearman's correlation with the mean accuracy)",
            sentences: explained(landscape),
            grid: sizes(landscape),
            caption: "Intervals of 95 %; the last column is what is left when the FLOPs at a fixed stem are taken out of both",
        },
        Section {
            id: "budgets",
            name: "what one training with a smaller budget tells (Spearman's correlation)",
            sentences: Vec::new(),
            grid: budgets(landscape),
            caption: "Intervals of 95 %; the last column is what is left when all sizes are taken out of both",
        },
        Section { id: "search", name: "what a search meets", sentences: search(landscape), grid: nothing(), caption: "" },
    ]
}

/// A text as it begins on a page.
fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn contents(landscape: &Landscape) -> Vec<String> {
    let Landscape { epochs, cells, cells_of_the_space, repeats, range, best, .. } = landscape;
    let repeats = match repeats {
        (fewest, most) if fewest == most => print::counted(*most, "repeat"),
        (fewest, most) => format!("{fewest} to {most} repeats"),
    };
    let missing = if cells == cells_of_the_space {
        String::new()
    } else {
        let space = print::thousands(*cells_of_the_space as u64);
        format!(", of a space of {space}")
    };
    let [low, middle, high] = range.map(percent);
    vec![
        format!("{} at {}, {repeats}{missing}", print::counted(*cells, "cell"), print::budget(*epochs)),
        format!("mean validation accuracies from {low} % over {middle} % (median) to {high} % ({})", print::short(*best)),
    ]
}

/// A reliability with its interval. Among cells that were chosen by the same means it has no lower bound, and below −1 none that says more.
fn reliability_of(reliability: &Reliability) -> String {
    let bound = |value: f64| if value < -1.0 { "< −1".to_owned() } else { plain(Some(value)) };
    print::interval(reliability.reliability, bound)
}

/// A fraction with its interval, in percent or percentage points.
fn percent_interval(estimate: Estimate) -> String {
    print::interval(Some(estimate), percent)
}

fn deviation(value: Option<f64>) -> String {
    value.map_or_else(print::nothing, percent)
}

fn noise(landscape: &Landscape) -> Vec<String> {
    let of = |name: &str, reliability: &Reliability, remark: &str| {
        format!(
            "{name}: a repeat deviates by {} points, the means by {}; reliability of the means {}{remark}",
            deviation(reliability.noise),
            deviation(reliability.spread),
            reliability_of(reliability)
        )
    };
    let best = &landscape.best_tenth;
    let remark = match (best.is_unseen, best.chosen_by) {
        (true, Some(chosen)) => format!(", by the repeats after the first {chosen}, which chose them"),
        _ => ", by the repeats that chose them, too".to_owned(),
    };
    let mut sentences = vec![of("all cells", &landscape.reliability, ""), of("best tenth", best, &remark)];
    if let Some([means, one]) = landscape.ceilings {
        let [means, one] = [means, one].map(|value| plain(Some(value)));
        sentences.push(format!(
            "no predictor can correlate by more than {means} with the means, or by more than {one} with one training of each cell"
        ));
    }
    if let Some(optimum) = landscape.optimum {
        sentences.push(format!("with the noise removed the best cell is at {} %", percent_interval(optimum)));
    }
    sentences
}

fn deciles(landscape: &Landscape) -> Grid {
    let mut grid = Grid::new(&[
        ("tenth", Right),
        ("cells", Right),
        ("lowest %", Right),
        ("highest %", Right),
        ("noise", Right),
        ("spread", Right),
        ("reliability", Left),
    ]);
    for (number, decile) in (1..).zip(&landscape.deciles) {
        let Reliability { cells, noise, spread, .. } = decile.reliability;
        let [low, high] = decile.range.map(percent);
        let entries: [Entry; 7] = [
            number.to_string().into(),
            print::thousands(cells as u64).into(),
            low.into(),
            high.into(),
            deviation(noise).into(),
            deviation(spread).into(),
            reliability_of(&decile.reliability).into(),
        ];
        grid.push(entries);
    }
    grid
}

fn explained(landscape: &Landscape) -> Vec<String> {
    let [all, best] = landscape.explained_by_sizes.map(print::correlation);
    vec![format!("all sizes together tell {all} of the variance of the ranks; among the best tenth {best}")]
}

fn sizes(landscape: &Landscape) -> Grid {
    let mut grid = Grid::new(&[("size", Left), ("all cells", Left), ("best tenth", Left), ("beyond FLOPs", Left)]);
    for effect in &landscape.sizes {
        let [all, best, beyond] = [effect.all, effect.best_tenth, effect.beyond_flops].map(print::correlation);
        grid.push([effect.size.as_str().into(), all.into(), best.into(), beyond.into()]);
    }
    grid
}

fn budgets(landscape: &Landscape) -> Grid {
    let mut grid = Grid::new(&[("epochs", Right), ("all cells", Left), ("best tenth", Left), ("beyond all sizes", Left)]);
    for effect in &landscape.budgets {
        let [all, best, beyond] = [effect.all, effect.best_tenth, effect.beyond_sizes].map(print::correlation);
        grid.push([effect.epochs.to_string().into(), all.into(), best.into(), beyond.into()]);
    }
    grid
}

fn search(landscape: &Landscape) -> Vec<String> {
    let mut sentences = Vec::new();
    if landscape.optima.is_none() {
        sentences
            .push("fewer than half of the neighbours of the cells are recorded: no random walks, no local optima".to_owned());
    }
    if let Some(walk) = &landscape.walk {
        let length = walk.correlation_length.map_or_else(|| "beyond 10 steps".to_owned(), |lag| print::counted(lag, "step"));
        let first = walk.autocorrelation.first().copied();
        sentences
            .push(format!("random walks: autocorrelation of neighbours {}; below 1/e after {length}", print::correlation(first)));
    }
    sentences.push(format!(
        "accuracy against the distance from the best cell: correlation {}",
        print::correlation(landscape.fitness_distance)
    ));
    if let Some(optima) = &landscape.optima {
        let beyond =
            optima.beyond_noise.map_or_else(String::new, |count| format!(", {count} of them by more than noise explains"));
        sentences.push(format!(
            "{} without a better neighbour{beyond}; a cell has {:.1} neighbours",
            print::counted(optima.count, "cell"),
            optima.neighbours
        ));
        sentences.push(format!(
            "the steepest ascent takes {:.1} steps, ends at the best cell from {} % of the cells, and {} points below it in the mean",
            optima.steps,
            percent(optima.basin_of_the_best),
            percent(optima.regret)
        ));
    }
    if let Some([floor, tenth]) = landscape.regrets {
        let judged = match landscape.judging {
            Judging::Unseen { shown } => {
                let first = if shown == 1 { "repeat".to_owned() } else { format!("{shown} repeats") };
                format!("shown the first {first} and judged by the others")
            }
            Judging::All => "judged by all repeats, the one seen among them".to_owned(),
        };
        sentences.push(format!(
            "regret in points ({judged}): {} of asking for every cell once, the floor; {} of asking for a tenth at random; floor / random {:.2}",
            percent_interval(floor),
            percent_interval(tenth),
            floor.value / tenth.value
        ));
    }
    sentences
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample::assert_well_formed;
    use crate::table::Benchmark;
    use crate::unit::Seed;

    #[test]
    fn a_page_has_every_section_with_its_pictures_and_loads_nothing() {
        let table = Benchmark::open("tests/data/tiny-benchmark").unwrap().table().unwrap();
        let landscape = Landscape::new(&table, None, None, Seed(0)).unwrap();
        let page = landscape_page(&landscape, "The landscape of <tiny>", "nasbench analyse landscape").unwrap();
        assert_well_formed(&page);
        for part in ["The landscape of &lt;tiny&gt;", "How far the means can be trusted", "What a search meets", "id=\"budgets\""]
        {
            assert!(page.contains(part), "{part}");
        }
        assert!(page.matches("<svg").count() >= 4 && !page.contains("src=") && !page.contains("NaN"));
    }

    #[test]
    fn a_text_begins_with_a_capital_letter_on_a_page() {
        assert_eq!(["", "a", "élan vital", "95 %"].map(capitalised), ["", "A", "Élan vital", "95 %"]);
    }
}
