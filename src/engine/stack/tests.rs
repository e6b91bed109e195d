//! Every stack against the lane engine, and against itself alone. Without an adapter the tests say that they were skipped.

use rand::RngExt as _;

use super::*;
use crate::dataset::{Augmentation, Batch, ImageShape, Images, Normalisation};
use crate::engine::{State, lane};
use crate::network::Skeleton;
use crate::space::{Cell, Operation, Sampler, Space};

const DEVICE: Device = Device::Gpu { index: None };
const BATCH: usize = 22;
const AUGMENTATION: Augmentation = Augmentation { padding: 1, flip: true };
const RATE: f64 = 0.01;
const NESTEROV: Optimizer = Optimizer::Nesterov { momentum: 0.9 };
const RMS_PROP: Optimizer = Optimizer::RmsProp { decay: 0.9, momentum: 0.9, epsilon: 1.0 };

/// Random images, their normalisation, and a skeleton for them.
struct Setting {
    images: Images,
    validation: Images,
    normalisation: Normalisation,
    skeleton: Skeleton,
}

impl Setting {
    fn new() -> Self {
        Self::of_size(ImageShape { channels: 2, height: 7, width: 6 }, 6)
    }

    fn of_size(shape: ImageShape, stem_channels: usize) -> Self {
        let mut rng = Seed(7).rng();
        let mut images = |n: u8| {
            let pixels = (0..usize::from(n) * shape.values()).map(|_| rng.random()).collect();
            Images::new(shape, pixels, (0..n).map(|i| i % 5).collect()).unwrap()
        };
        let (images, validation) = (images(61), images(53));
        let skeleton = Skeleton { image: shape, classes: 5, stem_channels, stacks: 2, cells_per_stack: 1, equal_flops: None };
        Self { normalisation: Normalisation::measure(&images), images, validation, skeleton }
    }

    fn stack(&self, cells: &[Cell], optimizer: Optimizer) -> Option<Stack> {
        let plans: Vec<_> = cells.iter().map(|cell| Plan::compile(cell, &self.skeleton).unwrap()).collect();
        let seeds: Vec<_> = cells.iter().map(seed).collect();
        let parts = [&self.images, &self.validation];
        let pictures = Pictures { parts: &parts, normalisation: &self.normalisation };
        match Stack::new(&plans, &seeds, settings(optimizer), BATCH, pictures, DEVICE) {
            Ok(stack) => {
                assert_eq!(stack.allocated(), Stack::bytes(&plans, BATCH, pictures));
                Some(stack)
            }
            Err(Error::NoDevice { .. }) => {
                println!("skipped: no GPU adapter was found");
                None
            }
            Err(error) => panic!("{error}"),
        }
    }

    /// The batch of a step of a cell, as a processor and as a stack takes it.
    fn batch(&self, cell: &Cell, step: u64) -> (Batch, Vec<Pick>) {
        let mut rng = Seed(seed(cell).0 ^ step).rng();
        let images: Vec<u32> = (0..BATCH).map(|_| rng.random_range(0..61)).collect();
        let mut batch = Batch::new(self.skeleton.image, BATCH);
        batch.fill(&self.images, &images, &self.normalisation);
        batch.augment(AUGMENTATION, &mut rng.clone());
        let picks = images.iter().map(|image| Pick { image: *image, draw: AUGMENTATION.draw(&mut rng) }).collect();
        (batch, picks)
    }

    fn step(&self, stack: &mut Stack, cells: &[Cell], step: u64) {
        let picks: Vec<_> = cells.iter().flat_map(|cell| self.batch(cell, step).1).collect();
        stack.step(&picks, AUGMENTATION.padding, RATE).unwrap();
    }
}

fn settings(optimizer: Optimizer) -> Settings {
    Settings { optimizer, weight_decay: 1e-4, batch_norm_momentum: 0.9, batch_norm_epsilon: 1e-5 }
}

fn seed(cell: &Cell) -> Seed {
    Seed(0).derive(&cell.hash().to_string())
}

/// Different cells with every operation.
fn drawn(count: usize) -> Vec<Cell> {
    let space = Space::nas_bench_101().with_operations(&Operation::ALL).unwrap();
    let mut rng = Seed(11).rng();
    let mut cells: Vec<Cell> = Vec::new();
    while cells.len() < count {
        let cell = space.cell(&Sampler::Official.draw(&space, &mut rng)).unwrap();
        if !cells.contains(&cell) {
            cells.push(cell);
        }
    }
    cells
}

/// The gradients of the last step of each model of a stack.
fn gradients(stack: &Stack) -> Vec<Vec<Vec<f32>>> {
    let all = stack.gpu.read_floats(Binding::WeightGrads, 0..usize_of(stack.layout.weights)).unwrap();
    let own = |model: &layout::ModelLayout| {
        model.parameters.windows(2).map(|ends| all[ends[0] as usize..ends[1] as usize].to_vec()).collect()
    };
    stack.layout.models.iter().map(own).collect()
}

/// The greatest difference between two gradients of an array, as a share of the greatest gradient of that array.
fn difference(expected: &[Vec<f32>], found: &[Vec<f32>]) -> f32 {
    let largest = |values: &mut dyn Iterator<Item = f32>| values.map(f32::abs).fold(0.0, f32::max);
    let of_all = largest(&mut expected.iter().flatten().copied());
    let of_array = |(expected, found): (&Vec<f32>, &Vec<f32>)| {
        assert!(found.iter().all(|value| value.is_finite()) && expected.len() == found.len());
        // A gradient that is zero in theory is one of rounding errors: it is held against that of all arrays.
        let greatest = largest(&mut expected.iter().copied()).max(1e-3 * of_all);
        largest(&mut expected.iter().zip(found).map(|(a, b)| a - b)) / greatest
    };
    expected.iter().zip(found).map(of_array).fold(0.0, f32::max)
}

/// How far the gradients of the lane engine alone jump if the values of the images change by a millionth.
///
/// Where two pixels of a pooling window are a rounding error apart, or one is that near to the bend of a ReLU, two engines may
/// take different branches and both be right.
fn farthest_jump(lane: &mut lane::Model, before: &State, batch: &Batch) -> f32 {
    let (after, expected) = (lane.state(), lane.gradients().to_vec());
    let mut rng = Seed(1).rng();
    let mut jump = || {
        let near: Vec<_> = batch.values().iter().map(|value| value * rng.random_range(1.0 - 1e-6..1.0 + 1e-6)).collect();
        lane.restore(before).unwrap();
        lane.step(&near, batch.labels(), RATE);
        difference(&expected, lane.gradients())
    };
    let farthest = (0..64).map(|_| jump()).fold(0.0, f32::max);
    lane.restore(&after).unwrap();
    farthest
}

#[test]
fn a_stack_of_different_cells_learns_as_the_lane_engine_does() {
    let (setting, cells) = (Setting::new(), drawn(40));
    for optimizer in [NESTEROV, RMS_PROP] {
        let Some(mut stack) = setting.stack(&cells, optimizer) else { return };
        let lane = |cell| {
            let plan = Plan::compile(cell, &setting.skeleton).unwrap();
            lane::Model::new(plan, settings(optimizer), seed(cell))
        };
        let mut lanes: Vec<_> = cells.iter().map(lane).collect();
        let mut near_bends = 0;
        for step in 0..3 {
            setting.step(&mut stack, &cells, step);
            let (reports, found) = (stack.reports().unwrap().remove(0), gradients(&stack));
            for (number, (cell, lane)) in cells.iter().zip(&mut lanes).enumerate() {
                let (batch, before) = (setting.batch(cell, step).0, lane.state());
                let expected = lane.step(batch.values(), batch.labels(), RATE);
                let report = reports[number];
                let far = (report.loss / expected.loss - 1.0).abs();
                assert!(
                    far <= 1e-4 && report.correct == expected.correct,
                    "{cell}, step {step}: {report:?}, expected {expected:?}"
                );
                assert!((report.gradient_norm / expected.gradient_norm - 1.0).abs() <= 1e-4, "{cell}, step {step}");
                let differs = difference(lane.gradients(), &found[number]);
                if differs > 1e-4 {
                    let farthest = farthest_jump(lane, &before, &batch);
                    assert!(
                        farthest > differs / 2.0,
                        "{cell}, step {step}: the gradients differ by {differs:e}, jump by {farthest:e}"
                    );
                    near_bends += 1;
                }
            }
        }
        assert!(near_bends <= 3, "{near_bends} of 120 gradients are near a bend");
        // The last batch of the validation images is not full.
        let (counts, logits) = (stack.count_correct(1, 53).unwrap(), stack.logits(1, 53).unwrap());
        let mut batch = Batch::new(setting.skeleton.image, 53);
        batch.fill(&setting.validation, &(0..53).collect::<Vec<_>>(), &setting.normalisation);
        for ((lane, count), logits) in lanes.iter_mut().zip(counts).zip(logits) {
            let expected = lane.logits(batch.values(), 53);
            let differs = difference(&[expected], &[logits]);
            assert!(differs <= 1e-3, "the logits differ by {differs:e}");
            assert!(count.abs_diff(lane.count_correct(batch.values(), batch.labels())) <= 1);
        }
    }
}

#[test]
fn a_work_list_longer_than_a_row_of_the_grid_is_done_to_its_end() {
    let setting = Setting::of_size(ImageShape { channels: 2, height: 2, width: 2 }, 192);
    let cells = [Cell::from_texts("010001000", "input,conv3x3-bn-relu,output").unwrap()];
    let Some(mut stack) = setting.stack(&cells, NESTEROV) else { return };
    assert!(stack.program.launches.iter().any(|launch| launch.grid[2] > 1));
    let mut lane = lane::Model::new(stack.plans[0].clone(), settings(NESTEROV), seed(&cells[0]));
    setting.step(&mut stack, &cells, 1);
    let batch = setting.batch(&cells[0], 1).0;
    lane.step(batch.values(), batch.labels(), RATE);
    let differs = difference(lane.gradients(), &gradients(&stack)[0]);
    assert!(differs <= 1e-4, "the gradients differ by {differs:e}");
}

#[test]
fn every_model_of_a_stack_is_itself_alone_bit_for_bit() {
    let (setting, cells) = (Setting::new(), drawn(12));
    let train = |cells: &[Cell]| {
        let mut stack = setting.stack(cells, RMS_PROP)?;
        (0..3).for_each(|step| setting.step(&mut stack, cells, step));
        let reports = stack.reports().unwrap();
        assert_eq!(reports.len(), 3);
        Some((stack.states().unwrap(), reports, stack.logits(1, 30).unwrap()))
    };
    let Some((states, reports, logits)) = train(&cells) else { return };
    assert!(train(&cells).unwrap() == (states.clone(), reports.clone(), logits.clone()), "twice the same seed, other bits");
    for (number, cell) in cells.iter().enumerate() {
        let (state, alone, own) = train(&[*cell]).unwrap();
        assert!(state[0] == states[number] && own[0] == logits[number], "{cell} is another one alone");
        assert!(alone.iter().zip(&reports).all(|(alone, all)| alone[0] == all[number]));
    }
}

#[test]
fn a_restored_stack_goes_on_bit_for_bit_and_a_state_fits_the_lane_engine() {
    let (setting, cells) = (Setting::new(), drawn(5));
    let Some(mut stack) = setting.stack(&cells, NESTEROV) else { return };
    (0..2).for_each(|step| setting.step(&mut stack, &cells, step));
    let states = stack.states().unwrap();
    let mut other = setting.stack(&cells, NESTEROV).unwrap();
    other.restore(&states).unwrap();
    assert!(other.states().unwrap() == states);
    for stack in [&mut stack, &mut other] {
        stack.reports().unwrap();
        setting.step(stack, &cells, 2);
    }
    assert_eq!(stack.reports().unwrap(), other.reports().unwrap());
    assert!(stack.states().unwrap() == other.states().unwrap());
    let plan = Plan::compile(&cells[0], &setting.skeleton).unwrap();
    let mut lane = lane::Model::new(plan, settings(NESTEROV), Seed(1));
    lane.restore(&states[0]).unwrap();
    assert!(lane.state() == states[0]);
    assert!(matches!(other.restore(&states.iter().rev().cloned().collect::<Vec<_>>()), Err(Error::Array { .. })));
    assert!(other.states().unwrap() == stack.states().unwrap());
}

#[test]
fn a_model_that_diverges_leaves_the_others_as_they_are() {
    let (setting, cells) = (Setting::new(), drawn(3));
    let Some(mut stack) = setting.stack(&cells, NESTEROV) else { return };
    let mut states = stack.states().unwrap();
    let arrays = states[1].arrays().cloned().map(|mut array| {
        if array.name == "dense.bias" {
            array.values[0] = f32::NAN;
        }
        array
    });
    states[1] = State::from_arrays(&stack.plans[1], arrays.collect()).unwrap();
    stack.restore(&states).unwrap();
    (0..2).for_each(|step| setting.step(&mut stack, &cells, step));
    let mut sound = setting.stack(&cells, NESTEROV).unwrap();
    (0..2).for_each(|step| setting.step(&mut sound, &cells, step));
    let (found, expected) = (stack.states().unwrap(), sound.states().unwrap());
    assert!(found[0] == expected[0] && found[2] == expected[2] && found[1] != expected[1]);
    assert_eq!(found[1].parameters()[0], states[1].parameters()[0], "a diverged model stays as it is");
    let [broken, whole] = [&mut stack, &mut sound].map(|stack| stack.reports().unwrap());
    assert!(broken.iter().zip(&whole).all(|(broken, whole)| !broken[1].loss.is_finite() && broken[2] == whole[2]));
}

#[test]
fn more_steps_than_the_device_keeps_reports_of_are_all_reported() {
    let (setting, cells) = (Setting::new(), drawn(1));
    let Some(mut stack) = setting.stack(&cells, NESTEROV) else { return };
    let steps = REPORTS as u64 + 2;
    (0..steps).for_each(|step| setting.step(&mut stack, &cells, step % 2));
    let reports = stack.reports().unwrap();
    assert_eq!(reports.len(), REPORTS + 2);
    assert!(reports[REPORTS + 1][0].loss < reports[1][0].loss && stack.reports().unwrap().is_empty());
}

#[test]
fn launches_do_not_depend_on_the_number_of_models() {
    let image = ImageShape { channels: 1, height: 14, width: 14 };
    // That of the bundled protocols.
    let skeleton = Skeleton { image, classes: 10, stem_channels: 8, stacks: 3, cells_per_stack: 1, equal_flops: None };
    let plans: Vec<_> = drawn(500).iter().map(|cell| Plan::compile(cell, &skeleton).unwrap()).collect();
    let count = |plans: &[Plan]| Program::new(plans, &Layout::new(plans, 64), 0).training.len();
    let all = count(&plans);
    assert_eq!(count(&[&plans[..], &plans[..]].concat()), all);
    assert!(all <= 150, "{all} launches");
}

#[test]
fn as_many_models_fit_as_the_memory_and_the_largest_buffer_allow() {
    let (setting, cells) = (Setting::new(), drawn(9));
    let plans: Vec<_> = cells.iter().map(|cell| Plan::compile(cell, &setting.skeleton).unwrap()).collect();
    let parts = [&setting.images];
    let pictures = Pictures { parts: &parts, normalisation: &setting.normalisation };
    let fit = |available, largest| Stack::fit(&plans, BATCH, pictures, available, largest);
    for count in [1, 4, 9] {
        let bytes = Stack::bytes(&plans[..count], BATCH, pictures);
        assert_eq!((fit(bytes, u64::MAX), fit(bytes - 1, u64::MAX)), (count, count - 1));
    }
    let values = arrange(&plans[..3], BATCH, pictures).2.storage[1];
    assert_eq!((fit(u64::MAX, values), fit(u64::MAX, values - 1)), (3, 2));
}

#[test]
fn a_buffer_beyond_the_limits_is_refused_with_the_figures() {
    let (setting, cells) = (Setting::new(), drawn(1));
    if setting.stack(&cells, NESTEROV).is_none() {
        return;
    }
    let plan = Plan::compile(&cells[0], &Skeleton { stem_channels: 512, ..setting.skeleton }).unwrap();
    let parts = [&setting.images];
    let pictures = Pictures { parts: &parts, normalisation: &setting.normalisation };
    let error = Stack::new(&[plan], &[Seed(1)], settings(NESTEROV), 1 << 16, pictures, DEVICE).unwrap_err();
    assert!(matches!(&error, Error::BufferLimit { needed, limit, .. } if needed > limit), "{error}");
}
