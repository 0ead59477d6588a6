// A pass over 3x3 windows of a map on a GPU: depthwise convolution, pooling. Each input is read
// from global memory once for each tile (device_patches.h), and normalised 81/49 times.
#pragma once

#include "kernels/device_batch_norm.h"
#include "kernels/device_patches.h"

namespace menet {

// A channel's batch norm and relu, in registers.
template <typename S>
struct ChannelSource {
  using T = Compute<S>;
  T mean = 0, scale = 1, offset = 0;
  T lowest = -INFINITY;  // 0 behind relu

  __device__ ChannelSource(const Source<S>& in, int c) {
    if (in.scale != nullptr) {
      mean = in.mean[c];
      scale = in.scale[c];
      offset = in.offset[c];
    }
    if (in.relu) lowest = 0;
  }
  __device__ T operator()(T z) const {
    const T a = (z - mean) * scale + offset;
    return a < lowest ? lowest : a;  // NaN stays
  }
};

// Mean and squared deviations of a thread's values, as differences from the first of them. Who
// adds them counts them.
template <typename T>
struct ThreadMoments {
  T shift = 0, sum = 0, squares = 0;
  int count = 0;

  __device__ void start(T value) {
    if (count == 0) shift = value;
  }
  __device__ void add(T value) {
    const T d = value - shift;
    sum += d;
    squares += d * d;
  }
  __device__ T mean() const { return count > 0 ? shift + sum / static_cast<T>(count) : T(0); }
  __device__ T deviations() const {
    return count > 0 ? squares - sum * sum / static_cast<T>(count) : T(0);
  }
};

// The block's moments to its row of `sums`, through shared memory of 3 values for each thread.
template <typename T>
__device__ void write_moments(const ThreadMoments<T>& mine, const Patches& p, const PatchThread& me,
                              T* shared, const TileSums<T>& sums) {
  T* const of = shared + 3 * threadIdx.x;
  of[0] = static_cast<T>(mine.count);
  of[1] = mine.mean();
  of[2] = mine.deviations();
  __syncthreads();
  if (!me.active || me.patch > 0) return;
  T n = of[0], mean = of[1], deviations = of[2];
  for (int k = 1; k < p.across; ++k) {  // as Chan et al. do
    const T* other = of + 3 * k * p.piece;
    if (other[0] == 0) continue;
    const T total = n + other[0], delta = other[1] - mean;
    deviations += other[2] + delta * delta * n * other[0] / total;
    mean += delta * other[0] / total;
    n = total;
  }
  const int64_t at = blockIdx.x * sums.channels + me.channel;
  sums.first[at] = mean;
  sums.second[at] = deviations;
  if (me.channel == 0) sums.counts[blockIdx.x] = static_cast<int32_t>(n);
}

// Bit r: row y + r lies in the map.
template <int kCount>
__device__ unsigned rows_inside(int y, int height) {
  unsigned bits = 0;
#pragma unroll
  for (int r = 0; r < kCount; ++r) bits |= (y + r >= 0 && y + r < height ? 1u : 0u) << r;
  return bits;
}

// Rows of outputs that a thread has at once.
template <int kStride>
constexpr int kWindowRows = kStride == 1 ? 7 : 4;

// out = rule over the windows of `in`. Rule: select(channel), then start(), add(sum, value, tap)
// for the nine taps, zero outside of the image, and finish(sum).
template <typename S, int kStride, typename Rule>
__global__ void __launch_bounds__(kPatchThreads)
    window_map(Source<S> in, Rule rule, S* out, int out_first, Patches p, SlabShape from,
               SlabShape to, TileSums<Compute<S>> moments) {
  using T = Compute<S>;
  constexpr int kRows = kWindowRows<kStride>, kInputs = (kRows - 1) * kStride + 3;
  S* const shared = dynamic_shared<S>();
  const PatchThread me(p);
  const int first = piece_first(p), count = piece_count(p);
  Slab<S> input(from, shared, in.z, first, count);
  Slab<S> output(to, shared + from.template elements<S>(), out, out_first + first, count);
  const ChannelSource<S> source(in, me.active ? me.channel : 0);
  rule.select(me.active ? me.channel : 0);
  ThreadMoments<T> sums;
  const auto load = [&](const Tile& tile) {
    input.place(tile.image, max(tile.y * kStride - 1, 0), max(tile.x * kStride - 1, 0));
    input.load();
  };
  const auto walk = [&](const Tile& tile) {
    const int y0 = tile.y * kStride - 1;
    const unsigned inside = rows_inside<kInputs>(y0, from.height);
    const unsigned wanted = rows_inside<kRows>(tile.y, p.height);
    T columns[3][kInputs];
    const auto read_column = [&](int x, T(&column)[kInputs]) {
      const unsigned there = x >= 0 && x < from.width ? inside : 0;
      const int at = input.index(y0, x, me.c);
#pragma unroll
      for (int r = 0; r < kInputs; ++r) {
        column[r] = there >> r & 1 ? source(input[at + r * input.pitch()]) : T(0);
      }
    };
    // A window's last columns come with its pixel; those before them were the last pixel's.
    constexpr int kKept = 3 - kStride;
    const int x0 = tile.x + me.patch * kPatchWidth, x1 = min(x0 + kPatchWidth, p.width);
#pragma unroll
    for (int k = 0; k < kKept; ++k) read_column(x0 * kStride - 1 + k, columns[k]);
#pragma unroll 1
    for (int x = x0; x < x1; ++x) {
#pragma unroll
      for (int k = kKept; k < 3; ++k) read_column(x * kStride - 1 + k, columns[k]);
      const int at = output.index(tile.y, x, me.c);
#pragma unroll
      for (int i = 0; i < kRows; ++i) {
        T sum = rule.start();
#pragma unroll
        for (int tap = 0; tap < 9; ++tap) {
          rule.add(sum, columns[tap % 3][kStride * i + tap / 3], tap);
        }
        sum = rule.finish(sum);
        if (i == 0 && x == x0) sums.start(sum);
        if (wanted >> i & 1) {
          const S stored = static_cast<S>(sum);
          output[at + i * output.pitch()] = stored;
          sums.add(static_cast<T>(stored));
        }
      }
#pragma unroll
      for (int k = 0; k < kKept; ++k) {
#pragma unroll
        for (int r = 0; r < kInputs; ++r) columns[k][r] = columns[k + kStride][r];
      }
    }
    sums.count += __popc(wanted) * max(x1 - x0, 0);
  };

  int64_t tile = first_tile(p);
  const int64_t end = last_tile(p);
  load(Tile(p, tile));
  for (; tile < end; ++tile) {
    const Tile at(p, tile);
    wait_for_copies();
    __syncthreads();
    output.place(at.image, at.y, at.x);
    if (me.active) walk(at);
    __syncthreads();
    if (tile + 1 < end) load(Tile(p, tile + 1));
    output.store(out);
  }
  if (moments.first == nullptr) return;
  __syncthreads();
  write_moments(sums, p, me, dynamic_shared<T>(), moments);
}

// Outputs from channel `out_first` on of a tensor with `out_channels`.
struct WindowOutput {
  int64_t channels, first;
};

template <typename S, int kStride, typename Rule>
void launch_window_map(Call& call, const Source<S>& in, const Map& map, int64_t images,
                       const Rule& rule, S* out, const WindowOutput& where,
                       TileSums<Compute<S>>* moments) {
  using T = Compute<S>;
  constexpr int kRows = kWindowRows<kStride>;
  const int height = static_cast<int>(map.height), width = static_cast<int>(map.width);
  const int channels = static_cast<int>(in.channels);
  const auto input = [&](int piece, int across) {
    const int columns = (across * kPatchWidth - 1) * kStride + 3;
    return SlabShape{images,
                     height,
                     width,
                     channels,
                     piece,
                     std::min(height, (kRows - 1) * kStride + 3),
                     std::min(width, columns)};
  };
  const auto output = [&](int piece, int across) {
    return SlabShape{images,
                     static_cast<int>(map.out_height),
                     static_cast<int>(map.out_width),
                     static_cast<int>(where.channels),
                     piece,
                     kRows,
                     across * kPatchWidth};
  };
  const auto bytes = [&](int piece, int across) {
    const int64_t slabs =
        input(piece, across).template bytes<S>() + output(piece, across).template bytes<S>();
    const int64_t threads = ceil_div(piece * across, kWarp) * kWarp;
    return std::max(slabs, 3 * threads * static_cast<int64_t>(sizeof(T)));
  };
  const bool measuring = moments != nullptr && moments->first != nullptr;
  const Patches p = divide(images, map.out_height, map.out_width, in.channels, kRows,
                           Slab<S>::kLanes, measuring ? moments->tiles() : kMostBlocks, bytes);
  TileSums<T> sums;
  if (measuring) {
    moments->parts = p.blocks;
    moments->counts = call.scratch<int32_t>(p.blocks);
    sums = *moments;
  }
  launch(call, window_map<S, kStride, Rule>, p.grid(static_cast<size_t>(bytes(p.piece, p.across))),
         in, rule, out, static_cast<int>(where.first), p, input(p.piece, p.across),
         output(p.piece, p.across), sums);
}

}  // namespace menet
