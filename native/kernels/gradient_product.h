// The gradients of a unit's convolutions on a GPU, 1x1 in groups or dense 3x3, of their input and
// of their weights in one pass over the operands: dz is formed once for each tile of input pixels,
// multiplied with the weights for the one, and with the input for the other, whose sums a block
// keeps in shared memory. Where they do not fit there together, they are a pass each.
#pragma once

#include "cuda/partial_sums.h"
#include "kernels/gradient_block.h"

namespace menet {

template <typename S>
__global__ void __launch_bounds__(kProductThreads, 2)
    gradient_product(const __grid_constant__ GradientProduct<S> product) {
  GradientBlock<S>(product).run();
}

template <typename S>
ProductWork gradient_work(const GradientProduct<S>& p, bool result, bool weights) {
  ProductWork work{};
  work.back = true;
  work.result = result;
  work.weights = weights;
  work.operands = p.dz.mask != nullptr ? 3 : p.dz.scale != nullptr ? 2 : 1;
  work.inputs = p.end.in.gate == nullptr ? 1 : 2;
  work.stride = p.shuffle.groups > 1 ? p.shape.groups * p.shape.channels : 0;
  if (result && p.end.sums.first != nullptr) work.sum_lines += 4;
  if (result && p.end.gate_sums.first != nullptr) work.sum_lines += 4;
  work.element = sizeof(S);
  work.compute = sizeof(Compute<S>);
  return work;
}

// Both gradients of a convolution of end.in; end's sums get a tile for each block. Without
// end.d_in, the weights' alone.
template <typename S>
void launch_gradient_product(Call& call, const Compute<S>* weights, const ProductShape& shape,
                             GradientEnd<S>& end, const Gradient<S>& dz, const Shuffle& shuffle,
                             Compute<S>* d_weights) {
  using T = Compute<S>;
  const SharedLimits limits = shared_limits();
  const int64_t size = int64_t{shape.taps} * shape.depth * shape.groups * shape.channels;
  const auto run = [&](bool result, bool of_weights) {
    GradientProduct<S> p{dz, shuffle, weights, end, nullptr, shape, {}};
    if (!result) {
      p.end = GradientEnd<S>{};
      p.end.in = end.in;
    }
    if (!plan_product(shape, gradient_work(p, result, of_weights), limits, p.plan)) return false;
    if (of_weights) p.partials = call.scratch<T>(p.plan.parts * size);
    if (result) end.sums.tile = end.gate_sums.tile = p.plan.part;
    launch(call, gradient_product<S>, p.plan.grid(shape), p);
    if (of_weights)
      sum_partials(call, static_cast<const T*>(p.partials), p.plan.parts, size, d_weights);
    return true;
  };
  const bool result = end.d_in != nullptr;
  if (run(result, true)) return;
  call.expect(result && run(true, false) && run(false, true),
              "expected a convolution whose tiles fit into shared memory");
}

}  // namespace menet
