// What all kernels have in common. `program.rs` writes the items; `device.rs` binds the buffers by these numbers.

// One launch: where its items are, and the plane that it writes.
struct Launch {
    first: u32,
    count: u32,
    height: u32,
    width: u32,
}

// What a step or a pass of evaluation sets anew.
struct Turn {
    rate: f32,
    weight_decay: f32,
    is_rms_prop: u32,
    decay: f32,
    momentum: f32,
    epsilon: f32,
    batch_norm_momentum: f32,
    batch_norm_epsilon: f32,
    // The images of the batch; `quads` are groups of four, and the last one may have lanes without an image.
    images: u32,
    quads: u32,
    padding: u32,
    is_training: u32,
    first_report: u32,
    classes: u32,
}

@group(0) @binding(0) var<uniform> launch: Launch;
@group(0) @binding(1) var<uniform> turn: Turn;
@group(0) @binding(2) var<storage, read> items: array<u32>;
@group(0) @binding(3) var<storage, read_write> values: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> grads: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> weights: array<f32>;
@group(0) @binding(6) var<storage, read_write> weight_grads: array<f32>;
@group(0) @binding(7) var<storage, read_write> momenta: array<f32>;
@group(0) @binding(8) var<storage, read_write> mean_squares: array<f32>;
// Of a channel that is normalised: factor, term, mean, one over the deviation.
@group(0) @binding(9) var<storage, read_write> channels: array<vec4f>;
// Its running mean and variance.
@group(0) @binding(10) var<storage, read_write> running: array<vec2f>;
@group(0) @binding(11) var<storage, read_write> winners: array<u32>;
@group(0) @binding(12) var<storage, read> pixels: array<u32>;
@group(0) @binding(13) var<storage, read> levels: array<f32>;
// Of each image of a batch: its number in the data set; then its top, its left (ten bits each) and whether it is mirrored.
@group(0) @binding(14) var<storage, read> picks: array<vec2u>;
// Of each model: mean loss, correct images, norm of the gradient, whether the model still learns.
@group(0) @binding(15) var<storage, read_write> reports: array<vec4f>;
@group(0) @binding(16) var<storage, read_write> alive: array<u32>;

const NONE = 0xffffffffu;
const ITEM = 12u;
// The items of a row of the grid: `LAYER` in `program.rs`.
const LAYER = 32768u;

// Where the item of a workgroup starts, or NONE beyond the last.
fn item_of(group: vec3u) -> u32 {
    let number = group.z * LAYER + group.y;
    return select(NONE, launch.first + number * ITEM, number < launch.count);
}

// Which lanes of a quad have an image.
fn present(quad: u32) -> vec4<bool> {
    return vec4u(4u * quad) + vec4u(0u, 1u, 2u, 3u) < vec4u(turn.images);
}

// Normalises and cuts off at zero what comes from a convolution; other values stay as they are.
fn normalised(value: vec4f, table: u32, channel: u32) -> vec4f {
    if table == NONE {
        return value;
    }
    let own = channels[table + channel];
    return max(value * own.x + own.y, vec4f(0.0));
}

// Whether a number is one: comparisons with infinity may be assumed away, bits may not.
fn is_finite(value: f32) -> bool {
    return (bitcast<u32>(value) & 0x7f800000u) != 0x7f800000u;
}

// One over the pixels of the 3×3 window of a pixel that are within the image.
fn share(row: u32, column: u32) -> f32 {
    let rows = min(row + 2u, launch.height) - max(row, 1u) + 1u;
    let columns = min(column + 2u, launch.width) - max(column, 1u) + 1u;
    return 1.0 / f32(rows * columns);
}

// The lanes of one thread after the other, added up by a tree.
fn total(value: vec4f) -> f32 {
    return (value.x + value.y) + (value.z + value.w);
}
