#include "cuda/math.h"
#include "cuda/tensor_lists.h"

namespace menet {

namespace {

// Lists: parameters, square averages, gradient averages where centred, momenta where there are
// any, gradients.
template <typename T, bool centered, bool with_momentum>
struct Rmsprop {
  T rate, scale, decay, momentum, alpha, fresh, epsilon;

  template <int K>
  __device__ void operator()(T* const (&of)[K]) const {
    T *p = of[0], *v = of[1];
    T d = scale * *of[K - 1] + decay * *p;
    *v = alpha * *v + fresh * d * d;
    T variance = *v;
    if (centered) {
      T* m = of[2];
      *m += fresh * (d - *m);
      variance -= *m * *m;
      variance = variance < 0 ? T(0) : variance;  // by rounding alone
    }
    d /= root(variance) + epsilon;
    if (with_momentum) d = *of[K - 2] = momentum * *of[K - 2] + d;
    *p -= rate * d;
  }
};

template <typename T, bool centered, bool with_momentum>
void run_lists(Call& call) {
  const Attributes& a = call.attributes;
  const auto rounded = [](double x) { return static_cast<T>(x); };
  const double alpha = a.number("alpha");
  update_lists<T, 3 + centered + with_momentum>(
      call, Rmsprop<T, centered, with_momentum>{
                rounded(a.number("learningRate")), rounded(a.number("gradientScale")),
                rounded(a.number("weightDecay")), rounded(a.number("momentum")), rounded(alpha),
                rounded(1 - alpha), rounded(a.number("epsilon"))});
}

template <typename T>
void run(Call& call) {
  const bool momentum = call.attributes.number("momentum") != 0;
  if (call.attributes.flag("centered")) {
    momentum ? run_lists<T, true, true>(call) : run_lists<T, true, false>(call);
  } else {
    momentum ? run_lists<T, false, true>(call) : run_lists<T, false, false>(call);
  }
}

const RegisterCuda rmsprop_update_op("RmspropUpdate", [](Call& call) {
  if (call.inputs.empty()) return;
  with_float_type(call.inputs[0].dtype, [&](auto zero) { run<decltype(zero)>(call); });
});

}  // namespace

}  // namespace menet
