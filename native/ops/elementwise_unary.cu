// The functions of elementwise_unary.cc on CUDA.
#include "cuda/math.h"
#include "cuda/vectors.h"
#include "ops/number_type.h"

namespace menet {

namespace {

// Comparisons are written so that NaN comes through.
struct Abs {
  template <typename T>
  __device__ static T of(T x, T) {
    return x < 0 ? T(-x) : x == 0 ? T(0) : x;
  }
};
struct Neg {
  template <typename T>
  __device__ static T of(T x, T) {
    return -x;
  }
  __device__ static int32_t of(int32_t x, int32_t) {
    return static_cast<int32_t>(0u - static_cast<uint32_t>(x));
  }
};
struct Square {
  template <typename T>
  __device__ static T of(T x, T) {
    return x * x;
  }
  __device__ static int32_t of(int32_t x, int32_t) {
    return static_cast<int32_t>(static_cast<uint32_t>(x) * static_cast<uint32_t>(x));
  }
};
struct Relu {
  template <typename T>
  __device__ static T of(T x, T) {
    return x < 0 ? T(0) : x;
  }
};
struct Relu6 {
  template <typename T>
  __device__ static T of(T x, T) {
    const T positive = x < 0 ? T(0) : x;
    return positive > 6 ? T(6) : positive;
  }
};
struct Ceil {
  template <typename T>
  __device__ static T of(T x, T) {
    return round_up(x);
  }
};
struct Elu {
  template <typename T>
  __device__ static T of(T x, T) {
    return x >= 0 ? x : exponential_less_one(x);
  }
};
struct Exp {
  template <typename T>
  __device__ static T of(T x, T) {
    return exponential(x);
  }
};
struct Floor {
  template <typename T>
  __device__ static T of(T x, T) {
    return round_down(x);
  }
};
struct LeakyRelu {
  template <typename T>
  __device__ static T of(T x, T slope) {
    return x < 0 ? slope * x : x;
  }
};
struct Log {
  template <typename T>
  __device__ static T of(T x, T) {
    return logarithm(x);
  }
};
struct Reciprocal {
  template <typename T>
  __device__ static T of(T x, T) {
    return 1 / x;
  }
};
struct Rsqrt {
  template <typename T>
  __device__ static T of(T x, T) {
    return 1 / root(x);
  }
};
struct Sigmoid {
  template <typename T>
  __device__ static T of(T x, T) {
    return 1 / (1 + exponential(-x));
  }
};
struct Sqrt {
  template <typename T>
  __device__ static T of(T x, T) {
    return root(x);
  }
};
struct Step {
  template <typename T>
  __device__ static T of(T x, T below) {
    return x > 0 ? T(1) : x <= 0 ? below : x;
  }
};
struct Tanh {
  template <typename T>
  __device__ static T of(T x, T) {
    return tangent(x);
  }
};

template <typename F, typename T>
struct With {
  T parameter;
  __device__ T operator()(T x) const { return F::of(x, parameter); }
};

template <typename F, typename T>
void run(Call& call) {
  const Tensor& x = call.inputs[0];
  const double parameter = call.attributes.has("alpha") ? call.attributes.number("alpha") : 0;
  launch_flat(call, With<F, T>{static_cast<T>(parameter)}, x.size(), call.outputs[0].as<T>(),
              x.as<const T>());
}

template <typename F>
void cuda(Call& call) {
  with_float_type(call.inputs[0].dtype, [&](auto zero) { run<F, decltype(zero)>(call); });
}

template <typename F>
void cuda_number(Call& call) {
  with_number_type(call.inputs[0].dtype, [&](auto zero) { run<F, decltype(zero)>(call); });
}

const RegisterCuda unary_ops[] = {
    {"Abs", cuda_number<Abs>},
    {"Neg", cuda_number<Neg>},
    {"Square", cuda_number<Square>},
    {"Relu", cuda_number<Relu>},
    {"Relu6", cuda_number<Relu6>},
    {"Ceil", cuda<Ceil>},
    {"Elu", cuda<Elu>},
    {"Exp", cuda<Exp>},
    {"Floor", cuda<Floor>},
    {"LeakyRelu", cuda<LeakyRelu>},
    {"Log", cuda<Log>},
    {"Reciprocal", cuda<Reciprocal>},
    {"Rsqrt", cuda<Rsqrt>},
    {"Sigmoid", cuda<Sigmoid>},
    {"Sqrt", cuda<Sqrt>},
    {"Step", cuda<Step>},
    {"Tanh", cuda<Tanh>},
};

template <typename T>
struct Clip {
  T low, high;
  __device__ T operator()(T x) const {
    const T above = x < low ? low : x;
    return above > high ? high : above;
  }
};

void cuda_clip(Call& call) {
  const Tensor& x = call.inputs[0];
  const double low = call.attributes.number("clipValueMin");
  const double high = call.attributes.number("clipValueMax");
  with_float_type(x.dtype, [&](auto zero) {
    using T = decltype(zero);
    launch_flat(call, Clip<T>{static_cast<T>(low), static_cast<T>(high)}, x.size(),
                call.outputs[0].as<T>(), x.as<const T>());
  });
}

const RegisterCuda clip_op("ClipByValue", cuda_clip);

}  // namespace

}  // namespace menet
