//! CIFAR-10: photographs, 32 × 32, in colour; what NAS-Bench-101 was made on.

use std::path::{Path, PathBuf};

use super::{Contents, Dataset, Entry, Error, Place, Sizes, cifar};

pub(super) const ENTRY: Entry = Entry {
    name: "cifar-10",
    about: "photographs, 32 × 32, in colour; batches 1 to 4 are trained on, batch 5 is validation, as in NAS-Bench-101",
    source: "Krizhevsky, Learning multiple layers of features from tiny images, 2009, \
             https://www.cs.toronto.edu/~kriz/cifar.html",
    place: Place::Folder {
        contents: CONTENTS,
        files: FILES,
        origin: "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz, unpacked",
        load,
    },
};

const CONTENTS: Contents = Contents {
    shape: cifar::SHAPE,
    classes: &["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"],
    sizes: Sizes { train: 40_000, validation: 10_000, test: 10_000 },
};

const FILES: &[&str] =
    &["data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin", "test_batch.bin"];

/// The folder that the published archive unpacks to.
const ARCHIVE_FOLDER: &str = "cifar-10-batches-bin";

/// Loads the batches from the folder, or from the archive's folder in it.
fn load(entry: &Entry, contents: &Contents, folder: &Path) -> Result<Dataset, Error> {
    let inner = folder.join(ARCHIVE_FOLDER);
    let folder = if inner.is_dir() { &inner } else { folder };
    let paths = FILES.iter().map(|file| entry.locate(folder, file)).collect::<Result<Vec<_>, _>>()?;
    let read = |paths: &[PathBuf], images: usize| cifar::read(paths, images / paths.len(), contents.classes.len());
    let sizes = contents.sizes;
    contents.dataset(
        entry.name,
        read(&paths[..4], sizes.train)?,
        read(&paths[4..5], sizes.validation)?,
        read(&paths[5..], sizes.test)?,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One image in each batch.
    const SMALL: Contents = Contents { sizes: Sizes { train: 4, validation: 1, test: 1 }, ..CONTENTS };

    fn write(folder: &Path) {
        for (label, file) in (0..).zip(FILES) {
            let record: Vec<u8> = [label].into_iter().chain([100 + label; 3_072]).collect();
            fs_err::write(folder.join(file), record).unwrap();
        }
    }

    #[test]
    fn batches_one_to_four_are_trained_on_and_the_fifth_is_validation() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path());
        let dataset = load(&ENTRY, &SMALL, folder.path()).unwrap();
        assert_eq!(dataset.train().labels(), [0, 1, 2, 3]);
        assert_eq!((dataset.validation().labels(), dataset.test().labels()), (&[4][..], &[5][..]));
        assert_eq!((dataset.test().pixels(0)[3_071], dataset.shape().channels), (105, 3));
    }

    #[test]
    fn the_folder_that_holds_the_archives_folder_will_do() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join(ARCHIVE_FOLDER);
        fs_err::create_dir(&inner).unwrap();
        write(&inner);
        assert_eq!(load(&ENTRY, &SMALL, folder.path()).unwrap(), load(&ENTRY, &SMALL, &inner).unwrap());
    }

    #[test]
    fn a_folder_that_lacks_a_batch_says_which_one_and_where_it_is_had() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path());
        fs_err::remove_file(folder.path().join("data_batch_5.bin")).unwrap();
        assert_eq!(
            load(&ENTRY, &SMALL, folder.path()).unwrap_err().to_string(),
            format!(
                "`{}` holds no `data_batch_5.bin`\n\
                 hint: https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz, unpacked",
                folder.path().display()
            )
        );
    }

    #[test]
    fn a_batch_of_another_length_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path());
        let path = folder.path().join("data_batch_1.bin");
        assert_eq!(
            ENTRY.load(Some(folder.path())).unwrap_err().to_string(),
            format!("`{}` ends after 3073 bytes (unpacked), expected 30730000", path.display())
        );
    }
}
