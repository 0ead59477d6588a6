// Broadcasting as NumPy and tfjs define it, as loops over rows.
#pragma once

#include "core/op.h"

namespace menet {

// Shape of f(a, b); throws naming the op where the shapes do not fit.
Shape broadcast_shape(const Call& call, const Shape& a, const Shape& b);

// Walks y = f(a, b) as rows of `inner` elements, in which a and b advance by 0 or 1.
class Broadcast {
 public:
  Broadcast(const Shape& a, const Shape& b, const Shape& y);

  // Outermost first, neighbours merged where both inputs allow it; never empty.
  const Shape& sizes() const { return sizes_; }
  const Shape& a_strides() const { return a_strides_; }
  const Shape& b_strides() const { return b_strides_; }

  int64_t a_step() const { return a_strides_.back(); }
  int64_t b_step() const { return b_strides_.back(); }

  // body(offset in a, in b, in y, count) for the pieces of rows in [begin, end) of y.
  template <typename Body>
  void for_each_row(int64_t begin, int64_t end, Body&& body) const {
    const int64_t inner = sizes_.back();
    while (begin < end) {
      const int64_t row = begin / inner;
      const int64_t column = begin - row * inner;
      const int64_t count = std::min(end - begin, inner - column);
      body(offset(row, a_strides_) + column * a_step(), offset(row, b_strides_) + column * b_step(),
           begin, count);
      begin += count;
    }
  }

 private:
  int64_t offset(int64_t row, const Shape& strides) const;

  Shape sizes_, a_strides_, b_strides_;
};

}  // namespace menet
