//! How all commands take cells: by hash, matrix, edges or JSON.

use std::cell::OnceCell;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use nasbench::file::read_text;
use nasbench::space::{Cell, Enumeration, HashPrefix, ModuleHash, RawGraph, Space};

use super::{Global, note};

/// Maximum size of JSON in bytes: larger input is a mistake.
const MOST_BYTES: u64 = 1 << 30;
/// Maximum vertices of small cells, which are listed in milliseconds.
const SMALL: usize = 5;
/// Maximum number of invalid cells in an error.
const MOST_NAMED: usize = 20;

/// The arguments that choose cells: flatten them into those of a command.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("cells").multiple(false))]
#[command(group = clap::ArgGroup::new("graph").multiple(false))]
#[group(skip)]
pub(super) struct Arguments {
    /// The cell with this official hash; repeatable, or a file of hashes as `@FILE`.
    ///
    /// The first 8 or more of its 32 hex digits are enough if no other cell's hash begins with them; upper and lower case are equal. A file
    /// has one hash per line; empty lines are ignored.
    #[arg(long, value_name = "H", value_parser = named_hash, group = "cells", help_heading = "Cells")]
    hash: Vec<NamedHash>,

    /// The cell with this matrix, such as `[[0,1],[0,0]]` or `0100`, and the operations of `--ops`.
    ///
    /// Output of Python and NumPy is read, too: `array([[0, 1], [0, 0]])`, `[[0. 1.] [0. 0.]]`.
    #[arg(long, value_name = "M", groups = ["cells", "graph"], requires = "ops", help_heading = "Cells")]
    matrix: Option<String>,

    /// The cell with these edges, such as `0-1,0-4,1-4`, and the operations of `--ops`.
    ///
    /// Vertex 0 is the input, the last is the output.
    #[arg(long, value_name = "E", groups = ["cells", "graph"], requires = "ops", help_heading = "Cells")]
    edges: Option<String>,

    /// The operations of `--matrix` or `--edges`, in the order of the vertices, separated by commas.
    ///
    /// `input` at the start and `output` at the end are optional: `input,conv3x3-bn-relu,output` is `conv3x3-bn-relu`, and `conv3x3` is
    /// short for it. A JSON or Python list is read, too, and so are the official labels: `[-1, 0, -2]`. See `nasbench list operations`. A
    /// cell without operations has `--ops ''`.
    #[arg(long, value_name = "O", requires = "graph", help_heading = "Cells")]
    ops: Option<String>,

    /// The cells of a JSON file, or of standard input for `-`.
    ///
    /// One object, a list of them, or JSON lines. An object has `matrix` (rows of 0 and 1) and `ops` (names), or `adjacency` and
    /// `operations` (the two texts of a record); the JSON that `nasbench query` prints is read, too. A `module_hash` must be the cell's
    /// hash; other keys are noted and ignored.
    #[arg(long, value_name = "FILE", group = "cells", help_heading = "Cells")]
    cell: Option<PathBuf>,
}

/// A hash as it is typed, or a file of hashes.
#[derive(Clone, Debug)]
enum NamedHash {
    Hash(HashPrefix),
    File(PathBuf),
}

fn named_hash(text: &str) -> Result<NamedHash, String> {
    match text.strip_prefix('@') {
        Some("") => Err("expected the name of a file behind the `@`".to_owned()),
        Some(file) => Ok(NamedHash::File(file.into())),
        None => text.parse().map(NamedHash::Hash).map_err(|error: nasbench::space::prefix::Error| error.to_string()),
    }
}

/// Reads a file of hashes, or the first digits of hashes: one per line; empty lines are ignored.
pub(super) fn hashes_of(file: &Path) -> anyhow::Result<Vec<HashPrefix>> {
    each_hash_of(file)?.into_iter().collect()
}

/// Reads a file of hashes as [`hashes_of`] does, but an invalid line does not stop the reading of the others.
fn each_hash_of(file: &Path) -> anyhow::Result<Vec<anyhow::Result<HashPrefix>>> {
    let could_not = || format!("could not read the hashes of `{}`", file.display());
    let text = text_of(file).with_context(could_not)?;
    let hash = |(place, line): (usize, &str)| {
        let hash = line.trim().parse::<HashPrefix>().with_context(|| format!("line {}", place + 1));
        hash.with_context(could_not)
    };
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let hashes: Vec<_> = lines.map(hash).collect();
    if hashes.is_empty() {
        bail!("`{}` holds no hash: expected one on each line", file.display());
    }
    Ok(hashes)
}

/// A cell as given.
#[derive(Clone, Debug)]
pub(super) enum Given {
    /// By its hash or its first digits: no graph is known.
    Hash(HashPrefix),
    /// By its graph, which may be invalid.
    Graph(RawGraph),
}

impl Arguments {
    /// The file of the cells, if there is one.
    pub(super) fn file(&self) -> Option<&Path> {
        let of_hashes = self.hash.iter().find_map(|named| match named {
            NamedHash::File(file) => Some(file.as_path()),
            NamedHash::Hash(_) => None,
        });
        self.cell.as_deref().or(of_hashes).filter(|file| *file != Path::new("-"))
    }

    /// Reads the given cells, in their order; none if none were given.
    pub(super) fn read(&self, global: &Global) -> anyhow::Result<Vec<Given>> {
        if let Some(file) = &self.cell {
            let could_not = || format!("could not read the cells of `{}`", file.display());
            let sketches = RawGraph::from_json(&text_of(file).with_context(could_not)?).with_context(could_not)?;
            name_passed_over(&sketches, global);
            return Ok(sketches.into_iter().map(Given::Graph).collect());
        }
        let operations = self.ops.as_deref().unwrap_or_default();
        let sketch = match (&self.matrix, &self.edges) {
            (Some(matrix), _) => RawGraph::from_matrix(matrix, operations).context("could not read the matrix")?,
            (None, Some(edges)) => RawGraph::from_edges(edges, operations).context("could not read the edges")?,
            (None, None) => return self.hashes()?.into_iter().collect(),
        };
        Ok(vec![Given::Graph(sketch)])
    }

    /// The given cells of a space; `None` if none were given, which means all.
    pub(super) fn of_space(&self, space: Space, global: &Global) -> anyhow::Result<Option<Vec<Cell>>> {
        let resolver = Resolver::new(space);
        let given = self.read(global)?;
        let cells: Vec<_> = given.iter().map(|given| resolver.cell(given)).collect::<Result<_, _>>()?;
        Ok((!cells.is_empty()).then_some(cells))
    }

    fn hashes(&self) -> anyhow::Result<Vec<anyhow::Result<Given>>> {
        let mut given = Vec::new();
        for named in &self.hash {
            match named {
                NamedHash::Hash(hash) => given.push(Ok(Given::Hash(hash.clone()))),
                NamedHash::File(file) => given.extend(each_hash_of(file)?.into_iter().map(|hash| hash.map(Given::Hash))),
            }
        }
        Ok(given)
    }

    /// Reads the cells as [`read`](Self::read) does, but an invalid cell does not stop the reading of the others.
    pub(super) fn read_each(&self, global: &Global) -> anyhow::Result<Vec<anyhow::Result<Given>>> {
        let Some(file) = &self.cell else {
            let is_graph = self.matrix.is_some() || self.edges.is_some();
            return if is_graph { Ok(self.read(global)?.into_iter().map(Ok).collect()) } else { self.hashes() };
        };
        let could_not = || format!("could not read the cells of `{}`", file.display());
        let sketches = RawGraph::each_from_json(&text_of(file).with_context(could_not)?).with_context(could_not)?;
        name_passed_over(sketches.iter().flatten(), global);
        Ok(sketches.into_iter().map(|sketch| Ok(Given::Graph(sketch?))).collect())
    }
}

/// Arguments of commands for many cells.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub(super) struct BatchArguments {
    #[command(flatten)]
    pub(super) cells: Arguments,

    /// Continue with the other cells if some are invalid; invalid ones are listed at the end, and the exit code is still 1.
    #[arg(long, requires = "cells", help_heading = "Cells")]
    pub(super) keep_going: bool,
}

/// The results for many cells: what was found, and the errors of the others.
#[derive(Debug)]
pub(super) struct Batch<T> {
    pub(super) found: Vec<T>,
    problems: Vec<anyhow::Error>,
}

impl<T> Batch<T> {
    /// A batch without errors.
    pub(super) const fn whole(found: Vec<T>) -> Self {
        Self { found, problems: Vec::new() }
    }

    /// Maps everything that was found.
    pub(super) fn map<U>(self, make: impl FnMut(T) -> U) -> Batch<U> {
        Batch { found: self.found.into_iter().map(make).collect(), problems: self.problems }
    }

    /// The number of given cells.
    pub(super) const fn len(&self) -> usize {
        self.found.len() + self.problems.len()
    }

    /// Whether no cells were given.
    pub(super) const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The errors of the others, as text.
    pub(super) fn problems(&self) -> impl Iterator<Item = String> {
        self.problems.iter().map(|error| format!("{error:#}"))
    }

    /// An error that lists the problems of the cells left out.
    pub(super) fn conclude(&self) -> anyhow::Result<()> {
        let (count, all) = (self.problems.len(), self.len());
        if count == 0 {
            return Ok(());
        }
        let mut named: Vec<_> = self.problems().take(MOST_NAMED).collect();
        if count > MOST_NAMED {
            named.push(format!("and {} more", count - MOST_NAMED));
        }
        bail!("{count} of {all} cells could not be taken: {}", named.join("; "));
    }
}

impl BatchArguments {
    /// Finds something for each given cell. An error stops it, or is kept for the end with `--keep-going`.
    pub(super) fn resolve<T>(&self, global: &Global, find: impl Fn(&Given) -> anyhow::Result<T>) -> anyhow::Result<Batch<T>> {
        let read_all = || Ok::<_, anyhow::Error>(self.cells.read(global)?.into_iter().map(Ok).collect());
        let given = if self.keep_going { self.cells.read_each(global)? } else { read_all()? };
        let all = given.len();
        let mut batch = Batch::whole(Vec::with_capacity(all));
        for (place, given) in given.into_iter().enumerate() {
            let mut found = given.and_then(|given| find(&given));
            if all > 1 {
                found = found.with_context(|| format!("cell {} of {all}", place + 1));
            }
            match found {
                Ok(found) => batch.found.push(found),
                Err(error) if self.keep_going => batch.problems.push(error),
                Err(error) => return Err(error),
            }
        }
        Ok(batch)
    }
}

/// The text of a file, or of standard input for `-`; gzip and a byte order mark are optional.
fn text_of(file: &Path) -> anyhow::Result<String> {
    if file == Path::new("-") {
        return Ok(read_text(std::io::stdin().lock(), MOST_BYTES)?);
    }
    Ok(read_text(BufReader::new(fs_err::File::open(file)?), MOST_BYTES)?)
}

/// Notes on standard error which keys were not read.
fn name_passed_over<'a>(sketches: impl IntoIterator<Item = &'a RawGraph>, global: &Global) {
    let mut keys: Vec<&str> = Vec::new();
    for key in sketches.into_iter().flat_map(RawGraph::passed_over) {
        if keys.len() < MOST_NAMED && !keys.contains(&&**key) {
            keys.push(key);
        }
    }
    if !keys.is_empty() && !global.quiet {
        let keys: Vec<_> = keys.iter().map(|key| format!("`{key}`")).collect();
        note(format_args!("note: not read of the cells: {}", keys.join(", ")));
    }
}

/// Replaces cells by the stored ones, and notes on standard error if these number the vertices differently; `what` is done with them.
pub(super) fn stored(cells: &[Cell], what: &str, global: &Global) -> Vec<Cell> {
    let stored: Vec<_> = cells.iter().map(Cell::representative).collect();
    let renumbered: Vec<_> = cells.iter().zip(&stored).filter(|(given, stored)| given != stored).collect();
    let text = match (&renumbered[..], cells.len()) {
        _ if global.quiet => return stored,
        ([], _) => return stored,
        ([(_, stored)], 1) => format!(
            "note: the cell is stored with its vertices in another order, and {what} so: `--matrix {} --ops {}`",
            stored.adjacency_text(),
            stored.operations_text()
        ),
        (some, all) => {
            format!("note: {} of {all} cells are stored with their vertices in another order, and {what} so", some.len())
        }
    };
    note(text);
    stored
}

/// Finds the given cells of a space. A hash needs a list of cells: the small ones, and all cells if it is not among them.
pub(super) struct Resolver {
    space: Space,
    small: OnceCell<Enumeration>,
    all: OnceCell<Enumeration>,
}

impl Resolver {
    pub(super) const fn new(space: Space) -> Self {
        Self { space, small: OnceCell::new(), all: OnceCell::new() }
    }

    /// The cell of the space, checked in the official order.
    pub(super) fn cell(&self, given: &Given) -> anyhow::Result<Cell> {
        match given {
            Given::Graph(sketch) => Ok(sketch.cell(&self.space)?),
            Given::Hash(prefix) => self.cell_of(prefix),
        }
    }

    fn cell_of(&self, prefix: &HashPrefix) -> anyhow::Result<Cell> {
        let small = self.space.with_max_vertices(self.space.max_vertices().min(SMALL))?;
        // The first digits of a hash may begin another one, too: that only a list of all cells tells.
        if let Some(hash) = prefix.whole()
            && let Some(cell) = cell_of(listed(&self.small, &small)?, hash)
        {
            return Ok(cell);
        }
        let all = listed(&self.all, &self.space)?;
        let hash = prefix.find(all.hashes().iter().copied(), "cell of the space")?;
        cell_of(all, hash).context("a hash of the space is that of a cell")
    }
}

/// The cells of a space, listed once.
fn listed<'a>(known: &'a OnceCell<Enumeration>, space: &Space) -> anyhow::Result<&'a Enumeration> {
    if known.get().is_none() {
        // A second listing, if there ever were one, would be the same.
        let _ = known.set(space.enumerate()?);
    }
    known.get().context("the cells of the space are listed")
}

fn cell_of(listed: &Enumeration, hash: ModuleHash) -> Option<Cell> {
    listed.index_of_hash(hash).map(|index| listed.cells()[index])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_hashes_has_one_on_each_line() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("hashes");
        let read = |text: &str| {
            fs_err::write(&file, text).unwrap();
            hashes_of(&file).map_err(|error| format!("{error:#}"))
        };
        let hashes = read("043721b9c7fe8c5fad811d47d83132ec\n\n  B49AC8C5 \r\n").unwrap();
        assert_eq!(hashes.iter().map(ToString::to_string).collect::<Vec<_>>(), ["043721b9c7fe8c5fad811d47d83132ec", "b49ac8c5"]);
        let name = file.display();
        assert_eq!(
            read("043721b9\n\nno hash\n").unwrap_err(),
            format!(
                "could not read the hashes of `{name}`: line 3: `no hash` is no module hash: expected 32 hex digits, or at least the \
                first 8 of them"
            )
        );
        assert_eq!(read("\n").unwrap_err(), format!("`{name}` holds no hash: expected one on each line"));
        assert_eq!(read("\u{feff}043721b9\n").unwrap()[0].to_string(), "043721b9", "a byte order mark is none of the digits");
        fs_err::write(&file, "no hash\n043721b9\n").unwrap();
        let each = each_hash_of(&file).unwrap();
        assert_eq!(each.iter().map(Result::is_ok).collect::<Vec<_>>(), [false, true]);
    }

    #[test]
    fn a_hash_of_the_space_is_found_by_its_first_digits() {
        let resolver = Resolver::new(Space::nas_bench_101().with_max_vertices(6).unwrap());
        let cell = |text: &str| resolver.cell(&Given::Hash(text.parse().unwrap())).map_err(|error| error.to_string());
        let small = cell("043721b9c7fe8c5fad811d47d83132ec").unwrap();
        assert_eq!(small.to_string(), "0-1");
        assert!(resolver.all.get().is_none(), "a small cell needs no list of all");
        assert_eq!(cell("043721B9"), Ok(small));
        assert_eq!(cell("00000000").unwrap_err(), "no cell of the space has a hash that begins with `00000000`");
    }
}
