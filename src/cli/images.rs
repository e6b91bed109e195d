//! The image arguments of commands that train.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use nasbench::dataset::{self, Dataset};
use nasbench::table::Benchmark;

/// The default images.
const DATASET: &str = "fashion-14";

/// The images and their path.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub(super) struct Arguments {
    /// The images; see `nasbench list datasets`. By default `fashion-14`, or those of a benchmark that is checked.
    ///
    /// `npz` and `folder` are your own images. A NumPy archive holds `x`, bytes of the shape [n, height, width] or [n, height, width,
    /// channels], and `y`, labels from 0 on; or `x_train`, `y_train`, `x_validation`, `y_validation`, `x_test` and `y_test` (`valid`, `val`
    /// and `dev` mean `validation`, and any other array is refused). A folder holds a folder of PNG or JPEG files for each class, all
    /// images of one size; or the same in `train`, `validation` and `test`. A missing split is 20 % of the training images, stratified by
    /// class: always the same images, whatever `--seed` is.
    #[arg(long, value_name = "NAME")]
    pub(super) dataset: Option<String>,

    /// Path of the images, unless they are embedded: the folder with the files of the data set, or your own archive or folder.
    #[arg(long, value_name = "PATH")]
    pub(super) data_dir: Option<PathBuf>,
}

impl Arguments {
    /// The file of the images, if there is one.
    pub(super) fn file(&self) -> Option<&Path> {
        file(self.data_dir.as_deref())
    }

    /// The name of the data set.
    pub(super) fn name(&self) -> &str {
        self.dataset.as_deref().unwrap_or(DATASET)
    }

    pub(super) fn load(&self) -> anyhow::Result<Dataset> {
        load(self.name(), self.data_dir.as_deref())
    }

    /// Loads the images of a benchmark, unless others are given.
    pub(super) fn load_for(&self, benchmark: &Benchmark) -> anyhow::Result<Dataset> {
        let name = self.dataset.as_deref().unwrap_or(&benchmark.manifest().dataset.name);
        load(name, self.data_dir.as_deref())
    }
}

/// The file of `--data-dir`, if it is one.
pub(super) fn file(data_dir: Option<&Path>) -> Option<&Path> {
    data_dir.filter(|path| path.is_file())
}

/// Loads a data set by its name.
pub(super) fn load(name: &str, folder: Option<&Path>) -> anyhow::Result<Dataset> {
    dataset::find(name).and_then(|entry| entry.load(folder)).context("could not load the data set")
}
