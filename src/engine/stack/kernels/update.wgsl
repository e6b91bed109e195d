// The optimizers: the formulas of `Optimizer`.

var<workgroup> squares: array<f32, 256>;

// Adds weight decay to the gradients of a model, measures them, and decides whether the model still learns.
// An item: first weight, weights, model.
@compute @workgroup_size(256)
fn measure(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
    let item = item_of(group);
    if item == NONE {
        return;
    }
    let first = items[item];
    let model = items[item + 2u];
    var sum = 0.0;
    for (var i = first + local; i < first + items[item + 1u]; i += 256u) {
        let grad = weight_grads[i] + turn.weight_decay * weights[i];
        weight_grads[i] = grad;
        sum += grad * grad;
    }
    squares[local] = sum;
    workgroupBarrier();
    for (var half = 128u; half > 0u; half /= 2u) {
        if local < half {
            squares[local] += squares[local + half];
        }
        workgroupBarrier();
    }
    if local == 0u {
        let slot = turn.first_report + model;
        let learns = alive[model] != 0u && is_finite(reports[slot].x) && is_finite(squares[0]);
        alive[model] = u32(learns);
        reports[slot].z = sqrt(squares[0]);
        reports[slot].w = f32(learns);
    }
}

// Changes the weights. A model that has diverged stays as it is. An item: first weight, weights (at most 1,024), model.
@compute @workgroup_size(256)
fn update(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
    let item = item_of(group);
    if item == NONE || alive[items[item + 2u]] == 0u {
        return;
    }
    for (var i = items[item] + local; i < items[item] + items[item + 1u]; i += 256u) {
        let grad = weight_grads[i];
        if turn.is_rms_prop != 0u {
            mean_squares[i] = turn.decay * mean_squares[i] + (1.0 - turn.decay) * grad * grad;
            momenta[i] = turn.momentum * momenta[i] + turn.rate * grad / sqrt(mean_squares[i] + turn.epsilon);
            weights[i] -= momenta[i];
        } else {
            momenta[i] = turn.momentum * momenta[i] + grad;
            weights[i] -= turn.rate * (grad + turn.momentum * momenta[i]);
        }
    }
}
