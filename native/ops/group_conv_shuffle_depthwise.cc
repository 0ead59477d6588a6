// Grouped 1×1 convolution, batch norm, relu, channel shuffle, depthwise 3×3 (kernels/unit_call.h).
#include "kernels/unit_call.h"

namespace menet {

namespace {

constexpr UnitParts kParts{true, false, false};

void run(Call& call) { run_unit(call, kParts); }
void run_gradient(Call& call) { run_unit_gradient(call, kParts); }

const RegisterOp forward({"GroupConvShuffleDepthwise",
                          [](const Call& call) { return infer_unit(call, kParts); }, run, run,
                          kTakesHalf});

const RegisterOp gradient({"GroupConvShuffleDepthwiseGrad",
                           [](const Call& call) { return infer_unit_gradient(call, kParts); },
                           run_gradient, run_gradient, kTakesHalf});

}  // namespace

}  // namespace menet
