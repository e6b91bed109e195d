//! How a command takes cells: by hash, matrix, edges or JSON, the same everywhere.

use std::cell::OnceCell;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use nasbench::space::{Cell, Enumeration, ModuleHash, Sketch, Space};

/// The most bytes of JSON that are read: more is no list of cells but a mistake.
const MOST_BYTES: u64 = 1 << 30;

/// The arguments that say which cells are meant: flatten them into those of a command.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("cells").multiple(false))]
#[command(group = clap::ArgGroup::new("graph").multiple(false))]
#[group(skip)]
pub(super) struct Arguments {
    /// The cell with this official hash, 32 hex digits; give it again for more cells.
    #[arg(long, value_name = "H", value_parser = hash, group = "cells", help_heading = "Cells")]
    hash: Vec<ModuleHash>,

    /// The cell with this matrix, such as `[[0,1],[0,0]]` or `0100`, and the operations of `--ops`.
    ///
    /// What Python and NumPy print is read, too: `array([[0, 1], [0, 0]])`, `[[0. 1.] [0. 0.]]`.
    #[arg(long, value_name = "M", groups = ["cells", "graph"], requires = "ops", help_heading = "Cells")]
    matrix: Option<String>,

    /// The cell with these edges, such as `0-1,0-4,1-4`, and the operations of `--ops`.
    ///
    /// Vertex 0 is the input, the highest one the output.
    #[arg(long, value_name = "E", groups = ["cells", "graph"], requires = "ops", help_heading = "Cells")]
    edges: Option<String>,

    /// The operations of `--matrix` or `--edges`, in the order of the vertices and separated by commas.
    ///
    /// `input` at the start and `output` at the end may be left out: `input,conv3x3-bn-relu,output` is
    /// `conv3x3-bn-relu`. A list of JSON or Python is read, too, and so are the official labels: `[-1, 0, -2]`. See `nasbench list
    /// operations`. A cell without any has the empty text: `--ops ''`.
    #[arg(long, value_name = "O", requires = "graph", help_heading = "Cells")]
    ops: Option<String>,

    /// The cells of a JSON file, or of standard input for `-`.
    ///
    /// One object, a list of them, or JSON lines. An object has `matrix` (rows of 0 and 1) and `ops` (names), or
    /// `adjacency` and `operations` (the two texts of a record); the JSON that `nasbench query` prints is read, too.
    #[arg(long, value_name = "FILE", group = "cells", help_heading = "Cells")]
    cell: Option<PathBuf>,
}

fn hash(text: &str) -> Result<ModuleHash, String> {
    text.to_owned().try_into()
}

/// A cell as it was given.
#[derive(Clone, Debug)]
pub(super) enum Given {
    /// By its hash: no graph is known.
    Hash(ModuleHash),
    /// By its graph, which may be that of no cell.
    Graph(Sketch),
}

impl Arguments {
    /// The file that the cells are in, if they are in one.
    pub(super) fn file(&self) -> Option<&Path> {
        self.cell.as_deref().filter(|file| *file != Path::new("-"))
    }

    /// Reads the cells, in the order in which they were given; none if none were.
    pub(super) fn read(&self) -> anyhow::Result<Vec<Given>> {
        if let Some(file) = &self.cell {
            let text = json_text(file)?;
            let sketches =
                Sketch::from_json(&text).with_context(|| format!("could not read the cells of `{}`", file.display()))?;
            return Ok(sketches.into_iter().map(Given::Graph).collect());
        }
        let operations = self.ops.as_deref().unwrap_or_default();
        let sketch = match (&self.matrix, &self.edges) {
            (Some(matrix), _) => Sketch::from_matrix(matrix, operations).context("could not read the matrix")?,
            (None, Some(edges)) => Sketch::from_edges(edges, operations).context("could not read the edges")?,
            (None, None) => return Ok(self.hash.iter().copied().map(Given::Hash).collect()),
        };
        Ok(vec![Given::Graph(sketch)])
    }
}

fn json_text(file: &Path) -> anyhow::Result<String> {
    let mut text = String::new();
    let could_not = || format!("could not read the cells of `{}`", file.display());
    let read = if file == Path::new("-") {
        std::io::stdin().lock().take(MOST_BYTES + 1).read_to_string(&mut text)
    } else {
        fs_err::File::open(file).and_then(|open| open.take(MOST_BYTES + 1).read_to_string(&mut text))
    };
    anyhow::ensure!(
        read.with_context(could_not)? as u64 <= MOST_BYTES,
        "`{}` has more than 1 GiB, too much for cells",
        file.display()
    );
    Ok(text)
}

/// Finds the cells of a space that were given. A hash needs all cells of the space, which are listed once.
pub(super) struct Resolver {
    space: Space,
    enumeration: OnceCell<Enumeration>,
}

impl Resolver {
    pub(super) fn new(space: Space) -> Self {
        Self { space, enumeration: OnceCell::new() }
    }

    /// All cells of the space.
    pub(super) fn enumeration(&self) -> anyhow::Result<&Enumeration> {
        if self.enumeration.get().is_none() {
            // A second listing, if there ever were one, would be the same.
            let _ = self.enumeration.set(self.space.enumerate()?);
        }
        self.enumeration.get().context("the cells of the space are listed")
    }

    /// The cell of the space, checked in the official order.
    pub(super) fn cell(&self, given: &Given) -> anyhow::Result<Cell> {
        match given {
            Given::Graph(sketch) => Ok(sketch.cell(&self.space)?),
            Given::Hash(hash) => {
                let enumeration = self.enumeration()?;
                let index = enumeration.index_of_hash(*hash);
                Ok(enumeration.cells()[index.with_context(|| format!("no cell of the space has the hash `{hash}`"))?])
            }
        }
    }
}
