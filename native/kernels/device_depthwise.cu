#include "cuda/partial_sums.h"
#include "kernels/device_depthwise.h"
#include "kernels/device_window.h"

namespace menet {

namespace {

// --- Forward

template <typename T>
struct DepthwiseRule {
  const T* weights;
  int channels;
  T of_tap[9];

  __device__ void select(int channel) {
#pragma unroll
    for (int tap = 0; tap < 9; ++tap) of_tap[tap] = weights[tap * channels + channel];
  }
  __device__ T start() const { return 0; }
  __device__ void add(T& sum, T value, int tap) const { sum += value * of_tap[tap]; }
  __device__ T finish(T sum) const { return sum; }
};

// --- Back. Windows of dz over the pixels of the input: each pair of a dz and a pixel that a tap
// joins counts for the pixel's gradient and for the tap's.

// A channel's dz, in registers.
template <typename S>
struct ChannelGradient {
  using T = Compute<S>;
  T scale = 1, slope = 0, mean = 0, constant = 0;

  __device__ ChannelGradient(const Gradient<S>& dz, int c) {
    if (dz.scale == nullptr) return;
    scale = dz.scale[c];
    slope = dz.slope[c];
    mean = dz.mean[c];
    constant = dz.constant[c];
  }
  __device__ T operator()(S da, S z) const {
    return static_cast<T>(da) * scale + (static_cast<T>(z) - mean) * slope + constant;
  }
};

template <typename T>
struct alignas(16) Four {
  T of[4];
};

// What a block has in shared memory, and where.
struct BackwardShapes {
  SlabShape dz, in;
  int rows, columns;  // of the input's pixels in a tile
  int quads;          // of the merge branch's channels
};

// Rows and columns of the input for a row and a column of a patch: with stride 2 a patch is made
// of 2x2 pixels, and has fewer rows.
template <int kStride>
constexpr int kBackwardRows = kStride == 1 ? 7 : 4;

// dzm of a tile's pixels, [pixel][4 * quads], as it is multiplied; zero outside of the image.
template <typename S>
__device__ void load_merge(const DepthwiseBackward<S>& pass, const BackwardShapes& s, int64_t image,
                           int y0, int x0, Compute<S>* to) {
  const int depth = 4 * s.quads;
  for (int e = static_cast<int>(threadIdx.x); e < s.rows * s.columns * depth;
       e += static_cast<int>(blockDim.x)) {
    const int pixel = e / depth, channel = e - pixel * depth;
    const int y = y0 + pixel / s.columns, x = x0 + pixel % s.columns;
    to[e] = 0;
    if (channel >= pass.side || y >= s.in.height || x >= s.in.width) continue;
    to[e] = read(pass.merge, (image * s.in.height + y) * s.in.width + x, channel);
  }
}

// The piece's merge weights, [quad][channel of the piece][4].
template <typename S>
__device__ void load_merge_weights(const DepthwiseBackward<S>& pass, const BackwardShapes& s,
                                   int first, int count, Compute<S>* to) {
  for (int e = static_cast<int>(threadIdx.x); e < 4 * s.quads * s.in.piece;
       e += static_cast<int>(blockDim.x)) {
    const int c = e / 4 % s.in.piece, channel = e / 4 / s.in.piece * 4 + e % 4;
    const bool there = c < count && channel < pass.side;
    to[e] = there ? pass.merge_weights[(first + c) * pass.side + channel] : Compute<S>(0);
  }
}

// What the merge branch adds to a thread's pixels of column `x` of the tile.
template <int kHeight, typename T>
__device__ void merge_column(const T* merge, const T* weights, const BackwardShapes& s, int x,
                             int c, T (&d)[kHeight]) {
#pragma unroll
  for (int i = 0; i < kHeight; ++i) d[i] = 0;
  const auto* quads = reinterpret_cast<const Four<T>*>(merge) + x * s.quads;
  const auto* of_channel = reinterpret_cast<const Four<T>*>(weights) + c;
#pragma unroll 1
  for (int k = 0; k < s.quads; ++k) {
    const Four<T> w = of_channel[k * s.in.piece];
#pragma unroll
    for (int i = 0; i < kHeight; ++i) {
      const Four<T> m = quads[i * s.columns * s.quads + k];
      d[i] += m.of[0] * w.of[0] + m.of[1] * w.of[1] + m.of[2] * w.of[2] + m.of[3] * w.of[3];
    }
  }
}

// Sums over a thread's pixels.
template <typename T>
struct DepthwiseSums {
  static constexpr int kCount = 11;
  T of_tap[9] = {};
  T d = 0, product = 0;
};

// partials [block][9][channels]; shared memory of 11 values for each thread.
template <typename T>
__device__ void write_depthwise_sums(const DepthwiseSums<T>& mine, const Patches& p,
                                     const PatchThread& me, T* shared, T* partials,
                                     const TileSums<T>& sums) {
  constexpr int kCount = DepthwiseSums<T>::kCount;
  const int stride = static_cast<int>(blockDim.x);
  T* const of = shared + threadIdx.x;
#pragma unroll
  for (int tap = 0; tap < 9; ++tap) of[tap * stride] = mine.of_tap[tap];
  of[9 * stride] = mine.d;
  of[10 * stride] = mine.product;
  __syncthreads();
  if (!me.active || me.patch > 0) return;
  T totals[kCount];
#pragma unroll
  for (int i = 0; i < kCount; ++i) {
    totals[i] = 0;
    for (int k = 0; k < p.across; ++k) totals[i] += of[i * stride + k * p.piece];
  }
#pragma unroll
  for (int tap = 0; tap < 9; ++tap) {
    partials[(blockIdx.x * int64_t{9} + tap) * p.channels + me.channel] = totals[tap];
  }
  if (sums.first == nullptr) return;
  sums.first[blockIdx.x * sums.channels + me.channel] = totals[9];
  sums.second[blockIdx.x * sums.channels + me.channel] = totals[10];
}

template <typename S, int kStride>
__global__ void __launch_bounds__(kPatchThreads)
    gradient(DepthwiseBackward<S> pass, Patches p, BackwardShapes s, Compute<S>* partials,
             TileSums<Compute<S>> sums) {
  using T = Compute<S>;
  constexpr int kRows = kBackwardRows<kStride>;  // of a patch
  constexpr int kWindow = kRows + 3 - kStride;   // rows of dz over them
  constexpr int kHeight = kRows * kStride;       // of the patch in pixels
  constexpr int kBefore = kStride == 1 ? 1 : 0;  // rows of dz before the patch's first
  const bool normalized_dz = pass.dz.scale != nullptr;
  S* const da_shared = dynamic_shared<S>();
  const int dz_size = s.dz.template elements<S>();
  S* const z_shared = normalized_dz ? da_shared + dz_size : da_shared;
  S* const in_shared = z_shared + dz_size;
  T* const merge_shared = reinterpret_cast<T*>(in_shared + s.in.template elements<S>());
  T* const merge_weights = merge_shared + 4 * s.quads * s.rows * s.columns;

  const PatchThread me(p);
  const int first = piece_first(p), count = piece_count(p);
  const int channel = me.active ? me.channel : 0;
  Slab<S> da(s.dz, da_shared, pass.dz.da, first, count);
  Slab<S> z(s.dz, z_shared, pass.dz.z, first, count);
  Slab<S> in(s.in, in_shared, pass.in.z, first, count);
  const ChannelSource<S> source(pass.in, channel);
  const ChannelGradient<S> dz(pass.dz, channel);
  T weights[9];
#pragma unroll
  for (int tap = 0; tap < 9; ++tap) weights[tap] = pass.weights[tap * p.channels + channel];
  if (s.quads > 0) load_merge_weights(pass, s, first, count, merge_weights);
  DepthwiseSums<T> mine;

  const auto load_dz = [&](const Tile& tile) {
    const int y = max(tile.y - kBefore, 0), x = max(tile.x - kBefore, 0);
    da.place(tile.image, y, x);
    da.load();
    if (!normalized_dz) return;
    z.place(tile.image, y, x);
    z.load();
  };
  const auto load_in = [&](const Tile& tile) {
    in.place(tile.image, tile.y * kStride, tile.x * kStride);
    in.load();
    if (s.quads > 0) {
      load_merge(pass, s, tile.image, tile.y * kStride, tile.x * kStride, merge_shared);
    }
  };
  const auto walk = [&](const Tile& tile) {
    const unsigned inside = rows_inside<kWindow>(tile.y - kBefore, s.dz.height);
    const unsigned wanted = rows_inside<kHeight>(tile.y * kStride, s.in.height);
    constexpr int kColumns = 4 - kStride;  // of dz over a pixel, or over two
    T columns[kColumns][kWindow];
    const auto read_column = [&](int x, T(&column)[kWindow]) {
      const unsigned there = x >= 0 && x < s.dz.width ? inside : 0;
      const int at = da.index(tile.y - kBefore, x, me.c);
#pragma unroll
      for (int r = 0; r < kWindow; ++r) {
        const int here = at + r * da.pitch();
        column[r] = there >> r & 1 ? dz(da[here], z[here]) : T(0);
      }
    };
    // The pixels of column x, d[i] being what the merge branch adds: taps(i, join) calls
    // join(tap, dz) for each of the taps over pixel i.
    const auto finish = [&](int x, const auto& taps) {
      if (x >= s.in.width) return;
      T d[kHeight];
      merge_column(merge_shared, merge_weights, s, x - tile.x * kStride, me.c, d);
      const int at = in.index(tile.y * kStride, x, me.c);
#pragma unroll
      for (int i = 0; i < kHeight; ++i) {
        if (!(wanted >> i & 1)) continue;
        S& place = in[at + i * in.pitch()];
        const T raw = place, a = source(raw);
        taps(i, [&](int tap, T over) {
          d[i] += over * weights[tap];
          mine.of_tap[tap] += over * a;
        });
        if (pass.in.relu && !(a > 0)) d[i] = 0;
        place = static_cast<S>(d[i]);
        const T stored = place;
        mine.d += stored;
        mine.product += stored * (raw - source.mean);
      }
    };
    const int x0 = tile.x + me.patch * kPatchWidth, x1 = min(x0 + kPatchWidth, p.width);
#pragma unroll
    for (int k = 0; k < kColumns - 1; ++k) read_column(x0 - kBefore + k, columns[k]);
#pragma unroll 1
    for (int x = x0; x < x1; ++x) {
      read_column(x - kBefore + kColumns - 1, columns[kColumns - 1]);
      if constexpr (kStride == 1) {
        finish(x, [&](int i, const auto& join) {
#pragma unroll
          for (int tap = 0; tap < 9; ++tap) join(tap, columns[2 - tap % 3][i + 2 - tap / 3]);
        });
      } else {
        finish(2 * x, [&](int i, const auto& join) {
          if (i % 2 == 0) return join(4, columns[0][i / 2]);
          join(7, columns[0][i / 2]);
          join(1, columns[0][i / 2 + 1]);
        });
        finish(2 * x + 1, [&](int i, const auto& join) {
          join(i % 2 == 0 ? 5 : 8, columns[0][i / 2]);
          join(i % 2 == 0 ? 3 : 6, columns[1][i / 2]);
          if (i % 2 == 0) return;
          join(2, columns[0][i / 2 + 1]);
          join(0, columns[1][i / 2 + 1]);
        });
      }
#pragma unroll
      for (int k = 0; k < kColumns - 1; ++k) {
#pragma unroll
        for (int r = 0; r < kWindow; ++r) columns[k][r] = columns[k + 1][r];
      }
    }
  };

  int64_t tile = first_tile(p);
  const int64_t end = last_tile(p);
  load_dz(Tile(p, tile));
  for (; tile < end; ++tile) {
    const Tile at(p, tile);
    load_in(at);
    wait_for_copies();
    __syncthreads();
    if (me.active) walk(at);
    __syncthreads();
    if (tile + 1 < end) load_dz(Tile(p, tile + 1));
    in.store(pass.d_in);
    __syncthreads();
  }
  write_depthwise_sums(mine, p, me, dynamic_shared<T>(), partials, sums);
}

template <typename S, int kStride>
void launch_gradient(Call& call, const DepthwiseBackward<S>& pass, const Map& map, int64_t images,
                     TileSums<Compute<S>>& sums) {
  using T = Compute<S>;
  constexpr int kRows = kBackwardRows<kStride>, kWindow = kRows + 3 - kStride;
  const int height = static_cast<int>(map.height), width = static_cast<int>(map.width);
  const int out_height = static_cast<int>(map.out_height);
  const int out_width = static_cast<int>(map.out_width);
  const int channels = static_cast<int>(pass.in.channels);
  const auto shapes = [&](int piece, int across) {
    const int rows = kRows * kStride, columns = across * kPatchWidth;
    return BackwardShapes{
        {images, out_height, out_width, channels, piece, std::min(out_height, kWindow),
         std::min(out_width, columns + 3 - kStride)},
        {images, height, width, channels, piece, std::min(height, rows),
         std::min(width, columns * kStride)},
        rows,
        columns * kStride,
        static_cast<int>(ceil_div(pass.side, 4))};
  };
  const auto bytes = [&](int piece, int across) {
    const BackwardShapes s = shapes(piece, across);
    const int64_t slabs = (pass.dz.scale != nullptr ? 2 : 1) * s.dz.bytes<S>() + s.in.bytes<S>();
    const int64_t merge =
        4 * s.quads * (s.rows * s.columns + piece) * static_cast<int64_t>(sizeof(T));
    const int64_t threads = ceil_div(piece * across, kWarp) * kWarp;
    const int64_t totals = DepthwiseSums<T>::kCount * threads * static_cast<int64_t>(sizeof(T));
    return std::max(slabs + merge, totals);
  };
  const int64_t most_blocks = sums.first != nullptr ? sums.tiles() : kMostBlocks;
  const Patches p = divide(images, ceil_div(height, kStride), ceil_div(width, kStride), channels,
                           kRows, Slab<S>::kLanes, most_blocks, bytes);
  const int64_t size = int64_t{9} * channels;
  T* partials = call.scratch<T>(p.blocks * size);
  if (sums.first != nullptr) sums.parts = p.blocks;
  launch(call, gradient<S, kStride>, p.grid(static_cast<size_t>(bytes(p.piece, p.across))), pass, p,
         shapes(p.piece, p.across), partials, sums);
  sum_partials(call, static_cast<const T*>(partials), p.blocks, size, pass.d_weights);
}

}  // namespace

template <typename S>
void depthwise_forward(Call& call, const Source<S>& in, const Map& map, int64_t images,
                       const Compute<S>* weights, S* z, TileSums<Compute<S>>& moments) {
  const DepthwiseRule<Compute<S>> rule{weights, static_cast<int>(in.channels), {}};
  const WindowOutput where{in.channels, 0};
  if (map.stride == 1) {
    launch_window_map<S, 1>(call, in, map, images, rule, z, where, &moments);
  } else {
    launch_window_map<S, 2>(call, in, map, images, rule, z, where, &moments);
  }
}

template <typename S>
void depthwise_backward(Call& call, const DepthwiseBackward<S>& pass, const Map& map,
                        int64_t images, TileSums<Compute<S>>& sums) {
  if (map.stride == 1) {
    launch_gradient<S, 1>(call, pass, map, images, sums);
  } else {
    launch_gradient<S, 2>(call, pass, map, images, sums);
  }
}

#define INSTANTIATE(S)                                                                             \
  template void depthwise_forward(Call&, const Source<S>&, const Map&, int64_t, const Compute<S>*, \
                                  S*, TileSums<Compute<S>>&);                                      \
  template void depthwise_backward(Call&, const DepthwiseBackward<S>&, const Map&, int64_t,        \
                                   TileSums<Compute<S>>&);
INSTANTIATE(float)
INSTANTIATE(BFloat16)
INSTANTIATE(Float16)
#ifdef MENET_FLOAT64
INSTANTIATE(double)
#endif

}  // namespace menet
