#include "cuda/math.h"
#include "cuda/tensor_lists.h"

namespace menet {

namespace {

// Lists: parameters, square averages, accumulated deltas, gradients.
template <typename T>
struct Adadelta {
  T rate, scale, decay, rho, fresh, epsilon;

  __device__ void operator()(T* const (&of)[4]) const {
    T *p = of[0], *square = of[1], *delta = of[2];
    T d = scale * *of[3] + decay * *p;
    *square = rho * *square + fresh * d * d;
    d *= root(*delta + epsilon) / root(*square + epsilon);
    *delta = rho * *delta + fresh * d * d;
    *p -= rate * d;
  }
};

template <typename T>
void run(Call& call) {
  const Attributes& a = call.attributes;
  const auto rounded = [](double x) { return static_cast<T>(x); };
  const double rho = a.number("rho");
  update_lists<T, 4>(
      call, Adadelta<T>{rounded(a.number("learningRate")), rounded(a.number("gradientScale")),
                        rounded(a.number("weightDecay")), rounded(rho), rounded(1 - rho),
                        rounded(a.number("epsilon"))});
}

const RegisterCuda adadelta_update_op("AdadeltaUpdate", [](Call& call) {
  if (call.inputs.empty()) return;
  with_float_type(call.inputs[0].dtype, [&](auto zero) { run<decltype(zero)>(call); });
});

}  // namespace

}  // namespace menet
