//! Model files as what a search asks: one of the accuracy, with one of the training time.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use nasbench::hex;
use nasbench::space::Space;
use nasbench::surrogate::{Model, Quantity, SurrogateOracle};
use nasbench::unit::{Epochs, Seed};
use sha2::{Digest as _, Sha256};

/// How to ask a model file.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub(in crate::cli) struct Arguments {
    /// Another model of the training time than the one that the model file of `--on` holds.
    #[arg(long, value_name = "MODEL")]
    pub(in crate::cli) time_model: Option<PathBuf>,

    /// With a model: answer each time as another repeat would, with the noise that repeats of a cell had.
    #[arg(long)]
    pub(in crate::cli) noise: bool,

    /// The largest cells to search where no table says it; a benchmark is searched as far as it is complete.
    #[arg(long, default_value_t = LARGEST, value_name = "N", value_parser = clap::value_parser!(u8).range(2..=7))]
    pub(in crate::cli) max_vertices: u8,
}

/// The largest cells that are searched if nobody says otherwise.
pub(in crate::cli) const LARGEST: u8 = 7;

/// Models of the accuracy and of the time of the same trainings.
pub(in crate::cli) struct Models {
    accuracy: Arc<Model>,
    time: Arc<Model>,
    noise: bool,
    space: Space,
}

impl Models {
    /// Reads the model file of the accuracy, and that of the time if it has one of its own. `epochs` is the full budget, if it was
    /// given.
    pub(in crate::cli) fn open(path: &Path, arguments: &Arguments, epochs: Option<Epochs>) -> anyhow::Result<Self> {
        let accuracy = load(path, Quantity::ValidationAccuracy)?;
        let time = match (&arguments.time_model, accuracy.time()) {
            (Some(path), _) => load(path, Quantity::TrainingTime)?,
            (None, Some(time)) => time.clone(),
            (None, None) => bail!(
                "`{}` holds no model of the training time, and a search pays for what it asks\n\
                hint: `--time-model MODEL` names one, `nasbench fit --target training_time` makes one",
                path.display()
            ),
        };
        let operations: Vec<_> = accuracy.features().space().operations().collect();
        let space = Space::nas_bench_101().with_max_vertices(arguments.max_vertices.into())?.with_operations(&operations)?;
        let models = Self { accuracy, time, noise: arguments.noise, space };
        // Whether they fit each other is known now, not when the search begins.
        models.oracle(Seed(0))?;
        models.check_budget(path, epochs)?;
        Ok(models)
    }

    /// Refuses another budget than that of the trainings that they predict.
    pub(in crate::cli) fn check_budget(&self, path: &Path, epochs: Option<Epochs>) -> anyhow::Result<()> {
        let known = self.epochs();
        match epochs.filter(|epochs| *epochs != known) {
            Some(epochs) => bail!("`{}` predicts trainings of {known} epochs, expected {epochs}", path.display()),
            None => Ok(()),
        }
    }

    pub(in crate::cli) const fn space(&self) -> Space {
        self.space
    }

    /// The budget of the trainings that they predict.
    pub(in crate::cli) fn epochs(&self) -> Epochs {
        self.accuracy.target().epochs
    }

    pub(in crate::cli) fn accuracy(&self) -> &Model {
        &self.accuracy
    }

    /// What makes other models of them, in words; of the files and options that they were opened with.
    pub(in crate::cli) fn identity(&self, path: &Path, arguments: &Arguments) -> anyhow::Result<String> {
        let of_time = arguments.time_model.as_deref().map(sha256).transpose()?;
        let of_time = of_time.map_or_else(String::new, |sha256| format!(", of the time sha256 {sha256}"));
        let noise = if self.noise { ", with noise" } else { "" };
        Ok(format!("{} of {}, sha256 {}{of_time}{noise}", self.accuracy.name(), self.accuracy.target(), sha256(path)?))
    }

    /// An oracle for one search.
    pub(in crate::cli) fn oracle(&self, seed: Seed) -> anyhow::Result<SurrogateOracle> {
        let could_not = "could not search with the model";
        let oracle = SurrogateOracle::new().with_models(self.accuracy.clone(), self.time.clone()).context(could_not)?;
        if self.noise { oracle.with_noise(seed).context(could_not) } else { Ok(oracle) }
    }
}

fn load(path: &Path, quantity: Quantity) -> anyhow::Result<Arc<Model>> {
    let model = Model::load(path).context("could not read the model")?;
    let found = model.target();
    if found.quantity != quantity {
        bail!("`{}` predicts {found}, expected a model of the {quantity}", path.display());
    }
    Ok(Arc::new(model))
}

fn sha256(path: &Path) -> anyhow::Result<String> {
    Ok(hex::print(&Sha256::digest(fs_err::read(path)?)))
}
