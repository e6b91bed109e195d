//! Images of one's own as PNG and JPEG files: a folder for each class, named as the class is.
//!
//! The class folders lie in the folder that is named, or in `train` and, if they are there, `validation` (or `valid`, `val`, `dev`)
//! and `test` in it. All images are of one size and either grey or in colour. Labels follow the names of the classes, sorted.

use std::ffi::OsStr;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use fs_err::File;

use super::split::Parts;
use super::{Dataset, Entry, Error, ImageShape, ImageSource, Images, LIMIT, picture};

pub(super) const ENTRY: Entry = Entry {
    name: "folder",
    about: "your own: PNG and JPEG files of one size, a folder for each class; in `train`, `validation`, `test` or without",
    source: "yours; the formats: https://www.w3.org/TR/png-3/ and https://www.w3.org/Graphics/JPEG/itu-t81.pdf",
    place: ImageSource::Own { path: "DIR", load },
};

const TRAIN: &str = "train";
const VALIDATION: &[&str] = &["validation", "valid", "val", "dev"];
const TEST: &str = "test";

/// What the names of images end with.
const EXTENSIONS: [&str; 3] = ["png", "jpg", "jpeg"];

/// The most classes: labels are bytes.
const MOST_CLASSES: usize = 256;
/// The most bytes of one file.
const LONGEST_FILE: u64 = 1 << 26;

fn load(entry: &Entry, folder: &Path) -> Result<Dataset, Error> {
    let inside = folders(folder)?;
    let has = |name: &str| inside.iter().any(|inside| inside == name);
    let mut reader = Reader::default();
    if !has(TRAIN) {
        let classes = class_folders(folder)?;
        let parts = Parts { train: reader.images(folder, &classes, &classes)?, validation: None, test: None };
        return parts.dataset(entry.name, classes);
    }
    let mut validation = inside.iter().filter(|name| VALIDATION.contains(&name.as_str()));
    let (validation, second) = (validation.next(), validation.next());
    if let (Some(one), Some(other)) = (validation, second) {
        let other = folder.join(other);
        return Err(Error::file(folder.join(one), format!("and `{}` are one split, expected one of them", other.display())));
    }
    let known = [Some(TRAIN), validation.map(String::as_str), has(TEST).then_some(TEST)];
    if let Some(other) = inside.iter().find(|name| !known.contains(&Some(name.as_str()))) {
        let expected = "`train`, `validation` (or `valid`, `val`, `dev`) and `test`: without `train` beside it, it is a class";
        return Err(Error::file(folder.join(other), format!("is no split, expected {expected}")));
    }
    refuse_stray_files(folder)?;
    let classes = class_folders(&folder.join(TRAIN))?;
    let train = reader.images(&folder.join(TRAIN), &classes, &classes)?;
    let mut part = |name: Option<&str>| {
        let split = folder.join(name?);
        let present = refuse_stray_files(&split).and_then(|()| folders(&split));
        Some(present.and_then(|present| reader.images(&split, &classes, &present)))
    };
    let parts = Parts { train, validation: part(known[1]).transpose()?, test: part(known[2]).transpose()? };
    parts.dataset(entry.name, classes)
}

const EMPTY: &str = "holds no PNG or JPEG file";

/// What tables end with: of labels, for example.
const TABLES: &[&str] = &["csv", "tsv", "json", "jsonl", "parquet", "npz", "npy"];

/// Returns an error for images and tables beside the folders of the classes, where nobody would read them. Notes may lie there.
fn refuse_stray_files(folder: &Path) -> Result<(), Error> {
    let files: Vec<_> = entries(folder)?.into_iter().filter(|path| !path.is_dir()).collect();
    if let Some(path) = files.iter().find(|path| ends_with(path, &EXTENSIONS)) {
        return Err(Error::file(path, "lies in no folder of a class: expected a folder for each class"));
    }
    match files.into_iter().find(|path| ends_with(path, TABLES)) {
        Some(path) => Err(Error::file(path, "is not read: the folder of an image is its class")),
        None => Ok(()),
    }
}

/// Whether the name of a file has one of some extensions.
fn ends_with(path: &Path, extensions: &[&str]) -> bool {
    let extension = path.extension().and_then(OsStr::to_str).unwrap_or_default().to_ascii_lowercase();
    extensions.contains(&extension.as_str())
}

/// The names of the folders in a folder, sorted; hidden ones are left out.
fn folders(folder: &Path) -> Result<Vec<String>, Error> {
    let is_folder = |path: &PathBuf| path.is_dir();
    Ok(entries(folder)?.into_iter().filter(is_folder).map(|path| name(&path)).collect())
}

/// The names of the folders in a folder, if they can be classes.
fn class_folders(folder: &Path) -> Result<Vec<String>, Error> {
    refuse_stray_files(folder)?;
    let classes = folders(folder)?;
    if !(2..=MOST_CLASSES).contains(&classes.len()) {
        let found = classes.len();
        return Err(Error::file(folder, format!("holds {found} class folders, expected 2 to {MOST_CLASSES}")));
    }
    Ok(classes)
}

/// What is in a folder, sorted by name; hidden files are left out.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let entries = fs_err::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path()));
    let mut paths = entries.collect::<Result<Vec<_>, _>>()?;
    paths.retain(|path| !name(path).starts_with('.'));
    paths.sort_unstable();
    Ok(paths)
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Reads images, of which each has the size of the first.
#[derive(Debug, Default)]
struct Reader {
    first: Option<(ImageShape, PathBuf)>,
    /// The pixel values read so far.
    values: u64,
}

impl Reader {
    /// Reads the class folders of a split. `present` says which of the classes are there.
    fn images(&mut self, split: &Path, classes: &[String], present: &[String]) -> Result<Images, Error> {
        let (mut pixels, mut labels) = (Vec::new(), Vec::new());
        for class in present {
            let folder = split.join(class);
            let label = classes.iter().position(|known| known == class).and_then(|label| u8::try_from(label).ok());
            let Some(label) = label else {
                return Err(Error::file(folder, format!("is a class without training images: `train` holds no `{class}`")));
            };
            let before = labels.len();
            for path in entries(&folder)? {
                pixels.extend(self.image(path)?);
                labels.push(label);
            }
            if labels.len() == before {
                return Err(Error::file(folder, EMPTY));
            }
        }
        let Some((shape, _)) = &self.first else {
            return Err(Error::file(split, EMPTY));
        };
        Images::new(*shape, pixels, labels)
    }

    fn image(&mut self, path: PathBuf) -> Result<Vec<u8>, Error> {
        if !ends_with(&path, &EXTENSIONS) {
            return Err(Error::file(path, "is no image, expected a name that ends in `.png`, `.jpg` or `.jpeg`"));
        }
        let mut bytes = Vec::new();
        File::open(&path)?.take(LONGEST_FILE + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > LONGEST_FILE {
            return Err(Error::Decode { path, reason: format!("it is longer than {LONGEST_FILE} bytes") });
        }
        let (found, pixels) = picture::decode(&path, &bytes)?;
        self.values += pixels.len() as u64;
        if self.values > LIMIT {
            return Err(Error::TooManyPixels { path, limit: LIMIT, found: self.values });
        }
        let (expected, first) = self.first.get_or_insert_with(|| (found, path.clone()));
        if *expected != found {
            let expected = format!("{expected} as `{}`: channels × height × width", first.display());
            return Err(Error::file(path, format!("is {found}, expected {expected}")));
        }
        Ok(pixels)
    }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;
    use crate::dataset::Sizes;

    macro_rules! picture {
        ($name:literal) => {
            include_bytes!(concat!("../../tests/data/own/pictures/", $name)).as_slice()
        };
    }

    const GREY: &[u8] = picture!("grey.png");
    const PLAIN: &[u8] = picture!("grey.jpg");

    /// A folder with these files.
    fn folder(files: &[(&str, &[u8])]) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes) in files {
            let path = folder.path().join(name);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, bytes).unwrap();
        }
        folder
    }

    fn load(folder: &TempDir) -> Result<Dataset, Error> {
        ENTRY.load(Some(folder.path()))
    }

    #[track_caller]
    fn assert_message(files: &[(&str, &[u8])], message: &str) {
        let folder = folder(files);
        let name = format!("{}/", folder.path().display());
        assert_eq!(load(&folder).unwrap_err().to_string().replace(&name, ""), message);
    }

    #[test]
    fn a_folder_of_classes_is_read_and_split() {
        let names: Vec<_> = (0..9).flat_map(|i| [format!("ants/{i}.png"), format!("bees/{i}.JPG")]).collect();
        let files: Vec<_> = names.iter().map(|name| (name.as_str(), if name.starts_with('a') { GREY } else { PLAIN })).collect();
        let folder = folder(&[&files[..], &[("bees/.hidden", b""), ("README.md", b"mine")]].concat());
        let dataset = load(&folder).unwrap();
        assert_eq!((dataset.name(), dataset.classes()), ("folder", &["ants".to_owned(), "bees".to_owned()][..]));
        assert_eq!(dataset.sizes(), Sizes { train: 12, validation: 3, test: 3 });
        assert_eq!(dataset.shape(), ImageShape { channels: 1, height: 4, width: 5 });
        for images in [dataset.train(), dataset.validation(), dataset.test()] {
            assert!((0..images.len()).all(|i| images.pixels(i)[0] == 77 * images.label(i)));
            assert!(images.labels().contains(&0) && images.labels().contains(&1));
        }
        assert_eq!(dataset, load(&folder).unwrap());
    }

    #[test]
    fn splits_that_are_given_are_kept() {
        let dataset = load(&folder(&[
            ("train/ants/1.png", GREY),
            ("train/ants/2.png", GREY),
            ("train/bees/1.jpg", PLAIN),
            ("validation/bees/2.jpg", PLAIN),
            ("test/ants/3.png", GREY),
            ("test/bees/3.jpg", PLAIN),
        ]));
        let dataset = dataset.unwrap();
        assert_eq!(dataset.sizes(), Sizes { train: 3, validation: 1, test: 2 });
        assert_eq!((dataset.validation().labels(), dataset.validation().pixels(0)[0]), (&[1][..], 77));
    }

    #[test]
    fn images_of_two_sizes_or_colours_are_named() {
        assert_message(
            &[("ants/1.png", GREY), ("bees/1.png", picture!("colour.png"))],
            "`bees/1.png` is 3 × 4 × 5, expected 1 × 4 × 5 as `ants/1.png`: channels × height × width",
        );
        assert_message(
            &[("ants/1.png", GREY), ("bees/1.png", picture!("translucent.png"))],
            "`bees/1.png` has translucent pixels, expected grey or red, green and blue",
        );
    }

    #[test]
    fn what_is_no_image_is_named() {
        assert_message(
            &[("ants/1.gif", GREY), ("bees/1.png", GREY)],
            "`ants/1.gif` is no image, expected a name that ends in `.png`, `.jpg` or `.jpeg`",
        );
        assert_message(
            &[("ants/more/1.png", GREY), ("bees/1.png", GREY)],
            "`ants/more` is no image, expected a name that ends in `.png`, `.jpg` or `.jpeg`",
        );
        let files = folder(&[("ants/1.png", &GREY[..40]), ("bees/1.png", GREY)]);
        let message = load(&files).unwrap_err().to_string();
        assert!(message.contains("could not decode") && message.contains("ants/1.png"), "{message}");
    }

    #[test]
    fn a_folder_without_classes_is_refused() {
        let empty = tempfile::tempdir().unwrap();
        let expected = format!("`{}` holds 0 class folders, expected 2 to 256", empty.path().display());
        assert_eq!(load(&empty).unwrap_err().to_string(), expected);
        let names: Vec<_> = (0..257).map(|class| format!("train/{class}/1.png")).collect();
        let files: Vec<_> = names.iter().map(|name| (name.as_str(), GREY)).collect();
        assert_message(&files, "`train` holds 257 class folders, expected 2 to 256");
        let hidden = [("ants/.hidden", &b""[..]), ("bees/1.png", GREY)];
        assert_message(&hidden, "`ants` holds no PNG or JPEG file");
        assert!(matches!(ENTRY.load(Some(&empty.path().join("none"))), Err(Error::Read(_))));
    }

    #[test]
    fn more_images_than_memory_is_meant_for_are_refused() {
        let folder = folder(&[("ants/1.png", GREY)]);
        let path = folder.path().join("ants/1.png");
        let mut reader = Reader { values: LIMIT - 19, ..Reader::default() };
        assert_eq!(
            reader.image(path.clone()).unwrap_err().to_string(),
            format!("the images up to `{}` have 2147483649 pixel values, expected at most 2147483648", path.display())
        );
        let mut reader = Reader { values: LIMIT - 20, ..Reader::default() };
        assert!(reader.image(path).is_ok());
    }

    #[test]
    fn splits_and_classes_are_not_mixed() {
        let train = [("train/ants/1.png", GREY), ("train/bees/1.png", GREY)];
        assert_message(
            &[&train[..], &[("holdout/ants/1.png", GREY)]].concat(),
            "`holdout` is no split, expected `train`, `validation` (or `valid`, `val`, `dev`) and `test`: without `train` beside it, \
             it is a class",
        );
        assert_message(
            &[&train[..], &[("test/wasps/1.png", GREY)]].concat(),
            "`test/wasps` is a class without training images: `train` holds no `wasps`",
        );
    }

    #[test]
    fn the_validation_split_has_all_its_usual_names() {
        let of = |name: &str| {
            let name = format!("{name}/bees/2.png");
            let train = [("train/ants/1.png", GREY), ("train/bees/1.png", GREY), ("test/ants/1.png", GREY)];
            load(&folder(&[&train[..], &[(name.as_str(), GREY)]].concat())).unwrap()
        };
        let expected = of("validation");
        assert_eq!(expected.sizes(), Sizes { train: 2, validation: 1, test: 1 });
        assert!(["valid", "val", "dev"].into_iter().all(|name| of(name) == expected));
        let train = [("train/ants/1.png", GREY), ("train/bees/1.png", GREY)];
        let both = [("val/ants/1.png", GREY), ("validation/bees/1.png", GREY)];
        assert_message(&[&train[..], &both[..]].concat(), "`val` and `validation` are one split, expected one of them");
    }

    #[test]
    fn an_image_beside_the_classes_is_named() {
        let classes = |at: &str| [format!("{at}ants/1.png"), format!("{at}bees/1.png")];
        for (at, stray) in [("", "cat.PNG"), ("train/", "train/cat.jpg"), ("train/", "cat.jpeg"), ("train/", "test/cat.png")] {
            let names = classes(at);
            let files = [(names[0].as_str(), GREY), (names[1].as_str(), GREY), (stray, GREY)];
            assert_message(&files, &format!("`{stray}` lies in no folder of a class: expected a folder for each class"));
            let table = format!("{at}labels.csv");
            let files = [(names[0].as_str(), GREY), (names[1].as_str(), GREY), (table.as_str(), b"image,label\n")];
            assert_message(&files, &format!("`{table}` is not read: the folder of an image is its class"));
        }
    }

    #[test]
    fn too_few_images_to_split_are_refused() {
        assert_message(
            &[("ants/1.png", GREY), ("bees/1.png", GREY)],
            "2 images are too few to part 2 splits from, expected at least 5: 20 % for each split that is made",
        );
    }
}
