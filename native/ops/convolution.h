// The sizes of a convolution, its gradients' too.
#pragma once

#include "ops/window.h"

namespace menet {

struct Convolution {
  Window window;
  int64_t in_channels, out_channels;

  // One input pixel for each output pixel, the same.
  bool is_pointwise() const {
    const auto trivial = [](const WindowAxis& a) {
      return a.filter == 1 && a.stride == 1 && a.pad == 0 && a.output == a.input;
    };
    return trivial(window.rows) && trivial(window.columns);
  }
  Shape input_shape() const {
    return {window.batch, window.rows.input, window.columns.input, in_channels};
  }
  Shape output_shape() const {
    return {window.batch, window.rows.output, window.columns.output, out_channels};
  }
};

// Of images [N, H, W, Cin] and a filter [h, w, Cin, Cout]; throws naming the op where they do
// not fit.
Convolution convolution_of(const Call& call, const Shape& images, const Shape& filter);

// The same for a filter [h, w, C, 1] of a depthwise convolution.
Window depthwise_window(const Call& call, const Shape& images, const Shape& filter);

}  // namespace menet
