//! Fashion-clutter: 26,000 images of Fashion-MNIST at half their size, each somewhere on a larger canvas, on textured ground,
//! among pieces of other garments. What they are of, not how much ink they have, must be learned.
//!
//! The garments are embedded, and each image is composed of them when the data set is loaded: always the same bytes, by whole
//! numbers alone, on any machine. `data/fashion-clutter/README.md` says how the garments were chosen; `scripts/make_fashion14.rs`
//! makes the files again. The garments to train on are those of `fashion-14`, and so are the first 4,000 to validate and to test on.

use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;

use super::fashion_14::{self, File, unpack};
use super::{Contents, Dataset, Entry, Error, ImageShape, ImageSource, Images, Sizes, fashion_mnist};
use crate::unit::Seed;

pub(super) const ENTRY: Entry = Entry {
    name: "fashion-clutter",
    about: "26,000 garments as small as those of fashion-14, moved, on textured ground, among pieces of others; part of the program",
    source: "composed of Xiao, Rasul & Vollgraf, Fashion-MNIST, 2017, https://github.com/zalandoresearch/fashion-mnist",
    place: ImageSource::Embedded { contents: CONTENTS, load },
};

const CONTENTS: Contents = Contents {
    shape: ImageShape { channels: 1, height: SIDE, width: SIDE },
    classes: fashion_mnist::CLASSES,
    sizes: Sizes { train: 6_000, validation: 10_000, test: 10_000 },
};

/// The side of an image, of the garment in it, and of a piece of another one.
const SIDE: usize = 16;
const GARMENT: usize = 14;
const PIECE: usize = 7;
/// The points of the texture along a side; between them it is linear.
const KNOTS: usize = 6;
/// The brightest mean of the ground.
const BRIGHTEST: i32 = 100;
/// The most by which a texture deviates from it.
const DEEPEST: i32 = 60;
/// The pieces behind a garment, and those before it.
const BEHIND: usize = 2;
const BEFORE: usize = 1;
/// A garment hides what is behind it where it is at least so bright, and less in proportion where it is darker.
const OPAQUE: i32 = 40;
/// The noise of a pixel is the sum of three whole numbers, each from minus to plus this: a deviation of 10.5.
const NOISE: i32 = 10;

/// The garments beyond those of `fashion-14`.
const VALIDATION: [File; 2] = [
    (
        "data/fashion-clutter/validation-images-idx3-ubyte.gz",
        include_bytes!("../../data/fashion-clutter/validation-images-idx3-ubyte.gz"),
    ),
    (
        "data/fashion-clutter/validation-labels-idx1-ubyte.gz",
        include_bytes!("../../data/fashion-clutter/validation-labels-idx1-ubyte.gz"),
    ),
];

const TEST: [File; 2] = [
    ("data/fashion-clutter/test-images-idx3-ubyte.gz", include_bytes!("../../data/fashion-clutter/test-images-idx3-ubyte.gz")),
    ("data/fashion-clutter/test-labels-idx1-ubyte.gz", include_bytes!("../../data/fashion-clutter/test-labels-idx1-ubyte.gz")),
];

fn load(entry: &Entry, contents: &Contents) -> Result<Dataset, Error> {
    let garments = fashion_14::ENTRY.load(None)?;
    let composed = |split: &str, parts: &[&Images]| compose(parts, &mut Seed(0).derive("fashion-clutter").derive(split).rng());
    contents.dataset(
        entry.name,
        composed("train", &[garments.train()])?,
        composed("validation", &[garments.validation(), &unpack(VALIDATION)?])?,
        composed("test", &[garments.test(), &unpack(TEST)?])?,
    )
}

/// Makes an image of each garment.
fn compose(parts: &[&Images], rng: &mut ChaCha8Rng) -> Result<Images, Error> {
    let garments: Vec<&[u8]> = parts.iter().flat_map(|images| (0..images.len()).map(|place| images.pixels(place))).collect();
    let labels = parts.iter().flat_map(|images| images.labels()).copied().collect();
    let mut pixels = Vec::with_capacity(garments.len() * SIDE * SIDE);
    for garment in &garments {
        let mut canvas = Canvas::textured(rng);
        for _ in 0..BEHIND {
            canvas.add_piece(&garments, rng);
        }
        canvas.add_garment(garment, rng);
        for _ in 0..BEFORE {
            canvas.add_piece(&garments, rng);
        }
        pixels.extend(canvas.with_noise(rng));
    }
    Images::new(CONTENTS.shape, pixels, labels)
}

/// An image in the making.
struct Canvas([[i32; SIDE]; SIDE]);

impl Canvas {
    /// A ground of a drawn brightness, with a texture of a drawn depth.
    fn textured(rng: &mut ChaCha8Rng) -> Self {
        let mean = rng.random_range(0..=BRIGHTEST);
        let depth = rng.random_range(3 * DEEPEST / 10..=DEEPEST);
        let knots: [[i32; KNOTS]; KNOTS] = std::array::from_fn(|_| std::array::from_fn(|_| rng.random_range(-depth..=depth)));
        // A pixel lies at this many parts of the way between knots, of SIDE − 1 parts each.
        let parts = SIDE - 1;
        let at = |pixel: usize| {
            let place = pixel * (KNOTS - 1);
            let knot = (place / parts).min(KNOTS - 2);
            (knot, whole(place - knot * parts))
        };
        let all = whole(parts);
        let value = |y: usize, x: usize| {
            let ((row, down), (column, right)) = (at(y), at(x));
            let across = |row: usize| knots[row][column] * (all - right) + knots[row][column + 1] * right;
            mean + (across(row) * (all - down) + across(row + 1) * down) / (all * all)
        };
        Self(std::array::from_fn(|y| std::array::from_fn(|x| value(y, x))))
    }

    /// Adds a random piece of a random garment at a random position.
    fn add_piece(&mut self, garments: &[&[u8]], rng: &mut ChaCha8Rng) {
        let garment = garments[rng.random_range(0..garments.len())];
        let [top, left] = [(); 2].map(|()| rng.random_range(0..=GARMENT - PIECE));
        let place = [(); 2].map(|()| rng.random_range(0..=SIDE - PIECE));
        self.lay(place, PIECE, |y, x| i32::from(garment[(top + y) * GARMENT + left + x]));
    }

    /// Adds the garment at a random position.
    fn add_garment(&mut self, garment: &[u8], rng: &mut ChaCha8Rng) {
        let place = [(); 2].map(|()| rng.random_range(0..=SIDE - GARMENT));
        self.lay(place, GARMENT, |y, x| i32::from(garment[y * GARMENT + x]));
    }

    fn lay(&mut self, [top, left]: [usize; 2], side: usize, brightness: impl Fn(usize, usize) -> i32) {
        for (y, x) in (0..side).flat_map(|y| (0..side).map(move |x| (y, x))) {
            let own = brightness(y, x);
            let hides = own.min(OPAQUE);
            let pixel = &mut self.0[top + y][left + x];
            *pixel = (*pixel * (OPAQUE - hides) + own * hides) / OPAQUE;
        }
    }

    fn with_noise(self, rng: &mut ChaCha8Rng) -> Vec<u8> {
        let noise = |pixel: i32| {
            let noise: i32 = (0..3).map(|_| rng.random_range(-NOISE..=NOISE)).sum();
            u8::try_from((pixel + noise).clamp(0, 255)).expect("within the range of a byte")
        };
        self.0.into_iter().flatten().map(noise).collect()
    }
}

fn whole(count: usize) -> i32 {
    i32::try_from(count).expect("an image is small")
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn the_images_are_the_same_on_every_machine() {
        assert_eq!(ENTRY.load(None).unwrap().sha256(), "30f4103980200f9b95668508c57fd1972cf4803b693a2145ff31e2bd520d4d57");
    }

    #[test]
    fn each_image_is_of_a_garment_of_its_own_and_each_ten_show_each_class_once() {
        let garments = fashion_14::ENTRY.load(None).unwrap();
        let dataset = ENTRY.load(None).unwrap();
        assert_eq!(dataset.train().labels(), garments.train().labels());
        let mut distinct = HashSet::new();
        for (images, first) in [(dataset.validation(), garments.validation()), (dataset.test(), garments.test())] {
            assert_eq!(&images.labels()[..first.len()], first.labels());
            assert!(images.labels().chunks(10).all(|ten| ten.iter().collect::<HashSet<_>>().len() == 10));
            distinct.extend(first.all_pixels().chunks(GARMENT * GARMENT).map(<[u8]>::to_vec));
        }
        for file in [VALIDATION, TEST] {
            distinct.extend(unpack(file).unwrap().all_pixels().chunks(GARMENT * GARMENT).map(<[u8]>::to_vec));
        }
        distinct.extend(garments.train().all_pixels().chunks(GARMENT * GARMENT).map(<[u8]>::to_vec));
        // Fashion-MNIST itself has a few garments twice.
        assert!(distinct.len() >= 25_990, "{}", distinct.len());
    }

    #[test]
    fn a_garment_hides_the_ground() {
        let mut canvas = Canvas([[50; SIDE]; SIDE]);
        canvas.lay([1, 2], GARMENT, |_, _| 255);
        assert_eq!((canvas.0[0][2], canvas.0[1][1], canvas.0[1][2], canvas.0[14][15]), (50, 50, 255, 255));
        canvas.lay([0, 0], PIECE, |_, _| 0);
        assert_eq!(canvas.0[1][2], 255, "what is black hides nothing");
        // Half as bright as is opaque: half of what is behind it.
        canvas.lay([0, 0], PIECE, |_, _| 20);
        assert_eq!((canvas.0[0][0], canvas.0[1][2]), (35, 137));
    }

    #[test]
    fn the_ground_is_a_texture_within_its_bounds() {
        let mut rng = Seed(5).rng();
        for _ in 0..100 {
            let Canvas(rows) = Canvas::textured(&mut rng);
            let all = || rows.iter().flatten();
            assert!(all().all(|pixel| (-DEEPEST..=BRIGHTEST + DEEPEST).contains(pixel)));
            let steps = rows.iter().flat_map(|row| row.windows(2)).map(|pair| (pair[0] - pair[1]).abs());
            // Between two knots lie three pixels.
            assert!(steps.max().unwrap() <= 2 * DEEPEST * 5 / 15 + 2 && all().max() > all().min());
        }
    }
}
