//! The plot of how well surrogates order cells by how many they were fitted on, as a file of its own.

use super::axis::Axis;
use super::canvas::{Plot, Point, Series};
use super::{Figure, INK, Rgb, SHAPES, hex, looks};
use crate::report::grid::escape;
use crate::statistics::number;
use crate::surrogate::assess;

/// The size of the plot, and the height of a line of the legend.
const SIZE: (usize, usize) = (1040, 760);
const LINE: usize = 44;

/// Draws Kendall's τ against the number of cells fitted on: one curve for each surrogate, with the standard deviation between the
/// repeats as bars. The SVG stands by itself.
#[must_use]
pub fn learning_curves(curves: &[(String, Vec<assess::Point>)]) -> String {
    let points = |points: &[assess::Point]| -> Vec<Point> {
        let point = |point: &assess::Point| {
            let tau = point.measures.kendall_tau?;
            Some(Point { deviation: tau.standard_deviation, ..Point::at(number(point.training), tau.mean) })
        };
        points.iter().filter_map(point).collect()
    };
    let curves: Vec<_> = curves.iter().map(|(name, curve)| (name, points(curve))).collect();
    let all = || curves.iter().flat_map(|(_, points)| points);
    let x = Axis::logarithmic("cells fitted on", all().map(|point| point.x));
    let y = Axis::linear("Kendall's τ on other cells", all().flat_map(Point::reach));
    let mut series = Vec::new();
    for (((name, points), (color, stroke)), shape) in curves.into_iter().zip(looks()).zip(SHAPES.into_iter().cycle()) {
        series.push(Series::line("", color, stroke, points.clone()));
        series.push(Series::points(name, color, shape, points));
    }
    let caption = "The bar is the standard deviation between the repeats.";
    standalone(&Plot { title: "Learning curves", caption, x, y, series }.figure())
}

/// A figure with its legend below, on white.
fn standalone(figure: &Figure) -> String {
    const WHITE: Rgb = Rgb(0xFF, 0xFF, 0xFF);
    let (width, height) = (SIZE.0, SIZE.1 + LINE * figure.legend.len() + LINE / 2);
    let placed = |svg: &str, (x, y): (usize, usize), (width, height): (usize, usize)| {
        svg.replacen("<svg ", &format!("<svg x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" "), 1)
    };
    let line = |(place, (swatch, name)): (usize, &(String, String))| {
        let y = SIZE.1 + LINE * place;
        format!("{}<text x=\"196\" y=\"{}\">{}</text>\n", placed(swatch, (110, y), (64, 32)), y + 25, escape(name))
    };
    let legend: String = figure.legend.iter().enumerate().map(line).collect();
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" font-size=\"27\" fill=\"{}\">\n\
        <rect width=\"{width}\" height=\"{height}\" fill=\"{}\"/>\n{}{legend}</svg>\n",
        hex(INK),
        hex(WHITE),
        placed(&figure.svg, (0, 0), SIZE)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::sample;
    use crate::surrogate::quality::{Measures, Summary};

    fn point(training: usize, tau: Option<f64>) -> assess::Point {
        let kendall_tau = tau.map(|mean| Summary { mean, standard_deviation: Some(0.02), folds: 3 });
        assess::Point { training, measures: Measures { kendall_tau, ..Measures::default() }, ..assess::Point::default() }
    }

    #[test]
    fn a_curve_for_each_surrogate_stands_by_itself() {
        let curve = |low| vec![point(100, Some(low)), point(1_000, Some(low + 0.1)), point(2_000, None)];
        let svg = learning_curves(&[("one & only".to_owned(), curve(0.6)), ("other".to_owned(), curve(0.7))]);
        sample::assert_well_formed(&svg);
        assert!(svg.starts_with("<svg xmlns=") && svg.contains(">one &amp; only</text>") && svg.contains(">other</text>"));
        assert_eq!(svg.matches("<svg ").count(), 4, "the file, the plot and two marks");
    }

    #[test]
    fn nothing_to_draw_is_an_empty_plot() {
        assert!(learning_curves(&[("one".to_owned(), vec![point(100, None)])]).contains("cells fitted on"));
    }
}
