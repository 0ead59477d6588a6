// Grouped 1×1 convolution, batch norm, relu, channel shuffle, depthwise 3×3 (kernels/unit_call.h).
#include "kernels/unit_call.h"

namespace menet {

namespace {

constexpr UnitParts kParts{true, false, false};

const RegisterOp forward({"GroupConvShuffleDepthwise",
                          [](const Call& call) { return infer_unit(call, kParts); },
                          [](Call& call) { run_unit(call, kParts); }});

const RegisterOp gradient({"GroupConvShuffleDepthwiseGrad",
                           [](const Call& call) { return infer_unit_gradient(call, kParts); },
                           [](Call& call) { run_unit_gradient(call, kParts); }});

}  // namespace

}  // namespace menet
