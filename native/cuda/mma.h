// A warp's tensor core instructions on 16-bit floats, with sums in float. Lane l is row
// l / 4 and pair l % 4 of a fragment:
//
//   a[0..3]  16x16: rows l/4 and l/4 + 8 of columns 2(l%4) and the next; then of 8 columns on
//   b[0..1]  16x8: rows 2(l%4) and the next of column l/4; then 8 rows on
//   c[0..3]  16x8: row l/4, columns 2(l%4) and the next; then row l/4 + 8
//
// (PTX ISA, "Matrix Fragments for mma.m16n8k16".)
#pragma once

#include "core/half.h"
#include "cuda/launch.h"
#ifndef __CUDACC__
#include "cuda/shim/mma.h"
#endif

namespace menet {

// Whether the code that is being compiled has tensor cores for S: float16 from sm_75 on, bfloat16
// from sm_80.
template <typename S>
struct TensorCores {
  static constexpr bool kThere = false;
};
template <>
struct TensorCores<Float16> {
  static constexpr bool kThere = true;
};
#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 800
template <>
struct TensorCores<BFloat16> {
  static constexpr bool kThere = true;
};
#endif

#ifdef __CUDACC__

// Four 8x8 matrices of 16-bit elements in shared memory: lane l gives the address, a multiple of
// 16 bytes, of row l % 8 of matrix l / 8. r[i]: elements 2(l%4) and the next of row l / 4 of
// matrix i; transposed: of column l / 4.
__device__ inline void load_matrices(unsigned (&r)[4], const void* row) {
  const auto address = static_cast<unsigned>(__cvta_generic_to_shared(row));
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(address)
               : "memory");
}
__device__ inline void load_matrices_transposed(unsigned (&r)[4], const void* row) {
  const auto address = static_cast<unsigned>(__cvta_generic_to_shared(row));
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(address)
               : "memory");
}

// c += a b
__device__ inline void multiply_fragments(float (&c)[4], const unsigned (&a)[4],
                                          const unsigned (&b)[2], Float16) {
#if __CUDA_ARCH__ >= 800
  asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, "
      "{%8, %9}, {%0, %1, %2, %3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#else
#pragma unroll
  for (int k = 0; k < 2; ++k) {
    asm("mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5}, {%6}, "
        "{%0, %1, %2, %3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(a[2 * k]), "r"(a[2 * k + 1]), "r"(b[k]));
  }
#endif
}
#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 800
__device__ inline void multiply_fragments(float (&c)[4], const unsigned (&a)[4],
                                          const unsigned (&b)[2], BFloat16) {
  asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, "
      "{%8, %9}, {%0, %1, %2, %3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}
#endif

#else

using shim::load_matrices;
using shim::load_matrices_transposed;
using shim::multiply_fragments;

#endif

}  // namespace menet
