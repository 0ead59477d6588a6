// How the passes of a unit on a GPU read its tensors.
#pragma once

#include "kernels/device_batch_norm.h"
#include "kernels/unit.h"

namespace menet {

template <typename T>
struct DeviceNormalizations {
  DeviceNormalization<T> compress, depthwise, merge, conv, evolve, expand;
};

// z2, gated where the unit has a branch.
template <typename T>
Source<T> residual_source(const Unit<T>& u, const UnitTensors<T>& t,
                          const DeviceNormalizations<T>& n) {
  Source<T> source = normalized<T>(t.z2, u.width, n.depthwise, false);
  if (u.side > 0) {
    source.gate = t.ze;
    source.gate_mean = n.evolve.mean;
    source.gate_scale = n.evolve.scale;
    source.gate_offset = n.evolve.offset;
  }
  return source;
}

// What depthwise and merge convolutions read: z1 behind batch norm and relu, or h.
template <typename T>
Source<T> shuffled_source(const Unit<T>& u, const UnitTensors<T>& t,
                          const DeviceNormalizations<T>& n) {
  if (t.h == nullptr) return normalized<T>(t.z1, u.width, n.compress, true);
  Source<T> source{};
  source.z = t.h;
  source.channels = u.width;
  return source;
}

template <typename T>
Shuffle shuffle_of(const Unit<T>& u) {
  return {u.width / u.groups, u.groups};
}

}  // namespace menet
