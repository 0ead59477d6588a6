// One kernel for a unit in inference form: a block takes a tile of the output map, with a halo of
// one input pixel, through all convolutions; what lies between x and y stays in its shared memory,
// as S. Needs that tile to fit there; the passes of unit_forward.cu are for what does not.
#pragma once

#include "kernels/block_product.h"
#include "kernels/device_operands.h"

namespace menet {

// Of the output map.
struct UnitTile {
  int rows = 0;
  int columns = 0;
};

template <typename S>
struct FusedUnit {
  Unit<Compute<S>> unit;
  UnitTile tile;
  const S* x;         // or h
  const S* h;         // in shuffled order, behind its batch norm
  const S* residual;  // with h: the depthwise convolution's raw output
  S* y;
  int left_bytes;  // 16, 8, 4, or fewer than those: what addresses of groups of x's pixels share
  int out_bytes;   // likewise of y's and, in a unit of stride 1, x's

  __host__ __device__ int tiles_down() const {
    return ceil_div_int(unit.map.out_height, tile.rows);
  }
  __host__ __device__ int tiles_across() const {
    return ceil_div_int(unit.map.out_width, tile.columns);
  }

 private:
  __host__ __device__ static int ceil_div_int(int64_t a, int b) {
    return static_cast<int>((a + b - 1) / b);
  }
};

// Where things lie in a block's shared memory, in bytes. Channels of maps are padded to the step of
// a product's depth; the gated residual q has its groups padded, and so a multiple of 16 bytes
// each.
template <typename S>
struct UnitSpace {
  using T = Compute<S>;
  int halo_rows, halo_columns;                // of a tile
  int h_pitch, side_pitch, q_group, q_pitch;  // elements
  int right, coefficients, stage, h, zm, zs, q, bytes;

  static constexpr int kStagePitch = kBlockColumns + 4;  // of T: the tile of y before it is joined

  __host__ __device__ UnitSpace(const Unit<T>& u, UnitTile tile) {
    constexpr int kStep = kDepthStep<S>, kSize = static_cast<int>(sizeof(S));
    const int stride = static_cast<int>(u.map.stride), width = static_cast<int>(u.width);
    const int side = static_cast<int>(u.side);
    halo_rows = (tile.rows - 1) * stride + 3;
    halo_columns = (tile.columns - 1) * stride + 3;
    h_pitch = shared_pitch<S>(round_up_to(width, kStep));
    side_pitch = side > 0 ? shared_pitch<S>(round_up_to(side, kStep)) : 0;
    const int groups = u.expanded > 0 ? static_cast<int>(u.expand.layout.groups) : 1;
    q_group = round_up_to(width / groups, round_up_to(kStep, 16 / kSize));
    q_pitch = shared_pitch<S>(groups * q_group);
    const int halo = halo_rows * halo_columns, pixels = tile.rows * tile.columns;
    const int left = 2 * kBlockRows * kLeftPitch<S> * kSize;
    const int staged = kBlockRows * kStagePitch * static_cast<int>(sizeof(T));
    right = 0;
    coefficients = right + 2 * kRightSize<S> * kSize;
    stage = coefficients + 2 * static_cast<int>(sizeof(TileCoefficients<T>));
    h = stage + (u.expanded > 0 && staged > left ? staged : left);
    zm = h + halo * h_pitch * kSize;
    zs = zm + halo * side_pitch * kSize;
    q = zs + pixels * side_pitch * kSize;
    bytes = q + pixels * q_pitch * kSize;
  }
};

// Whether it ran; the attribute `tile` [rows, columns], for tests and measurements, chooses the
// tile, or [0, 0] the passes.
template <typename S>
bool unit_inference_cuda(const Call& call, const Unit<Compute<S>>& unit,
                         const UnitTensors<S>& tensors);

}  // namespace menet
