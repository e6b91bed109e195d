// Convolution 3×3 and 1×1, and the linear layer as one of 1×1: up to four outputs at a quad of images of one pixel.
// An item: input, its table, inputs; first weight, weights from one output to the next, from one input to the next, side;
// output, outputs, bias.

const CHUNK = 16u;
var<workgroup> kernel: array<vec4f, 144>;

@compute @workgroup_size(64)
fn convolve(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
    let item = item_of(group);
    if item == NONE {
        return;
    }
    let input = items[item];
    let table = items[item + 1u];
    let inputs = items[item + 2u];
    let weight = items[item + 3u];
    let of_output = items[item + 4u];
    let of_input = items[item + 5u];
    let side = items[item + 6u];
    let output = items[item + 7u];
    let outputs = items[item + 8u];
    let bias = items[item + 9u];
    let taps = side * side;
    let reach = side / 2u;
    let plane = launch.height * launch.width * turn.quads;
    let position = group.x * 64u + local;
    let row = position / turn.quads / launch.width;
    let column = position / turn.quads % launch.width;
    var a = vec4f(0.0);
    var b = vec4f(0.0);
    var c = vec4f(0.0);
    var d = vec4f(0.0);
    for (var first = 0u; first < inputs; first += CHUNK) {
        let some = min(CHUNK, inputs - first);
        workgroupBarrier();
        for (var i = local; i < some * taps; i += 64u) {
            var w = vec4f(0.0);
            for (var j = 0u; j < outputs; j++) {
                w[j] = weights[weight + j * of_output + (first + i / taps) * of_input + i % taps];
            }
            kernel[i] = w;
        }
        workgroupBarrier();
        if position < plane {
            for (var i = 0u; i < some; i++) {
                let start = input + (first + i) * plane + position;
                for (var tap = 0u; tap < taps; tap++) {
                    // What lies above or to the left wraps round and is beyond the image, too.
                    let down = tap / side - reach;
                    let right = tap % side - reach;
                    if row + down < launch.height && column + right < launch.width {
                        let at = start + (down * launch.width + right) * turn.quads;
                        let x = normalised(values[at], table, first + i);
                        let w = kernel[i * taps + tap];
                        a += w.x * x;
                        b += w.y * x;
                        c += w.z * x;
                        d += w.w * x;
                    }
                }
            }
        }
    }
    if position < plane {
        var sums = array<vec4f, 4>(a, b, c, d);
        for (var j = 0u; j < outputs; j++) {
            var sum = sums[j];
            if bias != NONE {
                sum += weights[bias + j];
            }
            values[output + j * plane + position] = sum;
        }
    }
}
