// The one door between JavaScript and the native core: allocate, view, free, read,
// write, run; plans have theirs in plan_door.cc. Everything that is thrown inside becomes a
// JavaScript exception.
#include <napi.h>

#include <cmath>

#include "core/buffers.h"
#include "core/isa.h"
#include "core/op.h"
#include "core/thread_pool.h"
#include "host_bytes.h"
#include "image_door.h"
#include "js_values.h"
#include "plan_door.h"
#include "read_worker.h"
#include "tensorflow_door.h"
#include "write_worker.h"

namespace menet {

namespace {

// An input as JavaScript gives it; id 0 where an optional one is not given.
struct Argument {
  TensorType type;
  Buffers::Handle id = 0;
};

Argument to_argument(const Napi::Value& value) {
  Argument argument;
  argument.type = to_tensor_type(value);
  if (argument.type.dtype == DType::kNone) return argument;
  argument.id = value.As<Napi::Object>().Get("id").As<Napi::Number>().Int64Value();
  return argument;
}

// Where the argument lies. Nothing that JavaScript could interrupt may run between this and
// the op: a getter could free the buffer.
Tensor to_tensor(const Buffers& buffers, const Argument& argument, Device*& device) {
  Tensor tensor;
  static_cast<TensorType&>(tensor) = argument.type;
  if (argument.type.dtype == DType::kNone) return tensor;
  const Buffer& buffer = buffers.get(argument.id);
  if (tensor.bytes() > buffer.bytes) {
    throw_error("expected a buffer of ", tensor.bytes(), " bytes for shape ",
                to_string(tensor.shape), ", got ", buffer.bytes);
  }
  if (device != nullptr && device != buffer.device) {
    throw_error("expected all inputs on ", device->name(), ", got one on ", buffer.device->name());
  }
  device = buffer.device;
  tensor.data = buffer.data();
  return tensor;
}

Napi::Value to_js(Napi::Env env, Buffers::Handle id, const TensorType& type) {
  Napi::Array shape = Napi::Array::New(env, type.shape.size());
  for (uint32_t i = 0; i < type.shape.size(); ++i) {
    shape.Set(i, Napi::Number::New(env, static_cast<double>(type.shape[i])));
  }
  Napi::Object object = Napi::Object::New(env);
  object.Set("id", static_cast<double>(id));
  object.Set("shape", shape);
  object.Set("dtype", name_of(type.dtype));
  return object;
}

class Addon : public Napi::Addon<Addon> {
 public:
  Addon(Napi::Env env, Napi::Object exports) {
    DefineAddon(exports, {
                             InstanceMethod("allocate", &Addon::Guard<&Addon::Allocate>),
                             InstanceMethod("view", &Addon::Guard<&Addon::View>),
                             InstanceMethod("free", &Addon::Guard<&Addon::Free>),
                             InstanceMethod("read", &Addon::Guard<&Addon::Read>),
                             InstanceMethod("readAsync", &Addon::Guard<&Addon::ReadAsync>),
                             InstanceMethod("write", &Addon::Guard<&Addon::Write>),
                             InstanceMethod("writeAsync", &Addon::Guard<&Addon::WriteAsync>),
                             InstanceMethod("run", &Addon::Guard<&Addon::Run>),
                             InstanceMethod("ops", &Addon::Guard<&Addon::Ops>),
                             InstanceMethod("halfOps", &Addon::Guard<&Addon::HalfOps>),
                             InstanceMethod("devices", &Addon::Guard<&Addon::Devices>),
                             InstanceMethod("threads", &Addon::Guard<&Addon::Threads>),
                             InstanceMethod("isa", &Addon::Guard<&Addon::InstructionSet>),
                             InstanceMethod("memory", &Addon::Guard<&Addon::Memory>),
                             InstanceMethod("startProfile", &Addon::Guard<&Addon::StartProfile>),
                             InstanceMethod("finishProfile", &Addon::Guard<&Addon::FinishProfile>),
                             InstanceMethod("resetPeak", &Addon::Guard<&Addon::ResetPeak>),
                             InstanceMethod("releaseCache", &Addon::Guard<&Addon::ReleaseCache>),
                         });
    define_image_door(env, exports);
    define_tensorflow_door(env, exports);
    plans_.define(env, exports);
  }

 private:
  using Method = Napi::Value (Addon::*)(const Napi::CallbackInfo&);

  template <Method method>
  Napi::Value Guard(const Napi::CallbackInfo& info) {
    try {
      return (this->*method)(info);
    } catch (const Napi::Error&) {
      throw;
    } catch (const std::exception& error) {
      throw Napi::Error::New(info.Env(), error.what());
    }
  }

  static int64_t Integer(const Napi::CallbackInfo& info, size_t i) {
    const double value = info[i].IsNumber() ? info[i].As<Napi::Number>().DoubleValue() : -1;
    if (!(value >= 0 && value <= 9007199254740991.0) || value != std::floor(value)) {
      throw_error("argument ", i, ": expected a whole number of at least 0");
    }
    return static_cast<int64_t>(value);
  }

  static Device& DeviceOf(const Napi::CallbackInfo& info, size_t i) {
    return device_named(info[i].IsString() ? info[i].As<Napi::String>().Utf8Value() : "cpu");
  }

  // allocate(bytes, device) -> id
  Napi::Value Allocate(const Napi::CallbackInfo& info) {
    Device& device = DeviceOf(info, 1);
    if (plans_.recorder()) plans_.recorder()->expect_device(device, "allocate");
    const auto id = buffers_.allocate(device, static_cast<size_t>(Integer(info, 0)));
    if (plans_.recorder()) plans_.recorder()->allocated(id);
    return Napi::Number::New(info.Env(), static_cast<double>(id));
  }

  // view(id, offset, bytes) -> id
  Napi::Value View(const Napi::CallbackInfo& info) {
    const Buffers::Handle of = Integer(info, 0);
    const auto offset = static_cast<size_t>(Integer(info, 1));
    const auto id = buffers_.view(of, offset, static_cast<size_t>(Integer(info, 2)));
    if (plans_.recorder()) plans_.recorder()->viewed(id, of, offset);
    return Napi::Number::New(info.Env(), static_cast<double>(id));
  }

  Napi::Value Free(const Napi::CallbackInfo& info) {
    const Buffers::Handle id = Integer(info, 0);
    buffers_.free(id);
    if (plans_.recorder()) plans_.recorder()->freed(id);
    return info.Env().Undefined();
  }

  // read(id, target, offset = 0): fills the target from the buffer's bytes at offset
  Napi::Value Read(const Napi::CallbackInfo& info) {
    const auto [buffer, host, offset] = Transfer(info, "read");
    if (plans_.recorder()) plans_.recorder()->reject_read(Integer(info, 0));
    buffer.device->read(host.data, static_cast<char*>(buffer.data()) + offset, host.size);
    return info.Env().Undefined();
  }

  // readAsync(id, bytes, offset = 0) -> promise of an ArrayBuffer of what the buffer holds now;
  // the buffer may be freed at once.
  Napi::Value ReadAsync(const Napi::CallbackInfo& info) {
    const Buffer& buffer = buffers_.get(Integer(info, 0));
    const auto bytes = static_cast<size_t>(Integer(info, 1));
    const size_t offset = OffsetWithin(buffer, "readAsync", info, bytes);
    if (plans_.recorder()) plans_.recorder()->reject_read(Integer(info, 0));
    plans_.settle(buffer);
    const char* from = static_cast<const char*>(buffer.data()) + offset;
    auto* worker = new ReadWorker(Napi::ArrayBuffer::New(info.Env(), bytes),
                                  buffer.device->start_read(from, bytes));
    worker->Queue();  // deletes itself
    return worker->promise();
  }

  // write(id, source, offset = 0)
  Napi::Value Write(const Napi::CallbackInfo& info) {
    const auto [buffer, host, offset] = Transfer(info, "write");
    if (plans_.recorder()) plans_.recorder()->written(Integer(info, 0));
    buffer.device->write(static_cast<char*>(buffer.data()) + offset, host.data, host.size);
    return info.Env().Undefined();
  }

  // writeAsync(id, source, offset = 0) -> promise
  Napi::Value WriteAsync(const Napi::CallbackInfo& info) {
    const auto [buffer, host, offset] = Transfer(info, "writeAsync");
    auto held = std::make_unique<HeldBytes>(info[1], host);
    auto* worker = new WriteWorker(info.Env(), buffer, offset, std::move(held));
    worker->Queue();  // deletes itself
    return worker->promise();
  }

  struct TransferRange {
    const Buffer& buffer;
    HostBytes host;
    size_t offset;
  };

  TransferRange Transfer(const Napi::CallbackInfo& info, const char* what) {
    const Buffer& buffer = buffers_.get(Integer(info, 0));
    const HostBytes host = host_bytes(info[1]);
    plans_.settle(buffer);
    return {buffer, host, OffsetWithin(buffer, what, info, host.size)};
  }

  // Argument 2, or 0 without one.
  static size_t OffsetWithin(const Buffer& buffer, const char* what, const Napi::CallbackInfo& info,
                             size_t bytes) {
    const size_t offset = info.Length() > 2 ? static_cast<size_t>(Integer(info, 2)) : 0;
    if (offset > buffer.bytes || bytes > buffer.bytes - offset) {
      throw_error(what, ": expected a range within ", buffer.bytes, " bytes, got ", bytes,
                  " bytes at ", offset);
    }
    return offset;
  }

  // run(op, inputs, attributes, device = that of the inputs) -> outputs
  Napi::Value Run(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    const std::string name = info[0].As<Napi::String>();
    const Op& op = op_named(name);
    const std::vector<Argument> arguments = Arguments(name, info[1].As<Napi::Array>());
    const Attributes attributes = to_attributes(info[2]);
    Device* device = nullptr;
    std::vector<Tensor> inputs;
    inputs.reserve(arguments.size());
    try {
      for (const Argument& a : arguments) inputs.push_back(to_tensor(buffers_, a, device));
    } catch (const Error& error) {
      throw_error(name, ": input ", inputs.size(), ": ", error.what());
    }
    if (device == nullptr) device = &DeviceOf(info, 3);
    Call call(op, *device, std::move(inputs), attributes);
    return with_name_of(call, [&] { return RunCall(env, op, call, arguments); });
  }

  static std::vector<Argument> Arguments(const std::string& op, const Napi::Array& list) {
    const uint32_t count = list.Length();
    std::vector<Argument> arguments;
    try {
      for (uint32_t i = 0; i < count; ++i) arguments.push_back(to_argument(list.Get(i)));
    } catch (const Error& error) {
      throw_error(op, ": input ", arguments.size(), ": ", error.what());
    }
    return arguments;
  }

  static std::vector<Buffers::Handle> HandlesOf(const std::vector<Argument>& arguments) {
    std::vector<Buffers::Handle> handles;
    for (const Argument& argument : arguments) handles.push_back(argument.id);
    return handles;
  }

  Napi::Value RunCall(Napi::Env env, const Op& op, Call& call,
                      const std::vector<Argument>& arguments) {
    if (plans_.busy()) plans_.settle(HandlesOf(arguments));
    Recorder* recorder = plans_.recorder();
    if (recorder) recorder->expect_device(call.device(), op.name);
    call.function();
    const FixedThreadCount threads;
    const std::vector<TensorType> types = op.infer(call);
    std::vector<Buffers::Handle> ids;
    try {
      for (const TensorType& type : types) {
        ids.push_back(buffers_.allocate(call.device(), type.bytes()));
        Tensor output;
        static_cast<TensorType&>(output) = type;
        output.data = buffers_.get(ids.back()).data();
        call.outputs.push_back(output);
      }
      recorder ? recorder->run(call, op, HandlesOf(arguments), ids) : call.run();
    } catch (...) {
      for (Buffers::Handle id : ids) buffers_.free(id);
      throw;
    }
    Napi::Array outputs = Napi::Array::New(env, ids.size());
    for (uint32_t i = 0; i < ids.size(); ++i) outputs.Set(i, to_js(env, ids[i], types[i]));
    return outputs;
  }

  static Napi::Value Names(Napi::Env env, const std::vector<std::string>& names) {
    Napi::Array array = Napi::Array::New(env, names.size());
    for (uint32_t i = 0; i < names.size(); ++i) array.Set(i, names[i]);
    return array;
  }

  Napi::Value Ops(const Napi::CallbackInfo& info) { return Names(info.Env(), op_names()); }
  Napi::Value HalfOps(const Napi::CallbackInfo& info) { return Names(info.Env(), half_op_names()); }

  // devices() -> { devices, whyNoCuda }
  Napi::Value Devices(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    const DeviceList list = list_devices();
    Napi::Array devices = Napi::Array::New(env, list.devices.size());
    for (uint32_t i = 0; i < list.devices.size(); ++i) {
      const DeviceInfo& device = list.devices[i];
      Napi::Object object = Napi::Object::New(env);
      object.Set("name", device.name);
      object.Set("description", device.description);
      object.Set("memory", static_cast<double>(device.memory));
      object.Set("computeCapability", device.compute_capability);
      object.Set("driver", device.driver);
      object.Set("libraries", device.libraries);
      devices.Set(i, object);
    }
    Napi::Object result = Napi::Object::New(env);
    result.Set("devices", devices);
    result.Set("whyNoCuda", list.why_no_cuda);
    return result;
  }

  // threads(count?) -> count
  Napi::Value Threads(const Napi::CallbackInfo& info) {
    if (info.Length() > 0) {
      set_thread_count(static_cast<int>(std::min<int64_t>(Integer(info, 0), 1 << 20)));
    }
    return Napi::Number::New(info.Env(), thread_count());
  }

  Napi::Value InstructionSet(const Napi::CallbackInfo& info) {
    return Napi::String::New(info.Env(), name_of(isa()));
  }

  Napi::Value Memory(const Napi::CallbackInfo& info) {
    const AllocatorStatistics s = DeviceOf(info, 0).allocator().statistics();
    Napi::Object object = Napi::Object::New(info.Env());
    object.Set("bytesInUse", static_cast<double>(s.bytes_in_use));
    object.Set("peakBytesInUse", static_cast<double>(s.peak_bytes_in_use));
    object.Set("bytesReserved", static_cast<double>(s.bytes_reserved));
    object.Set("peakBytesReserved", static_cast<double>(s.peak_bytes_reserved));
    object.Set("bytesLimit",
               s.bytes_limit == SIZE_MAX ? INFINITY : static_cast<double>(s.bytes_limit));
    object.Set("allocations", static_cast<double>(s.allocations));
    object.Set("systemAllocations", static_cast<double>(s.system_allocations));
    object.Set("buffers", static_cast<double>(buffers_.size()));
    return object;
  }

  Napi::Value StartProfile(const Napi::CallbackInfo& info) {
    DeviceOf(info, 0).start_profile();
    return info.Env().Undefined();
  }

  // finishProfile(device) -> [{ op, kernel, launches, milliseconds, bytes }]
  Napi::Value FinishProfile(const Napi::CallbackInfo& info) {
    const std::vector<KernelTime> times = DeviceOf(info, 0).finish_profile();
    Napi::Array array = Napi::Array::New(info.Env(), times.size());
    for (uint32_t i = 0; i < times.size(); ++i) {
      Napi::Object object = Napi::Object::New(info.Env());
      object.Set("op", times[i].op);
      object.Set("kernel", times[i].kernel);
      object.Set("launches", static_cast<double>(times[i].launches));
      object.Set("milliseconds", times[i].milliseconds);
      object.Set("bytes", times[i].bytes);
      array.Set(i, object);
    }
    return array;
  }

  Napi::Value ResetPeak(const Napi::CallbackInfo& info) {
    DeviceOf(info, 0).allocator().reset_peak();
    return info.Env().Undefined();
  }

  Napi::Value ReleaseCache(const Napi::CallbackInfo& info) {
    DeviceOf(info, 0).allocator().release_cache();
    return info.Env().Undefined();
  }

  Buffers buffers_;
  PlanDoor plans_{buffers_};
};

}  // namespace

}  // namespace menet

using menet::Addon;
NODE_API_ADDON(Addon)
