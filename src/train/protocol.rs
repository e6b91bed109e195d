//! How a cell becomes a trained model: everything that must be equal for two records to be comparable.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::Error;
use crate::dataset::{Augmentation, Dataset, ImageShape, Normalisation, Sizes};
use crate::engine::{Optimizer, Settings};
use crate::network::Skeleton;
use crate::unit::Epochs;

/// A preset, as `nasbench list protocols` shows it.
#[derive(Debug)]
pub struct Entry {
    /// The name to give to `--protocol`.
    pub name: &'static str,
    /// What it is for.
    pub about: &'static str,
    /// The protocol as TOML.
    pub toml: &'static str,
}

impl Entry {
    /// Reads the protocol.
    ///
    /// # Panics
    ///
    /// Never: the text of a preset is a protocol.
    #[must_use]
    pub fn build(&self) -> Protocol {
        toml::from_str(self.toml).expect("a preset is a protocol")
    }
}

/// Every preset.
pub const PROTOCOLS: &[Entry] = &[
    Entry {
        name: "quick",
        about: "small networks and few images: a whole space in minutes on a laptop, for data sets of 14,000 images or more",
        toml: include_str!("protocols/quick.toml"),
    },
    Entry {
        name: "shipped",
        about: "of the benchmark that comes with the program, for fashion-clutter: networks of equal cost, so that cells differ by their graph",
        toml: include_str!("protocols/shipped.toml"),
    },
    Entry {
        name: "nas-bench-101",
        about: "the official one, but for the two shards of its TPUs: CIFAR-10, 128 channels, 3 stacks of 3 cells, 4 to 108 epochs, for GPUs",
        toml: include_str!("protocols/nas-bench-101.toml"),
    },
];

pub(super) fn known() -> String {
    PROTOCOLS.iter().map(|entry| entry.name).collect::<Vec<_>>().join(", ")
}

/// A protocol of training. Written as TOML it is a file for `--protocol`; `nasbench list protocols --toml quick` writes a preset
/// as such a file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Protocol {
    /// What it is called; no part of a benchmark's identity.
    pub name: String,
    /// The epoch budgets of a recording, ascending; no part of a benchmark's identity.
    pub budgets: Vec<Epochs>,
    /// How often each cell is trained at each budget; no part of a benchmark's identity.
    pub repeats: u16,
    /// The images of one step.
    pub batch_size: usize,
    /// The size of the network around the cells.
    pub network: Network,
    /// How many images are used.
    pub images: Images,
    /// The learning rate.
    pub learning_rate: Schedule,
    /// How a step changes the model.
    pub update: Settings,
    /// How training images are varied.
    #[serde(default)]
    pub augmentation: Augmentation,
    /// What makes numbers of pixels; if left out, each channel gets mean 0 and standard deviation 1 over the training images.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pixels: Option<Pixels>,
}

/// What is subtracted from each channel of an image, and what the rest is divided by.
///
/// # Shapes
///
/// One mean and one deviation per channel.
///
/// # Units
///
/// Pixel values, 0 to 255.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pixels {
    /// What is subtracted.
    pub mean: Vec<f64>,
    /// What the rest is divided by.
    pub deviation: Vec<f64>,
}

impl Pixels {
    /// The same in the numbers of a network.
    #[expect(clippy::cast_possible_truncation, reason = "a network computes in single precision")]
    fn normalisation(&self) -> Result<Normalisation, Error> {
        let numbers = |values: &[f64]| values.iter().map(|value| *value as f32).collect();
        Ok(Normalisation::new(numbers(&self.mean), numbers(&self.deviation))?)
    }
}

/// The size of the network around the cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Network {
    /// The size of the images; the data set's if left out.
    pub image: Option<ImageShape>,
    /// How many classes are told apart; the data set's if left out.
    pub classes: Option<usize>,
    /// The output channels of the stem and of the cells of the first stack.
    pub stem_channels: usize,
    /// The number of stacks.
    pub stacks: usize,
    /// The number of cells in each stack.
    pub cells_per_stack: usize,
    /// If given, the operations that a forward pass of each cell is to cost: the stem has a multiple of `stem_channels` channels then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub equal_flops: Option<u64>,
}

impl Network {
    /// The skeleton of the networks; `None` if it is left to the data set.
    #[must_use]
    pub fn skeleton(self) -> Option<Skeleton> {
        let Self { image, classes, stem_channels, stacks, cells_per_stack, equal_flops } = self;
        Some(Skeleton { image: image?, classes: classes?, stem_channels, stacks, cells_per_stack, equal_flops })
    }
}

/// How many images are used, always the first ones of each part of the data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Images {
    /// Training images.
    pub train: usize,
    /// Validation images.
    pub validation: usize,
    /// Test images.
    pub test: usize,
    /// The training images on which the train accuracy is measured.
    pub train_accuracy: usize,
    /// The validation images on which the curve of each epoch is measured; of each part, the most before the first step.
    pub curve: usize,
}

/// The learning rate: half a cosine, per step.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// The rate of the first step.
    pub peak: f64,
    /// Whether step 0 has rate 0, as in the official program.
    pub idle_first_step: bool,
}

impl Protocol {
    /// Finds a preset by its name, or reads a TOML file.
    ///
    /// The preset `nas-bench-101` is the official protocol but for one thing: there two shards of a TPU normalised their halves of
    /// each batch apart, here a batch is whole.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownProtocol`], [`Error::Read`], [`Error::Parse`] or [`Error::Value`].
    pub fn find(name: &str) -> Result<Self, Error> {
        if let Some(entry) = PROTOCOLS.iter().find(|entry| entry.name == name) {
            return Ok(entry.build());
        }
        let path = Path::new(name);
        if path.extension().is_none() && !path.exists() {
            return Err(Error::UnknownProtocol { name: name.to_owned() });
        }
        let text = fs_err::read_to_string(path).map_err(|source| Error::Read { source })?;
        Self::parse(&text, path)
    }

    /// Reads the TOML text of a file.
    pub(super) fn parse(text: &str, path: &Path) -> Result<Self, Error> {
        let protocol: Self =
            toml::from_str(text).map_err(|error| Error::Parse { path: path.to_owned(), source: Box::new(error) })?;
        protocol.check()?;
        Ok(protocol)
    }

    /// The protocol as TOML, as [`find`](Self::find) reads it from a file.
    ///
    /// # Panics
    ///
    /// Never: a protocol is plain data.
    #[must_use]
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("a protocol is plain data")
    }

    /// Returns an error unless every value is in its valid range.
    fn check(&self) -> Result<(), Error> {
        let expect = |holds: bool, name, found: String, expected| {
            if holds { Ok(()) } else { Err(Error::Value { name, found, expected }) }
        };
        let Images { train, validation, test, train_accuracy, curve } = self.images;
        for (name, found) in [
            ("repeats", usize::from(self.repeats)),
            ("batch_size", self.batch_size),
            ("network.stem_channels", self.network.stem_channels),
            ("network.stacks", self.network.stacks),
            ("network.cells_per_stack", self.network.cells_per_stack),
            ("images.train", train),
            ("images.validation", validation),
            ("images.test", test),
            ("images.train_accuracy", train_accuracy),
            ("images.curve", curve),
        ] {
            expect(found > 0, name, found.to_string(), "at least 1")?;
        }
        expect(train_accuracy <= train, "images.train_accuracy", train_accuracy.to_string(), "at most images.train")?;
        expect(curve <= validation, "images.curve", curve.to_string(), "at most images.validation")?;
        expect(self.batch_size <= train, "batch_size", self.batch_size.to_string(), "at most images.train")?;
        let budgets = &self.budgets;
        let ascending = budgets.is_sorted_by(|a, b| a < b) && budgets.first().is_some_and(|first| first.0 > 0);
        let listed: Vec<_> = budgets.iter().map(ToString::to_string).collect();
        expect(ascending, "budgets", format!("[{}]", listed.join(", ")), "epochs from 1 on, ascending, at least one")?;
        let peak = self.learning_rate.peak;
        expect(peak.is_finite() && peak > 0.0, "learning_rate.peak", peak.to_string(), "a positive number")?;
        let Settings { weight_decay, batch_norm_momentum, batch_norm_epsilon, .. } = self.update;
        let is_share = |value: f64| (0.0..1.0).contains(&value);
        let is_positive = |value: f64| value > 0.0 && value.is_finite();
        let (of_optimizer, epsilon) = match self.update.optimizer {
            Optimizer::RmsProp { decay, momentum, epsilon } => {
                (vec![("update.optimizer.decay", decay), ("update.optimizer.momentum", momentum)], epsilon)
            }
            Optimizer::Nesterov { momentum } => (vec![("update.optimizer.momentum", momentum)], 1.0),
        };
        for (name, value) in of_optimizer.into_iter().chain([("update.batch_norm_momentum", batch_norm_momentum)]) {
            expect(is_share(value), name, value.to_string(), "0 to below 1")?;
        }
        for (name, value) in [("update.optimizer.epsilon", epsilon), ("update.batch_norm_epsilon", batch_norm_epsilon)] {
            expect(is_positive(value), name, value.to_string(), "a positive number")?;
        }
        let is_decay = weight_decay >= 0.0 && weight_decay.is_finite();
        expect(is_decay, "update.weight_decay", weight_decay.to_string(), "0 or more")?;
        self.normalisation().map(|_| ())
    }

    /// What makes numbers of pixels, if the protocol says it.
    pub(super) fn normalisation(&self) -> Result<Option<Normalisation>, Error> {
        self.pixels.as_ref().map(Pixels::normalisation).transpose()
    }

    /// Fills in what the protocol leaves to the data set, after which it says everything about a training.
    ///
    /// # Errors
    ///
    /// [`Error::ImageShape`] or [`Error::Classes`] if the data set is not what the protocol is for.
    pub fn resolve(mut self, dataset: &Dataset) -> Result<Self, Error> {
        let (shape, classes) = (dataset.shape(), dataset.classes().len());
        let name = || dataset.name().to_owned();
        let expected = *self.network.image.get_or_insert(shape);
        if expected != shape {
            return Err(Error::ImageShape { dataset: name(), expected, found: shape });
        }
        let expected = *self.network.classes.get_or_insert(classes);
        if expected != classes {
            return Err(Error::Classes { dataset: name(), expected, found: classes });
        }
        let padding = self.augmentation.padding;
        if usize::from(padding) >= shape.height.min(shape.width) {
            let expected = "fewer pixels than an image has rows and columns";
            return Err(Error::Value { name: "augmentation.padding", found: padding.to_string(), expected });
        }
        if let Some(Pixels { mean, .. }) = self.pixels.as_ref().filter(|pixels| pixels.mean.len() != shape.channels) {
            let expected = "one number for each channel of the images";
            return Err(Error::Value { name: "pixels.mean", found: format!("{mean:?}"), expected });
        }
        Ok(self)
    }

    /// The skeleton of the networks; `None` before [`resolve`](Self::resolve) if the protocol leaves it to the data set.
    #[must_use]
    pub fn skeleton(&self) -> Option<Skeleton> {
        self.network.skeleton()
    }

    /// How many forward passes of one image a training costs, its evaluations included. A training step counts for three.
    #[must_use]
    pub fn passes(&self, epochs: Epochs) -> u64 {
        let Images { train, validation, test, train_accuracy, curve } = self.images;
        let before = train_accuracy.min(curve) + validation.min(curve) + test.min(curve);
        let halfway_and_at_the_end = 2 * (train_accuracy + validation + test);
        let each_epoch = 3 * train + curve;
        (before + halfway_and_at_the_end) as u64 + u64::from(epochs.0) * each_epoch as u64
    }

    /// The part that must be equal for two records to be comparable: all but the name, the budgets and the repeats.
    ///
    /// # Panics
    ///
    /// Never: a protocol is plain data.
    #[must_use]
    pub fn identity(&self) -> serde_json::Value {
        let mut value = serde_json::to_value(self).expect("a protocol is plain data");
        if let Some(fields) = value.as_object_mut() {
            fields.retain(|name, _| !["name", "budgets", "repeats"].contains(&name.as_str()));
        }
        value
    }

    /// Reads the [`identity`](Self::identity) of a protocol, which says nothing of budgets and repeats: one epoch, once.
    ///
    /// # Errors
    ///
    /// What serde says of a value that is no identity.
    pub fn from_identity(identity: &serde_json::Value) -> Result<Self, serde_json::Error> {
        let mut value = identity.clone();
        if let Some(fields) = value.as_object_mut() {
            fields.insert("name".to_owned(), "recorded".into());
            fields.insert("budgets".to_owned(), serde_json::json!([1]));
            fields.insert("repeats".to_owned(), 1.into());
        }
        serde_json::from_value(value)
    }

    /// The protocol in words, as name and text of each part.
    #[must_use]
    pub fn lines(&self) -> Vec<(String, String)> {
        let Network { stem_channels, stacks, cells_per_stack, equal_flops, .. } = self.network;
        let stem = equal_flops.map_or_else(
            || format!("stem of {stem_channels} channels"),
            |flops| format!("stem of as many channels, in multiples of {stem_channels}, as make {flops} FLOPs"),
        );
        let Settings { optimizer, weight_decay, batch_norm_momentum, .. } = self.update;
        let budgets: Vec<_> = self.budgets.iter().map(ToString::to_string).collect();
        let optimizer = match optimizer {
            Optimizer::RmsProp { decay, momentum, epsilon } => {
                format!("RMSProp, decay {decay}, momentum {momentum}, ε {epsilon}")
            }
            Optimizer::Nesterov { momentum } => format!("SGD with Nesterov momentum {momentum}"),
        };
        let augmentation = match self.augmentation {
            Augmentation { padding: 0, flip: false } => "none".to_owned(),
            Augmentation { padding, flip } => format!("pad {padding} and crop{}", if flip { ", flip" } else { "" }),
        };
        [
            ("network", format!("{stem}, stacks × cells: {stacks} × {cells_per_stack}")),
            ("budgets", format!("{} epochs, {} repeats each", budgets.join(", "), self.repeats)),
            ("steps", format!("batches of {}, {optimizer}, weight decay {weight_decay}", self.batch_size)),
            ("learning rate", format!("{} falling along a cosine", self.learning_rate.peak)),
            ("batch normalisation", format!("running statistics keep {batch_norm_momentum} per step")),
            ("augmentation", augmentation),
        ]
        .map(|(name, text)| (name.to_owned(), text))
        .to_vec()
    }

    /// The images of the data set that the protocol uses.
    ///
    /// # Errors
    ///
    /// [`Error::TooFewImages`] if the data set has fewer.
    pub fn select(&self, dataset: &Dataset) -> Result<Dataset, Error> {
        let Images { train, validation, test, .. } = self.images;
        let (expected, found) = (Sizes { train, validation, test }, dataset.sizes());
        if found.train < train || found.validation < validation || found.test < test {
            return Err(Error::TooFewImages { dataset: dataset.name().to_owned(), expected, found });
        }
        Ok(dataset.take(expected)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quick() -> Protocol {
        Protocol::find("quick").unwrap()
    }

    fn nas_bench_101() -> Protocol {
        Protocol::find("nas-bench-101").unwrap()
    }

    #[test]
    fn every_preset_reads_back_from_its_toml() {
        for entry in PROTOCOLS {
            let protocol = entry.build();
            protocol.check().unwrap();
            assert_eq!(protocol.name, entry.name);
            let text = toml::to_string(&protocol).unwrap();
            assert_eq!(toml::from_str::<Protocol>(&text).unwrap(), protocol);
        }
    }

    #[test]
    fn an_unknown_name_is_told_the_known_ones() {
        let message = Protocol::find("quik").unwrap_err().to_string();
        assert_eq!(message, "unknown protocol `quik` (known: quick, shipped, nas-bench-101; or the path of a TOML file)");
    }

    #[test]
    fn a_value_out_of_range_is_named() {
        let broken = Protocol { budgets: vec![Epochs(4), Epochs(4)], ..quick() };
        let message = broken.check().unwrap_err().to_string();
        assert!(message.starts_with("the protocol has budgets = [4, 4], expected epochs"), "{message}");
        let broken = Protocol { batch_size: 0, ..quick() };
        assert_eq!(broken.check().unwrap_err().to_string(), "the protocol has batch_size = 0, expected at least 1");
    }

    #[test]
    fn an_optimizer_that_cannot_descend_is_refused() {
        let refused = |change: &dyn Fn(&mut Settings)| {
            let mut protocol = nas_bench_101();
            change(&mut protocol.update);
            protocol.check().unwrap_err().to_string()
        };
        let rms_prop = |decay, momentum, epsilon| Optimizer::RmsProp { decay, momentum, epsilon };
        let optimizer = |optimizer| refused(&|update| update.optimizer = optimizer);
        let share = "expected 0 to below 1";
        for momentum in [5.0, 1.0, -1.0, f64::NAN] {
            let expected = format!("the protocol has update.optimizer.momentum = {momentum}, {share}");
            assert_eq!(optimizer(Optimizer::Nesterov { momentum }), expected);
            assert_eq!(optimizer(rms_prop(0.9, momentum, 1.0)), expected);
        }
        assert_eq!(optimizer(rms_prop(1.9, 0.9, 1.0)), format!("the protocol has update.optimizer.decay = 1.9, {share}"));
        for epsilon in [0.0, -2.0, f64::INFINITY] {
            let expected = format!("the protocol has update.optimizer.epsilon = {epsilon}, expected a positive number");
            assert_eq!(optimizer(rms_prop(0.9, 0.9, epsilon)), expected);
        }
        let infinite = "the protocol has update.weight_decay = inf, expected 0 or more";
        assert_eq!(refused(&|update| update.weight_decay = f64::INFINITY), infinite);
        let infinite = "the protocol has update.batch_norm_epsilon = inf, expected a positive number";
        assert_eq!(refused(&|update| update.batch_norm_epsilon = f64::INFINITY), infinite);
    }

    #[test]
    fn the_official_protocol_has_the_published_values() {
        let text = nas_bench_101().to_toml();
        let found: toml::Table = toml::from_str(&text).unwrap();
        let expected: toml::Table = toml::from_str(
            r#"
            name = "nas-bench-101"
            budgets = [4, 12, 36, 108]
            repeats = 3
            batch_size = 256
            network = { classes = 10, stem_channels = 128, stacks = 3, cells_per_stack = 3, image = { channels = 3, height = 32, width = 32 } }
            images = { train = 40000, validation = 9984, test = 9984, train_accuracy = 256, curve = 9984 }
            learning_rate = { peak = 0.2, idle_first_step = true }
            augmentation = { padding = 4, flip = true }
            pixels = { mean = [125.31, 122.95, 113.87], deviation = [62.99, 62.09, 66.7] }
            [update]
            optimizer = { kind = "rms-prop", decay = 0.9, momentum = 0.9, epsilon = 1.0 }
            weight_decay = 1e-4
            batch_norm_momentum = 0.997
            batch_norm_epsilon = 1e-5
            "#,
        )
        .unwrap();
        assert_eq!(found, expected);
    }

    #[test]
    fn what_is_said_of_pixels_must_fit_the_images() {
        let dataset = crate::dataset::find("fashion-14").unwrap().load(None).unwrap();
        let pixels = |mean: &[f64], deviation: &[f64]| Some(Pixels { mean: mean.to_vec(), deviation: deviation.to_vec() });
        let grey = Protocol { pixels: pixels(&[72.5], &[90.0]), ..quick() };
        grey.check().unwrap();
        let data = crate::train::Data::select(&grey.clone().resolve(&dataset).unwrap(), &dataset).unwrap();
        assert_eq!((data.normalisation().mean(), data.normalisation().deviation()), (&[72.5][..], &[90.0][..]));
        let coloured = Protocol { pixels: pixels(&[1.0, 2.0, 3.0], &[1.0; 3]), ..quick() };
        let message = "the protocol has pixels.mean = [1.0, 2.0, 3.0], expected one number for each channel of the images";
        assert_eq!(coloured.resolve(&dataset).unwrap_err().to_string(), message);
        let flat = Protocol { pixels: pixels(&[1.0], &[0.0]), ..quick() };
        assert!(flat.check().unwrap_err().to_string().starts_with("[1.0] and [0.0] are no means and positive deviations"));
        assert_ne!(grey.identity(), quick().identity());

        let blank = Protocol { augmentation: Augmentation { padding: 14, flip: false }, ..quick() };
        let message = "the protocol has augmentation.padding = 14, expected fewer pixels than an image has rows and columns";
        assert_eq!(blank.resolve(&dataset).unwrap_err().to_string(), message);
    }

    #[test]
    fn a_key_that_nobody_reads_is_refused_in_every_table() {
        let text = nas_bench_101().to_toml();
        for name in
            ["network", "network.image", "images", "learning_rate", "update", "update.optimizer", "augmentation", "pixels"]
        {
            let mut found: toml::Table = toml::from_str(&text).unwrap();
            let inner = name.split('.').fold(&mut found, |table, key| table[key].as_table_mut().unwrap());
            inner.insert("colour".to_owned(), 1.into());
            let error = Protocol::parse(&toml::to_string(&found).unwrap(), Path::new("mine.toml")).unwrap_err();
            let source = std::error::Error::source(&error).unwrap().to_string();
            assert!(source.contains("unknown field `colour`"), "{name}: {source}");
        }
        // Some programs of Windows begin every text with it.
        assert_eq!(Protocol::parse(&format!("\u{feff}{text}"), Path::new("mine.toml")).unwrap(), nas_bench_101());
    }

    #[test]
    fn more_images_than_there_are_are_refused() {
        let dataset = crate::dataset::find("fashion-14").unwrap().load(None).unwrap();
        let greedy = Protocol { images: Images { train: 6_001, ..quick().images }, ..quick() };
        assert_eq!(
            greedy.select(&dataset).unwrap_err().to_string(),
            "the protocol uses 6001 + 4000 + 4000 images (training + validation + test), `fashion-14` has 6000 + 4000 + 4000\n\
             hint: a TOML file for `--protocol` may use fewer: `[images]` says how many"
        );
        assert!(quick().select(&dataset).is_ok());
    }

    #[test]
    fn passes_count_every_image_that_is_shown() {
        let epoch = 3 * 6_000 + 512;
        assert_eq!(quick().passes(Epochs(2)), 256 + 512 + 512 + 2 * (256 + 4_000 + 4_000) + 2 * epoch);
        assert_eq!(quick().passes(Epochs(5)) - quick().passes(Epochs(2)), 3 * epoch);
    }

    #[test]
    fn budgets_and_repeats_are_no_part_of_the_identity() {
        let grown = Protocol { budgets: vec![Epochs(9)], repeats: 7, name: "mine".to_owned(), ..quick() };
        assert_eq!(grown.identity(), quick().identity());
        assert_ne!(Protocol { batch_size: 51, ..quick() }.identity(), quick().identity());
    }
}
