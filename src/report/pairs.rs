//! How two algorithms differ, as tables of a page; and how regrets, intervals and p-values print.

use super::block::Block;
use super::grid::{Grid, tabulate};
use crate::compare::{FEWEST_TASKS, OnTask, Pair};
use crate::print;

pub(super) fn pairs_of(task: &OnTask) -> Vec<Block> {
    if task.pairs.is_empty() {
        return vec![Block::Paragraph("One algorithm alone is not compared with anything.".to_owned())];
    }
    let caption = "The probability that a run of the first one ends with the smaller regret, equal ones counting half, with its 95 % \
                   interval; Cliff's delta, which is positive where the first one is better; the p-value of the Mann-Whitney test, \
                   corrected by Holm's procedure";
    let note = format!(
        "All on one task: a difference here says nothing of other tasks, and a critical-difference diagram needs at least {FEWEST_TASKS}."
    );
    let names: Vec<_> = task.algorithms.iter().map(|standing| standing.name.as_str()).collect();
    let table = Block::Table(pairs(&names, &task.pairs, None), caption.to_owned());
    let against_baseline = against_baseline(&names, &task.against_baseline);
    std::iter::once(table).chain(against_baseline).chain([Block::Paragraph(note)]).collect()
}

/// Each algorithm against the baseline; nothing where that is the only pair.
pub(super) fn against_baseline(names: &[&str], against: &[Pair]) -> Option<Block> {
    let [first, _, ..] = against else { return None };
    let caption = format!(
        "The same of each algorithm against the baseline, {}, alone, with p-values corrected by Holm's procedure for these {} tests only",
        names[first.second],
        against.len()
    );
    Some(Block::Table(pairs(names, against, None), caption))
}

pub(super) fn pairs(names: &[&str], all: &[Pair], nemenyi: Option<&[Vec<f64>]>) -> Grid {
    let lower_by = |pair: &Pair| print::interval(pair.lower_by, print::plain);
    let table = tabulate(all)
        .left("first", |pair| names[pair.first])
        .left("second", |pair| names[pair.second])
        .right("first is better", |pair| print::interval(pair.probability, |value| format!("{value:.3}")))
        .right("Cliff's delta", |pair| pair.cliffs_delta.map(print::plain))
        .right("p", |pair| pair.corrected_p_value.map(p_value));
    match nemenyi {
        Some(nemenyi) => table.right("p (Nemenyi)", |pair| p_value(nemenyi[pair.first][pair.second])).grid,
        None if all.iter().any(|pair| pair.lower_by.is_some()) => table.right("regret lower by", lower_by).grid,
        None => table.grid,
    }
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
pub(super) fn equals(value: f64) -> String {
    if value < 0.001 { p_value(value) } else { format!("= {}", p_value(value)) }
}
