#include "ops/batch_norm.simd.h"

namespace menet {
namespace MENET_ISA {

template <typename T>
void normalize_rows(const T* x, int64_t rows, int64_t channels, const T* mean, const T* factor,
                    const T* offset, T* y) {
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < channels; ++c) y[c] = (x[c] - mean[c]) * factor[c] + offset[c];
    x += channels;
    y += channels;
  }
}

#define INSTANTIATE(T) \
  template void normalize_rows<T>(const T*, int64_t, int64_t, const T*, const T*, const T*, T*);
MENET_FOR_FLOATS(INSTANTIATE)

}  // namespace MENET_ISA
}  // namespace menet
