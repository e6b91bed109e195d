// Softmax and cross-entropy of one model by one workgroup.
// An item: the logits in `values` and `grads`, the first pick, the bias, the model.

var<workgroup> losses: array<vec2f, 64>;

@compute @workgroup_size(64)
fn cross_entropy(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
    let item = item_of(group);
    if item == NONE {
        return;
    }
    let logits = items[item];
    let model = items[item + 3u];
    var loss = vec4f(0.0);
    var correct = vec4f(0.0);
    for (var quad = local; quad < turn.quads; quad += 64u) {
        let first = items[item + 1u] + 4u * quad;
        let labels = vec4u(label_of(first), label_of(first + 1u), label_of(first + 2u), label_of(first + 3u));
        let has_image = present(quad);
        var greatest = values[logits + quad];
        for (var label = 1u; label < turn.classes; label++) {
            greatest = max(greatest, values[logits + label * turn.quads + quad]);
        }
        var sum = vec4f(0.0);
        var own = vec4f(0.0);
        for (var label = 0u; label < turn.classes; label++) {
            let logit = values[logits + label * turn.quads + quad];
            sum += exp(logit - greatest);
            own = select(own, logit, labels == vec4u(label));
        }
        let logarithm = greatest + log(sum);
        var is_correct = has_image;
        for (var label = 0u; label < turn.classes; label++) {
            let logit = values[logits + label * turn.quads + quad];
            let is_own = labels == vec4u(label);
            is_correct = is_correct & (is_own | (logit < own));
            if turn.is_training != 0u {
                let grad = (exp(logit - logarithm) - select(vec4f(0.0), vec4f(1.0), is_own)) / f32(turn.images);
                grads[logits + label * turn.quads + quad] = select(vec4f(0.0), grad, has_image);
            }
        }
        loss += select(vec4f(0.0), logarithm - own, has_image);
        correct += select(vec4f(0.0), vec4f(1.0), is_correct);
    }
    losses[local] = vec2f(total(loss), total(correct));
    workgroupBarrier();
    for (var half = 32u; half > 0u; half /= 2u) {
        if local < half {
            losses[local] += losses[local + half];
        }
        workgroupBarrier();
    }
    if local == 0u {
        reports[turn.first_report + model] = vec4f(losses[0].x / f32(turn.images), losses[0].y, 0.0, 0.0);
    }
    storageBarrier();
    if turn.is_training != 0u {
        for (var label = local; label < turn.classes; label += 64u) {
            var sum = vec4f(0.0);
            for (var quad = 0u; quad < turn.quads; quad++) {
                sum += grads[logits + label * turn.quads + quad];
            }
            weight_grads[items[item + 2u] + label] = total(sum);
        }
    }
}

fn label_of(pick: u32) -> u32 {
    let image = picks[pick].x;
    return (pixels[launch.height + image / 4u] >> (8u * (image % 4u))) & 0xffu;
}
