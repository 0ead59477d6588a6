#include "cuda/cublas.h"

#include <cuda_runtime.h>
#include <dlfcn.h>

#include <climits>
#include <cstdlib>
#include <map>
#include <mutex>

#include "core/error.h"

namespace menet {

namespace {

// The part of cublas_v2.h in use; its functions have kept these forms since CUDA 8.
using Handle = struct cublasContext*;
enum Operation : int { kStraight = 0, kTransposed = 1 };
constexpr int kSuccess = 0;

struct Library {
  std::string name;
  int (*create)(Handle*) = nullptr;
  int (*set_stream)(Handle, cudaStream_t) = nullptr;
  int (*multiply)(Handle, Operation, Operation, int m, int n, int k, const float* alpha,
                  const float* a, int lda, long long a_step, const float* b, int ldb,
                  long long b_step, const float* beta, float* c, int ldc, long long c_step,
                  int batches) = nullptr;
};

template <typename Function>
bool find(void* library, const char* name, Function*& function) {
  function = reinterpret_cast<Function*>(dlsym(library, name));
  return function != nullptr;
}

Library load() {
  const char* setting = std::getenv("MENET_CUDA_LIBRARIES");
  const std::string where = setting == nullptr ? "" : setting;
  if (where == "off") return {};
  for (const char* name : {"libcublas.so.13", "libcublas.so.12", "libcublas.so.11"}) {
    const std::string path = where.empty() ? name : where + "/" + name;
    void* const handle = dlopen(path.c_str(), RTLD_LAZY | RTLD_LOCAL);
    if (handle == nullptr) continue;
    Library library{name};
    if (find(handle, "cublasCreate_v2", library.create) &&
        find(handle, "cublasSetStream_v2", library.set_stream) &&
        find(handle, "cublasSgemmStridedBatched", library.multiply)) {
      return library;
    }
    dlclose(handle);
  }
  return {};
}

const Library& library() {
  static const Library& loaded = *new Library(load());
  return loaded;
}

// One for each device's stream, whoever lends the device; null where cuBLAS has none to give.
Handle handle_of(Device& device) {
  static std::mutex& mutex = *new std::mutex;
  static auto& handles = *new std::map<cudaStream_t, Handle>;
  const std::lock_guard<std::mutex> lock(mutex);
  const auto stream = static_cast<cudaStream_t>(device.stream());  // makes the device current
  const auto known = handles.find(stream);
  if (known != handles.end()) return known->second;
  Handle handle = nullptr;
  if (library().create(&handle) != kSuccess || library().set_stream(handle, stream) != kSuccess) {
    handle = nullptr;
  }
  return handles[stream] = handle;
}

bool fits(const BlasProduct& p) {
  for (int64_t size : {p.batches, p.rows, p.columns, p.depth}) {
    if (size < 1 || size > INT_MAX) return false;
  }
  return true;
}

}  // namespace

// Row-major matrices are the transposes of column-major ones: y' = b' a'.
bool multiply_with_cublas(Device& device, const BlasProduct& p) {
  if (library().create == nullptr || !fits(p)) return false;
  const Handle handle = handle_of(device);
  if (handle == nullptr) return false;
  const float one = 1, zero = 0;
  const auto rows = static_cast<int>(p.rows), columns = static_cast<int>(p.columns);
  const auto depth = static_cast<int>(p.depth);
  const int status = library().multiply(handle, p.transpose_b ? kTransposed : kStraight,
                                        p.transpose_a ? kTransposed : kStraight, columns, rows,
                                        depth, &one, p.b, p.transpose_b ? depth : columns, p.b_step,
                                        p.a, p.transpose_a ? rows : depth, p.a_step, &zero, p.y,
                                        columns, p.rows * p.columns, static_cast<int>(p.batches));
  if (status != kSuccess) throw_error("cuBLAS: a matrix product failed with status ", status);
  return true;
}

std::string cublas_found() {
  if (library().create == nullptr) return "";
  return "cuBLAS (" + library().name + ")";
}

}  // namespace menet
