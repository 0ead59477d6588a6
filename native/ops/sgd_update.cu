#include "cuda/math.h"
#include "cuda/tensor_lists.h"

namespace menet {

namespace {

// Lists: parameters, momenta where there are any, gradients.
template <typename T, bool with_momentum>
struct Sgd {
  T rate, scale, decay, momentum;
  bool nesterov;

  template <int K>
  __device__ void operator()(T* const (&of)[K]) const {
    T *p = of[0], *v = of[1];
    T d = scale * *of[K - 1] + decay * *p;
    if (with_momentum) {
      *v = momentum * *v + d;
      d = nesterov ? d + momentum * *v : *v;
    }
    *p -= rate * d;
  }
};

template <typename T, bool with_momentum>
void run_lists(Call& call) {
  const auto number = [&](const char* name) {
    return static_cast<T>(call.attributes.number(name));
  };
  update_lists<T, with_momentum ? 3 : 2>(
      call,
      Sgd<T, with_momentum>{number("learningRate"), number("gradientScale"), number("weightDecay"),
                            number("momentum"), call.attributes.flag("nesterov")});
}

template <typename T>
void run(Call& call) {
  call.attributes.number("momentum") != 0 ? run_lists<T, true>(call) : run_lists<T, false>(call);
}

const RegisterCuda sgd_update_op("SgdUpdate", [](Call& call) {
  if (call.inputs.empty()) return;
  with_float_type(call.inputs[0].dtype, [&](auto zero) { run<decltype(zero)>(call); });
});

}  // namespace

}  // namespace menet
