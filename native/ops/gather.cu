// GatherV2, OneHot and UnsortedSegmentSum on CUDA. The order of sums is that of the rows.
#include <vector>

#include "cuda/launch.h"
#include "ops/number_type.h"

namespace menet {

namespace {

// As on the CPU, an index outside is an error of this call: so the indices are waited for.
void expect_indices(const Call& call, const Tensor& indices, int64_t n) {
  std::vector<int32_t> host(static_cast<size_t>(indices.size()));
  call.device().read(host.data(), indices.data, host.size() * sizeof(int32_t));
  for (const int32_t index : host) {
    if (index < 0 || index >= n) {
      throw_error(call.name(), ": the index value ", index, " is not in [0, ", n - 1, "]");
    }
  }
}

struct GatherShape {
  int64_t outer, n, inner, k;
};

template <typename T>
__global__ void gather(const T* x, const int32_t* index, T* y, GatherShape s, int64_t count) {
  for (int64_t e = grid_begin(); e < count; e += grid_step()) {
    const int64_t i = e / s.inner, row = i / s.k;
    y[e] = x[(row * s.n + index[row / s.outer * s.k + i % s.k]) * s.inner + e % s.inner];
  }
}

template <typename T>
__global__ void one_hot(const int32_t* index, T* y, int64_t depth, int64_t count, T on, T off) {
  for (int64_t e = grid_begin(); e < count; e += grid_step()) {
    y[e] = index[e / depth] == e % depth ? on : off;
  }
}

template <typename T>
__global__ void segment_sum(const T* x, const int32_t* ids, T* y, int64_t rows, int64_t columns,
                            int64_t count) {
  for (int64_t e = grid_begin(); e < count; e += grid_step()) {
    T sum = 0;
    for (int64_t r = 0; r < rows; ++r) {
      if (ids[r] == e / columns) sum += x[r * columns + e % columns];
    }
    y[e] = sum;
  }
}

const RegisterCuda ops[] = {
    {"GatherV2",
     [](Call& call) {
       const Tensor &x = call.inputs[0], &indices = call.inputs[1], &y = call.outputs[0];
       expect_indices(call, indices, x.dim(2));
       const GatherShape shape{x.dim(1), x.dim(2), x.dim(3), indices.dim(1)};
       with_element_size(x.dtype, [&](auto zero) {
         using T = decltype(zero);
         launch(call, gather<T>, grid_for(y.size()), x.as<T>(), indices.as<int32_t>(), y.as<T>(),
                shape, y.size());
       });
     }},
    {"OneHot",
     [](Call& call) {
       const Tensor& y = call.outputs[0];
       const double on = call.attributes.number("onValue");
       const double off = call.attributes.number("offValue");
       with_storage_type(y.dtype, [&](auto zero) {
         using T = decltype(zero);
         launch(call, one_hot<T>, grid_for(y.size()), call.inputs[0].as<int32_t>(), y.as<T>(),
                y.shape.back(), y.size(), static_cast<T>(on), static_cast<T>(off));
       });
     }},
    {"UnsortedSegmentSum",
     [](Call& call) {
       const Tensor &x = call.inputs[0], &y = call.outputs[0];
       int64_t columns = 1;
       for (int i = 1; i < x.rank(); ++i) columns *= x.dim(i);
       with_float_type(x.dtype, [&](auto zero) {
         using T = decltype(zero);
         launch(call, segment_sum<T>, grid_for(y.size()), x.as<T>(), call.inputs[1].as<int32_t>(),
                y.as<T>(), x.dim(0), columns, y.size());
       });
     }},
};

}  // namespace

}  // namespace menet
