//! What makes the records of a benchmark comparable, written down and hashed.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::hex;
use crate::space::Space;
use crate::unit::Seed;

/// The version of the folder and its columns. Another version is refused.
pub const FORMAT_VERSION: u32 = 1;

/// The sha256 of what makes two records comparable. Prints, and is serialized, as 64 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Identity([u8; 32]);

impl Identity {
    /// Reads 64 hex digits; `None` for any other text.
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Self> {
        hex::parse(text).map(Self)
    }

    /// Returns the identity as bytes, for hashing it further.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 32] {
        self.0
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::print(&self.0))
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity({self})")
    }
}

impl TryFrom<String> for Identity {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::from_hex(&text).ok_or_else(|| format!("`{text}` is no identity: expected 64 hex digits"))
    }
}

impl From<Identity> for String {
    fn from(identity: Identity) -> Self {
        identity.to_string()
    }
}

/// A data set as it was used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dataset {
    /// The common name. Not part of the identity.
    pub name: String,
    /// The sha256, in hex digits, of its images and labels after subsetting and splitting; `None` in an import.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

/// A file that records were imported from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Imported {
    /// Its name, without the folder.
    pub file: String,
    /// Its length.
    pub bytes: u64,
    /// The records that were taken from it.
    pub records: u64,
    /// The sha256 of its bytes, in hex digits.
    pub sha256: String,
}

/// What defines a benchmark: the seed, the data, the operations and the protocol.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The base seed, of which every training's own seed is derived; `None` in an import.
    pub seed: Option<Seed>,
    /// The data set.
    pub dataset: Dataset,
    /// The operations of its space, each with its label in the module hash; see [`operations`].
    pub operations: BTreeMap<String, u8>,
    /// How a model is trained: an object. A key whose value is null counts as no key.
    pub protocol: Value,
}

/// A difference between two benchmarks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Which thing, as a path with dots: `protocol.learning_rate`.
    pub what: String,
    /// What the benchmark on disk has, or `none`.
    pub found: String,
    /// What was expected, or `none`.
    pub expected: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is {}, expected {}", self.what, self.found, self.expected)
    }
}

/// Returns the differences as one text.
pub(super) fn listed(differences: &[Difference]) -> String {
    differences.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// Returns the operations of a space with their labels, as a [`Manifest`] holds them.
#[must_use]
pub fn operations(space: &Space) -> BTreeMap<String, u8> {
    space.operations().map(|operation| (operation.name().to_owned(), operation.label())).collect()
}

impl Manifest {
    /// Returns the same manifest as it is stored: keys sorted, keys without a value gone.
    pub(super) fn canonical(&self) -> Self {
        Self { protocol: canonical(&self.protocol), ..self.clone() }
    }

    /// Hashes what makes records comparable. Limits of the space, budgets and repeats are not part of it: they may grow.
    ///
    /// What is not known is left out of what is hashed.
    pub(super) fn identity(&self, format_version: u32) -> Identity {
        let text = canonical(&json!({
            "base_seed": self.seed,
            "dataset": self.dataset.sha256,
            "format_version": format_version,
            "operations": self.operations,
            "protocol": self.protocol,
        }))
        .to_string();
        Identity(Sha256::digest(text).into())
    }

    /// Lists the differences between the manifest of a benchmark on disk and this one.
    pub(super) fn differences(&self, found: &Self) -> Vec<Difference> {
        let readable = |manifest: &Self| {
            let sha256 = manifest.dataset.sha256.as_deref().unwrap_or("unknown");
            canonical(&json!({
                "seed": manifest.seed,
                "dataset": format!("{} (sha256 {sha256})", manifest.dataset.name),
                "operations": manifest.operations,
                "protocol": manifest.protocol,
            }))
        };
        let mut differences = Vec::new();
        compare("", Some(&readable(found)), Some(&readable(self)), &mut differences);
        differences
    }
}

/// Sorts the keys of all objects and leaves out those without a value, so that equal things have one text.
fn canonical(value: &Value) -> Value {
    match value {
        Value::Object(object) => {
            let mut entries: Vec<_> = object.iter().filter(|(_, value)| !value.is_null()).collect();
            entries.sort_unstable_by_key(|(key, _)| *key);
            Value::Object(entries.into_iter().map(|(key, value)| (key.clone(), canonical(value))).collect::<Map<_, _>>())
        }
        Value::Array(values) => Value::Array(values.iter().map(canonical).collect()),
        other => other.clone(),
    }
}

/// Walks through two values and notes where they part.
fn compare(what: &str, found: Option<&Value>, expected: Option<&Value>, differences: &mut Vec<Difference>) {
    if let (Some(Value::Object(found)), Some(Value::Object(expected))) = (found, expected) {
        let mut keys: Vec<_> = found.keys().chain(expected.keys()).collect();
        keys.sort_unstable();
        keys.dedup();
        for key in keys {
            let path = if what.is_empty() { key.clone() } else { format!("{what}.{key}") };
            compare(&path, found.get(key), expected.get(key), differences);
        }
    } else if found != expected {
        let text = |value: Option<&Value>| value.map_or_else(|| "none".to_owned(), ToString::to_string);
        differences.push(Difference { what: what.to_owned(), found: text(found), expected: text(expected) });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(protocol: Value) -> Manifest {
        let dataset = Dataset { name: "tiny".to_owned(), sha256: Some("ab".repeat(32)) };
        Manifest { seed: Some(Seed(1)), dataset, operations: operations(&Space::nas_bench_101()), protocol }
    }

    fn identity(manifest: &Manifest) -> Identity {
        manifest.identity(FORMAT_VERSION)
    }

    #[test]
    fn an_identity_is_the_hash_of_a_text_that_anyone_can_write() {
        let text = format!(
            "{{\"base_seed\":1,\"dataset\":\"{}\",\"format_version\":1,\"operations\":{{\"conv1x1-bn-relu\":1,\
            \"conv3x3-bn-relu\":0,\"maxpool3x3\":2}},\"protocol\":{{\"batch\":32,\"rate\":0.1}}}}",
            "ab".repeat(32)
        );
        let found = identity(&manifest(json!({ "rate": 0.1, "batch": 32 })));
        assert_eq!(found, Identity(Sha256::digest(text).into()));
        assert_eq!(Identity::from_hex(&found.to_string()), Some(found));
    }

    #[test]
    fn a_key_without_a_value_is_no_key() {
        let one = manifest(json!({ "rate": 0.1, "decay": null }));
        assert_eq!(identity(&one), identity(&manifest(json!({ "rate": 0.1 }))));
        assert_eq!(one.canonical(), manifest(json!({ "rate": 0.1 })));
    }

    #[test]
    fn whatever_makes_records_incomparable_changes_the_identity() {
        let one = manifest(json!({ "rate": 0.1 }));
        let dataset = |sha256| Manifest { dataset: Dataset { sha256, ..one.dataset.clone() }, ..one.clone() };
        let larger = Space::nas_bench_101().with_operations(&crate::space::Operation::ALL).unwrap();
        let others = [
            Manifest { seed: Some(Seed(2)), ..one.clone() },
            Manifest { seed: None, ..one.clone() },
            dataset(Some("cd".repeat(32))),
            dataset(None),
            Manifest { operations: operations(&larger), ..one.clone() },
            manifest(json!({ "rate": 0.2 })),
        ];
        assert!(others.iter().all(|other| identity(other) != identity(&one)));
        assert_ne!(one.identity(FORMAT_VERSION + 1), identity(&one));
        let renamed = Manifest { dataset: Dataset { name: "small".to_owned(), ..one.dataset.clone() }, ..one.clone() };
        assert_eq!(identity(&renamed), identity(&one));
    }

    #[test]
    fn differences_are_named_by_their_path() {
        let expected = manifest(json!({ "rate": 0.1, "stem": { "channels": 16 } }));
        let found = Manifest { seed: Some(Seed(7)), ..manifest(json!({ "stem": { "channels": 32 }, "flip": true })) };
        assert_eq!(
            listed(&expected.differences(&found)),
            "`protocol.flip` is true, expected none; `protocol.rate` is none, expected 0.1; \
            `protocol.stem.channels` is 32, expected 16; `seed` is 7, expected 1"
        );
    }
}
