// A whole ShuffleNet unit (kernels/unit_call.h).
#include "kernels/unit_call.h"

namespace menet {

namespace {

constexpr UnitParts kParts{true, false, true};

const RegisterOp forward({"ShuffleUnit", [](const Call& call) { return infer_unit(call, kParts); },
                          [](Call& call) { run_unit(call, kParts); }});

const RegisterOp gradient({"ShuffleUnitGrad",
                           [](const Call& call) { return infer_unit_gradient(call, kParts); },
                           [](Call& call) { run_unit_gradient(call, kParts); }});

}  // namespace

}  // namespace menet
