#include "tensorflow_door.h"

#include <cstring>

#include "js_values.h"
#include "tensorflow/call_message.h"
#include "tensorflow/kernel.h"
#include "tensorflow/registration.h"

namespace menet {

namespace {

using tensorflow::CallMessage;

// The letter of an input { shape, dtype } or null.
char letter_of(const TensorType& type) {
  switch (type.dtype) {
    case DType::kNone:
      return tensorflow::kAbsent;
    case DType::kFloat32:
      return tensorflow::kFloat;
    case DType::kInt32:
      return tensorflow::kInt;
    case DType::kUint8:
      return tensorflow::kBytes;
    default:
      throw_error("expected float32, int32 or uint8 inside TensorFlow, got ", name_of(type.dtype));
  }
}

Napi::Int32Array to_js(Napi::Env env, const std::vector<int32_t>& words) {
  Napi::Int32Array array = Napi::Int32Array::New(env, words.size());
  std::memcpy(array.Data(), words.data(), words.size() * sizeof(int32_t));
  return array;
}

// prepare(op, inputs, attributes, updated, version) -> { name, message, outputs }: registers the
// op, checks the call, and says how to make it: the op's name, its first input, and how many
// outputs of its own it has. `updated` are the indices of inputs that are updated in place.
Napi::Value prepare(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  CallMessage message;
  message.op = info[0].As<Napi::String>();
  const Op& op = op_named(message.op);
  const Napi::Array list = info[1].As<Napi::Array>();
  static char present;  // of a check: nothing reads the inputs
  std::vector<Tensor> inputs;
  for (uint32_t i = 0; i < list.Length(); ++i) {
    Tensor input;
    static_cast<TensorType&>(input) = to_tensor_type(list.Get(i));
    if (input.dtype != DType::kNone) input.data = &present;
    inputs.push_back(std::move(input));
  }
  message.attributes = to_attributes(info[2]);
  const Call call(op, device_named("cpu"), std::move(inputs), message.attributes);
  return with_name_of(call, [&]() -> Napi::Value {
    for (const Tensor& input : call.inputs) message.inputs += letter_of(input);
    const Napi::Array updated = info[3].As<Napi::Array>();
    for (uint32_t i = 0; i < updated.Length(); ++i) {
      message.inputs.at(updated.Get(i).As<Napi::Number>().Uint32Value()) = tensorflow::kUpdated;
    }
    const auto outputs = static_cast<double>(tensorflow::own_outputs(call).size());
    Napi::Object result = Napi::Object::New(env);
    result.Set("name", tensorflow::register_op(message.op, info[4].As<Napi::String>()));
    result.Set("message", to_js(env, encode(message)));
    result.Set("outputs", outputs);
    return result;
  });
}

// find(): throws saying why there is no TensorFlow to run operations in.
void find(const Napi::CallbackInfo&) { tensorflow::api(); }

}  // namespace

void define_tensorflow_door(Napi::Env env, Napi::Object exports) {
  Napi::Object door = Napi::Object::New(env);
  door.Set("find", Napi::Function::New<guarded<find>>(env, "find"));
  door.Set("prepare", Napi::Function::New<guarded<prepare>>(env, "prepare"));
  exports.Set("tensorflow", door);
}

}  // namespace menet
