// How a product of a unit's pass is cut into blocks and what they keep in shared memory, chosen by
// what a GPU has of it.
#pragma once

#include "cuda/tile_product.h"
#include "kernels/operands.h"
#include "kernels/packing.h"

namespace menet {

constexpr int kProductThreads = 256;
constexpr int kProductWarps = kProductThreads / kWarp;

// A 1x1 convolution in groups, or a dense 3x3 one: weights [taps][depth][groups * channels].
struct ProductShape {
  int64_t pixels;  // that a pass writes: of the output, or of the input for the gradient
  int taps;        // 1 or 9
  int groups;
  int depth;     // input channels of a group
  int channels;  // output channels of a group
  Map map;       // of 9 taps
};

inline ProductShape pointwise_shape(const WeightLayout& w, int64_t pixels) {
  return {pixels,
          1,
          static_cast<int>(w.groups),
          static_cast<int>(w.depth),
          static_cast<int>(w.channels),
          {}};
}

// layout: [9 * depth][channels]
inline ProductShape window_shape(const WeightLayout& w, const Map& map, int64_t pixels) {
  return {pixels, 9, 1, static_cast<int>(w.depth / 9), static_cast<int>(w.channels), map};
}

// Of sums of a weights' gradient, for each part that a warp makes: blocks of 16 input by 8 output
// channels, 4 sums in each lane.
struct GradientPart {
  int rows, columns;

  __host__ __device__ GradientPart(int depth, int channels)
      : rows(depth > 16 ? 2 : 1),
        columns(channels > 24   ? 4
                : channels > 16 ? 3
                : channels > 8  ? 2
                                : 1) {}
  __host__ __device__ int size() const { return rows * columns * 4 * kWarp; }
};

// What a pass does with the product's operands.
struct ProductWork {
  bool back;      // the operand is dz, and what is made the input's gradient
  bool result;    // the product itself is wanted
  bool weights;   // so is the gradient of the weights
  int operands;   // tensors that the operand is formed from
  int inputs;     // back: tensors of the input, which the results take the place of
  int stride;     // channels of the operand's row in memory, where all of it is loaded; else 0
  int sum_lines;  // of sums for each channel of the result
  int element;    // bytes of the storage type, and of the type it is computed in
  int compute;
};

// Where the arrays of a block begin, in bytes.
struct ProductShared {
  int operand[3];   // as they come from memory
  int input[2][2];  // for this tile and the next
  int tile;         // the operand, normalised and padded
  int input_tile;   // so is the input, for the gradient of the weights
  int weights;
  int result;
  int gradient;  // sums of the weights' gradient, by warps' parts of it
  int sums;
  int rows;  // [taps][tile] of the operand's tile
  int size;
};

struct ProductPlan {
  int tile;      // pixels at a time: 64 or 32
  int halo;      // rows of the operand's tile, the last one zeros where there are 9 taps
  int groups;    // of a block: all, or one
  int depth;     // of a block: all of a group's, or a part
  int channels;  // so are these
  int chunk;     // of the summed dimension, loaded at a time
  bool gather;   // shuffled operands are loaded channel by channel, not as whole rows
  int64_t part;  // pixels of a block
  int64_t parts;
  ProductShared shared;

  int group_slices(const ProductShape& s) const { return s.groups / groups; }
  __host__ __device__ int depth_slices(const ProductShape& s) const {
    return (s.depth + depth - 1) / depth;
  }
  __host__ __device__ int channel_slices(const ProductShape& s) const {
    return (s.channels + channels - 1) / channels;
  }
  int64_t slices(const ProductShape& s) const {
    return int64_t{group_slices(s)} * depth_slices(s) * channel_slices(s);
  }
  Grid grid(const ProductShape& s) const {
    return {dim3(static_cast<unsigned>(slices(s) * parts)), dim3(kProductThreads),
            static_cast<size_t>(shared.size)};
  }
};

// Of the device that is current. The bytes that each block takes beside what it asks for are
// not in them.
struct SharedLimits {
  int block;
  int multiprocessor;
  int multiprocessors;
};
SharedLimits shared_limits();

// A plan whose blocks fit twice on a multiprocessor, if there is one, else once; false where not
// even that: the product and the gradient of the weights are then passes of their own.
bool plan_product(const ProductShape& shape, const ProductWork& work, const SharedLimits& limits,
                  ProductPlan& plan);

}  // namespace menet
