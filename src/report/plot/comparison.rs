//! The plots of a comparison.

use super::axis::Axis;
use super::canvas::{Plot, Point, Series, Shape, Stroke};
use super::{Figure, INK, looks};
use crate::compare::AnytimePoint;
use crate::compare::{AlgorithmResult, Attainment, FrontScale};
use crate::objective;

/// Bands lie over each other.
const BAND_OPACITY: f64 = 0.12;
/// Lines of quarters of the runs stand behind those of a half.
const QUARTILE_OPACITY: f64 = 0.3;
/// The least regret that a logarithmic axis shows, in percentage points.
const LEAST: f64 = 0.001;

/// The median regret over the evaluations, with the quartiles.
pub(in crate::report) fn by_evaluations(standings: &[AlgorithmResult], unit: &str) -> Option<Figure> {
    anytime((standings, unit), "Regret against evaluations", "evaluations", |standing| &standing.by_evaluations)
}

/// The median regret over the simulated time, with the quartiles.
pub(in crate::report) fn by_time(standings: &[AlgorithmResult], unit: &str) -> Option<Figure> {
    anytime((standings, unit), "Regret against simulated time", "simulated time (s)", |standing| &standing.by_time)
}

fn anytime(
    (standings, unit): (&[AlgorithmResult], &str),
    title: &'static str,
    spent: &str,
    curve: fn(&AlgorithmResult) -> &[AnytimePoint],
) -> Option<Figure> {
    let bands = || standings.iter().flat_map(curve);
    let x = Axis::logarithmic(spent, bands().map(|band| band.spent));
    let values = || bands().flat_map(|band| [band.lower_quartile, band.median, band.upper_quartile].map(points));
    // Where half of the runs have found the very best cell, there is no logarithm.
    let regret = format!("regret ({unit})");
    let y = if bands().all(|band| points(band.median) >= LEAST) {
        Axis::logarithmic(&regret, values().filter(|value| *value >= LEAST))
    } else {
        Axis::linear(&regret, values())
    };
    let lowest = y.lowest();
    let mut areas = Vec::new();
    let mut lines = Vec::new();
    for (standing, (color, stroke)) in standings.iter().zip(looks()) {
        let curve = curve(standing);
        let at = |band: &AnytimePoint, value: f64| Point::at(band.spent, points(value).max(lowest));
        let above = curve.iter().map(|band| at(band, band.upper_quartile));
        let below = curve.iter().rev().map(|band| at(band, band.lower_quartile));
        let mut area = Series::line("", color, Stroke::Area, above.chain(below).collect());
        area.opacity = BAND_OPACITY;
        areas.push(area);
        lines.push(Series::line(&standing.name, color, stroke, curve.iter().map(|band| at(band, band.median)).collect()));
    }
    let caption = "The line is the median over the runs, the band holds their middle half. A curve begins when every run has an \
                   incumbent.";
    areas.append(&mut lines);
    Plot { title, caption, x, y, series: areas }.draw()
}

/// The share of the runs that ended with at most a regret.
pub(in crate::report) fn distribution(standings: &[AlgorithmResult], unit: &str) -> Option<Figure> {
    let ends = || standings.iter().flat_map(|standing| &standing.distribution).map(|(regret, _)| points(*regret));
    ends().next()?;
    let x = Axis::linear(&format!("final regret ({unit})"), ends().chain([0.0]));
    let y = Axis::linear("share of the runs (%)", [0.0, 100.0]);
    let series = standings.iter().zip(looks()).map(|(standing, (color, stroke))| {
        let mut share = 0.0;
        let mut corners = Vec::new();
        for (regret, reached) in &standing.distribution {
            corners.extend([share, *reached].map(|share| Point::at(points(*regret), 100.0 * share)));
            share = *reached;
        }
        corners.push(Point::at(x.range.end, 100.0 * share));
        Series::line(&standing.name, color, stroke, corners)
    });
    let series = series.collect();
    let caption = "How many runs ended with at most this regret: the higher a line and the further left, the better.";
    Plot { title: "Final regrets", caption, x, y, series }.draw()
}

/// The exact front of two objectives, and what the runs of each algorithm attain; nothing of more.
pub(in crate::report) fn fronts(standings: &[AlgorithmResult], front: &FrontScale) -> Option<Figure> {
    let [first, second] = front.objectives[..] else { return None };
    let [first, second] = [objective::find(first).ok()?, objective::find(second).ok()?];
    let at = |values: &[f64]| Point::at(second.minimised(values[1]), first.minimised(values[0]));
    let surfaces =
        |standing: &'_ AlgorithmResult| standing.fronts.as_ref().map(|found| found.attainment.clone()).unwrap_or_default();
    let exact: Vec<Point> = front.front.iter().map(|values| at(values)).collect();
    let corners = standings.iter().flat_map(surfaces).flat_map(|surface| surface.corners).map(|corner| at(&corner));
    let all: Vec<Point> = exact.iter().cloned().chain(corners).collect();
    let label = |objective: &objective::Objective| match objective.unit {
        "" => objective.name.to_owned(),
        unit => format!("{} ({unit})", objective.name),
    };
    let values = all.iter().map(|point| point.x);
    let is_positive = values.clone().all(|value| value > 0.0);
    let x = if is_positive { Axis::logarithmic(&label(second), values) } else { Axis::linear(&label(second), values) };
    let y = Axis::linear(&label(first), all.iter().map(|point| point.y));
    let mut series = vec![Series::points("exact front", INK, Shape::Circle, exact)];
    for (standing, (color, stroke)) in standings.iter().zip(looks()) {
        for Attainment { share, corners } in surfaces(standing) {
            let is_median = (share - 0.5).abs() < 1e-9;
            let name = if is_median { standing.name.as_str() } else { "" };
            let mut line = Series::line(name, color, stroke, staircase(&corners, at));
            line.opacity = if is_median { 1.0 } else { QUARTILE_OPACITY };
            series.push(line);
        }
    }
    let caption = "The line is what half of the runs attain: each point of it is reached or beaten by as many. The fainter lines are what a \
                   quarter and three quarters of them attain. The nearer to the exact front, the better.";
    Plot { title: "Fronts", caption, x, y, series }.draw()
}

/// The border of what corners dominate, between them.
fn staircase(corners: &[[f64; 2]], at: impl Fn(&[f64]) -> Point) -> Vec<Point> {
    let mut line = Vec::new();
    for (place, corner) in corners.iter().enumerate() {
        if let Some(before) = place.checked_sub(1).map(|before| corners[before]) {
            line.push(at(&[corner[0], before[1]]));
        }
        line.push(at(corner));
    }
    line
}

/// A regret in percentage points.
fn points(regret: f64) -> f64 {
    100.0 * regret
}
