// A ShuffleNet or ME unit, whole or a part of it, as passes over memory (docs/kernels.md).
// The ops group_conv_shuffle_depthwise, merge_evolve, shuffle_unit and me_unit are made
// of these.
#pragma once

#include "kernels/batch_norm.h"
#include "kernels/packing.h"

namespace menet {

// Sizes, weights and batch norms; what an op does not have is zero or null.
template <typename T>
struct Unit {
  int64_t batch = 0;
  Map map{};                // of the activations before and after the depthwise convolution
  int64_t in_channels = 0;  // of x
  int64_t width = 0;        // of the bottleneck
  int64_t side = 0;         // of the merge-evolve branch
  int64_t expanded = 0;     // of the expansion
  int64_t groups = 1;       // of the shuffle

  // Convolutions: weights in TensorFlow's layout and how they lie there.
  struct Convolution {
    const T* weights = nullptr;
    WeightLayout layout{};
    BatchNorm<T> bn;
  };
  Convolution compress, merge, conv, evolve, expand;
  const T* depthwise = nullptr;  // [3, 3, width, 1]
  BatchNorm<T> bn_depthwise;

  int64_t pixels() const { return batch * map.height * map.width; }
  int64_t out_pixels() const { return batch * map.out_height * map.out_width; }
  int64_t statistics_size() const;
};

// Activations: raw outputs z of the convolutions (z1 in shuffled order), h where it is
// an input, and the unit's own input and output.
template <typename T>
struct UnitTensors {
  const T* x = nullptr;
  const T* h = nullptr;
  T* z1 = nullptr;
  T* z2 = nullptr;
  T* zm = nullptr;
  T* zs = nullptr;
  T* ze = nullptr;
  T* z3 = nullptr;
  T* y = nullptr;
  T* statistics = nullptr;
};

// order[c]: where the shuffle puts channel c.
std::vector<int32_t> shuffle_order(int64_t channels, int64_t groups);

// The statistics of a unit's batch norms.
template <typename T>
struct UnitNormalizations {
  Normalization<T> compress, depthwise, merge, conv, evolve, expand;
  Normalization<T> shuffled;  // compress, in the order of z1's channels
};

template <typename T>
UnitNormalizations<T> saved_normalizations(const Unit<T>& unit, const T* statistics);

// How the normalised activations are read from z1 (or h), zm, zs, and the gated z2.
template <typename T>
Source<T> normalized(const T* z, int64_t channels, const Normalization<T>& n, bool relu) {
  Source<T> source{};
  source.z = z;
  source.channels = channels;
  source.mean = n.mean.data();
  source.scale = n.scale.data();
  source.offset = n.offset.data();
  source.relu = relu;
  return source;
}
template <typename T>
Source<T> raw(const T* z, int64_t channels) {
  Source<T> source{};
  source.z = z;
  source.channels = channels;
  return source;
}
template <typename T>
Source<T> residual_source(const Unit<T>& unit, const UnitTensors<T>& t,
                          const UnitNormalizations<T>& n);
template <typename T>
Source<T> shuffled_source(const Unit<T>& unit, const UnitTensors<T>& t,
                          const UnitNormalizations<T>& n);

// Training form: writes the z tensors that the unit has, y and the saved statistics,
// moves the running statistics.
template <typename T>
void unit_forward_training(const Unit<T>& unit, const UnitTensors<T>& tensors, Device& device);

// Inference form: y alone; the z tensors live in scratch, an image at a time where
// there are images enough for the threads.
template <typename T>
void unit_forward_inference(const Unit<T>& unit, const UnitTensors<T>& tensors, Device& device);

// Gradients of weights, in TensorFlow's layouts, scales and offsets.
template <typename T>
struct UnitGradients {
  struct Convolution {
    T* weights = nullptr;
    T* scale = nullptr;
    T* offset = nullptr;
  };
  Convolution compress, depthwise, merge, conv, evolve, expand;
  T* x = nullptr;
  T* h = nullptr;   // merge_evolve alone
  T* z2 = nullptr;  // merge_evolve alone: of the residual branch
};

// tensors as the training form left them; dy is the gradient of y.
template <typename T>
void unit_backward(const Unit<T>& unit, const UnitTensors<T>& tensors, const T* dy,
                   const UnitGradients<T>& gradients, Device& device);

}  // namespace menet
