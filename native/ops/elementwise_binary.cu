// The functions of elementwise_binary.cc on CUDA.
#include "cuda/walk.h"
#include "ops/broadcast.h"
#include "ops/number_type.h"

namespace menet {

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
  __device__ static T of(T a, T b) {
    using W = typename Wrapping<T>::Type;
    return static_cast<T>(static_cast<W>(a) + static_cast<W>(b));
  }
};
struct Sub {
  template <typename T>
  __device__ static T of(T a, T b) {
    using W = typename Wrapping<T>::Type;
    return static_cast<T>(static_cast<W>(a) - static_cast<W>(b));
  }
};
struct Multiply {
  template <typename T>
  __device__ static T of(T a, T b) {
    using W = typename Wrapping<T>::Type;
    return static_cast<T>(static_cast<W>(a) * static_cast<W>(b));
  }
};
// NaN in either argument comes through.
struct Maximum {
  template <typename T>
  __device__ static T of(T a, T b) {
    return a > b || a != a ? a : b;
  }
};
struct Minimum {
  template <typename T>
  __device__ static T of(T a, T b) {
    return a < b || a != a ? a : b;
  }
};
struct SquaredDifference {
  template <typename T>
  __device__ static T of(T a, T b) {
    const T difference = Sub::of(a, b);
    return Multiply::of(difference, difference);
  }
};
struct RealDiv {
  template <typename T>
  __device__ static T of(T a, T b) {
    return a / b;
  }
};
struct Prelu {
  template <typename T>
  __device__ static T of(T x, T slope) {
    return x < 0 ? slope * x : x;
  }
};

struct Equal {
  template <typename T>
  __device__ static bool of(T a, T b) {
    return a == b;
  }
};
struct NotEqual {
  template <typename T>
  __device__ static bool of(T a, T b) {
    return a != b;
  }
};
struct Less {
  template <typename T>
  __device__ static bool of(T a, T b) {
    return a < b;
  }
};
struct LessEqual {
  template <typename T>
  __device__ static bool of(T a, T b) {
    return a <= b;
  }
};
struct Greater {
  template <typename T>
  __device__ static bool of(T a, T b) {
    return a > b;
  }
};
struct GreaterEqual {
  template <typename T>
  __device__ static bool of(T a, T b) {
    return a >= b;
  }
};
struct LogicalAnd {
  template <typename T>
  __device__ static bool of(T a, T b) {
    return a != 0 && b != 0;
  }
};
struct LogicalOr {
  template <typename T>
  __device__ static bool of(T a, T b) {
    return a != 0 || b != 0;
  }
};

// One stride describes each input: 1, or 0 where it repeats one element.
template <typename F, typename T, typename Y>
__global__ void map_rows(const T* a, int64_t a_step, const T* b, int64_t b_step, Y* y, int64_t n) {
  for (int64_t i = grid_begin(); i < n; i += grid_step()) {
    y[i] = F::of(a[i * a_step], b[i * b_step]);
  }
}

template <typename F, typename T, typename Y>
__global__ void map_walk(const T* a, const T* b, Y* y, int64_t n, Walk<2> walk) {
  for (int64_t i = grid_begin(); i < n; i += grid_step()) {
    int64_t at[2];
    walk.locate(i, at);
    y[i] = F::of(a[at[0]], b[at[1]]);
  }
}

template <typename F, typename T, typename Y>
void run(Call& call) {
  const Broadcast broadcast(call.inputs[0].shape, call.inputs[1].shape, call.outputs[0].shape);
  const T *a = call.inputs[0].as<T>(), *b = call.inputs[1].as<T>();
  Y* y = call.outputs[0].as<Y>();
  const int64_t n = call.outputs[0].size();
  if (broadcast.sizes().size() == 1) {
    return launch(call, map_rows<F, T, Y>, grid_for(n), a, broadcast.a_step(), b,
                  broadcast.b_step(), y, n);
  }
  Walk<2> walk;
  for (size_t d = 0; d < broadcast.sizes().size(); ++d) {
    walk.add(call, broadcast.sizes()[d], {broadcast.a_strides()[d], broadcast.b_strides()[d]});
  }
  launch(call, map_walk<F, T, Y>, grid_for(n), a, b, y, n, walk);
}

template <typename F>
void cuda(Call& call) {
  with_float_type(call.inputs[0].dtype,
                  [&](auto zero) { run<F, decltype(zero), decltype(zero)>(call); });
}

template <typename F>
void cuda_number(Call& call) {
  with_number_type(call.inputs[0].dtype,
                   [&](auto zero) { run<F, decltype(zero), decltype(zero)>(call); });
}

template <typename F>
void cuda_comparison(Call& call) {
  if (call.inputs[0].dtype == DType::kBool) return run<F, uint8_t, uint8_t>(call);
  with_number_type(call.inputs[0].dtype, [&](auto zero) { run<F, decltype(zero), uint8_t>(call); });
}

const RegisterCuda ops[] = {
    {"Add", cuda_number<Add>},
    {"Sub", cuda_number<Sub>},
    {"Multiply", cuda_number<Multiply>},
    {"Maximum", cuda_number<Maximum>},
    {"Minimum", cuda_number<Minimum>},
    {"SquaredDifference", cuda_number<SquaredDifference>},
    {"RealDiv", cuda<RealDiv>},
    {"Prelu", cuda<Prelu>},
    {"Equal", cuda_comparison<Equal>},
    {"NotEqual", cuda_comparison<NotEqual>},
    {"Less", cuda_comparison<Less>},
    {"LessEqual", cuda_comparison<LessEqual>},
    {"Greater", cuda_comparison<Greater>},
    {"GreaterEqual", cuda_comparison<GreaterEqual>},
    {"LogicalAnd", cuda_comparison<LogicalAnd>},
    {"LogicalOr", cuda_comparison<LogicalOr>},
};

constexpr int kMostAddends = 16;  // of one pass

template <typename T>
struct Addends {
  const T* of[kMostAddends];
  int count;
};

// y = the sum of the addends, in their order.
template <typename T>
__global__ void add_all(Addends<T> addends, T* y, int64_t n) {
  for (int64_t i = grid_begin(); i < n; i += grid_step()) {
    T sum = addends.of[0][i];
    for (int k = 1; k < addends.count; ++k) sum = Add::of(sum, addends.of[k][i]);
    y[i] = sum;
  }
}

template <typename T>
void add_n(Call& call) {
  T* y = call.outputs[0].as<T>();
  const int64_t n = call.outputs[0].size();
  for (size_t next = 0; next < call.inputs.size();) {
    Addends<T> addends{};
    if (next > 0) addends.of[addends.count++] = y;
    while (addends.count < kMostAddends && next < call.inputs.size()) {
      addends.of[addends.count++] = call.inputs[next++].as<T>();
    }
    launch(call, add_all<T>, grid_for(n), addends, y, n);
  }
}

const RegisterCuda add_n_op("AddN", [](Call& call) {
  with_number_type(call.inputs[0].dtype, [&](auto zero) { add_n<decltype(zero)>(call); });
});

}  // namespace

}  // namespace menet
