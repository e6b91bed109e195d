//! The pictures of a landscape.

use super::axis::Axis;
use super::canvas::{Plot, Point, Series, Shape, Stroke};
use super::{AXIS, BLUE, Figure, INK, VERMILLION};
use crate::analysis::landscape::{Landscape, Reliability, Spot};

const ACCURACY: &str = "mean validation accuracy (%)";
/// Many points lie over each other.
const OPACITY: f64 = 0.3;

/// Every cell by the operations of its network at a fixed stem.
pub(in crate::report) fn accuracy_by_flops(landscape: &Landscape) -> Option<Figure> {
    let x = |spot: &Spot| spot.flops;
    let caption = "Each mark is a cell. The narrower the cloud, the more of the landscape is size.";
    scatter(landscape, "Accuracy against size", caption, x, |values| Axis::logarithmic("FLOPs at a fixed stem", values))
}

/// Every cell by its distance from the best one.
pub(in crate::report) fn accuracy_by_distance(landscape: &Landscape) -> Option<Figure> {
    let x = |spot: &Spot| spot.distance;
    let caption = "Each mark is a cell. Where accuracy falls with the distance, a search that keeps to good cells comes nearer to the best.";
    scatter(landscape, "Accuracy against distance", caption, x, |values| Axis::whole("edits from the best cell", values))
}

fn scatter(
    landscape: &Landscape,
    title: &'static str,
    caption: &'static str,
    x: fn(&Spot) -> f64,
    axis: impl Fn(Vec<f64>) -> Axis,
) -> Option<Figure> {
    let points: Vec<_> = landscape.points.iter().map(|spot| Point::at(x(spot), 100.0 * spot.accuracy)).collect();
    let y = Axis::linear(ACCURACY, points.iter().map(|point| point.y));
    let x = axis(points.iter().map(|point| point.x).collect());
    let mut series = Series::points("", BLUE, Shape::Circle, points);
    series.opacity = OPACITY;
    Plot { title, caption, x, y, series: vec![series] }.draw()
}

/// The noise of a repeat and the spread of the means in each tenth.
pub(in crate::report) fn noise_by_decile(landscape: &Landscape) -> Option<Figure> {
    let of = |value: fn(&Reliability) -> Option<f64>| -> Vec<Point> {
        let tenths = (1_u8..).zip(&landscape.deciles);
        tenths.filter_map(|(tenth, decile)| Some(Point::at(tenth.into(), 100.0 * value(&decile.reliability)?))).collect()
    };
    let (noise, spread) = (of(|reliability| reliability.noise), of(|reliability| reliability.spread));
    noise.first()?;
    let all = || noise.iter().chain(&spread);
    let x = Axis::whole("tenth of the cells, the worst first", all().map(|point| point.x));
    let y = Axis::linear("deviation (percentage points)", all().map(|point| point.y).chain([0.0]));
    let series = vec![
        Series::line("a repeat of a cell", VERMILLION, Stroke::Solid, noise),
        Series::line("the means of the cells", BLUE, Stroke::Dashed, spread),
    ];
    let caption = "Where a repeat deviates by more than the means do, one training does not tell the cells of this tenth apart.";
    Plot { title: "Noise and spread", caption, x, y, series }.draw()
}

/// The autocorrelation of accuracies along random walks.
pub(in crate::report) fn autocorrelation(landscape: &Landscape) -> Option<Figure> {
    let walk = landscape.walk.as_ref()?;
    let lags = || (1_u8..).map(f64::from).zip(&walk.autocorrelation);
    let points: Vec<_> = lags().map(|(lag, estimate)| Point::at(lag, estimate.value)).collect();
    let above = lags().map(|(lag, estimate)| Point::at(lag, estimate.high));
    let below: Vec<_> = lags().map(|(lag, estimate)| Point::at(lag, estimate.low)).collect();
    let mut band = Series::line("", BLUE, Stroke::Area, above.chain(below.into_iter().rev()).collect());
    band.opacity = OPACITY;
    let x = Axis::whole("steps", points.iter().map(|point| point.x));
    let y = Axis::linear("autocorrelation", points.iter().map(|point| point.y).chain([0.0, 1.0]));
    let level = (-1.0_f64).exp();
    let line = vec![Point::at(x.range.start, level), Point::at(x.range.end, level)];
    let series = vec![
        band,
        Series::line("1/e", AXIS, Stroke::Dashed, line),
        Series::line("mean over the walks", INK, Stroke::Solid, points),
    ];
    let caption = "How far the accuracies along random walks from neighbour to neighbour are alike, with the 95 % interval.";
    Plot { title: "Random walks", caption, x, y, series }.draw()
}
