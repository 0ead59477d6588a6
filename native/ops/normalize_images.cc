// Pixels to network input: NormalizeImages(uint8 [N, H, W, 3]) -> float32, (x / 255 - mean) / std
// with ImageNet's statistics per channel. Images may be mixed in the same pass: attributes
// partners ([N], indices of images), box ([top, left, height, width]) and share; inside the box
// each pixel is (1 - share) of its own and `share` of its partner's.
#include <algorithm>

#include "core/op.h"
#include "core/thread_pool.h"

namespace menet {

namespace {

constexpr float kMean[3] = {0.485f, 0.456f, 0.406f};
constexpr float kStd[3] = {0.229f, 0.224f, 0.225f};

// Normalised value of each byte, by channel.
struct Table {
  float values[3][256];

  Table() {
    for (int c = 0; c < 3; ++c) {
      for (int v = 0; v < 256; ++v) {
        values[c][v] = (static_cast<float>(v) / 255.0f - kMean[c]) / kStd[c];
      }
    }
  }
};

struct Mix {
  std::vector<int64_t> partners, box;
  float share = 0;

  Mix() = default;
  explicit Mix(const Attributes& attributes)
      : partners(attributes.integers("partners")),
        box(attributes.integers("box")),
        share(static_cast<float>(attributes.number("share"))) {}
};

void check_mix(const Call& call) {
  const Shape& shape = call.inputs[0].shape;
  const Mix mix(call.attributes);
  call.expect(static_cast<int64_t>(mix.partners.size()) == shape[0], "partners: expected ",
              shape[0], ", got ", mix.partners.size());
  for (const int64_t partner : mix.partners) {
    call.expect(partner >= 0 && partner < shape[0], "partners: expected 0 to ", shape[0] - 1,
                ", got ", partner);
  }
  const std::vector<int64_t>& box = mix.box;
  call.expect(box.size() == 4 && box[0] >= 0 && box[1] >= 0 && box[2] >= 0 && box[3] >= 0 &&
                  box[0] + box[2] <= shape[1] && box[1] + box[3] <= shape[2],
              "box: expected [top, left, height, width] inside the image, got ", to_string(box));
  call.expect(mix.share >= 0 && mix.share <= 1, "share: expected 0 to 1, got ", mix.share);
}

std::vector<TensorType> infer(const Call& call) {
  call.expect_inputs(1);
  call.expect_dtype(0, "pixels", DType::kUint8);
  call.expect_rank(0, "pixels", 4);
  call.expect(call.inputs[0].dim(3) == 3, "pixels: expected 3 channels, got ",
              call.inputs[0].dim(3));
  if (call.attributes.has("partners")) check_mix(call);
  return {{DType::kFloat32, call.inputs[0].shape}};
}

void copy_row(const Table& table, const uint8_t* in, float* out, int64_t width) {
  for (int64_t x = 0; x < width; ++x) {
    for (int c = 0; c < 3; ++c) out[3 * x + c] = table.values[c][in[3 * x + c]];
  }
}

void mix_row(const Table& table, const uint8_t* in, const uint8_t* partner, float share, float* out,
             int64_t width) {
  for (int64_t x = 0; x < width; ++x) {
    for (int c = 0; c < 3; ++c) {
      const float own = table.values[c][in[3 * x + c]];
      const float other = table.values[c][partner[3 * x + c]];
      out[3 * x + c] = (1 - share) * own + share * other;
    }
  }
}

void cpu(Call& call) {
  const Table table;
  const Tensor& pixels = call.inputs[0];
  const int64_t height = pixels.dim(1);
  const int64_t width = pixels.dim(2);
  const bool mixed = call.attributes.has("partners");
  const Mix mix = mixed ? Mix(call.attributes) : Mix();
  const uint8_t* in = pixels.as<uint8_t>();
  float* out = call.outputs[0].as<float>();
  const int64_t grain = 4096 / std::max<int64_t>(width, 1) + 1;
  parallel_for(pixels.dim(0) * height, grain, [&](int64_t begin, int64_t end, int) {
    for (int64_t row = begin; row < end; ++row) {
      const int64_t at = 3 * width * row;
      const int64_t y = row % height;
      copy_row(table, in + at, out + at, width);
      if (!mixed || y < mix.box[0] || y >= mix.box[0] + mix.box[2]) continue;
      const int64_t left = 3 * mix.box[1];
      const int64_t partner = mix.partners[static_cast<size_t>(row / height)];
      mix_row(table, in + at + left, in + 3 * width * (partner * height + y) + left, mix.share,
              out + at + left, mix.box[3]);
    }
  });
}

const RegisterOp normalize_images({"NormalizeImages", infer, cpu});

}  // namespace

}  // namespace menet
