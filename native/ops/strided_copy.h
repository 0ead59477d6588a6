// Copies between tensors that are walked with any strides: what transposing, slicing,
// reversing, tiling, padding and concatenating are made of.
#pragma once

#include "core/op.h"

namespace menet {

// Strides, in elements, of a dense tensor.
Shape dense_strides(const Shape& shape);

// The loops of a copy, outermost first: dimensions of 1 dropped, and neighbours merged that one
// stride describes; at least two.
struct CopyLoops {
  Shape sizes, from, to;

  CopyLoops(const Shape& all_sizes, const Shape& all_from, const Shape& all_to);

  // Where x is dense in another dimension than y, makes that one the last but one; true where
  // the two innermost loops are then a matrix to transpose.
  bool choose_matrix();
};

// y[sum of i_d to_d] = x[sum of i_d from_d] for every index i within `sizes`, on the call's
// device. Strides may be 0 or negative in x; elements of y must not be written twice.
void strided_copy(const Call& call, DType dtype, const Shape& sizes, const void* x,
                  int64_t x_offset, const Shape& from, void* y, int64_t y_offset, const Shape& to);

void strided_copy_cuda(const Call& call, DType dtype, const CopyLoops& loops, bool matrix,
                       const void* x, int64_t x_offset, void* y, int64_t y_offset);

}  // namespace menet
