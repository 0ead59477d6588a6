// Kernels with and without mistakes, as ops of the test build: what shim.test.ts checks the CPU
// shim with. Each takes x [n] of float32, n a multiple of 64, and the attribute `mistake`.
#include "cuda/launch.h"

namespace menet {

namespace {

constexpr int kThreads = 64;

enum class Mistake { kNone, kNoBarrier, kNoSecondBarrier, kDivergence, kEarlyEnd, kOverrun };

Mistake mistake_of(const Call& call) {
  const char* names[] = {"none",       "no barrier", "no second barrier",
                         "divergence", "early end",  "overrun"};
  for (int i = 0; i < 6; ++i) {
    if (call.attributes.text("mistake") == names[i]) return static_cast<Mistake>(i);
  }
  throw_error(call.name(), ": mistake: expected a known one");
}

// y = x with every block of 64 elements reversed, by way of shared memory, block after block.
__global__ void reverse(const float* x, float* y, int64_t blocks, Mistake mistake) {
  MENET_SHARED(float, tile, kThreads);
  const int t = static_cast<int>(threadIdx.x);
  if (mistake == Mistake::kEarlyEnd && t == 5) return;
  for (int64_t b = blockIdx.x; b < blocks; b += gridDim.x) {
    tile[t + (mistake == Mistake::kOverrun ? 1 : 0)] = x[b * kThreads + t];
    if (mistake == Mistake::kDivergence && t % 2 == 0) {
      __syncthreads();
    } else if (mistake != Mistake::kNoBarrier) {
      __syncthreads();
    }
    y[b * kThreads + t] = tile[kThreads - 1 - t];
    if (mistake != Mistake::kNoSecondBarrier) __syncthreads();
  }
}

// The same with each warp's half of dynamic shared memory and barriers of the warp alone.
__global__ void reverse_warps(const float* x, float* y, Mistake mistake) {
  float* tile = dynamic_shared<float>() + threadIdx.x / kWarp * kWarp;
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  tile[lane + (mistake == Mistake::kOverrun ? kWarp : 0)] = x[grid_begin()];
  if (mistake != Mistake::kNoBarrier) __syncwarp();
  y[grid_begin()] = tile[kWarp - 1 - lane];
}

// y = the sum of each warp's 32 elements, by shuffles; then how many of them are above zero.
__global__ void warp_sums(const float* x, float* y) {
  float sum = x[grid_begin()];
  const unsigned above = __ballot_sync(kFullWarp, sum > 0);
  for (int bits = kWarp / 2; bits > 0; bits /= 2) sum += __shfl_xor_sync(kFullWarp, sum, bits);
  const float first = __shfl_sync(kFullWarp, sum, 0);
  const float next = __shfl_down_sync(kFullWarp, sum, 1);
  int count = 0;
  for (unsigned bits = above; bits != 0; bits &= bits - 1) ++count;
  y[grid_begin()] = threadIdx.x % 2 == 0 ? first : next + static_cast<float>(1000 * count);
}

// y[0] = how many elements are above zero, y[1] = the greatest block that has one.
__global__ void count_above(const float* x, int* y) {
  if (x[grid_begin()] <= 0) return;
  atomicAdd(y, 1);
  atomicMax(y + 1, static_cast<int>(blockIdx.x));
}

std::vector<TensorType> infer(const Call& call) {
  call.expect_inputs(1);
  call.expect_dtype(0, "x", DType::kFloat32);
  call.expect_rank(0, "x", 1);
  call.expect(call.inputs[0].dim(0) % kThreads == 0, "x: expected a multiple of 64");
  mistake_of(call);
  return {call.inputs[0]};
}

Grid blocks_of(const Call& call) {
  return {dim3(static_cast<unsigned>(call.inputs[0].dim(0) / kThreads)), dim3(kThreads)};
}

void run_reverse(Call& call) {
  const int64_t blocks = call.inputs[0].dim(0) / kThreads;
  launch(call, reverse, Grid{dim3(2), dim3(kThreads)}, call.inputs[0].as<float>(),
         call.outputs[0].as<float>(), blocks, mistake_of(call));
}

void run_reverse_warps(Call& call) {
  Grid grid = blocks_of(call);
  grid.shared = kThreads * sizeof(float);
  launch(call, reverse_warps, grid, call.inputs[0].as<float>(), call.outputs[0].as<float>(),
         mistake_of(call));
}

void run_warp_sums(Call& call) {
  launch(call, warp_sums, blocks_of(call), call.inputs[0].as<float>(), call.outputs[0].as<float>());
}

std::vector<TensorType> infer_count(const Call& call) {
  infer(call);
  return {{DType::kInt32, {2}}};
}

void run_count_above(Call& call) {
  int* y = call.outputs[0].as<int>();
  check(cudaMemsetAsync(y, 0, 2 * sizeof(int), static_cast<cudaStream_t>(call.device().stream())),
        call.name());
  launch(call, count_above, blocks_of(call), call.inputs[0].as<float>(), y);
}

const RegisterOp ops[] = {
    RegisterOp({"ShimReverse", infer}),  RegisterOp({"ShimReverseWarps", infer}),
    RegisterOp({"ShimWarpSums", infer}), RegisterOp({"ShimCountAbove", infer_count}),
    RegisterOp({"ShimNoKernel", infer}),
};
const RegisterCuda kernels[] = {
    {"ShimReverse", run_reverse},
    {"ShimReverseWarps", run_reverse_warps},
    {"ShimWarpSums", run_warp_sums},
    {"ShimCountAbove", run_count_above},
};

}  // namespace

}  // namespace menet
