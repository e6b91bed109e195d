//! The folder of a benchmark: `benchmark.toml` and Parquet files.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use fs_err as fs;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use toml::value::Datetime;

use super::manifest::{FORMAT_VERSION, Imported};
use super::{DEFAULT_CLASSES, Dataset, Error, Identity, Manifest, Record, Timestamp, numerics, read};
use crate::engine::NUMERICS;
use crate::file::{self, sync_folder};
use crate::network::Skeleton;
use crate::space::ModuleHash;
use crate::train::Network;
use crate::unit::{Epochs, Seed};

/// The repeat with which rows of verification start, so that no key stands in both parts.
pub const FIRST_VERIFIED_REPEAT: u16 = 100;

pub(super) const MANIFEST_FILE: &str = "benchmark.toml";
pub(super) const COMPACTED_FILE: &str = "records.parquet";
const SHARDS_FOLDER: &str = "shards";
const VERIFIED_FOLDER: &str = "verified";
const PARQUET: &str = "parquet";

const HEADING: &str = "# What this benchmark is a benchmark of. Written by nasbench; a changed file is refused.\n\n";

/// The two kinds of rows that a benchmark keeps apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// The rows that searches and surrogates see.
    Recorded,
    /// The rows that were trained again to verify what a search found.
    Verified,
}

/// A benchmark on disk.
///
/// Its parts are laid out alike: `shards/*.parquet`, written while recording, and `records.parquet` once compacted. The
/// recorded part lies in the folder itself, the verified one in `verified/`.
#[derive(Clone, Debug)]
pub struct Benchmark {
    folder: PathBuf,
    identity: Identity,
    manifest: Manifest,
    numerics: Option<u16>,
    imported: Vec<Imported>,
}

/// What `benchmark.toml` holds.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    format_version: u32,
    identity: Identity,
    tool_version: String,
    /// The revision of the numerics with which its first row was to be trained; not part of the identity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    numerics: Option<u16>,
    created_at: Datetime,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    seed: Option<Seed>,
    dataset: Dataset,
    operations: BTreeMap<String, u8>,
    protocol: serde_json::Value,
    /// The files that the records come from; not part of the identity.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    imported: Vec<Imported>,
}

/// What `benchmark.toml` holds in every version. A table of any values would refuse seeds beyond 63 bits.
#[derive(Deserialize)]
struct Version {
    format_version: Option<toml::Value>,
}

impl Benchmark {
    /// Opens the benchmark of a folder, or creates it if the folder is empty or not there.
    ///
    /// Nothing that lies in the folder is overwritten.
    ///
    /// # Errors
    ///
    /// [`Error::AnotherBenchmark`] if it holds a benchmark of something else, [`Error::Occupied`] or [`Error::NotAFolder`]
    /// if it holds no benchmark but something, [`Error::File`] if it cannot be written, and as [`open`](Self::open).
    pub fn create_or_open(folder: impl Into<PathBuf>, manifest: &Manifest) -> Result<Self, Error> {
        let folder = folder.into();
        if is_vacant(&folder)? {
            create(&folder, manifest.canonical(), Some(NUMERICS), Vec::new())?;
        }
        let benchmark = Self::open(folder)?;
        if benchmark.identity == manifest.identity(FORMAT_VERSION) {
            return Ok(benchmark);
        }
        let differences = manifest.differences(&benchmark.manifest);
        Err(Error::AnotherBenchmark { folder: benchmark.folder, differences })
    }

    /// Opens a benchmark.
    ///
    /// # Errors
    ///
    /// [`Error::NoBenchmark`] if the folder holds none, [`Error::FormatVersion`], [`Error::Manifest`] or
    /// [`Error::Altered`] if its `benchmark.toml` is of another version, unreadable or changed.
    pub fn open(folder: impl Into<PathBuf>) -> Result<Self, Error> {
        let folder = folder.into();
        let file = folder.join(MANIFEST_FILE);
        let text = match fs::read_to_string(&file) {
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                return Err(Error::NoBenchmark { folder });
            }
            text => text?,
        };
        let stored = Stored::from_toml(&text, &file)?;
        let (identity, manifest) = (stored.identity, stored.manifest());
        Ok(Self { folder, identity, manifest, numerics: stored.numerics, imported: stored.imported })
    }

    /// Creates the benchmark of imported files in an empty or a new folder. `write_records` makes `records.parquet` under
    /// the path that it is given; the benchmark is there only when that is done.
    ///
    /// # Errors
    ///
    /// [`Error::NotEmpty`] or [`Error::NotAFolder`] if anything lies there, [`Error::File`] if it cannot be written, and what
    /// `write_records` says.
    pub(crate) fn import(
        folder: &Path,
        manifest: &Manifest,
        imported: Vec<Imported>,
        write_records: impl FnOnce(&Path, Identity) -> Result<(), Error>,
    ) -> Result<Self, Error> {
        Self::check_vacant(folder)?;
        fs::create_dir_all(folder)?;
        write_records(&folder.join(COMPACTED_FILE), manifest.identity(FORMAT_VERSION))?;
        // Another program trained what is imported.
        create(folder, manifest.canonical(), None, imported)?;
        Self::open(folder)
    }

    /// Writes the `benchmark.toml` of a benchmark like this one into another folder.
    ///
    /// # Errors
    ///
    /// [`Error::File`] if it cannot be written.
    pub(super) fn write_description(&self, folder: &Path, imported: Vec<Imported>) -> Result<Self, Error> {
        create(folder, self.manifest.clone(), self.numerics, imported)?;
        Self::open(folder)
    }

    /// Returns an error unless a folder is empty or does not exist.
    pub(crate) fn check_vacant(folder: &Path) -> Result<(), Error> {
        if is_vacant(folder).or_else(|error| if matches!(error, Error::Occupied { .. }) { Ok(false) } else { Err(error) })? {
            return Ok(());
        }
        Err(Error::NotEmpty { folder: folder.to_owned() })
    }

    /// Returns the folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Returns the name of the folder.
    #[must_use]
    pub fn name(&self) -> String {
        let folder = fs::canonicalize(&self.folder).unwrap_or_else(|_| self.folder.clone());
        folder.file_name().map_or_else(|| "benchmark".to_owned(), |name| name.to_string_lossy().into_owned())
    }

    /// Returns the folder of a part. That of the verified one may not be there yet.
    #[must_use]
    pub fn part(&self, part: Part) -> PathBuf {
        match part {
            Part::Recorded => self.folder.clone(),
            Part::Verified => self.folder.join(VERIFIED_FOLDER),
        }
    }

    /// Returns the folder of a part's shards. It may not be there yet.
    #[must_use]
    pub fn shards(&self, part: Part) -> PathBuf {
        self.part(part).join(SHARDS_FOLDER)
    }

    /// Returns the compacted file of a part. It may not be there yet.
    pub(super) fn compacted(&self, part: Part) -> PathBuf {
        self.part(part).join(COMPACTED_FILE)
    }

    /// Returns the hash of what makes the records comparable with those of another benchmark.
    #[must_use]
    pub const fn identity(&self) -> Identity {
        self.identity
    }

    /// Returns the definition of the benchmark.
    #[must_use]
    pub const fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Returns the revision of the numerics with which it was begun; see [`NUMERICS`]. An older version, which wrote none, had the first.
    /// `None` if it was imported.
    #[must_use]
    pub fn numerics(&self) -> Option<u16> {
        self.numerics.or(self.manifest.seed.map(|_| numerics::FIRST))
    }

    /// Returns the network around the cells that were trained.
    ///
    /// # Errors
    ///
    /// [`Error::NoNetwork`] if its protocol does not say that.
    pub fn skeleton(&self) -> Result<Skeleton, Error> {
        let network = self.manifest.protocol.get("network").cloned().unwrap_or_default();
        let skeleton = serde_json::from_value::<Network>(network).ok().and_then(Network::skeleton);
        skeleton.ok_or_else(|| Error::NoNetwork { what: format!("`{}`", self.folder.join(MANIFEST_FILE).display()) })
    }

    /// Returns the number of classes of the data set: [`DEFAULT_CLASSES`] where the protocol does not say it.
    #[must_use]
    pub fn classes(&self) -> usize {
        self.skeleton().map_or(DEFAULT_CLASSES, |skeleton| skeleton.classes)
    }

    /// Returns the files that the records were imported from; none if they were recorded.
    #[must_use]
    pub fn imported(&self) -> &[Imported] {
        &self.imported
    }

    /// Returns the seed of one training: the first 8 bytes, little-endian, of the sha256 of the identity (32 bytes), the module
    /// hash (16), epochs and repeat (2 each, little-endian).
    #[must_use]
    pub fn training_seed(&self, hash: ModuleHash, epochs: Epochs, repeat: u16) -> Seed {
        let digest = Sha256::new()
            .chain_update(self.identity.to_bytes())
            .chain_update(hash.to_bytes())
            .chain_update(epochs.0.to_le_bytes())
            .chain_update(repeat.to_le_bytes())
            .finalize();
        Seed::from_digest(&digest)
    }

    /// Reads the rows that searches and surrogates may see, sorted by key, each key once.
    ///
    /// # Errors
    ///
    /// As [`read`](super::read) for the first damaged file.
    pub fn records(&self) -> Result<Vec<Record>, Error> {
        self.read(Part::Recorded)
    }

    /// Reads the rows of verification, sorted by key, each key once.
    ///
    /// # Errors
    ///
    /// As [`read`](super::read) for the first damaged file.
    pub fn verified(&self) -> Result<Vec<Record>, Error> {
        self.read(Part::Verified)
    }

    /// Reads the rows of a part, sorted by key. Of rows with one key the newest is kept whose training did not fail.
    ///
    /// # Errors
    ///
    /// As [`read`](super::read) for the first damaged file.
    pub fn read(&self, part: Part) -> Result<Vec<Record>, Error> {
        let mut records = Vec::new();
        for file in self.files(part)? {
            records.append(&mut read(&file, self.identity)?);
        }
        Record::keep_one_of_each_key(&mut records);
        Ok(records)
    }

    /// Lists the Parquet files of a part, the newest rows first: the shards by name, backwards, then the compacted file.
    ///
    /// Of rows with one key the first counts whose training did not fail; if all failed, the first.
    ///
    /// # Errors
    ///
    /// [`Error::File`] if a folder cannot be read.
    pub fn files(&self, part: Part) -> Result<Vec<PathBuf>, Error> {
        let compacted = self.compacted(part);
        let mut files: Vec<_> = file::list(&self.shards(part))?.into_iter().rev().filter(|file| is_shard(file)).collect();
        if fs::exists(&compacted)? {
            files.push(compacted);
        }
        Ok(files)
    }
}

impl Stored {
    fn from_toml(text: &str, file: &Path) -> Result<Self, Error> {
        let broken = |source| Error::Manifest { file: file.to_owned(), source: Box::new(source) };
        let Version { format_version: version } = toml::from_str(text).map_err(broken)?;
        if version.as_ref().and_then(toml::Value::as_integer) != Some(i64::from(FORMAT_VERSION)) {
            let found = version.map_or_else(|| "none".to_owned(), |version| version.to_string());
            return Err(Error::FormatVersion { file: file.to_owned(), found });
        }
        let stored: Self = toml::from_str(text).map_err(broken)?;
        let found = stored.manifest().identity(stored.format_version);
        if found != stored.identity {
            return Err(Error::Altered { file: file.to_owned(), stated: stored.identity, found });
        }
        Ok(stored)
    }

    fn manifest(&self) -> Manifest {
        Manifest {
            seed: self.seed,
            dataset: self.dataset.clone(),
            operations: self.operations.clone(),
            protocol: self.protocol.clone(),
        }
    }
}

/// Returns whether a benchmark can be created in a folder: it is not there, or empty but for what a killed creation left.
fn is_vacant(folder: &Path) -> Result<bool, Error> {
    match fs::metadata(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(true),
        Err(error) => return Err(error.into()),
        Ok(metadata) if !metadata.is_dir() => return Err(Error::NotAFolder { path: folder.to_owned() }),
        Ok(_) => {}
    }
    let names = fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
    let names: Vec<_> = names.collect::<Result<_, Error>>()?;
    // Asked after the names were listed: another process may be creating it, and what else it makes comes later.
    if fs::exists(folder.join(MANIFEST_FILE))? {
        return Ok(false);
    }
    let left_over = |name: &str| {
        let of = |file: &str| name.strip_prefix(&format!(".{file}.")).is_some_and(|rest| rest.ends_with("tmp"));
        of(MANIFEST_FILE) || of(COMPACTED_FILE)
    };
    match names.into_iter().filter(|name| !left_over(name)).min() {
        None => Ok(true),
        Some(found) => Err(Error::Occupied { folder: folder.to_owned(), found }),
    }
}

fn create(folder: &Path, manifest: Manifest, numerics: Option<u16>, imported: Vec<Imported>) -> Result<(), Error> {
    let stored = Stored {
        format_version: FORMAT_VERSION,
        identity: manifest.identity(FORMAT_VERSION),
        tool_version: env!("CARGO_PKG_VERSION").to_owned(),
        numerics,
        created_at: Timestamp::now().to_string().parse().expect("a moment prints as in RFC 3339, which TOML reads"),
        seed: manifest.seed,
        dataset: manifest.dataset,
        operations: manifest.operations,
        protocol: manifest.protocol,
        imported,
    };
    let text = toml::to_string(&stored).map_err(|source| Error::Protocol { source })?;
    fs::create_dir_all(folder)?;
    if let Some(parent) = folder.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        sync_folder(parent)?;
    }
    Ok(file::create(&folder.join(MANIFEST_FILE), (HEADING.to_owned() + &text).as_bytes())?)
}

/// Returns whether a path is that of a whole shard.
fn is_shard(path: &Path) -> bool {
    let is_hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
    path.extension() == Some(OsStr::new(PARQUET)) && !is_hidden
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::space::{Cell, Space};
    use crate::table::{operations, write};

    fn manifest() -> Manifest {
        let protocol = json!({
            "rate": 0.1, "batch": 32, "momentum": f64::from(0.9_f32), "decay": null, "schedule": { "kind": "cosine", "steps": [1, 2.5] }
        });
        let dataset = Dataset { name: "tiny".to_owned(), sha256: Some("ab".repeat(32)) };
        Manifest { seed: Some(Seed(u64::MAX)), dataset, operations: operations(&Space::nas_bench_101()), protocol }
    }

    fn record(epochs: u16, repeat: u16) -> Record {
        Record::blank(Cell::from_texts("0100", "input,output").unwrap(), Epochs(epochs), repeat)
    }

    fn message<T>(result: Result<T, Error>) -> String {
        let Err(error) = result else { panic!("expected an error") };
        error.to_string()
    }

    #[test]
    fn a_benchmark_opens_again_with_the_identity_it_was_created_with() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/benchmark");
        let created = Benchmark::create_or_open(&path, &manifest()).unwrap();
        let before = fs::read_to_string(path.join(MANIFEST_FILE)).unwrap();
        for opened in [Benchmark::open(&path).unwrap(), Benchmark::create_or_open(&path, &manifest()).unwrap()] {
            assert_eq!(opened.identity(), created.identity());
            assert_eq!(*opened.manifest(), manifest().canonical());
        }
        assert_eq!(fs::read_to_string(path.join(MANIFEST_FILE)).unwrap(), before);
        assert_eq!(created.records().unwrap(), []);
        assert_eq!(created.verified().unwrap(), []);
    }

    #[test]
    fn what_makes_the_identity_can_be_read_by_people() {
        let folder = tempfile::tempdir().unwrap();
        let benchmark = Benchmark::create_or_open(folder.path(), &manifest()).unwrap();
        let text = fs::read_to_string(folder.path().join(MANIFEST_FILE)).unwrap();
        let (head, rest) = text.split_once("created_at = ").unwrap();
        let (created_at, rest) = rest.split_once('\n').unwrap();
        assert!(created_at.starts_with("20") && created_at.ends_with('Z'), "{created_at}");
        assert_eq!(
            head,
            format!(
                "{HEADING}format_version = 1\nidentity = \"{}\"\ntool_version = \"0.1.0\"\nnumerics = {NUMERICS}\n",
                benchmark.identity()
            )
        );
        let sha256 = "ab".repeat(32);
        assert_eq!(
            rest,
            format!(
                "seed = 18446744073709551615\n\n[dataset]\nname = \"tiny\"\nsha256 = \"{sha256}\"\n\n[operations]\n\
                conv1x1-bn-relu = 1\nconv3x3-bn-relu = 0\nmaxpool3x3 = 2\n\n[protocol]\nbatch = 32\n\
                momentum = 0.8999999761581421\nrate = 0.1\n\n[protocol.schedule]\nkind = \"cosine\"\nsteps = [1, 2.5]\n"
            )
        );
    }

    #[test]
    fn another_benchmark_in_the_folder_is_refused_with_what_differs() {
        let folder = tempfile::tempdir().unwrap();
        Benchmark::create_or_open(folder.path(), &manifest()).unwrap();
        let before = fs::read(folder.path().join(MANIFEST_FILE)).unwrap();
        let mut other = Manifest { seed: Some(Seed(1)), ..manifest() };
        other.protocol["rate"] = json!(0.2);
        let dataset = Dataset { name: "small".to_owned(), sha256: Some("cd".repeat(32)) };
        assert_eq!(
            message(Benchmark::create_or_open(folder.path(), &other)),
            format!(
                "`{}` holds another benchmark: `protocol.rate` is 0.1, expected 0.2; `seed` is 18446744073709551615, expected 1",
                folder.path().display()
            )
        );
        let refused = message(Benchmark::create_or_open(folder.path(), &Manifest { dataset, ..manifest() }));
        assert!(refused.contains("`dataset` is \"tiny (sha256 abab"), "{refused}");
        assert_eq!(fs::read(folder.path().join(MANIFEST_FILE)).unwrap(), before);
    }

    #[test]
    fn a_folder_with_something_else_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("thesis.tex"), "precious").unwrap();
        let path = folder.path().display();
        assert_eq!(
            message(Benchmark::create_or_open(folder.path(), &manifest())),
            format!("`{path}` holds something else (`thesis.tex`) and no benchmark: expected an empty or a new folder")
        );
        assert_eq!(message(Benchmark::open(folder.path())), format!("`{path}` holds no benchmark: there is no `benchmark.toml`"));
        let file = folder.path().join("thesis.tex");
        assert_eq!(
            message(Benchmark::create_or_open(&file, &manifest())),
            format!("`{}` is a file: expected a folder", file.display())
        );
        assert!(message(Benchmark::open(&file)).contains("holds no benchmark"));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_named() {
        let refused = message(Benchmark::create_or_open("/dev/null/benchmark", &manifest()));
        assert!(refused.contains("/dev/null/benchmark"), "{refused}");
    }

    #[test]
    fn a_creation_that_was_killed_is_done_again() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(".benchmark.toml.77-12ab.tmp"), "format_ver").unwrap();
        fs::write(folder.path().join(".records.parquet.tmp"), "PAR1").unwrap();
        Benchmark::create_or_open(folder.path(), &manifest()).unwrap();
        assert_eq!(Benchmark::open(folder.path()).unwrap().manifest(), &manifest().canonical());
    }

    #[test]
    fn who_creates_one_at_once_gets_the_same_one_and_who_wants_another_is_refused() {
        let wanted = [Manifest { seed: Some(Seed(99)), ..manifest() }, manifest()];
        for _ in 0..20 {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("bench");
            let create = |place: usize| Benchmark::create_or_open(&path, &wanted[place % 2]).is_ok();
            let made: Vec<_> = std::thread::scope(|scope| {
                let threads: Vec<_> = (0..8).map(|place| scope.spawn(move || create(place))).collect();
                threads.into_iter().map(|thread| thread.join().unwrap()).collect()
            });
            let seed = Benchmark::open(&path).unwrap().manifest().seed;
            assert!(made.iter().enumerate().all(|(place, made)| *made == (wanted[place % 2].seed == seed)), "{made:?}");
            assert_eq!(fs::read_dir(&path).unwrap().count(), 1);
        }
    }

    #[test]
    fn a_changed_or_unknown_benchmark_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        Benchmark::create_or_open(folder.path(), &manifest()).unwrap();
        let file = folder.path().join(MANIFEST_FILE);
        let text = fs::read_to_string(&file).unwrap();
        for (from, to, part) in [
            ("rate = 0.1", "rate = 0.2", "was changed after it was written"),
            ("format_version = 1", "format_version = 2", "has format version 2: expected 1"),
            ("format_version = 1", "", "has format version none: expected 1"),
            ("batch = 32", "batch = ", "could not understand"),
            ("[dataset]", "[data]", "could not understand"),
        ] {
            fs::write(&file, text.replace(from, to)).unwrap();
            let refused = message(Benchmark::open(folder.path()));
            assert!(refused.contains(part) && refused.contains("benchmark.toml"), "{refused}");
        }
    }

    #[test]
    fn a_protocol_that_toml_cannot_hold_is_refused_before_anything_is_made() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("benchmark");
        let protocol = json!({ "steps": [1, null] });
        let refused = message(Benchmark::create_or_open(&path, &Manifest { protocol, ..manifest() }));
        assert_eq!(refused, "could not write the protocol as TOML");
        assert!(!path.exists());
    }

    #[test]
    fn rows_that_stand_twice_are_read_once_and_sorted() {
        let folder = tempfile::tempdir().unwrap();
        let benchmark = Benchmark::create_or_open(folder.path(), &manifest()).unwrap();
        fs::create_dir_all(benchmark.shards(Part::Recorded)).unwrap();
        fs::create_dir_all(benchmark.shards(Part::Verified)).unwrap();
        let shard = |part, name: &str| benchmark.shards(part).join(name);
        write(&shard(Part::Recorded, "2.parquet"), &[record(4, 1), record(2, 0)], benchmark.identity()).unwrap();
        write(&shard(Part::Recorded, "1.parquet"), &[record(4, 1), record(2, 1)], benchmark.identity()).unwrap();
        write(&folder.path().join(COMPACTED_FILE), &[record(4, 0), record(4, 1)], benchmark.identity()).unwrap();
        write(&shard(Part::Verified, "1.parquet"), &[record(4, 100)], benchmark.identity()).unwrap();
        fs::write(shard(Part::Recorded, ".3.parquet.tmp"), "half a sh").unwrap();
        fs::write(shard(Part::Recorded, ".3.parquet"), "hidden").unwrap();
        assert_eq!(benchmark.records().unwrap(), [record(2, 0), record(2, 1), record(4, 0), record(4, 1)]);
        assert_eq!(benchmark.verified().unwrap(), [record(4, 100)]);
    }

    #[test]
    fn every_training_has_a_seed_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let benchmark = Benchmark::create_or_open(folder.path(), &manifest()).unwrap();
        let hash = record(1, 0).hash;
        let mut bytes = benchmark.identity().to_bytes().to_vec();
        bytes.extend(hash.to_bytes());
        bytes.extend([4, 1, 2, 0]);
        assert_eq!(benchmark.training_seed(hash, Epochs(260), 2), Seed::from_digest(&Sha256::digest(&bytes)));
        let seeds = [(1, 0), (1, 1), (2, 0)].map(|(epochs, repeat)| benchmark.training_seed(hash, Epochs(epochs), repeat));
        assert!(seeds[0] != seeds[1] && seeds[0] != seeds[2] && seeds[1] != seeds[2]);
    }
}
