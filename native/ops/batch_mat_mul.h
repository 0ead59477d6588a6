// The sizes of a batched matrix product.
#pragma once

#include "core/op.h"

namespace menet {

struct Product {
  int64_t batches, rows, columns, depth;
  int64_t a_batches, b_batches;
  bool transpose_a, transpose_b;
};

// From inputs a and b and the attributes; throws naming the op where they do not fit.
Product product_of(const Call& call);

}  // namespace menet
