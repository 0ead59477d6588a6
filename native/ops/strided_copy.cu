#include "cuda/walk.h"
#include "ops/number_type.h"
#include "ops/strided_copy.h"

namespace menet {

namespace {

// Threads walk in the order of y's elements, so that at least the writes are neighbours.
template <typename T>
__global__ void copy(const T* x, T* y, int64_t count, Walk<2> walk) {
  for (int64_t i = grid_begin(); i < count; i += grid_step()) {
    int64_t at[2];
    walk.locate(i, at);
    y[at[1]] = x[at[0]];
  }
}

constexpr int kSide = 32;  // of a transposed tile
constexpr int kRows = 8;   // of it that a block copies at a time

// y[r * to + c] = x[r + c * from] for matrices that the outer dimensions walk to. A tile goes
// through shared memory, whose rows are padded against bank conflicts.
template <typename T>
__global__ void transpose(const T* x, T* y, int64_t rows, int64_t columns, int64_t from, int64_t to,
                          int64_t matrices, Walk<2> outer) {
  MENET_SHARED(T, tile, kSide * (kSide + 1));
  const int tx = static_cast<int>(threadIdx.x), ty = static_cast<int>(threadIdx.y);
  const int64_t r0 = static_cast<int64_t>(blockIdx.x) * kSide;
  const int64_t c0 = static_cast<int64_t>(blockIdx.y) * kSide;
  for (int64_t m = blockIdx.z; m < matrices; m += gridDim.z) {
    int64_t at[2];
    outer.locate(m, at);
    for (int k = ty; k < kSide; k += kRows) {
      if (r0 + tx < rows && c0 + k < columns) {
        tile[k * (kSide + 1) + tx] = x[at[0] + r0 + tx + (c0 + k) * from];
      }
    }
    __syncthreads();
    for (int k = ty; k < kSide; k += kRows) {
      if (r0 + k < rows && c0 + tx < columns) {
        y[at[1] + (r0 + k) * to + c0 + tx] = tile[tx * (kSide + 1) + k];
      }
    }
    __syncthreads();
  }
}

template <typename T>
void copy_loops(const Call& call, const CopyLoops& loops, bool matrix, const T* x, T* y) {
  const size_t rank = loops.sizes.size();
  Walk<2> walk;
  for (size_t d = 0; d < rank - (matrix ? 2 : 0); ++d) {
    walk.add(call, loops.sizes[d], {loops.from[d], loops.to[d]});
  }
  const int64_t count = walk.count();
  if (!matrix) return launch(call, copy<T>, grid_for(count), x, y, count, walk);
  const int64_t rows = loops.sizes[rank - 2], columns = loops.sizes[rank - 1];
  constexpr int64_t kMostSlices = 65535;
  const int64_t wide = ceil_div(columns, kSide);
  call.expect(wide <= kMostSlices, "expected at most ", kMostSlices * kSide,
              " columns to transpose on a GPU, got ", columns);
  const Grid grid{dim3(static_cast<unsigned>(ceil_div(rows, kSide)), static_cast<unsigned>(wide),
                       static_cast<unsigned>(std::min(count, kMostSlices))),
                  dim3(kSide, kRows)};
  launch(call, transpose<T>, grid, x, y, rows, columns, loops.from[rank - 1], loops.to[rank - 2],
         count, walk);
}

}  // namespace

void strided_copy_cuda(const Call& call, DType dtype, const CopyLoops& loops, bool matrix,
                       const void* x, int64_t x_offset, void* y, int64_t y_offset) {
  with_element_size(dtype, [&](auto zero) {
    using T = decltype(zero);
    copy_loops(call, loops, matrix, static_cast<const T*>(x) + x_offset,
               static_cast<T*>(y) + y_offset);
  });
}

}  // namespace menet
