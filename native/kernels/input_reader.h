// A unit op's inputs: activations (S), convolutions and batch norms (Compute<S>), one after the
// other.
#pragma once

#include "kernels/unit.h"

namespace menet {

// Reads a call's inputs in turn, checking each.
template <typename S>
class InputReader {
 public:
  using T = Compute<S>;

  InputReader(const Call& call, size_t next) : call_(call), next_(next) {}

  S* activation(const char* argument, const Shape& shape) { return take<S>(argument, shape); }

  // Weights, parameters of batch norms, statistics.
  T* parameter(const char* argument, const Shape& shape) { return take<T>(argument, shape); }

  // The shape of the input that comes next, of rank 4 and without empty dimensions.
  Shape peek(const char* argument) const {
    call_.expect(next_ < call_.inputs.size(), argument, ": expected an input, got nothing");
    call_.expect_rank(next_, argument, 4);
    const Shape& shape = call_.inputs[next_].shape;
    for (int64_t size : shape) {
      call_.expect(size > 0, argument, ": expected sizes above 0, got ", to_string(shape));
    }
    return shape;
  }

  BatchNorm<T> batch_norm(const char* name, int64_t channels) {
    BatchNorm<T> bn;
    bn.channels = channels;
    bn.scale = parameter(name, {channels});
    bn.offset = parameter(name, {channels});
    bn.mean = parameter(name, {channels});
    bn.variance = parameter(name, {channels});
    return bn;
  }

  // A grouped 1×1 convolution [1, 1, in/groups, out] and its batch norm.
  typename Unit<T>::Convolution pointwise(const char* name, int64_t in, const char* bn) {
    const Shape shape = peek(name);
    const int64_t groups = in / shape[2];
    call_.expect(in % shape[2] == 0 && shape[3] % groups == 0, name,
                 ": expected groups that divide ", in,
                 " input channels and the output's, got shape ", to_string(shape));
    const T* weights = parameter(name, {1, 1, shape[2], shape[3]});
    return {weights, {groups, shape[2], shape[3] / groups}, batch_norm(bn, shape[3])};
  }

  size_t next() const { return next_; }

 private:
  template <typename E>
  E* take(const char* argument, const Shape& shape) {
    call_.expect(next_ < call_.inputs.size(), argument, ": expected an input, got nothing");
    call_.expect_dtype(next_, argument, DTypeOf<E>::value);
    call_.expect_shape(next_, argument, shape);
    return call_.inputs[next_++].template as<E>();
  }

  const Call& call_;
  size_t next_;
};

// The map that 3×3 windows with attribute `strides` (1 or 2) make of [N, H, W, C].
inline Map read_map(const Call& call, const Shape& shape) {
  const int64_t strides = call.attributes.integer("strides");
  call.expect(strides == 1 || strides == 2, "strides: expected 1 or 2, got ", strides);
  const auto out = [&](int64_t size) { return (size + strides - 1) / strides; };
  return {shape[1], shape[2], strides, out(shape[1]), out(shape[2])};
}

// Calls body(S{}) with what the first input, an activation, is stored as.
template <typename Body>
void by_storage_type(const Call& call, const Body& body) {
  call.expect(!call.inputs.empty(), "expected inputs, got none");
  call.expect_activation(0, "x");
  with_activation_type(call.inputs[0].dtype, body);
}

// Calls body(float{}) or, in the test build, body(double{}), as the first input is.
template <typename Body>
void by_float_type(const Call& call, const Body& body) {
  call.expect(!call.inputs.empty(), "expected inputs, got none");
  call.expect_float(0, "x");
  with_float_type(call.inputs[0].dtype, body);
}

}  // namespace menet
