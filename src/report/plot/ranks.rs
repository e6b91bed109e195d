//! The critical-difference diagram: mean ranks on an axis, with bars over those that do not differ.

use super::{AXIS, Figure, INK, VERMILLION, hex};
use crate::compare::Aggregate;
use crate::report::grid::escape;
use crate::statistics::number;

const FONT: f64 = 24.0;
/// The width of a letter, roughly: names are placed by it.
const LETTER: f64 = 0.56 * FONT;
/// The axis itself.
const WIDTH: f64 = 640.0;
const AXIS_Y: f64 = 116.0;
/// From one name to the next.
const ROW: f64 = 40.0;
/// From one bar to the next.
const BAR: f64 = 16.0;

/// Draws the mean ranks of algorithms over several tasks; `None` where there is no critical difference.
///
/// # Source
///
/// Demšar, "Statistical comparisons of classifiers over multiple data sets", JMLR 7, 2006, figure 1.
pub(in crate::report) fn critical_difference(across: &Aggregate) -> Option<Figure> {
    let difference = across.critical_difference?;
    let mut ranked: Vec<(f64, &str)> =
        across.algorithms.iter().map(|place| Some((place.mean_rank?, place.name.as_str()))).collect::<Option<_>>()?;
    ranked.sort_by(|one, other| one.0.total_cmp(&other.0));
    let longest = ranked.iter().map(|(_, name)| name.chars().count()).max()?;
    let margin = number(longest) * LETTER + 40.0;
    let scale = WIDTH / (number(ranked.len()) - 1.0).max(1.0);
    let x = |rank: f64| margin + (rank - 1.0) * scale;
    let bars = bars(&ranked, difference);
    let first_row = AXIS_Y + 36.0 + BAR * number(bars.len());
    let rows = ranked.len().div_ceil(2);
    let mut svg = format!(
        "<svg class=\"plot\" viewBox=\"0 0 {:.0} {:.0}\" role=\"img\" aria-label=\"Mean ranks with the critical difference\" \
         font-size=\"{FONT}\">\n",
        2.0 * margin + WIDTH,
        first_row + ROW * number(rows)
    );
    let (ink, axis, bar) = (hex(INK), hex(AXIS), hex(VERMILLION));
    svg.push_str(&path(&[(x(1.0), 28.0), (x(1.0 + difference).min(x(1.0) + WIDTH), 28.0)], &ink, 4.0));
    svg.push_str(&text((x(1.0), 62.0), "start", &format!("critical difference {difference:.2}"), &ink));
    svg.push_str(&path(&[(x(1.0), AXIS_Y), (x(number(ranked.len())), AXIS_Y)], &axis, 3.0));
    for rank in 1..=ranked.len() {
        let at = x(number(rank));
        svg.push_str(&path(&[(at, AXIS_Y - 10.0), (at, AXIS_Y)], &axis, 3.0));
        svg.push_str(&text((at, AXIS_Y - 18.0), "middle", &rank.to_string(), &ink));
    }
    for (level, (best, worst)) in bars.iter().enumerate() {
        let y = AXIS_Y + 18.0 + BAR * number(level);
        svg.push_str(&path(&[(x(*best) - 6.0, y), (x(*worst) + 6.0, y)], &bar, 7.0));
    }
    for (place, (rank, name)) in ranked.iter().enumerate() {
        // The better half has its names on the left from top to bottom, the others on the right from bottom to top.
        let is_left = place < rows;
        let y = first_row + ROW * number(if is_left { place } else { ranked.len() - 1 - place });
        let (end, anchor) = if is_left { (margin - 30.0, "end") } else { (margin + WIDTH + 30.0, "start") };
        svg.push_str(&path(&[(x(*rank), AXIS_Y), (x(*rank), y), (end, y)], &ink, 2.0));
        let beside = if is_left { end - 8.0 } else { end + 8.0 };
        svg.push_str(&text((beside, y + FONT / 3.0), anchor, name, &ink));
    }
    svg.push_str("</svg>\n");
    let caption = "Mean ranks over the tasks, the best on the left. A bar joins algorithms whose ranks do not differ by more than chance \
                   (Nemenyi's test at the level of 0.05).";
    Some(Figure { title: "Critical-difference diagram", caption, legend: Vec::new(), svg })
}

/// The first and the last rank of each largest group of two or more that do not differ.
fn bars(ranked: &[(f64, &str)], difference: f64) -> Vec<(f64, f64)> {
    let mut bars: Vec<(f64, f64)> = Vec::new();
    let mut reached = 0;
    for (first, (best, _)) in ranked.iter().enumerate() {
        let end = ranked.partition_point(|(rank, _)| rank - best < difference);
        if end > first + 1 && end > reached {
            bars.push((*best, ranked[end - 1].0));
            reached = end;
        }
    }
    bars
}

fn path(points: &[(f64, f64)], color: &str, width: f64) -> String {
    let points: Vec<_> = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
    format!("<polyline fill=\"none\" stroke=\"{color}\" stroke-width=\"{width}\" points=\"{}\"/>\n", points.join(" "))
}

fn text((x, y): (f64, f64), anchor: &str, text: &str, color: &str) -> String {
    format!("<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" fill=\"{color}\">{}</text>\n", escape(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_join_the_largest_groups_that_do_not_differ() {
        let ranked = [1.0, 1.5, 2.5, 3.0, 6.0].map(|rank| (rank, ""));
        assert_eq!(bars(&ranked, 1.6), [(1.0, 2.5), (1.5, 3.0)]);
        assert_eq!(bars(&ranked, 10.0), [(1.0, 6.0)]);
        assert_eq!(bars(&ranked, 0.1), []);
        assert_eq!(bars(&[(2.0, ""), (2.0, "")], 0.1), [(2.0, 2.0)]);
    }
}
