// Pixels to network input: NormalizeImages(uint8 [N, H, W, 3]) -> float32, (x / 255 - mean) / std
// with ImageNet's statistics per channel.
#include "core/op.h"
#include "core/thread_pool.h"

namespace menet {

namespace {

constexpr float kMean[3] = {0.485f, 0.456f, 0.406f};
constexpr float kStd[3] = {0.229f, 0.224f, 0.225f};

std::vector<TensorType> infer(const Call& call) {
  call.expect_inputs(1);
  call.expect_dtype(0, "pixels", DType::kUint8);
  call.expect_rank(0, "pixels", 4);
  call.expect(call.inputs[0].dim(3) == 3, "pixels: expected 3 channels, got ",
              call.inputs[0].dim(3));
  return {{DType::kFloat32, call.inputs[0].shape}};
}

void cpu(Call& call) {
  float table[3][256];
  for (int c = 0; c < 3; ++c) {
    for (int v = 0; v < 256; ++v) {
      table[c][v] = (static_cast<float>(v) / 255.0f - kMean[c]) / kStd[c];
    }
  }
  const uint8_t* in = call.inputs[0].as<uint8_t>();
  float* out = call.outputs[0].as<float>();
  parallel_for(call.inputs[0].size() / 3, 4096, [&](int64_t begin, int64_t end, int) {
    for (int64_t p = begin; p < end; ++p) {
      for (int c = 0; c < 3; ++c) out[3 * p + c] = table[c][in[3 * p + c]];
    }
  });
}

const RegisterOp normalize_images({"NormalizeImages", infer, cpu});

}  // namespace

}  // namespace menet
