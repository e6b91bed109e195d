//! CIFAR-10: photographs, 32 × 32, in colour; what NAS-Bench-101 was made on.

use std::path::{Path, PathBuf};

use super::{Contents, Dataset, Entry, Error, ImageSource, Sizes, cifar};

pub(super) const ENTRY: Entry = Entry {
    name: "cifar-10",
    about: "photographs, 32 × 32, in colour; batches 1 to 4 are trained on, batch 5 is validation, as in NAS-Bench-101",
    source: "Krizhevsky, Learning multiple layers of features from tiny images, 2009, \
             https://www.cs.toronto.edu/~kriz/cifar.html",
    place: ImageSource::Folder {
        contents: CONTENTS,
        files: FILES,
        inside: &[ARCHIVE_FOLDER],
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

/// The folder that the archive for Python unpacks to, and a file of it.
const PYTHON_FOLDER: &str = "cifar-10-batches-py";
const PYTHON_FILE: &str = "data_batch_1";

/// The archives as they are published.
const ARCHIVES: &[&str] = &["cifar-10-binary.tar.gz", "cifar-10-python.tar.gz"];

/// Loads the batches from the folder, or from the archive's folder in it.
fn load(entry: &Entry, contents: &Contents, folder: &Path) -> Result<Dataset, Error> {
    let found = FILES.iter().map(|file| entry.locate(folder, file)).collect::<Result<Vec<_>, _>>();
    let paths = found.map_err(|missing| other_version(folder).unwrap_or(missing))?;
    let read = |paths: &[PathBuf], images: usize| cifar::read(paths, images / paths.len(), contents.classes.len());
    let sizes = contents.sizes;
    contents.dataset(
        entry.name,
        read(&paths[..4], sizes.train)?,
        read(&paths[4..5], sizes.validation)?,
        read(&paths[5..], sizes.test)?,
    )
}

/// Returns an error if a folder holds the data set in another form.
fn other_version(folder: &Path) -> Option<Error> {
    let python = [folder.to_owned(), folder.join(PYTHON_FOLDER)].into_iter().find(|inner| inner.join(PYTHON_FILE).is_file());
    let packed = || ARCHIVES.iter().map(|name| folder.join(name)).find(|path| path.is_file());
    let version = |path: PathBuf, found: &str| {
        let hint = "`tar -xzf` unpacks the binary version, https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz";
        Error::file(path, format!("is {found}: expected the binary version\nhint: {hint}"))
    };
    python.map(|path| version(path, "the version for Python, which is read by running code")).or_else(|| {
        let path = packed()?;
        let found = if path.ends_with(ARCHIVES[0]) { "still packed" } else { "the version for Python, still packed" };
        Some(version(path, found))
    })
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
    fn another_version_is_named_with_the_one_that_is_read() {
        let hint = "hint: `tar -xzf` unpacks the binary version, https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz";
        let message = |file: &str| {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join(file);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, b"\x80\x02}").unwrap();
            ENTRY.load(Some(folder.path())).unwrap_err().to_string().replace(&format!("{}/", folder.path().display()), "")
        };
        let python = "is the version for Python, which is read by running code: expected the binary version";
        assert_eq!(message("cifar-10-batches-py/data_batch_1"), format!("`cifar-10-batches-py` {python}\n{hint}"));
        assert!(message("data_batch_1").ends_with(&format!("{python}\n{hint}")));
        let packed = "`cifar-10-binary.tar.gz` is still packed: expected the binary version";
        assert_eq!(message("cifar-10-binary.tar.gz"), format!("{packed}\n{hint}"));
        let both = "`cifar-10-python.tar.gz` is the version for Python, still packed: expected the binary version";
        assert_eq!(message("cifar-10-python.tar.gz"), format!("{both}\n{hint}"));
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
