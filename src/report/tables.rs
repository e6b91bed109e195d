//! The tables of a report: the page and the terminal print the same ones.

use super::grid::Entry::{Graph, Hash};
use super::grid::{Grid, tabulate};
use super::model::{mean_and_deviation, over_folds};
use super::{Header, RecordedCell, Records, Report, RowCount, SearchRun, Surrogates, pareto};
use crate::print;
use crate::unit::Seconds;
use crate::verify::{Role, Verification, Verified};

pub(super) fn stages(header: &Header) -> Grid {
    let stages = header.stages.iter().map(|stage| (stage.name.as_str(), stage.wall));
    let total = Seconds(header.stages.iter().map(|stage| stage.wall.0).sum());
    let total = (header.stages.len() > 1).then_some(("together", total));
    tabulate(stages.chain(total)).left("stage", |(name, _)| name).right("wall time", |(_, wall)| wall.to_string()).grid
}

pub(super) fn rows(records: &Records) -> Grid {
    tabulate(&records.rows)
        .right("epochs", |count| count.epochs)
        .right("rows", RowCount::total)
        .right("ok", |count| count.ok)
        .right("diverged", |count| count.diverged)
        .right("failed", |count| count.failed)
        .grid
}

pub(super) fn repeats(records: &Records) -> Grid {
    tabulate(&records.repeats)
        .right("epochs", |agreement| agreement.epochs)
        .right("cells", |agreement| agreement.cells)
        .right("Pearson", |agreement| print::correlation(agreement.pearson))
        .right("Spearman", |agreement| print::correlation(agreement.spearman))
        .right("noise, points", |agreement| agreement.noise.map(print::percent))
        .grid
}

pub(super) fn budgets(records: &Records) -> Grid {
    tabulate(&records.budgets)
        .right("epochs", |pair| pair.smaller)
        .right("against", |pair| pair.larger)
        .right("Spearman", |pair| print::correlation(pair.correlation.spearman))
        .right("Spearman, best 10 %", |pair| print::correlation(pair.correlation.spearman_of_best))
        .right("Kendall τ-b", |pair| print::correlation(pair.correlation.kendall_tau_b))
        .grid
}

/// The recorded cells, the best first, those without an accuracy last.
pub(super) fn cells(records: &Records) -> Grid {
    let front = front(records);
    let ranked = records.ranked().into_iter().map(|(cell, _)| cell);
    let without = records.cells.iter().filter(|cell| cell.validation.is_none());
    tabulate((1_usize..).zip(ranked.chain(without)))
        .right("rank", |(rank, cell)| cell.validation.map(|_| rank.to_string()))
        .left("cell", |(_, cell)| Hash(cell.cell.hash()))
        .right("validation %", |(_, cell)| print::accuracy(cell.validation))
        .left("repeats %", |(_, cell)| cell.repeats.iter().copied().map(print::accuracy).collect::<Vec<_>>().join("  "))
        .right("test %", |(_, cell)| print::accuracy(cell.test))
        .right("parameters", |(_, cell)| print::thousands(cell.parameters.0))
        .right("MFLOPs", |(_, cell)| print::millions(cell.flops))
        .right("vertices", |(_, cell)| cell.cell.vertices())
        .left("Pareto", |(_, cell)| if front.iter().any(|other| other.cell == cell.cell) { "●" } else { "" })
        .left("edges and operations", |(_, cell)| Graph(cell.cell))
        .grid
}

/// The recorded cells that no smaller one beats, the smallest first.
pub(super) fn front(records: &Records) -> Vec<&RecordedCell> {
    let points: Vec<_> = records.cells.iter().map(|cell| (cell.parameters, cell.validation)).collect();
    pareto::front(&points).into_iter().map(|position| &records.cells[position]).collect()
}

pub(super) fn surrogates(surrogates: &Surrogates) -> Grid {
    let fitted = surrogates.models.iter().map(|(name, quality)| (*name, "", quality));
    let sizes = surrogates.sizes.iter().map(|(name, quality)| (*name, ", nothing fitted", quality));
    tabulate(fitted.chain(sizes))
        .left("surrogate", |(name, remark, _)| format!("{name}{remark}"))
        .right("Kendall τ", |(.., quality)| over_folds(quality.measures.kendall_tau, print::plain))
        .right("Spearman", |(.., quality)| over_folds(quality.measures.spearman, print::plain))
        .right("R²", |(.., quality)| over_folds(quality.measures.r_squared, print::plain))
        .right("RMSE, points", |(.., quality)| over_folds(quality.measures.rmse, print::percent))
        .right("top-5 regret, points", |(.., quality)| over_folds(quality.measures.top_regret, print::percent))
        .grid
}

pub(super) fn searches(searches: &[SearchRun]) -> Grid {
    tabulate(searches)
        .left("search", |search| search.history.algorithm.as_str())
        .right("evaluations", |search| search.history.trials.len())
        .right("distinct cells", SearchRun::distinct_cells)
        .right("best predicted %", |search| print::accuracy(search.steps().last().map(|step| step.predicted)))
        .right("found at", |search| search.steps().last().map(|step| step.evaluation))
        .right("wall time", |search| format!("{:.3} s", search.wall.0))
        .left("best cell", |search| search.steps().last().map(|step| Hash(step.cell.hash())))
        .grid
}

pub(super) fn verified(verification: &Verification) -> Grid {
    tabulate(Role::ALL.into_iter().flat_map(|role| verification.of_role(role)))
        .left("role", |verified| verified.role.name())
        .left("cell", |verified| Hash(verified.cell.hash()))
        .right("predicted %", |verified| print::accuracy(verified.predicted))
        .right("measured %", measured)
        .right("difference, points", |verified| print::interval(verified.difference, print::points))
        .right("seeds", |verified| verified.seeds)
        .right("test %", |verified| print::accuracy(verified.test))
        .right("parameters", |verified| print::thousands(verified.parameters.0))
        .left("edges and operations", |verified| Graph(verified.cell))
        .grid
}

/// The mean over the seeds and the deviation, as percentages.
pub(super) fn measured(verified: &Verified) -> String {
    mean_and_deviation(&print::accuracy(verified.measured), verified.deviation.map(print::percent))
}

/// How far the winners are from the cells beside them.
pub(super) fn differences(verification: &Verification) -> Grid {
    tabulate(&verification.differences)
        .left("winners against", |other| other.role.name())
        .right("cells", |other| other.cells)
        .right("their mean %", |other| print::percent(other.mean))
        .right("difference, points", |other| print::interval(Some(other.difference), print::points))
        .grid
}

pub(super) fn ranks(verification: &Verification) -> Grid {
    let ranks = verification.rank_correlation;
    let count = |role| verification.of_role(role).len();
    let rows = [
        ("all but the recorded cell", verification.cells.len() - count(Role::BestRecorded), ranks.all),
        ("the winners alone", count(Role::Winner), ranks.winners),
        ("the random controls alone", count(Role::Control), ranks.controls),
    ];
    tabulate(rows.into_iter().filter(|(_, cells, _)| *cells > 0))
        .left("predicted against measured over", |(name, ..)| name)
        .right("cells", |(_, cells, _)| cells)
        .right("Spearman", |(.., correlation)| print::correlation(correlation))
        .grid
}

/// Where the run came from: names and values.
pub(super) fn setting(report: &Report) -> Vec<(String, String)> {
    let Header { dataset, images, protocol, seed, device, processor, cores, started, .. } = &report.header;
    let images = [images.train, images.validation, images.test].map(print::thousands);
    let images = format!("{} to train on, {} for validation, {} for the test", images[0], images[1], images[2]);
    let cores = print::counted(*cores, "core");
    let processor = processor.map_or_else(|| cores.clone(), |processor| format!("{processor}, {cores}"));
    let before = [
        ("data set", dataset.name.clone()),
        ("images", images),
        ("sha256 of the data", dataset.sha256.clone().unwrap_or_default()),
        ("protocol", protocol.name.clone()),
    ];
    let after = [
        ("seed", seed.to_string()),
        ("device", device.to_string()),
        ("processor", processor),
        ("started", started.to_string()),
        ("tool", format!("nasbench {}", env!("CARGO_PKG_VERSION"))),
    ];
    let owned = |(name, value): (&str, String)| (name.to_owned(), value);
    before.map(owned).into_iter().chain(protocol.lines()).chain(after.map(owned)).collect()
}
