#include "simd/convert.h"

#include "simd/vector.h"

namespace menet {
namespace MENET_ISA {

template <typename X, typename Y>
void convert_row(const X* x, Y* y, int64_t n) {
  for_vectors<float>(n, [&](int64_t i, auto width) { store(y + i, load(x + i, width), width); });
}

#define INSTANTIATE(X, Y) template void convert_row<X, Y>(const X*, Y*, int64_t);
INSTANTIATE(float, BFloat16)
INSTANTIATE(float, Float16)
INSTANTIATE(BFloat16, float)
INSTANTIATE(Float16, float)
INSTANTIATE(BFloat16, Float16)
INSTANTIATE(Float16, BFloat16)

}  // namespace MENET_ISA
}  // namespace menet
