#include "ops/taps.simd.h"

#include "simd/vector.h"

namespace menet {
namespace MENET_ISA {

namespace {

// Calls block(V, c) for blocks of V vectors of channels from c on. The last block is moved
// back so that it ends with the channels, computing some of them twice: block must only
// depend on its inputs. Returns false where there are fewer channels than lanes.
template <typename T, typename Block>
inline bool for_channel_blocks(int64_t channels, Block&& block) {
  constexpr int64_t L = kLanes<T>;
  if (channels < L) return false;
  int64_t c = 0;
  for (; c + 4 * L <= channels; c += 4 * L) block.template run<4>(c);
  for (; c + L <= channels; c += L) block.template run<1>(c);
  if (c < channels) block.template run<1>(channels - L);
  return true;
}

template <typename T>
struct WeightedTaps {
  int64_t taps;
  const T* const* x;
  const T* const* w;
  T* y;

  template <int V>
  inline void run(int64_t c) {
    constexpr int L = kLanes<T>;
    Vector<T> sums[V] = {};
    for (int64_t t = 0; t < taps; ++t) {
      const T *from = x[t] + c, *weight = w[t] + c;
      for (int v = 0; v < V; ++v) sums[v] += load(from + v * L) * load(weight + v * L);
    }
    for (int v = 0; v < V; ++v) store(y + c + v * L, sums[v]);
  }
};

template <typename T>
struct SumTaps {
  int64_t taps;
  const T* const* x;
  T factor;
  T* y;

  template <int V>
  inline void run(int64_t c) {
    constexpr int L = kLanes<T>;
    Vector<T> sums[V] = {};
    for (int64_t t = 0; t < taps; ++t) {
      for (int v = 0; v < V; ++v) sums[v] += load(x[t] + c + v * L);
    }
    for (int v = 0; v < V; ++v) store(y + c + v * L, sums[v] * factor);
  }
};

}  // namespace

template <typename T>
void weighted_taps(int64_t taps, const T* const* x, const T* const* w, int64_t channels, T* y) {
  if (for_channel_blocks<T>(channels, WeightedTaps<T>{taps, x, w, y})) return;
  for (int64_t c = 0; c < channels; ++c) {
    T sum = 0;
    for (int64_t t = 0; t < taps; ++t) sum += x[t][c] * w[t][c];
    y[c] = sum;
  }
}

template <typename T>
void sum_taps(int64_t taps, const T* const* x, T factor, int64_t channels, T* y) {
  if (for_channel_blocks<T>(channels, SumTaps<T>{taps, x, factor, y})) return;
  for (int64_t c = 0; c < channels; ++c) {
    T sum = 0;
    for (int64_t t = 0; t < taps; ++t) sum += x[t][c];
    y[c] = sum * factor;
  }
}

template <typename T>
void max_taps(int64_t taps, const T* const* x, const int32_t* index, int64_t channels, T* y,
              int32_t* which) {
  for (int64_t c = 0; c < channels; ++c) {
    y[c] = -static_cast<T>(__builtin_inff());
    which[c] = -1;
  }
  for (int64_t t = 0; t < taps; ++t) {
    const T* from = x[t];
    const int32_t i = index[t];
    for (int64_t c = 0; c < channels; ++c) {
      const bool greater = from[c] > y[c];
      which[c] = greater ? i : which[c];
      y[c] = greater ? from[c] : y[c];
    }
  }
}

template <typename T>
void chosen_taps(int64_t taps, const T* const* x, const int32_t* const* which, const int32_t* index,
                 int64_t channels, T* y) {
  for (int64_t c = 0; c < channels; ++c) y[c] = 0;
  for (int64_t t = 0; t < taps; ++t) {
    const T* from = x[t];
    const int32_t* chosen = which[t];
    const int32_t i = index[t];
    for (int64_t c = 0; c < channels; ++c) y[c] += chosen[c] == i ? from[c] : T(0);
  }
}

template <typename T>
void tap_gradient(int64_t count, const T* x, int64_t x_step, const T* dy, int64_t dy_step,
                  int64_t channels, T* sum) {
  constexpr int L = kLanes<T>;
  int64_t c = 0;
  for (; c + 4 * L <= channels; c += 4 * L) {
    Vector<T> sums[4];
    for (int v = 0; v < 4; ++v) sums[v] = load(sum + c + v * L);
    for (int64_t i = 0; i < count; ++i) {
      const T *left = x + i * x_step + c, *right = dy + i * dy_step + c;
      for (int v = 0; v < 4; ++v) sums[v] += load(left + v * L) * load(right + v * L);
    }
    for (int v = 0; v < 4; ++v) store(sum + c + v * L, sums[v]);
  }
  for (; c + L <= channels; c += L) {
    Vector<T> total = load(sum + c);
    for (int64_t i = 0; i < count; ++i)
      total += load(x + i * x_step + c) * load(dy + i * dy_step + c);
    store(sum + c, total);
  }
  for (int64_t i = 0; i < count; ++i) {
    for (int64_t k = c; k < channels; ++k) sum[k] += x[i * x_step + k] * dy[i * dy_step + k];
  }
}

#define INSTANTIATE(T)                                                                          \
  template void weighted_taps<T>(int64_t, const T* const*, const T* const*, int64_t, T*);       \
  template void sum_taps<T>(int64_t, const T* const*, T, int64_t, T*);                          \
  template void max_taps<T>(int64_t, const T* const*, const int32_t*, int64_t, T*, int32_t*);   \
  template void chosen_taps<T>(int64_t, const T* const*, const int32_t* const*, const int32_t*, \
                               int64_t, T*);                                                    \
  template void tap_gradient<T>(int64_t, const T*, int64_t, const T*, int64_t, int64_t, T*);
MENET_FOR_FLOATS(INSTANTIATE)

}  // namespace MENET_ISA
}  // namespace menet
