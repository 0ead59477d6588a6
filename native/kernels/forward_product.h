// Convolutions of a unit on a GPU, 1x1 in groups or dense 3x3: a block takes tiles of neighbouring
// pixels, whose input comes to shared memory as it lies in memory while the tile before is
// multiplied, is normalised into padded groups, multiplied with weights that stay where they are,
// and goes back to memory through shared memory too. The statistics of what it gives are summed
// from the products themselves.
#pragma once

#include "kernels/product_block.h"
#include "kernels/unit_sources.h"

namespace menet {

// What happens to a product: with `scale`, y = relu((z - mean) * scale + offset + residual), else
// it is stored as it is, and its moments are left.
template <typename S>
struct ProductEnd {
  using T = Compute<S>;
  S* out = nullptr;
  int64_t stride = 0;
  Shuffle shuffle{};
  TileSums<T> moments;
  const T *mean = nullptr, *scale = nullptr, *offset = nullptr;
  const S* residual = nullptr;  // of stride `stride`; null: nothing is added
};

template <typename S>
struct ForwardProduct {
  Source<S> in;
  const Compute<S>* weights;
  ProductEnd<S> end;
  ProductShape shape;
  ProductPlan plan;
};

template <typename S>
class ForwardBlock {
 public:
  using T = Compute<S>;

  __device__ explicit ForwardBlock(const ForwardProduct<S>& product)
      : p_(product),
        s_(product.shape),
        plan_(product.plan),
        range_(s_, plan_),
        shared_(dynamic_shared<unsigned char>()),
        chunks_((s_.depth + plan_.chunk - 1) / plan_.chunk),
        halves_(plan_.tile / kWarpSide),
        made_(plan_.groups * range_.channels),
        tile_stride_(plan_.groups * round_up_to(plan_.chunk, 16) +
                     16 / static_cast<int>(sizeof(S))),
        sums_{at<T>(plan_.shared.sums), halves_, made_} {}

  __device__ void run() {
    clear_tile(at<S>(plan_.shared.tile), plan_.halo * tile_stride_);
    if (measures()) clear_tile(sums_.data, 2 * halves_ * made_);
    start_loads(range_.begin, 0);
    WarpTile<T> sums;
    for (int64_t pixel = range_.begin; pixel < range_.end; pixel += plan_.tile) {
      sums.clear();
      for (int chunk = 0;; ++chunk) {
        prepare(pixel, chunk);
        if (chunk + 1 == chunks_) break;
        if (warp_index() < items()) multiply_item(sums, warp_index(), chunk);
      }
      for (int i = warp_index(); i < items(); i += kProductWarps) {
        multiply_item(sums, i, chunks_ - 1);
        finish_item(sums, i, pixel);
        sums.clear();
      }
      __syncthreads();
      store(pixel);
    }
    if (measures()) write_moments();
  }

 private:
  template <typename U>
  __device__ U* at(int offset) const {
    return reinterpret_cast<U*>(shared_ + offset);
  }
  __device__ bool measures() const { return p_.end.moments.first != nullptr; }
  __device__ int items() const { return WarpItem::count(halves_, plan_.groups, range_.channels); }
  __device__ int valid(int64_t pixel) const {
    return pixel + plan_.tile < range_.end ? plan_.tile : static_cast<int>(range_.end - pixel);
  }
  __device__ int depth_of(int chunk) const {
    return BlockRange::min_of(plan_.chunk, s_.depth - chunk * plan_.chunk);
  }
  __device__ int64_t first_channel(int chunk) const {
    return range_.group * s_.depth + chunk * plan_.chunk;
  }

  __device__ void start_loads(int64_t pixel, int chunk) const {
    const Halo halo(s_, false, pixel, valid(pixel));
    const int64_t from = halo.first * p_.in.channels + first_channel(chunk);
    const TileRows<S> rows(p_.in.channels, halo.count, plan_.groups * depth_of(chunk));
    load_rows(at<S>(plan_.shared.operand[0]), p_.in.z + from, rows);
    if (p_.in.gate != nullptr) {
      load_rows(at<S>(plan_.shared.operand[1]), p_.in.gate + from, rows);
    }
  }

  // What has been loaded becomes the tile; the next loads start.
  __device__ void prepare(int64_t pixel, int chunk) const {
    wait_for_copies();
    __syncthreads();
    form(pixel, chunk);
    if (chunks_ > 1 || pixel == range_.begin) {
      load_weights(at<S>(plan_.shared.weights), p_.weights, s_, plan_.groups, range_.group,
                   chunk * plan_.chunk, depth_of(chunk), range_.channel0, range_.channels);
    }
    __syncthreads();
    if (chunk + 1 < chunks_) {
      start_loads(pixel, chunk + 1);
    } else if (pixel + plan_.tile < range_.end) {
      start_loads(pixel + plan_.tile, 0);
    }
  }

  __device__ void form(int64_t pixel, int chunk) const {
    const Halo halo(s_, false, pixel, valid(pixel));
    const int depth = depth_of(chunk), rows = s_.taps == 1 ? plan_.tile : halo.count;
    S* tile = at<S>(plan_.shared.tile);
    form_tile(tile, tile_stride_, rows, halo.count, plan_.groups * depth, [&](int c) {
      const int column = c / depth * round_up_to(plan_.chunk, 16) + c % depth;
      return SourceChannel<S>(p_.in, at<S>(plan_.shared.operand[0]), at<S>(plan_.shared.operand[1]),
                              first_channel(chunk) + c, column);
    });
    if (depth < plan_.chunk) {  // the chunk before lies there
      const int pad = round_up_to(depth, 16) - depth;
      for_each_thread(plan_.halo * pad, [&](int e) {
        tile[e / pad * tile_stride_ + depth + e % pad] = static_cast<S>(0.0f);
      });
    }
    find_rows(s_, plan_, false, pixel, valid(pixel), halo.first, at<int16_t>(plan_.shared.rows));
  }

  __device__ void multiply_item(WarpTile<T>& sums, int index, int chunk) const {
    const WarpItem item(index, halves_, range_.channels);
    const int depth = depth_of(chunk), down = round_up_to(depth, 16);
    const int stride = tile_stride<S>(range_.channels);
    const WarpPart part{0, item.column, kWarpSide,
                        BlockRange::min_of(kWarpSide, range_.channels - item.column), depth};
    const S* tile = at<S>(plan_.shared.tile) + item.group * round_up_to(plan_.chunk, 16);
    for (int tap = 0; tap < s_.taps; ++tap) {
      const int16_t* rows = at<int16_t>(plan_.shared.rows) + tap * plan_.tile;
      const int first = item.half * kWarpSide;
      const TileView<S> a = s_.taps == 1
                                ? TileView<S>{tile + first * tile_stride_, tile_stride_, nullptr}
                                : TileView<S>{tile, tile_stride_, rows + first};
      const TileView<S> b{
          at<S>(plan_.shared.weights) + (tap * plan_.groups + item.group) * down * stride, stride,
          nullptr};
      multiply<Along::kDepth, Along::kOther>(sums, a, b, part);
    }
  }

  // Where channel `column` of a group of the block's lies in the tile that is stored.
  __device__ int place(int group, int column) const {
    const int channel = group * range_.channels + column;
    if (made_ < s_.groups * s_.channels || p_.end.shuffle.groups == 1) return channel;
    return shuffled_place(p_.end.shuffle, channel);
  }

  __device__ void finish_item(const WarpTile<T>& sums, int index, int64_t pixel) const {
    const WarpItem item(index, halves_, range_.channels);
    const int count = range_.channels - item.column;
    S* result = at<S>(plan_.shared.result) + item.half * kWarpSide * made_;
#pragma unroll
    for (int v = 0; v < 8; ++v) {
      const int j = v / 2, e = v % 2, column = sums.column(j, e);
      if (column >= count) continue;
      const int to = place(item.group, item.column + column);
      const int c = first_output(item.group) + item.column + column;
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        T z = sums.sums[i / 2][j][i % 2 * 2 + e];
        if (p_.end.scale != nullptr) {
          z = (z - p_.end.mean[c]) * p_.end.scale[c] + p_.end.offset[c];
        }
        result[sums.row(i / 2, i % 2 * 2) * made_ + to] = static_cast<S>(z);
      }
    }
    if (measures()) measure(sums, item, pixel, count);
  }

  __device__ int first_output(int group) const {
    return (range_.group + group) * s_.channels + range_.channel0;
  }

  // Sums of differences from the mean of the block's first tile, and of their squares.
  __device__ void measure(const WarpTile<T>& sums, const WarpItem& item, int64_t pixel,
                          int count) const {
    const int rows = valid(pixel) - item.half * kWarpSide;
    const int column = item.group * range_.channels + item.column;
    T* shift = sums_.at(2, item.half) + column;
    if (pixel == range_.begin) {
      add(
          sums, item, rows, count, [](T z, int) { return z; }, [](T) { return T(0); });
      __syncwarp();
      const int lane = static_cast<int>(threadIdx.x) % kWarp;
      if (lane < count) {
        T* total = sums_.at(0, item.half) + column + lane;
        shift[lane] = *total / static_cast<T>(rows < kWarpSide ? rows : kWarpSide);
        *total = 0;
      }
      __syncwarp();
    }
    add(
        sums, item, rows, count, [&](T z, int c) { return z - shift[c]; },
        [](T d) { return d * d; });
  }

  // Sums of first(value, column) and of second(that) over the first `rows` rows, of the values as
  // they are stored.
  template <typename First, typename Second>
  __device__ void add(const WarpTile<T>& sums, const WarpItem& item, int rows, int count,
                      const First& first, const Second& second) const {
    T values[16] = {};
#pragma unroll
    for (int v = 0; v < 8; ++v) {
      const int column = sums.column(v / 2, v % 2);
      if (column >= count) continue;
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const int part = i % 2 * 2 + v % 2;
        if (sums.row(i / 2, part) >= rows) continue;
        const S stored = static_cast<S>(sums.sums[i / 2][v / 2][part]);
        const T d = first(static_cast<T>(stored), column);
        values[v] += d;
        values[8 + v] += second(d);
      }
    }
    sums_.add(0, item.half, item.group * range_.channels + item.column, count, values);
  }

  __device__ void store(int64_t pixel) const {
    const S* result = at<S>(plan_.shared.result);
    const int first = first_output(0);
    const int rows = valid(pixel);
    if (p_.end.shuffle.groups > 1 && made_ < s_.groups * s_.channels) {
      for_each_vector(rows, made_, 1, [&](int row, int c) {
        p_.end.out[(pixel + row) * p_.end.stride + shuffled_place(p_.end.shuffle, first + c)] =
            result[row * made_ + c];
      });
      return;
    }
    store_rows(p_.end.out, pixel * p_.end.stride + (made_ < s_.groups * s_.channels ? first : 0),
               result, TileRows<S>(p_.end.stride, rows, made_),
               Residual<S>{nullptr, p_.end.residual, nullptr, p_.end.scale != nullptr});
  }

  // Mean and sum of squared deviations of the block's pixels: of the tiles' halves, merged.
  __device__ void write_moments() const {
    const auto pixels = static_cast<int>(range_.end - range_.begin);
    for_each_thread(made_, [&](int c) {
      T n = 0, mean = 0, deviations = 0;
      for (int half = 0; half < halves_; ++half) {
        const int rest = pixels % plan_.tile - half * kWarpSide;
        const T more = static_cast<T>(pixels / plan_.tile * kWarpSide +
                                      (rest < 0 ? 0 : BlockRange::min_of(rest, kWarpSide)));
        if (!(more > 0)) continue;
        const T by = sums_.at(0, half)[c] / more;
        const T delta = sums_.at(2, half)[c] + by - mean, total = n + more;
        deviations += sums_.at(1, half)[c] - by * by * more + delta * delta * n * more / total;
        mean += delta * more / total;
        n = total;
      }
      const int64_t to = range_.part * p_.end.moments.channels + first_output(0) + c;
      p_.end.moments.first[to] = mean;
      p_.end.moments.second[to] = deviations;
    });
  }

  const ForwardProduct<S>& p_;
  const ProductShape& s_;
  const ProductPlan& plan_;
  const BlockRange range_;
  unsigned char* const shared_;
  const int chunks_, halves_;
  const int made_;  // channels of the result
  const int tile_stride_;
  const BlockSums<T> sums_;
};

template <typename S>
__global__ void __launch_bounds__(kProductThreads, 2)
    forward_product(const __grid_constant__ ForwardProduct<S> product) {
  ForwardBlock<S>(product).run();
}

// end.moments gets a tile for each block.
template <typename S>
void launch_forward_product(const Call& call, const Source<S>& in, const Compute<S>* weights,
                            const ProductShape& shape, ProductEnd<S>& end) {
  const ProductWork work{false,
                         true,
                         false,
                         in.gate == nullptr ? 1 : 2,
                         0,
                         0,
                         end.moments.first == nullptr ? 0 : 6,
                         sizeof(S),
                         sizeof(Compute<S>)};
  ForwardProduct<S> product{in, weights, end, shape, {}};
  call.expect(plan_product(shape, work, shared_limits(), product.plan),
              "expected a convolution whose tiles fit into shared memory");
  product.end.moments.tile = end.moments.tile = product.plan.part;
  launch(call, forward_product<S>, product.plan.grid(shape), product);
}

}  // namespace menet
