//! Axes: a range with room at its ends, and ticks that a person would choose.

use std::ops::Range;

/// One axis of a plot.
#[derive(Clone, Debug)]
pub(super) struct Axis {
    /// What it shows, with its unit.
    pub(super) label: String,
    /// The range in the coordinates of the plot (the logarithm on a logarithmic axis).
    pub(super) range: Range<f64>,
    /// The positions and labels of the grid lines.
    pub(super) ticks: Vec<(f64, String)>,
    logarithmic: bool,
}

impl Axis {
    /// An axis that shows all `values` with a little room on both sides.
    pub(super) fn linear(label: &str, values: impl IntoIterator<Item = f64>) -> Self {
        let range = padded(extent(values).unwrap_or((0.0, 1.0)));
        let step = nice_step(range.end - range.start, 5.5);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 0 to 9")]
        let decimals = (-step.log10()).ceil().clamp(0.0, 9.0) as usize;
        let ticks = multiples(step, &range).map(|value| (value, format!("{value:.decimals$}"))).collect();
        Self { label: label.to_owned(), range, ticks, logarithmic: false }
    }

    /// An axis of whole numbers, with a tick at each or at round ones.
    pub(super) fn whole(label: &str, values: impl IntoIterator<Item = f64>) -> Self {
        let range = padded(extent(values).unwrap_or((0.0, 1.0)));
        let step = nice_step(range.end - range.start, 8.0).max(1.0);
        let ticks = multiples(step, &range).map(|value| (value, format!("{value:.0}"))).collect();
        Self { label: label.to_owned(), range, ticks, logarithmic: false }
    }

    /// A logarithmic axis; values that are not positive are not shown.
    pub(super) fn logarithmic(label: &str, values: impl IntoIterator<Item = f64>) -> Self {
        let logarithms = values.into_iter().filter(|value| *value > 0.0).map(f64::log10);
        let range = padded(extent(logarithms).unwrap_or((0.0, 1.0)));
        let candidates: [&[f64]; 5] = [
            &[1.0],
            &[1.0, 3.0],
            &[1.0, 2.0, 5.0],
            &[1.0, 1.5, 2.0, 3.0, 5.0, 7.0],
            &[1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0],
        ];
        let ticks = candidates.iter().map(|digits| decades(digits, &range)).find(|ticks| ticks.len() >= 4);
        let ticks = ticks.unwrap_or_else(|| {
            // Less than a factor of two or so from end to end: round numbers, as on a linear axis.
            let ends = 10_f64.powf(range.start)..10_f64.powf(range.end);
            multiples(nice_step(ends.end - ends.start, 4.5), &ends).collect()
        });
        let ticks = ticks.into_iter().map(|value| (value.log10(), short_count(value))).collect();
        Self { label: label.to_owned(), range, ticks, logarithmic: true }
    }

    /// Returns the position of a value; `None` if the axis does not show it.
    pub(super) fn place(&self, value: f64) -> Option<f64> {
        let place = if self.logarithmic { value.log10() } else { value };
        // A logarithm and back again may end a hair beyond the end of the axis.
        let inside = place.clamp(self.range.start, self.range.end);
        ((place - inside).abs() < 1e-9).then_some(inside)
    }

    /// The least value that the axis shows.
    pub(super) fn lowest(&self) -> f64 {
        if self.logarithmic { 10_f64.powf(self.range.start) } else { self.range.start }
    }

    /// Returns the label of a tick.
    pub(super) fn text(&self, place: f64) -> String {
        self.ticks.iter().find(|(tick, _)| (tick - place).abs() < 1e-9).map_or_else(String::new, |(_, text)| text.clone())
    }
}

/// The least and the greatest of the finite values.
fn extent(values: impl IntoIterator<Item = f64>) -> Option<(f64, f64)> {
    values.into_iter().filter(|value| value.is_finite()).fold(None, |extent, value| {
        let (low, high) = extent.unwrap_or((value, value));
        Some((low.min(value), high.max(value)))
    })
}

/// Adds 4 % on both sides, or some room around a single value.
fn padded((low, high): (f64, f64)) -> Range<f64> {
    let room = if high - low < 1e-9 { (high.abs() * 0.02).max(0.1) } else { (high - low) * 0.04 };
    low - room..high + room
}

/// Of 1, 2 and 5 times a power of ten, the one that divides a span into about `parts`.
fn nice_step(span: f64, parts: f64) -> f64 {
    let decade = 10_f64.powf((span / parts).log10().floor());
    let miss = |step: &f64| (span / step / parts).ln().abs();
    let steps = [1.0, 2.0, 5.0, 10.0].map(|digit| digit * decade);
    steps.into_iter().min_by(|a, b| miss(a).total_cmp(&miss(b))).expect("there are four steps")
}

/// The multiples of a step in a range.
fn multiples(step: f64, range: &Range<f64>) -> impl Iterator<Item = f64> + use<> {
    let (first, end) = ((range.start / step).ceil(), range.end);
    // Counting steps instead of adding them keeps 0.3 from becoming 0.30000000000000004.
    (0_u32..100).map(move |i| (first + f64::from(i)) * step).take_while(move |value| *value <= end)
}

/// The numbers made of a digit and a power of ten in a range of logarithms.
fn decades(digits: &[f64], range: &Range<f64>) -> Vec<f64> {
    #[expect(clippy::cast_possible_truncation, reason = "logarithms of counts")]
    let exponents = range.start.floor() as i32..=range.end.floor() as i32;
    let numbers = exponents.flat_map(|exponent| digits.iter().map(move |digit| digit * 10_f64.powi(exponent)));
    numbers.filter(|number| range.contains(&number.log10())).collect()
}

/// A count as a tick shows it: `250`, `1.5k`, `20k`, `3M`.
fn short_count(value: f64) -> String {
    let (scaled, unit) = match value {
        _ if value >= 1e9 => (value / 1e9, "G"),
        _ if value >= 1e6 => (value / 1e6, "M"),
        _ if value >= 1e3 => (value / 1e3, "k"),
        _ => (value, ""),
    };
    let text = format!("{scaled:.2}");
    format!("{}{unit}", text.trim_end_matches('0').trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn texts(axis: &Axis) -> Vec<&str> {
        axis.ticks.iter().map(|(_, text)| text.as_str()).collect()
    }

    #[test]
    fn ticks_are_numbers_that_a_person_would_choose() {
        assert_eq!(texts(&Axis::linear("", [78.2, 86.9])), ["78", "80", "82", "84", "86"]);
        assert_eq!(texts(&Axis::linear("", [0.1, 0.32])), ["0.10", "0.15", "0.20", "0.25", "0.30"]);
        assert_eq!(texts(&Axis::whole("", [1.0, 4.0])), ["1", "2", "3", "4"]);
        assert_eq!(texts(&Axis::logarithmic("", [1_000.0, 30_000.0])), ["1k", "3k", "10k", "30k"]);
        assert_eq!(texts(&Axis::logarithmic("", [1.0, 1e6])), ["1", "10", "100", "1k", "10k", "100k", "1M"]);
        assert_eq!(texts(&Axis::logarithmic("", [3_000.0, 9_000.0])).len(), 7);
    }

    #[test]
    fn an_axis_of_one_value_or_none_still_has_a_range() {
        for axis in [Axis::linear("", [0.5]), Axis::linear("", []), Axis::logarithmic("", [7.0]), Axis::whole("", [f64::NAN])] {
            assert!(axis.range.start < axis.range.end);
        }
    }

    proptest! {
        #[test]
        fn ticks_lie_on_the_axis_and_are_few(values in prop::collection::vec(1e-3_f64..1e8, 0..6)) {
            for axis in [Axis::linear("", values.clone()), Axis::whole("", values.clone()), Axis::logarithmic("", values)] {
                prop_assert!(axis.range.start < axis.range.end);
                prop_assert!(axis.ticks.len() <= 14, "{:?}", axis.ticks);
                prop_assert!(axis.ticks.iter().all(|(place, _)| axis.range.contains(place)));
            }
        }
    }
}
