#include "cuda/cublas.h"
#include "cuda/matmul.h"
#include "ops/batch_mat_mul.h"
#include "ops/number_type.h"

namespace menet {

namespace {

// Element (i, k) of matrix `batch`, batches being repeated.
template <typename T, bool along_depth>
struct Operand {
  static constexpr bool kAlongDepth = along_depth;
  const T* x;
  int64_t batches, size, side_step, depth_step;

  __device__ void select(int64_t batch) { x += batch % batches * size; }
  __device__ T at(int64_t i, int64_t k) const { return x[i * side_step + k * depth_step]; }
};

template <typename T, bool along_depth>
struct Left : Operand<T, along_depth> {
  __device__ T operator()(int64_t row, int64_t k) const { return this->at(row, k); }
};
template <typename T, bool along_depth>
struct Right : Operand<T, along_depth> {
  __device__ T operator()(int64_t k, int64_t column) const { return this->at(column, k); }
};

template <typename T, bool transpose_a, bool transpose_b>
void multiply(Call& call, const Product& p) {
  const Left<T, !transpose_a> a{{call.inputs[0].as<T>(), p.a_batches, p.rows * p.depth,
                                 transpose_a ? 1 : p.depth, transpose_a ? p.rows : 1}};
  const Right<T, transpose_b> b{{call.inputs[1].as<T>(), p.b_batches, p.depth * p.columns,
                                 transpose_b ? p.depth : 1, transpose_b ? 1 : p.columns}};
  const MatmulShape shape{p.rows, p.columns, p.depth, p.batches};
  launch_deep_matmul(call, a, b, call.outputs[0].as<T>(), shape);
}

// Where both have all batches, or one.
bool multiply_with_cublas(Call& call, const Product& p) {
  const auto repeats = [&](int64_t batches) { return batches != p.batches && batches != 1; };
  if (call.inputs[0].dtype != DType::kFloat32 || repeats(p.a_batches) || repeats(p.b_batches)) {
    return false;
  }
  const bool done = multiply_with_cublas(
      call.device(),
      {call.inputs[0].as<float>(), call.inputs[1].as<float>(), call.outputs[0].as<float>(),
       p.batches, p.rows, p.columns, p.depth, p.a_batches == p.batches ? p.rows * p.depth : 0,
       p.b_batches == p.batches ? p.depth * p.columns : 0, p.transpose_a, p.transpose_b});
  if (done) call.device().started(call.name());
  return done;
}

const RegisterCuda batch_mat_mul("BatchMatMul", [](Call& call) {
  const Product p = product_of(call);
  if (call.outputs[0].size() == 0 || multiply_with_cublas(call, p)) return;
  with_float_type(call.inputs[0].dtype, [&](auto zero) {
    using T = decltype(zero);
    if (p.transpose_a) {
      p.transpose_b ? multiply<T, true, true>(call, p) : multiply<T, true, false>(call, p);
    } else {
      p.transpose_b ? multiply<T, false, true>(call, p) : multiply<T, false, false>(call, p);
    }
  });
});

}  // namespace

}  // namespace menet
