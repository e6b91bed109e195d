//! The official hash of a cell: Weisfeiler–Lehman rounds of MD5 over texts that Python would print.

use std::fmt;

use md5::{Digest, Md5};
use serde::{Deserialize, Serialize};

use super::Cell;
use crate::hex;

const INPUT_LABEL: i8 = -1;
const OUTPUT_LABEL: i8 = -2;

/// The hash by which NAS-Bench-101 names a cell. Prints, and is serialized, as 32 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ModuleHash([u8; 16]);

impl ModuleHash {
    /// Reads 32 hex digits; `None` for any other text.
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Self> {
        hex::parse(text).map(Self)
    }

    /// The hash as bytes, for hashing it further.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 16] {
        self.0
    }
}

impl TryFrom<String> for ModuleHash {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::from_hex(&text).ok_or_else(|| format!("`{text}` is no module hash: expected 32 hex digits"))
    }
}

impl From<ModuleHash> for String {
    fn from(hash: ModuleHash) -> Self {
        hash.to_string()
    }
}

impl fmt::Display for ModuleHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::print(&self.0))
    }
}

impl fmt::Debug for ModuleHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ModuleHash({self})")
    }
}

/// Hashes a cell in as many rounds as it has vertices, all vertices at once.
///
/// # Source
///
/// Ying et al., "NAS-Bench-101: Towards Reproducible Neural Architecture Search", ICML 2019, and its published program:
/// the texts, signs and brackets below are those that its Python prints.
pub(super) fn of(cell: &Cell) -> ModuleHash {
    let vertices = cell.vertices();
    let mut hashes: Vec<String> = (0..vertices)
        .map(|vertex| {
            let label = match cell.operation(vertex) {
                Some(operation) => operation.label().cast_signed(),
                None if vertex == 0 => INPUT_LABEL,
                None => OUTPUT_LABEL,
            };
            let (outgoing, incoming) = (cell.successors(vertex).count(), cell.predecessors(vertex).count());
            md5_hex(format!("({outgoing}, {incoming}, {label})").as_bytes())
        })
        .collect();
    for _ in 0..vertices {
        hashes = (0..vertices)
            .map(|vertex| {
                let incoming = sorted(cell.predecessors(vertex).map(|x| hashes[x].as_str()));
                let outgoing = sorted(cell.successors(vertex).map(|y| hashes[y].as_str()));
                md5_hex(format!("{}|{}|{}", incoming.concat(), outgoing.concat(), hashes[vertex]).as_bytes())
            })
            .collect();
    }
    let listed = sorted(hashes.iter().map(String::as_str)).join("', '");
    ModuleHash(Md5::digest(format!("['{listed}']")).into())
}

fn sorted<'a>(texts: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut texts: Vec<_> = texts.collect();
    texts.sort_unstable();
    texts
}

fn md5_hex(text: &[u8]) -> String {
    hex::print(&Md5::digest(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::Spec;

    /// The two published cells of the data set's documentation.
    const KNOWN: [(&str, &str, &str); 2] = [
        (
            "0111010000000100000010000100000000100000010000000",
            "input,conv1x1-bn-relu,conv3x3-bn-relu,conv3x3-bn-relu,conv3x3-bn-relu,maxpool3x3,output",
            "28cfc7874f6d200472e1a9dcd8650aa0",
        ),
        (
            "0100110001000000010010000010000001000000010000000",
            "input,conv3x3-bn-relu,maxpool3x3,conv3x3-bn-relu,conv3x3-bn-relu,conv1x1-bn-relu,output",
            "00005c142e6f48ac74fdcf73e3439874",
        ),
    ];

    #[test]
    fn known_cells_have_their_official_hashes() {
        for (adjacency, operations, hash) in KNOWN {
            assert_eq!(Cell::from_texts(adjacency, operations).unwrap().hash().to_string(), hash);
        }
    }

    #[test]
    fn renumbered_vertices_share_a_hash() {
        use crate::space::Operation::{Conv3x3, MaxPool3x3};
        // Two parallel branches, in either order.
        let edges = 0b10_1011; // 0→1, 0→2, 1→3, 2→3
        let one = Spec::from_bits(edges | 0b01_0000, &[Conv3x3, MaxPool3x3]).prune().unwrap();
        let two = Spec::from_bits(edges | 0b01_0000, &[MaxPool3x3, Conv3x3]).prune().unwrap();
        assert_ne!(one, two);
        assert_eq!(one.hash(), two.hash());
    }

    #[test]
    fn a_hash_reads_back() {
        let hash = ModuleHash::from_hex(KNOWN[0].2).unwrap();
        assert_eq!(hash.to_string(), KNOWN[0].2);
        assert_eq!(ModuleHash::from_hex("28cf"), None);
        assert_eq!(ModuleHash::from_hex(&"g".repeat(32)), None);
    }

    #[test]
    fn a_hash_is_serialized_as_its_text() {
        let text = format!("\"{}\"", KNOWN[0].2);
        let hash: ModuleHash = serde_json::from_str(&text).unwrap();
        assert_eq!(serde_json::to_string(&hash).unwrap(), text);
        assert!(serde_json::from_str::<ModuleHash>("\"28cf\"").is_err());
    }
}
