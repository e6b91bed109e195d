// The gradient of kernels. A workgroup goes through all pixels and images: each thread adds up its own, then a tree adds the threads.
// An item: gradient of the output, outputs (at most 4); input, inputs (1, or at most 4 of a 1×1 kernel), its table; first weight,
// weights from one output to the next, from one input to the next; height and width.

var<workgroup> partial: array<vec4f, 576>;

fn add_up(local: u32, sums: u32) {
    workgroupBarrier();
    for (var half = 32u; half > 0u; half /= 2u) {
        if local < half {
            for (var k = 0u; k < sums; k++) {
                partial[k * 64u + local] += partial[k * 64u + local + half];
            }
        }
        workgroupBarrier();
    }
}

// The gradients of the outputs at a position; those beyond the last output are zero.
fn output_grads(start: u32, plane: u32, outputs: u32) -> array<vec4f, 4> {
    var grad = array<vec4f, 4>(grads[start], vec4f(0.0), vec4f(0.0), vec4f(0.0));
    if outputs > 1u { grad[1] = grads[start + plane]; }
    if outputs > 2u { grad[2] = grads[start + 2u * plane]; }
    if outputs > 3u { grad[3] = grads[start + 3u * plane]; }
    return grad;
}

fn products(x: vec4f, grad: array<vec4f, 4>) -> vec4f {
    return vec4f(dot(x, grad[0]), dot(x, grad[1]), dot(x, grad[2]), dot(x, grad[3]));
}

@compute @workgroup_size(64)
fn differentiate_3(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
    let item = item_of(group);
    if item == NONE {
        return;
    }
    let outputs = items[item + 1u];
    let input = items[item + 2u];
    let table = items[item + 4u];
    let height = items[item + 8u];
    let width = items[item + 9u];
    let plane = height * width * turn.quads;
    var sums = array<vec4f, 9>();
    for (var i = local; i < plane; i += 64u) {
        let row = i / turn.quads / width;
        let column = i / turn.quads % width;
        let grad = output_grads(items[item] + i, plane, outputs);
        for (var tap = 0u; tap < 9u; tap++) {
            let down = tap / 3u - 1u;
            let right = tap % 3u - 1u;
            if row + down < height && column + right < width {
                let x = normalised(values[input + i + (down * width + right) * turn.quads], table, 0u);
                sums[tap] += products(x, grad);
            }
        }
    }
    for (var tap = 0u; tap < 9u; tap++) {
        partial[tap * 64u + local] = sums[tap];
    }
    add_up(local, 9u);
    if local < 9u {
        for (var j = 0u; j < outputs; j++) {
            weight_grads[items[item + 5u] + j * items[item + 6u] + local] = partial[local * 64u][j];
        }
    }
}

@compute @workgroup_size(64)
fn differentiate_1(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
    let item = item_of(group);
    if item == NONE {
        return;
    }
    let outputs = items[item + 1u];
    let input = items[item + 2u];
    let inputs = items[item + 3u];
    let table = items[item + 4u];
    let plane = items[item + 8u] * items[item + 9u] * turn.quads;
    var sums = array<vec4f, 4>();
    for (var i = local; i < plane; i += 64u) {
        let grad = output_grads(items[item] + i, plane, outputs);
        for (var k = 0u; k < 4u; k++) {
            if k < inputs {
                sums[k] += products(normalised(values[input + k * plane + i], table, k), grad);
            }
        }
    }
    for (var k = 0u; k < 4u; k++) {
        partial[k * 64u + local] = sums[k];
    }
    add_up(local, 4u);
    if local < inputs {
        for (var j = 0u; j < outputs; j++) {
            weight_grads[items[item + 5u] + j * items[item + 6u] + local * items[item + 7u]] = partial[local * 64u][j];
        }
    }
}
