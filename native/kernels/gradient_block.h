// A block of gradient_product.h's kernel.
#pragma once

#include "kernels/device_ends.h"
#include "kernels/product_block.h"

namespace menet {

template <typename S>
struct GradientProduct {
  Gradient<S> dz;
  Shuffle shuffle;
  const Compute<S>* weights;
  GradientEnd<S> end;    // d_in null: the gradient of the weights alone
  Compute<S>* partials;  // [blocks][taps][depth][groups * channels]; null: the input's alone
  ProductShape shape;
  ProductPlan plan;
};

template <typename S>
class GradientBlock {
 public:
  using T = Compute<S>;

  __device__ explicit GradientBlock(const GradientProduct<S>& product)
      : p_(product),
        s_(product.shape),
        plan_(product.plan),
        range_(s_, plan_),
        shared_(dynamic_shared<unsigned char>()),
        chunks_((range_.channels + plan_.chunk - 1) / plan_.chunk),
        halves_(plan_.tile / kWarpSide),
        made_(plan_.groups * range_.depth),
        first_(range_.group * s_.depth + range_.depth0),
        tile_stride_(plan_.groups * round_up_to(plan_.chunk, 16) + kRowEnd),
        input_stride_(plan_.groups * round_up_to(range_.depth, 16) + kRowEnd),
        sums_{at<T>(plan_.shared.sums), halves_, made_} {}

  __device__ void run() {
    clear();
    start_operands(range_.begin, 0);
    start_inputs(range_.begin, 0);
    WarpTile<T> sums;
    int buffer = 0;
    for (int64_t pixel = range_.begin; pixel < range_.end; pixel += plan_.tile, buffer ^= 1) {
      sums.clear();
      for (int chunk = 0;; ++chunk) {
        prepare(pixel, chunk, buffer);
        if (chunk + 1 == chunks_) break;
        if (warp_index() < items()) multiply_item(sums, warp_index(), chunk);
      }
      for (int i = warp_index(); i < items(); i += kProductWarps) {
        multiply_item(sums, i, chunks_ - 1);
        finish_item(sums, i, pixel, buffer);
        sums.clear();
      }
      if (p_.partials != nullptr) add_weights();
      __syncthreads();
      if (p_.end.d_in != nullptr) store(pixel, buffer);
    }
    write_sums(p_.end.sums, 0);
    write_sums(p_.end.gate_sums, 2);
    if (p_.partials != nullptr) write_weights();
  }

 private:
  static constexpr int kRowEnd = 16 / static_cast<int>(sizeof(S));

  template <typename U>
  __device__ U* at(int offset) const {
    return reinterpret_cast<U*>(shared_ + offset);
  }
  __device__ S* input(int buffer, int tensor) const {
    return at<S>(plan_.shared.input[buffer][tensor]);
  }
  __device__ int valid(int64_t pixel) const {
    return pixel + plan_.tile < range_.end ? plan_.tile : static_cast<int>(range_.end - pixel);
  }
  __device__ int items() const {
    return p_.end.d_in == nullptr ? 0 : WarpItem::count(halves_, plan_.groups, range_.depth);
  }
  __device__ int weight_items() const {
    return s_.taps * WarpItem::count(across_depth(), plan_.groups, range_.channels);
  }
  __device__ int across_depth() const { return (range_.depth + kWarpSide - 1) / kWarpSide; }
  // Channels of a group of dz in a chunk, and the first of them.
  __device__ int channels_of(int chunk) const {
    return BlockRange::min_of(plan_.chunk, range_.channels - chunk * plan_.chunk);
  }
  __device__ int first_channel(int chunk) const {
    return range_.group * s_.channels + range_.channel0 + chunk * plan_.chunk;
  }
  // A shuffled row has every group's channels all over it: it is loaded whole.
  __device__ bool whole() const { return p_.shuffle.groups > 1 && !plan_.gather; }

  __device__ void clear() const {
    clear_tile(at<S>(plan_.shared.tile), plan_.halo * tile_stride_);
    if (p_.end.sums.first != nullptr) clear_tile(sums_.data, 2 * halves_ * made_);
    if (p_.end.gate_sums.first != nullptr) clear_tile(sums_.at(2, 0), 2 * halves_ * made_);
    if (p_.partials == nullptr) return;
    clear_tile(at<S>(plan_.shared.input_tile), plan_.tile * input_stride_);
    clear_tile(at<T>(plan_.shared.gradient), weight_items() * gradient_part().size());
  }

  __device__ int loaded(int chunk) const {
    return whole() ? s_.groups * s_.channels : plan_.groups * channels_of(chunk);
  }

  __device__ void start_operands(int64_t pixel, int chunk) const {
    const Halo halo(s_, true, pixel, valid(pixel));
    start_operand(0, p_.dz.da, p_.dz.da_stride, halo, chunk);
    if (p_.dz.scale != nullptr) start_operand(1, p_.dz.z, p_.dz.channels, halo, chunk);
    if (p_.dz.mask != nullptr) start_operand(2, p_.dz.mask, p_.dz.da_stride, halo, chunk);
  }

  __device__ void start_operand(int tensor, const S* from, int64_t stride, const Halo& halo,
                                int chunk) const {
    S* to = at<S>(plan_.shared.operand[tensor]);
    const int count = loaded(chunk);
    from += halo.first * stride;
    if (plan_.gather) {
      for_each_vector(halo.count, count, 1, [&](int row, int c) {
        to[row * count + c] =
            from[row * stride + shuffled_place(p_.shuffle, first_channel(chunk) + c)];
      });
      return;
    }
    load_rows(to, from + (whole() ? 0 : first_channel(chunk)),
              TileRows<S>(stride, halo.count, count));
  }

  __device__ void start_inputs(int64_t pixel, int buffer) const {
    if (p_.end.in.scale == nullptr && p_.partials == nullptr) return;
    const int64_t from = pixel * p_.end.in.channels + first_;
    const TileRows<S> rows(p_.end.in.channels, valid(pixel), made_);
    load_rows(input(buffer, 0), p_.end.in.z + from, rows);
    if (p_.end.in.gate != nullptr) load_rows(input(buffer, 1), p_.end.in.gate + from, rows);
  }

  // What has been loaded becomes the tiles; the next loads start.
  __device__ void prepare(int64_t pixel, int chunk, int buffer) const {
    wait_for_copies();
    __syncthreads();
    form_operand(pixel, chunk);
    if (p_.partials != nullptr) form_input(pixel, buffer);
    if (p_.end.d_in != nullptr && (chunks_ > 1 || pixel == range_.begin)) {
      load_weights(at<S>(plan_.shared.weights), p_.weights, s_, plan_.groups, range_.group,
                   range_.depth0, range_.depth, range_.channel0 + chunk * plan_.chunk,
                   channels_of(chunk));
    }
    __syncthreads();
    if (chunk + 1 < chunks_) {
      start_operands(pixel, chunk + 1);
    } else if (pixel + plan_.tile < range_.end) {
      start_operands(pixel + plan_.tile, 0);
      start_inputs(pixel + plan_.tile, buffer ^ 1);
    }
  }

  // Column of the tile for what lies at `c` of a loaded row, -1 where it is another block's.
  __device__ int column_of(int c, int chunk) const {
    const int n = channels_of(chunk);
    int local = c;
    if (whole()) {
      const auto groups = static_cast<int>(p_.shuffle.groups);
      local = c % groups * static_cast<int>(p_.shuffle.each) + c / groups - first_channel(chunk);
    }
    if (local < 0 || local >= plan_.groups * n) return -1;
    return local / n * round_up_to(plan_.chunk, 16) + local % n;
  }

  // Channel of dz's tensors that lies at `c` of a loaded row.
  __device__ int64_t stored_channel(int c, int chunk) const {
    if (whole()) return c;
    return plan_.gather ? shuffled_place(p_.shuffle, first_channel(chunk) + c)
                        : first_channel(chunk) + c;
  }

  __device__ void form_operand(int64_t pixel, int chunk) const {
    const Halo halo(s_, true, pixel, valid(pixel));
    const int n = channels_of(chunk), rows = s_.taps == 1 ? plan_.tile : halo.count;
    S* tile = at<S>(plan_.shared.tile);
    form_tile(tile, tile_stride_, rows, halo.count, loaded(chunk), [&](int c) {
      return GradientChannel<S>(p_.dz, at<S>(plan_.shared.operand[0]),
                                at<S>(plan_.shared.operand[2]), at<S>(plan_.shared.operand[1]),
                                stored_channel(c, chunk), column_of(c, chunk));
    });
    if (n < plan_.chunk) {  // the chunk before lies there
      const int pad = round_up_to(n, 16) - n;
      for_each_thread(plan_.halo * pad, [&](int e) {
        tile[e / pad * tile_stride_ + n + e % pad] = static_cast<S>(0.0f);
      });
    }
    find_rows(s_, plan_, true, pixel, valid(pixel), halo.first, at<int16_t>(plan_.shared.rows));
  }

  __device__ void form_input(int64_t pixel, int buffer) const {
    const int depth = range_.depth;
    form_tile(at<S>(plan_.shared.input_tile), input_stride_, plan_.tile, valid(pixel), made_,
              [&](int c) {
                return SourceChannel<S>(p_.end.in, input(buffer, 0), input(buffer, 1), first_ + c,
                                        c / depth * round_up_to(depth, 16) + c % depth);
              });
  }

  // Of dz: pixels from `first` on as a window's tap sees them, channels of a group.
  __device__ TileView<S> operand(int group, int tap, int first) const {
    const S* tile = at<S>(plan_.shared.tile) + group * round_up_to(plan_.chunk, 16);
    if (s_.taps == 1) return {tile + first * tile_stride_, tile_stride_, nullptr};
    return {tile, tile_stride_, at<int16_t>(plan_.shared.rows) + tap * plan_.tile + first};
  }

  __device__ void multiply_item(WarpTile<T>& sums, int index, int chunk) const {
    const WarpItem item(index, halves_, range_.depth);
    const int down = round_up_to(range_.depth, 16), stride = tile_stride<S>(channels_of(chunk));
    const WarpPart part{0, item.column, kWarpSide,
                        BlockRange::min_of(kWarpSide, range_.depth - item.column),
                        channels_of(chunk)};
    for (int tap = 0; tap < s_.taps; ++tap) {
      const TileView<S> b{
          at<S>(plan_.shared.weights) + (tap * plan_.groups + item.group) * down * stride, stride,
          nullptr};
      multiply<Along::kDepth, Along::kDepth>(sums, operand(item.group, tap, item.half * kWarpSide),
                                             b, part);
    }
  }

  // A lane's elements of one channel of the input: d becomes the gradient through gate, relu and
  // batch norm, and takes the input's place; what is stored of it is summed.
  template <typename Add>
  __device__ void finish_channel(const WarpTile<T>& sums, int v, const WarpItem& item, int rows,
                                 int buffer, const Add& add) const {
    const int c = item.group * range_.depth + item.column + sums.column(v / 2, v % 2);
    S *z = input(buffer, 0), *gate = input(buffer, 1);
    const SourceChannel<S> in(p_.end.in, z, gate, first_ + c, 0);
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const int part = i % 2 * 2 + v % 2, row = sums.row(i / 2, part);
      if (row >= rows) continue;
      const int e = (item.half * kWarpSide + row) * made_ + c;
      T d = sums.sums[i / 2][v / 2][part];
      if (in.normal) {
        const T a = in.normalized(e);
        if (in.relu && !(a > 0)) d = 0;
        if (in.gate != nullptr) {
          const T open = in.open(e);
          const S d_gate = static_cast<S>(d * a * open * (1 - open));
          add(8, static_cast<T>(d_gate), static_cast<T>(gate[e]) - in.gate_mean);
          gate[e] = d_gate;
          d *= open;
        }
      }
      const S stored = static_cast<S>(d);
      if (in.normal) add(0, static_cast<T>(stored), static_cast<T>(z[e]) - in.mean);
      z[e] = stored;
    }
  }

  __device__ void finish_item(const WarpTile<T>& sums, int index, int64_t pixel, int buffer) const {
    const WarpItem item(index, halves_, range_.depth);
    const int count = range_.depth - item.column, rows = valid(pixel) - item.half * kWarpSide;
    T values[16] = {}, gate_values[16] = {};
#pragma unroll
    for (int v = 0; v < 8; ++v) {
      if (sums.column(v / 2, v % 2) >= count) continue;
      finish_channel(sums, v, item, rows, buffer, [&](int which, T d, T factor) {
        T(&to)[16] = which == 0 ? values : gate_values;
        to[v] += d;
        to[8 + v] += d * factor;
      });
    }
    const int column = item.group * range_.depth + item.column;
    if (p_.end.sums.first != nullptr) sums_.add(0, item.half, column, count, values);
    if (p_.end.gate_sums.first != nullptr) sums_.add(2, item.half, column, count, gate_values);
  }

  __device__ GradientPart gradient_part() const { return {plan_.depth, plan_.channels}; }

  // body(sum in shared memory, i, j, part) for a lane's sums of a warp's part.
  template <typename Body>
  __device__ void for_each_sum(int index, const Body& body) const {
    const GradientPart size = gradient_part();
    T* sums =
        at<T>(plan_.shared.gradient) + index * size.size() + static_cast<int>(threadIdx.x) % kWarp;
#pragma unroll
    for (int e = 0; e < 32; ++e) {
      const int i = e / 16, j = e / 4 % 4;
      if (i >= size.rows || j >= size.columns) continue;
      body(sums[((i * size.columns + j) * 4 + e % 4) * kWarp], i, j, e % 4);
    }
  }

  // A warp's part of the weights' gradient: 32 input channels by 32 output channels of a group.
  struct WeightItem {
    int tap, group, depth, channel;
  };
  __device__ WeightItem weight_item(int index) const {
    const int each = weight_items() / s_.taps;
    const WarpItem item(index % each, across_depth(), range_.channels);
    return {index / each, item.group, item.half * kWarpSide, item.column};
  }

  __device__ void add_weights() const {
    for (int index = warp_index(); index < weight_items(); index += kProductWarps) {
      const WeightItem item = weight_item(index);
      WarpTile<T> sums;
      for_each_sum(index, [&](T& sum, int i, int j, int part) { sums.sums[i][j][part] = sum; });
      const WarpPart part{
          item.depth, item.channel, BlockRange::min_of(kWarpSide, range_.depth - item.depth),
          BlockRange::min_of(kWarpSide, range_.channels - item.channel), plan_.tile};
      const TileView<S> in{
          at<S>(plan_.shared.input_tile) + item.group * round_up_to(range_.depth, 16),
          input_stride_, nullptr};
      multiply<Along::kOther, Along::kOther>(sums, in, operand(item.group, item.tap, 0), part);
      for_each_sum(index, [&](T& sum, int i, int j, int e) { sum = sums.sums[i][j][e]; });
    }
  }

  __device__ void write_weights() const {
    const int64_t row = static_cast<int64_t>(s_.groups) * s_.channels;
    T* to = p_.partials + range_.part * s_.taps * s_.depth * row;
    for (int index = warp_index(); index < weight_items(); index += kProductWarps) {
      const WeightItem item = weight_item(index);
      for_each_sum(index, [&](T sum, int i, int j, int part) {
        const int k = item.depth + WarpTile<T>::row(i, part);
        const int n = item.channel + WarpTile<T>::column(j, part);
        if (k >= range_.depth || n >= range_.channels) return;
        const int64_t line = item.tap * s_.depth + range_.depth0 + k;
        to[line * row + (range_.group + item.group) * s_.channels + range_.channel0 + n] = sum;
      });
    }
  }

  __device__ void store(int64_t pixel, int buffer) const {
    const GradientEnd<S>& end = p_.end;
    const TileRows<S> rows(end.in.channels, valid(pixel), made_);
    const int64_t to = pixel * end.in.channels + first_;
    store_rows(
        end.d_in, to, input(buffer, 0), rows,
        Residual<S>{end.accumulate ? end.d_in : nullptr, end.residual, end.residual_mask, false});
    if (end.d_gate != nullptr) {
      store_rows(end.d_gate, to, input(buffer, 1), rows, Residual<S>{});
    }
  }

  __device__ void write_sums(const TileSums<T>& to, int line) const {
    if (to.first == nullptr) return;
    for_each_thread(made_, [&](int c) {
      T first = 0, second = 0;
      for (int half = 0; half < halves_; ++half) {
        first += sums_.at(line, half)[c];
        second += sums_.at(line + 1, half)[c];
      }
      const int64_t i = range_.part * to.channels + first_ + c;
      to.first[i] = first;
      to.second[i] = second;
    });
  }

  const GradientProduct<S>& p_;
  const ProductShape& s_;
  const ProductPlan& plan_;
  const BlockRange range_;
  unsigned char* const shared_;
  const int chunks_, halves_;
  const int made_;   // channels of the input
  const int first_;  // of them
  const int tile_stride_, input_stride_;
  const BlockSums<T> sums_;
};

}  // namespace menet
