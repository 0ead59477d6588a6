// ldmatrix and mma.sync on the CPU: every lane brings what it holds, and takes what is its own of
// the result, exactly as the instructions' fragments lie (cuda/mma.h).
#pragma once

#include <cstdint>
#include <cstring>

#include "core/half.h"
#include "cuda/shim/grid.h"

namespace menet::shim {

// Element `column` of the row that a lane brought.
inline unsigned matrix_element(const WarpFragments& rows, unsigned lane, unsigned column) {
  uint16_t elements[8];
  std::memcpy(elements, rows.of_lane[lane], sizeof elements);
  return elements[column];
}

inline void load_rows(unsigned (&r)[4], const void* row, bool transposed, Place place) {
  const uint4 mine = *static_cast<const uint4*>(row);  // as aligned as the instruction wants it
  unsigned long long words[3] = {};
  std::memcpy(words, &mine, sizeof mine);
  const WarpFragments& rows = exchange_fragments(words, place);
  const unsigned line = lane() / 4, pair = lane() % 4 * 2;
  for (unsigned i = 0; i < 4; ++i) {
    unsigned element[2];
    for (unsigned e = 0; e < 2; ++e) {
      element[e] = transposed ? matrix_element(rows, 8 * i + pair + e, line)
                              : matrix_element(rows, 8 * i + line, pair + e);
    }
    r[i] = element[0] | element[1] << 16;
  }
}

inline void load_matrices(unsigned (&r)[4], const void* row, int line = __builtin_LINE(),
                          const char* file = __builtin_FILE()) {
  load_rows(r, row, false, {file, line});
}
inline void load_matrices_transposed(unsigned (&r)[4], const void* row, int line = __builtin_LINE(),
                                     const char* file = __builtin_FILE()) {
  load_rows(r, row, true, {file, line});
}

// Of the fragments that a lane brought: a[0..3], b[0..1].
template <typename S>
float fragment_element(const WarpFragments& all, unsigned lane, unsigned word, unsigned half) {
  uint16_t halves[12];
  std::memcpy(halves, all.of_lane[lane], sizeof halves);
  S value;
  value.bits = halves[2 * word + half];
  return value;
}

template <typename S>
void multiply_fragments(float (&c)[4], const unsigned (&a)[4], const unsigned (&b)[2], S,
                        int line = __builtin_LINE(), const char* file = __builtin_FILE()) {
  const unsigned brought[6] = {a[0], a[1], a[2], a[3], b[0], b[1]};
  unsigned long long words[3];
  std::memcpy(words, brought, sizeof words);
  const WarpFragments& all = exchange_fragments(words, {file, line});
  const unsigned g = lane() / 4, t = lane() % 4;
  for (unsigned i = 0; i < 4; ++i) {
    const unsigned row = g + i / 2 * 8, column = 2 * t + i % 2;
    for (unsigned k = 0; k < 16; ++k) {
      const unsigned pair = k % 8 / 2;
      c[i] += fragment_element<S>(all, row % 8 * 4 + pair, row / 8 + k / 8 * 2, k % 2) *
              fragment_element<S>(all, column * 4 + pair, 4 + k / 8, k % 2);
    }
  }
}

}  // namespace menet::shim
