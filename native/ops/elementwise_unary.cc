// Abs Ceil Elu Exp Floor LeakyRelu Log Neg Reciprocal Relu Relu6 Rsqrt Sigmoid Sqrt Square
// Step Tanh (x) -> y of x's shape and type, for float32 and some for int32; ClipByValue.
#include "core/op.h"
#include "core/thread_pool.h"
#include "ops/elementwise_unary.simd.h"
#include "ops/grain.h"
#include "ops/number_type.h"

namespace menet {

namespace {

template <UnaryFunction function>
std::vector<TensorType> infer(const Call& call) {
  call.expect_inputs(1);
  const bool integer = static_cast<int>(function) < kIntegerUnaryFunctions;
  if (!(integer && call.inputs[0].dtype == DType::kInt32)) call.expect_float(0, "x");
  if (call.attributes.has("alpha")) call.attributes.number("alpha");
  return {call.inputs[0]};
}

template <UnaryFunction function>
void cpu(Call& call) {
  const Tensor& x = call.inputs[0];
  const double parameter = call.attributes.has("alpha") ? call.attributes.number("alpha") : 0;
  with_number_type(x.dtype, [&](auto zero) {
    using T = decltype(zero);
    parallel_for(x.size(), kElementGrain, [&](int64_t begin, int64_t end, int) {
      MENET_SIMD(unary<T>)
      (function, x.as<T>() + begin, call.outputs[0].as<T>() + begin, end - begin,
       static_cast<T>(parameter));
    });
  });
}

template <UnaryFunction function>
Op unary_op(const char* name) {
  return {name, infer<function>, cpu<function>};
}

const RegisterOp unary_ops[] = {
    RegisterOp(unary_op<UnaryFunction::kAbs>("Abs")),
    RegisterOp(unary_op<UnaryFunction::kNeg>("Neg")),
    RegisterOp(unary_op<UnaryFunction::kSquare>("Square")),
    RegisterOp(unary_op<UnaryFunction::kRelu>("Relu")),
    RegisterOp(unary_op<UnaryFunction::kRelu6>("Relu6")),
    RegisterOp(unary_op<UnaryFunction::kCeil>("Ceil")),
    RegisterOp(unary_op<UnaryFunction::kElu>("Elu")),
    RegisterOp(unary_op<UnaryFunction::kExp>("Exp")),
    RegisterOp(unary_op<UnaryFunction::kFloor>("Floor")),
    RegisterOp(unary_op<UnaryFunction::kLeakyRelu>("LeakyRelu")),
    RegisterOp(unary_op<UnaryFunction::kLog>("Log")),
    RegisterOp(unary_op<UnaryFunction::kReciprocal>("Reciprocal")),
    RegisterOp(unary_op<UnaryFunction::kRsqrt>("Rsqrt")),
    RegisterOp(unary_op<UnaryFunction::kSigmoid>("Sigmoid")),
    RegisterOp(unary_op<UnaryFunction::kSqrt>("Sqrt")),
    RegisterOp(unary_op<UnaryFunction::kStep>("Step")),
    RegisterOp(unary_op<UnaryFunction::kTanh>("Tanh")),
};

std::vector<TensorType> infer_clip(const Call& call) {
  call.expect_inputs(1);
  call.expect_float(0, "x");
  call.attributes.number("clipValueMin");
  call.attributes.number("clipValueMax");
  return {call.inputs[0]};
}

void cpu_clip(Call& call) {
  const Tensor& x = call.inputs[0];
  const double low = call.attributes.number("clipValueMin");
  const double high = call.attributes.number("clipValueMax");
  with_float_type(x.dtype, [&](auto zero) {
    using T = decltype(zero);
    parallel_for(x.size(), kElementGrain, [&](int64_t begin, int64_t end, int) {
      MENET_SIMD(clip<T>)
      (x.as<T>() + begin, call.outputs[0].as<T>() + begin, end - begin, static_cast<T>(low),
       static_cast<T>(high));
    });
  });
}

const RegisterOp clip_op({"ClipByValue", infer_clip, cpu_clip});

}  // namespace

}  // namespace menet
