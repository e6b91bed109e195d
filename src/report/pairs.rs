//! How two algorithms differ, as tables of a page; and how regrets, intervals and p-values print.

use super::grid::{Grid, Side};
use super::page::{paragraph, table};
use crate::compare::{FEWEST_TASKS, OnTask, Pair};
use crate::print;

pub(super) fn pairs_of(task: &OnTask) -> String {
    if task.pairs.is_empty() {
        return paragraph("One algorithm alone is not compared with anything.");
    }
    let caption = "The probability that a run of the first one ends with the smaller regret, equal ones counting half, with its 95 % \
                   interval; Cliff's delta, which is positive where the first one is better; the p-value of the Mann-Whitney test, \
                   corrected by Holm's procedure";
    let note = format!(
        "All on one task: a difference here says nothing of other tasks, and a critical-difference diagram needs at least {FEWEST_TASKS}."
    );
    let names: Vec<_> = task.algorithms.iter().map(|standing| standing.name.as_str()).collect();
    let against_baseline = against_baseline(&names, &task.against_baseline);
    format!("{}{against_baseline}{}", table(&pairs(&names, &task.pairs, None), caption), paragraph(&note))
}

/// Each algorithm against the baseline; nothing where that is the only pair.
pub(super) fn against_baseline(names: &[&str], against: &[Pair]) -> String {
    let [first, _, ..] = against else { return String::new() };
    let caption = format!(
        "The same of each algorithm against the baseline, {}, alone, with p-values corrected by Holm's procedure for these {} tests only",
        names[first.second],
        against.len()
    );
    table(&pairs(names, against, None), &caption)
}

pub(super) fn pairs(names: &[&str], pairs: &[Pair], nemenyi: Option<&[Vec<f64>]>) -> Grid {
    let last = if nemenyi.is_some() { "p (Nemenyi)" } else { "regret lower by" };
    let mut grid = Grid::new(&[
        ("first", Side::Left),
        ("second", Side::Left),
        ("first is better", Side::Right),
        ("Cliff's delta", Side::Right),
        ("p", Side::Right),
        (last, Side::Right),
    ]);
    for pair in pairs {
        grid.push([
            names[pair.first].into(),
            names[pair.second].into(),
            print::interval(pair.probability, |value| format!("{value:.3}")).into(),
            print::plain(pair.cliffs_delta).into(),
            pair.corrected_p_value.map_or_else(print::nothing, p_value).into(),
            nemenyi
                .map_or_else(
                    || print::interval(pair.lower_by, |value| print::plain(Some(value))),
                    |nemenyi| p_value(nemenyi[pair.first][pair.second]),
                )
                .into(),
        ]);
    }
    let is_narrow = nemenyi.is_none() && pairs.iter().all(|pair| pair.lower_by.is_none());
    if is_narrow { grid.narrowed() } else { grid }
}

/// A regret in percentage points, with a digit more than accuracies have.
pub(super) fn fine(fraction: f64) -> String {
    // Adding zero turns −0 into 0.
    format!("{:.3}", fraction * 100.0 + 0.0)
}

pub(super) fn p_value(value: f64) -> String {
    if value < 0.001 { "< 0.001".to_owned() } else { format!("{value:.3}") }
}

/// A p-value behind its letter.
pub(super) fn is(value: f64) -> String {
    if value < 0.001 { p_value(value) } else { format!("= {}", p_value(value)) }
}
