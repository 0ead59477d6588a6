// The functions of elementwise_binary.cc on CUDA.
#include "cuda/vectors.h"
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

template <typename F>
struct Pairs {
  template <typename T>
  __device__ auto operator()(T a, T b) const {
    return F::of(a, b);
  }
};

// One of the inputs is a single element, at `one`.
template <typename F, typename T, bool first>
struct WithOne {
  const T* one;
  __device__ auto operator()(T x) const { return first ? F::of(*one, x) : F::of(x, *one); }
};

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
  const T *a = call.inputs[0].as<const T>(), *b = call.inputs[1].as<const T>();
  Y* y = call.outputs[0].as<Y>();
  const int64_t n = call.outputs[0].size();
  if (broadcast.sizes().size() == 1) {
    if (broadcast.a_step() == 0) return launch_flat(call, WithOne<F, T, true>{a}, n, y, b);
    if (broadcast.b_step() == 0) return launch_flat(call, WithOne<F, T, false>{b}, n, y, a);
    return launch_flat(call, Pairs<F>(), n, y, a, b);
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
  bool aligned;
};

// y = the sum of the addends, in their order.
template <int kEach, typename T>
__global__ void add_all(Addends<T> addends, T* y, int64_t n) {
  for_each_flat<kEach>(n, addends.aligned, [&](int64_t at, int count, bool whole) {
    auto sum = load_vector<kEach>(addends.of[0], at, count, whole);
#pragma unroll 4
    for (int k = 1; k < addends.count; ++k) {
      const auto more = load_vector<kEach>(addends.of[k], at, count, whole);
#pragma unroll
      for (int i = 0; i < kEach; ++i) sum.of[i] = Add::of(sum.of[i], more.of[i]);
    }
    store_vector(y, at, sum, count, whole);
  });
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
    constexpr int kEach = kVectorBytes / static_cast<int>(sizeof(T));
    addends.aligned = std::all_of(addends.of, addends.of + addends.count,
                                  [](const T* p) { return begins_aligned(p, kEach); }) &&
                      begins_aligned(y, kEach);
    launch(call, add_all<kEach, T>, grid_for(ceil_div(n, kEach)), addends, y, n);
  }
}

const RegisterCuda add_n_op("AddN", [](Call& call) {
  with_number_type(call.inputs[0].dtype, [&](auto zero) { add_n<decltype(zero)>(call); });
});

}  // namespace

}  // namespace menet
