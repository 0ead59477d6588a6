// The L2 norm of many tensors taken as one vector: GradientNorm(gradients...) -> norm []. Pieces
// are summed in double and added up in order, so that any number of threads gives the same bits.
#include <cmath>

#include "kernels/multi_tensor.h"
#include "kernels/update.h"

namespace menet {

namespace {

std::vector<TensorType> infer(const Call& call) {
  call.expect(!call.inputs.empty(), "expected tensors, got none");
  for (size_t i = 0; i < call.inputs.size(); ++i) {
    call.expect_float(i, "gradient");
    call.expect_dtype(i, "gradient", call.inputs[0].dtype);
  }
  return {{call.inputs[0].dtype, {}}};
}

template <typename T>
void run_typed(Call& call) {
  const Pieces pieces(call.inputs, call.inputs.size());
  std::vector<double> sums(pieces.count());
  pieces.for_each([&](const Pieces::Piece& piece, size_t index) {
    const T* x = call.inputs[piece.tensor].as<T>() + piece.begin;
    sums[index] = MENET_SIMD(sum_of_squares<T>)(x, piece.size);
  });
  double total = 0;
  for (double sum : sums) total += sum;
  *call.outputs[0].as<T>() = static_cast<T>(std::sqrt(total));
}

void cpu(Call& call) {
  with_float_type(call.inputs[0].dtype, [&](auto t) { run_typed<decltype(t)>(call); });
}

const RegisterOp gradient_norm({"GradientNorm", infer, cpu});

}  // namespace

}  // namespace menet
