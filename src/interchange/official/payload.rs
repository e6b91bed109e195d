//! The payload of a record: a JSON list with the cell, its hash, the budget, and the metrics as base64 of a protobuf.

use std::borrow::Cow;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use prost::Message as _;
use serde::Deserialize;
use serde::de::Error as _;
use serde_json::Value;

use super::Problem;
use super::metrics::{Metrics, ModelMetrics};
use crate::space::{self, CAPACITY, ModuleHash, Spec};

/// The names of the fields, in order, and what each holds.
const FIELDS: [(&str, &str); 5] = [
    ("hash", "a text of 32 hex digits"),
    ("epochs", "a whole number from 1 to 65535"),
    ("adjacency", "a text of digits"),
    ("operations", "a text of names with commas"),
    ("metrics", "a text in base64"),
];

/// The longest text of a matrix or of operations that is looked at: that of 9 vertices is far shorter.
const LONGEST_TEXT: usize = 512;

/// A record as it stands in the file; whether its cell is one, and has that hash, is not checked yet.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Payload {
    pub(super) stated: ModuleHash,
    pub(super) epochs: u16,
    pub(super) spec: Spec,
    pub(super) metrics: Metrics,
}

/// Room that is used again for every payload.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    protobuf: Vec<u8>,
    message: ModelMetrics,
}

/// The fields of a payload; a text is borrowed unless it has escapes.
#[derive(Deserialize)]
struct Fields<'a>(
    #[serde(borrow)] Cow<'a, str>,
    u16,
    #[serde(borrow)] Cow<'a, str>,
    #[serde(borrow)] Cow<'a, str>,
    #[serde(borrow)] Cow<'a, str>,
);

impl Payload {
    /// Reads a payload.
    ///
    /// # Errors
    ///
    /// [`Problem`] for the first thing that is wrong with it.
    pub(super) fn read(bytes: &[u8], scratch: &mut Scratch) -> Result<Self, Problem> {
        let fields = serde_json::from_slice(bytes).map_err(|error| diagnose(bytes, error))?;
        let Fields(hash, epochs, adjacency, operations, metrics) = fields;
        let stated = ModuleHash::from_hex(&hash).ok_or_else(|| diagnose(bytes, serde_json::Error::custom("no hash")))?;
        if epochs == 0 {
            return Err(Problem::Field { field: FIELDS[1].0, expected: FIELDS[1].1, found: "`0`".to_owned() });
        }
        let spec = spec(&adjacency, &operations)?;
        let metrics = scratch.metrics(&metrics)?;
        Ok(Self { stated, epochs, spec, metrics })
    }
}

impl Scratch {
    fn metrics(&mut self, text: &str) -> Result<Metrics, Problem> {
        self.protobuf.clear();
        if text.bytes().any(|letter| letter.is_ascii_whitespace()) {
            // Python, too, reads base64 with line breaks in it.
            let joined: String = text.split_ascii_whitespace().collect();
            BASE64_STANDARD.decode_vec(joined, &mut self.protobuf)?;
        } else {
            BASE64_STANDARD.decode_vec(text, &mut self.protobuf)?;
        }
        self.message.clear();
        self.message.merge(&self.protobuf[..])?;
        Metrics::check(&self.message)
    }
}

/// Returns the labelled graph of the two texts.
fn spec(adjacency: &str, operations: &str) -> Result<Spec, Problem> {
    for ((field, expected), text) in [(FIELDS[2], adjacency), (FIELDS[3], operations)] {
        if text.len() > LONGEST_TEXT {
            return Err(Problem::Field { field, expected, found: format!("a text of {} bytes", text.len()) });
        }
    }
    let count = operations.bytes().filter(|letter| *letter == b',').count() + 1;
    if adjacency.len() != count * count {
        return Err(Problem::MatrixSize { operations: count, expected: count * count, found: adjacency.len() });
    }
    if count > CAPACITY {
        return Err(space::Error::TooManyVertices { limit: CAPACITY, found: count }.into());
    }
    // As `Spec::from_texts` does, without memory for each row.
    let mut digits = [0; CAPACITY * CAPACITY];
    for (digit, letter) in digits.iter_mut().zip(adjacency.bytes()) {
        *digit = letter.wrapping_sub(b'0');
    }
    let (mut rows, mut names): ([&[u8]; CAPACITY], _) = ([&[]; CAPACITY], [""; CAPACITY]);
    for (row, values) in rows.iter_mut().zip(digits.chunks(count)) {
        *row = values;
    }
    for (name, text) in names.iter_mut().zip(operations.split(',')) {
        *name = text;
    }
    Ok(Spec::from_matrix(&rows[..count], &names[..count])?)
}

/// Says what is wrong with a payload that is not five fields of the right types.
fn diagnose(bytes: &[u8], error: serde_json::Error) -> Problem {
    let value: Value = match serde_json::from_slice(bytes) {
        Ok(value) => value,
        Err(error) => return Problem::Json(error),
    };
    let Value::Array(fields) = &value else {
        return Problem::NotAList { found: described(&value) };
    };
    if fields.len() != FIELDS.len() {
        return Problem::FieldCount { found: fields.len() };
    }
    let is_right = |position: usize, value: &Value| match position {
        0 => value.as_str().is_some_and(|text| ModuleHash::from_hex(text).is_some()),
        1 => value.as_u64().is_some_and(|epochs| u16::try_from(epochs).is_ok()),
        _ => value.is_string(),
    };
    let wrong = fields.iter().zip(FIELDS).enumerate().find(|(position, (value, _))| !is_right(*position, value));
    match wrong {
        Some((_, (value, (field, expected)))) => Problem::Field { field, expected, found: described(value) },
        None => Problem::Json(error),
    }
}

/// Returns a JSON value as a message shows it: itself if it is short.
fn described(value: &Value) -> String {
    let kind = match value {
        Value::Array(values) => return format!("a list of {} values", values.len()),
        Value::Object(_) => return "an object".to_owned(),
        Value::String(text) if text.len() > 64 => return format!("a text of {} bytes", text.len()),
        other => other,
    };
    format!("`{kind}`")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::interchange::official::fixture;
    use crate::space::Cell;

    fn refusal(payload: &str) -> String {
        let problem = Payload::read(payload.as_bytes(), &mut Scratch::default()).unwrap_err();
        let cause = std::error::Error::source(&problem).map_or_else(String::new, |cause| format!(": {cause}"));
        format!("{problem}{cause}")
    }

    #[test]
    fn a_payload_holds_what_was_written() {
        let bytes = fixture::payload(0, 108, 0);
        let payload = Payload::read(&bytes, &mut Scratch::default()).unwrap();
        assert_eq!(payload.epochs, 108);
        assert_eq!(payload.stated, payload.spec.prune().unwrap().hash());
        assert_eq!(payload.metrics.parameters, fixture::model(0, 108, 0).parameters.0);
    }

    #[test]
    fn what_python_also_reads_is_read() {
        let text = String::from_utf8(fixture::payload(0, 108, 0)).unwrap();
        let expected = Payload::read(text.as_bytes(), &mut Scratch::default()).unwrap();
        let (head, metrics) = text.rsplit_once(",\"").unwrap();
        let (first, second) = metrics.split_at(76);
        // Spaces after commas, line breaks in base64, escapes in texts.
        for other in [text.replace(",\"", ", \""), format!("{head},\"{first}\\n{second}"), text.replace("input", "\\u0069nput")] {
            assert_eq!(Payload::read(other.as_bytes(), &mut Scratch::default()).unwrap(), expected, "{other}");
        }
    }

    #[test]
    fn a_payload_that_is_no_record_says_why() {
        let text = String::from_utf8(fixture::payload(0, 108, 0)).unwrap();
        let hash = &text[2..34];
        for (from, to, part) in [
            ("[", "", "the record is no JSON: trailing characters at line 1"),
            ("]", "", "the record is no JSON: EOF while parsing a list"),
            (hash, "28cf", "the field `hash` is `\"28cf\"`, expected a text of 32 hex digits"),
            ("108", "0", "the field `epochs` is `0`, expected a whole number from 1 to 65535"),
            ("108", "65536", "the field `epochs` is `65536`, expected a whole"),
            ("108", "108.5", "the field `epochs` is `108.5`, expected a whole"),
            ("108", "\"108\"", "the field `epochs` is `\"108\"`, expected a whole"),
            ("108", "108,7", "the record has 6 fields, expected 5: hash, epochs, adjacency, operations and metrics"),
            ("108,", "", "the record has 4 fields"),
            ("\"0100\"", "[0,1]", "the field `adjacency` is a list of 2 values, expected a text of digits"),
            ("0100", "010", "the matrix has 3 digits, expected 4 for 2 operations"),
            ("0100", "0200", "the matrix holds 2 at row 0, column 1: expected 0 or 1"),
            ("0100", "0x00", "the matrix holds"),
            ("0100", "0110", "the matrix has an edge at row 1, column 0: it is not upper triangular"),
            ("input,output", "output,output", "the operation of vertex 0 is `output`, expected `input`"),
            ("\"C", "\"*", "the metrics are not base64: Invalid symbol"),
            ("\"C", "\"/", "the metrics are no protobuf of `ModelMetrics`: failed to decode"),
        ] {
            assert!(text.contains(from), "{from} is not in {text}");
            let message = refusal(&text.replacen(from, to, 1));
            assert!(message.contains(part), "{from} → {to}: {message}");
        }
        let named = text.replace("0100", "010001000").replace("input,output", "input,conv5x5,output");
        assert!(refusal(&named).contains("unknown operation `conv5x5`"), "{}", refusal(&named));
        let long = text.replace("0100", &"0".repeat(1_000));
        assert!(refusal(&long).contains("the field `adjacency` is a text of 1000 bytes"), "{}", refusal(&long));
        assert_eq!(refusal("{}"), "the record is an object, expected a list of 5 fields");
        assert_eq!(refusal("[]"), "the record has 0 fields, expected 5: hash, epochs, adjacency, operations and metrics");
        assert!(refusal("").contains("the record is no JSON"));
        assert!(refusal("\u{1}\u{2}").contains("the record is no JSON"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            if let Err(problem) = Payload::read(&bytes, &mut Scratch::default()) {
                prop_assert!(!problem.to_string().is_empty());
            }
        }

        #[test]
        fn any_metrics_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let mut scratch = Scratch::default();
            if let Ok(metrics) = scratch.metrics(&BASE64_STANDARD.encode(&bytes)) {
                prop_assert!(metrics.times.iter().all(|seconds| seconds.is_finite() && *seconds >= 0.0));
                prop_assert!(metrics.accuracies.iter().all(|fraction| (0.0..=1.0).contains(fraction)));
            }
        }

        #[test]
        fn any_cell_is_read_or_refused(adjacency in "[01]{0,50}", operations in "(input|output|maxpool3x3|conv3x3-bn-relu|x|,){0,9}") {
            if let Ok(spec) = spec(&adjacency, &operations) {
                prop_assert_eq!(spec.adjacency_text(), adjacency);
                prop_assert_eq!(spec.operations_text(), operations);
            }
        }

        #[test]
        fn a_changed_payload_is_read_or_refused(changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
            let mut bytes = fixture::payload(1, 36, 2);
            for (at, value) in changes {
                let at = at.index(bytes.len());
                bytes[at] = value;
            }
            if let Ok(payload) = Payload::read(&bytes, &mut Scratch::default()) {
                prop_assert!(payload.epochs > 0);
                let _: Result<Cell, _> = payload.spec.prune();
            }
        }
    }
}
