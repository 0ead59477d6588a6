// What the op merge_evolve needs on its own; in a whole unit other passes take it in.
#pragma once

#include "kernels/operands.h"
#include "simd/dispatch.h"

namespace menet {

// Of q = (z * scale + shift) * sigmoid(gate * gate_scale + gate_shift), pixels [begin, end).
template <typename S>
struct GateGradient {
  Source<S> in;
  const S* dq;
  S* d_in;    // gradient of the normalised z
  S* d_gate;  // gradient of the normalised gate before the sigmoid
};

inline int64_t gate_gradient_scratch(int64_t channels) { return 4 * pad(channels); }

MENET_SIMD_DECLARE(
    template <typename S> void gate(const Source<S>& in, S* q, int64_t begin, int64_t end);
    template <typename S>
    void gate_gradient(const GateGradient<S>& args, int64_t begin, int64_t end,
                       Sums<Compute<S>>& sums, Sums<Compute<S>>& gate_sums, Compute<S>* scratch);
    // Statistics of z [P][channels], pixels [begin, end).
    template <typename S>
    void moments(const S* z, int64_t channels, int64_t begin, int64_t end, Sums<Compute<S>>& sums);
    // dz of a batch norm's input written out.
    template <typename S>
    void write_gradient(const Gradient<S>& gradient, S* dz, int64_t begin, int64_t end);)

}  // namespace menet
