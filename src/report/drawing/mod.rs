//! Draws a cell as a graph: a box for each vertex, an arrow for each edge, from top to bottom.

mod layout;
mod text;

pub use text::text_of;

use layout::{Arrow, BOX, Layout, Position};

use super::grid::escape;
use super::plot::{AXIS, BLUE, GREEN, INK, ORANGE, Rgb, hex};
use crate::space::{Cell, INPUT, OUTPUT, Operation, Operator};

/// The length of an arrow's head.
const HEAD: f64 = 7.0;
const FONT: f64 = 13.0;

/// Draws a cell as SVG.
pub(super) fn svg(cell: Cell) -> String {
    let layout = Layout::new(cell);
    let ink = hex(INK);
    let arrows: Vec<_> = layout.arrows.iter().map(|arrow| drawn_arrow(arrow, &ink)).collect();
    let boxes: Vec<_> = layout.boxes.iter().enumerate().map(|(vertex, at)| drawn_box(cell, vertex, *at)).collect();
    format!(
        "<svg class=\"cell\" viewBox=\"0 0 {:.0} {:.0}\" width=\"{:.0}\" role=\"img\" aria-label=\"{}\">\n{}{}</svg>\n",
        layout.width,
        layout.height,
        layout.width,
        escape(&description(cell)),
        arrows.concat(),
        boxes.concat()
    )
}

/// Draws a cell as an SVG file of its own.
#[must_use]
pub fn svg_of(cell: Cell) -> String {
    const PLAIN: &str = "<svg class=\"cell\"";
    let alone = "<svg xmlns=\"http://www.w3.org/2000/svg\" font-family=\"sans-serif\" style=\"background:#fff\"";
    svg(cell).replacen(PLAIN, alone, 1)
}

/// The graph in words, for those who cannot see it.
fn description(cell: Cell) -> String {
    let name = |vertex: usize| match (vertex, cell.operation(vertex)) {
        (0, _) => INPUT.to_owned(),
        (_, Some(operation)) => format!("{} ({vertex})", operation.spec().drawn_as),
        (_, None) => OUTPUT.to_owned(),
    };
    let edges: Vec<_> = cell.edges().map(|(x, y)| format!("{} to {}", name(x), name(y))).collect();
    format!("Cell: {}", edges.join(", "))
}

/// The colour of an operation: that of what its first step computes.
const fn color(operation: Operation) -> Rgb {
    match operation.spec().steps[0] {
        Operator::Convolution { kernel: 1 } => GREEN,
        Operator::Convolution { .. } => BLUE,
        Operator::MaxPool3 | Operator::AvgPool3 => ORANGE,
        _ => AXIS,
    }
}

fn drawn_box(cell: Cell, vertex: usize, (x, y): Position) -> String {
    let ink = hex(INK);
    let (text, color) = match cell.operation(vertex) {
        Some(operation) => (operation.spec().drawn_as, hex(color(operation))),
        None if vertex == 0 => (INPUT, ink.clone()),
        None => (OUTPUT, ink.clone()),
    };
    let (left, top) = (x - BOX.0 / 2.0, y - BOX.1 / 2.0);
    format!(
        "<rect x=\"{left:.1}\" y=\"{top:.1}\" width=\"{}\" height=\"{}\" rx=\"6\" fill=\"{color}\" fill-opacity=\"0.16\" stroke=\"{color}\" \
         stroke-width=\"1.5\"/><text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\" font-size=\"{FONT}\" fill=\"{ink}\">{text}</text>\n",
        BOX.0,
        BOX.1,
        y + FONT * 0.35,
    )
}

fn drawn_arrow(arrow: &Arrow, ink: &str) -> String {
    let (x, y) = arrow.to;
    let mut path = vec![format!("M{:.1} {:.1}", arrow.from.0, arrow.from.1)];
    let mut here = arrow.from;
    for lane in &arrow.lanes {
        let (top, bottom) = (lane.1 - BOX.1 / 2.0, lane.1 + BOX.1 / 2.0);
        path.push(format!("{} V{bottom:.1}", turn(here, (lane.0, top))));
        here = (lane.0, bottom);
    }
    path.push(turn(here, (x, y - HEAD)));
    let path = path.concat();
    let head = format!("M{x:.1} {y:.1}l-4 -{HEAD}h8z");
    format!("<path d=\"{path}\" fill=\"none\" stroke=\"{ink}\" stroke-width=\"1.5\"/><path d=\"{head}\" fill=\"{ink}\"/>\n")
}

/// A curve that starts and ends vertically and stays between the heights of its ends.
fn turn((from_x, from_y): Position, (to_x, to_y): Position) -> String {
    let middle = f64::midpoint(from_y, to_y);
    format!(" C{from_x:.1} {middle:.1} {to_x:.1} {middle:.1} {to_x:.1} {to_y:.1}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drawing_has_a_box_for_each_vertex_and_says_its_edges_in_words() {
        let cell = Cell::from_texts("011001000", "input,maxpool3x3,output").unwrap();
        let svg = svg(cell);
        assert_eq!(svg.matches("<rect").count(), 3);
        assert!(svg.contains("input to 3×3 max-pool (1), input to output, 3×3 max-pool (1) to output"), "{svg}");
        crate::report::tests::sample::assert_well_formed(&svg);
    }

    #[test]
    fn a_drawing_of_its_own_names_its_language() {
        let svg = svg_of(Cell::from_texts("0100", "input,output").unwrap());
        assert!(svg.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\" "), "{svg}");
        crate::report::tests::sample::assert_well_formed(&svg);
    }
}
