// Ops over lists of tensors at once, as optimizers are: one call and one pass over memory,
// however many tensors there are.
#pragma once

#include <algorithm>
#include <array>
#include <vector>

#include "core/op.h"
#include "core/thread_pool.h"
#include "ops/grain.h"

namespace menet {

// Throws unless the inputs are `lists` lists of tensors, end to end, of one float type, tensor i
// of each list having the shape of tensor i of the first.
void check_lists(const Call& call, size_t lists);

// Tensors cut into pieces of at most kLength elements, the same for any number of threads.
class Pieces {
 public:
  static constexpr int64_t kLength = 4096;

  struct Piece {
    size_t tensor;
    int64_t begin, size;  // its elements
    int64_t start;        // its place in all elements, end to end
  };

  // Of the first `count` tensors.
  Pieces(const std::vector<Tensor>& tensors, size_t count);

  size_t count() const { return pieces_.size(); }

  // body(piece, index) for every piece, in parallel: threads get about as many elements each.
  template <typename Body>
  void for_each(const Body& body) const {
    parallel_for(elements_, kElementGrain, [&](int64_t begin, int64_t end, int) {
      const auto starts_before = [](const Piece& p, int64_t place) { return p.start < place; };
      auto piece = std::lower_bound(pieces_.begin(), pieces_.end(), begin, starts_before);
      for (; piece != pieces_.end() && piece->start < end; ++piece)
        body(*piece, static_cast<size_t>(piece - pieces_.begin()));
    });
  }

 private:
  std::vector<Piece> pieces_;
  int64_t elements_ = 0;
};

// Where a piece begins in each list.
template <typename T>
using Operands = std::array<T*, 5>;

// body(Operands<T>, size) for every piece of the lists of a call, T being their type.
template <typename Body>
void for_each_piece(const Call& call, size_t lists, const Body& body) {
  if (call.inputs.empty()) return;
  const size_t count = call.inputs.size() / lists;
  with_float_type(call.inputs[0].dtype, [&](auto zero) {
    using T = decltype(zero);
    Pieces(call.inputs, count).for_each([&](const Pieces::Piece& piece, size_t) {
      Operands<T> operands{};
      for (size_t l = 0; l < lists; ++l)
        operands[l] = call.inputs[l * count + piece.tensor].as<T>() + piece.begin;
      body(operands, piece.size);
    });
  });
}

}  // namespace menet
