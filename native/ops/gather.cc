// GatherV2(x [batch, outer, n, inner], indices int32 [batch, k]) -> [batch, outer, k, inner].
// OneHot(indices int32; dtype, depth, onValue, offValue) -> indices' shape and depth.
// UnsortedSegmentSum(x [n, ...], segmentIds int32 [n]; numSegments) -> [numSegments, ...];
// ids outside are left out.
#include "core/thread_pool.h"
#include "ops/grain.h"
#include "ops/number_type.h"

namespace menet {

namespace {

std::vector<TensorType> infer_gather(const Call& call) {
  call.expect_inputs(2);
  const Tensor &x = call.inputs[0], &indices = call.inputs[1];
  call.expect_rank(0, "x", 4);
  call.expect_rank(1, "indices", 2);
  call.expect_dtype(1, "indices", DType::kInt32);
  call.expect(indices.dim(0) == x.dim(0), "indices: expected ", x.dim(0), " rows, got ",
              indices.dim(0));
  return {{x.dtype, {x.dim(0), x.dim(1), indices.dim(1), x.dim(3)}}};
}

void expect_indices(const Call& call, const Tensor& indices, int64_t n) {
  for (int64_t i = 0; i < indices.size(); ++i) {
    const int32_t index = indices.as<int32_t>()[i];
    // The wording of tfjs-backend-cpu, which its users know.
    if (index < 0 || index >= n) {
      throw_error(call.name(), ": the index value ", index, " is not in [0, ", n - 1, "]");
    }
  }
}

void cpu_gather(Call& call) {
  const Tensor &x = call.inputs[0], &indices = call.inputs[1], &y = call.outputs[0];
  const int64_t outer = x.dim(1), n = x.dim(2), inner = x.dim(3), k = indices.dim(1);
  expect_indices(call, indices, n);
  const int32_t* index = indices.as<int32_t>();
  with_element_size(x.dtype, [&](auto zero) {
    using T = decltype(zero);
    parallel_for(x.dim(0) * outer * k, grain_of(inner), [&](int64_t begin, int64_t end, int) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t row = i / k;  // of batch and outer
        const int64_t source = row * n + index[row / outer * k + i % k];
        std::copy_n(x.as<T>() + source * inner, inner, y.as<T>() + i * inner);
      }
    });
  });
}

std::vector<TensorType> infer_one_hot(const Call& call) {
  call.expect_inputs(1);
  call.expect_dtype(0, "indices", DType::kInt32);
  call.attributes.number("onValue");
  call.attributes.number("offValue");
  Shape shape = call.inputs[0].shape;
  shape.push_back(call.attributes.integer("depth"));
  call.expect(shape.back() >= 0, "depth: expected at least 0, got ", shape.back());
  return {{dtype_from_name(call.attributes.text("dtype")), shape}};
}

void cpu_one_hot(Call& call) {
  const Tensor &indices = call.inputs[0], &y = call.outputs[0];
  const int64_t depth = y.shape.back();
  const double on = call.attributes.number("onValue"), off = call.attributes.number("offValue");
  const auto run = [&](auto zero) {
    using T = decltype(zero);
    std::fill_n(y.as<T>(), y.size(), static_cast<T>(off));
    for (int64_t i = 0; i < indices.size(); ++i) {
      const int32_t index = indices.as<int32_t>()[i];
      if (index >= 0 && index < depth) y.as<T>()[i * depth + index] = static_cast<T>(on);
    }
  };
  if (bytes_per_element(y.dtype) == 1) return run(uint8_t{});
  with_number_type(y.dtype, run);
}

std::vector<TensorType> infer_segment_sum(const Call& call) {
  call.expect_inputs(2);
  const Tensor &x = call.inputs[0], &ids = call.inputs[1];
  call.expect_float(0, "x");
  call.expect_dtype(1, "segmentIds", DType::kInt32);
  call.expect(x.rank() > 0 && ids.shape == Shape{x.dim(0)},
              "segmentIds: expected one for each row of ", to_string(x.shape), ", got ",
              to_string(ids.shape));
  Shape shape = x.shape;
  shape[0] = call.attributes.integer("numSegments");
  call.expect(shape[0] >= 0, "numSegments: expected at least 0, got ", shape[0]);
  return {{x.dtype, shape}};
}

// Threads share out the columns, so that rows are added in order.
void cpu_segment_sum(Call& call) {
  const Tensor &x = call.inputs[0], &y = call.outputs[0];
  const int64_t rows = x.dim(0), segments = y.dim(0);
  const int32_t* ids = call.inputs[1].as<int32_t>();
  int64_t columns = 1;
  for (int i = 1; i < x.rank(); ++i) columns *= x.dim(i);
  with_float_type(x.dtype, [&](auto zero) {
    using T = decltype(zero);
    std::fill_n(y.as<T>(), y.size(), T(0));
    parallel_for(columns, grain_of(rows), [&](int64_t begin, int64_t end, int) {
      for (int64_t r = 0; r < rows; ++r) {
        if (ids[r] < 0 || ids[r] >= segments) continue;
        const T* source = x.as<T>() + r * columns;
        T* target = y.as<T>() + ids[r] * columns;
        for (int64_t c = begin; c < end; ++c) target[c] += source[c];
      }
    });
  });
}

const RegisterOp ops[] = {
    RegisterOp({"GatherV2", infer_gather, cpu_gather}),
    RegisterOp({"OneHot", infer_one_hot, cpu_one_hot}),
    RegisterOp({"UnsortedSegmentSum", infer_segment_sum, cpu_segment_sum}),
};

}  // namespace

}  // namespace menet
