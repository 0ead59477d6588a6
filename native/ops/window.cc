#include "ops/window.h"

#include <algorithm>

namespace menet {

namespace {

WindowAxis axis_of(const Call& call, int64_t input, int64_t filter, size_t i) {
  const auto strides = call.attributes.integers("strides");
  const auto dilations = call.attributes.integers("dilations");
  const auto pad = call.attributes.integers("pad");
  call.expect(strides.size() == 2 && dilations.size() == 2 && pad.size() == 4,
              "expected 2 strides, 2 dilations and 4 paddings, got ", strides.size(), ", ",
              dilations.size(), " and ", pad.size());
  WindowAxis axis{input, 0, filter, strides[i], dilations[i], pad[2 * i]};
  call.expect(filter >= 1 && axis.stride >= 1 && axis.dilation >= 1 && axis.pad >= 0,
              "expected filter sizes, strides and dilations of at least 1 and paddings of at least "
              "0, got ",
              filter, ", ", axis.stride, ", ", axis.dilation, " and ", axis.pad);
  const int64_t covered = (filter - 1) * axis.dilation + 1;
  const int64_t padded = input + pad[2 * i] + pad[2 * i + 1];
  axis.output = std::max<int64_t>(0, (padded - covered + axis.stride) / axis.stride);
  return axis;
}

}  // namespace

int64_t WindowAxis::first_output(int64_t k) const {
  const int64_t distance = pad - k * dilation;
  return distance <= 0 ? 0 : std::min(output, (distance + stride - 1) / stride);
}

int64_t WindowAxis::last_output(int64_t k) const {
  const int64_t distance = input - 1 + pad - k * dilation;
  return distance < 0 ? 0 : std::min(output, distance / stride + 1);
}

Window window_of(const Call& call, const Shape& images, int64_t filter_height,
                 int64_t filter_width) {
  call.expect(images.size() == 4, "expected images [N, H, W, C], got shape ", to_string(images));
  return {images[0], axis_of(call, images[1], filter_height, 0),
          axis_of(call, images[2], filter_width, 1)};
}

}  // namespace menet
