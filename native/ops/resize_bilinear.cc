// ResizeBilinear(images [N, H, W, C]; size [h, w], alignCorners, halfPixelCenters) -> [N, h, w, C]
#include <cmath>

#include "core/op.h"
#include "core/thread_pool.h"
#include "ops/grain.h"

namespace menet {

namespace {

std::vector<TensorType> infer(const Call& call) {
  call.expect_inputs(1);
  call.expect_float(0, "images");
  call.expect_rank(0, "images", 4);
  const Tensor& x = call.inputs[0];
  const auto size = call.attributes.integers("size");
  call.expect(size.size() == 2 && size[0] > 0 && size[1] > 0, "size: expected 2 sizes above 0");
  call.expect(x.dim(1) > 0 && x.dim(2) > 0, "images: expected pixels, got shape ",
              to_string(x.shape));
  const bool corners = call.attributes.flag("alignCorners");
  call.expect(!(call.attributes.flag("halfPixelCenters") && corners),
              "halfPixelCenters: expected false where alignCorners is true");
  return {{x.dtype, {x.dim(0), size[0], size[1], x.dim(3)}}};
}

// Between which two input indices an output index lies, and how far from the first.
struct Source {
  int64_t low, high;
  double fraction;
};

std::vector<Source> sources(const Call& call, int64_t input, int64_t output) {
  const bool corners = call.attributes.flag("alignCorners") && output > 1;
  const bool centers = call.attributes.flag("halfPixelCenters");
  const double ratio = static_cast<double>(corners ? input - 1 : input) /
                       static_cast<double>(corners ? output - 1 : output);
  std::vector<Source> list;
  for (int64_t i = 0; i < output; ++i) {
    const auto index = static_cast<double>(i);
    const double at = centers ? ratio * (index + 0.5) - 0.5 : ratio * index;
    const auto low = static_cast<int64_t>(std::max(0.0, std::floor(at)));
    const auto high = std::min(input - 1, static_cast<int64_t>(std::ceil(at)));
    list.push_back({low, high, at - static_cast<double>(low)});
  }
  return list;
}

template <typename T>
void resize(Call& call) {
  const Tensor &x = call.inputs[0], &y = call.outputs[0];
  if (y.size() == 0) return;
  const int64_t height = x.dim(1), width = x.dim(2), channels = x.dim(3);
  const std::vector<Source> rows = sources(call, height, y.dim(1));
  const std::vector<Source> columns = sources(call, width, y.dim(2));
  parallel_for(
      y.dim(0) * y.dim(1), grain_of(y.dim(2) * channels * 4), [&](int64_t begin, int64_t end, int) {
        for (int64_t i = begin; i < end; ++i) {
          const Source& row = rows[static_cast<size_t>(i % y.dim(1))];
          const T* image = x.as<T>() + i / y.dim(1) * height * width * channels;
          const T *above = image + row.low * width * channels,
                  *below = image + row.high * width * channels;
          const T down = static_cast<T>(row.fraction);
          T* target = y.as<T>() + i * y.dim(2) * channels;
          for (const Source& column : columns) {
            const int64_t left = column.low * channels, right = column.high * channels;
            const T across = static_cast<T>(column.fraction);
            for (int64_t c = 0; c < channels; ++c) {
              const T top = above[left + c] + (above[right + c] - above[left + c]) * across;
              const T bottom = below[left + c] + (below[right + c] - below[left + c]) * across;
              target[c] = top + (bottom - top) * down;
            }
            target += channels;
          }
        }
      });
}

void cpu(Call& call) {
  with_float_type(call.inputs[0].dtype, [&](auto zero) { resize<decltype(zero)>(call); });
}

const RegisterOp resize_bilinear({"ResizeBilinear", infer, cpu});

}  // namespace

}  // namespace menet
