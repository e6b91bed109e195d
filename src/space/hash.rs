//! The official hash of a cell: Weisfeiler–Lehman rounds of MD5 over texts that Python would print.

use std::fmt;
use std::sync::LazyLock;

use ::md5::{Digest, Md5};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::md5::{self, BLOCK, Digests, LANES};
use super::{CAPACITY, Cell};
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

    /// The sixteen bytes.
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

/// Hashes one cell.
pub(super) fn hash(cell: &Cell) -> ModuleHash {
    hash_side_by_side(std::slice::from_ref(cell))[0]
}

/// Hashes cells, on all cores.
pub(super) fn hash_all(cells: &[Cell]) -> Vec<ModuleHash> {
    cells.par_chunks(CELLS_AT_ONCE).flat_map_iter(hash_side_by_side).collect()
}

/// As many cells as fill the lanes well and whose labels stay in the cache.
const CELLS_AT_ONCE: usize = 128;

/// Hashes cells in as many rounds as each has vertices, all vertices of all of them at once.
///
/// # Source
///
/// Ying et al., "NAS-Bench-101: Towards Reproducible Neural Architecture Search", ICML 2019, and its published program:
/// the texts, signs and brackets below are those that its Python prints.
fn hash_side_by_side(cells: &[Cell]) -> Vec<ModuleHash> {
    let mut queue = Queue::new();
    let mut labels = vec![[Label::default(); CAPACITY]; cells.len()];
    for (cell, labels) in cells.iter().zip(&mut labels) {
        first_labels(cell, labels);
    }
    let mut before = labels.clone();
    let neighbours: Vec<_> = cells.iter().map(Neighbours::of_each_vertex).collect();
    let rounds = cells.iter().map(|cell| cell.vertices()).max().unwrap_or(0);
    for round in 0..rounds {
        before.copy_from_slice(&labels);
        let mut put = |place: usize, digests: &Digests, lane: usize| {
            labels[place / CAPACITY][place % CAPACITY] = Label::from_lane(digests, lane);
        };
        for (number, (cell, before)) in cells.iter().zip(&before).enumerate().filter(|(_, (cell, _))| cell.vertices() > round) {
            for (vertex, around) in neighbours[number][..cell.vertices()].iter().enumerate() {
                let write = |text: &mut Text| text.neighbours(*around, before, vertex);
                queue.push(number * CAPACITY + vertex, around.length(), &mut put, write);
            }
        }
        queue.flush(&mut put);
    }
    let mut hashes = vec![ModuleHash([0; 16]); cells.len()];
    let mut put = |place: usize, digests: &Digests, lane: usize| hashes[place] = ModuleHash(digests.digest(lane));
    for (number, (cell, labels)) in cells.iter().zip(&labels).enumerate() {
        queue.push(number, cell.vertices() * (DIGITS + 4), &mut put, |text| text.list(cell.vertices(), labels));
    }
    queue.flush(&mut put);
    hashes
}

/// Hex digits of an MD5.
const DIGITS: usize = 32;

/// The label of a vertex: the hex digits of an MD5. Labels sort like their texts.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Label {
    /// The first half of the digest, which alone tells nearly all labels apart.
    first: u64,
    digits: [u8; DIGITS],
}

impl Label {
    fn from_digest(digest: [u8; 16]) -> Self {
        let (first, _) = digest.split_first_chunk().expect("a digest has 16 bytes");
        let mut digits = [0; DIGITS];
        digits.copy_from_slice(hex::print(&digest).as_bytes());
        Self { first: u64::from_be_bytes(*first), digits }
    }

    /// The label of one lane.
    fn from_lane(digests: &Digests, lane: usize) -> Self {
        let [first, second, ..] = digests.words.map(|word| u64::from(word[lane].swap_bytes()));
        let mut digits = [0; DIGITS];
        for (part, word) in digits.chunks_exact_mut(8).zip(&digests.digits) {
            part.copy_from_slice(&word[lane].to_le_bytes());
        }
        Self { first: first << 32 | second, digits }
    }
}

/// The vertices before and after a vertex, a bit for each.
#[derive(Clone, Copy, Default)]
struct Neighbours {
    before: u16,
    after: u16,
}

impl Neighbours {
    fn of_each_vertex(cell: &Cell) -> [Self; CAPACITY] {
        let mut all = [Self::default(); CAPACITY];
        for (x, y) in cell.edges() {
            all[x].after |= 1 << y;
            all[y].before |= 1 << x;
        }
        all
    }

    /// The length of the text that [`Text::neighbours`] writes.
    const fn length(self) -> usize {
        (self.before.count_ones() + self.after.count_ones() + 1) as usize * DIGITS + 2
    }
}

/// The labels before the first round: degrees and operation.
fn first_labels(cell: &Cell, labels: &mut [Label; CAPACITY]) {
    for (vertex, own) in labels.iter_mut().enumerate().take(cell.vertices()) {
        let label = match cell.operation(vertex) {
            Some(operation) => operation.label().cast_signed(),
            None if vertex == 0 => INPUT_LABEL,
            None => OUTPUT_LABEL,
        };
        *own = first_label(cell.successors(vertex).count(), cell.predecessors(vertex).count(), label);
    }
}

/// The MD5 of what Python prints for a tuple of degrees and label: there are few, so each is computed once.
fn first_label(outgoing: usize, incoming: usize, label: i8) -> Label {
    static KNOWN: LazyLock<Vec<Label>> = LazyLock::new(|| {
        let labels = OUTPUT_LABEL..OUTPUT_LABEL + LABELS;
        let degrees = (0..CAPACITY).flat_map(|outgoing| (0..CAPACITY).map(move |incoming| (outgoing, incoming)));
        let text = |(outgoing, incoming), label| format!("({outgoing}, {incoming}, {label})");
        let texts = degrees.flat_map(|degrees| labels.clone().map(move |label| text(degrees, label)));
        texts.map(|text| Label::from_digest(Md5::digest(text).into())).collect()
    });
    let label = usize::from(label.wrapping_sub(OUTPUT_LABEL).cast_unsigned());
    KNOWN[(outgoing * CAPACITY + incoming) * usize::from(LABELS.cast_unsigned()) + label]
}

/// The output's, the input's and those of as many operations as a spec has room for.
const LABELS: i8 = 10;

/// The most blocks of a text: those of the final list.
const MOST_BLOCKS: usize = (CAPACITY * (DIGITS + 4) + 9).div_ceil(BLOCK);

/// A text that is being written.
struct Text<'a> {
    rest: &'a mut [u8],
}

impl Text<'_> {
    fn add<const N: usize>(&mut self, bytes: &[u8; N]) {
        let (place, rest) = std::mem::take(&mut self.rest).split_first_chunk_mut().expect("room for the whole text");
        *place = *bytes;
        self.rest = rest;
    }

    /// Adds the labels of the vertices of the bits, in the order of the labels.
    fn add_sorted<const N: usize>(&mut self, mut vertices: u16, labels: &[Label], separator: &[u8; N]) {
        let mut sorted = [0; CAPACITY];
        let mut count = 0;
        // Insertion: a vertex has two or three neighbours.
        while vertices != 0 {
            let vertex = vertices.trailing_zeros() as usize;
            vertices &= vertices - 1;
            let mut place = count;
            while place > 0 && labels[sorted[place - 1]] > labels[vertex] {
                sorted[place] = sorted[place - 1];
                place -= 1;
            }
            sorted[place] = vertex;
            count += 1;
        }
        for (position, vertex) in sorted[..count].iter().enumerate() {
            if position > 0 {
                self.add(separator);
            }
            self.add(&labels[*vertex].digits);
        }
    }

    /// What a vertex takes in: the labels before it, those after it, its own.
    fn neighbours(&mut self, around: Neighbours, labels: &[Label; CAPACITY], vertex: usize) {
        self.add_sorted(around.before, labels, b"");
        self.add(b"|");
        self.add_sorted(around.after, labels, b"");
        self.add(b"|");
        self.add(&labels[vertex].digits);
    }

    /// The labels of the first vertices as Python prints a list of texts.
    fn list(&mut self, vertices: usize, labels: &[Label; CAPACITY]) {
        self.add(b"['");
        self.add_sorted((1 << vertices) - 1, labels, b"', '");
        self.add(b"']");
    }
}

/// Texts that wait until there are enough of as many blocks to fill the lanes.
struct Queue {
    /// By number of blocks, one less: the texts, one after the other, and where their digests belong.
    waiting: [(Vec<u8>, Vec<usize>); MOST_BLOCKS],
}

impl Queue {
    fn new() -> Self {
        let room = |blocks| (vec![0; LANES * blocks * BLOCK], Vec::with_capacity(LANES));
        Self { waiting: std::array::from_fn(|less| room(less + 1)) }
    }

    /// Adds a text of a known length; hands out the digests of those that have waited, once there are enough.
    fn push(&mut self, place: usize, length: usize, put: &mut impl FnMut(usize, &Digests, usize), write: impl FnOnce(&mut Text)) {
        let blocks = (length + 9).div_ceil(BLOCK);
        let (texts, places) = &mut self.waiting[blocks - 1];
        let own = &mut texts[places.len() * blocks * BLOCK..][..blocks * BLOCK];
        let mut text = Text { rest: &mut own[..length] };
        write(&mut text);
        debug_assert!(text.rest.is_empty(), "a text of the length that was said");
        md5::pad(own, length);
        places.push(place);
        if places.len() == LANES {
            hand_out(texts, places, put);
        }
    }

    /// Hashes all waiting texts.
    fn flush(&mut self, put: &mut impl FnMut(usize, &Digests, usize)) {
        for (texts, places) in self.waiting.iter_mut().filter(|(_, places)| !places.is_empty()) {
            hand_out(texts, places, put);
        }
    }
}

/// Calls `put` with the digest of each text that has a position.
fn hand_out(texts: &[u8], places: &mut Vec<usize>, put: &mut impl FnMut(usize, &Digests, usize)) {
    let digests = md5::digests(texts);
    places.drain(..).enumerate().for_each(|(lane, place)| put(place, &digests, lane));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::{Operation, Sampler, Space, Spec};
    use crate::unit::Seed;

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

    /// The rounds as the published program writes them down.
    fn plainly(cell: &Cell) -> String {
        let hex = |text: &str| hex::print(&Md5::digest(text));
        let sorted = |vertices: &mut dyn Iterator<Item = usize>, labels: &[String]| {
            let mut texts: Vec<_> = vertices.map(|vertex| labels[vertex].clone()).collect();
            texts.sort();
            texts
        };
        let label = |vertex| match cell.operation(vertex) {
            Some(operation) => i32::from(operation.label()),
            None => {
                if vertex == 0 {
                    -1
                } else {
                    -2
                }
            }
        };
        let all = 0..cell.vertices();
        let degrees = |vertex| (cell.successors(vertex).count(), cell.predecessors(vertex).count());
        let first = |vertex| hex(&format!("({}, {}, {})", degrees(vertex).0, degrees(vertex).1, label(vertex)));
        let mut labels: Vec<_> = all.clone().map(first).collect();
        for _ in all.clone() {
            let text = |vertex| {
                let before = sorted(&mut cell.predecessors(vertex), &labels).concat();
                let after = sorted(&mut cell.successors(vertex), &labels).concat();
                format!("{before}|{after}|{}", labels[vertex])
            };
            labels = all.clone().map(|vertex| hex(&text(vertex))).collect();
        }
        hex(&format!("['{}']", sorted(&mut all.clone(), &labels).join("', '")))
    }

    #[test]
    fn side_by_side_hashes_are_those_of_the_published_rounds() {
        let mut rng = Seed(5).rng();
        let space = Space::nas_bench_101().with_operations(&Operation::ALL).unwrap();
        let drawn = (0..300).map(|_| Sampler::Official.draw(&space, &mut rng).prune().unwrap());
        let small = space.with_max_vertices(4).unwrap().labelled_cells();
        let cells: Vec<_> = drawn.chain(small).collect();
        let hashes = Cell::hashes(&cells);
        for (cell, hash) in cells.iter().zip(&hashes) {
            assert_eq!(hash.to_string(), plainly(cell), "{cell}");
            assert_eq!(cell.hash(), *hash);
        }
    }

    #[test]
    fn a_cell_as_large_as_a_spec_may_be_has_a_hash() {
        let operations = [Operation::Identity; CAPACITY - 2];
        let full = Spec::from_bits((1 << 36) - 1, &operations).prune().unwrap();
        assert_eq!(full.hash().to_string(), plainly(&full));
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
