// Sum Mean Max Min Prod (x; axes, keepDims) -> y. Sums of long ranges are cut into blocks of
// one size, whatever the number of threads, whose results are added in order in float64. The mean
// of a 16-bit tensor is float32.
#include <limits>

#include "core/thread_pool.h"
#include "ops/grain.h"
#include "ops/number_type.h"
#include "ops/reduce.simd.h"
#include "ops/reduce_shape.h"
#include "simd/convert.h"

namespace menet {

ReduceShape reduce_shape(const Call& call) {
  const Shape& x = call.inputs[0].shape;
  const std::vector<int64_t> axes = call.attributes.integers("axes");
  const bool keep = call.attributes.flag("keepDims");
  std::vector<bool> reduced(x.size());
  for (int64_t axis : axes) {
    call.expect(axis >= 0 && axis < static_cast<int64_t>(x.size()), "axes: expected axes of ",
                to_string(x), ", got ", axis);
    reduced[static_cast<size_t>(axis)] = true;
  }
  ReduceShape shape;
  bool seen = false, ended = false;
  for (size_t i = 0; i < x.size(); ++i) {
    if (!reduced[i]) {
      shape.output.push_back(x[i]);
    } else if (keep) {
      shape.output.push_back(1);
    }
    if (x[i] == 1) continue;
    call.expect(!(reduced[i] && ended), "axes: expected neighbours, got some apart in ",
                to_string(x));
    seen = seen || reduced[i];
    ended = ended || (seen && !reduced[i]);
    (reduced[i] ? shape.count : seen ? shape.inner : shape.outer) *= x[i];
  }
  return shape;
}

namespace {

constexpr int64_t kBlock = 4096;  // elements summed in the element type itself

template <typename T>
constexpr double identity_of(Reduction reduction) {
  constexpr bool floating = std::is_floating_point_v<T>;
  constexpr double infinity = std::numeric_limits<double>::infinity();
  switch (reduction) {
    case Reduction::kMax:
      return floating ? -infinity : double(std::numeric_limits<int32_t>::min());
    case Reduction::kMin:
      return floating ? infinity : double(std::numeric_limits<int32_t>::max());
    case Reduction::kProd:
      return 1;
    default:
      return 0;
  }
}

template <typename T>
struct Blocks {
  Reduction reduction;
  ReduceShape shape;
  int64_t length;  // rows of a block
  int64_t blocks;  // of each outer index

  Blocks(Reduction reduction, ReduceShape shape)
      : reduction(reduction),
        shape(std::move(shape)),
        length(std::max<int64_t>(1, this->shape.inner == 1 ? kBlock : kBlock / 16)),
        blocks((this->shape.count + length - 1) / length) {}

  int64_t rows(int64_t b) const { return std::min(length, shape.count - b % blocks * length); }
  // Where block b of all, outer index after outer index, begins in x.
  int64_t begin(int64_t b) const {
    return (b / blocks * shape.count + b % blocks * length) * shape.inner;
  }

  // Reduces the rows of a block to y [inner].
  void run(const T* start, int64_t rows, T* y) const {
    if (shape.inner == 1) {
      *y = MENET_SIMD(reduce_row<T>)(reduction, start, rows);
    } else {
      MENET_SIMD(reduce_columns<T>)(reduction, start, rows, shape.inner, y);
    }
  }

  // The result of one output element from those of its blocks.
  T combine(const T* partials, int64_t outer, int64_t i) const {
    const T* first = partials + outer * blocks * shape.inner + i;
    if (reduction == Reduction::kSum && std::is_floating_point_v<T>) {
      double total = 0;
      for (int64_t b = 0; b < blocks; ++b) total += static_cast<double>(first[b * shape.inner]);
      return static_cast<T>(total);
    }
    T total = *first;
    for (int64_t b = 1; b < blocks; ++b) {
      const T pair[2] = {total, first[b * shape.inner]};
      total = MENET_SIMD(reduce_row<T>)(reduction, pair, 2);
    }
    return total;
  }
};

// A block's rows as T; where they are stored otherwise, in scratch from element `at` on.
template <typename S, typename T>
const T* block_rows(const S* rows, [[maybe_unused]] int64_t count, [[maybe_unused]] T* scratch,
                    [[maybe_unused]] int64_t at) {
  if constexpr (std::is_same_v<S, T>) {
    return rows;
  } else {
    MENET_SIMD(convert_row<S, T>)(rows, scratch + at, count);
    return scratch + at;
  }
}

template <typename S>
void reduce(Call& call, Reduction reduction) {
  using T = Compute<S>;
  const S* x = call.inputs[0].as<S>();
  T* y = call.outputs[0].as<T>();
  const Blocks<T> blocks(reduction, reduce_shape(call));
  const ReduceShape& shape = blocks.shape;
  if (call.outputs[0].size() == 0) return;
  if (shape.count == 0) {
    std::fill_n(y, call.outputs[0].size(), static_cast<T>(identity_of<T>(reduction)));
    return;
  }
  const bool whole = blocks.blocks == 1;
  T* partials = whole ? y : call.scratch<T>(shape.outer * blocks.blocks * shape.inner);
  const int64_t cost = std::min(blocks.length, shape.count) * shape.inner;
  T* scratch = std::is_same_v<S, T> ? nullptr : call.scratch<T>(cost * thread_count());
  const auto body = [&](int64_t begin, int64_t end, int thread) {
    for (int64_t b = begin; b < end; ++b) {
      const int64_t rows = blocks.rows(b);
      const T* start = block_rows(x + blocks.begin(b), rows * shape.inner, scratch, thread * cost);
      blocks.run(start, rows, partials + b * shape.inner);
    }
  };
  parallel_for(shape.outer * blocks.blocks, grain_of(cost), body);
  if (whole) return;
  for (int64_t o = 0; o < shape.outer; ++o) {
    for (int64_t i = 0; i < shape.inner; ++i)
      y[o * shape.inner + i] = blocks.combine(partials, o, i);
  }
}

template <typename T>
void divide(Call& call) {
  const int64_t count = reduce_shape(call).count;
  T* y = call.outputs[0].as<T>();
  for (int64_t i = 0; i < call.outputs[0].size(); ++i) y[i] /= static_cast<T>(count);
}

std::vector<TensorType> infer(const Call& call) {
  call.expect_inputs(1);
  if (call.inputs[0].dtype != DType::kInt32) call.expect_float(0, "x");
  return {{call.inputs[0].dtype, reduce_shape(call).output}};
}

std::vector<TensorType> infer_mean(const Call& call) {
  call.expect_inputs(1);
  call.expect_activation(0, "x");
  const DType dtype = call.inputs[0].dtype;
  return {{is_half(dtype) ? DType::kFloat32 : dtype, reduce_shape(call).output}};
}

template <Reduction reduction>
void cpu(Call& call) {
  with_number_type(call.inputs[0].dtype,
                   [&](auto zero) { reduce<decltype(zero)>(call, reduction); });
}

void cpu_mean(Call& call) {
  with_activation_type(call.inputs[0].dtype, [&](auto zero) {
    using S = decltype(zero);
    reduce<S>(call, Reduction::kSum);
    divide<Compute<S>>(call);
  });
}

const RegisterOp reductions[] = {
    RegisterOp({"Sum", infer, cpu<Reduction::kSum>}),
    RegisterOp({"Max", infer, cpu<Reduction::kMax>}),
    RegisterOp({"Min", infer, cpu<Reduction::kMin>}),
    RegisterOp({"Prod", infer, cpu<Reduction::kProd>}),
    RegisterOp({"Mean", infer_mean, cpu_mean, nullptr, kTakesHalf}),
};

}  // namespace

}  // namespace menet
