//! MD5 of many short texts at once, one in each lane of a vector.
//!
//! A step of MD5 waits for the step before it, so that one text alone leaves most of a processor idle. So 32 texts of the same
//! length go through the steps side by side: two vectors of AVX-512 or four of AVX2, which do not wait for each other. The loops
//! over the lanes are plain ones; `pulp` compiles them for the vector instructions that the machine has.

#![expect(clippy::inline_always, reason = "what is not inlined is not compiled for the instructions that were found")]

use pulp::{Arch, NullaryFnOnce};

/// Texts that are hashed side by side.
pub(super) const LANES: usize = 32;
/// Bytes of a block of MD5.
pub(super) const BLOCK: usize = 64;

/// The words of a block.
const WORDS: usize = BLOCK / 4;

/// One word of each lane.
pub(super) type Lanes = [u32; LANES];

const START: [u32; 4] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];

/// How far each step of a round rotates: four steps in turn.
const ROTATIONS: [[u32; 4]; 4] = [[7, 12, 17, 22], [5, 9, 14, 20], [4, 11, 16, 23], [6, 10, 15, 21]];

/// The constants of the steps, four in a row: the first 32 bits after the point of |sin 1|, |sin 2|, …, in radians (RFC 1321).
const SINES: [[u32; 4]; 16] = [
    [0xd76a_a478, 0xe8c7_b756, 0x2420_70db, 0xc1bd_ceee],
    [0xf57c_0faf, 0x4787_c62a, 0xa830_4613, 0xfd46_9501],
    [0x6980_98d8, 0x8b44_f7af, 0xffff_5bb1, 0x895c_d7be],
    [0x6b90_1122, 0xfd98_7193, 0xa679_438e, 0x49b4_0821],
    [0xf61e_2562, 0xc040_b340, 0x265e_5a51, 0xe9b6_c7aa],
    [0xd62f_105d, 0x0244_1453, 0xd8a1_e681, 0xe7d3_fbc8],
    [0x21e1_cde6, 0xc337_07d6, 0xf4d5_0d87, 0x455a_14ed],
    [0xa9e3_e905, 0xfcef_a3f8, 0x676f_02d9, 0x8d2a_4c8a],
    [0xfffa_3942, 0x8771_f681, 0x6d9d_6122, 0xfde5_380c],
    [0xa4be_ea44, 0x4bde_cfa9, 0xf6bb_4b60, 0xbebf_bc70],
    [0x289b_7ec6, 0xeaa1_27fa, 0xd4ef_3085, 0x0488_1d05],
    [0xd9d4_d039, 0xe6db_99e5, 0x1fa2_7cf8, 0xc4ac_5665],
    [0xf429_2244, 0x432a_ff97, 0xab94_23a7, 0xfc93_a039],
    [0x655b_59c3, 0x8f0c_cc92, 0xffef_f47d, 0x8584_5dd1],
    [0x6fa8_7e4f, 0xfe2c_e6e0, 0xa301_4314, 0x4e08_11a1],
    [0xf753_7e82, 0xbd3a_f235, 0x2ad7_d2bb, 0xeb86_d391],
];

/// Ends a text as MD5 wants it: a one, zeros, and the number of bits at the end of the last block.
///
/// # Panics
///
/// Panics if the room for the blocks is too small for the text and nine bytes.
pub(super) fn pad(blocks: &mut [u8], length: usize) {
    let end = blocks.len() - 8;
    assert!(length < end, "room for the end of the text");
    blocks[length] = 0x80;
    blocks[length + 1..end].fill(0);
    blocks[end..].copy_from_slice(&(8 * length as u64).to_le_bytes());
}

/// Digests, in the two forms that are wanted of them.
pub(super) struct Digests {
    /// The words of each digest, whose bytes follow each other, the lowest first.
    pub(super) words: [Lanes; 4],
    /// The hex digits of each word, the first one in the lowest byte.
    pub(super) digits: [[u64; LANES]; 4],
}

impl Digests {
    /// The digest of a lane.
    pub(super) fn digest(&self, lane: usize) -> [u8; 16] {
        let mut digest = [0; 16];
        digest.chunks_exact_mut(4).zip(&self.words).for_each(|(bytes, word)| bytes.copy_from_slice(&word[lane].to_le_bytes()));
        digest
    }
}

/// Hashes padded texts of equally many blocks.
///
/// # Shapes
///
/// - `texts`: `[LANES, blocks · BLOCK]`
pub(super) fn digests(texts: &[u8]) -> Digests {
    Arch::new().dispatch(Texts(texts))
}

/// A closure of [`all_blocks`] that must be inlined: so it is compiled for the instructions that were found.
struct Texts<'a>(&'a [u8]);

impl NullaryFnOnce for Texts<'_> {
    type Output = Digests;

    #[inline(always)]
    fn call(self) -> Digests {
        let words = all_blocks(self.0);
        let mut digits = [[0; LANES]; 4];
        for (digits, words) in digits.iter_mut().zip(&words) {
            (0..LANES).for_each(|lane| digits[lane] = print(words[lane]));
        }
        Digests { words, digits }
    }
}

/// The eight hex digits of the bytes of a word, the lowest byte's first.
#[inline(always)]
const fn print(word: u32) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    // The bytes move apart, then the halves of each byte.
    let pairs = (word as u64 | (word as u64) << 16) & 0x0000_ffff_0000_ffff;
    let bytes = (pairs | pairs << 8) & 0x00ff_00ff_00ff_00ff;
    let halves = (bytes >> 4 | bytes << 8) & 0x0f0f_0f0f_0f0f_0f0f;
    // Digits above 9 are letters: 39 lie between `9` + 1 and `a`.
    let letters = (halves + 6 * ONES) >> 4 & ONES;
    halves + b'0' as u64 * ONES + ((letters << 5) + (letters << 3) - letters)
}

#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "the low half of a pair is one of its words")]
fn all_blocks(texts: &[u8]) -> [Lanes; 4] {
    let length = texts.len() / LANES;
    let mut state = START.map(|word| [word; LANES]);
    let (mut words, mut pairs) = ([[0; LANES]; WORDS], [[0; LANES]; WORDS / 2]);
    for block in (0..length).step_by(BLOCK) {
        // Two words at a time go to their lane; then whole vectors part them.
        for (lane, text) in texts.chunks_exact(length).enumerate() {
            let (eights, _) = text[block..block + BLOCK].as_chunks();
            pairs.iter_mut().zip(eights).for_each(|(pair, bytes)| pair[lane] = u64::from_le_bytes(*bytes));
        }
        for (pair, two) in pairs.iter().zip(words.chunks_exact_mut(2)) {
            let [low, high] = two else { unreachable!("two words make a pair") };
            for lane in 0..LANES {
                (low[lane], high[lane]) = (pair[lane] as u32, (pair[lane] >> 32) as u32);
            }
        }
        compress(&mut state, &words);
    }
    state
}

#[inline(always)]
fn compress(state: &mut [Lanes; 4], words: &[Lanes; WORDS]) {
    let mut after = *state;
    // Written out: so the compiler knows which word and which constant each step takes, and keeps the state in registers.
    round::<0>(&mut after, words, |x, y, z| (x & y) | (!x & z), |i| i);
    round::<1>(&mut after, words, |x, y, z| (z & x) | (!z & y), |i| (5 * i + 1) % 16);
    round::<2>(&mut after, words, |x, y, z| x ^ y ^ z, |i| (3 * i + 5) % 16);
    round::<3>(&mut after, words, |x, y, z| y ^ (x | !z), |i| (7 * i) % 16);
    for (word, after) in state.iter_mut().zip(&after) {
        (0..LANES).for_each(|lane| word[lane] = word[lane].wrapping_add(after[lane]));
    }
}

/// Sixteen steps.
#[inline(always)]
fn round<const ROUND: usize>(
    state: &mut [Lanes; 4],
    words: &[Lanes; WORDS],
    combine: impl Fn(u32, u32, u32) -> u32 + Copy,
    word: impl Fn(usize) -> usize + Copy,
) {
    four_steps(state, words, ROUND, 0, combine, word);
    four_steps(state, words, ROUND, 4, combine, word);
    four_steps(state, words, ROUND, 8, combine, word);
    four_steps(state, words, ROUND, 12, combine, word);
}

/// Four steps: each of the words is changed once.
#[inline(always)]
fn four_steps(
    [a, b, c, d]: &mut [Lanes; 4],
    words: &[Lanes; WORDS],
    round: usize,
    first: usize,
    combine: impl Fn(u32, u32, u32) -> u32 + Copy,
    word: impl Fn(usize) -> usize,
) {
    let (sines, rotations) = (SINES[4 * round + first / 4], ROTATIONS[round]);
    step(a, b, c, d, &words[word(first)], sines[0], rotations[0], combine);
    step(d, a, b, c, &words[word(first + 1)], sines[1], rotations[1], combine);
    step(c, d, a, b, &words[word(first + 2)], sines[2], rotations[2], combine);
    step(b, c, d, a, &words[word(first + 3)], sines[3], rotations[3], combine);
}

#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "a step of MD5 has so many operands")]
fn step(
    a: &mut Lanes,
    b: &Lanes,
    c: &Lanes,
    d: &Lanes,
    word: &Lanes,
    sine: u32,
    rotation: u32,
    combine: impl Fn(u32, u32, u32) -> u32,
) {
    for lane in 0..LANES {
        let sum = a[lane].wrapping_add(combine(b[lane], c[lane], d[lane])).wrapping_add(word[lane]).wrapping_add(sine);
        a[lane] = sum.rotate_left(rotation).wrapping_add(b[lane]);
    }
}

#[cfg(test)]
mod tests {
    use md5::{Digest, Md5};

    use super::*;

    #[test]
    fn digests_and_digits_are_those_of_the_library() {
        for blocks in 1..6 {
            let mut texts = vec![0; LANES * blocks * BLOCK];
            let mut expected = [[0_u8; 16]; LANES];
            for (lane, text) in texts.chunks_exact_mut(blocks * BLOCK).enumerate() {
                let length = blocks * BLOCK - 9 - lane;
                (0..length).for_each(|i| text[i] = u8::try_from((31 * i + lane) % 256).unwrap());
                expected[lane] = Md5::digest(&text[..length]).into();
                pad(text, length);
            }
            let found = digests(&texts);
            for (lane, expected) in expected.iter().enumerate() {
                assert_eq!(found.digest(lane), *expected);
                let digits: Vec<u8> = found.digits.iter().flat_map(|word| word[lane].to_le_bytes()).collect();
                assert_eq!(String::from_utf8(digits).unwrap(), crate::hex::print(expected));
            }
        }
    }
}
