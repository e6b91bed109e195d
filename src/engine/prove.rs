//! Finds the devices of this machine and proves each: it trains a cell for a few steps, as the reference does.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use rand::RngExt as _;

use super::{Device, Error, Model, Optimizer, Settings, lane, panic_text, processor};
use crate::dataset::ImageShape;
use crate::network::{Plan, Skeleton};
use crate::space::Cell;
use crate::unit::Seed;

/// The greatest relative difference of a loss from the reference's with which a device passes.
///
/// Training amplifies rounding errors, so only the first steps are compared.
pub const TOLERANCE: f64 = 1e-3;

/// The steps that are compared.
const STEPS: u64 = 3;
/// The images of a step.
const BATCH: usize = 32;
/// How long the speed is measured, unless one step takes longer.
const PATIENCE: Duration = Duration::from_millis(250);
const LEARNING_RATE: f64 = 0.05;
const SEED: Seed = Seed(1);

/// A network with every kind of step that cells of NAS-Bench-101 need.
const SKELETON: Skeleton = Skeleton {
    image: ImageShape { channels: 1, height: 14, width: 14 },
    classes: 10,
    stem_channels: 8,
    stacks: 3,
    cells_per_stack: 1,
    equal_flops: None,
};

/// A device that this machine has, or seems to have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The device.
    pub device: Device,
    /// What it is: the model of the processor with its instructions, or the name of the adapter.
    pub name: String,
}

/// What a device did beside the reference: same network, same initial weights, same batches.
#[derive(Clone, Debug, PartialEq)]
pub struct Proof {
    /// The device's loss of each compared step, in nats.
    pub losses: Vec<f32>,
    /// The reference's.
    pub expected: Vec<f32>,
    /// The speed of training such a small network.
    pub images_per_second: f64,
}

impl Proof {
    /// The greatest relative difference of a loss from the reference's; infinite if a loss is no number.
    #[must_use]
    pub fn difference(&self) -> f64 {
        let difference = |(found, expected): (&f32, &f32)| {
            let difference = (f64::from(*found) / f64::from(*expected) - 1.0).abs();
            if difference.is_nan() { f64::INFINITY } else { difference }
        };
        self.losses.iter().zip(&self.expected).map(difference).fold(0.0, f64::max)
    }

    /// Whether the device computes what the reference does, within [`TOLERANCE`].
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.losses.len() == self.expected.len() && self.difference() <= TOLERANCE
    }
}

/// Lists the devices of this machine: the processor, the reference, and the adapters of GPUs if this build reaches them.
///
/// That a device is listed does not say that it works; [`prove`] does.
#[must_use]
pub fn found() -> Vec<Found> {
    let processor = processor().unwrap_or("a processor");
    let mut found = vec![
        Found { device: Device::Cpu, name: format!("{processor}, {}", lane::instructions()) },
        Found { device: Device::Reference, name: format!("{processor}, burn-flex") },
    ];
    let kinds: [fn(Option<usize>) -> Device; 2] = [|index| Device::Gpu { index }, |index| Device::Cuda { index }];
    for kind in kinds {
        match without_panic(kind(None), || Ok(super::burn::adapters(kind(None)))) {
            Ok(adapters) => {
                let own = |(index, name)| Found { device: kind(Some(index)), name };
                found.extend(adapters.into_iter().enumerate().map(own));
            }
            // It is proved like any other, so that its reason is told.
            Err(_) => found.push(Found { device: kind(None), name: "adapters that cannot be listed".to_owned() }),
        }
    }
    found
}

/// Trains a small network on the reference: the losses, in nats, with which [`prove`] compares those of a device.
///
/// # Errors
///
/// [`Error::Failed`] if the reference panics.
pub fn reference_losses() -> Result<Vec<f32>, Error> {
    let reference = Device::Reference;
    Ok(without_panic(reference, || train(reference, Duration::ZERO))?.0)
}

/// Trains the same network on a device.
///
/// # Errors
///
/// [`Error`] if the device could not be used or stopped answering, a panic of its driver included.
pub fn prove(device: Device, reference_losses: &[f32]) -> Result<Proof, Error> {
    let (losses, images_per_second) = without_panic(device, || train(device, PATIENCE))?;
    Ok(Proof { losses, expected: reference_losses.to_vec(), images_per_second })
}

/// Trains for the compared steps and then as long as the patience lasts; returns the losses and the images per second.
///
/// The speed is that of the fastest step: the first ones compile what the device runs.
fn train(device: Device, patience: Duration) -> Result<(Vec<f32>, f64), Error> {
    let settings = Settings {
        optimizer: Optimizer::Nesterov { momentum: 0.9 },
        weight_decay: 1e-4,
        batch_norm_momentum: 0.9,
        batch_norm_epsilon: 1e-5,
    };
    let cell = Cell::from_texts("0110100010000110000100000", "input,conv3x3-bn-relu,conv1x1-bn-relu,maxpool3x3,output");
    let plan = Plan::compile(&cell.expect("it is a cell"), &SKELETON).expect("its network can be built");
    let mut model = Model::new(plan, settings, SEED.derive("weights"), device)?;
    let mut rng = SEED.derive("batches").rng();
    let labels: Vec<u8> = (0..10).cycle().take(BATCH).collect();
    let (mut losses, mut fastest, start) = (Vec::new(), Duration::MAX, Instant::now());
    for step in 0.. {
        if step >= STEPS && start.elapsed() >= patience {
            break;
        }
        let images: Vec<f32> = (0..BATCH * SKELETON.image.values()).map(|_| rng.random_range(-2.0..2.0)).collect();
        let before = Instant::now();
        let report = model.step(&images, &labels, LEARNING_RATE)?;
        fastest = fastest.min(before.elapsed());
        if step < STEPS {
            losses.push(report.loss);
        }
    }
    #[expect(clippy::cast_precision_loss, reason = "a batch is far below 2^52 images")]
    let images_per_second = BATCH as f64 / fastest.as_secs_f64();
    Ok((losses, images_per_second))
}

/// Does something with a device whose driver may panic.
fn without_panic<T>(device: Device, work: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| Err(Error::Failed { device, reason: panic_text(&*panic) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_processor_and_the_reference_are_found_and_pass() {
        let found = found();
        assert_eq!([found[0].device, found[1].device], [Device::Cpu, Device::Reference]);
        assert!(found.iter().all(|found| !found.name.is_empty()));
        let expected = reference_losses().unwrap();
        let processor = prove(Device::Cpu, &expected).unwrap();
        assert!(processor.is_ok() && processor.images_per_second > 0.0, "{processor:?}");
        assert!(processor.losses.windows(2).all(|pair| (pair[0] - pair[1]).abs() > 1e-3), "{processor:?}");
        let reference = prove(Device::Reference, &expected).unwrap();
        assert_eq!((reference.difference(), reference.losses.len()), (0.0, 3));
    }

    #[test]
    fn a_device_that_computes_something_else_does_not_pass() {
        let proof = |losses: &[f32]| Proof { losses: losses.to_vec(), expected: vec![2.0, 4.0], images_per_second: 1.0 };
        assert!(proof(&[2.0, 4.003]).is_ok());
        assert!(!proof(&[2.003, 4.0]).is_ok());
        assert!(!proof(&[2.0, f32::NAN]).is_ok());
        assert!(!proof(&[2.0]).is_ok());
        assert!((proof(&[2.0, 3.0]).difference() - 0.25).abs() < 1e-9);
        assert!(proof(&[f32::NAN, 4.0]).difference().is_infinite());
    }

    #[test]
    fn a_device_that_does_not_exist_says_so() {
        let index = Some(9_999);
        let error = prove(Device::Gpu { index }, &[]).unwrap_err();
        assert!(matches!(error, Error::NotBuilt { .. } | Error::NoDevice { .. }), "{error}");
        // Where there is no driver of CUDA, it panics.
        let error = prove(Device::Cuda { index }, &[]).unwrap_err();
        assert!(matches!(error, Error::NotBuilt { .. } | Error::NoDevice { .. } | Error::Failed { .. }), "{error}");
    }

    #[test]
    fn a_driver_that_panics_is_a_device_that_failed() {
        let error = without_panic::<()>(Device::Reference, || panic!("no {}", "memory")).unwrap_err();
        assert_eq!(error.to_string(), "device `reference` failed: no memory");
    }
}
