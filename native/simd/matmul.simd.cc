#include "simd/matmul.h"

#include "simd/gemm.h"

namespace menet {
namespace MENET_ISA {

namespace {

constexpr int64_t kPanel = 4 * kMaxLanes;  // columns packed at a time
constexpr int64_t kRows = 256;             // rows of C held in scratch at a time

template <typename T>
void pack_panel(int64_t columns, int64_t depth, MatrixView<T> b, T* panel) {
  for (int64_t k = 0; k < depth; ++k) {
    for (int64_t n = 0; n < columns; ++n) panel[k * kPanel + n] = b.data[k * b.row + n * b.column];
    for (int64_t n = columns; n < kPanel; ++n) panel[k * kPanel + n] = 0;
  }
}

template <typename T>
void copy_out(int64_t rows, int64_t columns, const T* tile, T* c, int64_t ldc, bool accumulate) {
  for (int64_t m = 0; m < rows; ++m) {
    for (int64_t n = 0; n < columns; ++n) {
      const T value = tile[m * kPanel + n];
      c[m * ldc + n] = accumulate ? c[m * ldc + n] + value : value;
    }
  }
}

}  // namespace

template <typename T>
void matmul(int64_t rows, int64_t columns, int64_t depth, MatrixView<T> a, MatrixView<T> b, T* c,
            int64_t ldc, bool accumulate, T* scratch) {
  T* tile = scratch;
  T* panel = scratch + kRows * kPanel;
  for (int64_t n = 0; n < columns; n += kPanel) {
    const int64_t width = columns - n < kPanel ? columns - n : kPanel;
    pack_panel(width, depth, {b.data + n * b.column, b.row, b.column}, panel);
    for (int64_t m = 0; m < rows; m += kRows) {
      const int64_t height = rows - m < kRows ? rows - m : kRows;
      gemm<T, false>(height, padded<T>(width), depth, {a.data + m * a.row, a.row, a.column}, panel,
                     kPanel, tile, kPanel);
      copy_out(height, width, tile, c + m * ldc + n, ldc, accumulate);
    }
  }
}

#define INSTANTIATE(T)                                                                          \
  template void matmul<T>(int64_t, int64_t, int64_t, MatrixView<T>, MatrixView<T>, T*, int64_t, \
                          bool, T*);
MENET_FOR_FLOATS(INSTANTIATE)

}  // namespace MENET_ISA
}  // namespace menet
