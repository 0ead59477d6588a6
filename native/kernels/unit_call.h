// The unit ops' common form: which inputs and outputs an op has, given the parts of the
// unit that it consists of.
//
//   forward   x | h, residual, then the parameters -> y in inference form; in training
//             form y and what the gradient needs: z1, z2, zm, zs, ze, z3, statistics
//   gradient  dy, y, x | h, residual, the parameters, z1 ... statistics
//             -> gradients of x | h, residual, and of each weight, scale and offset
//
// Parameters: compress, its batch norm, depthwise | the depthwise batch norm, merge, its
// batch norm, conv, ... evolve, ... | expand, its batch norm. A batch norm is scale,
// offset, mean, variance; training updates the last two in place. Attributes: groups,
// strides, training.
//
// x | h decides what activations are stored as; parameters, statistics and their gradients are
// float32 where that is a 16-bit type.
#pragma once

#include "core/op.h"

namespace menet {

struct UnitParts {
  bool compress;  // and depthwise; else h and the depthwise output are inputs
  bool branch;
  bool expand;
};

std::vector<TensorType> infer_unit(const Call& call, UnitParts parts);
void run_unit(Call& call, UnitParts parts);
std::vector<TensorType> infer_unit_gradient(const Call& call, UnitParts parts);
void run_unit_gradient(Call& call, UnitParts parts);

}  // namespace menet
