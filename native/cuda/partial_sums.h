// The second stage of sums: what blocks have summed is added in a fixed order, in double.
#pragma once

#include "cuda/launch.h"

namespace menet {

constexpr int kPartialColumns = 8;  // of a block: 32 bytes of float
constexpr int kPartialLines = 32;   // threads that share a column

template <typename T>
__global__ void add_partials(const T* partials, int64_t count, int64_t size, T* y) {
  MENET_SHARED(double, lines, kPartialColumns* kPartialLines);
  const int column = static_cast<int>(threadIdx.x), line = static_cast<int>(threadIdx.y);
  const int64_t i = static_cast<int64_t>(blockIdx.x) * kPartialColumns + column;
  double sum = 0;
#pragma unroll 4
  for (int64_t k = line; k < count; k += kPartialLines) {
    if (i < size) sum += static_cast<double>(partials[k * size + i]);
  }
  lines[line * kPartialColumns + column] = sum;
  __syncthreads();
  if (line > 0 || i >= size) return;
  for (int k = 1; k < kPartialLines; ++k) sum += lines[k * kPartialColumns + column];
  y[i] = static_cast<T>(sum);
}

// y [size] = the sum over the first dimension of partials [count, size].
template <typename T>
void sum_partials(const Call& call, const T* partials, int64_t count, int64_t size, T* y) {
  const Grid grid{dim3(static_cast<unsigned>(ceil_div(size, kPartialColumns))),
                  dim3(kPartialColumns, kPartialLines)};
  launch(call, add_partials<T>, grid, partials, count, size, y);
}

}  // namespace menet
