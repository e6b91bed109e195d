//! Makes `data/fashion-14` of Fashion-MNIST, the same bytes each time; `--check` compares instead of writing.
//!
//! ```text
//! cargo run --release --example make_fashion14 -- [--check] /usr/share/datasets/fashion-mnist data/fashion-14
//! ```
//!
//! `data/fashion-14/README.md` says what is made. The library embeds the files, so they must be there, if only empty,
//! before this program can be built.

use std::io::Write as _;
use std::path::Path;

use anyhow::{Context as _, bail, ensure};
use flate2::Compression;
use flate2::write::GzEncoder;
use nasbench::dataset::{ImageShape, Images, idx};
use nasbench::unit::Seed;
use rand::seq::SliceRandom as _;
use rand_chacha::ChaCha8Rng;

const SEED: Seed = Seed(14);
const CLASSES: usize = 10;
const SIDE: usize = 28;
const HALF: usize = SIDE / 2;

/// How many images of each class a split has.
const TRAIN: usize = 600;
const VALIDATION: usize = 400;
const TEST: usize = 400;

fn main() -> anyhow::Result<()> {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let check = arguments.first().is_some_and(|argument| argument == "--check");
    if check {
        arguments.remove(0);
    }
    let [from, to] = &arguments[..] else { bail!("usage: make_fashion14 [--check] FASHION_MNIST_FOLDER FOLDER") };
    for (name, bytes) in make(Path::new(from))? {
        let path = Path::new(to).join(name);
        if check {
            ensure!(fs_err::read(&path)? == bytes, "`{}` is not what this program makes", path.display());
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
    for (source, splits) in [("train", &[("train", TRAIN), ("validation", VALIDATION)][..]), ("t10k", &[("test", TEST)])] {
        let images = read(source)?;
        ensure!(images.shape() == ImageShape { channels: 1, height: SIDE, width: SIDE }, "images of {}", images.shape());
        let mut rng = SEED.derive(source).rng();
        let mut classes = shuffled_classes(&images, &mut rng);
        for &(split, per_class) in splits {
            let order = draw(&mut classes, per_class, &mut rng).with_context(|| format!("too few images for {split}"))?;
            files.push((format!("{split}-images-idx3-ubyte.gz"), image_file(&images, &order)?));
            files.push((format!("{split}-labels-idx1-ubyte.gz"), label_file(&images, &order)?));
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

/// An IDX file, packed without name and time.
fn pack(header: &[usize], values: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    for &number in header {
        encoder.write_all(&u32::try_from(number)?.to_be_bytes())?;
    }
    encoder.write_all(values)?;
    Ok(encoder.finish()?)
}
