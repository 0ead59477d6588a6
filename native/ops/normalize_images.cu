// NormalizeImages on CUDA: the first kernel behind a batch's copy, mixing in the same pass.
#include <vector>

#include "kernels/pixel_vectors.h"

namespace menet {

namespace {

// The box of each image in which `share` of its partner counts.
struct Mix {
  const int32_t* partners = nullptr;  // null: nothing is mixed
  int64_t top = 0, left = 0, bottom = 0, right = 0;
  float share = 0;
};

struct Normalize {
  const uint8_t* in;
  float* out;
  int height, width;
  Mix mix;

  template <int kEach>
  class Lane {
   public:
    __device__ Lane(const Normalize& op, const VectorStrand& strand) : op_(op) {
#pragma unroll
      for (int k = 0; k < kEach; ++k) {
        const int channel = strand.channel(k);
        mean_[k] = channel == 0 ? 0.485f : channel == 1 ? 0.456f : 0.406f;
        deviation_[k] = channel == 0 ? 0.229f : channel == 1 ? 0.224f : 0.225f;
      }
    }

    __device__ Vector<uint8_t, kEach> load(const VectorPlace& p) const {
      return load_vector<kEach>(op_.in, p.at(3), p.count, p.whole);
    }

    __device__ void finish(const VectorPlace& p, const Vector<uint8_t, kEach>& bytes) const {
      Vector<float, kEach> values;
#pragma unroll
      for (int k = 0; k < kEach; ++k) {
        values.of[k] = normalized(bytes.of[k], k);
        if (op_.mix.partners != nullptr && k < p.count) mix(p, k, values.of[k]);
      }
      store_vector(op_.out, p.at(3), values, p.count, p.whole);
    }

   private:
    __device__ float normalized(uint8_t byte, int k) const {
      return (static_cast<float>(byte) / 255.0f - mean_[k]) / deviation_[k];
    }

    __device__ void mix(const VectorPlace& p, int k, float& value) const {
      const Mix& m = op_.mix;
      const ImagePixel at(p.pixel + (p.offset + k) / 3, op_.height, op_.width);
      if (at.y < m.top || at.y >= m.bottom || at.x < m.left || at.x >= m.right) return;
      const int64_t other = (m.partners[at.image] - at.image) * op_.height * op_.width * 3;
      value = (1 - m.share) * value + m.share * normalized(op_.in[p.at(3) + k + other], k);
    }

    const Normalize& op_;
    float mean_[kEach], deviation_[kEach];
  };
};

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
  const Normalize op{pixels.as<const uint8_t>(), call.outputs[0].as<float>(),
                     static_cast<int>(pixels.dim(1)), static_cast<int>(pixels.dim(2)),
                     mix_of(call)};
  PixelVectors vectors(pixels.size() / 3, 3, sizeof(float), {});
  vectors.align(op.in, static_cast<const float*>(op.out));
  launch(call, map_pixels<kVectorBytes / 4, Normalize>, vectors.grid(), op, vectors);
});

}  // namespace

}  // namespace menet
