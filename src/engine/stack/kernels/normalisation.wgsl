// Batch normalisation of one channel by one workgroup. The normalised values are not stored: who reads them normalises them.
// An item: the channel in `values` and `grads`, its table, its scale, its offset.

var<workgroup> sums: array<vec2f, 256>;

// Adds up the two numbers of each thread, in a fixed order.
fn add_up(local: u32, own: vec2f) -> vec2f {
    sums[local] = own;
    workgroupBarrier();
    for (var half = 128u; half > 0u; half /= 2u) {
        if local < half {
            sums[local] += sums[local + half];
        }
        workgroupBarrier();
    }
    return sums[0];
}

@compute @workgroup_size(256)
fn observe(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
    let item = item_of(group);
    if item == NONE {
        return;
    }
    let start = items[item];
    let table = items[item + 1u];
    let plane = launch.height * launch.width;
    // Sums of differences from one of the values, which is nearer to the mean than zero.
    let shift = values[start].x;
    var sum = vec4f(0.0);
    var squares = vec4f(0.0);
    for (var i = local; i < plane * turn.quads; i += 256u) {
        let value = select(vec4f(0.0), values[start + i] - shift, present(i % turn.quads));
        sum += value;
        squares += value * value;
    }
    let both = add_up(local, vec2f(total(sum), total(squares))) / f32(plane * turn.images);
    if local == 0u {
        let mean = shift + both.x;
        var variance = both.y - both.x * both.x;
        if variance < 0.0 {
            variance = 0.0;
        }
        let kept = turn.batch_norm_momentum;
        running[table] = running[table] * kept + vec2f(mean, variance) * (1.0 - kept);
        set_channel(item, mean, variance);
    }
}

fn set_channel(item: u32, mean: f32, variance: f32) {
    let inverse = 1.0 / sqrt(variance + turn.batch_norm_epsilon);
    let factor = weights[items[item + 2u]] * inverse;
    channels[items[item + 1u]] = vec4f(factor, weights[items[item + 3u]] - factor * mean, mean, inverse);
}

// Takes the running statistics, for an evaluation. One thread a channel.
@compute @workgroup_size(64)
fn fold(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
    let number = group.x * 64u + local;
    if number < launch.count {
        let item = launch.first + number * ITEM;
        let own = running[items[item + 1u]];
        set_channel(item, own.x, own.y);
    }
}

// Replaces the gradient of what comes out of the ReLU by that of what comes out of the convolution.
@compute @workgroup_size(256)
fn differentiate(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
    let item = item_of(group);
    if item == NONE {
        return;
    }
    let start = items[item];
    let own = channels[items[item + 1u]];
    let plane = launch.height * launch.width;
    var sum = vec4f(0.0);
    var product = vec4f(0.0);
    for (var i = local; i < plane * turn.quads; i += 256u) {
        let value = values[start + i];
        let grad = select(vec4f(0.0), grads[start + i], value * own.x + own.y > vec4f(0.0));
        sum += grad;
        product += grad * (value - own.z);
    }
    let both = add_up(local, vec2f(total(sum), total(product) * own.w));
    if local == 0u {
        weight_grads[items[item + 2u]] = both.y;
        weight_grads[items[item + 3u]] = both.x;
    }
    let constant = -own.x * both.x / f32(plane * turn.images);
    let steepness = -own.x * both.y / f32(plane * turn.images) * own.w;
    for (var i = local; i < plane * turn.quads; i += 256u) {
        let value = values[start + i];
        let grad = select(vec4f(0.0), grads[start + i], value * own.x + own.y > vec4f(0.0));
        let gradient = grad * own.x + (value - own.z) * steepness + constant;
        grads[start + i] = select(vec4f(0.0), gradient, present(i % turn.quads));
    }
}
