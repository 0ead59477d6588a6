// A ShuffleNet or ME unit, whole or a part of it, as passes over memory (docs/kernels.md).
// The ops group_conv_shuffle_depthwise, merge_evolve, shuffle_unit and me_unit are made
// of these. T is what parameters and statistics are kept and computed in, S what activations
// are stored as: T is Compute<S>.
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
template <typename S>
struct UnitTensors {
  const S* x = nullptr;
  const S* h = nullptr;
  S* z1 = nullptr;
  S* z2 = nullptr;
  S* zm = nullptr;
  S* zs = nullptr;
  S* ze = nullptr;
  S* z3 = nullptr;
  S* y = nullptr;
  Compute<S>* statistics = nullptr;
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
template <typename S>
Source<S> normalized(const S* z, int64_t channels, const Normalization<Compute<S>>& n, bool relu) {
  Source<S> source{};
  source.z = z;
  source.channels = channels;
  source.mean = n.mean.data();
  source.scale = n.scale.data();
  source.offset = n.offset.data();
  source.relu = relu;
  return source;
}
template <typename S>
Source<S> raw(const S* z, int64_t channels) {
  Source<S> source{};
  source.z = z;
  source.channels = channels;
  return source;
}
template <typename S>
Source<S> residual_source(const Unit<Compute<S>>& unit, const UnitTensors<S>& t,
                          const UnitNormalizations<Compute<S>>& n);
template <typename S>
Source<S> shuffled_source(const Unit<Compute<S>>& unit, const UnitTensors<S>& t,
                          const UnitNormalizations<Compute<S>>& n);

// Training form: writes the z tensors that the unit has, y and the saved statistics,
// moves the running statistics.
template <typename S>
void unit_forward_training(const Unit<Compute<S>>& unit, const UnitTensors<S>& tensors,
                           Device& device);

// Inference form: y alone; the z tensors live in scratch, an image at a time where
// there are images enough for the threads.
template <typename S>
void unit_forward_inference(const Unit<Compute<S>>& unit, const UnitTensors<S>& tensors,
                            Device& device);

// Gradients of weights, in TensorFlow's layouts, scales and offsets, and of activations.
template <typename S>
struct UnitGradients {
  using T = Compute<S>;
  struct Convolution {
    T* weights = nullptr;
    T* scale = nullptr;
    T* offset = nullptr;
  };
  Convolution compress, depthwise, merge, conv, evolve, expand;
  S* x = nullptr;
  S* h = nullptr;   // merge_evolve alone
  S* z2 = nullptr;  // merge_evolve alone: of the residual branch
};

// tensors as the training form left them; dy is the gradient of y.
template <typename S>
void unit_backward(const Unit<Compute<S>>& unit, const UnitTensors<S>& tensors, const S* dy,
                   const UnitGradients<S>& gradients, Device& device);

}  // namespace menet
