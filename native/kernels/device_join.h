// Passes of a unit on a GPU that map each element to one: a source or a gradient as its readers see
// it, the join, and the sums behind the join.
#pragma once

#include "kernels/device_batch_norm.h"
#include "kernels/pixel_vectors.h"

namespace menet {

// Coefficients of a thread's channels: (v - mean) * scale + offset.
template <typename T, int kEach>
struct LaneNormalization {
  T mean[kEach] = {}, scale[kEach] = {}, offset[kEach] = {};

  __device__ void read(const T* means, const T* scales, const T* offsets,
                       const VectorStrand& strand) {
#pragma unroll
    for (int k = 0; k < kEach; ++k) {
      const int c = strand.channel(k);
      mean[k] = means[c];
      scale[k] = scales[c];
      offset[k] = offsets[c];
    }
  }
  __device__ T operator()(T v, int k) const { return (v - mean[k]) * scale[k] + offset[k]; }
};

// y = [relu](a + residual), a being what readers see of `in`, which has a gate if `gated`; residual
// (or null) and y are of stride `stride`.
template <typename S, bool gated = false>
struct Join {
  using T = Compute<S>;
  Source<S> in;
  const S* residual;
  S* y;
  int64_t stride;
  bool relu;

  template <int kEach>
  class Lane {
   public:
    struct Loaded {
      Vector<S, kEach> z, gate, residual;
    };

    __device__ Lane(const Join& join, const VectorStrand& strand) : j_(join) {
      const Source<S>& in = join.in;
      if (in.scale != nullptr) normal_.read(in.mean, in.scale, in.offset, strand);
      if constexpr (gated) gate_.read(in.gate_mean, in.gate_scale, in.gate_offset, strand);
    }

    __device__ Loaded load(const VectorPlace& p) const {
      Loaded loaded{};
      const auto vector = [&](const S* from, int64_t stride) {
        return load_vector<kEach>(from, p.at(stride), p.count, p.whole);
      };
      loaded.z = vector(j_.in.z, j_.in.channels);
      if constexpr (gated) loaded.gate = vector(j_.in.gate, j_.in.channels);
      if (j_.residual != nullptr) loaded.residual = vector(j_.residual, j_.stride);
      return loaded;
    }

    __device__ void finish(const VectorPlace& p, const Loaded& loaded) const {
      Vector<S, kEach> y;
#pragma unroll
      for (int k = 0; k < kEach; ++k) {
        T v = static_cast<T>(loaded.z.of[k]);
        if (j_.in.scale != nullptr) v = normal_(v, k);
        if (j_.in.relu && v < 0) v = 0;
        if constexpr (gated) {
          v *= 1 / (1 + exponential(-gate_(static_cast<T>(loaded.gate.of[k]), k)));
        }
        if (j_.residual != nullptr) v += static_cast<T>(loaded.residual.of[k]);
        y.of[k] = static_cast<S>(j_.relu && !(v > 0) ? T(0) : v);
      }
      store_vector(j_.y, p.at(j_.stride), y, p.count, p.whole);
    }

   private:
    const Join& j_;
    LaneNormalization<T, kEach> normal_;
    LaneNormalization<T, gated ? kEach : 1> gate_;
  };
};

template <typename S, bool gated>
void launch_join(const Call& call, const Join<S, gated>& join, int64_t pixels) {
  PixelVectors vectors(pixels, join.in.channels, sizeof(S), {join.stride});
  vectors.align(join.in.z, join.in.gate, join.residual, static_cast<const S*>(join.y));
  launch_pixels<S>(call, join, vectors);
}

// dz as its readers see it, stored.
template <typename S>
struct StoreGradient {
  using T = Compute<S>;
  Gradient<S> dz;
  S* out;

  template <int kEach>
  class Lane {
   public:
    struct Loaded {
      Vector<S, kEach> da, z;
    };

    __device__ Lane(const StoreGradient& op, const VectorStrand& strand) : op_(op) {
      if (op.dz.scale == nullptr) return;
#pragma unroll
      for (int k = 0; k < kEach; ++k) {
        const int c = strand.channel(k);
        scale_[k] = op.dz.scale[c];
        slope_[k] = op.dz.slope[c];
        mean_[k] = op.dz.mean[c];
        constant_[k] = op.dz.constant[c];
      }
    }

    __device__ Loaded load(const VectorPlace& p) const {
      Loaded loaded{};
      const int64_t at = p.at(op_.dz.channels);
      loaded.da = load_vector<kEach>(op_.dz.da, at, p.count, p.whole);
      if (op_.dz.scale != nullptr) {
        loaded.z = load_vector<kEach>(op_.dz.z, at, p.count, p.whole);
      }
      return loaded;
    }

    __device__ void finish(const VectorPlace& p, const Loaded& loaded) const {
      Vector<S, kEach> result = loaded.da;
      if (op_.dz.scale != nullptr) {
#pragma unroll
        for (int k = 0; k < kEach; ++k) {
          result.of[k] = static_cast<S>(static_cast<T>(loaded.da.of[k]) * scale_[k] +
                                        (static_cast<T>(loaded.z.of[k]) - mean_[k]) * slope_[k] +
                                        constant_[k]);
        }
      }
      store_vector(op_.out, p.at(op_.dz.channels), result, p.count, p.whole);
    }

   private:
    const StoreGradient& op_;
    T scale_[kEach] = {}, slope_[kEach] = {}, mean_[kEach] = {}, constant_[kEach] = {};
  };
};

// Rows of dz.da are dense, without a mask.
template <typename S>
void launch_store_gradient(const Call& call, const Gradient<S>& dz, S* out, int64_t pixels) {
  PixelVectors vectors(pixels, dz.channels, sizeof(S), {});
  vectors.align(dz.da, dz.z, static_cast<const S*>(out));
  launch_pixels<S>(call, StoreGradient<S>{dz, out}, vectors);
}

// A thread's sums of da, where mask > 0, and of da * (z - mean).
template <typename S, int kEach>
class MaskedSums {
 public:
  using T = Compute<S>;
  struct Loaded {
    Vector<S, kEach> da, mask, z;
  };

  __device__ MaskedSums(const Gradient<S>& da, const VectorStrand& strand) : da_(da) {
#pragma unroll
    for (int k = 0; k < kEach; ++k) {
      mean_[k] = da.mean[strand.channel(k)];
      first[k] = second[k] = 0;
    }
  }

  __device__ Loaded load(const VectorPlace& p) const {
    const int64_t at = p.at(da_.da_stride);
    return {load_vector<kEach>(da_.da, at, p.count, p.whole),
            load_vector<kEach>(da_.mask, at, p.count, p.whole),
            load_vector<kEach>(da_.z, p.at(da_.channels), p.count, p.whole)};
  }

  __device__ void finish(const VectorPlace&, const Loaded& loaded) {
#pragma unroll
    for (int k = 0; k < kEach; ++k) {
      if (!(static_cast<T>(loaded.mask.of[k]) > 0)) continue;
      const T d = static_cast<T>(loaded.da.of[k]);
      first[k] += d;
      second[k] += d * (static_cast<T>(loaded.z.of[k]) - mean_[k]);
    }
  }

  T first[kEach], second[kEach];

 private:
  const Gradient<S>& da_;
  T mean_[kEach];
};

// Adds up the threads' sums of a block, lines and the places of a period in their order.
template <int kEach, typename T>
__device__ void store_sums(const PixelVectors& p, const VectorStrand& strand,
                           const T (&sums)[kEach], T* to) {
  T* shared = dynamic_shared<T>();
  const int row = p.width * kEach;
  if (strand.active()) {
    const int at = strand.line() * row + strand.offset() - static_cast<int>(blockIdx.y) * row;
#pragma unroll
    for (int k = 0; k < kEach; ++k) shared[at + k] = sums[k];
  }
  __syncthreads();
  const int first =
      static_cast<int>(blockIdx.y) * row;  // channel; 0 where a period has many pixels
  const int columns = p.period > 1 ? p.channels : min(row, p.channels - first);
  for (int c = static_cast<int>(threadIdx.x); c < columns; c += kVectorThreads) {
    T sum = 0;
    for (int line = 0; line < p.lines; ++line) {
      for (int i = 0; i < p.period; ++i) sum += shared[line * row + i * p.channels + c];
    }
    to[static_cast<int64_t>(blockIdx.x) * p.channels + first + c] = sum;
  }
  __syncthreads();
}

template <int kEach, typename S>
__global__ void __launch_bounds__(kVectorThreads)
    sum_masked(Gradient<S> da, TileSums<Compute<S>> sums, PixelVectors vectors) {
  const VectorStrand strand(vectors);
  MaskedSums<S, kEach> lane(da, strand);
  if (strand.active()) strand.walk<kEach>(lane);
  store_sums(vectors, strand, lane.first, sums.first);
  store_sums(vectors, strand, lane.second, sums.second);
}

// The sums of da where its mask is above zero; sums.tile is set.
template <typename S>
void launch_masked_sums(const Call& call, const Gradient<S>& da, TileSums<Compute<S>>& sums) {
  using T = Compute<S>;
  PixelVectors vectors(sums.pixels, da.channels, sizeof(S), {da.da_stride});
  vectors.align(da.da, da.mask, da.z);
  constexpr int64_t kBlocks = 132 * 8;  // of a large map
  vectors.set_part(std::max(kTilePixels, ceil_div(sums.pixels, kBlocks)));
  sums.tile = vectors.part;
  with_each<S>(vectors.each, [&](auto each) {
    launch(call, sum_masked<each(), S>,
           vectors.grid(sizeof(T) * vectors.lines * vectors.width * vectors.each), da, sums,
           vectors);
  });
}

}  // namespace menet
