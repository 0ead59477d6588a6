#include "image/resample.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

namespace menet {

namespace {

// For each output position along one axis the first input it reads, and how many with which
// weights, [positions][stride].
struct Taps {
  std::vector<int32_t> first, count, weights;
  int64_t stride;

  int64_t positions() const { return static_cast<int64_t>(first.size()); }
  int32_t most() const { return *std::max_element(count.begin(), count.end()); }
};

Taps make_taps(int64_t input_size, int64_t output_size, int64_t from, int64_t count) {
  const double scale = static_cast<double>(input_size) / static_cast<double>(output_size);
  const double support = std::max(scale, 1.0);
  Taps taps;
  taps.stride = static_cast<int64_t>(std::ceil(support)) * 2 + 1;
  taps.weights.resize(count * taps.stride);
  std::vector<double> triangle(taps.stride);
  for (int64_t i = 0; i < count; ++i) {
    const double center = (static_cast<double>(from + i) + 0.5) * scale;
    const auto first = static_cast<int64_t>(std::max(0.0, center - support + 0.5));
    const int64_t end = std::min(input_size, static_cast<int64_t>(center + support + 0.5));
    double total = 0;
    for (int64_t k = 0; k < end - first; ++k) {
      const double distance = static_cast<double>(k + first) - center + 0.5;
      triangle[k] = std::max(0.0, 1 - std::abs(distance * (1 / support)));
      total += triangle[k];
    }
    int32_t* weights = &taps.weights[i * taps.stride];
    int32_t used = 1;
    for (int64_t k = 0; k < end - first; ++k) {
      weights[k] = static_cast<int32_t>(0.5 + triangle[k] / total * (1 << kFractionBits));
      if (weights[k] != 0) used = static_cast<int32_t>(k) + 1;
    }
    taps.first.push_back(static_cast<int32_t>(first));
    taps.count.push_back(used);
  }
  return taps;
}

// Taps of a row, in the order that pixels are written in, with weights for pairs of RGB pixels.
struct RowTapsMemory {
  std::vector<int32_t> first, pairs, weights;
  RowTaps taps;

  RowTapsMemory(const Taps& across, bool flip) {
    const int64_t width = across.positions();
    const int64_t max_pairs = (across.most() + 1) / 2;
    first.resize(width);
    pairs.resize(width);
    weights.resize(width * max_pairs * kPairLanes);
    for (int64_t x = 0; x < width; ++x) {
      const int64_t from = flip ? width - 1 - x : x;
      first[x] = across.first[from];
      pairs[x] = (across.count[from] + 1) / 2;
      int32_t* lanes = &weights[x * max_pairs * kPairLanes];
      for (int64_t k = 0; k < across.count[from]; ++k) {
        const int32_t weight = across.weights[from * across.stride + k];
        std::fill_n(lanes + k / 2 * kPairLanes + k % 2 * 3, 3, weight);
      }
    }
    taps = {width, max_pairs, first.data(), pairs.data(), weights.data()};
  }
};

}  // namespace

void resample(const Image& image, const Placement& placement, uint8_t* out) {
  const auto& [source, resized_width, resized_height, crop, flip] = placement;
  const RowTapsMemory across(make_taps(source.width, resized_width, crop.left, crop.width), flip);
  const Taps down = make_taps(source.height, resized_height, crop.top, crop.height);
  const int64_t bytes = crop.width * 3;
  // A ring of resized rows: as many as one output row needs.
  const int64_t depth = down.most();
  const int64_t step = bytes + kRowPadding;
  std::vector<uint8_t> ring(depth * step);
  std::vector<const uint8_t*> rows(depth);
  std::vector<uint8_t> last(source.width * 3 + kRowPadding);
  int64_t made = down.first[0];
  for (int64_t y = 0; y < crop.height; ++y) {
    for (; made < down.first[y] + down.count[y]; ++made) {
      const int64_t line = source.top + made;
      const uint8_t* in = image.data + (line * image.width + source.left) * 3;
      if (line == image.height - 1) {  // nothing may be read beyond it
        std::memcpy(last.data(), in, source.width * 3);
        in = last.data();
      }
      MENET_SIMD(resample_row)(in, across.taps, &ring[made % depth * step]);
    }
    for (int64_t r = 0; r < down.count[y]; ++r) {
      rows[r] = &ring[(down.first[y] + r) % depth * step];
    }
    const int32_t* weights = &down.weights[y * down.stride];
    MENET_SIMD(combine_rows)(rows.data(), weights, down.count[y], bytes, out + y * bytes);
  }
}

}  // namespace menet
