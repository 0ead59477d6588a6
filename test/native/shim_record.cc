// ShimRecord: what the shim is asked for from now on is recorded; ShimRecorded gives it, as
// numbers of shim::Event (native/cuda/shim/record.h) behind which come zeros.
#include "core/op.h"
#include "cuda/shim/record.h"

namespace menet {

namespace {

constexpr int64_t kCapacity = 256;

std::vector<TensorType> infer_none(const Call& call) {
  call.expect_inputs(0);
  return {};
}

std::vector<TensorType> infer_events(const Call& call) {
  call.expect_inputs(0);
  return {{DType::kFloat32, {kCapacity}}};
}

void start(Call&) { shim::start_record(); }

void finish(Call& call) {
  const std::vector<shim::Event> events = shim::finish_record();
  call.expect(events.size() <= kCapacity, "expected at most ", kCapacity, " events, got ",
              events.size());
  auto* to = static_cast<float*>(call.outputs[0].data);
  for (size_t i = 0; i < kCapacity; ++i)
    to[i] = i < events.size() ? static_cast<float>(events[i]) : 0;
}

const RegisterOp record({"ShimRecord", infer_none, start});
const RegisterOp recorded({"ShimRecorded", infer_events, finish});

}  // namespace

}  // namespace menet
