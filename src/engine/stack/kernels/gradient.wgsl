// The gradient of what a step wrote: that of each of its readers, added up, for up to four channels at a quad of one pixel.
// Each gradient is written once, so that nothing is zeroed and no two threads meet.
// An item: output, channels, first channel; its readers: first, how many.
// A reader: kind, channels that it reads, its gradient; winners, first weight, outputs, weights from one output to the next, from
// one input to the next, side of the kernel; height and width of its plane.

const READER = 11u;
const CONVOLUTION = 0u;
const COPY = 1u;
const MAX_POOL_3 = 2u;
const AVG_POOL_3 = 3u;
const MAX_POOL_2 = 4u;

const CHUNK = 16u;
var<workgroup> kernel: array<vec4f, 144>;

@compute @workgroup_size(64)
fn collect(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
    let item = item_of(group);
    if item == NONE {
        return;
    }
    let plane = launch.height * launch.width * turn.quads;
    let position = group.x * 64u + local;
    let own = items[item + 1u];
    let first = items[item + 2u];
    var sums = array<vec4f, 4>(vec4f(0.0), vec4f(0.0), vec4f(0.0), vec4f(0.0));
    for (var number = 0u; number < items[item + 4u]; number++) {
        let reader = items[item + 3u] + number * READER;
        let channels_read = min(own, max(items[reader + 1u], first) - first);
        if items[reader] == CONVOLUTION {
            convolve_back(reader, first, channels_read, position, plane, local, &sums);
        } else if position < plane {
            for (var j = 0u; j < channels_read; j++) {
                sums[j] += pooled(reader, first + j, position);
            }
        }
    }
    if position < plane {
        for (var j = 0u; j < own; j++) {
            grads[items[item] + j * plane + position] = sums[j];
        }
    }
}

// The gradient of the input of a convolution: one with the kernel turned round, its channels exchanged.
fn convolve_back(
    reader: u32, first: u32, own: u32, position: u32, plane: u32, local: u32, sums: ptr<function, array<vec4f, 4>>,
) {
    let grad = items[reader + 2u];
    let weight = items[reader + 4u];
    let outputs = items[reader + 5u];
    let of_output = items[reader + 6u];
    let of_input = items[reader + 7u];
    let side = items[reader + 8u];
    let taps = side * side;
    let reach = side / 2u;
    let row = position / turn.quads / launch.width;
    let column = position / turn.quads % launch.width;
    var a = vec4f(0.0);
    var b = vec4f(0.0);
    var c = vec4f(0.0);
    var d = vec4f(0.0);
    for (var start = 0u; start < outputs; start += CHUNK) {
        let some = min(CHUNK, outputs - start);
        workgroupBarrier();
        for (var i = local; i < some * taps; i += 64u) {
            var w = vec4f(0.0);
            for (var j = 0u; j < own; j++) {
                w[j] = weights[weight + (start + i / taps) * of_output + (first + j) * of_input + i % taps];
            }
            kernel[i] = w;
        }
        workgroupBarrier();
        if position < plane {
            for (var i = 0u; i < some; i++) {
                let from_here = grad + (start + i) * plane + position;
                for (var tap = 0u; tap < taps; tap++) {
                    let down = reach - tap / side;
                    let right = reach - tap % side;
                    if row + down < launch.height && column + right < launch.width {
                        let g = grads[from_here + (down * launch.width + right) * turn.quads];
                        let w = kernel[i * taps + tap];
                        a += w.x * g;
                        b += w.y * g;
                        c += w.z * g;
                        d += w.w * g;
                    }
                }
            }
        }
    }
    (*sums)[0] += a;
    (*sums)[1] += b;
    (*sums)[2] += c;
    (*sums)[3] += d;
}

// What a reader without weights hands back to a quad of one pixel of a channel.
fn pooled(reader: u32, channel: u32, position: u32) -> vec4f {
    let kind = items[reader];
    let size = vec2u(items[reader + 9u], items[reader + 10u]);
    let plane = size.x * size.y * turn.quads;
    let start = items[reader + 2u] + channel * plane;
    let winner = items[reader + 3u] + channel * plane;
    let row = position / turn.quads / launch.width;
    let column = position / turn.quads % launch.width;
    let quad = position % turn.quads;
    if kind == COPY {
        return grads[start + position];
    }
    if kind == MAX_POOL_2 {
        let at = ((row / 2u) * size.y + column / 2u) * turn.quads + quad;
        return won(at, start, winner, 2u * (row % 2u) + column % 2u);
    }
    if kind == MAX_POOL_3 || kind == AVG_POOL_3 {
        var sum = vec4f(0.0);
        for (var k = 0u; k < 9u; k++) {
            let y = row + k / 3u - 1u;
            let x = column + k % 3u - 1u;
            if y < launch.height && x < launch.width {
                let at = (y * launch.width + x) * turn.quads + quad;
                if kind == MAX_POOL_3 {
                    // Seen from the window at that pixel, this one is opposite.
                    sum += won(at, start, winner, 8u - k);
                } else {
                    sum += grads[start + at] * share(y, x);
                }
            }
        }
        return sum;
    }
    // The mean of the plane.
    return grads[start + quad] / f32(launch.height * launch.width);
}

// The gradient at a window, for the images in which the pixel with this number won it.
fn won(at: u32, start: u32, winner: u32, number: u32) -> vec4f {
    let code = vec4u(winners[winner + at]) >> vec4u(0u, 8u, 16u, 24u);
    return select(vec4f(0.0), grads[start + at], (code & vec4u(0xffu)) == vec4u(number));
}
