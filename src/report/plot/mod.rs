//! Plots as SVG, and the colours they are drawn in. A new plot is one function in `figures.rs`; it is `None` where there is nothing to show.

mod axis;
mod canvas;
pub(super) mod comparison;
pub(super) mod figures;
pub(super) mod landscape;
pub(super) mod learning;
pub(super) mod ranks;
#[cfg_attr(not(feature = "plots"), path = "without_plots.rs")]
mod svg;

use canvas::{Shape, Stroke};

/// Colours that people with any colour vision tell apart.
///
/// # Source
///
/// Okabe & Ito, "Color Universal Design", 2008: black, yellow and the light blue are left out, which are hard to see on a dark
/// or a light page.
pub(super) const PALETTE: [Rgb; 5] = [BLUE, VERMILLION, GREEN, PURPLE, ORANGE];

pub(super) const BLUE: Rgb = Rgb(0x00, 0x72, 0xB2);
pub(super) const VERMILLION: Rgb = Rgb(0xD5, 0x5E, 0x00);
pub(super) const GREEN: Rgb = Rgb(0x00, 0x9E, 0x73);
pub(super) const PURPLE: Rgb = Rgb(0xCC, 0x79, 0xA7);
pub(super) const ORANGE: Rgb = Rgb(0xE6, 0x9F, 0x00);

/// Writing, fronts and outlines. The style sheet turns this and the next two around on a dark page, and lightens blue and green.
pub(super) const INK: Rgb = Rgb(0x1F, 0x29, 0x33);
/// Axes and lines for reference.
pub(super) const AXIS: Rgb = Rgb(0x7B, 0x87, 0x94);
/// Grid lines.
pub(super) const GRID: Rgb = Rgb(0xE4, 0xE7, 0xEB);

/// Red, green and blue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rgb(u8, u8, u8);

/// A plot, ready for the page.
#[derive(Clone, Debug)]
pub(super) struct Figure {
    pub(super) title: &'static str,
    /// What to see in it.
    pub(super) caption: &'static str,
    /// Small SVGs of the marks and what they mean.
    pub(super) legend: Vec<(String, String)>,
    pub(super) svg: String,
}

const SHAPES: [Shape; 4] = [Shape::Circle, Shape::Triangle, Shape::Square, Shape::Diamond];

/// Returns the colour and the line of each of any number of series: no two are alike until all combinations are used.
fn looks() -> impl Iterator<Item = (Rgb, Stroke)> {
    let strokes = [Stroke::Solid, Stroke::Dashed, Stroke::Dotted];
    strokes.into_iter().flat_map(|stroke| PALETTE.into_iter().map(move |color| (color, stroke))).cycle()
}

/// A colour as the SVG has it.
pub(super) fn hex(color: Rgb) -> String {
    format!("#{:02X}{:02X}{:02X}", color.0, color.1, color.2)
}
