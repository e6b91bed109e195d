//! Numbers that know what they are: accuracies, seconds, epochs, parameters, floating-point operations, seeds.
//!
//! A new quantity is one tuple struct here, with its unit in the first line of its documentation.

use std::fmt;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize, Serializer};
use sha2::{Digest, Sha256};

/// The fraction of images classified correctly, 0 to 1. Prints as a percentage; in formats for people, such as JSON, 0.9 is 0.9.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Deserialize)]
#[serde(transparent)]
pub struct Accuracy(f32);

impl Serialize for Accuracy {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // A JSON value holds double precision only, and would show the digits that single precision does not have.
        if serializer.is_human_readable() { serializer.serialize_f64(self.decimal()) } else { serializer.serialize_f32(self.0) }
    }
}

impl Accuracy {
    /// Makes an accuracy of a fraction; `None` if it is not a number from 0 to 1.
    #[must_use]
    pub fn from_fraction(fraction: f32) -> Option<Self> {
        (0.0..=1.0).contains(&fraction).then_some(Self(fraction))
    }

    /// Counts `correct` of `total` images; `None` without images or with more correct than there are.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "counts of images are far below 2^24")]
    pub fn from_counts(correct: usize, total: usize) -> Option<Self> {
        (total > 0 && correct <= total).then(|| Self(correct as f32 / total as f32))
    }

    /// The arithmetic mean; `None` of nothing.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "a mean of single-precision numbers")]
    pub fn mean(accuracies: &[Self]) -> Option<Self> {
        let sum: f64 = accuracies.iter().map(|accuracy| f64::from(accuracy.0)).sum();
        (!accuracies.is_empty()).then(|| Self((sum / accuracies.len() as f64) as f32))
    }

    /// The fraction, 0 to 1.
    #[must_use]
    pub fn fraction(self) -> f32 {
        self.0
    }

    /// The fraction in double precision with the same digits, for output: see [`shortest_decimal`].
    #[must_use]
    pub fn decimal(self) -> f64 {
        shortest_decimal(self.0)
    }
}

impl fmt::Display for Accuracy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2} %", f64::from(self.0) * 100.0)
    }
}

/// A span of time in seconds. Prints as `42.1 s`, `3 min 20 s` or `2 h 5 min`.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seconds(pub f64);

/// The shortest time that a speed is told of, in seconds.
const SHORTEST: f64 = 1e-3;

impl Seconds {
    /// What a training cost, as a file says it; `None` if that is 0, which stands for a time that nobody measured.
    #[must_use]
    pub fn measured(self) -> Option<Self> {
        (self.0 > 0.0).then_some(self)
    }

    /// Returns how much of something there was in each second; `None` if the time is below a millisecond, of which no clock here says
    /// enough to divide by.
    #[must_use]
    pub fn rate_of(self, amount: f64) -> Option<f64> {
        (self.0 >= SHORTEST).then(|| amount / self.0)
    }
}

impl fmt::Display for Seconds {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a clamped number of seconds")]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = self.0.round().max(0.0) as u64;
        match whole {
            0..60 => write!(f, "{:.1} s", self.0),
            60..3600 => write!(f, "{} min {:02} s", whole / 60, whole % 60),
            _ => write!(f, "{} h {:02} min", whole / 3600, whole % 3600 / 60),
        }
    }
}

impl From<std::time::Duration> for Seconds {
    fn from(duration: std::time::Duration) -> Self {
        Self(duration.as_secs_f64())
    }
}

impl std::ops::AddAssign for Seconds {
    fn add_assign(&mut self, other: Self) {
        self.0 += other.0;
    }
}

/// A training budget: how many times a training sees its images. Each budget is trained on its own, with its own schedule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Epochs(pub u16);

impl fmt::Display for Epochs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A number of trainable parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Parameters(pub u32);

impl fmt::Display for Parameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Floating-point operations, two per multiply-add; those of a network are of one forward pass of one image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Flops(pub u64);

impl Flops {
    /// The operations as a number to compute with.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "whole numbers above 2^53 lose digits that nobody counts")]
    pub const fn to_f64(self) -> f64 {
        self.0 as f64
    }
}

impl fmt::Display for Flops {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The start of a sequence of random numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seed(pub u64);

impl Seed {
    /// Derives the seed of one purpose, so that drawing more numbers for one purpose never moves another's.
    #[must_use]
    pub fn derive(self, purpose: &str) -> Self {
        let digest = Sha256::new().chain_update(self.0.to_le_bytes()).chain_update(purpose).finalize();
        Self::from_digest(&digest)
    }

    /// Takes the first eight bytes of a digest, little-endian.
    ///
    /// # Panics
    ///
    /// Panics if the digest has fewer than eight bytes.
    #[must_use]
    pub fn from_digest(digest: &[u8]) -> Self {
        Self(u64::from_le_bytes(digest[..8].try_into().expect("a digest has at least eight bytes")))
    }

    /// Starts the generator that every random number of this crate comes from: the same sequence on every machine.
    #[must_use]
    pub fn rng(self) -> ChaCha8Rng {
        ChaCha8Rng::seed_from_u64(self.0)
    }
}

impl fmt::Display for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The double-precision number with the fewest digits that means a single-precision one: 0.9 becomes 0.9, not
/// 0.8999999761581421.
///
/// # Example
///
/// ```
/// use nasbench::unit::shortest_decimal;
///
/// assert_eq!(shortest_decimal(0.9_f32).to_string(), "0.9");
/// assert_eq!(f64::from(0.9_f32).to_string(), "0.8999999761581421");
/// ```
#[must_use]
#[expect(clippy::cast_possible_truncation, reason = "whether the digits survive single precision is the question")]
pub fn shortest_decimal(number: f32) -> f64 {
    let wide = f64::from(number);
    // Numbers of few decimals, as accuracies are, need no text.
    for scale in [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7] {
        let digits = (wide * scale).round();
        if digits.abs() < 1e7 && ((digits / scale) as f32).to_bits() == number.to_bits() {
            return digits / scale;
        }
    }
    number.to_string().parse().unwrap_or(wide)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_single_precision_number_keeps_its_own_digits() {
        let mut numbers =
            vec![0.9, 0.1, 1.0 / 3.0, 17_000.25, 1e-8, 3.4e38, -2.5, 0.0, 16_777_216.0, f32::MIN_POSITIVE, 0.1 + 0.2];
        numbers.extend((0_u16..=10_000).map(|count| f32::from(count) / 9_984.0));
        for number in numbers {
            let wide = shortest_decimal(number);
            assert_eq!(wide.to_bits(), number.to_string().parse::<f64>().unwrap().to_bits(), "{number}");
        }
        assert!(shortest_decimal(f32::NAN).is_nan() && shortest_decimal(f32::NEG_INFINITY) == f64::NEG_INFINITY);
        assert!(shortest_decimal(-0.0).is_sign_negative());
    }

    #[test]
    fn an_accuracy_is_a_fraction() {
        assert_eq!(Accuracy::from_counts(1, 4).map(Accuracy::fraction), Some(0.25));
        assert_eq!(Accuracy::from_counts(0, 0), None);
        assert_eq!(Accuracy::from_counts(5, 4), None);
        assert_eq!(Accuracy::from_fraction(f32::NAN), None);
        assert_eq!(Accuracy::from_fraction(1.5), None);
    }

    #[test]
    fn an_accuracy_has_its_own_digits_in_json() {
        let accuracy = Accuracy::from_fraction(0.9).unwrap();
        assert_eq!(serde_json::to_value(accuracy).unwrap().to_string(), "0.9");
        assert_eq!(serde_json::to_string(&accuracy).unwrap(), "0.9");
        assert_eq!(serde_json::from_str::<Accuracy>("0.9").unwrap(), accuracy);
        let mut bytes = Vec::new();
        ciborium::into_writer(&accuracy, &mut bytes).unwrap();
        assert_eq!(bytes.len(), 5, "a journal holds single precision");
    }

    #[test]
    fn seconds_print_in_the_unit_a_person_would_choose() {
        let printed: Vec<_> = [0.25, 59.0, 61.0, 7_500.0].map(|s| Seconds(s).to_string()).into();
        assert_eq!(printed, ["0.2 s", "59.0 s", "1 min 01 s", "2 h 05 min"]);
    }

    #[test]
    fn a_time_below_the_clocks_floor_has_no_rate() {
        assert_eq!(Seconds(0.5).rate_of(100.0), Some(200.0));
        assert_eq!(Seconds(1e-3).rate_of(1.0), Some(1e3));
        assert_eq!([0.0, 9e-4, -1.0, f64::NAN].map(|time| Seconds(time).rate_of(100.0)), [None; 4]);
    }

    #[test]
    fn purposes_have_seeds_of_their_own() {
        let seed = Seed(7);
        // The first bytes of `sha256(b"\x07\0\0\0\0\0\0\0weights")`: every recorded training begins with such a seed.
        assert_eq!(seed.derive("weights"), Seed(17_099_018_045_330_933_708));
        assert_ne!(seed.derive("weights"), seed.derive("batches"));
        assert_ne!(seed.derive("weights"), Seed(8).derive("weights"));
    }
}
