//! Cells as JSON. Every list is cut off at its limit while it is read, so that no text takes more memory than a few times its own.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{self, Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::{Error, MOST_WRITTEN, Matrix, Name, RawGraph, Row, literal};
use crate::space::ModuleHash;

/// Reads a matrix in any form: a list of rows in JSON, or [what other programs print](literal::matrix).
///
/// # Errors
///
/// [`Error::Json`], and as [`literal::matrix`].
pub(super) fn matrix(text: &str, vertices: Option<usize>) -> Result<Matrix, Error> {
    let text = text.trim();
    let is_nested = text.strip_prefix('[').is_some_and(|inner| inner.trim_start().starts_with('['));
    if !is_nested {
        return literal::matrix(text, vertices);
    }
    serde_json::from_str(text).or_else(|error| {
        // Of what is JSON, but no matrix, JSON knows the position.
        literal::matrix(text, vertices).map_err(|other| if error.is_data() { with_position(&error) } else { other })
    })
}

/// Reads cells, one after the other.
pub(super) fn graphs(text: &str) -> Result<Vec<RawGraph>, Error> {
    read(text)
}

/// Reads cells, one after the other; what is wrong with one is the result of that one.
pub(super) fn each(text: &str) -> Result<Vec<Result<RawGraph, Error>>, Error> {
    let graph = |object: Object| {
        let graph = RawGraph::read(de::value::MapDeserializer::new(object.into_iter()));
        graph.map_err(|error: serde_json::Error| Error::NoCell { problem: error.to_string() })
    };
    Ok(read(text)?.into_iter().map(graph).collect())
}

fn read<T: FromObject>(text: &str) -> Result<Vec<T>, Error> {
    let mut all = Vec::new();
    for some in serde_json::Deserializer::from_str(text).into_iter::<OneOrMany<T>>() {
        all.append(&mut some.map_err(|error| with_position(&error))?.0);
    }
    Ok(all)
}

/// The message of `serde_json` with the position in front.
fn with_position(error: &serde_json::Error) -> Error {
    let text = error.to_string();
    let problem = text.rsplit_once(" at line ").map_or(text.as_str(), |(problem, _)| problem).to_owned();
    Error::Json { line: error.line(), column: error.column(), problem }
}

/// What is read from a JSON object.
trait FromObject: Sized {
    fn read<'de, A: MapAccess<'de>>(map: A) -> Result<Self, A::Error>;
}

/// The keys and values of an object, in their order: a key may occur twice.
type Object = Vec<(String, serde_json::Value)>;

impl FromObject for Object {
    fn read<'de, A: MapAccess<'de>>(mut map: A) -> Result<Self, A::Error> {
        let mut object = Self::new();
        while let Some(entry) = map.next_entry()? {
            object.push(entry);
        }
        Ok(object)
    }
}

impl FromObject for RawGraph {
    fn read<'de, A: MapAccess<'de>>(mut map: A) -> Result<Self, A::Error> {
        let (mut matrix, mut operations, mut hash) = (None::<Matrix>, None::<Names>, None::<String>);
        let mut passed_over = Vec::new();
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            let is_twice = match &*key {
                "matrix" | "adjacency" | "module_adjacency" => matrix.replace(map.next_value()?).is_some(),
                "ops" | "operations" | "module_operations" => operations.replace(map.next_value()?).is_some(),
                "hash" | "module_hash" => hash.replace(map.next_value()?).is_some(),
                other => {
                    map.next_value::<IgnoredAny>()?;
                    passed_over.push(other.into());
                    false
                }
            };
            if is_twice {
                return Err(de::Error::custom(format_args!("the cell has `{key}` once more")));
            }
        }
        let lacking = |key| de::Error::custom(format_args!("expected a cell with `matrix` and `ops`, found no `{key}`"));
        let matrix = matrix.ok_or_else(|| lacking("matrix"))?;
        let Names(names) = operations.ok_or_else(|| lacking("ops"))?;
        let hash = hash.map(ModuleHash::try_from).transpose().map_err(de::Error::custom)?;
        let graph = Self::new(&matrix, names).map_err(de::Error::custom)?;
        Ok(Self { hash, passed_over, ..graph })
    }
}

/// One object, or a list of them.
struct OneOrMany<T>(Vec<T>);

impl<'de, T: FromObject> Deserialize<'de> for OneOrMany<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Cells<T>(PhantomData<T>);
        impl<'de, T: FromObject> Visitor<'de> for Cells<T> {
            type Value = OneOrMany<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a cell (an object with `matrix` and `ops`) or a list of cells")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<OneOrMany<T>, A::Error> {
                Ok(OneOrMany(vec![T::read(map)?]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<OneOrMany<T>, A::Error> {
                let mut all = Vec::new();
                while let Some(OneOrMany(mut some)) = list.next_element()? {
                    all.append(&mut some);
                }
                Ok(OneOrMany(all))
            }
        }
        deserializer.deserialize_any(Cells(PhantomData))
    }
}

/// The operations of a cell, as a list or as comma-separated text.
struct Names(Vec<Name>);

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ListOrText {
            expecting: "the names of the operations, as a list or comma-separated",
            what: "operations",
            of_list: |texts: Vec<Text>| Self(literal::named(&texts.iter().map(|Text(text)| &**text).collect::<Vec<_>>())),
            of_text: Some(|text| literal::names(text).map(Self)),
        })
    }
}

impl<'de> Deserialize<'de> for Matrix {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ListOrText {
            expecting: "a matrix: a list of rows of 0 and 1, or its digits as a text",
            what: "vertices",
            of_list: Self,
            of_text: Some(|text| matrix(text, None)),
        })
    }
}

impl<'de> Deserialize<'de> for Row {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(ListOrText {
            expecting: "a row of the matrix: a list of 0 and 1",
            what: "vertices",
            of_list: |bits: Vec<Bit>| {
                let mut row = Self::default();
                for Bit(is_one) in bits {
                    row.push(is_one);
                }
                row
            },
            of_text: None,
        })
    }
}

type ReadText<V> = fn(&str) -> Result<V, Error>;

/// Reads a list of at most [`MOST_WRITTEN`] values or, if `of_text` is given, a text.
struct ListOrText<T, V> {
    expecting: &'static str,
    what: &'static str,
    of_list: fn(Vec<T>) -> V,
    of_text: Option<ReadText<V>>,
}

impl<'de, T: Deserialize<'de>, V> Visitor<'de> for ListOrText<T, V> {
    type Value = V;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expecting)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<V, E> {
        let of_text = self.of_text.ok_or_else(|| E::invalid_type(de::Unexpected::Str(text), &self))?;
        of_text(text).map_err(E::custom)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<V, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = list.next_element()? {
            if values.len() == MOST_WRITTEN {
                return Err(de::Error::custom(Error::TooMany { what: self.what }));
            }
            values.push(value);
        }
        Ok((self.of_list)(values))
    }
}

/// The name of an operation, or its official label.
struct Text(Box<str>);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let read = |text: &str| Ok(Self(text.into()));
        deserializer.deserialize_any(Scalar { expecting: "the name or the label of an operation", read })
    }
}

/// One value of a matrix.
struct Bit(bool);

impl<'de> Deserialize<'de> for Bit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Scalar { expecting: "0 or 1", read: |text| literal::bit(text).map(Self) })
    }
}

/// Reads a text, a number or a truth value as the text that it is written as.
struct Scalar<V> {
    expecting: &'static str,
    read: ReadText<V>,
}

impl<V> Visitor<'_> for Scalar<V> {
    type Value = V;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expecting)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<V, E> {
        (self.read)(text).map_err(E::custom)
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<V, E> {
        self.visit_str(if value { "true" } else { "false" })
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<V, E> {
        self.visit_str(&value.to_string())
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<V, E> {
        self.visit_str(&value.to_string())
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<V, E> {
        // With its point: some programs print every number so.
        self.visit_str(&format!("{value:?}"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::space::{Cell, Sampler, Space};
    use crate::unit::Seed;

    fn refused(text: &str) -> String {
        RawGraph::from_json(text).unwrap_err().to_string()
    }

    #[test]
    fn a_line_that_is_no_cell_is_named_with_its_number() {
        let good = r#"{"matrix":[[0,1],[0,0]],"ops":[]}"#;
        assert_eq!(RawGraph::from_json(&format!("{good}\n{good}")).unwrap().len(), 2);
        let second = |text: &str| refused(&format!("{good}\n{text}\n{good}"));
        assert_eq!(second(r#"{"ops":[]}"#), "line 2, column 10: expected a cell with `matrix` and `ops`, found no `matrix`");
        assert_eq!(
            second(r#"{"matrix":[[0,1],[0,0]]}"#),
            "line 2, column 24: expected a cell with `matrix` and `ops`, found no `ops`"
        );
        assert_eq!(
            second("7"),
            "line 2, column 1: invalid type: integer `7`, expected a cell (an object with `matrix` and `ops`) or a list of cells"
        );
        assert_eq!(
            second(r#"{"matrix":7,"ops":[]}"#),
            "line 2, column 11: invalid type: integer `7`, expected a matrix: a list of rows of 0 and 1, or its digits as a text"
        );
        assert!(second(r#"{"matrix":[[0,1],[0,0]],"ops":["a"]}"#).contains(": 1 operations for 2 vertices, expected 2 with "));
        assert!(second(r#"{"matrix":"0100","matrix":"0100","ops":[]}"#).ends_with("the cell has `matrix` once more"));
        assert!(second("{\"matrix\":").starts_with("line 3, "), "{}", second("{\"matrix\":"));
        assert_eq!(refused(" \n"), "expected a cell (JSON with `matrix` and `ops`), found nothing");
        assert_eq!(refused("[]"), "expected a cell (JSON with `matrix` and `ops`), found nothing");
    }

    #[test]
    fn what_is_wrong_with_one_cell_stays_with_it() {
        let good = r#"{"matrix":[[0,1],[0,0]],"ops":[]}"#;
        let bad = [
            r#"{"matrix":[[0,2],[0,0]],"ops":[]}"#,
            r#"{"matrix":"0100","ops":["a"]}"#,
            r#"{"matrix":"0100"}"#,
            r#"{"matrix":"0100","ops":[],"ops":[]}"#,
        ];
        let text = format!("{good}\n[{}]\n{good}", bad.join(","));
        let read = RawGraph::each_from_json(&text).unwrap();
        let sketch = &RawGraph::from_json(good).unwrap()[0];
        assert!(read[0].as_ref().unwrap() == sketch && read[5].as_ref().unwrap() == sketch && read.len() == 6);
        let messages: Vec<_> = read[1..5].iter().map(|read| read.as_ref().unwrap_err().to_string()).collect();
        assert_eq!(
            messages,
            [
                "the matrix holds `2`, expected 0 or 1",
                "1 operations for 2 vertices, expected 2 with `input` and `output` or 0 without",
                "expected a cell with `matrix` and `ops`, found no `ops`",
                "the cell has `ops` once more",
            ]
        );
        assert!(RawGraph::each_from_json("{").unwrap_err().to_string().starts_with("line 1, "));
        assert!(
            RawGraph::each_from_json("[7]").unwrap_err().to_string().starts_with("line 1, column 2: invalid type: integer `7`")
        );
        assert!(RawGraph::each_from_json(&"[".repeat(1_000_000)).is_err());
    }

    #[test]
    fn a_nest_of_lists_is_refused_before_it_fills_the_stack() {
        assert!(refused(&"[".repeat(1_000_000)).starts_with("line 1, "));
        assert!(refused(&"{\"a\":".repeat(1_000_000)).starts_with("line 1, "));
    }

    /// JSON of one or some cells, valid but for a few bytes.
    fn damaged_json() -> impl Strategy<Value = Vec<u8>> {
        let edits = proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0_u8..4), 0..6);
        (proptest::collection::vec(any::<u64>(), 1..4), 0_u8..4, edits).prop_map(|(seeds, form, edits)| {
            let space = Space::nas_bench_101();
            let written = |seed: &u64| {
                let spec = Sampler::Official.draw(&space, &mut Seed(*seed).rng());
                let rows: Vec<Vec<u8>> =
                    (0..spec.vertices()).map(|x| (0..spec.vertices()).map(|y| u8::from(spec.has_edge(x, y))).collect()).collect();
                let names: Vec<_> = spec.operations_text().split(',').map(ToOwned::to_owned).collect();
                match form {
                    0 => serde_json::json!({ "matrix": rows, "ops": names }),
                    1 => serde_json::json!({ "adjacency": spec.adjacency_text(), "operations": spec.operations_text() }),
                    2 => serde_json::json!({ "id": 1.5e3, "matrix": rows, "ops": names[1..names.len() - 1] }),
                    _ => serde_json::json!([{ "module_adjacency": rows, "module_operations": names, "extra": { "a": [null] } }]),
                }
                .to_string()
            };
            let mut bytes = seeds.iter().map(written).collect::<Vec<_>>().join("\n").into_bytes();
            for (place, byte, kind) in edits {
                let at = place.index(bytes.len());
                match kind {
                    0 => bytes[at] = byte,
                    1 => bytes.insert(at, byte),
                    2 if bytes.len() > 1 => drop(bytes.remove(at)),
                    // Digits keep most texts JSON and change what they mean.
                    _ => bytes[at] = b'0' + byte % 10,
                }
            }
            bytes
        })
    }

    /// Reads a text in every way; what is read is a cell of the space or refused, and one that is written again is the same.
    fn read_in_every_way(text: &str, other: &str) -> Result<(), TestCaseError> {
        let mut sketches = RawGraph::from_json(text).unwrap_or_default();
        prop_assert!(sketches.len() <= text.len());
        sketches.extend(RawGraph::from_matrix(text, other));
        sketches.extend(RawGraph::from_edges(text, other));
        for sketch in sketches {
            if let Ok::<Cell, _>(cell) = sketch.cell(&Space::nas_bench_101()) {
                prop_assert!(cell.vertices() <= 7 && cell.edge_count() <= 9);
                let again = RawGraph::from_json(&serde_json::to_string(&cell).unwrap()).unwrap();
                prop_assert_eq!(again[0].cell(&Space::nas_bench_101()).unwrap(), cell);
            }
        }
        Ok(())
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_parser_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400), other in ".{0,40}") {
            read_in_every_way(&String::from_utf8_lossy(&bytes), &other)?;
        }

        #[test]
        fn no_text_that_looks_like_a_cell_makes_the_parser_panic(
            text in r#"[\[\]{}",:01 \n\-]{0,80}|([0-9]{1,3}-[0-9]{1,3},?){0,12}|[01]{0,90}"#,
            other in "(input|output|maxpool3x3|conv3x3-bn-relu|,){0,9}",
        ) {
            read_in_every_way(&text, &other)?;
        }

        #[test]
        fn no_damaged_cell_makes_the_parser_panic(bytes in damaged_json()) {
            read_in_every_way(&String::from_utf8_lossy(&bytes), "maxpool3x3")?;
        }
    }
}
