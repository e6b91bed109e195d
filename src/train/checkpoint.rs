//! A training on the disk: all that it needs to go on, bit for bit.

use std::path::Path;

use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::feed::Source;
use super::tally::Tally;
use super::training::Training;
use super::{Error, Protocol, tensors};
use crate::engine::{Array, State};
use crate::space::Cell;
use crate::unit::{Epochs, Seed};

const KIND: &str = "checkpoint";

/// A training at one moment: the model's state, how far it is, and where its random numbers are.
#[derive(Clone, Debug)]
pub struct Checkpoint {
    about: About,
    pub(super) arrays: Vec<Array>,
    pub(super) position: Position,
}

/// What must be equal for a training to go on with a checkpoint.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct About {
    version: String,
    cell: Cell,
    epochs: Epochs,
    seed: Seed,
    /// Of the images in use.
    dataset_sha256: String,
    /// As TOML, which keeps every bit of its numbers.
    protocol: String,
    /// The kind of device with its vector instructions: another one computes other bits.
    device: String,
}

/// How far a training is.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Position {
    pub(super) tally: Tally,
    /// Where the generator of the order of the images is.
    pub(super) order: RngPosition,
    /// The images of the epoch at hand that are still to come.
    pub(super) waiting: Vec<u32>,
    /// Where the generator of the variations is.
    pub(super) augmentation: RngPosition,
}

/// Where a generator is in its sequence: the number of 32-bit words, its upper half first.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct RngPosition(u64, u64);

impl RngPosition {
    #[expect(clippy::cast_possible_truncation, reason = "two halves")]
    pub(super) fn new(rng: &ChaCha8Rng) -> Self {
        let words = rng.get_word_pos();
        Self((words >> 64) as u64, words as u64)
    }

    /// Moves a generator there.
    pub(super) fn move_to(self, rng: &mut ChaCha8Rng) {
        rng.set_word_pos((u128::from(self.0) << 64) | u128::from(self.1));
    }
}

impl Checkpoint {
    pub(super) fn new(training: &Training<'_>, state: &State, source: &Source<'_>, tally: Tally) -> Self {
        let position = Position {
            tally,
            order: RngPosition::new(&source.stream.rng),
            waiting: source.stream.waiting.clone(),
            augmentation: RngPosition::new(&source.augmentation),
        };
        Self { about: About::new(training), arrays: state.arrays().cloned().collect(), position }
    }

    /// Moves what batches are drawn from to where the training is, and returns the state of its model.
    ///
    /// # Errors
    ///
    /// [`Error::AnotherTraining`] if the checkpoint is of another training, [`Error::Impossible`] if it is one that no training
    /// makes.
    pub(super) fn restore(&self, training: &Training<'_>, source: &mut Source<'_>) -> Result<State, Error> {
        self.check(training)?;
        let state = State::from_arrays(&training.plan()?, self.arrays.clone())?;
        let Position { tally, order, waiting, augmentation } = &self.position;
        let images = training.protocol.images.train;
        let is_possible = tally.step <= training.steps()? && waiting.len() < images + training.protocol.batch_size;
        if !is_possible || waiting.iter().any(|image| *image as usize >= images) || state.memory().is_empty() {
            return Err(Error::Impossible { steps: tally.step });
        }
        source.stream.waiting.clone_from(waiting);
        order.move_to(&mut source.stream.rng);
        augmentation.move_to(&mut source.augmentation);
        Ok(state)
    }

    /// Reads a checkpoint.
    ///
    /// # Errors
    ///
    /// [`Error::File`], [`Error::Tensors`] or [`Error::Contents`] if the file is none.
    pub fn read(file: &Path) -> Result<Self, Error> {
        let tensors::Contents { about, arrays, bytes } = tensors::read(file, KIND)?;
        let position = ciborium::from_reader(&bytes[..]);
        let position = position.map_err(|source| Error::Position { file: file.to_owned(), source: Box::new(source) })?;
        Ok(Self { about, arrays, position })
    }

    /// Writes the checkpoint, whole or not at all; one that was there is replaced.
    ///
    /// # Errors
    ///
    /// [`Error::File`] if the disk does not take it.
    ///
    /// # Panics
    ///
    /// Never: how far a training is is made of numbers and lists.
    pub fn write(&self, file: &Path) -> Result<(), Error> {
        let mut bytes = Vec::new();
        ciborium::into_writer(&self.position, &mut bytes).expect("numbers and lists");
        tensors::write(file, KIND, &self.about, self.arrays.iter(), &bytes)
    }

    /// The steps that were taken.
    #[must_use]
    pub fn steps(&self) -> usize {
        self.position.tally.step
    }

    /// Returns an error if the checkpoint is one of another training.
    ///
    /// # Errors
    ///
    /// [`Error::AnotherTraining`] with the first thing that differs.
    pub(super) fn check(&self, training: &Training<'_>) -> Result<(), Error> {
        let (found, expected) = (&self.about, About::new(training));
        let pairs = [
            ("program version", &found.version, &expected.version),
            ("cell", &found.cell.to_string(), &expected.cell.to_string()),
            ("number of epochs", &found.epochs.to_string(), &expected.epochs.to_string()),
            ("seed", &found.seed.to_string(), &expected.seed.to_string()),
            ("data set (sha256)", &found.dataset_sha256, &expected.dataset_sha256),
            ("kind of device", &found.device, &expected.device),
        ];
        let another = |what, found: &str, expected: &str| {
            Err(Error::AnotherTraining { what, found: found.to_owned(), expected: expected.to_owned() })
        };
        if let Some((what, found, expected)) = pairs.into_iter().find(|(_, found, expected)| found != expected) {
            return another(what, found, expected);
        }
        let identity = |text: &str| toml::from_str(text).map_or(Value::Null, |protocol: Protocol| protocol.identity());
        match difference("", &identity(&found.protocol), &identity(&expected.protocol)) {
            Some((found, expected)) => another("protocol", &found, &expected),
            None => Ok(()),
        }
    }
}

impl About {
    fn new(training: &Training<'_>) -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            cell: training.cell.representative(),
            epochs: training.epochs,
            seed: training.seed,
            dataset_sha256: training.data.sha256().to_owned(),
            protocol: training.protocol.to_toml(),
            device: training.device.arithmetic(),
        }
    }
}

/// The first value in which two trees differ, with its name, of both.
fn difference(name: &str, found: &Value, expected: &Value) -> Option<(String, String)> {
    match (found, expected) {
        (Value::Object(one), Value::Object(other)) => {
            let keys = one.keys().chain(other.keys().filter(|key| !one.contains_key(*key)));
            let value = |object: &serde_json::Map<String, Value>, key: &String| object.get(key).cloned().unwrap_or_default();
            let path = |key: &String| if name.is_empty() { key.clone() } else { format!("{name}.{key}") };
            keys.into_iter().find_map(|key| difference(&path(key), &value(one, key), &value(other, key)))
        }
        _ => (found != expected).then(|| (format!("{name} = {found}"), format!("{name} = {expected}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Device, Optimizer};
    use crate::train::fixture::{Setting, diverging, tiny, to_the_end};
    use crate::train::{Curves, Evaluation, Run, Trained};
    use crate::unit::Seconds;

    /// With variations, and the optimizer that remembers more.
    fn protocol() -> Protocol {
        let mut protocol = tiny();
        protocol.augmentation = crate::dataset::Augmentation { padding: 2, flip: true };
        protocol.update.optimizer = Optimizer::RmsProp { decay: 0.9, momentum: 0.9, epsilon: 1.0 };
        protocol
    }

    /// What a training came to, without what depends on the clock.
    fn timeless(trained: Trained) -> Trained {
        let untimed = |evaluation| Evaluation { training_time: Seconds::default(), ..evaluation };
        Trained {
            start: untimed(trained.start),
            halfway: untimed(trained.halfway),
            end: untimed(trained.end),
            total_time: Seconds::default(),
            images_per_second: None,
            curves: Curves { images_per_second: Vec::new(), ..trained.curves },
            ..trained
        }
    }

    #[test]
    fn a_training_broken_off_anywhere_ends_as_one_that_was_not() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.checkpoint");
        let setting = Setting::new(protocol());
        for device in [Device::Cpu, Device::Reference] {
            let training = setting.training(3, 7, device);
            let (expected, model) = to_the_end(&training).finish();
            // 13 steps: before the first, inside of an epoch, at its end, halfway, after the last.
            for steps in [0, 1, 4, 5, 7, 12, 13] {
                let mut run = training.start().unwrap();
                (0..steps).for_each(|_| assert!(run.advance().unwrap().is_some()));
                run.checkpoint().unwrap().write(&file).unwrap();
                drop(run);
                let checkpoint = Checkpoint::read(&file).unwrap();
                assert_eq!(checkpoint.steps(), steps);
                let mut run = training.resume(&checkpoint).unwrap();
                while run.advance().unwrap().is_some() {}
                let (found, continued) = run.finish();
                assert!(found.end.training_time > found.halfway.training_time);
                assert_eq!(timeless(found), timeless(expected.clone()), "{device}, broken off after step {steps}");
                assert_eq!(continued.state().unwrap(), model.state().unwrap());
            }
        }
    }

    #[test]
    fn a_training_may_be_broken_off_again_and_again() {
        let setting = Setting::new(protocol());
        let training = setting.training(2, 1, Device::Cpu);
        let expected = training.run(&mut |_| {}).unwrap();
        let mut checkpoint = training.start().unwrap().checkpoint().unwrap();
        let found = loop {
            let mut run = training.resume(&checkpoint).unwrap();
            if run.advance().unwrap().is_none() {
                break run.finish().0;
            }
            checkpoint = run.checkpoint().unwrap();
        };
        assert_eq!(timeless(found), timeless(expected));
    }

    #[test]
    fn batches_prepared_ahead_change_neither_a_training_nor_its_checkpoints() {
        let setting = Setting::new(protocol());
        let training = setting.training(2, 3, Device::Reference);
        let (expected, model) = to_the_end(&training).finish();
        let check = |run: Run<'_>| {
            let (found, continued) = run.finish();
            assert_eq!(timeless(found), timeless(expected.clone()));
            assert_eq!(continued.state().unwrap(), model.state().unwrap());
        };
        let mut run = training.start().unwrap();
        run.feed.is_ahead = true;
        while run.advance().unwrap().is_some() {
            let mut in_line = training.resume(&run.checkpoint().unwrap()).unwrap();
            while in_line.advance().unwrap().is_some() {}
            check(in_line);
        }
        check(run);
    }

    #[test]
    fn a_training_that_diverged_stays_so() {
        let setting = Setting::new(diverging());
        let training = setting.training(3, 1, Device::Cpu);
        let mut again = training.resume(&to_the_end(&training).checkpoint().unwrap()).unwrap();
        assert!(again.advance().unwrap().is_none() && again.finish().0.is_diverged());
    }

    #[test]
    fn the_checkpoint_of_another_training_is_refused_with_what_differs() {
        let setting = Setting::new(tiny());
        let training = setting.training(2, 1, Device::Cpu);
        let checkpoint = training.start().unwrap().checkpoint().unwrap();
        let message = |training: &Training<'_>| training.resume(&checkpoint).unwrap_err().to_string();
        assert_eq!(
            message(&setting.training(3, 1, Device::Cpu)),
            "the checkpoint is of another number of epochs: found `2`, expected `3`"
        );
        assert_eq!(message(&setting.training(2, 5, Device::Cpu)), "the checkpoint is of another seed: found `1`, expected `5`");
        let [cpu, reference] = [Device::Cpu, Device::Reference].map(Device::arithmetic);
        assert_eq!(
            message(&setting.training(2, 1, Device::Reference)),
            format!("the checkpoint is of another kind of device: found `{cpu}`, expected `{reference}`")
        );
        let mut elsewhere = checkpoint.clone();
        "cpu with AVX-7".clone_into(&mut elsewhere.about.device);
        assert_eq!(
            training.resume(&elsewhere).unwrap_err().to_string(),
            format!("the checkpoint is of another kind of device: found `cpu with AVX-7`, expected `{cpu}`")
        );
        let cell = Cell::from_texts("0100", "input,output").unwrap();
        let text = message(&Training { cell: &cell, ..training });
        assert!(text.starts_with("the checkpoint is of another cell: found `") && text.contains("maxpool3x3"), "{text}");

        let mut slower = tiny();
        slower.learning_rate.peak = 0.05;
        let text = message(&Setting::new(slower).training(2, 1, Device::Cpu));
        let rates = "found `learning_rate.peak = 0.1`, expected `learning_rate.peak = 0.05`";
        assert_eq!(text, format!("the checkpoint is of another protocol: {rates}"));
        let mut renamed = tiny();
        renamed.name = "other".to_owned();
        assert!(Setting::new(renamed).training(2, 1, Device::Cpu).resume(&checkpoint).is_ok());

        let mut fewer = tiny();
        fewer.images.test = 50;
        let text = message(&Setting::new(fewer).training(2, 1, Device::Cpu));
        assert!(text.starts_with("the checkpoint is of another data set (sha256): found `"), "{text}");

        let mut older = checkpoint.clone();
        "0.0.1".clone_into(&mut older.about.version);
        let text = training.resume(&older).unwrap_err().to_string();
        assert_eq!(
            text,
            format!("the checkpoint is of another program version: found `0.0.1`, expected `{}`", env!("CARGO_PKG_VERSION"))
        );
    }

    #[test]
    fn a_checkpoint_that_no_training_makes_is_refused() {
        let setting = Setting::new(tiny());
        let training = setting.training(2, 1, Device::Cpu);
        let checkpoint = training.start().unwrap().checkpoint().unwrap();
        let refused = |change: &dyn Fn(&mut Checkpoint)| {
            let mut changed = checkpoint.clone();
            change(&mut changed);
            training.resume(&changed).unwrap_err().to_string()
        };
        let impossible = "is one that its training never makes";
        assert!(refused(&|one| one.position.tally.step = 10).ends_with(impossible));
        assert!(refused(&|one| one.position.waiting = vec![90]).ends_with(impossible));
        assert!(refused(&|one| one.position.waiting = vec![0; 200]).ends_with(impossible));
        let is_memory = |array: &Array| array.name.ends_with("momentum") || array.name.ends_with("mean_square");
        assert!(refused(&|one| one.arrays.retain(|array| !is_memory(array))).ends_with(impossible));
        let text = refused(&|one| drop(one.arrays.remove(0)));
        assert!(text.contains("no such array"), "{text}");
    }

    #[test]
    fn a_file_that_is_no_checkpoint_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.checkpoint");
        let setting = Setting::new(tiny());
        let training = setting.training(1, 1, Device::Cpu);
        training.start().unwrap().checkpoint().unwrap().write(&file).unwrap();
        let bytes = fs_err::read(&file).unwrap();
        let message = |bytes: &[u8]| {
            fs_err::write(&file, bytes).unwrap();
            Checkpoint::read(&file).unwrap_err().to_string()
        };
        let name = file.display().to_string();
        assert_eq!(message(b"PAR1"), format!("`{name}` is no safetensors file"));
        assert_eq!(message(&bytes[..bytes.len() - 1]), format!("`{name}` is no safetensors file"));
        let mut flipped = bytes.clone();
        *flipped.last_mut().unwrap() ^= 1;
        assert!(message(&flipped).starts_with(&format!("`{name}` is damaged: the sha256 of its contents is ")));
        let mut card = bytes.clone();
        let seed = card.windows(10).position(|text| text == br#"\"seed\":1"#).unwrap();
        card[seed + 9] = b'2';
        assert!(message(&card).starts_with(&format!("`{name}` is damaged: the sha256 of its contents is ")));
        let text = message(&safetensors::serialize(Vec::<(&str, safetensors::tensor::TensorView<'_>)>::new(), None).unwrap());
        assert_eq!(text, format!("`{name}` is no checkpoint of this program, found a file of another program"));
        let missing = folder.path().join("missing");
        assert!(Checkpoint::read(&missing).unwrap_err().to_string().contains("missing"));
        assert!(matches!(Checkpoint::read(folder.path()), Err(Error::Contents { .. } | Error::File(_))));
    }
}
