// Native ops inside TensorFlow for JavaScript, as exports.tensorflow.
#pragma once

#include <napi.h>

namespace menet {

void define_tensorflow_door(Napi::Env env, Napi::Object exports);

}  // namespace menet
