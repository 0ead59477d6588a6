#include <new>

#include "kernels/product_plan.h"
#include "kernels/unit_block.h"

namespace menet {

namespace {

template <typename S>
__global__ void __launch_bounds__(kBlockThreads, 2) unit_inference(FusedUnit<S> fused) {
  MENET_SHARED(double, place, (sizeof(UnitPlace<S>) + 7) / 8);
  auto* const shared_place = reinterpret_cast<UnitPlace<S>*>(place);
  if (threadIdx.x == 0) new (shared_place) UnitPlace<S>(fused);
  __syncthreads();
  UnitBlock<S>(fused, *shared_place, dynamic_shared<unsigned char>()).run();
}

// What a block of this tile costs, in multiply-adds: those of halo and tile, and for each weight as
// many as a multiprocessor makes while it loads it.
template <typename S>
double block_cost(const Unit<Compute<S>>& u, const UnitSpace<S>& space, UnitTile tile) {
  constexpr double kPerWeight = 24, kPerTap = 4;
  const auto size = [](const WeightLayout& w) {
    return static_cast<double>(w.groups * w.depth * w.channels);
  };
  const double before = size(u.compress.layout) + size(u.merge.layout);
  const double after = size(u.conv.layout) + size(u.evolve.layout) + size(u.expand.layout);
  const auto rows = [](int pixels) { return static_cast<double>(ceil_div(pixels, kBlockRows)); };
  const int halo = space.halo_rows * space.halo_columns, pixels = tile.rows * tile.columns;
  return before * (kBlockRows + kPerWeight) * rows(halo) +
         (after * (kBlockRows + kPerWeight)) * rows(pixels) +
         9.0 * kPerTap * static_cast<double>(u.width) * pixels;
}

// Of the tiles that fit, the one by which a device is done first: blocks share multiprocessors
// evenly, and one that has a multiprocessor to itself waits for its memory.
template <typename S>
UnitTile choose_tile(const Unit<Compute<S>>& u, const SharedLimits& device) {
  constexpr double kAlone = 1.4;
  constexpr int kReserved = 1024;  // of each block, by CUDA
  UnitTile best;
  double least = 0;
  const int height = static_cast<int>(u.map.out_height), width = static_cast<int>(u.map.out_width);
  for (int down = 1; down <= height; ++down) {
    for (int across = 1; across <= 4 && across <= width; across *= 2) {
      const UnitTile tile{static_cast<int>(ceil_div(height, down)),
                          static_cast<int>(ceil_div(width, across))};
      const UnitSpace<S> space(u, tile);
      if (space.bytes > device.block) continue;
      const int64_t blocks = u.batch * ceil_div(height, tile.rows) * ceil_div(width, tile.columns);
      const bool alone = 2 * (space.bytes + kReserved) > device.multiprocessor;
      const double time = static_cast<double>(ceil_div(blocks, device.multiprocessors)) *
                          block_cost(u, space, tile) * (alone ? kAlone : 1);
      if (best.rows > 0 && time >= least) continue;
      best = tile;
      least = time;
    }
  }
  return best;
}

// The most bytes of 16, 8, 4 ... that addresses of `size` bytes each, from `first` on, all share.
int shared_alignment(const void* first, int64_t size) {
  const auto bits = reinterpret_cast<uintptr_t>(first) | static_cast<uintptr_t>(size) | 16;
  return static_cast<int>(bits & (~bits + 1));
}

template <typename S>
void align(FusedUnit<S>& f) {
  const auto& u = f.unit;
  const auto size = static_cast<int64_t>(sizeof(S));
  f.left_bytes = f.out_bytes = static_cast<int>(size);
  if (f.x == nullptr || u.expanded == 0) return;
  const int64_t of_group = u.expand.layout.channels * size;
  const bool down = u.map.stride == 2;
  const int64_t row = (u.expanded + (down ? u.in_channels : 0)) * size;
  f.out_bytes = std::min(shared_alignment(f.y, of_group | row),
                         down ? 16 : shared_alignment(f.x, of_group | row));
}

}  // namespace

template <typename S>
bool unit_inference_cuda(const Call& call, const Unit<Compute<S>>& unit,
                         const UnitTensors<S>& tensors) {
  const bool whole = tensors.y != nullptr;
  FusedUnit<S> f{unit, {}, tensors.x, tensors.h, tensors.z2, whole ? tensors.y : tensors.z2, 0, 0};
  call.device().stream();  // makes the device the current one
  const SharedLimits device = shared_limits();
  if (call.attributes.has("tile")) {
    const std::vector<int64_t> tile = call.attributes.integers("tile");
    call.expect(tile.size() == 2, "tile: expected rows and columns, got ", tile.size(), " numbers");
    f.tile = {static_cast<int>(std::min(tile[0], unit.map.out_height)),
              static_cast<int>(std::min(tile[1], unit.map.out_width))};
  } else {
    f.tile = choose_tile<S>(unit, device);
  }
  if (f.tile.rows <= 0 || f.tile.columns <= 0) return false;
  const int bytes = UnitSpace<S>(unit, f.tile).bytes;
  call.expect(bytes <= device.block, "tile: expected one of at most ", device.block,
              " bytes of shared memory, got ", bytes);
  align(f);
  if (f.x != nullptr) {
    const auto size = static_cast<int64_t>(sizeof(S));
    f.left_bytes = shared_alignment(f.x, (unit.compress.layout.depth | unit.in_channels) * size);
  }
  const auto blocks = static_cast<unsigned>(unit.batch * f.tiles_down() * f.tiles_across());
  launch(call, unit_inference<S>,
         Grid{dim3(blocks), dim3(kBlockThreads), static_cast<size_t>(bytes)}, f);
  return true;
}

#define INSTANTIATE(S) \
  template bool unit_inference_cuda(const Call&, const Unit<Compute<S>>&, const UnitTensors<S>&);
INSTANTIATE(float)
INSTANTIATE(BFloat16)
INSTANTIATE(Float16)
#ifdef MENET_FLOAT64
INSTANTIATE(double)
#endif

}  // namespace menet
