// Waits for bytes from a device in a worker thread, so that the event loop goes on.
#pragma once

#include <napi.h>

#include <memory>
#include <utility>

#include "core/device.h"

namespace menet {

class ReadWorker : public Napi::AsyncWorker {
 public:
  // Nobody else has seen `target`, so that nothing can take its memory away meanwhile.
  ReadWorker(Napi::ArrayBuffer target, std::unique_ptr<PendingRead> pending)
      : Napi::AsyncWorker(target.Env(), "menet.readAsync"),
        deferred_(Napi::Promise::Deferred::New(target.Env())),
        target_(Napi::Persistent(target)),
        data_(target.Data()),
        pending_(std::move(pending)) {}

  Napi::Promise promise() const { return deferred_.Promise(); }

 protected:
  void Execute() override {
    pending_->finish(data_);  // what it throws goes to OnError
    pending_.reset();
  }
  void OnOK() override { deferred_.Resolve(target_.Value()); }
  void OnError(const Napi::Error& error) override { deferred_.Reject(error.Value()); }

 private:
  Napi::Promise::Deferred deferred_;
  Napi::Reference<Napi::ArrayBuffer> target_;
  void* data_;
  std::unique_ptr<PendingRead> pending_;
};

}  // namespace menet
