#include "core/replay_queue.h"

namespace menet {

void ReplayQueue::push(std::shared_ptr<Job> job) {
  const std::lock_guard<std::mutex> lock(mutex_);
  jobs_.push_back(std::move(job));
}

void ReplayQueue::run_next() {
  const std::lock_guard<std::mutex> one_job(one_job_);
  std::shared_ptr<Job> job;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (jobs_.empty()) return;
    job = std::move(jobs_.front());
    jobs_.pop_front();
  }
  try {
    job->work();
  } catch (...) {
    job->error = std::current_exception();
  }
  job->done.store(true, std::memory_order_release);
}

void ReplayQueue::run_all() {
  for (;;) {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      if (jobs_.empty()) break;
    }
    run_next();
  }
  const std::lock_guard<std::mutex> one_job(one_job_);  // the last one may still run
}

}  // namespace menet
