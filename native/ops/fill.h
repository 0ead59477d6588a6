// A tensor full of one value.
#pragma once

#include "core/op.h"

namespace menet {

// On the call's device.
void fill(const Call& call, const Tensor& y, double value);

void fill_cuda(const Call& call, const Tensor& y, double value);

}  // namespace menet
