//! The plan of a network: steps in order, each reading buffers and writing one.

use super::{Cost, Error, Skeleton};
use crate::dataset::ImageShape;
use crate::space::{Cell, Operator};
use crate::unit::{Flops, Parameters};

/// A buffer that a step reads, as far as its first `channels`: wider buffers are truncated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Input {
    /// The number of the buffer: 0 is the images, `i + 1` what step `i` wrote.
    pub buffer: usize,
    /// How many of its channels are read.
    pub channels: usize,
}

/// One step of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Its position in the network, such as `stack1.cell0.vertex2`; no two steps of a plan have one name.
    pub name: String,
    /// What is computed.
    pub operator: Operator,
    /// What is read, in order.
    pub inputs: Vec<Input>,
    /// The shape of what is written, for one image.
    pub output: ImageShape,
}

impl Step {
    /// The channels that are read from all inputs together.
    #[must_use]
    pub fn input_channels(&self) -> usize {
        self.inputs.iter().map(|input| input.channels).sum()
    }

    /// The arrays of trainable parameters, each with its name and its shape.
    ///
    /// # Shapes
    ///
    /// - kernel `[out, in, side, side]`, scale and offset `[out]` of a convolution; matrix `[in, out]`, bias `[out]` of a linear step
    #[must_use]
    pub fn parameters(&self) -> Vec<(&'static str, Vec<usize>)> {
        let (from, to) = (self.input_channels(), self.output.channels);
        match self.operator {
            Operator::Convolution { kernel: side } => {
                vec![("kernel", vec![to, from, side, side]), ("scale", vec![to]), ("offset", vec![to])]
            }
            Operator::Linear => vec![("matrix", vec![from, to]), ("bias", vec![to])],
            _ => Vec::new(),
        }
    }

    /// The number of trainable parameters.
    #[must_use]
    pub fn parameter_count(&self) -> u64 {
        self.parameters().iter().map(|(_, shape)| shape.iter().product::<usize>() as u64).sum()
    }

    /// Operations for one image, two per multiply-add; only convolutions and linear steps count, as is usual.
    #[must_use]
    pub fn flops(&self) -> u64 {
        let (from, to) = (self.input_channels() as u64, self.output.channels as u64);
        let pixels = (self.output.height * self.output.width) as u64;
        match self.operator {
            Operator::Convolution { kernel } => 2 * (kernel * kernel) as u64 * from * to * pixels,
            Operator::Linear => 2 * from * to,
            _ => 0,
        }
    }
}

/// A network as a list of steps; the last one writes the logits.
///
/// ```
/// use nasbench::network::{Plan, Skeleton};
/// use nasbench::space::Cell;
///
/// let identity = Cell::from_texts("0100", "input,output")?;
/// let plan = Plan::compile(&identity, &Skeleton::nas_bench_101())?;
/// assert_eq!(plan.cost().parameters.0, 882_570);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    skeleton: Skeleton,
    steps: Vec<Step>,
    last_readers: Vec<usize>,
    cost: Cost,
}

impl Plan {
    /// Compiles the network that a skeleton makes of a cell: that of its [`representative`](Cell::representative), so that one hash
    /// has one network.
    ///
    /// # Errors
    ///
    /// [`Error::Size`], [`Error::TooFewChannels`] or [`Error::TooManyParameters`].
    pub fn compile(cell: &Cell, skeleton: &Skeleton) -> Result<Self, Error> {
        Self::compile_as_numbered(&cell.representative(), skeleton)
    }

    /// Compiles the network of a cell whose vertices stay as they are numbered: for weights that were trained in it.
    ///
    /// # Errors
    ///
    /// As [`compile`](Self::compile).
    pub(crate) fn compile_as_numbered(cell: &Cell, skeleton: &Skeleton) -> Result<Self, Error> {
        // Before a step is written: a network that is refused may have a great many.
        super::cost_as_numbered(cell, skeleton)?;
        let skeleton = skeleton.for_cell(cell)?;
        let mut writer = Writer { images: skeleton.image, steps: Vec::new(), prefix: String::new() };
        let mut channels = skeleton.stem_channels;
        let mut buffer = writer.whole("stem", Operator::Convolution { kernel: 3 }, 0, channels);
        for stack in 0..skeleton.stacks {
            if stack > 0 {
                buffer = writer.whole(&format!("stack{stack}.halve"), Operator::MaxPool2, buffer, channels);
                channels *= 2;
            }
            for number in 0..skeleton.cells_per_stack {
                buffer = writer.cell(cell, &format!("stack{stack}.cell{number}"), buffer, channels)?;
            }
        }
        buffer = writer.whole("mean", Operator::GlobalAvgPool, buffer, channels);
        writer.whole("dense", Operator::Linear, buffer, skeleton.classes);
        Self::from_steps(cell, skeleton, writer.steps)
    }

    fn from_steps(cell: &Cell, skeleton: Skeleton, steps: Vec<Step>) -> Result<Self, Error> {
        let parameters = steps.iter().map(Step::parameter_count).sum();
        let counted = u32::try_from(parameters).map_err(|_| Error::TooManyParameters { cell: *cell, found: parameters })?;
        let cost = Cost {
            parameters: Parameters(counted),
            flops: Flops(steps.iter().map(Step::flops).sum()),
            activation_bytes: steps.iter().map(|step| step.output.values() as u64 * 4).sum(),
        };
        let mut last_readers = vec![0; steps.len()];
        for (position, step) in steps.iter().enumerate() {
            for input in &step.inputs {
                last_readers[input.buffer] = position;
            }
        }
        Ok(Self { skeleton, steps, last_readers, cost })
    }

    /// The skeleton that the plan was made for; of one with [`equal_flops`](Skeleton::equal_flops) that of this cell.
    #[must_use]
    pub fn skeleton(&self) -> &Skeleton {
        &self.skeleton
    }

    /// The steps, in order.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The last step that reads a buffer: afterwards it may be freed. Of the buffers 0 to `steps − 1`.
    #[must_use]
    pub fn last_reader(&self, buffer: usize) -> usize {
        self.last_readers[buffer]
    }

    /// What the network costs.
    #[must_use]
    pub fn cost(&self) -> Cost {
        self.cost
    }
}

/// Appends steps and hands out the numbers of their buffers.
struct Writer {
    images: ImageShape,
    steps: Vec<Step>,
    /// What the names of the steps of the part that is being written start with.
    prefix: String,
}

impl Writer {
    fn shape(&self, buffer: usize) -> ImageShape {
        if buffer == 0 { self.images } else { self.steps[buffer - 1].output }
    }

    fn push(&mut self, part: &str, operator: Operator, inputs: Vec<Input>, output: ImageShape) -> usize {
        let name = format!("{}{part}", self.prefix);
        self.steps.push(Step { name, operator, inputs, output });
        self.steps.len()
    }

    /// A step that reads all channels of a buffer.
    fn whole(&mut self, name: &str, operator: Operator, buffer: usize, outputs: usize) -> usize {
        let shape @ ImageShape { channels, height, width } = self.shape(buffer);
        let output = match operator {
            Operator::MaxPool2 => ImageShape { height: height.div_ceil(2), width: width.div_ceil(2), ..shape },
            Operator::GlobalAvgPool => ImageShape { height: 1, width: 1, ..shape },
            _ => ImageShape { channels: outputs, ..shape },
        };
        name.clone_into(&mut self.prefix);
        self.push("", operator, vec![Input { buffer, channels }], output)
    }

    /// A 1×1 convolution of all channels of a buffer: how the cell's input reaches a vertex.
    fn projection(&mut self, buffer: usize, outputs: usize) -> usize {
        let shape = self.shape(buffer);
        let inputs = vec![Input { buffer, channels: shape.channels }];
        self.push(".projection", Operator::Convolution { kernel: 1 }, inputs, ImageShape { channels: outputs, ..shape })
    }

    /// The sum of the first `channels` of some buffers; one buffer is read as it is.
    fn sum(&mut self, buffers: &[usize], channels: usize) -> Input {
        if let [buffer] = *buffers {
            return Input { buffer, channels };
        }
        let output = ImageShape { channels, ..self.shape(buffers[0]) };
        let inputs = buffers.iter().map(|buffer| Input { buffer: *buffer, channels }).collect();
        Input { buffer: self.push(".sum", Operator::Sum, inputs, output), channels }
    }

    fn cell(&mut self, cell: &Cell, name: &str, input: usize, outputs: usize) -> Result<usize, Error> {
        let last = cell.vertices() - 1;
        let channels = super::channels(cell, self.shape(input).channels, outputs)?;
        let mut buffers = vec![input; last];
        for vertex in 1..last {
            self.prefix = format!("{name}.vertex{vertex}");
            buffers[vertex] = self.vertex(cell, vertex, &buffers, channels[vertex]);
        }
        self.prefix = format!("{name}.output");
        let feeders: Vec<_> = cell.predecessors(last).filter(|vertex| *vertex != 0).map(|vertex| buffers[vertex]).collect();
        let mut terms = Vec::new();
        match *feeders {
            [] => {}
            [only] => terms.push(only),
            _ => {
                let inputs: Vec<_> =
                    feeders.iter().map(|buffer| Input { buffer: *buffer, channels: self.shape(*buffer).channels }).collect();
                let output = ImageShape { channels: outputs, ..self.shape(input) };
                terms.push(self.push(".concatenation", Operator::Concatenate, inputs, output));
            }
        }
        if cell.has_edge(0, last) {
            terms.push(self.projection(input, outputs));
        }
        Ok(self.sum(&terms, outputs).buffer)
    }

    /// A vertex: the truncated sum of its interior sources and of a projection of the cell's input, then its operation.
    fn vertex(&mut self, cell: &Cell, vertex: usize, buffers: &[usize], channels: usize) -> usize {
        let mut terms: Vec<_> = cell.predecessors(vertex).filter(|x| *x != 0).map(|x| buffers[x]).collect();
        if cell.has_edge(0, vertex) {
            terms.push(self.projection(buffers[0], channels));
        }
        let mut input = self.sum(&terms, channels);
        let output = ImageShape { channels, ..self.shape(input.buffer) };
        let steps = cell.operation(vertex).expect("an interior vertex has an operation").spec().steps;
        for (number, operator) in steps.iter().enumerate() {
            // The last step has the name of the vertex.
            let part = if number + 1 == steps.len() { String::new() } else { format!(".{number}") };
            input.buffer = self.push(&part, *operator, vec![input], output);
        }
        input.buffer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Cells whose parameters the official program printed.
    const KNOWN: [(&str, &str, u32); 4] = [
        ("0100", "input,output", 882_570),
        ("0101001000010000", "input,conv3x3-bn-relu,conv3x3-bn-relu,output", 20_346_506),
        (
            "0111010000000100000010000100000000100000010000000",
            "input,conv1x1-bn-relu,conv3x3-bn-relu,conv3x3-bn-relu,conv3x3-bn-relu,maxpool3x3,output",
            2_694_282,
        ),
        (
            "0100110001000000010010000010000001000000010000000",
            "input,conv3x3-bn-relu,maxpool3x3,conv3x3-bn-relu,conv3x3-bn-relu,conv1x1-bn-relu,output",
            8_555_530,
        ),
    ];

    fn small() -> Skeleton {
        let image = ImageShape { channels: 1, height: 7, width: 6 };
        Skeleton { image, classes: 3, stem_channels: 4, stacks: 2, cells_per_stack: 1, equal_flops: None }
    }

    #[test]
    fn known_cells_have_their_official_number_of_parameters() {
        for (adjacency, operations, parameters) in KNOWN {
            let cell = Cell::from_texts(adjacency, operations).unwrap();
            assert_eq!(Plan::compile(&cell, &Skeleton::nas_bench_101()).unwrap().cost().parameters.0, parameters);
        }
    }

    #[test]
    fn the_cost_of_a_small_network_is_what_counting_by_hand_gives() {
        // Stem 3×3 1→4 on 7×6, projection 4→4, halve to 4×3, projection 4→8, mean, dense 8→3.
        let plan = Plan::compile(&Cell::from_texts("0100", "input,output").unwrap(), &small()).unwrap();
        let cost = plan.cost();
        assert_eq!(cost.parameters.0, (9 * 4 + 8) + (16 + 8) + (32 + 16) + (24 + 3));
        assert_eq!(cost.flops.0, 2 * (9 * 4 * 42 + 16 * 42 + 32 * 12 + 24));
        assert_eq!(cost.activation_bytes, 4 * (4 * 42 + 4 * 42 + 4 * 12 + 8 * 12 + 8 + 3));
    }

    #[test]
    fn steps_read_only_what_is_written_and_long_enough() {
        let space = crate::space::Space::nas_bench_101().with_max_vertices(5).unwrap();
        let skeleton = Skeleton { stem_channels: 5, ..small() };
        for cell in space.cells().unwrap() {
            let plan = Plan::compile(&cell, &skeleton).unwrap();
            let names: std::collections::HashSet<_> = plan.steps().iter().map(|step| &step.name).collect();
            assert_eq!(names.len(), plan.steps().len(), "{cell}: two steps have one name");
            for (position, step) in plan.steps().iter().enumerate() {
                for input in &step.inputs {
                    assert!(input.buffer <= position && plan.last_reader(input.buffer) >= position);
                    let written = if input.buffer == 0 { skeleton.image } else { plan.steps()[input.buffer - 1].output };
                    assert!(input.channels <= written.channels, "{cell}: step {position} reads too many channels");
                }
            }
        }
    }

    #[test]
    fn a_skeleton_without_stacks_is_refused() {
        let cell = Cell::from_texts("0100", "input,output").unwrap();
        let error = Plan::compile(&cell, &Skeleton { stacks: 0, ..small() }).unwrap_err();
        assert_eq!(error.to_string(), "the skeleton has stacks = 0, expected 1 to 16");
    }
}
