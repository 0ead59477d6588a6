#include "ops/elementwise_binary.simd.h"

namespace menet {
namespace MENET_ISA {

namespace {

// Integers wrap around as they do in JavaScript's typed arrays.
template <typename T>
struct Wrapping {
  using Type = T;
};
template <>
struct Wrapping<int32_t> {
  using Type = uint32_t;
};

struct Add {
  template <typename T>
  static T of(T a, T b) {
    using W = typename Wrapping<T>::Type;
    return static_cast<T>(static_cast<W>(a) + static_cast<W>(b));
  }
};
struct Sub {
  template <typename T>
  static T of(T a, T b) {
    using W = typename Wrapping<T>::Type;
    return static_cast<T>(static_cast<W>(a) - static_cast<W>(b));
  }
};
struct Multiply {
  template <typename T>
  static T of(T a, T b) {
    using W = typename Wrapping<T>::Type;
    return static_cast<T>(static_cast<W>(a) * static_cast<W>(b));
  }
};
// NaN in either argument comes through.
struct Maximum {
  template <typename T>
  static T of(T a, T b) {
    return a > b || a != a ? a : b;
  }
};
struct Minimum {
  template <typename T>
  static T of(T a, T b) {
    return a < b || a != a ? a : b;
  }
};
struct SquaredDifference {
  template <typename T>
  static T of(T a, T b) {
    const T difference = Sub::of(a, b);
    return Multiply::of(difference, difference);
  }
};
struct RealDiv {
  template <typename T>
  static T of(T a, T b) {
    return a / b;
  }
};
struct Prelu {
  template <typename T>
  static T of(T x, T slope) {
    return x < 0 ? slope * x : x;
  }
};

struct Equal {
  template <typename T>
  static bool of(T a, T b) {
    return a == b;
  }
};
struct NotEqual {
  template <typename T>
  static bool of(T a, T b) {
    return a != b;
  }
};
struct Less {
  template <typename T>
  static bool of(T a, T b) {
    return a < b;
  }
};
struct LessEqual {
  template <typename T>
  static bool of(T a, T b) {
    return a <= b;
  }
};
struct Greater {
  template <typename T>
  static bool of(T a, T b) {
    return a > b;
  }
};
struct GreaterEqual {
  template <typename T>
  static bool of(T a, T b) {
    return a >= b;
  }
};
struct LogicalAnd {
  template <typename T>
  static bool of(T a, T b) {
    return (a != 0) & (b != 0);
  }
};
struct LogicalOr {
  template <typename T>
  static bool of(T a, T b) {
    return (a != 0) | (b != 0);
  }
};

template <typename T, typename Y, typename F>
void row(const T* a, int64_t a_step, const T* b, int64_t b_step, Y* y, int64_t n) {
  if (a_step == 1 && b_step == 1) {
    for (int64_t i = 0; i < n; ++i) y[i] = F::of(a[i], b[i]);
  } else if (a_step == 1) {
    const T right = *b;
    for (int64_t i = 0; i < n; ++i) y[i] = F::of(a[i], right);
  } else if (b_step == 1) {
    const T left = *a;
    for (int64_t i = 0; i < n; ++i) y[i] = F::of(left, b[i]);
  } else {
    const Y value = F::of(*a, *b);
    for (int64_t i = 0; i < n; ++i) y[i] = value;
  }
}

template <typename T, typename Y>
using Row = void (*)(const T*, int64_t, const T*, int64_t, Y*, int64_t);

// In the order of BinaryFunction.
template <typename T>
constexpr Row<T, T> kRows[static_cast<int>(BinaryFunction::kCount)] = {
    row<T, T, Add>,     row<T, T, Sub>,     row<T, T, Multiply>,
    row<T, T, Maximum>, row<T, T, Minimum>, row<T, T, SquaredDifference>,
    row<T, T, RealDiv>, row<T, T, Prelu>,
};
template <>
constexpr Row<int32_t, int32_t> kRows<int32_t>[kIntegerBinaryFunctions] = {
    row<int32_t, int32_t, Add>,      row<int32_t, int32_t, Sub>,
    row<int32_t, int32_t, Multiply>, row<int32_t, int32_t, Maximum>,
    row<int32_t, int32_t, Minimum>,  row<int32_t, int32_t, SquaredDifference>,
};

// In the order of Comparison.
template <typename T>
constexpr Row<T, uint8_t> kComparisons[static_cast<int>(Comparison::kCount)] = {
    row<T, uint8_t, Equal>,      row<T, uint8_t, NotEqual>,  row<T, uint8_t, Less>,
    row<T, uint8_t, LessEqual>,  row<T, uint8_t, Greater>,   row<T, uint8_t, GreaterEqual>,
    row<T, uint8_t, LogicalAnd>, row<T, uint8_t, LogicalOr>,
};

}  // namespace

template <typename T>
void binary(BinaryFunction function, const T* a, int64_t a_step, const T* b, int64_t b_step, T* y,
            int64_t n) {
  kRows<T>[static_cast<int>(function)](a, a_step, b, b_step, y, n);
}

template <typename T>
void compare(Comparison comparison, const T* a, int64_t a_step, const T* b, int64_t b_step,
             uint8_t* y, int64_t n) {
  kComparisons<T>[static_cast<int>(comparison)](a, a_step, b, b_step, y, n);
}

template <typename T>
void select(const uint8_t* condition, const T* a, const T* b, T* y, int64_t n) {
  for (int64_t i = 0; i < n; ++i) {
    const T left = a[i], right = b[i];
    y[i] = condition[i] != 0 ? left : right;
  }
}

#define INSTANTIATE_BINARY(T)                                                                 \
  template void binary<T>(BinaryFunction, const T*, int64_t, const T*, int64_t, T*, int64_t); \
  template void compare<T>(Comparison, const T*, int64_t, const T*, int64_t, uint8_t*, int64_t);
MENET_FOR_FLOATS(INSTANTIATE_BINARY)
INSTANTIATE_BINARY(int32_t)
template void compare<uint8_t>(Comparison, const uint8_t*, int64_t, const uint8_t*, int64_t,
                               uint8_t*, int64_t);
template void select<uint8_t>(const uint8_t*, const uint8_t*, const uint8_t*, uint8_t*, int64_t);
template void select<uint16_t>(const uint8_t*, const uint16_t*, const uint16_t*, uint16_t*,
                               int64_t);
template void select<uint32_t>(const uint8_t*, const uint32_t*, const uint32_t*, uint32_t*,
                               int64_t);
template void select<uint64_t>(const uint8_t*, const uint64_t*, const uint64_t*, uint64_t*,
                               int64_t);

}  // namespace MENET_ISA
}  // namespace menet
