// Image kernels for JavaScript, as exports.images.
#pragma once

#include <napi.h>

namespace menet {

// They run in the calling thread, which may be any that has loaded the addon.
void define_image_door(Napi::Env env, Napi::Object exports);

}  // namespace menet
