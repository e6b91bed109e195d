//! Draws series of points and lines on two axes. Everything that knows plotters is here.

use std::ops::Range;

use plotters::chart::{ChartBuilder, ChartContext};
use plotters::coord::Shift;
use plotters::coord::cartesian::Cartesian2d;
use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint, Ranged};
use plotters::drawing::{DrawingArea, IntoDrawingArea as _};
use plotters::element::{Circle, DashedPathElement, PathElement, Polygon, Rectangle};
use plotters::prelude::SVGBackend;
use plotters::style::{Color as _, IntoFont as _, RGBColor, ShapeStyle, TextStyle};

use super::axis::Axis;
use super::canvas::{Plot, Series, Shape, Stroke};
use super::{AXIS, Figure, GRID, INK, Rgb};
use crate::report::grid::escape;

/// Plots are drawn at twice their size, because plotters counts in whole pixels.
const SIZE: (u32, u32) = (1040, 760);
const SWATCH: (u32, u32) = (64, 32);
const FONT: f64 = 27.0;
/// plotters divides a font size by this before it writes it.
const FONT_SCALE: f64 = 1.24;
/// More points than this get no text under the pointer, to keep the page light.
const MOST_TIPS: usize = 2_000;

/// Drawing into a text does not fail, but plotters writes to files and screens, too.
type Drawn = Result<(), Box<dyn std::error::Error + Send + Sync>>;
type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Chart<'a> = ChartContext<'a, SVGBackend<'a>, Cartesian2d<Axis, Axis>>;
type Pixel = (i32, i32);

impl Plot {
    /// Draws it all, though it may be an empty plot.
    pub(super) fn figure(&self) -> Figure {
        let mut tips = Vec::new();
        let plot = drawing(SIZE, |root| self.draw_on(root, &mut tips));
        let in_legend = self.series.iter().filter(|series| !series.name.is_empty() && !series.points.is_empty());
        let legend = in_legend.map(|series| (swatch(series), series.name.clone())).collect();
        let tips = if tips.len() > MOST_TIPS { String::new() } else { tips.concat() };
        let label = format!("{}: {} against {}", self.title, self.y.label, self.x.label);
        let svg = reopened(&plot, SIZE, "plot", &format!("role=\"img\" aria-label=\"{}\"", escape(&label)), &tips);
        Figure { title: self.title, caption: self.caption, legend, svg }
    }

    fn draw_on(&self, root: &Area, tips: &mut Vec<String>) -> Drawn {
        let mut chart = ChartBuilder::on(root)
            .margin_top(16)
            .margin_right(30)
            .x_label_area_size(84)
            .y_label_area_size(110)
            .build_cartesian_2d(self.x.clone(), self.y.clone())?;
        let font = |size: f64| -> TextStyle<'static> { ("sans-serif", size * FONT_SCALE).into_font().color(&INK.rgb()) };
        chart
            .configure_mesh()
            .bold_line_style(GRID.rgb().stroke_width(2))
            .axis_style(AXIS.rgb().stroke_width(2))
            .label_style(font(FONT))
            .axis_desc_style(font(FONT))
            .set_all_tick_mark_size(7)
            .x_label_formatter(&|place| self.x.text(*place))
            .y_label_formatter(&|place| self.y.text(*place))
            .x_desc(&self.x.label)
            .y_desc(&self.y.label)
            .draw()?;
        for series in &self.series {
            self.draw_series(root, &chart, series, tips)?;
        }
        Ok(())
    }

    fn draw_series(&self, root: &Area, chart: &Chart, series: &Series, tips: &mut Vec<String>) -> Drawn {
        let pixel = |x, y| Some(chart.backend_coord(&(self.x.place(x)?, self.y.place(y)?)));
        let pixels: Vec<Pixel> = series.points.iter().filter_map(|point| pixel(point.x, point.y)).collect();
        if let Some(stroke) = series.stroke
            && pixels.len() > 1
        {
            series.draw_line(root, stroke, pixels)?;
        }
        let Some(shape) = series.shape else { return Ok(()) };
        for point in &series.points {
            let Some(at) = pixel(point.x, point.y) else { continue };
            if point.deviation.is_some() {
                let ends = point.reach().map(|end| end.clamp(self.y.range.start, self.y.range.end));
                let bar: Vec<_> = ends.into_iter().filter_map(|end| pixel(point.x, end)).collect();
                root.draw(&PathElement::new(bar, series.style(3)))?;
            }
            series.draw_mark(root, shape, at)?;
            if !point.tip.is_empty() {
                let tip = escape(&point.tip);
                tips.push(format!("<circle cx=\"{}\" cy=\"{}\" r=\"14\"><title>{tip}</title></circle>\n", at.0, at.1));
            }
        }
        Ok(())
    }
}

impl Series {
    fn style(&self, width: u32) -> ShapeStyle {
        self.color.rgb().mix(self.opacity).stroke_width(width)
    }

    fn draw_line(&self, area: &Area, stroke: Stroke, pixels: Vec<Pixel>) -> Drawn {
        match stroke {
            Stroke::Solid => area.draw(&PathElement::new(pixels, self.style(4)))?,
            Stroke::Dashed => area.draw(&DashedPathElement::new(pixels, 12, 9, self.style(4)))?,
            Stroke::Dotted => area.draw(&DashedPathElement::new(pixels, 4, 8, self.style(4)))?,
            Stroke::Area => area.draw(&Polygon::new(pixels, self.color.rgb().mix(self.opacity).filled()))?,
        }
        Ok(())
    }

    fn draw_mark(&self, area: &Area, shape: Shape, (x, y): Pixel) -> Drawn {
        let fill = self.color.rgb().mix(self.opacity).filled();
        let around = |corners: &[Pixel]| corners.iter().map(|(right, down)| (x + right, y + down)).collect::<Vec<_>>();
        match shape {
            Shape::Circle => area.draw(&Circle::new((x, y), 8, fill))?,
            Shape::Square => area.draw(&Rectangle::new([(x - 7, y - 7), (x + 8, y + 8)], fill))?,
            Shape::Triangle => area.draw(&Polygon::new(around(&[(0, -10), (10, 8), (-10, 8)]), fill))?,
            Shape::Diamond => area.draw(&Polygon::new(around(&[(0, -12), (12, 0), (0, 12), (-12, 0)]), fill))?,
            Shape::Ring => area.draw(&Circle::new((x, y), 14, self.style(3)))?,
        }
        Ok(())
    }
}

/// A small picture of the mark of a series, for the legend.
fn swatch(series: &Series) -> String {
    let mark = drawing(SWATCH, |root| {
        if let Some(stroke) = series.stroke {
            series.draw_line(root, stroke, vec![(2, 16), (62, 16)])?;
        }
        series.shape.map_or(Ok(()), |shape| series.draw_mark(root, shape, (32, 16)))
    });
    reopened(&mark, SWATCH, "swatch", "aria-hidden=\"true\"", "")
}

/// What is drawn on an area of a size, as SVG.
fn drawing(size: (u32, u32), draw: impl FnOnce(&Area) -> Drawn) -> String {
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        draw(&root).expect("a text takes all that is drawn");
        root.present().expect("a text takes all that is drawn");
    }
    svg
}

/// Exchanges the opening tag that plotters wrote for one that scales, and adds the texts under the pointer.
fn reopened(svg: &str, (width, height): (u32, u32), class: &str, attributes: &str, tips: &str) -> String {
    let content = svg.split_once('>').map_or("", |(_, content)| content).trim().trim_end_matches("</svg>").trim();
    format!(
        "<svg class=\"{class}\" viewBox=\"0 0 {width} {height}\" {attributes}>\n{content}\n<g class=\"tips\" fill=\"none\">{tips}</g></svg>\n"
    )
}

impl Rgb {
    const fn rgb(self) -> RGBColor {
        RGBColor(self.0, self.1, self.2)
    }
}

impl Ranged for Axis {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    #[expect(clippy::cast_possible_truncation, reason = "pixels of a plot")]
    fn map(&self, place: &f64, (low, high): (i32, i32)) -> i32 {
        let part = (place - self.range.start) / (self.range.end - self.range.start);
        low + (part * f64::from(high - low)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        // The light grid lines between the ticks are left out.
        if hint.weight().allow_light_points() { Vec::new() } else { self.ticks.iter().map(|(place, _)| *place).collect() }
    }

    fn range(&self) -> Range<f64> {
        self.range.clone()
    }
}
