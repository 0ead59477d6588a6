// The inputs of MobileNet's block and of its gradient.
#pragma once

#include "kernels/input_reader.h"

namespace menet {

template <typename S>
struct Separable {
  using T = Compute<S>;
  int64_t batch;
  Map map;
  const S* x;
  const T* depthwise;
  BatchNorm<T> bn_depthwise;
  typename Unit<T>::Convolution pointwise;

  int64_t in() const { return bn_depthwise.channels; }
  int64_t out() const { return pointwise.bn.channels; }
  int64_t out_rows() const { return batch * map.out_height; }
  int64_t out_pixels() const { return out_rows() * map.out_width; }
  WeightLayout taps() const { return {1, 9, in()}; }
  Shape z1() const { return {batch, map.out_height, map.out_width, in()}; }
  Shape y() const { return {batch, map.out_height, map.out_width, out()}; }
  Shape statistics() const { return {2 * (in() + out())}; }
};

// Inputs of the gradient; those of the forward form begin at kX.
namespace separable_inputs {
enum { kDy, kY, kX, kZ1 = kX + 11, kZ2, kStatistics, kInputs };
}

template <typename S>
Separable<S> read_separable(const Call& call, size_t first) {
  InputReader<S> reader(call, first);
  Separable<S> s{};
  const Shape x = reader.peek("x");
  s.batch = x[0];
  s.map = read_map(call, x);
  s.x = reader.activation("x", x);
  s.depthwise = reader.parameter("depthwise", {3, 3, x[3], 1});
  s.bn_depthwise = reader.batch_norm("bnDepthwise", x[3]);
  const Shape pointwise = reader.peek("pointwise");
  call.expect(pointwise[2] == x[3], "pointwise: expected ", x[3], " input channels, got shape ",
              to_string(pointwise));
  s.pointwise = reader.pointwise("pointwise", x[3], "bnPointwise");
  return s;
}

}  // namespace menet
