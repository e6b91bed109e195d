//! A cell for the terminal: a line for each vertex, its edges as lines beside them.

use std::fmt::Write as _;

use crate::space::{CAPACITY, Cell, INPUT, OUTPUT};

/// Draws a cell as text, the input at the top.
///
/// What leaves a vertex runs down one line beside the vertices, to the last one that it feeds. Each `◀` says that its vertex
/// takes what the lines `┤`, `┼`, `┴` and `╯` bring; a line that is only crossed is `│`.
///
/// ```
/// use nasbench::report;
/// use nasbench::space::Cell;
///
/// let cell = Cell::from_texts("011001000", "input,maxpool3x3,output")?;
/// let expected = "
/// 0 input
///   ╰──────────────╮
/// 1 maxpool3x3  ◀──┤
///   ╰──────────────│─╮
/// 2 output      ◀──┴─╯
/// ";
/// assert_eq!(report::text_of(cell), expected.trim_start());
/// # Ok::<(), nasbench::space::Error>(())
/// ```
#[must_use]
pub fn text_of(cell: Cell) -> String {
    let name = |vertex: usize| match cell.operation(vertex) {
        Some(operation) => operation.name(),
        None if vertex == 0 => INPUT,
        None => OUTPUT,
    };
    let widest = (0..cell.vertices()).map(|vertex| name(vertex).len()).max().unwrap_or(0);
    let mut text = String::new();
    let mut lanes = Lanes::default();
    for vertex in 0..cell.vertices() {
        let line = if vertex == 0 {
            format!("{vertex} {}", name(vertex))
        } else {
            format!("{vertex} {:widest$}  ◀─{}", name(vertex), lanes.arrive(cell, vertex))
        };
        // A string takes all that is written.
        let _ = writeln!(text, "{line}");
        if vertex + 1 < cell.vertices() {
            let _ = writeln!(text, "  ╰{}{}", "─".repeat(widest + 3), lanes.leave(vertex));
        }
    }
    text
}

/// The lines beside the vertices, from left to right: the vertex that each comes from, while it runs.
#[derive(Default)]
struct Lanes([Option<usize>; CAPACITY]);

impl Lanes {
    /// The lines beside a vertex that takes some of them; those that it is the last to take end here.
    fn arrive(&mut self, cell: Cell, vertex: usize) -> String {
        let takes = |source: usize| cell.has_edge(source, vertex);
        let last = self.0.iter().rposition(|lane| lane.is_some_and(takes));
        let glyph = |(place, lane): (usize, &mut Option<usize>)| {
            let (reaches, is_last) = (Some(place) <= last, Some(place) == last);
            let Some(source) = *lane else { return if reaches { "──" } else { "  " } };
            if !takes(source) {
                return if reaches { "─│" } else { " │" };
            }
            let goes_on = cell.successors(source).any(|successor| successor > vertex);
            if !goes_on {
                *lane = None;
            }
            match (goes_on, is_last) {
                (true, true) => "─┤",
                (true, false) => "─┼",
                (false, true) => "─╯",
                (false, false) => "─┴",
            }
        };
        let lines: String = self.0.iter_mut().enumerate().map(glyph).collect();
        lines.trim_end().to_owned()
    }

    /// The lines below a vertex, whose own begins at the first free place.
    fn leave(&mut self, vertex: usize) -> String {
        let place = self.0.iter().position(Option::is_none).unwrap_or(CAPACITY - 1);
        self.0[place] = Some(vertex);
        let glyph = |(other, lane): (usize, &Option<usize>)| match (lane, other.cmp(&place)) {
            (_, std::cmp::Ordering::Equal) => "─╮",
            (Some(_), std::cmp::Ordering::Less) => "─│",
            (Some(_), std::cmp::Ordering::Greater) => " │",
            (None, std::cmp::Ordering::Less) => "──",
            (None, std::cmp::Ordering::Greater) => "  ",
        };
        let lines: String = self.0.iter().enumerate().map(glyph).collect();
        lines.trim_end().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::space::{Sampler, Space};
    use crate::unit::Seed;

    /// Reads the edges back, as a person would follow the lines.
    fn edges_of(text: &str) -> Vec<(usize, usize)> {
        let mut edges = Vec::new();
        let mut lanes = [None; 32];
        let mut vertex = 0;
        for line in text.lines() {
            let letters: Vec<_> = line.chars().collect();
            if letters[0].is_ascii_digit() {
                vertex = letters[0].to_digit(10).unwrap() as usize;
            }
            for (place, letter) in letters.iter().enumerate() {
                match letter {
                    '╮' => lanes[place] = Some(vertex),
                    '┤' | '┼' => edges.push((lanes[place].unwrap(), vertex)),
                    '┴' | '╯' => edges.push((lanes[place].take().unwrap(), vertex)),
                    _ => {}
                }
            }
        }
        assert!(lanes.iter().all(Option::is_none), "a line leads nowhere:\n{text}");
        edges.sort_unstable();
        edges
    }

    proptest! {
        #[test]
        fn the_drawing_holds_exactly_the_edges(seed: u64) {
            let space = Space::nas_bench_101();
            let cell = space.cell(&Sampler::Official.draw(&space, &mut Seed(seed).rng())).unwrap();
            let mut edges: Vec<_> = cell.edges().collect();
            edges.sort_unstable();
            prop_assert_eq!(edges_of(&text_of(cell)), edges);
        }
    }
}
