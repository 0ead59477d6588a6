// What products of tiles are made of, as ops of the test build: test/cuda/products.test.ts.
#include "cuda/async_copy.h"
#include "cuda/tile_product.h"

namespace menet {

namespace {

constexpr int kSide = 48;  // of the tile in shared memory

// c [16, 8] = a [16, 16] b [16, 8], each lane loading its fragments from memory as the PTX ISA
// says that they lie.
template <typename S>
__global__ void fragments(const float* a, const float* b, float* c) {
  const int g = static_cast<int>(threadIdx.x) / 4, t = static_cast<int>(threadIdx.x) % 4 * 2;
  const auto pair = [](float low, float high) {
    return static_cast<unsigned>(S(low).bits) | static_cast<unsigned>(S(high).bits) << 16;
  };
  const auto left = [&](int row, int k) { return pair(a[row * 16 + k], a[row * 16 + k + 1]); };
  const auto right = [&](int k) { return pair(b[k * 8 + g], b[(k + 1) * 8 + g]); };
  const unsigned of_a[4] = {left(g, t), left(g + 8, t), left(g, t + 8), left(g + 8, t + 8)};
  const unsigned of_b[2] = {right(t), right(t + 8)};
  float of_c[4] = {};
  multiply_fragments(of_c, of_a, of_b, S{});
  c[g * 8 + t] = of_c[0];
  c[g * 8 + t + 1] = of_c[1];
  c[(g + 8) * 8 + t] = of_c[2];
  c[(g + 8) * 8 + t + 1] = of_c[3];
}

// A matrix [height, width] in shared memory, padded with zeros to kSide by kSide.
template <typename S>
__device__ TileView<S> load_padded(S* tile, const float* from, int height, int width) {
  const int stride = tile_stride<S>(kSide);
  for (int e = static_cast<int>(threadIdx.x); e < kSide * kSide; e += kWarp) {
    const int row = e / kSide, column = e % kSide;
    tile[row * stride + column] =
        static_cast<S>(row < height && column < width ? from[row * width + column] : 0.0f);
  }
  return {tile, stride, nullptr};
}

// c [rows, columns] = a b, a and b lying as `a_along` and `b_along` say.
template <typename S, Along a_along, Along b_along>
__global__ void tile_product(const float* a, const float* b, float* c, int rows, int columns,
                             int depth) {
  constexpr int kSize = kSide * tile_stride<S>(kSide);
  S* shared = dynamic_shared<S>();
  constexpr bool kDeepA = a_along == Along::kDepth, kDeepB = b_along == Along::kDepth;
  const auto left = load_padded(shared, a, kDeepA ? rows : depth, kDeepA ? depth : rows);
  const auto right =
      load_padded(shared + kSize, b, kDeepB ? columns : depth, kDeepB ? depth : columns);
  __syncthreads();
  WarpTile<Compute<S>> sums;
  sums.clear();
  multiply<a_along, b_along>(sums, left, right, WarpPart{0, 0, rows, columns, depth});
  for (int e = 0; e < 32; ++e) {
    const int row = sums.row(e / 16, e % 4), column = sums.column(e / 4 % 4, e % 4);
    if (row < rows && column < columns) {
      c[row * columns + column] = static_cast<float>(sums.sums[e / 16][e / 4 % 4][e % 4]);
    }
  }
}

// y = x by way of shared memory, 4 elements a thread.
__global__ void copy_through(const float* x, float* y, bool wait) {
  MENET_SHARED(float, tile, 4 * kWarp);
  const int first = static_cast<int>(threadIdx.x) * 4;
  start_copy<16>(tile + first, x + first);
  if (wait) wait_for_copies();
  __syncthreads();
  for (int i = 0; i < 4; ++i) y[first + i] = tile[(first + i + 4) % (4 * kWarp)];
}

template <typename Body>
void with_storage(const Call& call, const Body& body) {
  const std::string& storage = call.attributes.text("storage");
  if (storage == "bfloat16") return body(BFloat16{});
  if (storage == "float16") return body(Float16{});
  body(float{});
}

int size(const Call& call, const char* name) {
  return static_cast<int>(call.attributes.integer(name));
}

std::vector<TensorType> infer_product(const Call& call) {
  call.expect_inputs(2);
  return {{DType::kFloat32, {size(call, "rows"), size(call, "columns")}}};
}

void run_fragments(Call& call) {
  const auto run = [&](auto kernel) {
    launch(call, kernel, Grid{dim3(1), dim3(kWarp)}, call.inputs[0].as<float>(),
           call.inputs[1].as<float>(), call.outputs[0].as<float>());
  };
  if (call.attributes.text("storage") == "float16") return run(fragments<Float16>);
  run(fragments<BFloat16>);
}

template <typename S>
void run_tile_product(Call& call) {
  const bool deep_a = call.attributes.flag("deepA"), deep_b = call.attributes.flag("deepB");
  const auto run = [&](auto kernel) {
    const Grid grid{dim3(1), dim3(kWarp), 2 * kSide * tile_stride<S>(kSide) * sizeof(S)};
    launch(call, kernel, grid, call.inputs[0].as<float>(), call.inputs[1].as<float>(),
           call.outputs[0].as<float>(), size(call, "rows"), size(call, "columns"),
           size(call, "depth"));
  };
  if (deep_a && deep_b) return run(tile_product<S, Along::kDepth, Along::kDepth>);
  if (deep_a) return run(tile_product<S, Along::kDepth, Along::kOther>);
  run(tile_product<S, Along::kOther, Along::kOther>);
}

std::vector<TensorType> infer_copy(const Call& call) {
  call.expect_inputs(1);
  return {call.inputs[0]};
}

void run_copy(Call& call) {
  launch(call, copy_through, Grid{dim3(1), dim3(kWarp)}, call.inputs[0].as<float>(),
         call.outputs[0].as<float>(), call.attributes.flag("wait"));
}

const RegisterOp ops[] = {
    RegisterOp({"ShimFragments", infer_product}),
    RegisterOp({"ShimTileProduct", infer_product}),
    RegisterOp({"ShimCopyThrough", infer_copy}),
};
const RegisterCuda kernels[] = {
    {"ShimFragments", run_fragments},
    {"ShimTileProduct",
     [](Call& call) {
       with_storage(call, [&](auto type) { run_tile_product<decltype(type)>(call); });
     }},
    {"ShimCopyThrough", run_copy},
};

}  // namespace

}  // namespace menet
