// A slab: some rows and columns of an image's map, with all channels or a piece of them, in shared
// memory as they are stored. NHWC rows have no alignment (57 channels of 16 bits are 114 bytes),
// but a row of pixels is one run of elements: it is copied in aligned pieces of 16 bytes, and lies
// in shared memory as far behind an aligned address as it does in global memory. A view that begins
// elsewhere is copied element by element.
#pragma once

#include "cuda/async_copy.h"

namespace menet {

constexpr int kCopyBytes = 16;

// Of a tensor of maps: what a slab holds at most. `piece` channels of it; all, or a multiple of
// 16 bytes.
struct SlabShape {
  int64_t images;
  int height, width, channels;
  int piece;
  int rows, columns;

  __host__ __device__ bool whole() const { return piece == channels; }
  __host__ __device__ int64_t size() const { return images * height * width * channels; }
  // Elements from a row to the next: as far from a multiple of 16 bytes as in global memory, and
  // far enough for what is copied before and behind a row.
  template <typename S>
  __host__ __device__ int pitch() const {
    constexpr int kLanes = kCopyBytes / static_cast<int>(sizeof(S));
    const int row = columns * piece;
    if (!whole()) return row;
    const int least = row + 2 * kLanes - 2;
    return least + ((width * channels - least) % kLanes + kLanes) % kLanes;
  }
  // Of the slab in shared memory; a multiple of 16 bytes.
  template <typename S>
  __host__ __device__ int elements() const {
    constexpr int kLanes = kCopyBytes / static_cast<int>(sizeof(S));
    return (rows * pitch<S>() + 3 * kLanes - 1) / kLanes * kLanes;
  }
  template <typename S>
  __host__ __device__ int bytes() const {
    return elements<S>() * static_cast<int>(sizeof(S));
  }
};

// Pixels [y, y + shape.rows) x [x, x + shape.columns) of an image, those within it.
template <typename S>
class Slab {
 public:
  static constexpr int kLanes = kCopyBytes / static_cast<int>(sizeof(S));

  // Of channels [first, first + count).
  __device__ Slab(const SlabShape& shape, S* shared, const S* tensor, int first, int count)
      : shape_(shape),
        pitch_(shape.pitch<S>()),
        shared_(shared),
        tensor_(tensor),
        first_(first),
        count_(count) {}

  __device__ void place(int64_t image, int y, int x) {
    y_ = y;
    x_ = x;
    origin_ = ((image * shape_.height + y) * shape_.width + x) * shape_.channels + first_;
    phase_ = shape_.whole() ? static_cast<int>(origin_ & (kLanes - 1)) : 0;
  }

  // Index in shared memory of channel `c` of the piece at the map's pixel (y, x).
  __device__ int index(int y, int x, int c) const {
    return phase_ + (y - y_) * pitch_ + (x - x_) * shape_.piece + c;
  }
  __device__ int pitch() const { return pitch_; }
  __device__ S& operator[](int index) const { return shared_[index]; }

  // By all threads of the block; complete after wait_for_copies() and a barrier.
  __device__ void load() const {
    if (vectors(tensor_)) {
      for_each_vector([&](S* to, int64_t from, int, int) {
        if (from + kLanes <= shape_.size()) {
          start_copy<kCopyBytes>(to, tensor_ + from);
        } else {
          for (int64_t i = from; i < shape_.size(); ++i) to[i - from] = tensor_[i];
        }
      });
    } else {
      for_each_element([&](S* to, int64_t from) { *to = tensor_[from]; });
    }
  }

  // The slab, which threads have written, to `out`, a tensor of the same shape.
  __device__ void store(S* out) const {
    if (vectors(out)) {
      for_each_vector([&](S* from, int64_t to, int begin, int end) {
        if (begin == 0 && end == kLanes) {
          *reinterpret_cast<uint4*>(out + to) = *reinterpret_cast<const uint4*>(from);
        } else {
          for (int i = begin; i < end; ++i) out[to + i] = from[i];
        }
      });
    } else {
      for_each_element([&](S* from, int64_t to) { out[to] = *from; });
    }
  }

 private:
  // A piece of the channels is aligned where every pixel is.
  __device__ bool vectors(const S* tensor) const {
    if (reinterpret_cast<uintptr_t>(tensor) % kCopyBytes != 0) return false;
    return shape_.whole() || (shape_.channels | shape_.piece | first_ | count_) % kLanes == 0;
  }
  __device__ int valid_rows() const { return min(shape_.rows, shape_.height - y_); }
  __device__ int valid_columns() const { return min(shape_.columns, shape_.width - x_); }

  // body(in shared memory, index in the tensor, lanes [begin, end) that belong to the slab).
  template <typename Body>
  __device__ void for_each_vector(const Body& body) const {
    // A run is a row, or a pixel of a piece of the channels.
    const int across = shape_.whole() ? 1 : valid_columns();
    const int runs = valid_rows() * across;
    const int length = shape_.whole() ? valid_columns() * count_ : count_;
    const int most = (length + 2 * kLanes - 1) / kLanes;
    const int wide = min(most, static_cast<int>(blockDim.x));
    const int lines = static_cast<int>(blockDim.x) / wide;
    const int line = static_cast<int>(threadIdx.x) / wide;
    if (line >= lines) return;
    for (int run = line; run < runs; run += lines) {
      const int r = run / across, column = run - r * across;
      // The run begins `behind` elements behind a multiple of 16 bytes, here and there.
      const int start = phase_ + r * pitch_ + column * shape_.piece;
      const int behind = start & (kLanes - 1);
      const int64_t from =
          origin_ + (static_cast<int64_t>(r) * shape_.width + column) * shape_.channels - behind;
      S* const to = shared_ + start - behind;
      for (int v = static_cast<int>(threadIdx.x) - line * wide; v * kLanes < behind + length;
           v += wide) {
        const int at = v * kLanes;
        body(to + at, from + at, max(behind - at, 0), min(behind + length - at, kLanes));
      }
    }
  }

  template <typename Body>
  __device__ void for_each_element(const Body& body) const {
    const int across = valid_columns();
    const int lines = static_cast<int>(blockDim.x) / count_;
    const int line = static_cast<int>(threadIdx.x) / count_;
    const int c = static_cast<int>(threadIdx.x) - line * count_;
    if (line >= lines) return;
#pragma unroll 4
    for (int p = line; p < valid_rows() * across; p += lines) {
      const int r = p / across, column = p - r * across;
      body(shared_ + phase_ + r * pitch_ + column * shape_.piece + c,
           origin_ + (static_cast<int64_t>(r) * shape_.width + column) * shape_.channels + c);
    }
  }

  const SlabShape shape_;
  const int pitch_;
  S* const shared_;
  const S* const tensor_;
  const int first_, count_;
  int64_t origin_ = 0;
  int y_ = 0, x_ = 0, phase_ = 0;
};

}  // namespace menet
