// The dimensions of a reduction, seen as [outer, count, inner] with `count` reduced.
#pragma once

#include "core/op.h"

namespace menet {

struct ReduceShape {
  int64_t outer = 1;
  int64_t count = 1;
  int64_t inner = 1;
  Shape output;
};

// From input 0 and the attributes axes (ascending; neighbours, apart from dimensions of 1)
// and keepDims; throws naming the op where they do not fit.
ReduceShape reduce_shape(const Call& call);

}  // namespace menet
