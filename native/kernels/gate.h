// What the op merge_evolve needs on its own; in a whole unit other passes take it in.
#pragma once

#include "kernels/operands.h"
#include "simd/dispatch.h"

namespace menet {

// Of q = (z * scale + shift) * sigmoid(gate * gate_scale + gate_shift), pixels [begin, end).
template <typename T>
struct GateGradient {
  Source<T> in;
  const T* dq;
  T* d_in;    // gradient of the normalised z
  T* d_gate;  // gradient of the normalised gate before the sigmoid
};

inline int64_t gate_gradient_scratch(int64_t channels) { return 4 * pad(channels); }

MENET_SIMD_DECLARE(template <typename T>
                   void gate(const Source<T>& in, T* q, int64_t begin, int64_t end);
                   template <typename T>
                   void gate_gradient(const GateGradient<T>& args, int64_t begin, int64_t end,
                                      Sums<T>& sums, Sums<T>& gate_sums, T* scratch);
                   // Statistics of z [P][channels], pixels [begin, end).
                   template <typename T> void moments(const T* z, int64_t channels, int64_t begin,
                                                      int64_t end, Sums<T>& sums);
                   // dz of a batch norm's input written out.
                   template <typename T> void write_gradient(const Gradient<T>& gradient, T* dz,
                                                             int64_t begin, int64_t end);)

}  // namespace menet
