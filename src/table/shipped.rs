//! The bundled benchmark, which is part of the program and unpacked into the folder of caches.

use std::path::Path;

use fs_err as fs;

use super::benchmark::{COMPACTED_FILE, MANIFEST_FILE};
use super::{Benchmark, Error};
use crate::file::replace;

/// The name of the bundled benchmark: all cells of at most five vertices, trained on `fashion-clutter`.
pub const SHIPPED: &str = "nb101-5v-clutter";

/// What is unpacked. A folder is a benchmark when its `benchmark.toml` is there: so that comes last.
const FILES: [(&str, &[u8]); 2] = [
    (COMPACTED_FILE, include_bytes!("../../data/nb101-5v-clutter/records.parquet")),
    (MANIFEST_FILE, include_bytes!("../../data/nb101-5v-clutter/benchmark.toml")),
];

impl Benchmark {
    /// Opens the bundled benchmark, [`SHIPPED`].
    ///
    /// Its files are unpacked below the user's folder of caches, or, where nothing can be written there, below that of
    /// temporary files. Those that are there already are compared with what is inside the program: they can only be right.
    ///
    /// # Errors
    ///
    /// [`Error::File`] if neither folder can be written; else as [`open`](Self::open).
    ///
    /// # Example
    ///
    /// ```
    /// use nasbench::table::Benchmark;
    ///
    /// let table = Benchmark::shipped()?.table()?;
    /// assert_eq!(table.len(), 2_532);
    /// # Ok::<(), nasbench::table::Error>(())
    /// ```
    pub fn shipped() -> Result<Self, Error> {
        let temporary = std::env::temp_dir();
        match dirs::cache_dir() {
            Some(caches) => unpacked(&caches).or_else(|error| unpacked(&temporary).map_err(|_| error)),
            None => unpacked(&temporary),
        }
    }
}

/// Unpacks what is missing or different, and opens it.
fn unpacked(caches: &Path) -> Result<Benchmark, Error> {
    let folder = caches.join("nasbench").join(env!("CARGO_PKG_VERSION")).join(SHIPPED);
    fs::create_dir_all(&folder)?;
    for (name, content) in FILES {
        let file = folder.join(name);
        if fs::read(&file).is_ok_and(|found| found == content) {
            continue;
        }
        replace(&file, |open| Ok::<_, Error>(std::io::Write::write_all(open, content)?))?;
    }
    Benchmark::open(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_unpacked_is_a_benchmark_and_whoever_damages_it_gets_it_back() {
        let caches = tempfile::tempdir().unwrap();
        let benchmark = unpacked(caches.path()).unwrap();
        assert_eq!(benchmark.table().unwrap().len(), 2_532);
        fs::write(benchmark.folder().join(COMPACTED_FILE), "nothing").unwrap();
        fs::remove_file(benchmark.folder().join(MANIFEST_FILE)).unwrap();
        assert_eq!(unpacked(caches.path()).unwrap().table().unwrap().len(), 2_532);
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_named() {
        let message = unpacked(Path::new("/dev/null")).unwrap_err().to_string();
        assert!(message.contains(concat!("/dev/null/nasbench/", env!("CARGO_PKG_VERSION"), "/nb101-5v-clutter")), "{message}");
    }
}
