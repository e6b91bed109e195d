//! The plots of the page of a run.

use super::axis::Axis;
use super::canvas::{Plot, Point, Series, Shape, Stroke};
use super::{AXIS, BLUE, Figure, GREEN, INK, PALETTE, PURPLE, SHAPES, VERMILLION};
use crate::print;
use crate::report::model::Step;
use crate::report::{Prediction, RecordedCell, Records, Report, SearchRun, Surrogates, tables};
use crate::space::{Cell, Operator};
use crate::statistics::number;
use crate::unit::Accuracy;
use crate::verify::{Role, Verification, Verified};

/// The kinds of cells by which a plot colours them.
pub(in crate::report) const MAKEUPS: [&str; 3] =
    ["with a 3×3 convolution", "with 1×1 convolutions only", "without a convolution"];

/// Returns the first of the [`MAKEUPS`] that fits a cell.
fn makeup(cell: Cell) -> &'static str {
    let has = |kernel| cell.operations().any(|operation| operation.spec().steps.contains(&Operator::Convolution { kernel }));
    MAKEUPS[[3, 1].into_iter().position(has).unwrap_or(2)]
}

/// Validation accuracy against parameters, with the front of the cells that no smaller one beats.
pub(in crate::report) fn accuracy_against_parameters(records: &Records) -> Option<Figure> {
    let point = |recorded: &RecordedCell| {
        let validation = recorded.validation.filter(|_| recorded.parameters.0 > 0)?;
        let tip = format!("{}\n{}, {} parameters", named(recorded.cell), validation, print::thousands(recorded.parameters.0));
        Some(Point { tip, ..Point::at(recorded.parameters.0.into(), percent(validation)) })
    };
    let points: Vec<_> = records.cells.iter().filter_map(|cell| Some((makeup(cell.cell), point(cell)?))).collect();
    let x = Axis::logarithmic("trainable parameters", points.iter().map(|(_, point)| point.x));
    let y = Axis::linear("validation accuracy (%)", points.iter().map(|(_, point)| point.y));
    let front: Vec<_> = tables::front(records).into_iter().filter_map(point).map(|point| Point::at(point.x, point.y)).collect();
    let mut series = vec![Series::line("Pareto front", INK, Stroke::Solid, steps(&front, 10_f64.powf(x.range.end)))];
    for ((makeup, color), shape) in MAKEUPS.into_iter().zip(PALETTE).zip(SHAPES) {
        let own = points.iter().filter(|(other, _)| *other == makeup).map(|(_, point)| point.clone()).collect();
        series.push(Series::points(makeup, color, shape, own));
    }
    series.push(Series::points("", INK, Shape::Ring, front));
    let caption = "Each mark is a recorded cell. The line is the Pareto front: no smaller cell is better than the cells on it.";
    Plot { title: "Accuracy against size", caption, x, y, series }.draw()
}

/// Repeat 0 against repeat 1 of each cell at the largest budget.
pub(in crate::report) fn repeats(records: &Records) -> Option<Figure> {
    let pair = |recorded: &RecordedCell| {
        let [Some(first), Some(second), ..] = recorded.repeats[..] else { return None };
        let tip = format!("{}\n{first} and {second}", named(recorded.cell));
        Some(Point { tip, ..Point::at(percent(first), percent(second)) })
    };
    let points: Vec<_> = records.cells.iter().filter_map(pair).collect();
    let both = || points.iter().flat_map(|point| [point.x, point.y]);
    let x = Axis::linear("repeat 0: validation accuracy (%)", both());
    let y = Axis::linear("repeat 1: validation accuracy (%)", both());
    let series = vec![diagonal(&x, &y, "equal"), Series::points("a recorded cell", BLUE, Shape::Circle, points)];
    let caption = "Two trainings of the same cell with different seeds. How far the marks lie from the diagonal is the noise that no \
                   surrogate can predict.";
    Plot { title: "One training against another", caption, x, y, series }.draw()
}

/// Predicted against measured accuracies of held-out recorded cells.
pub(in crate::report) fn held_out(surrogates: &Surrogates) -> Option<Figure> {
    let points = held_out_points(surrogates);
    let both = || points.iter().flat_map(|point| [point.x, point.y]);
    let (x, y) = predicted_and_measured(both(), both());
    let series = vec![diagonal(&x, &y, "as predicted"), Series::points("a recorded cell, held out", BLUE, Shape::Circle, points)];
    let caption = "The random forest on recorded cells, each predicted by a forest that was fitted without it.";
    Plot { title: "Predicted against measured: unseen cells", caption, x, y, series }.draw()
}

/// Predicted against measured for the retrained cells, with the held-out records around them.
pub(in crate::report) fn verified(report: &Report) -> Option<Figure> {
    let Verification { cells, .. } = &report.verification;
    let point = |verified: &Verified| {
        let (predicted, measured) = (verified.predicted?, verified.measured?);
        let tip = format!(
            "{}: {}\npredicted {predicted}, measured {} %",
            verified.role.name(),
            named(verified.cell),
            tables::measured(verified)
        );
        let deviation = verified.deviation.map(|deviation| deviation * 100.0);
        Some(Point { x: percent(predicted), y: percent(measured), deviation, tip })
    };
    let points: Vec<_> = cells.iter().filter_map(|cell| Some((cell.role, point(cell)?))).collect();
    let (x, y) =
        predicted_and_measured(points.iter().map(|(_, point)| point.x), points.iter().flat_map(|(_, point)| point.reach()));
    let mut around = Series::points("a recorded cell, held out", AXIS, Shape::Circle, held_out_points(&report.surrogates));
    around.opacity = 0.35;
    around.points.retain(|point| x.place(point.x).is_some() && y.place(point.y).is_some());
    let mut series = vec![diagonal(&x, &y, "as predicted"), around];
    let marks = [
        (Role::Control, GREEN, Shape::Square),
        (Role::SameSize, PURPLE, Shape::Square),
        (Role::Largest, BLUE, Shape::Circle),
        (Role::BestRecorded, INK, Shape::Triangle),
        (Role::Winner, VERMILLION, Shape::Diamond),
    ];
    for (role, color, shape) in marks {
        let own = points.iter().filter(|(other, _)| *other == role).map(|(_, point)| point.clone()).collect();
        series.push(Series::points(role.name(), color, shape, own));
    }
    let caption =
        "Retrained cells; bars are one standard deviation over the seeds. Above the diagonal a cell is better than promised.";
    Plot { title: "Predicted against measured: retrained cells", caption, x, y, series }.draw()
}

/// The best predicted accuracy so far against the number of evaluations, one line for each search.
pub(in crate::report) fn trajectories(searches: &[SearchRun], best_recorded: Option<Accuracy>) -> Option<Figure> {
    let runs = searches.iter().map(|search| {
        let name = &search.history.algorithm;
        let tip = |step: &Step| format!("{name}: {} after {} evaluations", step.predicted, step.evaluation);
        let point = |step| Point { tip: tip(&step), ..Point::at(number(step.evaluation), percent(step.predicted)) };
        (name, number(search.history.trials.len()), search.steps().into_iter().map(point).collect::<Vec<_>>())
    });
    let runs: Vec<_> = runs.filter(|(.., points)| !points.is_empty()).collect();
    let points = || runs.iter().flat_map(|(.., points)| points);
    let ends = runs.iter().map(|(_, end, _)| *end);
    let x = Axis::logarithmic("evaluations of the surrogate", points().map(|point| point.x).chain(ends));
    let reference = best_recorded.map(percent);
    let y = Axis::linear("best predicted accuracy so far (%)", points().map(|point| point.y).chain(reference));
    let mut series = Vec::new();
    if let Some(best) = reference {
        let ends = [x.range.start, x.range.end].map(|end| Point::at(10_f64.powf(end), best));
        series.push(Series::line("best recorded cell, measured", AXIS, Stroke::Dashed, ends.into()));
    }
    for ((name, end, points), (color, shape)) in runs.iter().zip(PALETTE.into_iter().zip(SHAPES).cycle()) {
        series.push(Series::line("", color, Stroke::Solid, steps(points, *end)));
        let marks = Series::points(name, color, shape, points.clone());
        series.push(Series { opacity: 1.0, ..marks });
    }
    let caption =
        "A mark stands wherever a search found a cell that the surrogate expects more of. The accuracies are predictions.";
    Plot { title: "Best prediction so far", caption, x, y, series }.draw()
}

/// Accuracy against epochs for the retrained cells: validation solid, training dashed.
pub(in crate::report) fn learning_curves(verification: &Verification) -> Option<Figure> {
    let learned = verification.cells.iter().filter(|cell| !cell.curve.validation.is_empty());
    let learned: Vec<_> = learned.take(PALETTE.len()).collect();
    let per_epoch = |accuracies: &[Accuracy]| -> Vec<Point> {
        (1..).zip(accuracies).map(|(epoch, accuracy)| Point::at(f64::from(epoch), percent(*accuracy))).collect()
    };
    let all = || {
        let curves = learned.iter().flat_map(|cell| [&cell.curve.train, &cell.curve.validation]);
        curves.flat_map(|curve| per_epoch(curve))
    };
    let x = Axis::whole("epochs", all().map(|point| point.x));
    let y = Axis::linear("accuracy (%)", all().map(|point| point.y));
    let mut series = Vec::new();
    for (cell, color) in learned.iter().zip(PALETTE) {
        series.push(Series::line("", color, Stroke::Dashed, per_epoch(&cell.curve.train)));
    }
    for ((cell, color), shape) in learned.iter().zip(PALETTE).zip(SHAPES.into_iter().cycle()) {
        let tip =
            |point: Point| Point { tip: format!("{}\n{:.2} % after epoch {}", named(cell.cell), point.y, point.x), ..point };
        let points = per_epoch(&cell.curve.validation).into_iter().map(tip).collect();
        let name = format!("{} {}", cell.role.name(), print::short(cell.cell.hash()));
        series.push(Series { shape: Some(shape), ..Series::line(&name, color, Stroke::Solid, points) });
    }
    if learned.iter().any(|cell| !cell.curve.train.is_empty()) {
        // A line of its own for the legend: the dashed ones have the colours of their cells.
        series.push(Series::line("on the training images", INK, Stroke::Dashed, vec![Point::at(f64::NAN, f64::NAN)]));
    }
    let caption = "Means over the seeds: solid on the part of the validation images that curves use, so not quite the accuracies \
                   of the table; dashed on the training images while they were trained on.";
    Plot { title: "Learning curves", caption, x, y, series }.draw()
}

fn held_out_points(surrogates: &Surrogates) -> Vec<Point> {
    let point = |prediction: &Prediction| {
        let tip = format!("{}\npredicted {}, measured {}", named(prediction.cell), prediction.predicted, prediction.measured);
        Point { tip, ..Point::at(percent(prediction.predicted), percent(prediction.measured)) }
    };
    surrogates.held_out.iter().map(point).collect()
}

fn predicted_and_measured(predicted: impl Iterator<Item = f64>, measured: impl Iterator<Item = f64>) -> (Axis, Axis) {
    (Axis::linear("predicted validation accuracy (%)", predicted), Axis::linear("measured validation accuracy (%)", measured))
}

/// The line on which both axes are equal, as far as both show it.
fn diagonal(x: &Axis, y: &Axis, name: &str) -> Series {
    let (low, high) = (x.range.start.max(y.range.start), x.range.end.min(y.range.end));
    let ends = if low < high { vec![Point::at(low, low), Point::at(high, high)] } else { Vec::new() };
    Series::line(name, AXIS, Stroke::Dashed, ends)
}

/// A staircase through points of ascending `x`: each value holds until the next one, the last one until `end`.
fn steps(points: &[Point], end: f64) -> Vec<Point> {
    let nexts = points.iter().skip(1).map(|next| next.x).chain(std::iter::once(end));
    points.iter().zip(nexts).flat_map(|(point, next)| [Point::at(point.x, point.y), Point::at(next, point.y)]).collect()
}

fn percent(accuracy: Accuracy) -> f64 {
    f64::from(accuracy.fraction()) * 100.0
}

fn named(cell: Cell) -> String {
    format!("{}: {cell}", print::short(cell.hash()))
}
