#include "plan_door.h"

#include <cmath>
#include <string>
#include <utility>

#include "core/error.h"

namespace menet {

namespace {

Napi::Array to_js(Napi::Env env, const std::vector<Buffers::Handle>& handles) {
  Napi::Array array = Napi::Array::New(env, handles.size());
  for (uint32_t i = 0; i < handles.size(); ++i) {
    array.Set(i, Napi::Number::New(env, static_cast<double>(handles[i])));
  }
  return array;
}

std::vector<Buffers::Handle> handles_of(const Napi::Value& value) {
  if (!value.IsArray()) throw_error("expected a list of buffers");
  const Napi::Array array = value.As<Napi::Array>();
  std::vector<Buffers::Handle> handles;
  for (uint32_t i = 0; i < array.Length(); ++i) {
    const Napi::Value handle = array.Get(i);
    if (!handle.IsNumber()) throw_error("expected a list of buffers");
    handles.push_back(handle.As<Napi::Number>().Int64Value());
  }
  return handles;
}

}  // namespace

// One replay: its buffers, which stay alive until it is over, whatever JavaScript frees.
struct PlanDoor::Replay {
  std::shared_ptr<Plan> plan;
  std::vector<Buffer> inputs, outputs;
  std::vector<Handle> output_handles;
  ReplayQueue::Job job;
  std::unique_ptr<PendingRead> fence;  // on a GPU: reached when the replay is over
  std::unique_ptr<Napi::Promise::Deferred> deferred;

  void run() {
    std::vector<const void*> from;
    std::vector<void*> to;
    for (const Buffer& buffer : inputs) from.push_back(buffer.data());
    for (const Buffer& buffer : outputs) to.push_back(buffer.data());
    plan->replay(from, to);
  }

  bool knows(const void* memory) const {
    for (const Buffer& buffer : inputs) {
      if (buffer.memory.get() == memory) return true;
    }
    return plan->uses(memory);
  }
};

// Does the queue's next replay off the event loop. One at a time: the others of libuv's few
// threads stay free.
class PlanDoor::Worker : public Napi::AsyncWorker {
 public:
  Worker(Napi::Env env, PlanDoor& door)
      : Napi::AsyncWorker(env, "menet.replayAsync"), door_(door), queue_(door.queue_) {}

 protected:
  void Execute() override { queue_->run_next(); }
  void OnOK() override { door_.Finish(Env()); }

 private:
  PlanDoor& door_;
  std::shared_ptr<ReplayQueue> queue_;
};

void PlanDoor::define(Napi::Env env, Napi::Object exports) {
  using Method = Napi::Value (PlanDoor::*)(const Napi::CallbackInfo&);
  const auto add = [&](const char* name, Method method) {
    const auto guarded = [this, method](const Napi::CallbackInfo& info) -> Napi::Value {
      try {
        return (this->*method)(info);
      } catch (const Napi::Error&) {
        throw;
      } catch (const std::exception& error) {
        throw Napi::Error::New(info.Env(), error.what());
      }
    };
    exports.Set(name, Napi::Function::New(env, guarded, name));
  };
  add("record", &PlanDoor::Record);
  add("finishRecording", &PlanDoor::FinishRecording);
  add("cancelRecording", &PlanDoor::CancelRecording);
  add("replay", &PlanDoor::ReplayNow);
  add("replayAsync", &PlanDoor::ReplayAsync);
  add("planMemory", &PlanDoor::Memory);
  add("disposePlan", &PlanDoor::Dispose);
  add("fillArena", &PlanDoor::FillArena);
}

void PlanDoor::settle(const Buffer& buffer) {
  for (const std::shared_ptr<Replay>& replay : in_flight_) {
    const bool done = replay->job.done.load(std::memory_order_acquire);
    if (!done && replay->knows(buffer.memory.get())) return queue_->run_all();
  }
}

void PlanDoor::settle(const std::vector<Handle>& handles) {
  for (const Handle handle : handles) {
    if (handle != 0) settle(buffers_.get(handle));
  }
}

// record(inputs, device): from now on everything is logged
Napi::Value PlanDoor::Record(const Napi::CallbackInfo& info) {
  if (recorder_ != nullptr) throw_error("record: expected no recording, got one inside another");
  if (!info[1].IsString()) throw_error("record: expected the name of a device");
  Device& device = device_named(info[1].As<Napi::String>());
  recorder_ = std::make_unique<Recorder>(buffers_, device, handles_of(info[0]));
  return info.Env().Undefined();
}

// finishRecording(outputs) -> { plan, kept, bound }: a plan unless the function left something
// behind, what that is, and the buffers that replays will use beside their own
Napi::Value PlanDoor::FinishRecording(const Napi::CallbackInfo& info) {
  if (recorder_ == nullptr) throw_error("finishRecording: expected a recording, found none");
  const std::unique_ptr<Recorder> recorder = std::move(recorder_);
  const std::vector<Handle> outputs = handles_of(info[0]);
  Recording recording = recorder->finish(outputs);
  const Napi::Env env = info.Env();
  Napi::Object result = Napi::Object::New(env);
  result.Set("kept", recording.kept);
  result.Set("bound", to_js(env, recording.bound));
  if (recording.kept.empty()) {
    plans_[next_plan_] = std::make_shared<Plan>(std::move(recording));
    result.Set("plan", Napi::Number::New(env, static_cast<double>(next_plan_++)));
  }
  return result;
}

Napi::Value PlanDoor::CancelRecording(const Napi::CallbackInfo& info) {
  recorder_.reset();
  return info.Env().Undefined();
}

const std::shared_ptr<Plan>& PlanDoor::PlanOf(const Napi::CallbackInfo& info) const {
  const auto found = plans_.find(info[0].IsNumber() ? info[0].As<Napi::Number>().Int64Value() : 0);
  if (found == plans_.end()) throw_error("expected a live plan");
  return found->second;
}

// What (plan, inputs) asks for, with buffers for the outputs.
std::shared_ptr<PlanDoor::Replay> PlanDoor::Prepare(const Napi::CallbackInfo& info) {
  if (recorder_ != nullptr) throw_error("replay: expected no recording, got a replay inside one");
  auto replay = std::make_shared<Replay>();
  replay->plan = PlanOf(info);
  const std::vector<Handle> handles = handles_of(info[1]);
  const std::vector<size_t> bytes = replay->plan->input_bytes();
  if (handles.size() != bytes.size()) {
    throw_error("replay: expected ", bytes.size(), " inputs, got ", handles.size());
  }
  for (size_t i = 0; i < handles.size(); ++i) {
    replay->inputs.push_back(buffers_.get(handles[i]));
    const Buffer& input = replay->inputs.back();
    if (input.bytes != bytes[i] || input.device != &replay->plan->device()) {
      throw_error("replay: input ", i, ": expected ", bytes[i], " bytes on ",
                  replay->plan->device().name(), ", got ", input.bytes, " on ",
                  input.device->name());
    }
  }
  try {
    for (const size_t size : replay->plan->output_bytes()) {
      replay->output_handles.push_back(buffers_.allocate(replay->plan->device(), size));
      replay->outputs.push_back(buffers_.get(replay->output_handles.back()));
    }
  } catch (...) {
    FreeOutputs(*replay);
    throw;
  }
  return replay;
}

void PlanDoor::FreeOutputs(const Replay& replay) {
  for (const Handle handle : replay.output_handles) buffers_.free(handle);
}

// replay(plan, inputs) -> outputs, which the caller owns
Napi::Value PlanDoor::ReplayNow(const Napi::CallbackInfo& info) {
  const std::shared_ptr<Replay> replay = Prepare(info);
  queue_->run_all();
  try {
    replay->run();
  } catch (...) {
    FreeOutputs(*replay);
    throw;
  }
  return to_js(info.Env(), replay->output_handles);
}

// replayAsync(plan, inputs) -> promise of outputs, which the caller owns
Napi::Value PlanDoor::ReplayAsync(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const std::shared_ptr<Replay> replay = Prepare(info);
  if (replay->plan->device().kind() == DeviceKind::kCuda) {
    try {
      replay->run();  // starts it
      replay->fence = replay->plan->device().start_read(nullptr, 0);
    } catch (...) {
      FreeOutputs(*replay);
      throw;
    }
    replay->job.work = [r = replay.get()] { r->fence->finish(nullptr); };
  } else {
    replay->job.work = [r = replay.get()] { r->run(); };
  }
  replay->deferred = std::make_unique<Napi::Promise::Deferred>(Napi::Promise::Deferred::New(env));
  in_flight_.push_back(replay);
  queue_->push(std::shared_ptr<ReplayQueue::Job>(replay, &replay->job));
  if (in_flight_.size() == 1) Start(env);
  return replay->deferred->Promise();
}

void PlanDoor::Start(Napi::Env env) { (new Worker(env, *this))->Queue(); }  // deletes itself

void PlanDoor::Finish(Napi::Env env) {
  std::vector<std::shared_ptr<Replay>> done;
  while (!in_flight_.empty() && in_flight_.front()->job.done.load(std::memory_order_acquire)) {
    done.push_back(std::move(in_flight_.front()));
    in_flight_.erase(in_flight_.begin());
  }
  if (!in_flight_.empty()) Start(env);
  for (const std::shared_ptr<Replay>& replay : done) {
    if (replay->job.error == nullptr) {
      replay->deferred->Resolve(to_js(env, replay->output_handles));
      continue;
    }
    FreeOutputs(*replay);
    try {
      std::rethrow_exception(replay->job.error);
    } catch (const std::exception& error) {
      replay->deferred->Reject(Napi::Error::New(env, error.what()).Value());
    }
  }
}

Napi::Value PlanDoor::Memory(const Napi::CallbackInfo& info) {
  const PlanMemory& memory = PlanOf(info)->memory();
  Napi::Object object = Napi::Object::New(info.Env());
  object.Set("arena", static_cast<double>(memory.arena));
  object.Set("temporaries", static_cast<double>(memory.temporaries));
  object.Set("needed", static_cast<double>(memory.needed));
  object.Set("constants", static_cast<double>(memory.constants));
  object.Set("steps", static_cast<double>(memory.steps));
  return object;
}

// disposePlan(plan): replays in flight end first
Napi::Value PlanDoor::Dispose(const Napi::CallbackInfo& info) {
  PlanOf(info);
  plans_.erase(info[0].As<Napi::Number>().Int64Value());
  return info.Env().Undefined();
}

// fillArena(plan, byte), for tests
Napi::Value PlanDoor::FillArena(const Napi::CallbackInfo& info) {
  queue_->run_all();
  PlanOf(info)->fill_arena(static_cast<uint8_t>(info[1].As<Napi::Number>().Uint32Value()));
  return info.Env().Undefined();
}

}  // namespace menet
