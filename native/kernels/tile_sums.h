// The sums that a pass leaves of its tile of 64 pixels, from the values that its threads hold.
#pragma once

#include "kernels/device_batch_norm.h"

namespace menet {

// What a thread has of a tile: kRows pixels, counted from the tile's first, of kColumns channels
// within the tile's kWidth. `line` numbers the kLines threads that share its columns.
template <typename T, int kRows, int kColumns, int kLines, int kWidth>
struct TilePart {
  int64_t tile;
  int64_t pixels;  // of all tiles
  int line;
  int rows[kRows];
  int columns[kColumns];
  T values[kRows][kColumns];

  __device__ int64_t pixel(int i) const { return tile * kTilePixels + rows[i]; }
  __device__ bool valid(int i) const { return pixel(i) < pixels; }

  // body(i, j, pixel) for what lies within the pixels and the first `count` channels of the tile.
  template <typename Body>
  __device__ void for_each(int64_t count, const Body& body) const {
    for (int i = 0; i < kRows; ++i) {
      for (int j = 0; j < kColumns; ++j) {
        if (valid(i) && columns[j] < count) body(i, j, pixel(i));
      }
    }
  }

  // total[j] = the sum of f(value) over all of the tile's valid pixels, for each of its columns.
  template <typename F>
  __device__ void column_sums(T* shared, const F& f, T (&total)[kColumns]) const {
    for (int j = 0; j < kColumns; ++j) {
      T sum = 0;
      for (int i = 0; i < kRows; ++i) {
        if (valid(i)) sum += f(i, j);
      }
      shared[line * kWidth + columns[j]] = sum;
    }
    __syncthreads();
    for (int j = 0; j < kColumns; ++j) {
      total[j] = 0;
      for (int k = 0; k < kLines; ++k) total[j] += shared[k * kWidth + columns[j]];
    }
    __syncthreads();
  }

  // Mean and sum of squared deviations; written by the first line for columns below `count`,
  // which lie at channel `first_channel` of the sums.
  __device__ void write_moments(const TileSums<T>& sums, int64_t first_channel,
                                int64_t count) const {
    MENET_SHARED(T, shared, kLines * kWidth);
    const int64_t left = pixels - tile * kTilePixels;
    const T n = static_cast<T>(left < kTilePixels ? left : kTilePixels);
    T mean[kColumns], deviations[kColumns];
    column_sums(
        shared, [&](int i, int j) { return values[i][j]; }, mean);
    for (int j = 0; j < kColumns; ++j) mean[j] /= n;
    column_sums(
        shared, [&](int i, int j) { return (values[i][j] - mean[j]) * (values[i][j] - mean[j]); },
        deviations);
    write(sums, first_channel, count, mean, deviations);
  }

  // Sums of the values and of their products with factor(i, j).
  template <typename F>
  __device__ void write_products(const TileSums<T>& sums, int64_t first_channel, int64_t count,
                                 const F& factor) const {
    MENET_SHARED(T, shared, kLines * kWidth);
    T first[kColumns], second[kColumns];
    column_sums(
        shared, [&](int i, int j) { return values[i][j]; }, first);
    column_sums(
        shared,
        [&](int i, int j) { return columns[j] < count ? values[i][j] * factor(i, j) : T(0); },
        second);
    write(sums, first_channel, count, first, second);
  }

 private:
  __device__ void write(const TileSums<T>& sums, int64_t first_channel, int64_t count,
                        const T (&first)[kColumns], const T (&second)[kColumns]) const {
    if (line > 0) return;
    for (int j = 0; j < kColumns; ++j) {
      if (columns[j] >= count) continue;
      const int64_t at = tile * sums.channels + first_channel + columns[j];
      sums.first[at] = first[j];
      sums.second[at] = second[j];
    }
  }
};

}  // namespace menet
