// Recording and replaying for JavaScript.
#pragma once

#include <napi.h>

#include <memory>
#include <unordered_map>
#include <vector>

#include "core/buffers.h"
#include "core/plan.h"
#include "core/replay_queue.h"

namespace menet {

class PlanDoor {
 public:
  explicit PlanDoor(Buffers& buffers) : buffers_(buffers) {}

  void define(Napi::Env env, Napi::Object exports);

  // Null unless a recording is on.
  Recorder* recorder() { return recorder_.get(); }

  bool busy() const { return !in_flight_.empty(); }
  // Waits for the replays in flight that know this memory, before anybody else reads or writes it.
  void settle(const Buffer& buffer);
  void settle(const std::vector<Buffers::Handle>& handles);  // 0: none

 private:
  using Handle = Buffers::Handle;
  struct Replay;
  class Worker;

  Napi::Value Record(const Napi::CallbackInfo& info);
  Napi::Value FinishRecording(const Napi::CallbackInfo& info);
  Napi::Value CancelRecording(const Napi::CallbackInfo& info);
  Napi::Value ReplayNow(const Napi::CallbackInfo& info);
  Napi::Value ReplayAsync(const Napi::CallbackInfo& info);
  Napi::Value Memory(const Napi::CallbackInfo& info);
  Napi::Value Dispose(const Napi::CallbackInfo& info);
  Napi::Value FillArena(const Napi::CallbackInfo& info);

  const std::shared_ptr<Plan>& PlanOf(const Napi::CallbackInfo& info) const;
  std::shared_ptr<Replay> Prepare(const Napi::CallbackInfo& info);
  void FreeOutputs(const Replay& replay);
  void Start(Napi::Env env);   // a worker for the queue's next replay
  void Finish(Napi::Env env);  // settles promises of what is done

  Buffers& buffers_;
  std::unique_ptr<Recorder> recorder_;
  std::unordered_map<Handle, std::shared_ptr<Plan>> plans_;
  Handle next_plan_ = 1;
  std::shared_ptr<ReplayQueue> queue_ = std::make_shared<ReplayQueue>();
  std::vector<std::shared_ptr<Replay>> in_flight_;
};

}  // namespace menet
