// The merge-evolve branch and its gating of the residual branch (kernels/unit_call.h).
#include "kernels/unit_call.h"

namespace menet {

namespace {

constexpr UnitParts kParts{false, true, false};

const RegisterOp forward({"MergeEvolve", [](const Call& call) { return infer_unit(call, kParts); },
                          [](Call& call) { run_unit(call, kParts); }});

const RegisterOp gradient({"MergeEvolveGrad",
                           [](const Call& call) { return infer_unit_gradient(call, kParts); },
                           [](Call& call) { run_unit_gradient(call, kParts); }});

}  // namespace

}  // namespace menet
