//! The images of a command that trains: what a person types of them.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use nasbench::dataset::{self, Dataset};

/// The images unless others are named.
pub(super) const DATASET: &str = "fashion-14";

/// Which images, and where they are.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub(super) struct Arguments {
    /// The images; see `nasbench list datasets`.
    ///
    /// `npz` and `folder` are your own images. An archive of NumPy holds `x`, bytes of the shape [n, height, width] or [n, height,
    /// width, channels], and `y`, labels from 0 on; or `x_train`, `y_train`, `x_validation`, `y_validation`, `x_test` and `y_test`
    /// (`valid`, `val` and `dev` mean `validation`, and any other array is refused). A
    /// folder holds a folder of PNG or JPEG files for each class, all images of one size; or the same in `train`, `validation` and
    /// `test`. A split that is missing is made of 20 % of the training images, with as much of each class as the whole: always
    /// the same images, whatever `--seed` says.
    #[arg(long, default_value = DATASET, value_name = "NAME")]
    pub(super) dataset: String,

    /// Where the images are, unless they are embedded: the folder with the files of the data set, or your own archive or folder.
    #[arg(long, value_name = "PATH")]
    pub(super) data_dir: Option<PathBuf>,
}

impl Arguments {
    /// The file that the images are in, if it is one.
    pub(super) fn file(&self) -> Option<&Path> {
        file(self.data_dir.as_deref())
    }

    pub(super) fn load(&self) -> anyhow::Result<Dataset> {
        load(&self.dataset, self.data_dir.as_deref())
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
