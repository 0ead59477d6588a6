#include <algorithm>

#include "kernels/product_plan.h"

namespace menet {

namespace {

constexpr int kReserved = 1 << 10;  // of every block, by the system
constexpr int kMostResident = 2;    // blocks of a multiprocessor, by their registers
constexpr int kVector = 16;

int padded(int n) { return round_up_to(n, 16); }

// Rows of stored pixels that `tile` neighbouring pixels have under or over them.
int halo_rows(const ProductShape& s, const ProductWork& work, int tile) {
  if (s.taps == 1) return tile;
  const auto stride = static_cast<int>(s.map.stride);
  const auto width = static_cast<int>(work.back ? s.map.width : s.map.out_width);
  const auto other = static_cast<int>(work.back ? s.map.out_width : s.map.width);
  const int lines = (tile + width - 2) / width;
  // An image of odd height has more lines of output than half of its own.
  const auto height = static_cast<int>(s.map.height), out = static_cast<int>(s.map.out_height);
  const int around = work.back ? lines * out / height + 3 : lines * stride + 3;
  return around * other + 1;
}

ProductShared place(const ProductShape& s, const ProductWork& w, const ProductPlan& p) {
  ProductShared at{};
  const auto take = [&](int bytes) {
    const int begin = at.size;
    at.size += round_up_to(bytes, kVector);
    return begin;
  };
  const int row = kVector / w.element;  // what tile_stride adds to a row
  const int summed = p.groups * p.chunk;
  const int made = p.groups * (w.back ? p.depth : p.channels);
  const int loaded = w.stride > 0 && !p.gather ? w.stride : summed;
  for (int i = 0; i < w.operands; ++i) at.operand[i] = take(p.halo * loaded * w.element);
  if (w.back) {
    for (int k = 0; k < 2; ++k) {
      for (int i = 0; i < w.inputs; ++i) at.input[k][i] = take(p.tile * made * w.element);
    }
  } else {
    at.result = take(p.tile * made * w.element);
  }
  at.tile = take(p.halo * (p.groups * padded(p.chunk) + row) * w.element);
  if (w.result) {
    const int rows = s.taps * p.groups * padded(w.back ? p.depth : p.chunk);
    at.weights = take(rows * (padded(w.back ? p.chunk : p.channels) + row) * w.element);
  }
  if (w.weights) {
    at.input_tile = take(p.tile * (p.groups * padded(p.depth) + row) * w.element);
    const int items = s.taps * p.groups * static_cast<int>(ceil_div(p.depth, kWarpSide)) *
                      static_cast<int>(ceil_div(p.channels, kWarpSide));
    at.gradient = take(items * GradientPart(p.depth, p.channels).size() * w.compute);
  }
  at.sums = take(w.sum_lines * made * w.compute);
  if (s.taps > 1) at.rows = take(s.taps * p.tile * static_cast<int>(sizeof(int16_t)));
  return at;
}

// Ways to cut, the best first: whole rows are read and written in the longest vectors; a group
// alone needs less memory; what is cut further reads its operands several times.
std::vector<ProductPlan> candidates(const ProductShape& s, const ProductWork& w) {
  std::vector<ProductPlan> plans;
  const auto add = [&](int tile, int groups, int depth, int channels, int chunk) {
    ProductPlan p{};
    p.tile = tile;
    p.halo = halo_rows(s, w, tile);
    p.groups = groups;
    p.depth = depth;
    p.channels = channels;
    p.chunk = chunk;
    for (bool gather : {false, true}) {
      p.gather = gather;
      p.shared = place(s, w, p);
      if (!gather || (w.stride > 0 && groups < s.groups)) plans.push_back(p);
    }
  };
  const int summed = w.back ? s.channels : s.depth;
  for (int tile : {64, 32}) add(tile, s.groups, s.depth, s.channels, summed);
  for (int tile : {64, 32}) add(tile, 1, s.depth, s.channels, summed);
  // Chunks are summed in registers: a warp has but one part of what such a block makes.
  constexpr int kWidest = kProductWarps * kWarpSide;
  for (int side = kWidest; side >= 16; side /= 2) {
    const int depth = std::min(side, s.depth), channels = std::min(side, s.channels);
    if (w.weights && !w.result) {
      for (int tile : {64, 32}) add(tile, 1, depth, channels, channels);
    } else if (w.result && !w.weights) {
      for (int chunk : {256, 64, 32, 16, 8}) {
        const int each = std::min(chunk, summed);
        add(32, 1, w.back ? depth : s.depth, w.back ? s.channels : channels, each);
      }
    }
  }
  return plans;
}

void divide(const ProductShape& s, const SharedLimits& limits, ProductPlan& p) {
  const int fit = limits.multiprocessor / (p.shared.size + kReserved);
  const int resident = std::clamp(fit, 1, kMostResident);
  const int64_t wanted =
      std::max<int64_t>(1, int64_t{limits.multiprocessors} * resident / p.slices(s));
  p.part = ceil_div(ceil_div(s.pixels, 64), wanted) * 64;
  p.parts = ceil_div(s.pixels, p.part);
}

}  // namespace

SharedLimits shared_limits() {
  int device = 0;
  check(cudaGetDevice(&device), "device");
  const auto get = [&](cudaDeviceAttr attribute) {
    int value = 0;
    check(cudaDeviceGetAttribute(&value, attribute, device), "device");
    return value;
  };
  return {get(cudaDevAttrMaxSharedMemoryPerBlockOptin),
          get(cudaDevAttrMaxSharedMemoryPerMultiprocessor), get(cudaDevAttrMultiProcessorCount)};
}

bool plan_product(const ProductShape& shape, const ProductWork& work, const SharedLimits& limits,
                  ProductPlan& plan) {
  const int half = std::min(limits.block, limits.multiprocessor / 2 - kReserved);
  const std::vector<ProductPlan> plans = candidates(shape, work);
  for (int most : {half, limits.block}) {
    for (const ProductPlan& p : plans) {
      if (p.shared.size > most || p.halo > 32767) continue;
      plan = p;
      divide(shape, limits, plan);
      return true;
    }
  }
  return false;
}

}  // namespace menet
