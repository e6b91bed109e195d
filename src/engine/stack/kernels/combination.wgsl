// Sums, concatenations (a sum of one term for each part), poolings and means of planes: up to four channels at a quad of one pixel.
// An item: kind, output, channels, first channel, winners; its terms: first, how many; height and width of a term.
// A term: where it starts, its table.

const SUM = 0u;
const MAX_POOL_3 = 1u;
const AVG_POOL_3 = 2u;
const MAX_POOL_2 = 3u;

@compute @workgroup_size(64)
fn combine(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
    let item = item_of(group);
    let plane = launch.height * launch.width * turn.quads;
    let position = group.x * 64u + local;
    if item == NONE || position >= plane {
        return;
    }
    let kind = items[item];
    let first = items[item + 3u];
    let winner = items[item + 4u];
    let terms = items[item + 5u];
    let size = vec2u(items[item + 7u], items[item + 8u]);
    let quad = position % turn.quads;
    let at = vec2u(position / turn.quads / launch.width, position / turn.quads % launch.width);
    for (var j = 0u; j < items[item + 2u]; j++) {
        let channel = first + j;
        let start = items[terms] + channel * size.x * size.y * turn.quads + quad;
        let table = items[terms + 1u];
        var result = vec4f(0.0);
        if kind == SUM {
            for (var term = 0u; term < items[item + 6u]; term++) {
                let entry = terms + 2u * term;
                result += normalised(values[items[entry] + channel * plane + position], items[entry + 1u], channel);
            }
        } else if kind == MAX_POOL_3 || kind == MAX_POOL_2 {
            var code = vec4u(0u);
            if kind == MAX_POOL_3 {
                greatest_of_9(start, table, channel, at, &result, &code);
            } else {
                greatest_of_4(start, table, channel, at, size, &result, &code);
            }
            winners[winner + channel * plane + position] = code.x | (code.y << 8u) | (code.z << 16u) | (code.w << 24u);
        } else if kind == AVG_POOL_3 {
            for (var row = max(at.x, 1u) - 1u; row < min(at.x + 2u, size.x); row++) {
                for (var column = max(at.y, 1u) - 1u; column < min(at.y + 2u, size.y); column++) {
                    result += normalised(values[start + (row * size.y + column) * turn.quads], table, channel);
                }
            }
            result *= share(at.x, at.y);
        } else {
            for (var pixel = 0u; pixel < size.x * size.y; pixel++) {
                result += normalised(values[start + pixel * turn.quads], table, channel);
            }
            result /= f32(size.x * size.y);
        }
        values[items[item + 1u] + channel * plane + position] = result;
    }
}

// Of equal rows the middle one wins, then the upper one; within it the middle pixel, then the left one.
fn greatest_of_9(start: u32, table: u32, channel: u32, at: vec2u, result: ptr<function, vec4f>, code: ptr<function, vec4u>) {
    for (var k = 0u; k < 3u; k++) {
        // The middle row comes first, then the one above, then the one below: 1, 0, 2.
        let line = select(select(2u, 0u, k == 1u), 1u, k == 0u);
        let row = at.x + line - 1u;
        if row >= launch.height {
            continue;
        }
        var best = vec4f(0.0);
        var own = vec4u(0u);
        for (var l = 0u; l < 3u; l++) {
            let across = select(select(2u, 0u, l == 1u), 1u, l == 0u);
            let column = at.y + across - 1u;
            if column < launch.width {
                let value = normalised(values[start + (row * launch.width + column) * turn.quads], table, channel);
                let wins = (value > best) | vec4<bool>(l == 0u);
                best = select(best, value, wins);
                own = select(own, vec4u(3u * line + across), wins);
            }
        }
        let wins = (best > *result) | vec4<bool>(k == 0u);
        *result = select(*result, best, wins);
        *code = select(*code, own, wins);
    }
}

// Of equal pixels the first one wins. One beyond the image is zero, as is no other one less than.
fn greatest_of_4(
    start: u32, table: u32, channel: u32, at: vec2u, size: vec2u, result: ptr<function, vec4f>, code: ptr<function, vec4u>,
) {
    for (var k = 0u; k < 4u; k++) {
        let row = 2u * at.x + k / 2u;
        let column = 2u * at.y + k % 2u;
        if row < size.x && column < size.y {
            let value = normalised(values[start + (row * size.y + column) * turn.quads], table, channel);
            let wins = (value > *result) | vec4<bool>(k == 0u);
            *result = select(*result, value, wins);
            *code = select(*code, vec4u(k), wins);
        }
    }
}
