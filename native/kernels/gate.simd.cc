#include "kernels/gate.h"

#include "kernels/tiles.h"

namespace menet {
namespace MENET_ISA {

template <typename S>
void gate(const Source<S>& in, S* q, int64_t begin, int64_t end) {
  using T = Compute<S>;
  for (int64_t p = begin; p < end; ++p) {
    for_vectors<T>(in.channels, [&](int64_t c, auto width) {
      store(q + p * in.channels + c, read(in, p, c, width) * read_gate(in, p, c, width), width);
    });
  }
}

template <typename S>
void gate_gradient(const GateGradient<S>& args, int64_t begin, int64_t end, Sums<Compute<S>>& sums,
                   Sums<Compute<S>>& gate_sums, Compute<S>* scratch) {
  using T = Compute<S>;
  constexpr int64_t kRows = 256;  // added up in T before going to double
  const int64_t channels = args.in.channels;
  const int64_t stride = pad(channels);
  const BlockSums<T> in_rows{scratch, scratch + stride};
  const BlockSums<T> gate_rows{scratch + 2 * stride, scratch + 3 * stride};
  for (int64_t top = begin; top < end; top += kRows) {
    in_rows.clear(channels);
    gate_rows.clear(channels);
    for (int64_t p = top; p < (end - top < kRows ? end : top + kRows); ++p) {
      for_vectors<T>(channels, [&](int64_t c, auto width) {
        const int64_t offset = p * channels + c;
        const Vector<T> s = read_gate(args.in, p, c, width);
        const Vector<T> d = load(args.dq + offset, width) * s;
        const Vector<T> d_in = store_rounded(args.d_in + offset, d, width);
        const Vector<T> d_gate =
            store_rounded(args.d_gate + offset, d * read(args.in, p, c, width) * (T(1) - s), width);
        in_rows.add(c, d_in, load(args.in.z + offset, width), args.in.mean, width);
        gate_rows.add(c, d_gate, load(args.in.gate + offset, width), args.in.gate_mean, width);
      });
    }
    in_rows.flush(channels, sums);
    gate_rows.flush(channels, gate_sums);
  }
}

template <typename S>
void moments(const S* z, int64_t channels, int64_t begin, int64_t end, Sums<Compute<S>>& sums) {
  constexpr int64_t kRows = 64;
  for (int64_t p = begin; p < end; p += kRows) {
    const int64_t rows = end - p < kRows ? end - p : kRows;
    add_moments(z + p * channels, rows, channels, channels, 0, sums);
    sums.count += rows;
  }
}

template <typename S>
void write_gradient(const Gradient<S>& gradient, S* dz, int64_t begin, int64_t end) {
  using T = Compute<S>;
  for (int64_t p = begin; p < end; ++p) {
    for_vectors<T>(gradient.channels, [&](int64_t c, auto width) {
      store(dz + p * gradient.channels + c, read(gradient, p, c, width), width);
    });
  }
}

#define INSTANTIATE(S)                                                                        \
  template void gate<S>(const Source<S>&, S*, int64_t, int64_t);                              \
  template void gate_gradient<S>(const GateGradient<S>&, int64_t, int64_t, Sums<Compute<S>>&, \
                                 Sums<Compute<S>>&, Compute<S>*);                             \
  template void moments<S>(const S*, int64_t, int64_t, int64_t, Sums<Compute<S>>&);           \
  template void write_gradient<S>(const Gradient<S>&, S*, int64_t, int64_t);
MENET_FOR_STORAGE(INSTANTIATE)

}  // namespace MENET_ISA
}  // namespace menet
