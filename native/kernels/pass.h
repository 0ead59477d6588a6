// A pass of a unit over its pixels on the CPU: ranges for threads, a scratch tile and
// per-channel sums for each.
#pragma once

#include <algorithm>
#include <memory>
#include <vector>

#include "core/op.h"
#include "core/thread_pool.h"
#include "kernels/operands.h"

namespace menet {

// Over the pool's threads or, where a whole image is one thread's work, on the caller's alone.
struct Runner {
  Device& device;
  bool parallel = true;

  int threads() const { return parallel ? thread_count() : 1; }

  // body(begin, end, thread, scratch) with `scratch_size` elements for each thread.
  template <typename T, typename Body>
  void run(int64_t count, int64_t grain, int64_t scratch_size, const Body& body) const {
    scratch_size = pad(scratch_size);
    const Scratch<T> scratch(device, scratch_size * threads());
    if (!parallel) return body(0, count, 0, scratch.data());
    parallel_for(count, grain, [&](int64_t begin, int64_t end, int thread) {
      body(begin, end, thread, scratch.data() + thread * scratch_size);
    });
  }
};

// Accumulators of every thread, zero at first.
template <typename T>
class ThreadGradients {
 public:
  ThreadGradients(const Runner& runner, int64_t size)
      : runner_(runner),
        size_(size),
        threads_(runner.threads()),
        data_(runner.device, size * threads_) {
    runner_.run<T>(size_ * threads_, kGrain, 0, [&](int64_t begin, int64_t end, int, T*) {
      std::fill_n(data_.data() + begin, end - begin, T(0));
    });
  }

  T* of(int thread) const { return data_.data() + thread * size_; }

  // The total, in the first thread's accumulator; always added in the same order.
  const T* total() const {
    runner_.run<T>(size_, kGrain, 0, [&](int64_t begin, int64_t end, int, T*) {
      for (int t = 1; t < threads_; ++t) {
        for (int64_t i = begin; i < end; ++i) of(0)[i] += of(t)[i];
      }
    });
    return of(0);
  }

 private:
  static constexpr int64_t kGrain = 1 << 14;

  Runner runner_;
  int64_t size_;
  int threads_;
  Scratch<T> data_;
};

template <typename T>
class ThreadSums {
 public:
  ThreadSums(int threads, int64_t channels)
      : doubles_(static_cast<size_t>(2 * channels * threads), 0.0),
        shifts_(static_cast<size_t>(channels * threads), T(0)) {
    for (int t = 0; t < threads; ++t) {
      double* first = doubles_.data() + 2 * t * channels;
      sums_.push_back({shifts_.data() + t * channels, first, first + channels, 0});
    }
  }

  Sums<T>& operator[](int thread) { return sums_[static_cast<size_t>(thread)]; }
  const std::vector<Sums<T>>& threads() const { return sums_; }

 private:
  std::vector<double> doubles_;
  std::vector<T> shifts_;
  std::vector<Sums<T>> sums_;
};

}  // namespace menet
