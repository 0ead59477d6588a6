// NormalizeImages on CUDA: the first kernel behind a batch's copy, mixing in the same pass.
#include <vector>

#include "cuda/launch.h"

namespace menet {

namespace {

__device__ float normalized(uint8_t byte, int channel) {
  const float mean = channel == 0 ? 0.485f : channel == 1 ? 0.456f : 0.406f;
  const float deviation = channel == 0 ? 0.229f : channel == 1 ? 0.224f : 0.225f;
  return (static_cast<float>(byte) / 255.0f - mean) / deviation;
}

// The box of each image in which `share` of its partner counts.
struct Mix {
  const int32_t* partners = nullptr;  // null: nothing is mixed
  int64_t top = 0, left = 0, bottom = 0, right = 0;
  float share = 0;
};

__global__ void normalize(const uint8_t* in, float* out, int64_t height, int64_t width, Mix mix,
                          int64_t count) {
  const int64_t image_size = height * width * 3;
  for (int64_t e = grid_begin(); e < count; e += grid_step()) {
    const int channel = static_cast<int>(e % 3);
    float value = normalized(in[e], channel);
    if (mix.partners != nullptr) {
      const int64_t image = e / image_size, at = e - image * image_size;
      const int64_t y = at / 3 / width, x = at / 3 % width;
      if (y >= mix.top && y < mix.bottom && x >= mix.left && x < mix.right) {
        const float other = normalized(in[mix.partners[image] * image_size + at], channel);
        value = (1 - mix.share) * value + mix.share * other;
      }
    }
    out[e] = value;
  }
}

Mix mix_of(Call& call) {
  Mix mix;
  if (!call.attributes.has("partners")) return mix;
  std::vector<int32_t> partners;
  for (const int64_t partner : call.attributes.integers("partners")) {
    partners.push_back(static_cast<int32_t>(partner));
  }
  auto* copy = call.scratch<int32_t>(static_cast<int64_t>(partners.size()));
  call.device().write(copy, partners.data(), partners.size() * sizeof(int32_t));
  const std::vector<int64_t> box = call.attributes.integers("box");
  return {copy,
          box[0],
          box[1],
          box[0] + box[2],
          box[1] + box[3],
          static_cast<float>(call.attributes.number("share"))};
}

const RegisterCuda normalize_images("NormalizeImages", [](Call& call) {
  const Tensor& pixels = call.inputs[0];
  launch(call, normalize, grid_for(pixels.size()), pixels.as<uint8_t>(),
         call.outputs[0].as<float>(), pixels.dim(1), pixels.dim(2), mix_of(call), pixels.size());
});

}  // namespace

}  // namespace menet
