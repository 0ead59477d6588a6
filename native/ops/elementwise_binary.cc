// Add Sub Multiply Maximum Minimum SquaredDifference RealDiv Prelu (a, b) -> y of their type;
// Equal NotEqual Less LessEqual Greater GreaterEqual, LogicalAnd LogicalOr of bool -> bool.
// Shapes broadcast. AddN(tensors...) -> their sum, of one shape.
#include "core/thread_pool.h"
#include "ops/broadcast.h"
#include "ops/elementwise_binary.simd.h"
#include "ops/grain.h"
#include "ops/number_type.h"

namespace menet {

namespace {

// Calls row(offset in a, in b, in y, count) over all of y, in parallel.
template <typename Row>
void run_rows(const Call& call, const Broadcast& broadcast, Row&& row) {
  parallel_for(call.outputs[0].size(), kElementGrain,
               [&](int64_t begin, int64_t end, int) { broadcast.for_each_row(begin, end, row); });
}

Broadcast broadcast_of(const Call& call) {
  return Broadcast(call.inputs[0].shape, call.inputs[1].shape, call.outputs[0].shape);
}

template <BinaryFunction function>
std::vector<TensorType> infer(const Call& call) {
  call.expect_inputs(2);
  const DType dtype = call.inputs[0].dtype;
  const bool integer = static_cast<int>(function) < kIntegerBinaryFunctions;
  if (!(integer && dtype == DType::kInt32)) call.expect_float(0, "a");
  call.expect_dtype(1, "b", dtype);
  return {{dtype, broadcast_shape(call, call.inputs[0].shape, call.inputs[1].shape)}};
}

template <BinaryFunction function>
void cpu(Call& call) {
  const Broadcast broadcast = broadcast_of(call);
  with_number_type(call.inputs[0].dtype, [&](auto zero) {
    using T = decltype(zero);
    const auto row = MENET_SIMD(binary<T>);
    const T* a = call.inputs[0].as<T>();
    const T* b = call.inputs[1].as<T>();
    T* y = call.outputs[0].as<T>();
    run_rows(call, broadcast, [&](int64_t i, int64_t j, int64_t k, int64_t count) {
      row(function, a + i, broadcast.a_step(), b + j, broadcast.b_step(), y + k, count);
    });
  });
}

template <BinaryFunction function>
Op binary_op(const char* name) {
  return {name, infer<function>, cpu<function>};
}

const RegisterOp binary_ops[] = {
    RegisterOp(binary_op<BinaryFunction::kAdd>("Add")),
    RegisterOp(binary_op<BinaryFunction::kSub>("Sub")),
    RegisterOp(binary_op<BinaryFunction::kMultiply>("Multiply")),
    RegisterOp(binary_op<BinaryFunction::kMaximum>("Maximum")),
    RegisterOp(binary_op<BinaryFunction::kMinimum>("Minimum")),
    RegisterOp(binary_op<BinaryFunction::kSquaredDifference>("SquaredDifference")),
    RegisterOp(binary_op<BinaryFunction::kRealDiv>("RealDiv")),
    RegisterOp(binary_op<BinaryFunction::kPrelu>("Prelu")),
};

bool is_logical(Comparison comparison) { return comparison >= Comparison::kLogicalAnd; }

template <Comparison comparison>
std::vector<TensorType> infer_comparison(const Call& call) {
  call.expect_inputs(2);
  const DType dtype = call.inputs[0].dtype;
  if (is_logical(comparison)) {
    call.expect_dtype(0, "a", DType::kBool);
  } else if (dtype != DType::kInt32 && dtype != DType::kBool) {
    call.expect_float(0, "a");
  }
  call.expect_dtype(1, "b", dtype);
  return {{DType::kBool, broadcast_shape(call, call.inputs[0].shape, call.inputs[1].shape)}};
}

template <typename T>
void run_comparison(Call& call, Comparison comparison) {
  const Broadcast broadcast = broadcast_of(call);
  const auto row = MENET_SIMD(compare<T>);
  const T* a = call.inputs[0].as<T>();
  const T* b = call.inputs[1].as<T>();
  uint8_t* y = call.outputs[0].as<uint8_t>();
  run_rows(call, broadcast, [&](int64_t i, int64_t j, int64_t k, int64_t count) {
    row(comparison, a + i, broadcast.a_step(), b + j, broadcast.b_step(), y + k, count);
  });
}

template <Comparison comparison>
void cpu_comparison(Call& call) {
  if (call.inputs[0].dtype == DType::kBool) return run_comparison<uint8_t>(call, comparison);
  with_number_type(call.inputs[0].dtype,
                   [&](auto zero) { run_comparison<decltype(zero)>(call, comparison); });
}

template <Comparison comparison>
Op comparison_op(const char* name) {
  return {name, infer_comparison<comparison>, cpu_comparison<comparison>};
}

const RegisterOp comparison_ops[] = {
    RegisterOp(comparison_op<Comparison::kEqual>("Equal")),
    RegisterOp(comparison_op<Comparison::kNotEqual>("NotEqual")),
    RegisterOp(comparison_op<Comparison::kLess>("Less")),
    RegisterOp(comparison_op<Comparison::kLessEqual>("LessEqual")),
    RegisterOp(comparison_op<Comparison::kGreater>("Greater")),
    RegisterOp(comparison_op<Comparison::kGreaterEqual>("GreaterEqual")),
    RegisterOp(comparison_op<Comparison::kLogicalAnd>("LogicalAnd")),
    RegisterOp(comparison_op<Comparison::kLogicalOr>("LogicalOr")),
};

std::vector<TensorType> infer_add_n(const Call& call) {
  call.expect(!call.inputs.empty(), "expected at least one input, got none");
  const DType dtype = call.inputs[0].dtype;
  if (dtype != DType::kInt32) call.expect_float(0, "tensors");
  for (size_t i = 1; i < call.inputs.size(); ++i) {
    call.expect_dtype(i, "tensors", dtype);
    call.expect_shape(i, "tensors", call.inputs[0].shape);
  }
  return {call.inputs[0]};
}

void cpu_add_n(Call& call) {
  with_number_type(call.inputs[0].dtype, [&](auto zero) {
    using T = decltype(zero);
    const auto row = MENET_SIMD(binary<T>);
    T* y = call.outputs[0].as<T>();
    parallel_for(call.outputs[0].size(), kElementGrain, [&](int64_t begin, int64_t end, int) {
      std::copy(call.inputs[0].as<T>() + begin, call.inputs[0].as<T>() + end, y + begin);
      for (size_t i = 1; i < call.inputs.size(); ++i) {
        row(BinaryFunction::kAdd, y + begin, 1, call.inputs[i].as<T>() + begin, 1, y + begin,
            end - begin);
      }
    });
  });
}

const RegisterOp add_n({"AddN", infer_add_n, cpu_add_n});

}  // namespace

}  // namespace menet
