// Copies between tensors that are walked with any strides: what transposing, slicing,
// reversing, tiling, padding and concatenating are made of.
#pragma once

#include "core/op.h"

namespace menet {

// Strides, in elements, of a dense tensor.
Shape dense_strides(const Shape& shape);

// y[sum of i_d to_d] = x[sum of i_d from_d] for every index i within `sizes`, in parallel.
// Strides may be 0 or negative in x; elements of y must not be written twice.
void strided_copy(DType dtype, const Shape& sizes, const void* x, int64_t x_offset,
                  const Shape& from, void* y, int64_t y_offset, const Shape& to);

}  // namespace menet
