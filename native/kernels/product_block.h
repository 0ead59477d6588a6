// What blocks of products have in common: their part of the weights and of the pixels, 3x3 windows,
// and sums over pixels.
#pragma once

#include "kernels/tile_operands.h"

namespace menet {

// A block's groups, input channels and output channels of each, and pixels.
struct BlockRange {
  int group, depth0, depth, channel0, channels;
  int64_t begin, end, part;

  __device__ BlockRange(const ProductShape& s, const ProductPlan& p) {
    const int channel_slices = p.channel_slices(s), depth_slices = p.depth_slices(s);
    const int slices = s.groups / p.groups * depth_slices * channel_slices;
    const int slice = static_cast<int>(blockIdx.x) % slices;
    part = static_cast<int>(blockIdx.x) / slices;
    channel0 = slice % channel_slices * p.channels;
    channels = min_of(p.channels, s.channels - channel0);
    depth0 = slice / channel_slices % depth_slices * p.depth;
    depth = min_of(p.depth, s.depth - depth0);
    group = slice / channel_slices / depth_slices * p.groups;
    begin = part * p.part;
    end = begin + p.part < s.pixels ? begin + p.part : s.pixels;
  }
  __device__ static int min_of(int a, int b) { return a < b ? a : b; }
};

// shuffle.position(), with the short divisions.
__device__ inline int shuffled_place(const Shuffle& shuffle, int c) {
  const auto each = static_cast<int>(shuffle.each);
  const int group = c / each;
  return (c - group * each) * static_cast<int>(shuffle.groups) + group;
}

// A thread's share of a loop over a block's elements.
template <typename Body>
__device__ void for_each_thread(int count, const Body& body) {
  for (int i = static_cast<int>(threadIdx.x); i < count; i += kProductThreads) body(i);
}

template <typename S>
__device__ void clear_tile(S* tile, int count) {
  for_each_thread(count, [&](int i) { tile[i] = static_cast<S>(0.0f); });
}

__device__ inline int warp_index() { return static_cast<int>(threadIdx.x) / kWarp; }

// The stored pixels, whole lines of an image, that windows of a tile touch.
struct Halo {
  int64_t first;
  int count;

  __device__ Halo(const ProductShape& s, bool back, int64_t pixel, int valid)
      : first(pixel), count(valid) {
    if (s.taps == 1) return;
    const Map& m = s.map;
    const int64_t height = back ? m.height : m.out_height, width = back ? m.width : m.out_width;
    const MapPixel p(pixel, height, width), q(pixel + valid - 1, height, width);
    const int64_t line0 = back ? over(m, p, m.stride - 2) : under(m, p, -1);
    const int64_t line1 = back ? over(m, q, 1) : under(m, q, 1);
    const int64_t across = back ? m.out_width : m.width;
    first = line0 * across;
    count = static_cast<int>((line1 - line0 + 1) * across);
  }

 private:
  static __device__ int64_t clamp(int64_t y, int64_t height) {
    return y < 0 ? 0 : y < height ? y : height - 1;
  }
  static __device__ int64_t under(const Map& m, const MapPixel& p, int64_t by) {
    return p.n * m.height + clamp(p.y * m.stride + by, m.height);
  }
  // by: 1 for the last line that has p in its window; rounded up for the first.
  static __device__ int64_t over(const Map& m, const MapPixel& p, int64_t by) {
    return p.n * m.out_height + clamp((p.y + by) / m.stride, m.out_height);
  }
};

// rows[tap][i]: where the halo has the pixel that tile pixel i meets under the tap; the tile's
// last row, of zeros, where there is none.
__device__ inline void find_rows(const ProductShape& s, const ProductPlan& p, bool back,
                                 int64_t pixel, int valid, int64_t first, int16_t* rows) {
  if (s.taps == 1) return;
  for_each_thread(s.taps * p.tile, [&](int e) {
    const int tap = e / p.tile, i = e - tap * p.tile;
    int64_t from = -1;
    if (i < valid) {
      from = back ? output_over(s.map, MapPixel(pixel + i, s.map.height, s.map.width), tap)
                  : input_under(s.map, MapPixel(pixel + i, s.map.out_height, s.map.out_width), tap);
    }
    rows[e] = static_cast<int16_t>(from < 0 ? p.halo - 1 : from - first);
  });
}

// Weights of a block [tap][group][depth][channel], both padded with zeros, of storage type S.
template <typename S, typename T>
__device__ void load_weights(S* to, const T* weights, const ProductShape& s, int groups, int group,
                             int depth0, int depth, int channel0, int channels) {
  const int across = round_up_to(channels, 16), down = round_up_to(depth, 16);
  const int stride = tile_stride<S>(across), row = s.groups * s.channels;
  for_each_thread(s.taps * groups * down * across, [&](int e) {
    const int line = e / across, n = e - line * across;
    const int k = line % down, g = line / down % groups, tap = line / down / groups;
    T w = 0;
    if (k < depth && n < channels) {
      w = weights[(tap * s.depth + depth0 + k) * row + (group + g) * s.channels + channel0 + n];
    }
    to[line * stride + n] = static_cast<S>(w);
  });
}

// Of a block's tile, what a warp makes: 32 pixels and 32 columns of a group.
struct WarpItem {
  int half, group, column;

  // columns: of a group
  __device__ WarpItem(int index, int halves, int columns) {
    const int across = (columns + kWarpSide - 1) / kWarpSide;
    half = index % halves;
    column = index / halves % across * kWarpSide;
    group = index / halves / across;
  }
  __device__ static int count(int halves, int groups, int columns) {
    return halves * groups * ((columns + kWarpSide - 1) / kWarpSide);
  }
};

// Sums 16 values of each lane over the 8 lanes that share its columns; lane l is left with values
// 2(l / 4) and the next, in values[0] and [1], the bits of l / 4 being taken from the left.
template <typename T>
__device__ void sum_over_rows(T (&values)[16]) {
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
#pragma unroll
  for (int step = 0; step < 3; ++step) {
    const int bit = 16 >> step, n = 8 >> step;
    const bool upper = (lane & bit) != 0;
#pragma unroll
    for (int i = 0; i < 8; ++i) {
      if (i >= n) continue;
      const T send = upper ? values[i] : values[i + n];
      values[i] = (upper ? values[i + n] : values[i]) + __shfl_xor_sync(kFullWarp, send, bit);
    }
  }
}

// The sums of a block: [line][half][column], lines in pairs.
template <typename T>
struct BlockSums {
  T* data;
  int halves;
  int columns;

  __device__ T* at(int line, int half) const { return data + (line * halves + half) * columns; }

  // Adds values[8 n + 2 j + e], the sums of a lane's elements of columns (j, e) of a warp's part,
  // to line `line` + n; the part's columns are those from `column` on, `count` of which count.
  __device__ void add(int line, int half, int column, int count, T (&values)[16]) const {
    sum_over_rows(values);
    const int eighth = static_cast<int>(threadIdx.x) % kWarp / 4;
    const int c = WarpTile<T>::column(eighth % 4, 0);
#pragma unroll
    for (int e = 0; e < 2; ++e) {
      if (c + e < count) at(line + eighth / 4, half)[column + c + e] += values[e];
    }
  }
};

}  // namespace menet
