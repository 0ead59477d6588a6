// What the doors take from JavaScript, and how they throw there.
#pragma once

#include <napi.h>

#include "core/op.h"

namespace menet {

// { shape, dtype }; of kNone for null, an optional input that is not given.
TensorType to_tensor_type(const Napi::Value& value);

// An object of numbers, booleans, strings and lists of numbers; undefined values are left out.
Attributes to_attributes(const Napi::Value& value);

// A function of a door: what it throws becomes a JavaScript exception.
template <auto function>
auto guarded(const Napi::CallbackInfo& info) {
  try {
    return function(info);
  } catch (const Napi::Error&) {
    throw;
  } catch (const std::exception& error) {
    throw Napi::Error::New(info.Env(), error.what());
  }
}

}  // namespace menet
