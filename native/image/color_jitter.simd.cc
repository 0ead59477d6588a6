#include "image/color_jitter.h"

namespace menet {
namespace MENET_ISA {

// Pixels are worked on a block at a time, one array per channel, in loops of a fixed length
// that the compiler vectorises.
constexpr int kBlock = 64;

struct Block {
  int32_t red[kBlock], green[kBlock], blue[kBlock];
};

// body(block) for all pixels; what it leaves in the block is written
// back if `write`. The last block is filled up with black.
template <bool write, typename Bytes, typename Body>
inline void for_blocks(Bytes* rgb, int64_t pixels, Body body) {
  Block block;
  for (int64_t begin = 0; begin < pixels; begin += kBlock, rgb += 3 * kBlock) {
    const int count = pixels - begin < kBlock ? static_cast<int>(pixels - begin) : kBlock;
    if (count < kBlock) block = {};
    for (int i = 0; i < count; ++i) {
      block.red[i] = rgb[3 * i];
      block.green[i] = rgb[3 * i + 1];
      block.blue[i] = rgb[3 * i + 2];
    }
    body(block);
    if constexpr (write) {
      for (int i = 0; i < count; ++i) {
        rgb[3 * i] = static_cast<uint8_t>(block.red[i]);
        rgb[3 * i + 1] = static_cast<uint8_t>(block.green[i]);
        rgb[3 * i + 2] = static_cast<uint8_t>(block.blue[i]);
      }
    }
  }
}

inline int32_t luminance(int32_t red, int32_t green, int32_t blue) {
  return (red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16;
}

inline int32_t blend(int32_t from, int32_t to, float factor) {
  const float mixed = static_cast<float>(from) + factor * static_cast<float>(to - from);
  return static_cast<int32_t>(mixed <= 0 ? 0.0f : mixed >= 255 ? 255.0f : mixed);
}

void blend_with_level(uint8_t* bytes, int64_t count, int level, float factor) {
  uint8_t table[256];
  for (int v = 0; v < 256; ++v) table[v] = static_cast<uint8_t>(blend(level, v, factor));
  for (int64_t i = 0; i < count; ++i) bytes[i] = table[bytes[i]];
}

void blend_with_luminance(uint8_t* rgb, int64_t pixels, float factor) {
  for_blocks<true>(rgb, pixels, [factor](Block& block) {
    for (int i = 0; i < kBlock; ++i) {
      const int32_t grey = luminance(block.red[i], block.green[i], block.blue[i]);
      block.red[i] = blend(grey, block.red[i], factor);
      block.green[i] = blend(grey, block.green[i], factor);
      block.blue[i] = blend(grey, block.blue[i], factor);
    }
  });
}

int64_t sum_of_luminances(const uint8_t* rgb, int64_t pixels) {
  int64_t total = 0;
  for_blocks<false>(rgb, pixels, [&total](const Block& block) {
    int32_t sum = 0;  // black adds nothing
    for (int i = 0; i < kBlock; ++i) {
      sum += luminance(block.red[i], block.green[i], block.blue[i]);
    }
    total += sum;
  });
  return total;
}

// Hue, saturation and value as Pillow's bytes. Of a grey, all are 0 but the value.
struct HsvBlock {
  int32_t hue[kBlock], saturation[kBlock], value[kBlock], least[kBlock];
};

inline void to_hsv(const Block& block, HsvBlock& hsv) {
  for (int i = 0; i < kBlock; ++i) {
    const int32_t red = block.red[i], green = block.green[i], blue = block.blue[i];
    const int32_t upper = red > green ? red : green, lower = red < green ? red : green;
    const int32_t value = upper > blue ? upper : blue, least = lower < blue ? lower : blue;
    const float chroma = static_cast<float>(value > least ? value - least : 1);
    const float from_red = static_cast<float>(value - red) / chroma;
    const float from_green = static_cast<float>(value - green) / chroma;
    const float from_blue = static_cast<float>(value - blue) / chroma;
    const bool is_red = red == value, is_green = green == value;
    const double base = is_red ? 0.0 : is_green ? 2.0 : 4.0;
    const double plus = is_red ? from_blue : is_green ? from_red : from_green;
    const double minus = is_red ? from_green : is_green ? from_blue : from_red;
    const double sextant = static_cast<float>(base + plus - minus);
    const double turn = sextant / 6 + 1;
    const double hue = static_cast<float>(turn >= 1 ? turn - 1 : turn);
    const double share =
        static_cast<float>(value - least) / static_cast<float>(value > 0 ? value : 1);
    hsv.hue[i] = static_cast<int32_t>(hue * 255);
    hsv.saturation[i] = static_cast<int32_t>(share * 255);
    hsv.value[i] = value;
    hsv.least[i] = least;
  }
}

// Greys stay as they are.
inline void from_hsv(const HsvBlock& hsv, Block& block) {
  for (int i = 0; i < kBlock; ++i) {
    const double place = hsv.hue[i] * 6 / 255.0;  // on the colour circle, in sextants
    const int32_t floor = static_cast<int32_t>(place);
    const float offset = static_cast<float>(place - floor);
    const int32_t sextant = floor == 6 ? 0 : floor;
    const float share = static_cast<float>(hsv.saturation[i]) / 255.0f;
    const double rising = double{share} * (1 - double{offset});
    const double falling = share * offset;
    const double distance = sextant % 2 == 1 ? falling : rising;
    const int32_t value = hsv.value[i];
    const int32_t smallest = static_cast<int32_t>(value * (1 - double{share}) + 0.5);
    const int32_t between = static_cast<int32_t>(value * (1 - distance) + 0.5);
    const auto channel = [&](int32_t low, int32_t middle_a, int32_t low_b, int32_t middle_b) {
      const bool is_low = sextant == low || sextant == low_b;
      const bool is_middle = sextant == middle_a || sextant == middle_b;
      return is_low ? smallest : is_middle ? between : value;
    };
    const bool grey = value == hsv.least[i];
    block.red[i] = grey ? block.red[i] : channel(2, 1, 3, 4);
    block.green[i] = grey ? block.green[i] : channel(4, 0, 5, 3);
    block.blue[i] = grey ? block.blue[i] : channel(0, 2, 1, 5);
  }
}

void turn_hues(uint8_t* rgb, int64_t pixels, int shift) {
  for_blocks<true>(rgb, pixels, [shift](Block& block) {
    HsvBlock hsv;
    to_hsv(block, hsv);
    for (int i = 0; i < kBlock; ++i) hsv.hue[i] = (hsv.hue[i] + shift) & 255;
    from_hsv(hsv, block);
  });
}

}  // namespace MENET_ISA
}  // namespace menet
