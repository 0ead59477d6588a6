// The CPU kernels' threads. None is started before the first parallel call.
#pragma once

#include <cstdint>
#include <functional>

namespace menet {

// Threads used by parallel_for, the caller's included. MENET_THREADS or else the
// number of processors that this process may use.
int thread_count();
void set_thread_count(int count);  // 1 to 256, throws otherwise

// While it lives, thread_count() of the calling thread stays what it was: kernels size their
// scratch by it, and another JavaScript thread may set another.
class FixedThreadCount {
 public:
  FixedThreadCount();
  ~FixedThreadCount();
  FixedThreadCount(const FixedThreadCount&) = delete;
  FixedThreadCount& operator=(const FixedThreadCount&) = delete;
};

// body(begin, end, thread) over a static partition of [0, count) into at most
// thread_count() contiguous ranges, thread being the range's number: for the same
// thread count the same ranges, whichever thread runs them. Ranges hold at least
// `grain` items where possible. The first exception is rethrown here. Not to be nested.
void parallel_for(int64_t count, int64_t grain,
                  const std::function<void(int64_t begin, int64_t end, int thread)>& body);

}  // namespace menet
