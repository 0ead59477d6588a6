// What a sliding window does at one pixel, over all its channels: depthwise convolution and
// pooling. A tap is one element of the window; x[t] and w[t] point to its channels.
#pragma once

#include <cstdint>

#include "simd/dispatch.h"

namespace menet {

MENET_SIMD_DECLARE(
    // y[c] = sum over t of x[t][c] * w[t][c]
    template <typename T>
    void weighted_taps(int64_t taps, const T* const* x, const T* const* w, int64_t channels, T* y);
    // y[c] = factor * sum over t of x[t][c]
    template <typename T>
    void sum_taps(int64_t taps, const T* const* x, T factor, int64_t channels, T* y);
    // y[c] = greatest x[t][c], NaN left out; which[c] = index[t] of the first such t, or -1
    template <typename T> void max_taps(int64_t taps, const T* const* x, const int32_t* index,
                                        int64_t channels, T* y, int32_t* which);
    // y[c] = sum over t of x[t][c] where which[t][c] == index[t]
    template <typename T>
    void chosen_taps(int64_t taps, const T* const* x, const int32_t* const* which,
                     const int32_t* index, int64_t channels, T* y);
    // sum[c] += sum over i < count of x[i * x_step + c] * dy[i * dy_step + c]
    template <typename T> void tap_gradient(int64_t count, const T* x, int64_t x_step, const T* dy,
                                            int64_t dy_step, int64_t channels, T* sum);)

}  // namespace menet
