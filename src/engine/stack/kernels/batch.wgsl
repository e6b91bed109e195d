// Fills the images of every model from the data set: picked, shifted, mirrored, normalised.
// An item: channel of the images in `values`, channel, first pick, channels of an image.
@compute @workgroup_size(64)
fn fill(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
    let item = item_of(group);
    let position = group.x * 64u + local;
    let plane = launch.height * launch.width;
    if item == NONE || position >= plane * turn.quads {
        return;
    }
    let pixel = position / turn.quads;
    let quad = position % turn.quads;
    let channel = items[item + 1u];
    var value = vec4f(0.0);
    for (var lane = 0u; lane < 4u; lane++) {
        let pick = picks[items[item + 2u] + 4u * quad + lane];
        let column = pixel % launch.width;
        let flipped = select(column, launch.width - 1u - column, (pick.y >> 20u) != 0u);
        // What lies above or to the left wraps round and is beyond the image, too.
        let y = pixel / launch.width + (pick.y & 0x3ffu) - turn.padding;
        let x = flipped + ((pick.y >> 10u) & 0x3ffu) - turn.padding;
        if y < launch.height && x < launch.width {
            let byte = (pick.x * items[item + 3u] + channel) * plane + y * launch.width + x;
            value[lane] = levels[channel * 256u + ((pixels[byte / 4u] >> (8u * (byte % 4u))) & 0xffu)];
        }
    }
    values[items[item] + position] = value;
}
