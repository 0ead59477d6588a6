// How maps of pixels x channels are walked in vectors on a GPU. Neighbouring pixels of all channels
// are one run of memory, in which after `period` pixels the same channels begin a vector again: a
// thread keeps one place of that period, hence its channels, whose coefficients and sums stay in
// registers, and no vector costs a division. Rows with gaps are cut into vectors one by one.
#pragma once

#include <numeric>

#include "cuda/vectors.h"

namespace menet {

// Elements in one vector of a thread: `count` of them from `offset` on, counted from `pixel`.
struct VectorPlace {
  int64_t pixel;
  int offset, count;
  bool whole;

  __device__ int64_t at(int64_t stride) const { return pixel * stride + offset; }
};

// A pixel of a map of height x width. 32-bit division is several times faster, and nearly always
// enough.
struct ImagePixel {
  int64_t image;
  int y, x;

  __device__ ImagePixel(int64_t pixel, int height, int width) {
    if (pixel >> 31 != 0) {
      divide<int64_t>(pixel, height, width);
    } else {
      divide<int>(static_cast<int>(pixel), height, width);
    }
  }

 private:
  template <typename I>
  __device__ void divide(I pixel, int height, int width) {
    const I row = pixel / width;
    image = row / height;
    y = static_cast<int>(row - row / height * height);
    x = static_cast<int>(pixel - row * width);
  }
};

struct PixelVectors {
  int64_t pixels;
  int channels;
  int each;      // elements of a vector
  int period;    // pixels
  int vectors;   // of a period
  int width;     // of these, those of a block
  int lines;     // threads of a block with the same channels
  int64_t part;  // pixels of a block
  bool aligned;

  // Rows lie as many elements apart as `strides` say, and vectors have 16 bytes of `bytes` each if
  // that divides them. What is chosen depends on shapes alone, so that a misaligned view gives the
  // same bits.
  PixelVectors(int64_t pixels, int64_t channels, size_t bytes,
               std::initializer_list<int64_t> strides)
      : pixels(pixels), channels(static_cast<int>(channels)), aligned(true) {
    int64_t common = 0;
    for (const int64_t stride : strides) {
      if (stride != channels) common = std::gcd(common, std::gcd(stride, channels));
    }
    const int full = kVectorBytes / static_cast<int>(bytes);
    each = fits(full, common) ? full : fits(full / 2, common) ? full / 2 : 1;
    period = period_of(each);
    vectors = this->channels * period / each;
    width = std::min(vectors, kVectorThreads);
    lines = kVectorThreads / width;
    set_part(4 * lines * period);
  }

  // At least so many pixels.
  void set_part(int64_t least) { part = ceil_div(least, period) * period; }

  template <typename... S>
  void align(const S*... p) {
    aligned = (begins_aligned(p, each) && ...);
  }

  Grid grid(size_t shared = 0) const {
    return {dim3(static_cast<unsigned>(ceil_div(pixels, part)),
                 static_cast<unsigned>(ceil_div(vectors, width))),
            dim3(kVectorThreads), shared};
  }

 private:
  int period_of(int count) const { return count / std::gcd(count, channels); }
  bool fits(int count, int64_t common) const {
    return common % count == 0 &&
           (period_of(count) == 1 || channels * period_of(count) / count <= kVectorThreads);
  }
};

// A thread's part of the walk.
class VectorStrand {
 public:
  __device__ explicit VectorStrand(const PixelVectors& p)
      : p_(p),
        line_(static_cast<int>(threadIdx.x) / p.width),
        vector_(static_cast<int>(blockIdx.y) * p.width + static_cast<int>(threadIdx.x) -
                line_ * p.width) {}

  __device__ bool active() const { return line_ < p_.lines && vector_ < p_.vectors; }
  __device__ int line() const { return line_; }
  __device__ int offset() const { return vector_ * p_.each; }
  __device__ int channel(int k) const { return (offset() + k) % p_.channels; }

  // lane.finish(place, lane.load(place)) for every vector, two loads ahead of their use.
  template <int kEach, typename Lane>
  __device__ void walk(Lane& lane) const {
    const int64_t first = static_cast<int64_t>(blockIdx.x) * p_.part;
    const int64_t end = first + p_.part < p_.pixels ? first + p_.part : p_.pixels;
    const int64_t step = static_cast<int64_t>(p_.lines) * p_.period;
    for (int64_t pixel = first + static_cast<int64_t>(line_) * p_.period; pixel < end;
         pixel += 2 * step) {
      const VectorPlace a = place<kEach>(pixel, end), b = place<kEach>(pixel + step, end);
      const auto loaded_a = lane.load(a);
      const auto loaded_b = lane.load(b);
      lane.finish(a, loaded_a);
      lane.finish(b, loaded_b);
    }
  }

 private:
  template <int kEach>
  __device__ VectorPlace place(int64_t pixel, int64_t end) const {
    const int64_t left = (end - pixel) * p_.channels - offset();
    const int count = left >= kEach ? kEach : left > 0 ? static_cast<int>(left) : 0;
    return {pixel, offset(), count, p_.aligned && count == kEach};
  }

  const PixelVectors& p_;
  const int line_, vector_;
};

template <int kEach, typename Op>
__global__ void __launch_bounds__(kVectorThreads) map_pixels(Op op, PixelVectors vectors) {
  const VectorStrand strand(vectors);
  if (!strand.active()) return;
  typename Op::template Lane<kEach> lane(op, strand);
  strand.walk<kEach>(lane);
}

// body(std::integral_constant<int, each>).
template <typename S, typename Body>
void with_each(int each, const Body& body) {
  constexpr int kFull = kVectorBytes / static_cast<int>(sizeof(S));
  if (each == kFull) return body(std::integral_constant<int, kFull>());
  if constexpr (kFull > 2) {
    if (each == kFull / 2) return body(std::integral_constant<int, kFull / 2>());
  }
  body(std::integral_constant<int, 1>());
}

// op::Lane<each>'s finish() of load() for every vector.
template <typename S, typename Op>
void launch_pixels(const Call& call, const Op& op, const PixelVectors& vectors) {
  with_each<S>(vectors.each, [&](auto each) {
    launch(call, map_pixels<each(), Op>, vectors.grid(), op, vectors);
  });
}

}  // namespace menet
