// `tile_map`: a pass of a unit on a GPU that computes each element of a tile on its own.
#pragma once

#include "kernels/device_ends.h"

namespace menet {

constexpr int kMapWidth = 32;  // channels of a block of tile_map
constexpr int kMapLines = 8;

// part = f(pixel, channel). Blocks: x tiles of 64 pixels, y of 32 channels.
template <typename T, typename F, typename End>
__global__ void tile_map(F f, End end, int64_t pixels, int64_t channels) {
  constexpr int kEach = static_cast<int>(kTilePixels) / kMapLines;
  const int64_t first = static_cast<int64_t>(blockIdx.y) * kMapWidth;
  TilePart<T, kEach, 1, kMapLines, kMapWidth> part;
  part.tile = blockIdx.x;
  part.pixels = pixels;
  part.line = static_cast<int>(threadIdx.y);
  part.columns[0] = static_cast<int>(threadIdx.x);
  for (int i = 0; i < kEach; ++i) {
    part.rows[i] = part.line + kMapLines * i;
    part.values[i][0] = 0;
  }
  const int64_t count = channels - first;
  part.for_each(count, [&](int i, int, int64_t pixel) {
    part.values[i][0] = f(pixel, first + part.columns[0]);
  });
  end(part, first, count);
}

template <typename T, typename F, typename End>
void launch_tile_map(const Call& call, const F& f, const End& end, int64_t pixels,
                     int64_t channels) {
  const Grid grid{dim3(static_cast<unsigned>(ceil_div(pixels, kTilePixels)),
                       static_cast<unsigned>(ceil_div(channels, kMapWidth))),
                  dim3(kMapWidth, kMapLines)};
  launch(call, tile_map<T, F, End>, grid, f, end, pixels, channels);
}

}  // namespace menet
