// Failures on demand, for tests of what comes of them: the n-th allocation, launch or copy from
// now on fails. An error that loses the device (cuda/check.h) stays, as CUDA's does, until the
// next call of fail_at().
#pragma once

#include <cuda_runtime.h>

namespace menet::shim {

enum class Site {
  kNone,
  kAllocation,  // there is no more device memory
  kLaunch,      // the kernel does not start
  kKernel,      // it fails while it runs: its launch goes well, and whatever comes next does not
  kCopy,
  kPinned,  // there is no more page-locked memory
};

void fail_at(Site site, int nth, cudaError_t error);

// Counts a call of this kind. Its error, or what an earlier one left behind.
cudaError_t reach(Site site);

// What a lost device answers to any call.
cudaError_t lost();

// The last launch's error, which is forgotten then.
cudaError_t take_launch_error();

}  // namespace menet::shim
