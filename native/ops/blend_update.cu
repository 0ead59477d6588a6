#include "cuda/math.h"
#include "cuda/tensor_lists.h"

namespace menet {

namespace {

template <typename T>
struct Blend {
  T keep, share;
  __device__ void operator()(T* const (&of)[2]) const { *of[0] = keep * *of[0] + share * *of[1]; }
};

template <typename T>
void run(Call& call) {
  update_lists<T, 2>(call, Blend<T>{static_cast<T>(call.attributes.number("keep")),
                                    static_cast<T>(call.attributes.number("share"))});
}

const RegisterCuda blend_update_op("BlendUpdate", [](Call& call) {
  if (call.inputs.empty()) return;
  with_float_type(call.inputs[0].dtype, [&](auto zero) { run<decltype(zero)>(call); });
});

}  // namespace

}  // namespace menet
