// Kernel launches and shared memory, the two things that are written differently for the GPU
// and for the shim (native/cuda/shim), which runs the same kernels on the CPU for tests.
#pragma once

#include <cuda_runtime.h>

#include <mutex>

#include "core/op.h"
#include "cuda/check.h"
#include "cuda/profile.h"

namespace menet {

// Blocks and threads of a launch; `shared` bytes of dynamic shared memory for each block.
struct Grid {
  dim3 blocks;
  dim3 threads;
  size_t shared = 0;
};

constexpr int kWarp = 32;
constexpr unsigned kFullWarp = 0xffffffffu;

// What fits on a device's multiprocessors a few times over, so that a loop over blocks has no
// long tail, whatever the size of the problem.
constexpr int64_t kMostBlocks = 132 * 16;

__host__ __device__ constexpr int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

// One thread for each item, or several items for each where there are very many: for kernels
// that loop with grid_begin() and grid_step().
inline Grid grid_for(int64_t items, int threads = 256) {
  const int64_t blocks = ceil_div(items, threads);
  return {dim3(static_cast<unsigned>(blocks < kMostBlocks ? blocks : kMostBlocks)), dim3(threads)};
}

#ifdef __CUDACC__

// MENET_SHARED(float, tile, 32 * 33): a block's array, whose size is a constant.
#define MENET_SHARED(type, name, count) __shared__ type name[count]

// The launch's Grid::shared bytes.
template <typename T>
__device__ T* dynamic_shared() {
  extern __shared__ __align__(16) unsigned char menet_dynamic_shared[];
  return reinterpret_cast<T*>(menet_dynamic_shared);
}

template <typename... Parameters>
void start_kernel(void (*kernel)(Parameters...), const Grid& grid, cudaStream_t stream,
                  Parameters... arguments) {
  constexpr size_t kWithoutAsking = 48 << 10;
  if (grid.shared > kWithoutAsking) {
    // Never lowered: another thread may be about to start the kernel with more.
    static std::mutex& mutex = *new std::mutex;
    const std::lock_guard<std::mutex> lock(mutex);
    cudaFuncAttributes known{};
    check(cudaFuncGetAttributes(&known, kernel), "shared memory");
    const auto wanted = static_cast<int>(grid.shared);
    if (known.maxDynamicSharedSizeBytes < wanted) {
      check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, wanted),
            "shared memory");
    }
  }
  kernel<<<grid.blocks, grid.threads, grid.shared, stream>>>(arguments...);
}

#else

#define MENET_SHARED(type, name, count)         \
  type* const name = shim::shared_memory<type>( \
      [] {                                      \
        static char site;                       \
        return &site;                           \
      }(),                                      \
      count)

template <typename T>
T* dynamic_shared() {
  return static_cast<T*>(shim::dynamic_shared_memory());
}

template <typename... Parameters>
void start_kernel(void (*kernel)(Parameters...), const Grid& grid, cudaStream_t stream,
                  Parameters... arguments) {
  shim::start(stream, [=] {
    if (!shim::starts_kernel()) return;
    shim::run_grid(grid.blocks, grid.threads, grid.shared, [=] { kernel(arguments...); });
  });
}

#endif

// First item of a thread and its distance to the next, for a one-dimensional grid.
__device__ inline int64_t grid_begin() {
  return static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
}
__device__ inline int64_t grid_step() { return static_cast<int64_t>(gridDim.x) * blockDim.x; }

template <typename T>
struct Same {
  using Type = T;
};

// Starts a kernel on the call's device; a grid without blocks starts nothing.
template <typename... Parameters>
void launch(const Call& call, void (*kernel)(Parameters...), const Grid& grid,
            typename Same<Parameters>::Type... arguments) {
  if (grid.blocks.x == 0 || grid.blocks.y == 0 || grid.blocks.z == 0) return;
  Profile* profile = call.device().profile();
  if (profile != nullptr) {
    profile->begin(call.name(), reinterpret_cast<const void*>(kernel));
    (profile->argument(arguments), ...);
  }
  start_kernel<Parameters...>(kernel, grid, static_cast<cudaStream_t>(call.device().stream()),
                              arguments...);
  if (profile != nullptr) profile->end();
  call.device().started(call.name());
  check(cudaGetLastError(), call.name());
}

}  // namespace menet
