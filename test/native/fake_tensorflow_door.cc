// The stand-in for libtensorflow as an addon, as which tests load it: run() is what tfjs-node's
// binding does with TensorFlow's eager execution.
#include <napi.h>

#include <cstring>
#include <stdexcept>

#include "fake_tensorflow.h"

namespace menet::tensorflow {

namespace {

// "x: floats * float32" or "call: int32".
struct Argument {
  std::string name, count, type;

  explicit Argument(const std::string& specification) {
    const size_t colon = specification.find(": ");
    name = specification.substr(0, colon);
    type = specification.substr(colon + 2);
    const size_t star = type.find(" * ");
    if (star == std::string::npos) return;
    count = type.substr(0, star);
    type = type.substr(star + 3);
  }
};

TF_DataType type_named(const std::string& name) {
  if (name == "float32") return TF_FLOAT;
  if (name == "int32") return TF_INT32;
  if (name == "bool") return TF_BOOL;
  throw std::invalid_argument("no type " + name);
}

// What each tensor of a list of arguments is, with the counts among the attributes.
std::vector<Argument> expand(const std::vector<std::string>& specifications,
                             const Napi::Object& attributes) {
  std::vector<Argument> all;
  for (const std::string& specification : specifications) {
    const Argument argument(specification);
    const bool single = argument.count.empty();
    const uint32_t count =
        single ? 1 : attributes.Get(argument.count).As<Napi::Number>().Uint32Value();
    all.insert(all.end(), count, argument);
  }
  return all;
}

const TF_OpDefinitionBuilder& op_of(const std::string& name) {
  const auto found = registry().ops.find(name);
  if (found == registry().ops.end()) throw std::invalid_argument("no operation " + name);
  if (registry().definitions[name] > 1) throw std::logic_error(name + " is registered twice");
  return found->second;
}

const TF_KernelBuilder& kernel_of(const std::string& name, const std::string& device) {
  for (const TF_KernelBuilder& kernel : registry().kernels) {
    if (kernel.op == name && kernel.device == device) return kernel;
  }
  throw std::invalid_argument("no kernel of " + name + " for " + device);
}

// The tensor { shape, dtype, values } of JavaScript: its own memory, or a copy on the device.
TF_Tensor to_tensor(const Napi::Object& from, bool on_device) {
  TF_Tensor tensor{type_named(from.Get("dtype").As<Napi::String>()), {}, nullptr};
  const Napi::Array shape = from.Get("shape").As<Napi::Array>();
  for (uint32_t i = 0; i < shape.Length(); ++i) {
    tensor.dims.push_back(shape.Get(i).As<Napi::Number>().Int64Value());
  }
  const auto values = from.Get("values").As<Napi::TypedArray>();
  char* data = static_cast<char*>(values.ArrayBuffer().Data()) + values.ByteOffset();
  const size_t bytes = values.ByteLength();
  if (on_device) {
    tensor.block = make_block(bytes, true);
    if (bytes > 0) std::memcpy(tensor.block->data, data, bytes);
  } else {
    tensor.block = std::make_shared<Block>(data, bytes, false);
  }
  return tensor;
}

std::vector<char> bytes_of(const TF_Tensor& tensor) {
  const char* data = static_cast<const char*>(tensor.block->data);
  return {data, data + tensor.block->bytes};
}

Napi::Object to_js(Napi::Env env, const TF_Tensor& tensor) {
  Napi::Object result = Napi::Object::New(env);
  Napi::Array shape = Napi::Array::New(env, tensor.dims.size());
  for (size_t i = 0; i < tensor.dims.size(); ++i) {
    shape.Set(static_cast<uint32_t>(i),
              Napi::Number::New(env, static_cast<double>(tensor.dims[i])));
  }
  const size_t bytes = tensor.block->bytes;
  Napi::ArrayBuffer values = Napi::ArrayBuffer::New(env, bytes);
  if (bytes > 0) std::memcpy(values.Data(), tensor.block->data, bytes);
  result.Set("shape", shape);
  result.Set("values", Napi::Float32Array::New(env, bytes / sizeof(float), values, 0));
  return result;
}

void compute(const TF_KernelBuilder& kernel, TF_OpKernelContext& context) {
  std::vector<std::vector<char>> before;
  for (const TF_Tensor& input : context.inputs) before.push_back(bytes_of(input));
  kernel.compute(nullptr, &context);
  for (size_t i = 0; i < before.size(); ++i) {
    if (bytes_of(context.inputs[i]) != before[i]) throw std::logic_error("an input was written");
  }
  if (!context.failure.empty()) throw std::runtime_error(context.failure);
  for (const TF_Tensor& output : context.outputs) {
    if (!output.block) throw std::logic_error("an output is missing");
    if (output.type != TF_FLOAT) throw std::logic_error("an output is not float32");
    if (output.block->on_device != context.on_gpu) throw std::logic_error("an output is elsewhere");
  }
}

// run(name, device, attributes, inputs) -> outputs
Napi::Value run(const Napi::CallbackInfo& info) {
  const std::string name = info[0].As<Napi::String>();
  const std::string device = info[1].As<Napi::String>();
  const auto attributes = info[2].As<Napi::Object>();
  const auto inputs = info[3].As<Napi::Array>();
  const TF_OpDefinitionBuilder& op = op_of(name);
  const TF_KernelBuilder& kernel = kernel_of(name, device);
  const std::vector<Argument> expected = expand(op.inputs, attributes);
  if (inputs.Length() != expected.size()) throw std::invalid_argument("another count of inputs");
  TF_OpKernelContext context;
  context.on_gpu = device == "GPU";
  for (uint32_t i = 0; i < inputs.Length(); ++i) {
    bool on_device = context.on_gpu;
    for (const std::string& host : kernel.host_arguments) on_device &= host != expected[i].name;
    context.inputs.push_back(to_tensor(inputs.Get(i).As<Napi::Object>(), on_device));
    if (context.inputs[i].type != type_named(expected[i].type)) {
      throw std::invalid_argument("an input of another type than " + expected[i].type);
    }
  }
  context.outputs.resize(expand(op.outputs, attributes).size());
  compute(kernel, context);
  Napi::Array outputs = Napi::Array::New(info.Env(), context.outputs.size());
  for (uint32_t i = 0; i < outputs.Length(); ++i) {
    outputs.Set(i, to_js(info.Env(), context.outputs[i]));
  }
  return outputs;
}

// state() -> { definitions, kernels, calls, live }
Napi::Value state(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto counts = [env](const std::map<std::string, int>& from) {
    Napi::Object result = Napi::Object::New(env);
    for (const auto& [name, count] : from) result.Set(name, count);
    return result;
  };
  const std::lock_guard<std::mutex> lock(registry().mutex);
  const Registry& r = registry();
  Napi::Array kernels = Napi::Array::New(env);
  for (const TF_KernelBuilder& kernel : r.kernels) {
    std::string text = kernel.op + " " + kernel.device;
    for (const std::string& argument : kernel.host_arguments) text += " " + argument;
    kernels.Set(kernels.Length(), text);
  }
  Napi::Object result = Napi::Object::New(env);
  result.Set("definitions", counts(r.definitions));
  result.Set("kernels", kernels);
  result.Set("calls", counts(r.calls));
  result.Set("live", r.tensors + r.blocks + r.statuses);
  return result;
}

// refuse(function): its next call fails.
void refuse(const Napi::CallbackInfo& info) {
  const std::lock_guard<std::mutex> lock(registry().mutex);
  registry().refuses = info[0].As<Napi::String>();
}

template <Napi::Value (*function)(const Napi::CallbackInfo&)>
Napi::Value guarded(const Napi::CallbackInfo& info) {
  try {
    return function(info);
  } catch (const std::exception& error) {
    throw Napi::Error::New(info.Env(), error.what());
  }
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  exports.Set("run", Napi::Function::New<guarded<run>>(env, "run"));
  exports.Set("state", Napi::Function::New<state>(env, "state"));
  exports.Set("refuse", Napi::Function::New<refuse>(env, "refuse"));
  return exports;
}

}  // namespace

NODE_API_MODULE(fake_tensorflow, init)

}  // namespace menet::tensorflow
