#include "core/thread_pool.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <exception>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "core/error.h"

namespace menet {

namespace {

constexpr int kMaxThreads = 256;
constexpr int kSpins = 4000;  // about 50 us: longer than the gap between two passes

void pause_briefly() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// One job at a time. A job has as many parts as threads take part; part 0 is the caller's.
class ThreadPool {
 public:
  void run(int parts, const std::function<void(int)>& body) {
    std::lock_guard<std::mutex> one_job(job_mutex_);
    start(parts - 1);
    body_ = &body;
    error_ = nullptr;
    pending_.store(parts - 1, std::memory_order_relaxed);
    {
      std::lock_guard<std::mutex> lock(mutex_);
      parts_ = parts;
      generation_.fetch_add(1, std::memory_order_release);
    }
    wake_.notify_all();
    run_part(0);
    for (int spin = 0; pending_.load(std::memory_order_acquire) > 0; ++spin) {
      if (spin < kSpins) {
        pause_briefly();
      } else {
        std::this_thread::yield();
      }
    }
    if (error_) std::rethrow_exception(error_);
  }

 private:
  void start(int workers) {
    while (static_cast<int>(threads_.size()) < workers) {
      const int part = static_cast<int>(threads_.size()) + 1;
      const uint64_t seen = generation_.load(std::memory_order_relaxed);
      threads_.emplace_back([this, part, seen] { work(part, seen); });
    }
  }

  void work(int part, uint64_t seen) {
    for (;;) {
      int spin = 0;
      while (generation_.load(std::memory_order_acquire) == seen && ++spin < kSpins) {
        pause_briefly();
      }
      int parts;
      {
        std::unique_lock<std::mutex> lock(mutex_);
        wake_.wait(lock, [&] { return generation_.load(std::memory_order_relaxed) != seen; });
        seen = generation_.load(std::memory_order_relaxed);
        parts = parts_;
      }
      if (part < parts) {
        run_part(part);
        pending_.fetch_sub(1, std::memory_order_acq_rel);
      }
    }
  }

  void run_part(int part) {
    try {
      (*body_)(part);
    } catch (...) {
      std::lock_guard<std::mutex> lock(mutex_);
      if (!error_) error_ = std::current_exception();
    }
  }

  std::mutex job_mutex_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<std::thread> threads_;
  std::atomic<uint64_t> generation_{0};
  std::atomic<int> pending_{0};
  int parts_ = 0;
  const std::function<void(int)>* body_ = nullptr;
  std::exception_ptr error_;
};

int default_thread_count() {
  const char* text = std::getenv("MENET_THREADS");
  if (text == nullptr || *text == '\0') {
    return std::clamp(static_cast<int>(std::thread::hardware_concurrency()), 1, kMaxThreads);
  }
  char* end = nullptr;
  const long count = std::strtol(text, &end, 10);
  if (*end != '\0' || count < 1 || count > kMaxThreads) {
    throw_error("MENET_THREADS: expected 1 to ", kMaxThreads, ", got ", text);
  }
  return static_cast<int>(count);
}

std::atomic<int>& configured_threads() {
  static std::atomic<int> count{default_thread_count()};
  return count;
}

thread_local int fixed_threads = 0;  // 0: not fixed

}  // namespace

int thread_count() { return fixed_threads > 0 ? fixed_threads : configured_threads().load(); }

FixedThreadCount::FixedThreadCount() { fixed_threads = configured_threads().load(); }

FixedThreadCount::~FixedThreadCount() { fixed_threads = 0; }

void set_thread_count(int count) {
  if (count < 1 || count > kMaxThreads) {
    throw_error("threads: expected 1 to ", kMaxThreads, ", got ", count);
  }
  configured_threads().store(count);
}

void parallel_for(int64_t count, int64_t grain,
                  const std::function<void(int64_t, int64_t, int)>& body) {
  if (count <= 0) return;
  const int64_t ranges = std::max<int64_t>(1, count / std::max<int64_t>(grain, 1));
  const int parts = static_cast<int>(std::min<int64_t>(ranges, thread_count()));
  if (parts == 1) {
    body(0, count, 0);
    return;
  }
  static ThreadPool& pool = *new ThreadPool;  // its threads outlive static destruction
  pool.run(parts, [&](int part) {
    const int64_t begin = count * part / parts;
    const int64_t end = count * (part + 1) / parts;
    body(begin, end, part);
  });
}

}  // namespace menet
