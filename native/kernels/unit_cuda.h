// unit.h's forms on a GPU.
#pragma once

#include "kernels/unit.h"

namespace menet {

// Training form where tensors.statistics is given, else the inference form.
template <typename S>
void unit_forward_cuda(Call& call, const Unit<Compute<S>>& unit, const UnitTensors<S>& tensors);

template <typename S>
void unit_backward_cuda(Call& call, const Unit<Compute<S>>& unit, const UnitTensors<S>& tensors,
                        const S* dy, const UnitGradients<S>& gradients);

}  // namespace menet
