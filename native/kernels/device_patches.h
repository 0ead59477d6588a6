// How a pass over maps with 3x3 windows is divided on a GPU. A thread has one channel and walks
// through a patch of the map from left to right, the window's columns wandering through its
// registers; a block's threads have neighbouring channels, and as many patches side by side as
// there are threads and shared memory for. All of a network's maps are 7 pixels wide, or a
// multiple of it, and so is a patch.
#pragma once

#include "kernels/device_slab.h"

namespace menet {

constexpr int kPatchWidth = 7;
constexpr int kPatchThreads = 256;

// Of a map of height x width pixels, or of 2x2 pixels where windows have stride 2 and gradients go
// back.
struct Patches {
  int64_t images;
  int height, width, channels;
  int piece;        // channels of a block
  int across;       // patches of a block, side by side
  int tall;         // rows of a patch
  int down, right;  // tiles of a map: what a block has at a time
  int64_t blocks;   // each has as many tiles, one after the other

  __host__ __device__ int64_t tiles() const { return images * down * right; }
  int pieces() const { return static_cast<int>(ceil_div(channels, piece)); }
  Grid grid(size_t shared) const {
    const int threads = static_cast<int>(ceil_div(piece * across, kWarp)) * kWarp;
    return {dim3(static_cast<unsigned>(blocks), static_cast<unsigned>(pieces())), dim3(threads),
            shared};
  }
};

// Where a thread works.
struct PatchThread {
  int c;        // within the block's piece of the channels
  int channel;  // of all
  int patch;
  bool active;

  __device__ explicit PatchThread(const Patches& p)
      : c(static_cast<int>(threadIdx.x) % p.piece),
        channel(static_cast<int>(blockIdx.y) * p.piece + c),
        patch(static_cast<int>(threadIdx.x) / p.piece),
        active(patch < p.across && channel < p.channels) {}
};

// The first channel of a block's piece, and how many there are.
__device__ inline int piece_first(const Patches& p) {
  return static_cast<int>(blockIdx.y) * p.piece;
}
__device__ inline int piece_count(const Patches& p) {
  return min(p.piece, p.channels - piece_first(p));
}

// A tile's image and upper left pixel.
struct Tile {
  int64_t image;
  int y, x;

  __device__ Tile(const Patches& p, int64_t tile) {
    const int64_t row = tile / p.right;
    x = static_cast<int>(tile - row * p.right) * p.across * kPatchWidth;
    image = row / p.down;
    y = static_cast<int>(row - image * p.down) * p.tall;
  }
};

// A block's tiles.
__device__ inline int64_t first_tile(const Patches& p) { return p.tiles() * blockIdx.x / p.blocks; }
__device__ inline int64_t last_tile(const Patches& p) {
  return p.tiles() * (blockIdx.x + 1) / p.blocks;
}

inline int64_t most_shared_memory() {
  int device = 0, bytes = 0;
  check(cudaGetDevice(&device), "device");
  check(cudaDeviceGetAttribute(&bytes, cudaDevAttrMaxSharedMemoryPerBlockOptin, device),
        "shared memory");
  return bytes;
}

// Divides maps for a pass whose blocks need bytes_of(piece, across) of shared memory. `lanes`
// elements have 16 bytes.
template <typename Bytes>
Patches divide(int64_t images, int64_t height, int64_t width, int64_t channels, int tall, int lanes,
               int64_t most_blocks, const Bytes& bytes_of) {
  constexpr int64_t kSeveralBlocks = 56 << 10;  // four of them on a multiprocessor of sm_90
  const int64_t most = most_shared_memory();
  Patches p{};
  p.images = images;
  p.height = static_cast<int>(height);
  p.width = static_cast<int>(width);
  p.channels = static_cast<int>(channels);
  p.tall = tall;
  p.piece = p.channels;
  while (p.piece > lanes && (p.piece > kPatchThreads || bytes_of(p.piece, 1) > most)) {
    p.piece = static_cast<int>(ceil_div(ceil_div(p.piece, 2), lanes)) * lanes;
  }
  const int wide = static_cast<int>(ceil_div(width, kPatchWidth));
  p.across = 1;
  while (p.across < wide && p.piece * (p.across + 1) <= kPatchThreads &&
         bytes_of(p.piece, p.across + 1) <= kSeveralBlocks) {
    ++p.across;
  }
  p.down = static_cast<int>(ceil_div(height, tall));
  p.right = static_cast<int>(ceil_div(wide, p.across));
  p.across = static_cast<int>(ceil_div(wide, p.right));
  p.blocks = std::min({p.tiles(), most_blocks, std::max<int64_t>(1, kMostBlocks / p.pieces())});
  return p;
}

}  // namespace menet
