//! A trained model on the disk: its weights, and all that is needed to use them.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::evaluator::Evaluator;
use super::{Data, Error, Figures, Protocol, Trained, Training, tensors};
use crate::dataset::{Batch, Dataset, Normalisation};
use crate::engine::{Array, Device, Model, State};
use crate::network::Plan;
use crate::space::Cell;
use crate::unit::{Epochs, Seed};

const KIND: &str = "model";

/// A trained model: parameters, running statistics of batch normalisation, and where they come from.
///
/// The file is in the format safetensors; the names of its arrays are those of [`State`].
#[derive(Clone, Debug)]
pub struct SavedModel {
    card: ModelCard,
    protocol: Protocol,
    normalisation: Normalisation,
    plan: Plan,
    state: State,
}

/// Where a model comes from, as the file has it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelCard {
    /// The version of this program.
    pub version: String,
    /// The cell of the network.
    pub cell: Cell,
    /// As TOML, which keeps every bit of its numbers.
    pub protocol: String,
    /// The name of the data set that the model was trained on.
    pub dataset: String,
    /// Of the images in use.
    pub dataset_sha256: String,
    /// The names of the classes, by label.
    pub classes: Vec<String>,
    /// The budget that the model was trained for.
    pub epochs: Epochs,
    /// The seed of its training.
    pub seed: Seed,
    /// The device that it was trained on.
    pub device: String,
    /// Pixel values, 0 to 255: `(value - mean) / deviation` of each channel is what the network sees.
    pub mean: Vec<f32>,
    /// See `mean`.
    pub deviation: Vec<f32>,
    /// What was measured at the end of the training.
    pub figures: Figures,
}

impl SavedModel {
    /// Makes a file's contents of a trained model.
    ///
    /// # Errors
    ///
    /// [`Error::Diverged`] if the training diverged, [`Error::Engine`] if the device fails.
    pub fn new(training: &Training<'_>, trained: &Trained, model: &Model) -> Result<Self, Error> {
        let figures = trained.figures.ok_or(Error::Diverged)?;
        let card = ModelCard {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            cell: training.cell.representative(),
            protocol: training.protocol.to_toml(),
            dataset: training.data.dataset().name().to_owned(),
            dataset_sha256: training.data.sha256().to_owned(),
            classes: training.data.dataset().classes().to_vec(),
            epochs: training.epochs,
            seed: training.seed,
            device: training.device.description(),
            mean: training.data.normalisation().mean().to_vec(),
            deviation: training.data.normalisation().deviation().to_vec(),
            figures,
        };
        Ok(Self {
            card,
            protocol: training.protocol.clone(),
            normalisation: training.data.normalisation().clone(),
            plan: training.plan()?,
            state: model.state()?.without_memory(),
        })
    }

    /// Reads a model.
    ///
    /// # Errors
    ///
    /// [`Error::File`], [`Error::Tensors`] or [`Error::Contents`] if the file is none;
    /// otherwise what does not fit together in it.
    pub fn read(file: &Path) -> Result<Self, Error> {
        let tensors::Contents { about, arrays, .. } = tensors::read::<ModelCard>(file, KIND)?;
        let protocol = Protocol::parse(&about.protocol, file)?;
        let skeleton = protocol.skeleton().ok_or(Error::Unresolved)?;
        let normalisation = Normalisation::new(about.mean.clone(), about.deviation.clone())?;
        if about.classes.len() != skeleton.classes {
            let (dataset, expected, found) = (about.dataset, skeleton.classes, about.classes.len());
            return Err(Error::Classes { dataset, expected, found });
        }
        if about.mean.len() != skeleton.image.channels {
            let (mean, deviation) = (about.mean, about.deviation);
            return Err(crate::dataset::Error::Normalisation { mean, deviation }.into());
        }
        // Its weights are those of the cell as it was numbered when it was trained.
        let plan = Plan::compile_as_numbered(&about.cell, &skeleton)?;
        let state = State::from_arrays(&plan, arrays)?;
        Ok(Self { card: about, protocol, normalisation, plan, state })
    }

    /// Writes the model, whole or not at all; one that was there is replaced.
    ///
    /// # Errors
    ///
    /// [`Error::File`] if the disk does not take it.
    pub fn write(&self, file: &Path) -> Result<(), Error> {
        tensors::write(file, KIND, &self.card, self.state.arrays(), &[])
    }

    /// Evaluates the model on the images of a data set that its protocol uses; of another data set than its own on all that
    /// there are.
    ///
    /// # Errors
    ///
    /// [`Error::ImageShape`], [`Error::Classes`], [`Error::ClassName`] or [`Error::TooFewImages`] if the data set does not fit the
    /// model, [`Error::Engine`] if the device fails.
    pub fn evaluate(&self, dataset: &Dataset, device: Device) -> Result<Evaluated, Error> {
        let mut protocol = self.protocol_for(dataset)?;
        let own = protocol.select(dataset).is_ok_and(|selected| selected.sha256() == self.card.dataset_sha256);
        if !own {
            let sizes = dataset.sizes();
            let images = &mut protocol.images;
            (images.train, images.validation, images.test) = (sizes.train, sizes.validation, sizes.test);
        }
        let data = Data::select(&protocol, dataset)?.normalised_by(self.normalisation.clone());
        let mut model = self.model(device)?;
        let figures = Evaluator::new(&protocol, &data).figures(&mut model)?;
        Ok(Evaluated { figures, recorded: own.then_some(self.card.figures) })
    }

    /// Writes the logits of the model for the first test images, at most `most`, so that it can be checked elsewhere.
    ///
    /// # Shapes
    ///
    /// Arrays of a safetensors file: `pixels` `[n, channels, height, width]` (0 to 255), `labels` `[n]`, `logits` `[n, classes]`.
    ///
    /// # Errors
    ///
    /// As [`evaluate`](Self::evaluate), and [`Error::File`] if the disk does not take it.
    pub fn write_answers(&self, file: &Path, dataset: &Dataset, most: usize, device: Device) -> Result<(), Error> {
        self.protocol_for(dataset)?;
        let images = dataset.test().take(most);
        let (n, shape) = (images.len(), images.shape());
        let mut model = self.model(device)?;
        let mut logits = Vec::new();
        let mut batch = Batch::new(shape, self.protocol.batch_size);
        let indices: Vec<u32> = (0..).take(n).collect();
        for part in indices.chunks(self.protocol.batch_size) {
            batch.fill(&images, part, &self.normalisation);
            logits.extend(model.logits(batch.values(), part.len())?);
        }
        let numbers = |bytes: &[u8]| bytes.iter().copied().map(f32::from).collect();
        let array = |name: &str, shape: &[usize], values| Array { name: name.to_owned(), shape: shape.to_vec(), values };
        let arrays = [
            array("pixels", &[n, shape.channels, shape.height, shape.width], numbers(images.all_pixels())),
            array("labels", &[n], numbers(images.labels())),
            array("logits", &[n, self.card.classes.len()], logits),
        ];
        tensors::write(file, "answers", &self.card, arrays.iter(), &[])
    }

    /// The protocol of the model, if it can answer to the images of a data set.
    fn protocol_for(&self, dataset: &Dataset) -> Result<Protocol, Error> {
        let protocol = self.protocol.clone().resolve(dataset)?;
        let (known, given) = (&self.card.classes, dataset.classes());
        // An archive has numbers only: whoever names it says that they mean the same.
        if are_numbers(known) || are_numbers(given) {
            return Ok(protocol);
        }
        let pairs = known.iter().zip(given).enumerate();
        match pairs.into_iter().find(|(_, (expected, found))| expected != found) {
            Some((label, (expected, found))) => {
                let (dataset, expected, found) = (dataset.name().to_owned(), expected.clone(), found.clone());
                Err(Error::ClassName { dataset, label, expected, found })
            }
            None => Ok(protocol),
        }
    }

    /// The model on a device, ready to answer; to train it further its optimizer would start anew.
    ///
    /// # Errors
    ///
    /// [`Error::Engine`] if the device cannot be used, [`Error::Memory`] if the model does not fit.
    pub fn model(&self, device: Device) -> Result<Model, Error> {
        // The engine of the processor answers for a block of images at a time, the others for a whole batch.
        let images = if device == Device::Cpu { 1 } else { self.protocol.batch_size };
        super::memory::check_one(device, Model::bytes(&self.plan, images, device), images)?;
        let mut model = Model::new(self.plan.clone(), self.protocol.update, self.card.seed, device)?;
        model.restore(&self.state)?;
        Ok(model)
    }

    /// Where the model comes from.
    #[must_use]
    pub const fn card(&self) -> &ModelCard {
        &self.card
    }

    /// How the model was trained.
    #[must_use]
    pub const fn protocol(&self) -> &Protocol {
        &self.protocol
    }

    /// What makes of the bytes of an image the numbers that the network sees.
    #[must_use]
    pub const fn normalisation(&self) -> &Normalisation {
        &self.normalisation
    }

    /// The network.
    #[must_use]
    pub const fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The weights and running statistics.
    #[must_use]
    pub const fn state(&self) -> &State {
        &self.state
    }
}

/// Whether classes have no names but their labels.
fn are_numbers(classes: &[String]) -> bool {
    classes.iter().enumerate().all(|(label, class)| *class == label.to_string())
}

/// What an evaluation of a saved model found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Evaluated {
    /// The figures.
    pub figures: Figures,
    /// Those at the end of the training, if it was on the same images.
    pub recorded: Option<Figures>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::fixture::{Setting, dataset, diverging, tiny, to_the_end};

    fn saved(setting: &Setting, device: Device) -> SavedModel {
        let training = setting.training(2, 3, device);
        let (trained, model) = to_the_end(&training).finish();
        SavedModel::new(&training, &trained, &model).unwrap()
    }

    #[test]
    fn a_saved_model_answers_as_it_did_when_it_was_trained() {
        let folder = tempfile::tempdir().unwrap();
        let setting = Setting::new(tiny());
        for device in [Device::Cpu, Device::Reference] {
            let file = folder.path().join("a.safetensors");
            saved(&setting, device).write(&file).unwrap();
            let bytes = fs_err::read(&file).unwrap();
            let model = SavedModel::read(&file).unwrap();
            assert_eq!((&model.card().cell, model.protocol(), model.card().seed), (&setting.cell, &setting.protocol, Seed(3)));
            let found = model.evaluate(&dataset(), device).unwrap();
            assert_eq!(Some(found.figures), found.recorded);
            model.write(&file).unwrap();
            assert_eq!(fs_err::read(&file).unwrap(), bytes);
        }
    }

    #[test]
    fn answers_are_written_with_their_images() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("answers.safetensors");
        let setting = Setting::new(tiny());
        let model = saved(&setting, Device::Cpu);
        model.write_answers(&file, &dataset(), 60, Device::Cpu).unwrap();
        let tensors::Contents { arrays, .. } = tensors::read::<ModelCard>(&file, "answers").unwrap();
        let [labels, logits, pixels] = &arrays[..] else { panic!("three arrays") };
        assert_eq!((&pixels.shape[..], &labels.shape[..], &logits.shape[..]), (&[60, 1, 14, 14][..], &[60][..], &[60, 10][..]));
        let images = dataset().test().take(60);
        let is_written = |array: &Array, bytes: &[u8]| array.values.iter().copied().eq(bytes.iter().copied().map(f32::from));
        assert!(is_written(pixels, images.all_pixels()) && is_written(labels, images.labels()));
        // These are all test images of the protocol, so the answers have the figures of the training.
        let recorded = model.evaluate(&dataset(), Device::Cpu).unwrap().recorded.unwrap();
        assert_eq!(crate::train::Quality::measure(&logits.values, images.labels()), recorded.test);
    }

    #[test]
    fn other_images_have_no_recorded_figures() {
        let setting = Setting::new(tiny());
        let model = saved(&setting, Device::Cpu);
        let dataset = dataset();
        let [train, validation, test] = [dataset.train(), dataset.validation(), dataset.test()].map(Clone::clone);
        let other =
            Dataset::new("other", dataset.classes().to_vec(), train.take(40), test.take(40), validation.take(30)).unwrap();
        let found = model.evaluate(&other, Device::Cpu).unwrap();
        assert!(found.recorded.is_none() && found.figures.test.loss.is_some());
    }

    #[test]
    fn images_whose_classes_have_other_names_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let setting = Setting::new(tiny());
        let model = saved(&setting, Device::Cpu);
        let dataset = dataset();
        let named = |classes: Vec<String>| {
            let [train, validation, test] = [dataset.train(), dataset.validation(), dataset.test()].map(Clone::clone);
            Dataset::new("other", classes, train, validation, test).unwrap()
        };
        let mut swapped = dataset.classes().to_vec();
        swapped.swap(2, 5);
        let swapped = named(swapped);
        let message = model.evaluate(&swapped, Device::Cpu).unwrap_err().to_string();
        assert_eq!(message, "class 2 of `other` is `Sandal`, the model expects `Pullover`");
        let file = folder.path().join("answers.safetensors");
        assert!(matches!(model.write_answers(&file, &swapped, 5, Device::Cpu), Err(Error::ClassName { label: 2, .. })));
        let numbers = named((0..10).map(|label| label.to_string()).collect());
        for same in [named(dataset.classes().to_vec()), numbers] {
            let found = model.evaluate(&same, Device::Cpu).unwrap();
            assert_eq!(Some(found.figures), found.recorded);
        }
    }

    #[test]
    fn a_model_whose_card_was_changed_or_that_another_version_wrote_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.safetensors");
        let setting = Setting::new(tiny());
        saved(&setting, Device::Cpu).write(&file).unwrap();
        let bytes = fs_err::read(&file).unwrap();
        let message = |from: &str, to: &str| {
            let at = bytes.windows(from.len()).position(|text| text == from.as_bytes()).unwrap();
            let changed = [&bytes[..at], to.as_bytes(), &bytes[at + from.len()..]].concat();
            fs_err::write(&file, changed).unwrap();
            SavedModel::read(&file).unwrap_err().to_string()
        };
        let name = file.display();
        let mean = setting.data.normalisation().mean()[0];
        let [digits, other] = [mean.trunc(), mean.trunc() + 1.0].map(|whole| format!(r#"\"mean\":[{whole}."#));
        assert!(message(&digits, &other).starts_with(&format!("`{name}` is damaged: the sha256 of its contents is ")));
        let text = format!("`{name}` is a model of format 3, expected 2: another version of this program wrote it");
        assert_eq!(message(r#"\"format\":2"#, r#"\"format\":3"#), text);
        // The first format did not say which one it is.
        assert_eq!(message(r#"\"format\""#, r#"\"FORMAT\""#), text.replace("format 3", "format 1"));
    }

    #[test]
    fn a_model_of_a_training_that_diverged_is_not_kept() {
        let setting = Setting::new(diverging());
        let training = setting.training(3, 1, Device::Cpu);
        let (trained, model) = to_the_end(&training).finish();
        let message = SavedModel::new(&training, &trained, &model).unwrap_err().to_string();
        assert_eq!(message, "the training diverged: its model is not kept");
    }

    #[test]
    fn a_checkpoint_is_no_saved_model() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.safetensors");
        let setting = Setting::new(tiny());
        setting.training(1, 1, Device::Cpu).start().unwrap().checkpoint().unwrap().write(&file).unwrap();
        let message = SavedModel::read(&file).unwrap_err().to_string();
        assert_eq!(message, format!("`{}` is no model of this program, found a file of the kind `checkpoint`", file.display()));
    }
}
