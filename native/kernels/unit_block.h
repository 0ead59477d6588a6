// What a block of the fused inference unit does (unit_inference.h), step by step. Every step leaves
// its results behind a barrier.
#pragma once

#include "cuda/elements.h"
#include "kernels/unit_place.h"

namespace menet {

template <typename S>
class UnitBlock {
 public:
  using T = Compute<S>;

  __device__ UnitBlock(const FusedUnit<S>& fused, const UnitPlace<S>& place, unsigned char* shared)
      : f_(fused),
        u_(fused.unit),
        m_(place.space),
        place_(place),
        in_(place.in),
        out_(place.out),
        shared_(shared) {}

  __device__ void run() const {
    clear_maps();
    if (f_.x != nullptr) {
      compress();
      depthwise();
    } else {
      take_given();
    }
    if (u_.side > 0) branch();
    if (u_.expanded == 0) return store();
    expand();
    if (u_.map.stride == 2) pool();
  }

 private:
  template <typename P>
  __device__ P* at(int offset) const {
    return reinterpret_cast<P*>(shared_ + offset);
  }
  __device__ ProductSpace<S> product_space() const {
    return {at<S>(m_.stage), at<S>(m_.right), at<TileCoefficients<T>>(m_.coefficients)};
  }

  // Pixel number `i` of the part of the halo tile that is in the image: its place in the tile, and
  // in the batch.
  __device__ int halo_index(int i) const {
    const int y = i / in_.columns, x = i - y * in_.columns;
    return (in_.y - place_.halo_y + y) * m_.halo_columns + in_.x - place_.halo_x + x;
  }
  __device__ int64_t in_pixel(int i) const {
    const int y = i / in_.columns, x = i - y * in_.columns;
    return (place_.image * u_.map.height + in_.y + y) * u_.map.width + in_.x + x;
  }
  __device__ int64_t out_pixel(int i) const {
    const int y = i / out_.columns, x = i - y * out_.columns;
    return (place_.image * u_.map.out_height + out_.y + y) * u_.map.out_width + out_.x + x;
  }
  // Place in the halo tile under the first tap of output pixel i.
  __device__ int window_index(int i) const {
    const int y = i / out_.columns, x = i - y * out_.columns;
    return (y * m_.halo_columns + x) * static_cast<int>(u_.map.stride);
  }
  __device__ int tap_index(int tap) const { return tap / 3 * m_.halo_columns + tap % 3; }
  // Of channel c in a row of q.
  __device__ int q_channel(int c) const {
    const int each = static_cast<int>(u_.width) /
                     (u_.expanded > 0 ? static_cast<int>(u_.expand.layout.groups) : 1);
    return c / each * m_.q_group + c % each;
  }

  // What is outside of the image, and what pads channels, is zero from here on.
  __device__ void clear_maps() const {
    auto* words = at<uint4>(m_.h);
    const int count = (m_.bytes - m_.h) / 16;
    for (int i = static_cast<int>(threadIdx.x); i < count; i += kBlockThreads) words[i] = uint4{};
    __syncthreads();
  }

  // --- Left operands of products: rows on chip, or of x on their way there.

  struct Rows {
    const S* first;
    const UnitBlock& block;
    int row0, k0;
    __device__ int depth(int k) const { return k0 + k; }
  };

  struct Arriving {
    const UnitBlock& block;
    static constexpr int taps = 1;

    struct View {
      const S* first;
      __device__ const S* row(int r) const { return first + r * kLeftPitch<S>; }
      __device__ int depth(int k) const { return k; }
    };

    __device__ int longest_chunk() const { return kLeftBytes / static_cast<int>(sizeof(S)); }
    __device__ void start(const ProductStep& step, S* to) const {
      const Unit<T>& u = block.u_;
      const int row = static_cast<int>(threadIdx.x) / 4;
      const int each = static_cast<int>(u.compress.layout.depth);
      S* line = to + row * kLeftPitch<S>;
      int count = 0;
      if (step.row0 + row < block.in_.count()) {
        count = least(step.depth, each - step.k0);
        const S* pixel = block.f_.x + block.in_pixel(step.row0 + row) * u.in_channels;
        copy_run(line, pixel + step.group * each + step.k0, count, block.f_.left_bytes);
      }
      for (int i = count + static_cast<int>(threadIdx.x) % 4; i < step.depth; i += 4) {
        line[i] = static_cast<S>(0);
      }
    }
    __device__ View at(const ProductStep&, int warp_row, const S* left) const {
      return {left + warp_row * kLeftPitch<S>};
    }
  };

  struct OnChip {
    static constexpr int taps = 1;
    __device__ int longest_chunk() const { return 1 << 20; }
    __device__ void start(const ProductStep&, S*) const {}
  };

  struct HaloRows : OnChip {
    const UnitBlock& block;
    __device__ explicit HaloRows(const UnitBlock& block) : block(block) {}

    struct View : Rows {
      __device__ const S* row(int r) const {
        const UnitBlock& b = this->block;
        return this->first + b.halo_index(least(this->row0 + r, b.in_.count() - 1)) * b.m_.h_pitch;
      }
    };
    __device__ View at(const ProductStep& step, int warp_row, const S*) const {
      return {{block.template at<S>(block.m_.h), block, step.row0 + warp_row, step.k0}};
    }
  };

  // 3x3 windows of zm.
  struct Windows : OnChip {
    static constexpr int taps = 9;
    const UnitBlock& block;
    __device__ explicit Windows(const UnitBlock& block) : block(block) {}

    struct View : Rows {
      int padded;
      __device__ const S* row(int r) const {
        const UnitBlock& b = this->block;
        return this->first +
               b.window_index(least(this->row0 + r, b.out_.count() - 1)) * b.m_.side_pitch;
      }
      __device__ int depth(int k) const {
        const int tap = (this->k0 + k) / padded;
        return this->block.tap_index(tap) * this->block.m_.side_pitch + this->k0 + k - tap * padded;
      }
    };
    __device__ View at(const ProductStep& step, int warp_row, const S*) const {
      const int padded = round_up_to(static_cast<int>(block.u_.side), kDepthStep<S>);
      return {{block.template at<S>(block.m_.zm), block, step.row0 + warp_row, step.k0}, padded};
    }
  };

  // Rows of the tile itself, a group of channels of them.
  struct OutRows : OnChip {
    const UnitBlock& block;
    const S* first;
    int pitch, group;
    __device__ OutRows(const UnitBlock& block, const S* first, int pitch, int group)
        : block(block), first(first), pitch(pitch), group(group) {}

    struct View : Rows {
      int pitch;
      __device__ const S* row(int r) const {
        return this->first + least(this->row0 + r, this->block.out_.count() - 1) * pitch;
      }
    };
    __device__ View at(const ProductStep& step, int warp_row, const S*) const {
      return {{first + step.group * group, block, step.row0 + warp_row, step.k0}, pitch};
    }
  };

  // --- Steps

  __device__ void compress() const {
    const int pitch = m_.h_pitch;
    const Shuffle shuffle{u_.width / u_.groups, u_.groups};
    S* h = at<S>(m_.h);
    multiply_block<S>(
        product_space(), u_.compress, in_.count(), Arriving{*this},
        [&](const ProductStep& step, int row, int c, T v) {
          h[halo_index(step.row0 + row) * pitch + shuffle.position(step.channel + c)] =
              static_cast<S>(v > 0 ? v : T(0));
        },
        NothingMore{});
  }

  // Two channels of an output pixel at a time; a thread keeps to its channels.
  __device__ void depthwise() const {
    const int width = static_cast<int>(u_.width), pairs = (width + 1) / 2;
    const int across = least(pairs, kBlockThreads), lines = kBlockThreads / across;
    const int line = static_cast<int>(threadIdx.x) / across;
    for (int pair = static_cast<int>(threadIdx.x) % across; pair < pairs && line < lines;
         pair += across) {
      depthwise_channels(2 * pair, width, line, lines);
    }
    __syncthreads();
  }

  __device__ void depthwise_channels(int c, int width, int line, int lines) const {
    const S* h = at<S>(m_.h) + c;
    S* q = at<S>(m_.q);
    T weights[9][2];
    const bool second = c + 1 < width;
#pragma unroll
    for (int tap = 0; tap < 9; ++tap) {
      weights[tap][0] = u_.depthwise[tap * width + c];
      weights[tap][1] = second ? u_.depthwise[tap * width + c + 1] : T(0);
    }
    const Affine a = depthwise_norm(c), b = depthwise_norm(second ? c + 1 : c);
    const int to_a = q_channel(c), to_b = q_channel(second ? c + 1 : c);
    for (int i = line; i < out_.count(); i += lines) {
      const int window = window_index(i);
      T sums[2] = {0, 0};
#pragma unroll
      for (int tap = 0; tap < 9; ++tap) {
        const auto v =
            *reinterpret_cast<const TwoOf<S>*>(h + (window + tap_index(tap)) * m_.h_pitch);
        sums[0] += static_cast<T>(v.v[0]) * weights[tap][0];
        sums[1] += static_cast<T>(v.v[1]) * weights[tap][1];
      }
      q[i * m_.q_pitch + to_a] = static_cast<S>(a(sums[0]));
      if (second) q[i * m_.q_pitch + to_b] = static_cast<S>(b(sums[1]));
    }
  }

  struct Affine {
    T mean, scale, offset;
    __device__ T operator()(T z) const { return (z - mean) * scale + offset; }
  };
  __device__ Affine depthwise_norm(int c) const {
    const BatchNorm<T>& bn = u_.bn_depthwise;
    if (bn.channels == 0) return {T(0), T(1), T(0)};
    return {bn.mean[c], inference_scale(bn, c), bn.offset[c]};
  }

  // merge_evolve is given h and the raw residual branch.
  __device__ void take_given() const {
    const int width = static_cast<int>(u_.width);
    S* h = at<S>(m_.h);
    S* q = at<S>(m_.q);
    for (int e = static_cast<int>(threadIdx.x); e < in_.count() * width; e += kBlockThreads) {
      const int i = e / width, c = e - i * width;
      h[halo_index(i) * m_.h_pitch + c] = f_.h[in_pixel(i) * width + c];
    }
    for (int e = static_cast<int>(threadIdx.x); e < out_.count() * width; e += kBlockThreads) {
      const int i = e / width, c = e - i * width;
      const T z = static_cast<T>(f_.residual[out_pixel(i) * width + c]);
      q[i * m_.q_pitch + q_channel(c)] = static_cast<S>(depthwise_norm(c)(z));
    }
    __syncthreads();
  }

  // q times the gate that merge, 3x3 convolution and evolution make of h.
  __device__ void branch() const {
    const int pitch = m_.side_pitch;
    S* zm = at<S>(m_.zm);
    S* zs = at<S>(m_.zs);
    S* q = at<S>(m_.q);
    multiply_block<S>(
        product_space(), u_.merge, in_.count(), HaloRows{*this},
        [&](const ProductStep& step, int row, int c, T v) {
          zm[halo_index(step.row0 + row) * pitch + step.channel + c] =
              static_cast<S>(v > 0 ? v : T(0));
        },
        NothingMore{});
    multiply_block<S>(
        product_space(), u_.conv, out_.count(), Windows{*this},
        [&](const ProductStep& step, int row, int c, T v) {
          zs[(step.row0 + row) * pitch + step.channel + c] = static_cast<S>(v > 0 ? v : T(0));
        },
        NothingMore{});
    multiply_block<S>(
        product_space(), u_.evolve, out_.count(), OutRows{*this, zs, pitch, 0},
        [&](const ProductStep& step, int row, int c, T v) {
          S& value = q[(step.row0 + row) * m_.q_pitch + q_channel(step.channel + c)];
          value = static_cast<S>(static_cast<T>(value) / (1 + exponential(-v)));
        },
        NothingMore{});
  }

  __device__ int64_t y_stride() const {
    return u_.expanded + (u_.map.stride == 2 ? u_.in_channels : 0);
  }

  __device__ void expand() const {
    T* staged = at<T>(m_.stage);
    multiply_block<S>(
        product_space(), u_.expand, out_.count(),
        OutRows{*this, at<S>(m_.q), m_.q_pitch, m_.q_group},
        [&](const ProductStep&, int row, int c, T v) { staged[row * m_.kStagePitch + c] = v; },
        [&](const ProductStep& step) { join(step, staged); });
  }

  // A tile of y: four threads for each of its rows.
  __device__ void join(const ProductStep& step, const T* staged) const {
    __syncthreads();
    const int row = static_cast<int>(threadIdx.x) / 4, part = static_cast<int>(threadIdx.x) % 4;
    if (step.row0 + row >= out_.count()) return;
    const int64_t to = out_pixel(step.row0 + row) * y_stride() + step.channel;
    const S* x = u_.map.stride == 2 ? nullptr : f_.x + to;
    with_elements<S>(f_.out_bytes, [&](auto elements) {
      using E = decltype(elements);
      for (int i = part * E::kCount; i < step.columns; i += 4 * E::kCount) {
        E values{};
        if (x != nullptr) values = *reinterpret_cast<const E*>(x + i);
#pragma unroll
        for (int k = 0; k < E::kCount; ++k) {
          const T v = staged[row * m_.kStagePitch + i + k] +
                      (x == nullptr ? T(0) : static_cast<T>(values.v[k]));
          values.v[k] = static_cast<S>(v > 0 ? v : T(0));
        }
        *reinterpret_cast<E*>(f_.y + to + i) = values;
      }
    });
  }

  // Average of 3x3 with padding 1, which counts, and relu, behind the expansion's channels.
  __device__ void pool() const {
    const int channels = static_cast<int>(u_.in_channels);
    for (int e = static_cast<int>(threadIdx.x); e < out_.count() * channels; e += kBlockThreads) {
      const int i = e / channels, c = e - i * channels;
      const MapPixel p(out_pixel(i), u_.map.out_height, u_.map.out_width);
      T sum = 0;
#pragma unroll
      for (int tap = 0; tap < 9; ++tap) {
        const int64_t from = input_under(u_.map, p, tap);
        if (from >= 0) sum += static_cast<T>(f_.x[from * channels + c]);
      }
      f_.y[out_pixel(i) * y_stride() + u_.expanded + c] =
          static_cast<S>(sum > 0 ? sum / T(9) : T(0));
    }
  }

  // q is the output where there is no expansion.
  __device__ void store() const {
    const int width = static_cast<int>(u_.width);
    const S* q = at<S>(m_.q);
    for (int e = static_cast<int>(threadIdx.x); e < out_.count() * width; e += kBlockThreads) {
      const int i = e / width, c = e - i * width;
      f_.y[out_pixel(i) * width + c] = q[i * m_.q_pitch + c];
    }
  }

  const FusedUnit<S>& f_;
  const Unit<T>& u_;
  const UnitSpace<S>& m_;
  const UnitPlace<S>& place_;
  const Rectangle &in_, &out_;
  unsigned char* shared_;
};

}  // namespace menet
