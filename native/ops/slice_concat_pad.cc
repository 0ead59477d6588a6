// Slice(x; begin, size), SplitV(x; sizes, axis) -> several, Concat(x...; axis),
// PadV2(x; paddings: before and after each dimension, constantValue), Tile(x; reps).
#include "ops/fill.h"
#include "ops/strided_copy.h"

namespace menet {

namespace {

std::vector<TensorType> infer_slice(const Call& call) {
  call.expect_inputs(1);
  const Tensor& x = call.inputs[0];
  const Shape begin = call.attributes.integers("begin"), size = call.attributes.integers("size");
  bool inside = begin.size() == x.shape.size() && size.size() == x.shape.size();
  for (size_t i = 0; inside && i < size.size(); ++i) {
    inside = begin[i] >= 0 && size[i] >= 0 && begin[i] + size[i] <= x.shape[i];
  }
  call.expect(inside, "expected a part of ", to_string(x.shape), ", got begin ", to_string(begin),
              " and size ", to_string(size));
  return {{x.dtype, size}};
}

void copy_part(const Call& call, const Tensor& x, const Shape& begin, const Tensor& y) {
  const Shape from = dense_strides(x.shape);
  int64_t offset = 0;
  for (size_t i = 0; i < begin.size(); ++i) offset += begin[i] * from[i];
  strided_copy(call, x.dtype, y.shape, x.data, offset, from, y.data, 0, dense_strides(y.shape));
}

void run_slice(Call& call) {
  copy_part(call, call.inputs[0], call.attributes.integers("begin"), call.outputs[0]);
}

size_t axis_of(const Call& call) {
  const Tensor& x = call.inputs[0];
  const int64_t axis = call.attributes.integer("axis");
  call.expect(axis >= 0 && axis < x.rank(), "axis: expected an axis of ", to_string(x.shape),
              ", got ", axis);
  return static_cast<size_t>(axis);
}

std::vector<TensorType> infer_split(const Call& call) {
  call.expect_inputs(1);
  const Tensor& x = call.inputs[0];
  const size_t axis = axis_of(call);
  std::vector<TensorType> parts;
  int64_t total = 0;
  for (int64_t size : call.attributes.integers("sizes")) {
    call.expect(size >= 0, "sizes: expected sizes of at least 0, got ", size);
    parts.push_back({x.dtype, x.shape});
    parts.back().shape[axis] = size;
    total += size;
  }
  call.expect(total == x.shape[axis], "sizes: expected a sum of ", x.shape[axis], ", got ", total);
  return parts;
}

void run_split(Call& call) {
  const size_t axis = axis_of(call);
  Shape begin(call.inputs[0].shape.size());
  for (const Tensor& part : call.outputs) {
    copy_part(call, call.inputs[0], begin, part);
    begin[axis] += part.shape[axis];
  }
}

std::vector<TensorType> infer_concat(const Call& call) {
  call.expect(!call.inputs.empty(), "expected at least one input, got none");
  const size_t axis = axis_of(call);
  TensorType y = call.inputs[0];
  y.shape[axis] = 0;
  for (size_t i = 0; i < call.inputs.size(); ++i) {
    const Tensor& x = call.inputs[i];
    call.expect_dtype(i, "x", y.dtype);
    call.expect_rank(i, "x", static_cast<int>(y.shape.size()));
    Shape rest = x.shape;
    rest[axis] = y.shape[axis];
    call.expect(rest == y.shape, "expected shapes that differ in axis ", axis, " alone, got ",
                to_string(call.inputs[0].shape), " and ", to_string(x.shape));
    y.shape[axis] += x.shape[axis];
  }
  return {y};
}

void run_concat(Call& call) {
  const size_t axis = axis_of(call);
  const Tensor& y = call.outputs[0];
  const Shape to = dense_strides(y.shape);
  int64_t offset = 0;
  for (const Tensor& x : call.inputs) {
    strided_copy(call, y.dtype, x.shape, x.data, 0, dense_strides(x.shape), y.data, offset, to);
    offset += x.shape[axis] * to[axis];
  }
}

std::vector<TensorType> infer_pad(const Call& call) {
  call.expect_inputs(1);
  TensorType y = call.inputs[0];
  const Shape paddings = call.attributes.integers("paddings");
  call.attributes.number("constantValue");
  call.expect(paddings.size() == 2 * y.shape.size(),
              "paddings: expected two for each dimension of ", to_string(y.shape), ", got ",
              to_string(paddings));
  for (size_t i = 0; i < paddings.size(); ++i) {
    call.expect(paddings[i] >= 0, "paddings: expected at least 0, got ", paddings[i]);
    y.shape[i / 2] += paddings[i];
  }
  return {y};
}

void run_pad(Call& call) {
  const Tensor &x = call.inputs[0], &y = call.outputs[0];
  fill(call, y, call.attributes.number("constantValue"));
  const Shape paddings = call.attributes.integers("paddings"), to = dense_strides(y.shape);
  int64_t offset = 0;
  for (size_t i = 0; i < to.size(); ++i) offset += paddings[2 * i] * to[i];
  strided_copy(call, x.dtype, x.shape, x.data, 0, dense_strides(x.shape), y.data, offset, to);
}

std::vector<TensorType> infer_tile(const Call& call) {
  call.expect_inputs(1);
  TensorType y = call.inputs[0];
  const Shape reps = call.attributes.integers("reps");
  call.expect(reps.size() == y.shape.size(), "reps: expected one for each dimension of ",
              to_string(y.shape), ", got ", to_string(reps));
  for (size_t i = 0; i < reps.size(); ++i) {
    call.expect(reps[i] >= 0, "reps: expected at least 0, got ", reps[i]);
    y.shape[i] *= reps[i];
  }
  return {y};
}

// Each dimension as two: the repetitions, in which x stands still, and x's own.
void run_tile(Call& call) {
  const Tensor &x = call.inputs[0], &y = call.outputs[0];
  const Shape reps = call.attributes.integers("reps");
  const Shape x_strides = dense_strides(x.shape), y_strides = dense_strides(y.shape);
  Shape sizes, from, to;
  for (size_t i = 0; i < reps.size(); ++i) {
    sizes.insert(sizes.end(), {reps[i], x.shape[i]});
    from.insert(from.end(), {0, x_strides[i]});
    to.insert(to.end(), {x.shape[i] * y_strides[i], y_strides[i]});
  }
  strided_copy(call, x.dtype, sizes, x.data, 0, from, y.data, 0, to);
}

std::vector<TensorType> infer_fill(const Call& call) {
  call.expect_inputs(0);
  call.attributes.number("value");
  const Shape shape = call.attributes.integers("shape");
  for (int64_t size : shape) call.expect(size >= 0, "shape: expected at least 0, got ", size);
  return {{dtype_from_name(call.attributes.text("dtype")), shape}};
}

void run_fill(Call& call) { fill(call, call.outputs[0], call.attributes.number("value")); }

const RegisterOp ops[] = {
    RegisterOp({"Slice", infer_slice, run_slice, run_slice, kTakesHalf}),
    RegisterOp({"SplitV", infer_split, run_split, run_split, kTakesHalf}),
    RegisterOp({"Concat", infer_concat, run_concat, run_concat, kTakesHalf}),
    RegisterOp({"PadV2", infer_pad, run_pad, run_pad}),
    RegisterOp({"Tile", infer_tile, run_tile, run_tile, kTakesHalf}),
    RegisterOp({"Fill", infer_fill, run_fill, run_fill}),
};

}  // namespace

}  // namespace menet
