//! The page of a comparison: curves, distributions and tests, without loading anything.

use std::io::Write as _;
use std::path::Path;

use super::grid::{Entry, Grid, Side, escape};
use super::page::{document, paragraph, side_by_side, table};
use super::plot::comparison;
use super::{Error, number};
use crate::compare::{Estimate, GOAL, LEAKAGE, Reached, Summary};
use crate::file;

/// Everything that a comparison has to tell.
#[derive(Clone, Debug)]
pub struct Comparison<'a> {
    /// What was compared on what, in a few words.
    pub title: String,
    /// The conditions, as names and values.
    pub setting: Vec<(String, String)>,
    /// What was found.
    pub summary: &'a Summary,
    /// The command that makes the comparison again.
    pub command: String,
}

impl Comparison<'_> {
    /// Makes the HTML page: style and plots are inside, nothing is loaded.
    ///
    /// # Errors
    ///
    /// [`Error::Plot`] if a plot could not be drawn.
    pub fn page(&self) -> Result<String, Error> {
        let algorithms = &self.summary.algorithms;
        let curves = [comparison::by_evaluations(algorithms)?, comparison::by_time(algorithms)?];
        let sections = [
            ("curves", "Anytime curves", side_by_side(curves.into_iter().flatten())),
            ("results", "Final regrets", self.results()?),
            ("pairs", "Every two of them", self.pairs()),
            ("setting", "What was run", self.setting()),
            ("repeat", "Repeat this comparison", format!("<pre tabindex=\"0\">{}</pre>\n", escape(&self.command))),
        ];
        Ok(document(&self.title, &format!("nasbench {}", env!("CARGO_PKG_VERSION")), &sections))
    }

    /// Writes the page to `path` at once or not at all.
    ///
    /// # Errors
    ///
    /// [`Error::Plot`] if a plot could not be drawn, [`Error::Write`] if the file could not be written.
    pub fn write_page(&self, path: &Path) -> Result<(), Error> {
        let page = self.page()?;
        file::replace(path, |open| open.write_all(page.as_bytes())).map_err(Error::Write)
    }

    fn results(&self) -> Result<String, Error> {
        let figure = comparison::distribution(&self.summary.algorithms)?;
        let caption = format!(
            "Regrets in percentage points: interquartile mean with its 95 % interval, median, mean; then how many runs found one of \
             the best {} % of the cells, and what that costs if a run that failed is followed by another",
            100.0 * GOAL
        );
        let best = format!(
            "The best cell has a mean test accuracy of {} %; the best {} % of the cells have a regret of at most {} percentage points.",
            number::percent(self.summary.best),
            100.0 * GOAL,
            number::percent(self.summary.goal)
        );
        Ok([side_by_side(figure.into_iter()), table(&standings(self.summary), &caption), paragraph(&best)].concat())
    }

    fn pairs(&self) -> String {
        if self.summary.pairs.is_empty() {
            return paragraph("One algorithm alone is not compared with anything.");
        }
        let caption = "The probability that a run of the first one ends with the smaller regret, equal ones counting half, with its 95 % \
                       interval; Cliff's delta; the p-value of the Mann-Whitney test, corrected by Holm's procedure";
        let note = "All on one benchmark: a difference here says nothing of other tasks, and a critical-difference diagram would need at \
                    least five.";
        format!("{}{}", table(&pairs(self.summary), caption), paragraph(note))
    }

    fn setting(&self) -> String {
        let options = self.summary.algorithms.iter().map(|standing| {
            let given = format!("{} · {}", standing.options, standing.source);
            (standing.name.clone(), given)
        });
        let line = |(name, value): (String, String)| format!("<dt>{}</dt><dd>{}</dd>\n", escape(&name), escape(&value));
        let lines: Vec<_> = self.setting.iter().cloned().chain(options).map(line).collect();
        format!("<dl>\n{}</dl>\n{}", lines.concat(), paragraph(LEAKAGE))
    }
}

fn standings(summary: &Summary) -> Grid {
    let mut grid = Grid::new(&[
        ("algorithm", Side::Left),
        ("runs", Side::Right),
        ("interquartile mean", Side::Right),
        ("median", Side::Right),
        ("mean", Side::Right),
        ("reached", Side::Right),
        ("evaluations", Side::Right),
        ("simulated seconds", Side::Right),
    ]);
    for standing in &summary.algorithms {
        let percent = |value: Option<f64>| Entry::from(value.map_or_else(nothing, number::percent));
        let cost = |reached: Reached| Entry::from(reached.expected.map_or_else(nothing, |cost| format!("{cost:.0}")));
        grid.push([
            standing.name.as_str().into(),
            standing.runs.to_string().into(),
            between(standing.interquartile_mean, number::percent).into(),
            percent(standing.median),
            percent(standing.mean),
            format!("{} of {}", standing.goal_by_time.reached, standing.goal_by_time.runs).into(),
            cost(standing.goal_by_evaluations),
            cost(standing.goal_by_time),
        ]);
    }
    grid
}

fn pairs(summary: &Summary) -> Grid {
    let mut grid = Grid::new(&[
        ("first", Side::Left),
        ("second", Side::Left),
        ("first is better", Side::Right),
        ("Cliff's delta", Side::Right),
        ("p", Side::Right),
    ]);
    for pair in &summary.pairs {
        let [first, second] = [pair.first, pair.second].map(|place| summary.algorithms[place].name.as_str());
        grid.push([
            first.into(),
            second.into(),
            between(pair.probability, |value| format!("{value:.3}")).into(),
            number::plain(pair.cliffs_delta).into(),
            p_value(pair.corrected_p_value).into(),
        ]);
    }
    grid
}

/// A value with its bounds.
fn between(estimate: Option<Estimate>, text: fn(f64) -> String) -> String {
    estimate.map_or_else(nothing, |Estimate { value, low, high }| format!("{} [{}, {}]", text(value), text(low), text(high)))
}

fn p_value(value: f64) -> String {
    if value < 0.001 { "< 0.001".to_owned() } else { format!("{value:.3}") }
}

fn nothing() -> String {
    number::NOTHING.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::{Band, Pair, Standing};
    use crate::report::sample;

    fn standing(name: &str, regret: f64) -> Standing {
        let band = |spent: f64| Band {
            spent,
            mean: regret,
            standard_error: 0.001,
            lower_quartile: regret / 2.0,
            median: regret,
            upper_quartile: 2.0 * regret,
        };
        let reached = Reached { runs: 10, reached: 4, median: None, expected: Some(1_234.5) };
        Standing {
            name: name.to_owned(),
            options: serde_json::json!({ "sampler": "uniform" }),
            source: "A & B, 2019",
            runs: 10,
            trials: 20.0,
            evaluations: 20.0,
            simulated_seconds: 2e4,
            interquartile_mean: Some(Estimate { value: regret, low: regret / 2.0, high: 2.0 * regret }),
            mean: Some(regret),
            median: Some(regret),
            distribution: vec![(regret / 2.0, 0.3), (regret, 1.0)],
            by_evaluations: [1.0, 5.0, 20.0].map(band).to_vec(),
            by_time: [1e3, 5e3, 2e4].map(band).to_vec(),
            goal_by_evaluations: reached,
            goal_by_time: reached,
        }
    }

    fn summary(names: &[&str], regret: f64) -> Summary {
        let algorithms: Vec<_> = names.iter().map(|name| standing(name, regret)).collect();
        let pair = |second: usize| Pair {
            first: 0,
            second,
            probability: Some(Estimate { value: 0.7, low: 0.6, high: 0.8 }),
            cliffs_delta: Some(0.4),
            p_value: 1e-9,
            corrected_p_value: 1e-8,
        };
        Summary { best: 0.943, goal: 0.004, pairs: (1..algorithms.len()).map(pair).collect(), algorithms }
    }

    fn page(summary: &Summary) -> String {
        let setting = vec![("seed".to_owned(), "<7>".to_owned())];
        Comparison { title: "Two & more".to_owned(), setting, summary, command: "nasbench compare".to_owned() }.page().unwrap()
    }

    #[test]
    fn a_page_has_its_plots_and_every_figure_and_is_well_formed() {
        let page = page(&summary(&["random", "hyperband"], 0.02));
        sample::assert_well_formed(&page);
        assert_eq!(page.matches("<svg class=\"plot\"").count(), 3);
        assert_eq!(page.matches("<polygon").count(), 4, "a band for each algorithm in both curves");
        for text in ["2.00 [1.00, 4.00]", "4 of 10", "1234", "0.700 [0.600, 0.800]", "&lt; 0.001", "A &amp; B, 2019", "&lt;7&gt;"]
        {
            assert!(page.contains(text), "{text}");
        }
        for reference in ["http://", "https://", " src=", "url(", "<script"] {
            assert!(!page.contains(reference), "{reference}");
        }
    }

    #[test]
    fn odd_comparisons_have_sensible_pages() {
        let many: Vec<String> = (0..17).map(|number| format!("algorithm {number}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let mut empty = summary(&["random"], 0.02);
        let standing = &mut empty.algorithms[0];
        (standing.interquartile_mean, standing.mean, standing.median) = (None, None, None);
        (standing.by_time, standing.by_evaluations, standing.distribution) = (Vec::new(), Vec::new(), Vec::new());
        for odd in [summary(&[], 0.1), summary(&["random"], 0.1), summary(&["random"], 0.0), summary(&many, 1.0), empty] {
            let page = page(&odd);
            sample::assert_well_formed(&page);
            assert!(!page.contains("NaN") && !page.contains("inf\""));
        }
    }
}
