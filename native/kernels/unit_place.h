// Which part of the maps a block of the fused inference unit makes, and from which part of x.
#pragma once

#include "kernels/unit_inference.h"

namespace menet {

__device__ inline int least(int a, int b) { return a < b ? a : b; }

// Pixels of a rectangle, row by row.
struct Rectangle {
  int y, x, rows, columns;
  __device__ int count() const { return rows * columns; }
};

// Where a block's tile lies. In shared memory: the same for all threads, and too much for
// registers.
template <typename S>
struct UnitPlace {
  UnitSpace<S> space;
  int64_t image;
  int halo_y, halo_x;  // the halo tile's first pixel, which may be outside of the image
  Rectangle in, out;   // what of halo tile and tile is in the image

  __device__ explicit UnitPlace(const FusedUnit<S>& f) : space(f.unit, f.tile) {
    const Map& map = f.unit.map;
    const int across = f.tiles_across(), tiles = f.tiles_down() * across;
    const int block = static_cast<int>(blockIdx.x), tile = block % tiles;
    image = block / tiles;
    const int y = tile / across * f.tile.rows, x = tile % across * f.tile.columns;
    out = {y, x, least(f.tile.rows, static_cast<int>(map.out_height) - y),
           least(f.tile.columns, static_cast<int>(map.out_width) - x)};
    halo_y = y * static_cast<int>(map.stride) - 1;
    halo_x = x * static_cast<int>(map.stride) - 1;
    in.y = halo_y < 0 ? 0 : halo_y;
    in.x = halo_x < 0 ? 0 : halo_x;
    in.rows = least(halo_y + space.halo_rows, static_cast<int>(map.height)) - in.y;
    in.columns = least(halo_x + space.halo_columns, static_cast<int>(map.width)) - in.x;
  }
};

}  // namespace menet
