#include "ops/elementwise_unary.simd.h"

#include "simd/exp.h"

namespace menet {
namespace MENET_ISA {

namespace {

inline float root(float x) { return __builtin_sqrtf(x); }
inline double root(double x) { return __builtin_sqrt(x); }
inline float logarithm(float x) { return __builtin_logf(x); }
inline double logarithm(double x) { return __builtin_log(x); }
inline float tangent(float x) { return __builtin_tanhf(x); }
inline double tangent(double x) { return __builtin_tanh(x); }
inline float expm1(float x) { return __builtin_expm1f(x); }
inline double expm1(double x) { return __builtin_expm1(x); }
inline float round_down(float x) { return __builtin_floorf(x); }
inline double round_down(double x) { return __builtin_floor(x); }
inline float round_up(float x) { return __builtin_ceilf(x); }
inline double round_up(double x) { return __builtin_ceil(x); }

// Comparisons are written so that NaN comes through, as Math.max and Math.min let it.
struct Abs {
  template <typename T>
  static T of(T x, T) {
    return x < 0 ? T(-x) : x == 0 ? T(0) : x;
  }
};
struct Neg {
  static float of(float x, float) { return -x; }
  static double of(double x, double) { return -x; }
  static int32_t of(int32_t x, int32_t) {
    return static_cast<int32_t>(0u - static_cast<uint32_t>(x));
  }
};
struct Square {
  static float of(float x, float) { return x * x; }
  static double of(double x, double) { return x * x; }
  static int32_t of(int32_t x, int32_t) {
    return static_cast<int32_t>(static_cast<uint32_t>(x) * static_cast<uint32_t>(x));
  }
};
struct Relu {
  template <typename T>
  static T of(T x, T) {
    return x < 0 ? T(0) : x;
  }
};
struct Relu6 {
  template <typename T>
  static T of(T x, T) {
    const T positive = x < 0 ? T(0) : x;
    return positive > 6 ? T(6) : positive;
  }
};
struct Ceil {
  template <typename T>
  static T of(T x, T) {
    return round_up(x);
  }
};
struct Elu {
  template <typename T>
  static T of(T x, T) {
    return x >= 0 ? x : expm1(x);
  }
};
struct Exp {
  template <typename T>
  static T of(T x, T) {
    return exponential(x);
  }
};
struct Floor {
  template <typename T>
  static T of(T x, T) {
    return round_down(x);
  }
};
struct LeakyRelu {
  template <typename T>
  static T of(T x, T slope) {
    return x < 0 ? slope * x : x;
  }
};
struct Log {
  template <typename T>
  static T of(T x, T) {
    return logarithm(x);
  }
};
struct Reciprocal {
  template <typename T>
  static T of(T x, T) {
    return 1 / x;
  }
};
struct Rsqrt {
  template <typename T>
  static T of(T x, T) {
    return 1 / root(x);
  }
};
struct Sigmoid {
  template <typename T>
  static T of(T x, T) {
    return 1 / (1 + exponential(-x));
  }
};
struct Sqrt {
  template <typename T>
  static T of(T x, T) {
    return root(x);
  }
};
struct Step {
  template <typename T>
  static T of(T x, T below) {
    return x > 0 ? T(1) : x <= 0 ? below : x;
  }
};
struct Tanh {
  template <typename T>
  static T of(T x, T) {
    return tangent(x);
  }
};

template <typename T, typename F>
void map(const T* x, T* y, int64_t n, T parameter) {
  for (int64_t i = 0; i < n; ++i) y[i] = F::of(x[i], parameter);
}

template <typename T>
using Map = void (*)(const T*, T*, int64_t, T);

// In the order of UnaryFunction.
template <typename T>
constexpr Map<T> kMaps[static_cast<int>(UnaryFunction::kCount)] = {
    map<T, Abs>,  map<T, Neg>,        map<T, Square>, map<T, Relu>,    map<T, Relu6>,
    map<T, Ceil>, map<T, Elu>,        map<T, Exp>,    map<T, Floor>,   map<T, LeakyRelu>,
    map<T, Log>,  map<T, Reciprocal>, map<T, Rsqrt>,  map<T, Sigmoid>, map<T, Sqrt>,
    map<T, Step>, map<T, Tanh>,
};
template <>
constexpr Map<int32_t> kMaps<int32_t>[kIntegerUnaryFunctions] = {
    map<int32_t, Abs>,  map<int32_t, Neg>,   map<int32_t, Square>,
    map<int32_t, Relu>, map<int32_t, Relu6>,
};

}  // namespace

template <typename T>
void unary(UnaryFunction function, const T* x, T* y, int64_t n, T parameter) {
  kMaps<T>[static_cast<int>(function)](x, y, n, parameter);
}

template <typename T>
void clip(const T* x, T* y, int64_t n, T low, T high) {
  for (int64_t i = 0; i < n; ++i) {
    const T above = x[i] < low ? low : x[i];
    y[i] = above > high ? high : above;
  }
}

#define INSTANTIATE_UNARY(T) template void unary<T>(UnaryFunction, const T*, T*, int64_t, T);
#define INSTANTIATE_CLIP(T) template void clip<T>(const T*, T*, int64_t, T, T);
MENET_FOR_FLOATS(INSTANTIATE_UNARY)
INSTANTIATE_UNARY(int32_t)
MENET_FOR_FLOATS(INSTANTIATE_CLIP)

}  // namespace MENET_ISA
}  // namespace menet
