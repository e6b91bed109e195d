//! The landscape of a table, as text for the terminal and as a page.

use super::block::{Block, Section};
use super::grid::{Grid, tabulate};
use super::page::document;
use super::plot::landscape as plots;
use crate::analysis::landscape::{Landscape, Reliability};
use crate::compare::Judging;
use crate::print::{self, percent, plain};
use crate::statistics::Estimate;

/// Formats a landscape as aligned plain text; ends with a line break.
#[must_use]
pub fn landscape_text(landscape: &Landscape) -> String {
    sections(landscape).iter().map(Section::text).collect::<String>().trim_start().to_owned()
}

/// Makes the HTML page of a landscape: style and pictures are inside, nothing is loaded. `title` is its
/// heading, `command` the command that repeats it.
#[must_use]
pub fn landscape_page(landscape: &Landscape, title: &str, command: &str) -> String {
    let pictures = [[plots::accuracy_by_flops, plots::noise_by_decile], [plots::autocorrelation, plots::accuracy_by_distance]];
    let pictures = pictures.map(|pair| Block::Figures(pair.map(|plot| plot(landscape)).into())).into();
    let mut parts = vec![Section::new("pictures", "The landscape", pictures)];
    parts.extend(sections(landscape).map(Section::capitalised));
    parts.push(Section::new("repeat", "Repeat this analysis", vec![Block::Command(command.to_owned())]));
    document(title, "", &parts.iter().map(Section::html).collect::<Vec<_>>())
}

fn sections(landscape: &Landscape) -> [Section; 5] {
    let section = |id, name, sentences: Vec<String>, table: Option<(Grid, &str)>| {
        let table = table.map(|(grid, caption)| Block::Table(grid, caption.to_owned()));
        Section::new(id, name, sentences.into_iter().map(Block::Paragraph).chain(table).collect())
    };
    let tenths = "each tenth of the cells, by their means; noise and spread are standard deviations in percentage points";
    let beyond_flops = "intervals of 95 %; the last column is what is left when the FLOPs at a fixed stem are taken out of both";
    let beyond_sizes = "intervals of 95 %; the last column is what is left when all sizes are taken out of both";
    [
        section("cells", "cells", contents(landscape), None),
        section("noise", "how far the means can be trusted", noise(landscape), Some((deciles(landscape), tenths))),
        section(
            "size",
            "how far size ranks the cells (Spearman's correlation with the mean accuracy)",
            explained(landscape),
            Some((sizes(landscape), beyond_flops)),
        ),
        section(
            "budgets",
            "what one training with a smaller budget tells (Spearman's correlation)",
            Vec::new(),
            Some((budgets(landscape), beyond_sizes)),
        ),
        section("search", "what a search meets", search(landscape), None),
    ]
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
    let bound = |value: f64| if value < -1.0 { "< −1".to_owned() } else { plain(value) };
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
        let [means, one] = [means, one].map(plain);
        sentences.push(format!(
            "no predictor can correlate by more than {means} with the means, or by more than {one} with one training of each cell"
        ));
    }
    if let Some(optimum) = landscape.optimum {
        sentences.push(format!(
            "with the noise removed the best {} is {} %",
            landscape.judged_by.name(),
            percent_interval(optimum)
        ));
    }
    sentences
}

fn deciles(landscape: &Landscape) -> Grid {
    tabulate((1_usize..).zip(&landscape.deciles))
        .right("tenth", |(number, _)| number)
        .right("cells", |(_, tenth)| tenth.reliability.cells)
        .right("lowest %", |(_, tenth)| percent(tenth.range[0]))
        .right("highest %", |(_, tenth)| percent(tenth.range[1]))
        .right("noise", |(_, tenth)| tenth.reliability.noise.map(percent))
        .right("spread", |(_, tenth)| tenth.reliability.spread.map(percent))
        .left("reliability", |(_, tenth)| reliability_of(&tenth.reliability))
        .grid
}

fn explained(landscape: &Landscape) -> Vec<String> {
    let [all, best] = landscape.explained_by_sizes.map(print::correlation);
    vec![format!("all sizes together tell {all} of the variance of the ranks; among the best tenth {best}")]
}

fn sizes(landscape: &Landscape) -> Grid {
    tabulate(&landscape.sizes)
        .left("size", |effect| effect.size.as_str())
        .left("all cells", |effect| print::correlation(effect.all))
        .left("best tenth", |effect| print::correlation(effect.best_tenth))
        .left("beyond FLOPs", |effect| print::correlation(effect.beyond_flops))
        .grid
}

fn budgets(landscape: &Landscape) -> Grid {
    tabulate(&landscape.budgets)
        .right("epochs", |effect| effect.epochs)
        .left("all cells", |effect| print::correlation(effect.all))
        .left("best tenth", |effect| print::correlation(effect.best_tenth))
        .left("beyond all sizes", |effect| print::correlation(effect.beyond_sizes))
        .grid
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
            "regret in points of {} ({judged}): {} of asking for every cell once, the floor; {} of asking for a tenth at random; floor / random {:.2}",
            landscape.judged_by.name(),
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
    use crate::report::tests::sample::assert_well_formed;
    use crate::table::Benchmark;
    use crate::unit::Seed;

    #[test]
    fn a_page_has_every_section_with_its_pictures_and_loads_nothing() {
        let table = Benchmark::open("tests/data/tiny-benchmark").unwrap().table().unwrap();
        let landscape = Landscape::new(&table, None, None, Seed(0)).unwrap();
        let page = landscape_page(&landscape, "The landscape of <tiny>", "nasbench analyse landscape");
        assert_well_formed(&page);
        for part in ["The landscape of &lt;tiny&gt;", "How far the means can be trusted", "What a search meets", "id=\"budgets\""]
        {
            assert!(page.contains(part), "{part}");
        }
        assert!(page.matches("<svg").count() >= 4 && !page.contains("src=") && !page.contains("NaN"));
    }
}
