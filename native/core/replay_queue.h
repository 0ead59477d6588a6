// Replays that run beside the event loop, one after the other in the order they were asked for,
// whichever threads do them.
#pragma once

#include <atomic>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>

namespace menet {

class ReplayQueue {
 public:
  struct Job {
    std::function<void()> work;
    std::atomic<bool> done{false};
    std::exception_ptr error;  // once done
  };

  void push(std::shared_ptr<Job> job);
  void run_next();  // the oldest, on this thread; nothing where there is none
  void run_all();   // and waits for the one that another thread does

 private:
  std::mutex one_job_;  // held while a job runs
  std::mutex mutex_;
  std::deque<std::shared_ptr<Job>> jobs_;
};

}  // namespace menet
