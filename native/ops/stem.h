// The sizes of a stem, and the order of its gradient's inputs.
#pragma once

#include "kernels/input_reader.h"
#include "kernels/packing.h"

namespace menet {

struct StemShape {
  int64_t batch, in, channels;
  Map conv, pool;
  bool pooling;

  Shape z() const { return {batch, conv.out_height, conv.out_width, channels}; }
  Shape y() const {
    return pooling ? Shape{batch, pool.out_height, pool.out_width, channels} : z();
  }
  int64_t pixels() const { return batch * conv.out_height * conv.out_width; }
  // A kernel row's matrix.
  WeightLayout row() const { return {1, 3 * in, channels}; }
  WeightLayout weights() const { return {1, 9 * in, channels}; }
};

// Checks x and the parameters, which begin at input `first`.
StemShape stem_shape(const Call& call, size_t first);

// What y and z are stored as: x's type or, where x is float32, that of attribute `storage`.
DType stem_storage(const Call& call, DType x);

// Calls body(X{}, S{}) with what x is stored as and what y is.
template <typename Body>
void with_stem_types(DType x, DType y, const Body& body) {
  with_activation_type(y, [&](auto s) {
    using S = decltype(s);
    if (x == y) return body(S{}, S{});
    if constexpr (sizeof(S) < sizeof(Compute<S>)) return body(float{}, S{});
  });
}

// Inputs of the gradient; a batch norm is four.
namespace stem_inputs {
enum { kDy, kY, kX, kConv, kBatchNorm, kZ = kBatchNorm + 4, kStatistics, kInputs };
}

}  // namespace menet
