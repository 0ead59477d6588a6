// Where temporaries lie in one arena: those that are never needed together share addresses.
#pragma once

#include <cstddef>
#include <vector>

namespace menet {

// A temporary: needed from step `first` to step `last`, both included.
struct Span {
  size_t bytes;
  int first, last;
};

struct Placement {
  std::vector<size_t> offsets;  // of each span, multiples of 64
  size_t bytes = 0;             // of the arena
};

Placement place(const std::vector<Span>& spans);

// The most bytes that are needed in one step: no placement has a smaller arena.
size_t needed_at_once(const std::vector<Span>& spans);

}  // namespace menet
