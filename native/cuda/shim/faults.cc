#include "cuda/shim/faults.h"

#include <mutex>

#include "cuda/check.h"
#include "cuda/shim/record.h"

namespace menet::shim {

namespace {

struct Faults {
  std::mutex mutex;  // reads end in threads of their own
  Site site = Site::kNone;
  int remaining = 0;
  cudaError_t error = cudaSuccess;
  cudaError_t lost = cudaSuccess;
  cudaError_t launch = cudaSuccess;
};

Faults& faults() {
  static Faults& the_faults = *new Faults;
  return the_faults;
}

}  // namespace

void fail_at(Site site, int nth, cudaError_t error) {
  Faults& f = faults();
  const std::lock_guard<std::mutex> lock(f.mutex);
  f.site = site;
  f.remaining = nth;
  f.error = error;
  f.lost = f.launch = cudaSuccess;
}

cudaError_t reach(Site site) {
  Faults& f = faults();
  const std::lock_guard<std::mutex> lock(f.mutex);
  if (f.lost != cudaSuccess) return f.lost;
  if (f.site != site || --f.remaining != 0) return cudaSuccess;
  f.site = Site::kNone;
  if (loses_device(f.error)) f.lost = f.error;
  return f.error;
}

cudaError_t lost() {
  Faults& f = faults();
  const std::lock_guard<std::mutex> lock(f.mutex);
  return f.lost;
}

bool starts_kernel() {
  note(Event::kLaunch);
  const cudaError_t launch = reach(Site::kLaunch);
  const cudaError_t kernel = launch == cudaSuccess ? reach(Site::kKernel) : cudaSuccess;
  const std::lock_guard<std::mutex> lock(faults().mutex);
  faults().launch = launch;
  return launch == cudaSuccess && kernel == cudaSuccess;
}

cudaError_t take_launch_error() {
  Faults& f = faults();
  const std::lock_guard<std::mutex> lock(f.mutex);
  const cudaError_t error = f.launch;
  f.launch = cudaSuccess;
  return error;
}

}  // namespace menet::shim
