//! A saved model for other programs, as ONNX: what onnxruntime and others run anywhere.

mod proto;

use std::io::Write as _;
use std::path::Path;

use prost::Message as _;

use self::proto::{
    AttributeProto, DimensionProto, FLOAT, FLOAT32, GraphProto, INT, INT64, INTS, Length, ModelProto, NodeProto,
    OperatorSetIdProto, StringStringEntryProto, TensorProto, TensorShapeProto, TensorTypeProto, TypeProto, ValueInfoProto,
};
use super::{Error, SavedModel};
use crate::dataset::ImageShape;
use crate::dataset::Normalisation;
use crate::engine::{Array, State};
use crate::file::replace;
use crate::network::{Input, Operator, Plan, Step};

/// The version of the operators: old enough for every runtime in use.
const OPSET: i64 = 13;
/// The version of the file that came with those operators.
const IR_VERSION: i64 = 7;
/// The most bytes that a protobuf can have.
const MOST_BYTES: usize = i32::MAX as usize;
/// The input of the graph: pixels as bytes have them, 0 to 255, but as numbers.
const PIXELS: &str = "pixels";
const IMAGES: &str = "images";
const LOGITS: &str = "logits";
/// Of a network that was not trained: it does not change what it costs.
const UNTRAINED_EPSILON: f64 = 1e-5;

impl SavedModel {
    /// Writes the model as ONNX, whole or not at all.
    ///
    /// Normalisation is part of the graph, batch normalisation has nodes with the running statistics, and the number of
    /// images is free.
    ///
    /// # Shapes
    ///
    /// - input `pixels`: `[n, channels, height, width]`, single precision, 0 to 255
    /// - output `logits`: `[n, classes]`
    ///
    /// # Errors
    ///
    /// [`Error::TooLarge`] if the model has more bytes than the format can hold, [`Error::File`] if the disk does not take it.
    pub fn export_onnx(&self, file: &Path) -> Result<(), Error> {
        let bytes = self.to_onnx();
        if bytes.len() > MOST_BYTES {
            return Err(Error::TooLarge { bytes: bytes.len(), most: MOST_BYTES });
        }
        replace(file, |open| open.write_all(&bytes).map_err(Error::File))
    }

    /// The bytes of the file.
    fn to_onnx(&self) -> Vec<u8> {
        let card = self.card();
        let entry = |key: &str, value: String| StringStringEntryProto { key: key.to_owned(), value };
        let model = ModelProto {
            ir_version: IR_VERSION,
            producer_name: "nasbench".to_owned(),
            producer_version: env!("CARGO_PKG_VERSION").to_owned(),
            doc_string: format!("{} trained for {} epochs on {}", card.cell, card.epochs, card.dataset),
            graph: Some(GraphProto {
                name: card.cell.hash().to_string(),
                ..Writer::new(self.plan(), self.protocol().update.batch_norm_epsilon)
                    .graph(self.state(), Some(self.normalisation()))
            }),
            opset_import: vec![OperatorSetIdProto { domain: Some(String::new()), version: OPSET }],
            metadata_props: vec![
                entry("module_hash", card.cell.hash().to_string()),
                entry("module_adjacency", card.cell.adjacency_text()),
                entry("module_operations", card.cell.operations_text()),
                entry("dataset", card.dataset.clone()),
                entry("classes", serde_json::json!(card.classes).to_string()),
                entry("epochs", card.epochs.to_string()),
                entry("seed", card.seed.to_string()),
            ],
        };
        model.encode_to_vec()
    }
}

/// Returns the bytes of a network that was not trained as ONNX, for what depends on its form alone, such as its speed: input `images`, as
/// the network sees them, output `logits`.
#[must_use]
pub fn untrained_onnx(plan: &Plan, state: &State) -> Vec<u8> {
    let graph = GraphProto { name: "network".to_owned(), ..Writer::new(plan, UNTRAINED_EPSILON).graph(state, None) };
    let opset_import = vec![OperatorSetIdProto { domain: Some(String::new()), version: OPSET }];
    ModelProto { ir_version: IR_VERSION, graph: Some(graph), opset_import, ..ModelProto::default() }.encode_to_vec()
}

/// Appends the nodes of a plan.
struct Writer<'a> {
    plan: &'a Plan,
    /// What is added to the variance in batch normalisation.
    epsilon: f64,
    nodes: Vec<NodeProto>,
    tensors: Vec<TensorProto>,
    /// The name of each buffer of the plan: 0 is the images, `i + 1` what step `i` writes.
    buffers: Vec<String>,
}

impl<'a> Writer<'a> {
    fn new(plan: &'a Plan, epsilon: f64) -> Self {
        Self { plan, epsilon, nodes: Vec::new(), tensors: Vec::new(), buffers: vec![IMAGES.to_owned()] }
    }

    fn graph(mut self, state: &State, normalisation: Option<&Normalisation>) -> GraphProto {
        self.tensors.extend(state.arrays().map(tensor));
        if let Some(normalisation) = normalisation {
            self.normalise(normalisation);
        }
        let image = self.plan.skeleton().image;
        let input = if normalisation.is_some() { PIXELS } else { IMAGES };
        let last = self.plan.steps().len() - 1;
        for (number, step) in self.plan.steps().iter().enumerate() {
            let output = if number == last { LOGITS.to_owned() } else { step.name.clone() };
            self.step(step, &output);
            self.buffers.push(output);
        }
        GraphProto {
            node: self.nodes,
            initializer: self.tensors,
            input: vec![value(input, &[image.channels, image.height, image.width])],
            output: vec![value(LOGITS, &[self.plan.skeleton().classes])],
            ..GraphProto::default()
        }
    }

    /// Makes of pixels what the network sees.
    fn normalise(&mut self, normalisation: &Normalisation) {
        for (name, values) in [("pixels.mean", normalisation.mean()), ("pixels.deviation", normalisation.deviation())] {
            let array = Array { name: name.to_owned(), shape: vec![values.len(), 1, 1], values: values.to_vec() };
            self.tensors.push(tensor(&array));
        }
        self.node("Sub", &[PIXELS, "pixels.mean"], "pixels.centred", Vec::new());
        self.node("Div", &["pixels.centred", "pixels.deviation"], IMAGES, Vec::new());
    }

    fn step(&mut self, step: &Step, output: &str) {
        let read: Vec<_> = step.inputs.iter().map(|input| self.read(step, *input)).collect();
        let own = |part: &str| format!("{}.{part}", step.name);
        match step.operator {
            Operator::Convolution { kernel: side } => {
                let border = length(side / 2);
                let [convolved, normalised] = [own("convolved"), own("normalised")];
                let attributes = vec![integers("kernel_shape", &[length(side); 2]), integers("pads", &[border; 4])];
                self.node("Conv", &[&read[0], &own("kernel")], &convolved, attributes);
                let inputs = ["convolved", "scale", "offset", "mean", "variance"].map(own);
                #[expect(clippy::cast_possible_truncation, reason = "ONNX has it in single precision")]
                let epsilon = self.epsilon as f32;
                self.node("BatchNormalization", &inputs, &normalised, vec![number("epsilon", epsilon)]);
                self.node("Relu", &[&normalised], output, Vec::new());
            }
            Operator::MaxPool3 => {
                self.node("MaxPool", &read, output, vec![integers("kernel_shape", &[3, 3]), integers("pads", &[1; 4])]);
            }
            Operator::AvgPool3 => {
                let window = vec![integers("kernel_shape", &[3, 3]), integers("pads", &[1; 4]), integer("count_include_pad", 0)];
                self.node("AveragePool", &read, output, window);
            }
            Operator::MaxPool2 => {
                let ImageShape { height, width, .. } = self.shape(step.inputs[0].buffer);
                // An odd last row or column makes a window of its own.
                let pads = [0, 0, length(height % 2), length(width % 2)];
                let attributes = vec![integers("kernel_shape", &[2, 2]), integers("strides", &[2, 2]), integers("pads", &pads)];
                self.node("MaxPool", &read, output, attributes);
            }
            Operator::Sum => self.node("Sum", &read, output, Vec::new()),
            Operator::Concatenate => self.node("Concat", &read, output, vec![integer("axis", 1)]),
            Operator::GlobalAvgPool => self.node("GlobalAveragePool", &read, output, Vec::new()),
            Operator::Linear => {
                let flat = own("flat");
                self.node("Flatten", &read, &flat, vec![integer("axis", 1)]);
                self.node("Gemm", &[&flat, &own("matrix"), &own("bias")], output, Vec::new());
            }
        }
    }

    /// The name of what a step reads: a buffer, or the first of its channels.
    fn read(&mut self, step: &Step, input: Input) -> String {
        let buffer = self.buffers[input.buffer].clone();
        if input.channels == self.shape(input.buffer).channels {
            return buffer;
        }
        let cut = format!("{}.{buffer}.first{}", step.name, input.channels);
        let bounds = [("starts", 0), ("ends", length(input.channels)), ("axes", 1)].map(|(part, value)| {
            let name = format!("{cut}.{part}");
            let raw_data = value.to_le_bytes().to_vec();
            self.tensors.push(TensorProto { dims: vec![1], data_type: INT64, name: name.clone(), raw_data });
            name
        });
        let [starts, ends, axes] = &bounds;
        self.node("Slice", &[&buffer, starts, ends, axes], &cut, Vec::new());
        cut
    }

    fn shape(&self, buffer: usize) -> ImageShape {
        if buffer == 0 { self.plan.skeleton().image } else { self.plan.steps()[buffer - 1].output }
    }

    /// Adds a node, which has the name of what it writes.
    fn node<N: AsRef<str>>(&mut self, operator: &str, inputs: &[N], output: &str, attribute: Vec<AttributeProto>) {
        self.nodes.push(NodeProto {
            input: inputs.iter().map(|name| name.as_ref().to_owned()).collect(),
            output: vec![output.to_owned()],
            name: output.to_owned(),
            op_type: operator.to_owned(),
            attribute,
        });
    }
}

fn length(length: usize) -> i64 {
    i64::try_from(length).expect("lengths of arrays in memory")
}

fn tensor(array: &Array) -> TensorProto {
    TensorProto {
        dims: array.shape.iter().copied().map(length).collect(),
        data_type: FLOAT32,
        name: array.name.clone(),
        raw_data: array.values.iter().flat_map(|value| value.to_le_bytes()).collect(),
    }
}

/// A value of the graph with a free number of images.
fn value(name: &str, shape: &[usize]) -> ValueInfoProto {
    let axes = shape.iter().map(|axis| Length::Value(length(*axis)));
    let dim = std::iter::once(Length::Name("n".to_owned())).chain(axes);
    let dim = dim.map(|length| DimensionProto { length: Some(length) }).collect();
    let tensor_type = TensorTypeProto { elem_type: FLOAT32, shape: Some(TensorShapeProto { dim }) };
    ValueInfoProto { name: name.to_owned(), r#type: Some(TypeProto { tensor_type: Some(tensor_type) }) }
}

fn integer(name: &str, value: i64) -> AttributeProto {
    AttributeProto { name: name.to_owned(), i: Some(value), r#type: INT, ..AttributeProto::default() }
}

fn integers(name: &str, values: &[i64]) -> AttributeProto {
    AttributeProto { name: name.to_owned(), ints: values.to_vec(), r#type: INTS, ..AttributeProto::default() }
}

fn number(name: &str, value: f32) -> AttributeProto {
    AttributeProto { name: name.to_owned(), f: Some(value), r#type: FLOAT, ..AttributeProto::default() }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::engine::Device;
    use crate::space::{Cell, Operation, Sampler, Space};
    use crate::train::Training;
    use crate::train::fixture::{Setting, tiny};
    use crate::unit::Seed;

    fn exported(setting: &Setting) -> ModelProto {
        let training: Training<'_> = setting.training(1, 1, Device::Cpu);
        let mut run = training.start().unwrap();
        while run.advance().unwrap().is_some() {}
        let (trained, model) = run.finish();
        let saved = SavedModel::new(&training, &trained, &model).unwrap();
        ModelProto::decode(&saved.to_onnx()[..]).unwrap()
    }

    #[test]
    fn every_node_reads_what_is_written_before_it() {
        let space = Space::nas_bench_101().with_operations(&Operation::ALL).unwrap();
        let mut rng = Seed(4).rng();
        let drawn = (0..8).map(|_| space.cell(&Sampler::Official.draw(&space, &mut rng)).unwrap());
        // Vertex 1 feeds one vertex of three channels and one of two.
        let operations = "input,conv3x3-bn-relu,conv1x1-bn-relu,maxpool3x3,avgpool3x3,output";
        let uneven = Cell::from_texts("011100000110000001000001000001000000", operations).unwrap();
        let mut operators = HashSet::new();
        for cell in drawn.chain([uneven]) {
            let model = exported(&Setting { cell, ..Setting::new(tiny()) });
            let graph = model.graph.unwrap();
            let mut known: HashSet<_> = graph.initializer.iter().map(|tensor| tensor.name.as_str()).collect();
            known.insert(PIXELS);
            let names = known.len();
            assert_eq!(names, graph.initializer.len() + 1, "no two tensors have one name");
            for node in &graph.node {
                assert!(node.input.iter().all(|input| known.contains(input.as_str())), "{cell}: {node:?}");
                assert!(known.insert(&node.output[0]), "{cell}: `{}` is written twice", node.output[0]);
                operators.insert(node.op_type.clone());
            }
            assert_eq!(graph.node.last().unwrap().output, [LOGITS]);
        }
        for operator in ["Conv", "BatchNormalization", "Relu", "MaxPool", "Slice", "Concat", "Sum", "Gemm", "AveragePool"] {
            assert!(operators.contains(operator), "no cell has a {operator}");
        }
    }

    #[test]
    fn the_number_of_images_is_free_and_tensors_have_their_bytes() {
        let model = exported(&Setting::new(tiny()));
        assert_eq!((model.ir_version, model.opset_import[0].version), (IR_VERSION, OPSET));
        let graph = model.graph.unwrap();
        let axes = |value: &ValueInfoProto| {
            let tensor = value.r#type.clone().unwrap().tensor_type.unwrap();
            tensor.shape.unwrap().dim.into_iter().map(|axis| axis.length.unwrap()).collect::<Vec<_>>()
        };
        let [n, one, width] = [Length::Name("n".to_owned()), Length::Value(1), Length::Value(14)];
        assert_eq!(axes(&graph.input[0]), [n.clone(), one, width.clone(), width]);
        assert_eq!(axes(&graph.output[0]), [n, Length::Value(10)]);
        for tensor in &graph.initializer {
            let size = if tensor.data_type == INT64 { 8 } else { 4 };
            let numbers = usize::try_from(tensor.dims.iter().product::<i64>()).unwrap();
            assert_eq!(tensor.raw_data.len(), size * numbers, "{}", tensor.name);
        }
    }
}
