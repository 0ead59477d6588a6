// ShimFault: the n-th allocation, launch, ... of the shim from now on fails
// (native/cuda/shim/faults.h); site "none" ends that, and repairs a lost device.
#include <map>

#include "core/op.h"
#include "cuda/shim/faults.h"

namespace menet {

namespace {

std::vector<TensorType> infer(const Call& call) {
  call.expect_inputs(0);
  return {};
}

void run(Call& call) {
  using shim::Site;
  static const std::map<std::string, Site> sites = {
      {"none", Site::kNone},     {"allocation", Site::kAllocation},
      {"launch", Site::kLaunch}, {"kernel", Site::kKernel},
      {"copy", Site::kCopy},     {"pinned", Site::kPinned},
  };
  const auto site = sites.find(call.attributes.text("site"));
  call.expect(site != sites.end(), "expected a site, got ", call.attributes.text("site"));
  shim::fail_at(site->second, static_cast<int>(call.attributes.integer("nth")),
                static_cast<cudaError_t>(call.attributes.integer("error")));
}

const RegisterOp fault({"ShimFault", infer, run, run});

}  // namespace

}  // namespace menet
