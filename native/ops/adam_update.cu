#include "cuda/math.h"
#include "cuda/tensor_lists.h"

namespace menet {

namespace {

// Lists: parameters, averages, square averages, gradients.
template <typename T>
struct Adam {
  T scale, decay, keep, fresh1, beta2, fresh2, rate, correction, epsilon;
  bool decoupled;

  __device__ void operator()(T* const (&of)[4]) const {
    T *p = of[0], *m = of[1], *v = of[2];
    T d = scale * *of[3];
    if (decoupled) {
      *p *= keep;
    } else {
      d += decay * *p;
    }
    *m += fresh1 * (d - *m);
    *v = beta2 * *v + fresh2 * d * d;
    *p -= rate * *m / (root(*v) * correction + epsilon);
  }
};

// Scalars are double up to here, and rounded once.
template <typename T>
void run(Call& call) {
  const Attributes& a = call.attributes;
  const double rate = a.number("learningRate"), decay = a.number("weightDecay");
  const double beta1 = a.number("beta1"), beta2 = a.number("beta2");
  const auto rounded = [](double x) { return static_cast<T>(x); };
  update_lists<T, 4>(call, Adam<T>{rounded(a.number("gradientScale")), rounded(decay),
                                   rounded(1 - rate * decay), rounded(1 - beta1), rounded(beta2),
                                   rounded(1 - beta2), rounded(rate / a.number("correction1")),
                                   rounded(1 / std::sqrt(a.number("correction2"))),
                                   rounded(a.number("epsilon")), a.flag("decoupled")});
}

const RegisterCuda adam_update_op("AdamUpdate", [](Call& call) {
  if (call.inputs.empty()) return;
  with_float_type(call.inputs[0].dtype, [&](auto zero) { run<decltype(zero)>(call); });
});

}  // namespace

}  // namespace menet
