// What happens to a tile that a pass has made on a GPU: an "end" is called as
// end(part, first, count), the tile's columns being channels [first, first + count).
#pragma once

#include "kernels/tile_sums.h"

namespace menet {

// Stores z and leaves the moments of what is stored.
template <typename S>
struct StoreEnd {
  S* out;  // null: the moments alone
  int64_t stride;
  Shuffle shuffle;
  TileSums<Compute<S>> moments;

  template <typename Part>
  __device__ void operator()(Part& part, int64_t first, int64_t count) const {
    if (out != nullptr) {
      part.for_each(count, [&](int i, int j, int64_t pixel) {
        const S stored = static_cast<S>(part.values[i][j]);
        out[pixel * stride + shuffle.position(first + part.columns[j])] = stored;
        part.values[i][j] = static_cast<Compute<S>>(stored);
      });
    }
    if (moments.first != nullptr) part.write_moments(moments, first, count);
  }
};

// The gradient of a pass's input: through gate, relu and batch norm of a source that has them.
template <typename S>
struct GradientEnd {
  using T = Compute<S>;
  Source<S> in;
  S* d_in;            // of the normalised input before relu, or of a raw one
  S* d_gate;          // of the normalised gate before the sigmoid
  bool accumulate;    // raw input: add to d_in
  const S* residual;  // raw input: adds residual where residual_mask > 0
  const S* residual_mask;
  TileSums<T> sums, gate_sums;  // of a normalised input

  template <typename Part>
  __device__ void operator()(Part& part, int64_t first, int64_t count) const {
    Part gate = part;
    part.for_each(count, [&](int i, int j, int64_t pixel) {
      const int64_t c = first + part.columns[j], at = pixel * in.channels + c;
      T d = part.values[i][j];
      if (in.scale == nullptr) {
        if (accumulate) d += static_cast<T>(d_in[at]);
        if (residual != nullptr && static_cast<T>(residual_mask[at]) > 0) {
          d += static_cast<T>(residual[at]);
        }
      } else {
        const T a = normalized_at(in, pixel, c);
        if (in.relu && !(a > 0)) d = 0;
        if (in.gate != nullptr) {
          const T s = gate_at(in, pixel, c);
          const S d_e = static_cast<S>(d * a * s * (1 - s));
          d_gate[at] = d_e;
          gate.values[i][j] = static_cast<T>(d_e);
          d *= s;
        }
      }
      const S stored = static_cast<S>(d);
      d_in[at] = stored;
      part.values[i][j] = static_cast<T>(stored);
    });
    if (sums.first == nullptr) return;
    part.write_products(sums, first, count, [&](int i, int j) {
      const int64_t c = first + part.columns[j];
      return static_cast<T>(in.z[part.pixel(i) * in.channels + c]) - in.mean[c];
    });
    if (gate_sums.first == nullptr) return;
    gate.write_products(gate_sums, first, count, [&](int i, int j) {
      const int64_t c = first + part.columns[j];
      return static_cast<T>(in.gate[part.pixel(i) * in.channels + c]) - in.gate_mean[c];
    });
  }
};

}  // namespace menet
