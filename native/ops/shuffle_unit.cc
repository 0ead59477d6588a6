// A whole ShuffleNet unit (kernels/unit_call.h).
#include "kernels/unit_call.h"

namespace menet {

namespace {

constexpr UnitParts kParts{true, false, true};

void run(Call& call) { run_unit(call, kParts); }
void run_gradient(Call& call) { run_unit_gradient(call, kParts); }

const RegisterOp forward({"ShuffleUnit", [](const Call& call) { return infer_unit(call, kParts); },
                          run, run, kTakesHalf});

const RegisterOp gradient({"ShuffleUnitGrad",
                           [](const Call& call) { return infer_unit_gradient(call, kParts); },
                           run_gradient, run_gradient, kTakesHalf});

}  // namespace

}  // namespace menet
