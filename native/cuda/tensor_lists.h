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

// Calls body(lists, elements) for the inputs, K lists of inputs.size() / lists tensors one after
// the other, as many tensors at a time as a launch takes. Lists beyond `given` are null.
template <typename T, int K, typename Body>
void for_tensor_lists(const Call& call, size_t given, const Body& body) {
  const size_t count = call.inputs.size() / given;
  for (size_t first = 0; first < count; first += kListLength) {
    TensorLists<T, K> lists{};
    for (size_t i = first; i < std::min(count, first + kListLength); ++i) {
      for (size_t k = 0; k < given; ++k) {
        lists.of[k][lists.count] = call.inputs[k * count + i].template as<T>();
      }
      lists.starts[lists.count + 1] = lists.starts[lists.count] + call.inputs[i].size();
      ++lists.count;
    }
    body(lists, lists.starts[lists.count]);
  }
}

}  // namespace menet
