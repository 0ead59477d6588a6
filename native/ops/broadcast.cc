#include "ops/broadcast.h"

#include <algorithm>

namespace menet {

namespace {

int64_t size_from_end(const Shape& shape, size_t i) {
  return i < shape.size() ? shape[shape.size() - 1 - i] : 1;
}

// Strides of `shape` over the dimensions of y, last first; 0 where it repeats.
Shape strides_from_end(const Shape& shape, size_t rank) {
  Shape strides(rank);
  int64_t stride = 1;
  for (size_t i = 0; i < rank; ++i) {
    const int64_t size = size_from_end(shape, i);
    strides[i] = size == 1 ? 0 : stride;
    stride *= size;
  }
  return strides;
}

}  // namespace

Shape broadcast_shape(const Call& call, const Shape& a, const Shape& b) {
  Shape y(std::max(a.size(), b.size()));
  for (size_t i = 0; i < y.size(); ++i) {
    const int64_t left = size_from_end(a, i), right = size_from_end(b, i);
    call.expect(left == right || left == 1 || right == 1, "expected shapes that broadcast, got ",
                to_string(a), " and ", to_string(b));
    y[y.size() - 1 - i] = left == 1 ? right : left;
  }
  return y;
}

Broadcast::Broadcast(const Shape& a, const Shape& b, const Shape& y) {
  const Shape a_all = strides_from_end(a, y.size()), b_all = strides_from_end(b, y.size());
  for (size_t i = 0; i < y.size(); ++i) {
    const int64_t size = size_from_end(y, i);
    if (size == 1) continue;
    if (!sizes_.empty() && a_all[i] == a_strides_.back() * sizes_.back() &&
        b_all[i] == b_strides_.back() * sizes_.back()) {
      sizes_.back() *= size;
      continue;
    }
    sizes_.push_back(size);
    a_strides_.push_back(a_all[i]);
    b_strides_.push_back(b_all[i]);
  }
  if (sizes_.empty()) {
    sizes_ = {1};
    a_strides_ = b_strides_ = {0};
  }
  std::reverse(sizes_.begin(), sizes_.end());
  std::reverse(a_strides_.begin(), a_strides_.end());
  std::reverse(b_strides_.begin(), b_strides_.end());
}

int64_t Broadcast::offset(int64_t row, const Shape& strides) const {
  int64_t offset = 0;
  for (size_t i = sizes_.size() - 1; i-- > 0;) {
    offset += row % sizes_[i] * strides[i];
    row /= sizes_[i];
  }
  return offset;
}

}  // namespace menet
