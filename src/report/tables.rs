//! The tables of a report: the page and the terminal print the same ones.

use super::grid::Entry::{Graph, Hash};
use super::grid::Grid;
use super::grid::Side::{Left, Right};
use super::parts::with_deviation;
use super::{Header, RecordedCell, Records, Report, SearchRun, Spread, Surrogates, pareto};
use crate::print;
use crate::verify::{Role, Verification, Verified};

pub(super) fn stages(header: &Header) -> Grid {
    let mut grid = Grid::new(&[("stage", Left), ("wall time", Right)]);
    for stage in &header.stages {
        grid.push([stage.name.as_str().into(), stage.wall.to_string().into()]);
    }
    if header.stages.len() > 1 {
        let total = crate::unit::Seconds(header.stages.iter().map(|stage| stage.wall.0).sum());
        grid.push(["together".into(), total.to_string().into()]);
    }
    grid
}

pub(super) fn rows(records: &Records) -> Grid {
    let mut grid = Grid::new(&[("epochs", Right), ("rows", Right), ("ok", Right), ("diverged", Right), ("failed", Right)]);
    for count in &records.rows {
        let entry = |rows: usize| print::thousands(rows as u64).into();
        grid.push([
            count.epochs.to_string().into(),
            entry(count.total()),
            entry(count.ok),
            entry(count.diverged),
            entry(count.failed),
        ]);
    }
    grid
}

pub(super) fn repeats(records: &Records) -> Grid {
    let mut grid =
        Grid::new(&[("epochs", Right), ("cells", Right), ("Pearson", Right), ("Spearman", Right), ("noise, points", Right)]);
    for agreement in &records.repeats {
        grid.push([
            agreement.epochs.to_string().into(),
            print::thousands(agreement.cells as u64).into(),
            print::correlation(agreement.pearson).into(),
            print::correlation(agreement.spearman).into(),
            agreement.noise.map_or_else(|| print::NOTHING.to_owned(), print::percent).into(),
        ]);
    }
    grid
}

pub(super) fn budgets(records: &Records) -> Grid {
    let mut grid = Grid::new(&[
        ("epochs", Right),
        ("against", Right),
        ("Spearman", Right),
        ("Spearman, best 10 %", Right),
        ("Kendall τ-b", Right),
    ]);
    for agreement in &records.budgets {
        grid.push([
            agreement.smaller.to_string().into(),
            agreement.larger.to_string().into(),
            print::correlation(agreement.correlation.spearman).into(),
            print::correlation(agreement.correlation.spearman_of_best).into(),
            print::correlation(agreement.correlation.kendall_tau_b).into(),
        ]);
    }
    grid
}

/// The recorded cells, the best first, those without an accuracy last.
pub(super) fn cells(records: &Records) -> Grid {
    let front = front(records);
    let mut grid = Grid::new(&[
        ("rank", Right),
        ("cell", Left),
        ("validation %", Right),
        ("repeats %", Left),
        ("test %", Right),
        ("parameters", Right),
        ("MFLOPs", Right),
        ("vertices", Right),
        ("Pareto", Left),
        ("edges and operations", Left),
    ]);
    let ranked = records.ranked().into_iter().map(|(cell, _)| cell);
    let without = records.cells.iter().filter(|cell| cell.validation.is_none());
    for (position, recorded) in ranked.chain(without).enumerate() {
        let repeats: Vec<_> = recorded.repeats.iter().map(|repeat| print::accuracy(*repeat)).collect();
        let on_front = front.iter().any(|cell| cell.cell == recorded.cell);
        let rank = recorded.validation.map_or_else(|| print::NOTHING.to_owned(), |_| (position + 1).to_string());
        grid.push([
            rank.into(),
            Hash(recorded.cell.hash()),
            print::accuracy(recorded.validation).into(),
            repeats.join("  ").into(),
            print::accuracy(recorded.test).into(),
            print::thousands(recorded.parameters.0).into(),
            print::millions(recorded.flops).into(),
            recorded.cell.vertices().to_string().into(),
            if on_front { "●" } else { "" }.into(),
            Graph(recorded.cell),
        ]);
    }
    grid
}

/// The recorded cells that no smaller one beats, the smallest first.
pub(super) fn front(records: &Records) -> Vec<&RecordedCell> {
    let points: Vec<_> = records.cells.iter().map(|cell| (cell.parameters, cell.validation)).collect();
    pareto::front(&points).into_iter().map(|position| &records.cells[position]).collect()
}

pub(super) fn surrogates(surrogates: &Surrogates) -> Grid {
    let mut grid = Grid::new(&[
        ("surrogate", Left),
        ("Kendall τ", Right),
        ("Spearman", Right),
        ("R²", Right),
        ("RMSE, points", Right),
        ("top-5 regret, points", Right),
    ]);
    let fitted = surrogates.models.iter().map(|model| (model.name.clone(), model));
    let sizes = surrogates.sizes.iter().map(|size| (format!("{}, nothing fitted", size.name), size));
    for (name, model) in fitted.chain(sizes) {
        grid.push([
            name.into(),
            Spread::plain(model.kendall).into(),
            Spread::plain(model.spearman).into(),
            Spread::plain(model.r_squared).into(),
            Spread::percent(model.rmse).into(),
            Spread::percent(model.top5_regret).into(),
        ]);
    }
    grid
}

pub(super) fn searches(searches: &[SearchRun]) -> Grid {
    let mut grid = Grid::new(&[
        ("search", Left),
        ("evaluations", Right),
        ("distinct cells", Right),
        ("best predicted %", Right),
        ("found at", Right),
        ("wall time", Right),
        ("best cell", Left),
    ]);
    for search in searches {
        let last = search.trajectory.last();
        grid.push([
            search.name.as_str().into(),
            print::thousands(search.evaluations as u64).into(),
            print::thousands(search.distinct_cells as u64).into(),
            print::accuracy(last.map(|step| step.best)).into(),
            last.map_or_else(|| print::NOTHING.to_owned(), |step| print::thousands(step.evaluation as u64)).into(),
            format!("{:.3} s", search.wall.0).into(),
            search.best.map_or_else(|| print::NOTHING.into(), |cell| Hash(cell.hash())),
        ]);
    }
    grid
}

pub(super) fn verified(verification: &Verification) -> Grid {
    let mut grid = Grid::new(&[
        ("role", Left),
        ("cell", Left),
        ("predicted %", Right),
        ("measured %", Right),
        ("difference, points", Right),
        ("seeds", Right),
        ("test %", Right),
        ("parameters", Right),
        ("edges and operations", Left),
    ]);
    for verified in Role::ALL.into_iter().flat_map(|role| verification.of_role(role)) {
        grid.push([
            verified.role.name().into(),
            Hash(verified.cell.hash()),
            print::accuracy(verified.predicted).into(),
            measured(verified).into(),
            print::interval(verified.difference, |value| print::points(Some(value))).into(),
            verified.seeds.to_string().into(),
            print::accuracy(verified.test).into(),
            print::thousands(verified.parameters.0).into(),
            Graph(verified.cell),
        ]);
    }
    grid
}

/// The mean over the seeds and the deviation, as percentages.
pub(super) fn measured(verified: &Verified) -> String {
    with_deviation(&print::accuracy(verified.measured), verified.deviation.map(print::percent))
}

/// How far the winners are from the cells beside them.
pub(super) fn differences(verification: &Verification) -> Grid {
    let mut grid =
        Grid::new(&[("winners against", Left), ("cells", Right), ("their mean %", Right), ("difference, points", Right)]);
    for other in &verification.differences {
        grid.push([
            other.role.name().into(),
            other.cells.to_string().into(),
            print::percent(other.mean).into(),
            print::interval(Some(other.difference), |value| print::points(Some(value))).into(),
        ]);
    }
    grid
}

pub(super) fn ranks(verification: &Verification) -> Grid {
    let mut grid = Grid::new(&[("predicted against measured over", Left), ("cells", Right), ("Spearman", Right)]);
    let ranks = verification.rank_correlation;
    let fitted_on = verification.of_role(Role::BestRecorded).len();
    let count = |role| verification.of_role(role).len();
    for (name, cells, value) in [
        ("all but the recorded cell", verification.cells.len() - fitted_on, ranks.all),
        ("the winners alone", count(Role::Winner), ranks.winners),
        ("the random controls alone", count(Role::Control), ranks.controls),
    ] {
        if cells > 0 {
            grid.push([name.into(), cells.to_string().into(), print::correlation(value).into()]);
        }
    }
    grid
}

/// Where the run came from: names and values.
pub(super) fn setting(report: &Report) -> Vec<(String, String)> {
    let Header { dataset, protocol, machine, .. } = &report.header;
    let images = |count: usize| print::thousands(count as u64);
    let mut lines = vec![
        ("data set".to_owned(), dataset.name.clone()),
        (
            "images".to_owned(),
            format!(
                "{} to train on, {} for validation, {} for the test",
                images(dataset.train_images),
                images(dataset.validation_images),
                images(dataset.test_images)
            ),
        ),
        ("sha256 of the data".to_owned(), dataset.sha256.clone()),
        ("protocol".to_owned(), protocol.name.clone()),
    ];
    lines.extend(protocol.lines.iter().cloned());
    lines.push(("seed".to_owned(), report.header.seed.to_string()));
    lines.push(("device".to_owned(), machine.device.clone()));
    let cores = print::counted(machine.cores, "core");
    lines.push(("processor".to_owned(), machine.cpu.as_ref().map_or_else(|| cores.clone(), |cpu| format!("{cpu}, {cores}"))));
    lines.push(("started".to_owned(), report.header.started.clone()));
    lines.push(("tool".to_owned(), format!("nasbench {}", report.header.tool_version)));
    lines
}
