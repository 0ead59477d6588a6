// BatchMatMul(a [Ba, M, K], b [Bb, K, N]; transposeA, transposeB) -> [max(Ba, Bb), M, N], the
// one with fewer batches being repeated. Transposed operands are [., K, M] and [., N, K].
#include "ops/batch_mat_mul.h"

#include "core/thread_pool.h"
#include "ops/grain.h"
#include "simd/matmul.h"

namespace menet {

Product product_of(const Call& call) {
  call.expect_rank(0, "a", 3);
  call.expect_rank(1, "b", 3);
  const Tensor &a = call.inputs[0], &b = call.inputs[1];
  const bool ta = call.attributes.flag("transposeA"), tb = call.attributes.flag("transposeB");
  const Product p{std::max(a.dim(0), b.dim(0)),
                  a.dim(ta ? 2 : 1),
                  b.dim(tb ? 1 : 2),
                  a.dim(ta ? 1 : 2),
                  a.dim(0),
                  b.dim(0),
                  ta,
                  tb};
  call.expect(b.dim(tb ? 2 : 1) == p.depth, "b: expected inner size ", p.depth, ", got shape ",
              to_string(b.shape));
  const bool repeats = p.a_batches > 0 && p.b_batches > 0 && p.batches % p.a_batches == 0 &&
                       p.batches % p.b_batches == 0;
  call.expect(repeats || p.a_batches == p.b_batches, "b: expected batches that repeat, got ",
              p.a_batches, " and ", p.b_batches);
  return p;
}

namespace {

std::vector<TensorType> infer(const Call& call) {
  call.expect_inputs(2);
  call.expect_float(0, "a");
  call.expect_dtype(1, "b", call.inputs[0].dtype);
  const Product p = product_of(call);
  return {{call.inputs[0].dtype, {p.batches, p.rows, p.columns}}};
}

constexpr int64_t kRowBlock = 64;  // rows of one piece of work

template <typename T>
void multiply(Call& call) {
  const Product p = product_of(call);
  const T *a = call.inputs[0].as<T>(), *b = call.inputs[1].as<T>();
  T* c = call.outputs[0].as<T>();
  if (call.outputs[0].size() == 0) return;
  const int64_t blocks = (p.rows + kRowBlock - 1) / kRowBlock;
  const int64_t each = matmul_scratch(p.depth);
  T* scratch = call.scratch<T>(each * thread_count());
  const int64_t cost = std::min(p.rows, kRowBlock) * p.columns * std::max<int64_t>(p.depth, 1);
  parallel_for(p.batches * blocks, grain_of(cost / 8), [&](int64_t begin, int64_t end, int thread) {
    for (int64_t i = begin; i < end;) {
      // Neighbouring blocks of one batch are one product.
      const int64_t batch = i / blocks, last = std::min(end, (batch + 1) * blocks);
      const int64_t first = i % blocks * kRowBlock;
      const int64_t rows = std::min(p.rows, (last - batch * blocks) * kRowBlock) - first;
      const int64_t a_row = p.transpose_a ? 1 : p.depth, a_column = p.transpose_a ? p.rows : 1;
      const MatrixView<T> left{a + batch % p.a_batches * p.rows * p.depth + first * a_row, a_row,
                               a_column};
      const MatrixView<T> right{b + batch % p.b_batches * p.depth * p.columns,
                                p.transpose_b ? 1 : p.columns, p.transpose_b ? p.depth : 1};
      MENET_SIMD(matmul<T>)
      (rows, p.columns, p.depth, left, right, c + (batch * p.rows + first) * p.columns, p.columns,
       false, scratch + thread * each);
      i = last;
    }
  });
}

void cpu(Call& call) {
  with_float_type(call.inputs[0].dtype, [&](auto zero) { multiply<decltype(zero)>(call); });
}

const RegisterOp batch_mat_mul({"BatchMatMul", infer, cpu});

}  // namespace

}  // namespace menet
