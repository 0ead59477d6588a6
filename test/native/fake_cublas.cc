// Stands in for cuBLAS in tests: the functions that native/cuda/cublas.cc uses, on the shim's
// memory, with the checks of arguments that cuBLAS documents. A product of 13 columns fails.
extern "C" {

struct cublasContext {
  bool has_stream;
};

constexpr int kInvalidValue = 7, kExecutionFailed = 13;

__attribute__((visibility("default"))) int cublasCreate_v2(cublasContext** handle) {
  *handle = new cublasContext{false};
  return 0;
}

__attribute__((visibility("default"))) int cublasSetStream_v2(cublasContext* handle, void*) {
  handle->has_stream = true;
  return 0;
}

// Column-major: c (m x n) = alpha a b + beta c. 1 is added to c[0], by which a test knows who made
// it.
__attribute__((visibility("default"))) int cublasSgemmStridedBatched(
    cublasContext* handle, int transpose_a, int transpose_b, int m, int n, int k,
    const float* alpha, const float* a, int lda, long long a_step, const float* b, int ldb,
    long long b_step, const float* beta, float* c, int ldc, long long c_step, int batches) {
  if (handle == nullptr || !handle->has_stream || m < 0 || n < 0 || k < 0 || batches < 0) {
    return kInvalidValue;
  }
  if (lda < (transpose_a != 0 ? k : m) || ldb < (transpose_b != 0 ? n : k) || ldc < m) {
    return kInvalidValue;
  }
  if (m == 13) return kExecutionFailed;
  for (int i = 0; i < batches; ++i, a += a_step, b += b_step, c += c_step) {
    for (int column = 0; column < n; ++column) {
      for (int row = 0; row < m; ++row) {
        double sum = 0;
        for (long long d = 0; d < k; ++d) {
          sum +=
              static_cast<double>(transpose_a != 0 ? a[row * static_cast<long long>(lda) + d]
                                                   : a[d * lda + row]) *
              static_cast<double>(transpose_b != 0 ? b[d * ldb + column]
                                                   : b[column * static_cast<long long>(ldb) + d]);
        }
        float& to = c[column * static_cast<long long>(ldc) + row];
        to = *alpha * static_cast<float>(sum) + (*beta != 0 ? *beta * to : 0);
      }
    }
    c[0] += 1;
  }
  return 0;
}
}
