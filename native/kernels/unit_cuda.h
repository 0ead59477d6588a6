// unit.h's forms on a GPU.
#pragma once

#include "kernels/unit.h"

namespace menet {

// Training form where tensors.statistics is given, else the inference form.
template <typename T>
void unit_forward_cuda(Call& call, const Unit<T>& unit, const UnitTensors<T>& tensors);

template <typename T>
void unit_backward_cuda(Call& call, const Unit<T>& unit, const UnitTensors<T>& tensors, const T* dy,
                        const UnitGradients<T>& gradients);

}  // namespace menet
