// Many tensors as one: what optimizers update in a single launch.
#pragma once

#include <algorithm>

#include "cuda/vectors.h"

namespace menet {

constexpr int kListLength = 64;  // tensors of a launch: its parameters have 4 KB

// K lists of tensors of the same shapes, each in vectors of 16 bytes, end to end.
template <typename T, int K>
struct TensorLists {
  static constexpr int kEach = kVectorBytes / static_cast<int>(sizeof(T));

  int count = 0;
  bool aligned = true;
  int64_t starts[kListLength + 1];  // in vectors
  int64_t sizes[kListLength];
  T* of[K][kListLength];

  int64_t vectors() const { return starts[count]; }

  // body(tensor, first element, count, whole) for the vectors from `begin` on, `step` apart.
  template <typename Body>
  __device__ void for_each_vector(int64_t begin, int64_t step, const Body& body) const {
    for (int64_t v = begin; v < starts[count]; v += step) {
      const int tensor = tensor_at(v);
      const int64_t at = (v - starts[tensor]) * kEach, left = sizes[tensor] - at;
      const int valid = left < kEach ? static_cast<int>(left) : kEach;
      body(tensor, at, valid, aligned && valid == kEach);
    }
  }

 private:
  // The tensor that holds vector v of all of them.
  __device__ int tensor_at(int64_t v) const {
    int low = 0, high = count - 1;
    while (low < high) {
      const int middle = (low + high + 1) / 2;
      if (starts[middle] <= v) {
        low = middle;
      } else {
        high = middle - 1;
      }
    }
    return low;
  }
};

// Calls body(lists) for the inputs, K lists of as many tensors one after the other, so many
// tensors at a time as a launch takes.
template <typename T, int K, typename Body>
void for_tensor_lists(const Call& call, const Body& body) {
  using Lists = TensorLists<T, K>;
  const size_t count = call.inputs.size() / K;
  for (size_t first = 0; first < count; first += kListLength) {
    Lists lists{};
    for (size_t i = first; i < std::min(count, first + kListLength); ++i) {
      for (size_t k = 0; k < K; ++k) {
        T* const tensor = call.inputs[k * count + i].template as<T>();
        lists.of[k][lists.count] = tensor;
        lists.aligned = lists.aligned && begins_aligned(tensor, Lists::kEach);
      }
      const int64_t size = call.inputs[i].size();
      lists.sizes[lists.count] = size;
      lists.starts[lists.count + 1] = lists.starts[lists.count] + ceil_div(size, Lists::kEach);
      ++lists.count;
    }
    body(lists);
  }
}

template <typename Rule, typename T, int K>
__global__ void __launch_bounds__(kVectorThreads)
    apply(const __grid_constant__ TensorLists<T, K> lists, Rule rule) {
  constexpr int kEach = TensorLists<T, K>::kEach;
  lists.for_each_vector(grid_begin(), grid_step(),
                        [&](int tensor, int64_t at, int count, bool whole) {
                          Vector<T, kEach> values[K];
#pragma unroll
                          for (int k = 0; k < K; ++k) {
                            values[k] = load_vector<kEach>(lists.of[k][tensor], at, count, whole);
                          }
#pragma unroll
                          for (int i = 0; i < kEach; ++i) {
                            T* of[K];
#pragma unroll
                            for (int k = 0; k < K; ++k) of[k] = &values[k].of[i];
                            rule(of);
                          }
#pragma unroll
                          for (int k = 0; k < K - 1; ++k) {
                            store_vector(lists.of[k][tensor], at, values[k], count, whole);
                          }
                        });
}

// rule(of) for every element of the inputs' K lists, `of` pointing to its value in each of them;
// the last list is read only.
template <typename T, int K, typename Rule>
void update_lists(const Call& call, const Rule& rule) {
  for_tensor_lists<T, K>(call, [&](const TensorLists<T, K>& lists) {
    launch(call, apply<Rule, T, K>, grid_for(lists.vectors(), kVectorThreads), lists, rule);
  });
}

}  // namespace menet
