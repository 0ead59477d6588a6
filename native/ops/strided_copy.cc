#include "ops/strided_copy.h"

#include "core/thread_pool.h"
#include "ops/grain.h"
#include "ops/number_type.h"

namespace menet {

namespace {

// The position in x and y while counting through the outer dimensions.
class Odometer {
 public:
  Odometer(const CopyLoops& loops, size_t dimensions, int64_t index)
      : loops_(loops), index_(dimensions) {
    for (size_t d = dimensions; d-- > 0;) {
      index_[d] = index % loops.sizes[d];
      index /= loops.sizes[d];
      from += index_[d] * loops.from[d];
      to += index_[d] * loops.to[d];
    }
  }

  void next() {
    for (size_t d = index_.size(); d-- > 0;) {
      from += loops_.from[d];
      to += loops_.to[d];
      if (++index_[d] < loops_.sizes[d]) return;
      from -= index_[d] * loops_.from[d];
      to -= index_[d] * loops_.to[d];
      index_[d] = 0;
    }
  }

  int64_t from = 0, to = 0;

 private:
  const CopyLoops& loops_;
  Shape index_;
};

template <typename T>
void copy_row(const T* x, int64_t from, T* y, int64_t to, int64_t n) {
  if (from == 1 && to == 1) {
    std::copy_n(x, n, y);
  } else if (from == 0 && to == 1) {
    std::fill_n(y, n, *x);
  } else {
    for (int64_t i = 0; i < n; ++i) y[i * to] = x[i * from];
  }
}

constexpr int64_t kTile = 32;  // of a transposition, small enough for the first-level cache

// y[r * to + c] = x[r + c * from]
template <typename T>
void transpose_matrix(const T* x, int64_t from, T* y, int64_t to, int64_t rows, int64_t columns) {
  for (int64_t r0 = 0; r0 < rows; r0 += kTile) {
    const int64_t r1 = std::min(rows, r0 + kTile);
    for (int64_t c0 = 0; c0 < columns; c0 += kTile) {
      const int64_t c1 = std::min(columns, c0 + kTile);
      for (int64_t r = r0; r < r1; ++r) {
        for (int64_t c = c0; c < c1; ++c) y[r * to + c] = x[r + c * from];
      }
    }
  }
}

template <typename T>
void copy_matrix(const CopyLoops& loops, const T* x, T* y) {
  const size_t outer = loops.sizes.size() - 2;
  const int64_t rows = loops.sizes[outer], columns = loops.sizes[outer + 1];
  const int64_t from = loops.from[outer + 1], to = loops.to[outer];
  const int64_t row_blocks = (rows + kTile - 1) / kTile;
  int64_t count = row_blocks;
  for (size_t d = 0; d < outer; ++d) count *= loops.sizes[d];
  parallel_for(count, grain_of(std::min(rows, kTile) * columns),
               [&](int64_t begin, int64_t end, int) {
                 Odometer at(loops, outer, begin / row_blocks);
                 for (int64_t i = begin; i < end; ++i) {
                   const int64_t r = i % row_blocks * kTile;
                   if (i > begin && r == 0) at.next();
                   transpose_matrix(x + at.from + r, from, y + at.to + r * to, to,
                                    std::min(kTile, rows - r), columns);
                 }
               });
}

template <typename T>
void copy_rows(const CopyLoops& loops, const T* x, T* y) {
  const size_t last = loops.sizes.size() - 1;
  const int64_t inner = loops.sizes[last], from = loops.from[last], to = loops.to[last];
  int64_t count = 1;
  for (size_t d = 0; d < last; ++d) count *= loops.sizes[d];
  if (count == 1) {
    parallel_for(inner, kElementGrain, [&](int64_t begin, int64_t end, int) {
      copy_row(x + begin * from, from, y + begin * to, to, end - begin);
    });
    return;
  }
  parallel_for(count, grain_of(inner), [&](int64_t begin, int64_t end, int) {
    Odometer at(loops, last, begin);
    for (int64_t i = begin; i < end; ++i, at.next()) {
      copy_row(x + at.from, from, y + at.to, to, inner);
    }
  });
}

}  // namespace

Shape dense_strides(const Shape& shape) {
  Shape strides(shape.size(), 1);
  for (size_t i = shape.size(); i-- > 1;) strides[i - 1] = strides[i] * shape[i];
  return strides;
}

CopyLoops::CopyLoops(const Shape& all_sizes, const Shape& all_from, const Shape& all_to) {
  for (size_t i = 0; i < all_sizes.size(); ++i) {
    if (all_sizes[i] == 1) continue;
    if (!sizes.empty() && from.back() == all_from[i] * all_sizes[i] &&
        to.back() == all_to[i] * all_sizes[i]) {
      sizes.back() *= all_sizes[i];
      from.back() = all_from[i];
      to.back() = all_to[i];
      continue;
    }
    sizes.push_back(all_sizes[i]);
    from.push_back(all_from[i]);
    to.push_back(all_to[i]);
  }
  while (sizes.size() < 2) {
    sizes.insert(sizes.begin(), 1);
    from.insert(from.begin(), 0);
    to.insert(to.begin(), 0);
  }
}

bool CopyLoops::choose_matrix() {
  const size_t last = sizes.size() - 1;
  if (from[last] == 1 || to[last] != 1) return false;
  for (size_t i = 0; i + 1 < last; ++i) {
    if (from[i] != 1) continue;
    for (Shape* list : {&sizes, &from, &to}) {
      const int64_t value = (*list)[i];
      list->erase(list->begin() + static_cast<int64_t>(i));
      list->insert(list->end() - 1, value);
    }
    break;
  }
  return from[last - 1] == 1;
}

void strided_copy([[maybe_unused]] const Call& call, DType dtype, const Shape& sizes, const void* x,
                  int64_t x_offset, const Shape& from, void* y, int64_t y_offset, const Shape& to) {
  if (size_of(sizes) == 0) return;
  CopyLoops loops(sizes, from, to);
  const bool matrix = loops.choose_matrix();
#ifdef MENET_CUDA
  if (call.device().kind() == DeviceKind::kCuda) {
    return strided_copy_cuda(call, dtype, loops, matrix, x, x_offset, y, y_offset);
  }
#endif
  with_element_size(dtype, [&](auto zero) {
    using T = decltype(zero);
    const T* source = static_cast<const T*>(x) + x_offset;
    T* target = static_cast<T*>(y) + y_offset;
    if (matrix) {
      copy_matrix(loops, source, target);
    } else {
      copy_rows(loops, source, target);
    }
  });
}

}  // namespace menet
