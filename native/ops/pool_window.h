// The window of a pooling op.
#pragma once

#include "ops/window.h"

namespace menet {

// From the shape of the images and the attributes filterSize, strides, dilations and pad; throws
// naming the op where they do not fit.
Window pool_window(const Call& call, const Shape& images);

}  // namespace menet
