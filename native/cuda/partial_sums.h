// The second stage of sums: what blocks have summed is added in a fixed order, in double.
#pragma once

#include "cuda/launch.h"

namespace menet {

template <typename T>
__global__ void add_partials(const T* partials, int64_t count, int64_t size, T* y) {
  for (int64_t i = grid_begin(); i < size; i += grid_step()) {
    double sum = 0;
    for (int64_t k = 0; k < count; ++k) sum += static_cast<double>(partials[k * size + i]);
    y[i] = static_cast<T>(sum);
  }
}

// y [size] = the sum over the first dimension of partials [count, size].
template <typename T>
void sum_partials(const Call& call, const T* partials, int64_t count, int64_t size, T* y) {
  launch(call, add_partials<T>, grid_for(size, 64), partials, count, size, y);
}

}  // namespace menet
