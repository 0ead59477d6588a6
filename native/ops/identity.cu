#include "core/op.h"
#include "cuda/check.h"

namespace menet {

namespace {

const RegisterCuda identity("Identity", [](Call& call) {
  check(
      cudaMemcpyAsync(call.outputs[0].data, call.inputs[0].data, call.outputs[0].bytes(),
                      cudaMemcpyDeviceToDevice, static_cast<cudaStream_t>(call.device().stream())),
      call.name());
});

}  // namespace

}  // namespace menet
