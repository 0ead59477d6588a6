// Many tensors as one: what optimizers update in a single launch.
#pragma once

#include <algorithm>

#include "cuda/launch.h"

namespace menet {

constexpr int kListLength = 64;  // tensors of a launch: its parameters have 4 KB

// K lists of tensors of the same shapes, end to end.
template <typename T, int K>
struct TensorLists {
  int count = 0;
  int64_t starts[kListLength + 1];
  T* of[K][kListLength];

  // The tensor that holds element i of all of them.
  __device__ int tensor_at(int64_t i) const {
    int low = 0, high = count - 1;
    while (low < high) {
      const int middle = (low + high + 1) / 2;
      if (starts[middle] <= i) {
        low = middle;
      } else {
        high = middle - 1;
      }
    }
    return low;
  }
};

// Calls body(lists, elements) for the inputs, K lists of as many tensors one after the other, so
// many tensors at a time as a launch takes.
template <typename T, int K, typename Body>
void for_tensor_lists(const Call& call, const Body& body) {
  const size_t count = call.inputs.size() / K;
  for (size_t first = 0; first < count; first += kListLength) {
    TensorLists<T, K> lists{};
    for (size_t i = first; i < std::min(count, first + kListLength); ++i) {
      for (size_t k = 0; k < K; ++k) {
        lists.of[k][lists.count] = call.inputs[k * count + i].template as<T>();
      }
      lists.starts[lists.count + 1] = lists.starts[lists.count] + call.inputs[i].size();
      ++lists.count;
    }
    body(lists, lists.starts[lists.count]);
  }
}

// An element of each list.
template <typename T, int K>
struct Elements {
  T* of[K];
};

template <typename Rule, typename T, int K>
__global__ void apply(TensorLists<T, K> lists, int64_t count, Rule rule) {
  for (int64_t e = grid_begin(); e < count; e += grid_step()) {
    const int tensor = lists.tensor_at(e);
    Elements<T, K> at;
    for (int k = 0; k < K; ++k) at.of[k] = lists.of[k][tensor] + (e - lists.starts[tensor]);
    rule(at.of);
  }
}

// rule(of) for every element of the inputs' K lists, `of` pointing to it in each of them.
template <typename T, int K, typename Rule>
void update_lists(const Call& call, const Rule& rule) {
  for_tensor_lists<T, K>(call, [&](const TensorLists<T, K>& lists, int64_t count) {
    launch(call, apply<Rule, T, K>, grid_for(count), lists, count, rule);
  });
}

}  // namespace menet
