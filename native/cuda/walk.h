// Walks tensors that are laid out by strides, on the device.
#pragma once

#include "cuda/launch.h"

namespace menet {

constexpr int kMostDimensions = 12;  // tiling walks two for each of a tensor's

// Where element i of a walk over `sizes` lies in each of K tensors. Outermost dimension first.
template <int K>
struct Walk {
  int rank = 0;
  int64_t sizes[kMostDimensions];
  int64_t strides[K][kMostDimensions];

  void add(const Call& call, int64_t size, const int64_t (&steps)[K]) {
    call.expect(rank < kMostDimensions, "expected at most ", kMostDimensions,
                " dimensions on a GPU, got more");
    sizes[rank] = size;
    for (int k = 0; k < K; ++k) strides[k][rank] = steps[k];
    ++rank;
  }

  int64_t count() const {
    int64_t count = 1;
    for (int d = 0; d < rank; ++d) count *= sizes[d];
    return count;
  }

  __device__ void locate(int64_t i, int64_t (&offsets)[K]) const {
    for (int k = 0; k < K; ++k) offsets[k] = 0;
    // 32-bit division is several times faster, and nearly always enough.
    if (i >> 31 != 0) return locate_in<int64_t>(i, offsets);
    locate_in<uint32_t>(static_cast<uint32_t>(i), offsets);
  }

 private:
  template <typename I>
  __device__ void locate_in(I i, int64_t (&offsets)[K]) const {
    for (int d = rank - 1; d > 0; --d) {
      const I size = static_cast<I>(sizes[d]);
      const I rest = i / size;
      const int64_t at = static_cast<int64_t>(i - rest * size);
      for (int k = 0; k < K; ++k) offsets[k] += at * strides[k][d];
      i = rest;
    }
    if (rank == 0) return;
    for (int k = 0; k < K; ++k) offsets[k] += static_cast<int64_t>(i) * strides[k][0];
  }
};

}  // namespace menet
