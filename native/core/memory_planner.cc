#include "core/memory_planner.h"

#include <algorithm>
#include <map>
#include <numeric>

namespace menet {

namespace {

constexpr size_t kAlignment = 64;

size_t padded(size_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

bool needed_together(const Span& a, const Span& b) {
  return a.first <= b.last && b.first <= a.last;
}

}  // namespace

// The largest first, each in the lowest gap between those that it must not overlap.
// See Pisarchyk and Lee, "Efficient Memory Management for Deep Neural Net Inference",
// arXiv:2001.03288, greedy by size.
Placement place(const std::vector<Span>& spans) {
  std::vector<size_t> order(spans.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return spans[a].bytes > spans[b].bytes; });
  Placement placement;
  placement.offsets.resize(spans.size());
  std::vector<size_t> placed;  // by offset
  for (const size_t i : order) {
    const size_t size = padded(spans[i].bytes);
    size_t offset = 0;
    for (const size_t other : placed) {
      if (!needed_together(spans[i], spans[other])) continue;
      const size_t begin = placement.offsets[other];
      if (begin >= offset + size) break;
      offset = std::max(offset, begin + padded(spans[other].bytes));
    }
    placement.offsets[i] = offset;
    placement.bytes = std::max(placement.bytes, offset + size);
    placed.insert(std::upper_bound(placed.begin(), placed.end(), i,
                                   [&](size_t a, size_t b) {
                                     return placement.offsets[a] < placement.offsets[b];
                                   }),
                  i);
  }
  return placement;
}

size_t needed_at_once(const std::vector<Span>& spans) {
  std::map<int, ptrdiff_t> changes;  // by step
  for (const Span& span : spans) {
    changes[span.first] += static_cast<ptrdiff_t>(padded(span.bytes));
    changes[span.last + 1] -= static_cast<ptrdiff_t>(padded(span.bytes));
  }
  ptrdiff_t now = 0, most = 0;
  for (const auto& change : changes) most = std::max(most, now += change.second);
  return static_cast<size_t>(most);
}

}  // namespace menet
