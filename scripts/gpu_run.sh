#!/bin/sh
# Tests and benchmark of menet on a machine with an NVIDIA GPU and nothing but a driver and Python:
#   run.sh [test ARGS... | bench ARGS...]    default: all tests, then the benchmark
# Unpacks into MENET_GPU_FOLDER (default /tmp/menet-gpu) once, or again from another bundle, and
# works there.
set -u
bundle=$(cd "$(dirname "$0")" && pwd)
folder=${MENET_GPU_FOLDER:-/tmp/menet-gpu}

unpack() {
  if command -v xz >/dev/null; then tar -xJf "$1" -C "$folder"; else
    python3 -c 'import sys, tarfile; tarfile.open(sys.argv[1]).extractall(sys.argv[2])' "$1" "$folder"
  fi
}

sum=$(cat "$bundle"/*.tar.xz | cksum)
if [ "$(cat "$folder/complete" 2>/dev/null)" != "$sum" ]; then
  rm -rf "$folder/menet" "$folder/shared" "$folder/node"
  mkdir -p "$folder"
  for part in "$bundle"/*.tar.xz; do unpack "$part" || exit 1; done
  echo "$sum" >"$folder/complete"
fi

cd "$folder/menet" || exit 1
export MENET_SPECS="$folder/menet/build/specs.cjs"
node=$folder/node
what=${1:-all}
[ $# -gt 0 ] && shift
case $what in
  test) exec "$node" scripts/test_gpu.js "$@" ;;
  bench) exec "$node" scripts/bench_gpu.js "$@" ;;
  all)
    "$node" scripts/test_gpu.js --smoke || exit 1
    "$node" scripts/test_gpu.js
    tested=$?
    "$node" scripts/bench_gpu.js
    benched=$?
    exit $((tested > benched ? tested : benched))
    ;;
  *) echo "run.sh: expected test or bench, got $what" >&2; exit 2 ;;
esac
