// Transpose(x; perm) -> y whose dimension i is x's dimension perm[i].
// Reverse(x; axes) -> y of the same shape, reversed along the axes.
#include "ops/strided_copy.h"

namespace menet {

namespace {

std::vector<TensorType> infer_transpose(const Call& call) {
  call.expect_inputs(1);
  const Shape& x = call.inputs[0].shape;
  const Shape perm = call.attributes.integers("perm");
  call.expect(perm.size() == x.size(), "perm: expected ", x.size(), " axes, got ", to_string(perm));
  Shape y;
  std::vector<bool> seen(x.size());
  for (int64_t axis : perm) {
    const auto i = static_cast<size_t>(axis);
    call.expect(axis >= 0 && i < x.size() && !seen[i], "perm: expected each axis of ", to_string(x),
                " once, got ", to_string(perm));
    seen[i] = true;
    y.push_back(x[i]);
  }
  return {{call.inputs[0].dtype, y}};
}

void run_transpose(Call& call) {
  const Tensor &x = call.inputs[0], &y = call.outputs[0];
  const Shape strides = dense_strides(x.shape);
  Shape from;
  for (int64_t axis : call.attributes.integers("perm")) {
    from.push_back(strides[static_cast<size_t>(axis)]);
  }
  strided_copy(call, x.dtype, y.shape, x.data, 0, from, y.data, 0, dense_strides(y.shape));
}

std::vector<TensorType> infer_reverse(const Call& call) {
  call.expect_inputs(1);
  const Tensor& x = call.inputs[0];
  for (int64_t axis : call.attributes.integers("axes")) {
    call.expect(axis >= 0 && axis < x.rank(), "axes: expected axes of ", to_string(x.shape),
                ", got ", axis);
  }
  return {x};
}

void run_reverse(Call& call) {
  const Tensor &x = call.inputs[0], &y = call.outputs[0];
  const Shape to = dense_strides(x.shape);
  Shape from = to;
  int64_t offset = 0;
  for (int64_t axis : call.attributes.integers("axes")) {
    const auto i = static_cast<size_t>(axis);
    offset += (x.shape[i] - 1) * to[i];
    from[i] = -to[i];
  }
  strided_copy(call, x.dtype, x.shape, x.data, offset, from, y.data, 0, to);
}

const RegisterOp transpose({"Transpose", infer_transpose, run_transpose, run_transpose,
                            kTakesHalf});
const RegisterOp reverse({"Reverse", infer_reverse, run_reverse, run_reverse, kTakesHalf});

}  // namespace

}  // namespace menet
