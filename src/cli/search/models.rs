//! Model files as the oracle of a search: an accuracy model with a training-time model.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use nasbench::search::{Budget, Setup};
use nasbench::space::Space;
use nasbench::surrogate::{self, Model, Quantity, SurrogateOracle};
use nasbench::table::sha256;
use nasbench::unit::{Epochs, Seed};

use crate::cli::benchmark::refuse_file_to_import;

/// Options of model files.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub(in crate::cli) struct Arguments {
    /// A model of the training time, instead of the one in the model file.
    #[arg(long, value_name = "MODEL")]
    pub(in crate::cli) time_model: Option<PathBuf>,

    /// A model for a smaller budget of epochs, for multi-fidelity algorithms such as `hyperband` and `bohb`; repeatable.
    #[arg(long, value_name = "MODEL")]
    pub(in crate::cli) cheaper_model: Vec<PathBuf>,

    /// With a model: add noise to each answer, as if it were another repeat: the noise of a cell's repeats, or this standard deviation in
    /// percentage points, as in `0.3points`.
    #[arg(long, value_name = "Npoints", num_args = 0..=1, default_missing_value = Noise::OF_MODEL)]
    pub(in crate::cli) noise: Option<Noise>,

    /// Maximum number of vertices if no table gives it; a benchmark is searched as far as it is complete.
    #[arg(long, default_value_t = LARGEST, value_name = "N", value_parser = clap::value_parser!(u8).range(2..=7))]
    pub(in crate::cli) max_vertices: u8,
}

/// The default maximum number of vertices that is searched.
pub(in crate::cli) const LARGEST: u8 = 7;

/// The noise of a model's answers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::cli) enum Noise {
    /// The noise of the repeats that the model learned.
    OfModel,
    /// A standard deviation in percentage points.
    Points(f32),
}

impl Noise {
    const OF_MODEL: &str = "that of the model";
}

/// The value of `--noise`; empty for the noise of the model.
impl fmt::Display for Noise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OfModel => Ok(()),
            Self::Points(points) => write!(f, "{points}points"),
        }
    }
}

impl FromStr for Noise {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == Self::OF_MODEL {
            return Ok(Self::OfModel);
        }
        let points = text.strip_suffix("points").and_then(|number| number.parse().ok());
        let is_fine = |points: &f32| *points > 0.0 && *points <= 100.0;
        points.filter(is_fine).map(Self::Points).ok_or_else(|| {
            "expected percentage points, more than 0 and at most 100, as in `0.3points`, or nothing for the noise of the model".to_owned()
        })
    }
}

/// Models of the accuracy and, if known, of the time of the same trainings; and models of smaller budgets.
pub(in crate::cli) struct Models {
    accuracy: Arc<Model>,
    time: Option<Arc<Model>>,
    cheaper: Vec<Arc<Model>>,
    noise: Option<Noise>,
    space: Space,
}

impl Models {
    /// Reads the model file of the accuracy, and the model file of the time if given.
    pub(in crate::cli) fn open(path: &Path, arguments: &Arguments) -> anyhow::Result<Self> {
        let accuracy = load(path, Quantity::ValidationAccuracy)?;
        let time = match (&arguments.time_model, accuracy.time()) {
            (Some(path), _) => Some(load(path, Quantity::TrainingTime)?),
            (None, time) => time.cloned(),
        };
        let operations: Vec<_> = accuracy.features.space().operations().collect();
        let space = Space::nas_bench_101().with_max_vertices(arguments.max_vertices.into())?.with_operations(&operations)?;
        let cheaper = arguments.cheaper_model.iter().map(|path| cheaper(path, &accuracy, time.is_some()));
        let cheaper = cheaper.collect::<anyhow::Result<Vec<_>>>()?;
        let mut known: Vec<_> = cheaper.iter().map(|model| model.target.epochs).collect();
        known.sort_unstable();
        if let Some([epochs, _]) = known.array_windows().find(|[one, next]| one == next) {
            bail!("two of `--cheaper-model` predict trainings of {epochs} epochs, expected one of each budget");
        }
        let models = Self { accuracy, time, cheaper, noise: arguments.noise, space };
        // Whether they fit each other is known now, not when the search begins.
        models.oracle(Seed(0))?;
        Ok(models)
    }

    /// Refuses a budget of seconds for models that do not know the training cost.
    pub(in crate::cli) fn check_times(&self, path: &Path, budget: Budget) -> anyhow::Result<()> {
        match (&self.time, budget) {
            (None, Budget::SimulatedTime(_)) => bail!(
                "`{}` holds no model of the training time, and a search with a budget of seconds pays with it\n\
                hint: `--time-model MODEL` names one, `nasbench fit --target training_time` makes one; a budget of full trainings, as \
                in `200evals`, needs none",
                path.display()
            ),
            _ => Ok(()),
        }
    }

    /// Refuses a budget other than that of the predicted trainings.
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

    /// The budget of the predicted trainings.
    pub(in crate::cli) fn epochs(&self) -> Epochs {
        self.accuracy.target.epochs
    }

    /// The set-up of a search on the models.
    pub(in crate::cli) fn setup(&self) -> Setup {
        let budgets: Vec<_> = self.cheaper.iter().map(|model| model.target.epochs).collect();
        Setup::new(self.space, self.epochs()).with_budgets(&budgets)
    }

    pub(in crate::cli) fn accuracy(&self) -> &Model {
        &self.accuracy
    }

    /// A description of the files and options that the models depend on, as text.
    pub(in crate::cli) fn identity(&self, path: &Path, arguments: &Arguments) -> anyhow::Result<String> {
        let of_time = arguments.time_model.as_deref().map(sha256).transpose()?;
        let of_time = of_time.map_or_else(String::new, |sha256| format!(", of the time sha256 {sha256}"));
        let cheaper = arguments.cheaper_model.iter().map(|path| Ok(format!(", of a smaller budget sha256 {}", sha256(path)?)));
        let cheaper = cheaper.collect::<anyhow::Result<String>>()?;
        let noise = match self.noise {
            None => String::new(),
            Some(Noise::OfModel) if self.accuracy.noise.as_ref().is_some_and(surrogate::Noise::is_of_residuals) => {
                ", with noise of the residuals, an upper bound".to_owned()
            }
            Some(Noise::OfModel) => ", with noise by what is predicted".to_owned(),
            Some(Noise::Points(points)) => format!(", with noise of {points} percentage points"),
        };
        Ok(format!("{} of {}, sha256 {}{of_time}{cheaper}{noise}", self.accuracy.name, self.accuracy.target, sha256(path)?))
    }

    /// An oracle for one search.
    pub(in crate::cli) fn oracle(&self, seed: Seed) -> anyhow::Result<SurrogateOracle> {
        let could_not = "could not search with the model";
        let add = |oracle: SurrogateOracle, (accuracy, time): (&Arc<Model>, Option<&Arc<Model>>)| match time {
            Some(time) => oracle.with_models(accuracy.clone(), time.clone()),
            None => oracle.with_accuracy(accuracy.clone()),
        };
        // Without a time of the full budget those of smaller ones pay for nothing.
        let cheaper = self.cheaper.iter().map(|model| (model, model.time().filter(|_| self.time.is_some())));
        let mut models = std::iter::once((&self.accuracy, self.time.as_ref())).chain(cheaper);
        let oracle = models.try_fold(SurrogateOracle::new(), add).context(could_not)?;
        match self.noise {
            None => Ok(oracle),
            Some(Noise::OfModel) => oracle.with_noise(seed).map_err(|error| {
                anyhow::anyhow!("{could_not}: {error}\nhint: `--noise 0.3points` sets the standard deviation itself")
            }),
            Some(Noise::Points(points)) => Ok(oracle.with_noise_of(seed, points / 100.0)),
        }
    }
}

/// Reads a model of a smaller budget: it must have the same cells, and know the training cost if the other one does.
fn cheaper(path: &Path, of: &Model, is_timed: bool) -> anyhow::Result<Arc<Model>> {
    let model = load(path, Quantity::ValidationAccuracy)?;
    let [smaller, full] = [&model, of].map(|model| model.target.epochs);
    if smaller >= full {
        bail!("`{}` predicts trainings of {smaller} epochs, expected fewer than the {full} of `--on`", path.display());
    }
    if model.features.space().operations().ne(of.features.space().operations()) {
        bail!("`{}` was fitted on cells of other operations than the model of `--on`", path.display());
    }
    if is_timed && model.time().is_none() {
        bail!(
            "`{}` holds no model of the training time, and that of `--on` does: nobody knows what its trainings cost",
            path.display()
        );
    }
    Ok(model)
}

/// Reads a model of a quantity.
pub(in crate::cli) fn load(path: &Path, quantity: Quantity) -> anyhow::Result<Arc<Model>> {
    refuse_file_to_import(path)?;
    let model = Model::load(path).context("could not read the model")?;
    let found = model.target;
    if found.quantity != quantity {
        bail!("`{}` predicts {found}, expected a model of the {quantity}", path.display());
    }
    Ok(Arc::new(model))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_noise_is_that_of_the_model_or_percentage_points() {
        assert_eq!("0.3points".parse(), Ok(Noise::Points(0.3)));
        assert_eq!(Noise::OF_MODEL.parse(), Ok(Noise::OfModel));
        assert_eq!(Noise::Points(0.3).to_string(), "0.3points");
        for text in ["", "0.3", "0points", "-1points", "101points", "NaNpoints", "0.3%"] {
            assert!(text.parse::<Noise>().is_err(), "{text}");
        }
    }
}
