#!/usr/bin/env bash
# Trains a small cell on every GPU adapter beside the reference; the losses of the first three steps must agree within 1e-3. With the
# argument `stacks` it also trains stacks of cells beside the lane engine, whose gradients must agree within 1e-4: some minutes more, and
# not part of the gate until it is known how long they take on a new machine.
# Without a GPU it does so on Mesa's software adapter: Debian's `mesa-vulkan-drivers`, installed if we are root. Where no adapter
# can be had it says that it skipped. The first build of the feature `gpu` takes some twenty minutes of processor time.
set -euo pipefail
cd "$(dirname "$0")/.."

export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/nasbench/target}"
drivers() { find /usr/share/vulkan/icd.d /etc/vulkan/icd.d -name '*.json' 2>/dev/null; }

if [ -z "$(drivers)" ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  echo 'no Vulkan driver: installing mesa-vulkan-drivers' >&2
  export DEBIAN_FRONTEND=noninteractive
  { timeout 2m apt-get update -qq && timeout 5m apt-get install -y -qq --no-install-recommends mesa-vulkan-drivers libvulkan1; } >&2 ||
    true
fi
if [ -z "$(drivers)" ]; then
  echo 'skipped: there is no Vulkan driver, and mesa-vulkan-drivers could not be installed' >&2
  exit 0
fi
# Only the software adapter is left where there is no GPU: the other drivers of Mesa find nothing and say so at length.
software=$(drivers | grep lvp_icd | head -1 || true)
if [ -z "${VK_ICD_FILENAMES:-}" ] && [ ! -e /dev/dri ] && ! command -v nvidia-smi >/dev/null && [ -n "$software" ]; then
  export VK_ICD_FILENAMES="$software"
fi
# Mesa complains of its absence once for each adapter.
export XDG_RUNTIME_DIR="${XDG_RUNTIME_DIR:-/tmp}"
cargo test --locked --features gpu --test it -- gpu:: --nocapture
if [ "${1:-}" = stacks ]; then
  cargo test --locked --features gpu --lib -- engine::stack train::group record::trainer --nocapture
fi
