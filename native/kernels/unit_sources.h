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
template <typename S>
Source<S> residual_source(const Unit<Compute<S>>& u, const UnitTensors<S>& t,
                          const DeviceNormalizations<Compute<S>>& n) {
  Source<S> source = normalized<S>(t.z2, u.width, n.depthwise, false);
  if (u.side > 0) {
    source.gate = t.ze;
    source.gate_mean = n.evolve.mean;
    source.gate_scale = n.evolve.scale;
    source.gate_offset = n.evolve.offset;
  }
  return source;
}

// What depthwise and merge convolutions read: z1 behind batch norm and relu, or h.
template <typename S>
Source<S> shuffled_source(const Unit<Compute<S>>& u, const UnitTensors<S>& t,
                          const DeviceNormalizations<Compute<S>>& n) {
  if (t.h == nullptr) return normalized<S>(t.z1, u.width, n.compress, true);
  Source<S> source{};
  source.z = t.h;
  source.channels = u.width;
  return source;
}

template <typename T>
Shuffle shuffle_of(const Unit<T>& u) {
  return {u.width / u.groups, u.groups};
}

}  // namespace menet
