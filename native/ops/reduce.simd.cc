#include "ops/reduce.simd.h"

#include "simd/exp.h"

namespace menet {
namespace MENET_ISA {

namespace {

struct Sum {
  template <typename T>
  static T of(T a, T b) {
    return a + b;
  }
  static int32_t of(int32_t a, int32_t b) {
    return static_cast<int32_t>(static_cast<uint32_t>(a) + static_cast<uint32_t>(b));
  }
};
// NaN stays.
struct Max {
  template <typename T>
  static T of(T a, T b) {
    return b > a || b != b ? b : a;
  }
};
struct Min {
  template <typename T>
  static T of(T a, T b) {
    return b < a || b != b ? b : a;
  }
};
struct Prod {
  template <typename T>
  static T of(T a, T b) {
    return a * b;
  }
  static int32_t of(int32_t a, int32_t b) {
    return static_cast<int32_t>(static_cast<uint32_t>(a) * static_cast<uint32_t>(b));
  }
};

template <typename T, typename F>
void columns(const T* x, int64_t count, int64_t inner, T* y) {
  for (int64_t i = 0; i < inner; ++i) y[i] = x[i];
  for (int64_t k = 1; k < count; ++k) {
    const T* row = x + k * inner;
    for (int64_t i = 0; i < inner; ++i) y[i] = F::of(y[i], row[i]);
  }
}

// Independent partial results, which vectorise without reordering anything at run time and
// keep the error of sums small.
constexpr int kPartials = 64;

template <typename T, typename F>
T row(const T* x, int64_t n) {
  if (n < kPartials) {
    T total = x[0];
    for (int64_t i = 1; i < n; ++i) total = F::of(total, x[i]);
    return total;
  }
  T partials[kPartials];
  for (int p = 0; p < kPartials; ++p) partials[p] = x[p];
  int64_t i = kPartials;
  for (; i + kPartials <= n; i += kPartials) {
    for (int p = 0; p < kPartials; ++p) partials[p] = F::of(partials[p], x[i + p]);
  }
  for (int p = 0; i < n; ++i, ++p) partials[p] = F::of(partials[p], x[i]);
  for (int width = kPartials / 2; width > 0; width /= 2) {
    for (int p = 0; p < width; ++p) partials[p] = F::of(partials[p], partials[p + width]);
  }
  return partials[0];
}

template <typename T>
using Columns = void (*)(const T*, int64_t, int64_t, T*);
template <typename T>
using Row = T (*)(const T*, int64_t);

// In the order of Reduction.
template <typename T>
constexpr Columns<T> kColumns[] = {columns<T, Sum>, columns<T, Max>, columns<T, Min>,
                                   columns<T, Prod>};
template <typename T>
constexpr Row<T> kRows[] = {row<T, Sum>, row<T, Max>, row<T, Min>, row<T, Prod>};

}  // namespace

template <typename T>
void reduce_columns(Reduction reduction, const T* x, int64_t count, int64_t inner, T* y) {
  kColumns<T>[static_cast<int>(reduction)](x, count, inner, y);
}

template <typename T>
T reduce_row(Reduction reduction, const T* x, int64_t n) {
  return kRows<T>[static_cast<int>(reduction)](x, n);
}

template <typename T>
void softmax_row(const T* x, T* y, int64_t n) {
  const T greatest = row<T, Max>(x, n);
  for (int64_t i = 0; i < n; ++i) y[i] = exponential(x[i] - greatest);
  const T total = row<T, Sum>(y, n);
  for (int64_t i = 0; i < n; ++i) y[i] /= total;
}

#define INSTANTIATE_REDUCE(T)                                                 \
  template void reduce_columns<T>(Reduction, const T*, int64_t, int64_t, T*); \
  template T reduce_row<T>(Reduction, const T*, int64_t);
#define INSTANTIATE_SOFTMAX(T) template void softmax_row<T>(const T*, T*, int64_t);
MENET_FOR_FLOATS(INSTANTIATE_REDUCE)
INSTANTIATE_REDUCE(int32_t)
MENET_FOR_FLOATS(INSTANTIATE_SOFTMAX)

}  // namespace MENET_ISA
}  // namespace menet
