//! Makes `data/fashion-14` and `data/fashion-clutter` of Fashion-MNIST, the same values each time; `--check` compares instead of
//! writing.
//!
//! ```text
//! cargo run --release --example make_fashion14 -- [--check] /usr/share/datasets/fashion-mnist data
//! ```
//!
//! The `README.md` of each says what is made. The library embeds the files, so they must be there, if only empty,
//! before this program can be built.

use std::io::{Read as _, Write as _};
use std::path::Path;

use anyhow::{Context as _, bail, ensure};
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use nasbench::dataset::{ImageShape, Images, idx};
use nasbench::unit::Seed;
use rand::seq::SliceRandom as _;
use rand_chacha::ChaCha8Rng;

const SEED: Seed = Seed(14);
const CLASSES: usize = 10;
const SIDE: usize = 28;
const HALF: usize = SIDE / 2;

/// How many images of each class a split of `fashion-14` has, and how many more one of `fashion-clutter`.
const TRAIN: usize = 600;
const VALIDATION: usize = 400;
const TEST: usize = 400;
const MORE: usize = 600;

/// The folder of a split, its name, and its images of each class.
type Split = (&'static str, &'static str, usize);

/// The splits that are drawn from each file of the source, in this order.
const SPLITS: [(&str, &[Split]); 2] = [
    (
        "train",
        &[("fashion-14", "train", TRAIN), ("fashion-14", "validation", VALIDATION), ("fashion-clutter", "validation", MORE)],
    ),
    ("t10k", &[("fashion-14", "test", TEST), ("fashion-clutter", "test", MORE)]),
];

fn main() -> anyhow::Result<()> {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let check = arguments.first().is_some_and(|argument| argument == "--check");
    if check {
        arguments.remove(0);
    }
    let [from, to] = &arguments[..] else { bail!("usage: make_fashion14 [--check] FASHION_MNIST_FOLDER DATA_FOLDER") };
    for (name, bytes) in make(Path::new(from))? {
        let path = Path::new(to).join(name);
        if check {
            // Another version of the packer packs the same values into other bytes.
            let is_same = unpack(&fs_err::read(&path)?)? == unpack(&bytes)?;
            ensure!(is_same, "`{}` is not what this program makes", path.display());
        } else {
            fs_err::write(path, bytes)?;
        }
    }
    Ok(())
}

/// The names and the bytes of all files.
fn make(folder: &Path) -> anyhow::Result<Vec<(String, Vec<u8>)>> {
    let read = |name: &str| {
        let path = |kind: &str| folder.join(format!("{name}-{kind}-ubyte.gz"));
        idx::read(&path("images-idx3"), &path("labels-idx1"), CLASSES).context("could not read Fashion-MNIST")
    };
    let mut files = Vec::new();
    for (source, splits) in SPLITS {
        let images = read(source)?;
        ensure!(images.shape() == ImageShape { channels: 1, height: SIDE, width: SIDE }, "images of {}", images.shape());
        let mut rng = SEED.derive(source).rng();
        let mut classes = shuffled_classes(&images, &mut rng);
        for &(folder, split, per_class) in splits {
            let order = draw(&mut classes, per_class, &mut rng).with_context(|| format!("too few images for {split}"))?;
            files.push((format!("{folder}/{split}-images-idx3-ubyte.gz"), image_file(&images, &order)?));
            files.push((format!("{folder}/{split}-labels-idx1-ubyte.gz"), label_file(&images, &order)?));
        }
    }
    Ok(files)
}

/// The images of each class, shuffled.
fn shuffled_classes(images: &Images, rng: &mut ChaCha8Rng) -> Vec<Vec<usize>> {
    let mut classes = vec![Vec::new(); CLASSES];
    for i in 0..images.len() {
        classes[usize::from(images.label(i))].push(i);
    }
    for class in &mut classes {
        class.shuffle(rng);
    }
    classes
}

/// Takes images away from the classes, ten after ten with one of each class, shuffled among themselves; `None` if a class
/// runs out.
fn draw(classes: &mut [Vec<usize>], per_class: usize, rng: &mut ChaCha8Rng) -> Option<Vec<usize>> {
    let mut order = Vec::with_capacity(per_class * classes.len());
    for _ in 0..per_class {
        let mut ten = classes.iter_mut().map(Vec::pop).collect::<Option<Vec<_>>>()?;
        ten.shuffle(rng);
        order.extend(ten);
    }
    Some(order)
}

fn image_file(images: &Images, order: &[usize]) -> anyhow::Result<Vec<u8>> {
    let pixels: Vec<u8> = order.iter().flat_map(|&i| halved(images.pixels(i))).collect();
    pack(&[0x0803, order.len(), HALF, HALF], &pixels)
}

fn label_file(images: &Images, order: &[usize]) -> anyhow::Result<Vec<u8>> {
    let labels: Vec<u8> = order.iter().map(|&i| images.label(i)).collect();
    pack(&[0x0801, order.len()], &labels)
}

/// The mean of each two by two pixels, rounded to the nearest byte, halves up.
fn halved(pixels: &[u8]) -> [u8; HALF * HALF] {
    std::array::from_fn(|i| {
        let corner = i / HALF * 2 * SIDE + i % HALF * 2;
        let sum: u16 = [corner, corner + 1, corner + SIDE, corner + SIDE + 1].map(|at| u16::from(pixels[at])).iter().sum();
        u8::try_from((sum + 2) / 4).expect("a mean of bytes is a byte")
    })
}

fn unpack(bytes: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut values = Vec::new();
    GzDecoder::new(bytes).read_to_end(&mut values)?;
    Ok(values)
}

/// An IDX file, packed without name and time.
fn pack(header: &[usize], values: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    for &number in header {
        encoder.write_all(&u32::try_from(number)?.to_be_bytes())?;
    }
    encoder.write_all(values)?;
    Ok(encoder.finish()?)
}
