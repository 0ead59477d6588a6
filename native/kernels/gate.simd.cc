#include "kernels/gate.h"

#include "kernels/tiles.h"

namespace menet {
namespace MENET_ISA {

template <typename T>
void gate(const Source<T>& in, T* q, int64_t begin, int64_t end) {
  for (int64_t p = begin; p < end; ++p) {
    for_vectors<T>(in.channels, [&](int64_t c, auto width) {
      store(q + p * in.channels + c, read(in, p, c, width) * read_gate(in, p, c, width), width);
    });
  }
}

template <typename T>
void gate_gradient(const GateGradient<T>& args, int64_t begin, int64_t end, Sums<T>& sums,
                   Sums<T>& gate_sums, T* scratch) {
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
        const Vector<T> d_in = load(args.dq + offset, width) * s;
        const Vector<T> d_gate = d_in * read(args.in, p, c, width) * (T(1) - s);
        store(args.d_in + offset, d_in, width);
        store(args.d_gate + offset, d_gate, width);
        in_rows.add(c, d_in, load(args.in.z + offset, width), args.in.mean, width);
        gate_rows.add(c, d_gate, load(args.in.gate + offset, width), args.in.gate_mean, width);
      });
    }
    in_rows.flush(channels, sums);
    gate_rows.flush(channels, gate_sums);
  }
}

template <typename T>
void moments(const T* z, int64_t channels, int64_t begin, int64_t end, Sums<T>& sums) {
  constexpr int64_t kRows = 64;
  for (int64_t p = begin; p < end; p += kRows) {
    const int64_t rows = end - p < kRows ? end - p : kRows;
    add_moments(z + p * channels, rows, channels, channels, 0, sums);
    sums.count += rows;
  }
}

template <typename T>
void write_gradient(const Gradient<T>& gradient, T* dz, int64_t begin, int64_t end) {
  for (int64_t p = begin; p < end; ++p) {
    for_vectors<T>(gradient.channels, [&](int64_t c, auto width) {
      store(dz + p * gradient.channels + c, read(gradient, p, c, width), width);
    });
  }
}

#define INSTANTIATE(T)                                                                         \
  template void gate<T>(const Source<T>&, T*, int64_t, int64_t);                               \
  template void gate_gradient<T>(const GateGradient<T>&, int64_t, int64_t, Sums<T>&, Sums<T>&, \
                                 T*);                                                          \
  template void moments<T>(const T*, int64_t, int64_t, int64_t, Sums<T>&);                     \
  template void write_gradient<T>(const Gradient<T>&, T*, int64_t, int64_t);
MENET_FOR_FLOATS(INSTANTIATE)

}  // namespace MENET_ISA
}  // namespace menet
