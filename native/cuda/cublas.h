// cuBLAS, where the machine has it: looked for when it is first wanted, never linked. A matrix
// product that it does not take is the built-in kernels'.
#pragma once

#include <string>

#include "core/device.h"

namespace menet {

// A row-major product of float32 matrices: y [rows][columns] = a [rows][depth] b [depth][columns],
// or of [depth][rows] and [columns][depth] where transposed; steps from batch to batch in elements,
// 0 where a matrix is repeated.
struct BlasProduct {
  const float *a, *b;
  float* y;
  int64_t batches, rows, columns, depth;
  int64_t a_step, b_step;
  bool transpose_a, transpose_b;
};

// Whether cuBLAS did it: false where there is none, or for sizes that it cannot have. Throws where
// it fails.
bool multiply_with_cublas(Device& device, const BlasProduct& product);

// "cuBLAS (libcublas.so.12)", or empty. MENET_CUDA_LIBRARIES: `off`, or a folder to look in
// instead of the system's places.
std::string cublas_found();

}  // namespace menet
