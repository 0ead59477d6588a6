#include "js_values.h"

#include <cmath>

namespace menet {

namespace {

Attributes::Value to_attribute(const std::string& name, const Napi::Value& value) {
  if (value.IsNumber()) return value.As<Napi::Number>().DoubleValue();
  if (value.IsBoolean()) return value.As<Napi::Boolean>().Value();
  if (value.IsString()) return value.As<Napi::String>().Utf8Value();
  if (!value.IsArray()) {
    throw_error("attribute ", name, ": expected a number, boolean, string or list of numbers");
  }
  const Napi::Array array = value.As<Napi::Array>();
  const uint32_t count = array.Length();
  std::vector<double> numbers;
  for (uint32_t i = 0; i < count; ++i) {
    const Napi::Value element = array.Get(i);
    if (!element.IsNumber()) throw_error("attribute ", name, ": expected a list of numbers");
    numbers.push_back(element.As<Napi::Number>().DoubleValue());
  }
  return numbers;
}

}  // namespace

TensorType to_tensor_type(const Napi::Value& value) {
  TensorType type;
  if (value.IsNull() || value.IsUndefined()) return type;
  const Napi::Object object = value.As<Napi::Object>();
  type.dtype = dtype_from_name(object.Get("dtype").As<Napi::String>());
  const Napi::Array shape = object.Get("shape").As<Napi::Array>();
  const uint32_t rank = shape.Length();
  for (uint32_t i = 0; i < rank; ++i) {
    const double size = shape.Get(i).As<Napi::Number>().DoubleValue();
    if (!(size >= 0 && size <= kLargestSize) || size != std::floor(size)) {
      throw_error("expected sizes of 0 to ", kLargestSize, ", got ", size);
    }
    type.shape.push_back(static_cast<int64_t>(size));
  }
  return type;
}

Attributes to_attributes(const Napi::Value& value) {
  Attributes attributes;
  if (!value.IsObject()) return attributes;
  const Napi::Object object = value.As<Napi::Object>();
  const Napi::Array names = object.GetPropertyNames();
  for (uint32_t i = 0; i < names.Length(); ++i) {
    const std::string name = names.Get(i).ToString();
    const Napi::Value attribute = object.Get(name);
    if (!attribute.IsUndefined()) attributes.set(name, to_attribute(name, attribute));
  }
  return attributes;
}

}  // namespace menet
