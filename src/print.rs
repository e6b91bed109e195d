//! Formats numbers and words for people: percentages with two decimals, thousands with commas, a dash where there is no value.

use crate::space::ModuleHash;
use crate::statistics::Estimate;
use crate::unit::{Accuracy, Epochs, Flops};

/// Printed where there is no value.
pub const NOTHING: &str = "–";

/// Formats a fraction as a percentage with two decimals, without the sign.
#[must_use]
pub fn percent(fraction: f64) -> String {
    format!("{:.2}", fraction * 100.0)
}

/// Formats an accuracy as a percentage with two decimals, without the sign.
#[must_use]
pub fn accuracy(accuracy: Option<Accuracy>) -> String {
    accuracy.map_or_else(nothing, |accuracy| percent(accuracy.fraction().into()))
}

/// Formats a difference of fractions in percentage points, with its sign.
#[must_use]
pub fn points(difference: f64) -> String {
    // Adding zero turns −0 into 0.
    format!("{:+.2}", (difference * 1e4).round() / 100.0 + 0.0).replace('-', "−")
}

/// Formats a correlation or another plain number with three decimals.
#[must_use]
pub fn plain(value: f64) -> String {
    format!("{value:.3}").replace('-', "−")
}

/// Rounds a number to ten significant digits: what a subtraction leaves behind them means nothing.
#[must_use]
pub fn ten_digits(value: f64) -> f64 {
    format!("{value:.9e}").parse().unwrap_or(value)
}

/// Formats a hypervolume with its standard error, if it is estimated.
#[must_use]
pub fn hypervolume(value: f64, standard_error: Option<f64>) -> String {
    let error = standard_error.map_or_else(String::new, |error| format!(" by samples, with a standard error of {error:.4}"));
    format!("{value:.4}{error}")
}

/// Formats a value with its bounds.
#[must_use]
pub fn interval(estimate: Option<Estimate>, text: fn(f64) -> String) -> String {
    estimate.map_or_else(nothing, |Estimate { value, low, high }| format!("{} [{}, {}]", text(value), text(low), text(high)))
}

/// Formats a correlation with its bounds, with three decimals.
#[must_use]
pub fn correlation(estimate: Option<Estimate>) -> String {
    interval(estimate, plain)
}

/// Formats a count with commas between thousands.
#[must_use]
pub fn thousands(count: impl TryInto<u64>) -> String {
    let digits = count.try_into().unwrap_or(u64::MAX).to_string();
    let groups: Vec<_> = digits.as_bytes().rchunks(3).rev().map(|group| String::from_utf8_lossy(group)).collect();
    groups.join(",")
}

/// Formats floating-point operations in millions.
#[must_use]
pub fn millions(flops: Flops) -> String {
    format!("{:.2}", flops.to_f64() / 1e6)
}

/// Returns the first eight digits of a hash: enough to tell the cells of a run apart.
#[must_use]
pub fn short(hash: ModuleHash) -> String {
    hash.to_string()[..8].to_owned()
}

/// Formats a count with its noun in singular or plural.
#[must_use]
pub fn counted(count: usize, noun: &str) -> String {
    format!("{} {noun}{}", thousands(count as u64), if count == 1 { "" } else { "s" })
}

/// Formats a budget in words.
#[must_use]
pub fn budget(epochs: Epochs) -> String {
    counted(epochs.0.into(), "epoch")
}

/// Formats the bytes of a file in decimal units.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "one decimal is printed")]
pub fn file_size(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} bytes"),
        1_000..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.2} GB", bytes as f64 / 1e9),
    }
}

/// Formats bytes of memory in binary units, as `ulimit` counts them.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "one digit after the point")]
pub fn memory_size(bytes: u64) -> String {
    let units = [("GiB", 30), ("MiB", 20)];
    let (name, shift) = units.into_iter().find(|(_, shift)| bytes >= 1 << shift).unwrap_or(("KiB", 10));
    format!("{:.1} {name}", bytes as f64 / f64::from(1 << shift))
}

/// Quotes a word for a shell.
#[must_use]
pub fn quoted(word: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./:=,+@%".contains(letter);
    if !word.is_empty() && word.chars().all(is_plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

/// Makes the first letter of a text a capital one.
#[must_use]
pub fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// Wraps a text into lines of at most `width` characters, if its words allow that: `start` and its first words, and further lines behind
/// `indent` spaces. Ends with a line break.
#[must_use]
pub fn wrapped(start: &str, text: &str, indent: usize, width: usize) -> String {
    let mut lines = Vec::new();
    let mut line = start.to_owned();
    let mut is_fresh = true;
    for word in text.split(' ') {
        if !is_fresh && line.chars().count() + 1 + word.chars().count() > width {
            lines.push(std::mem::replace(&mut line, " ".repeat(indent)));
            is_fresh = true;
        }
        line.extend([if is_fresh { "" } else { " " }, word]);
        is_fresh = false;
    }
    lines.push(line);
    let lines: Vec<_> = lines.iter().map(|line| line.trim_end()).collect();
    lines.join("\n") + "\n"
}

/// Returns [`NOTHING`] as an owned text.
#[must_use]
pub fn nothing() -> String {
    NOTHING.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_print_as_a_person_would_write_them() {
        assert_eq!(percent(0.863_14), "86.31");
        assert_eq!(points(0.0052), "+0.52");
        assert_eq!(points(-0.0052), "−0.52");
        assert_eq!(points(-0.000_001), "+0.00");
        assert_eq!(plain(-0.25), "−0.250");
        assert_eq!([1.0 - 0.855_3, 882_570.0].map(|value| ten_digits(value).to_string()), ["0.1447", "882570"]);
        assert_eq!(hypervolume(1.118_74, None), "1.1187");
        assert_eq!(hypervolume(1.05, Some(0.0025)), "1.0500 by samples, with a standard error of 0.0025");
        assert_eq!(correlation(None), "–");
        assert_eq!([0_u64, 999, 1_000, 1_234_567].map(thousands), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!(counted(1, "cell"), "1 cell");
        assert_eq!(counted(2_532, "cell"), "2,532 cells");
    }

    #[test]
    fn sizes_print_in_a_unit_that_people_grasp() {
        assert_eq!([999, 61_536, 515_000_000, 1_950_000_000].map(file_size), ["999 bytes", "61.5 kB", "515.0 MB", "1.95 GB"]);
        assert_eq!([512, 3 << 20, 5 << 29].map(memory_size), ["0.5 KiB", "3.0 MiB", "2.5 GiB"]);
    }

    #[test]
    fn a_shell_reads_a_word_back() {
        assert_eq!(["runs/five", "my runs", "it's", ""].map(quoted), ["runs/five", "'my runs'", r"'it'\''s'", "''"]);
    }

    #[test]
    fn a_text_begins_with_a_capital_letter_on_a_page() {
        assert_eq!(["", "a", "élan vital", "95 %"].map(capitalised), ["", "A", "Élan vital", "95 %"]);
    }
}
