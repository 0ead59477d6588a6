// Copies bytes to a device in a worker thread, so that the event loop goes on.
#pragma once

#include <napi.h>

#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "core/buffers.h"
#include "host_bytes.h"

namespace menet {

// Memory of JavaScript that stays as it is while a worker reads it: shared memory is kept alive;
// other memory could be detached at any time, and is copied.
class HeldBytes {
 public:
  HeldBytes(const Napi::Value& value, HostBytes host) : data_(host.data), size_(host.size) {
    if (is_shared(value)) {
      kept_ = Napi::Persistent(value.As<Napi::Object>());
    } else {
      const auto* bytes = static_cast<const char*>(host.data);
      copy_.assign(bytes, bytes + host.size);
      data_ = copy_.data();
    }
  }

  const void* data() const { return data_; }
  size_t size() const { return size_; }

 private:
  static bool is_shared(const Napi::Value& value) {
    if (!value.IsTypedArray()) return false;
    napi_value buffer = nullptr;
    bool plain = true;
    napi_get_typedarray_info(value.Env(), value, nullptr, nullptr, nullptr, &buffer, nullptr);
    if (buffer == nullptr || napi_is_arraybuffer(value.Env(), buffer, &plain) != napi_ok) {
      return false;
    }
    return !plain;
  }

  std::vector<char> copy_;
  const void* data_;
  size_t size_;
  Napi::ObjectReference kept_;
};

class WriteWorker : public Napi::AsyncWorker {
 public:
  WriteWorker(Napi::Env env, const Buffer& buffer, size_t offset, std::unique_ptr<HeldBytes> host)
      : Napi::AsyncWorker(env, "menet.writeAsync"),
        deferred_(Napi::Promise::Deferred::New(env)),
        buffer_(buffer),
        host_(std::move(host)),
        pending_(buffer.device->start_write(static_cast<char*>(buffer.data()) + offset,
                                            host_->data(), host_->size())) {}

  Napi::Promise promise() const { return deferred_.Promise(); }

 protected:
  void Execute() override { pending_->run(); }  // what it throws goes to OnError
  void OnOK() override {
    try {
      pending_->finish();
    } catch (const std::exception& error) {
      return OnError(Napi::Error::New(Env(), error.what()));
    }
    deferred_.Resolve(Env().Undefined());
  }
  void OnError(const Napi::Error& error) override { deferred_.Reject(error.Value()); }

 private:
  Napi::Promise::Deferred deferred_;
  Buffer buffer_;  // its memory stays, whoever frees it
  std::unique_ptr<HeldBytes> host_;
  std::unique_ptr<PendingWrite> pending_;
};

}  // namespace menet
