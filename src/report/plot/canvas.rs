//! What a plot shows: series of points and lines on two axes.

use super::axis::Axis;
use super::{AXIS, Figure, Rgb};

/// The form of a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Circle,
    Square,
    Triangle,
    Diamond,
    /// A hollow circle, larger than the others, to draw around another point.
    Ring,
}

/// The form of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stroke {
    Solid,
    Dashed,
    Dotted,
    /// No line, but the area that the points surround, lightly.
    Area,
}

/// A point in the units of the axes.
#[derive(Clone, Debug, Default)]
pub(super) struct Point {
    pub(super) x: f64,
    pub(super) y: f64,
    /// How far the error bar reaches up and down.
    pub(super) deviation: Option<f64>,
    /// What the page shows under the pointer; nothing if empty.
    pub(super) tip: String,
}

impl Point {
    pub(super) fn at(x: f64, y: f64) -> Self {
        Self { x, y, ..Self::default() }
    }

    /// How low and how high the point reaches with its error bar.
    pub(super) fn reach(&self) -> [f64; 2] {
        let deviation = self.deviation.unwrap_or(0.0);
        [self.y - deviation, self.y + deviation]
    }
}

/// Points that belong together.
#[derive(Clone, Debug)]
pub(super) struct Series {
    /// What the legend says; not in the legend if empty.
    pub(super) name: String,
    pub(super) color: Rgb,
    pub(super) opacity: f64,
    pub(super) shape: Option<Shape>,
    pub(super) stroke: Option<Stroke>,
    pub(super) points: Vec<Point>,
}

impl Series {
    pub(super) fn points(name: &str, color: Rgb, shape: Shape, points: Vec<Point>) -> Self {
        Self { name: name.to_owned(), color, opacity: 0.85, shape: Some(shape), stroke: None, points }
    }

    pub(super) fn line(name: &str, color: Rgb, stroke: Stroke, points: Vec<Point>) -> Self {
        Self { name: name.to_owned(), color, opacity: 1.0, shape: None, stroke: Some(stroke), points }
    }
}

/// What to draw.
pub(super) struct Plot {
    pub(super) title: &'static str,
    pub(super) caption: &'static str,
    pub(super) x: Axis,
    pub(super) y: Axis,
    /// Later ones are drawn over earlier ones.
    pub(super) series: Vec<Series>,
}

impl Plot {
    /// Draws it all; `None` if there is nothing but lines for reference.
    pub(super) fn draw(&self) -> Option<Figure> {
        self.series.iter().any(|series| series.color != AXIS && !series.points.is_empty()).then(|| self.figure())
    }
}
