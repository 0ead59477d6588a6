// Runs a grid on the CPU, exactly as far as synchronisation goes: blocks one after the other in
// a random order, a block's threads as fibers which are resumed in a random order after every
// barrier. Between two barriers a thread runs alone, so that what it reads without a barrier
// from another thread is, with even odds, not yet written (shared memory is full of NaN at
// first) or already overwritten. MENET_SHIM_SEED chooses the order.
#pragma once

#include <cstddef>
#include <functional>

namespace menet::shim {

struct Index {
  unsigned x = 0;
  unsigned y = 0;
  unsigned z = 0;
};

// Of the thread that runs.
extern Index thread_index, block_index, block_size, grid_size;

// Throws where a launch could not be (too many threads, too much shared memory), where threads
// of a block wait at different barriers or one ends while others wait, and where a stack ran over.
void run_grid(Index blocks, Index threads, size_t shared_bytes, const std::function<void()>& body);

// Whether the launch goes well and its kernel runs (shim/faults.h).
bool starts_kernel();

// A barrier of the block or of the thread's warp. The place in the source tells barriers apart.
struct Place {
  const char* file;
  int line;
};
void block_barrier(Place place);
void warp_barrier(Place place);

// Exchanges 8 bytes of every thread of the warp: what thread `lane` brought.
struct WarpValues {
  unsigned long long of_lane[32];
};
const WarpValues& exchange(unsigned long long mine, Place place);

// The same with 24 bytes of each.
struct WarpFragments {
  unsigned long long of_lane[32][3];
};
const WarpFragments& exchange_fragments(const unsigned long long (&mine)[3], Place place);

// Copies that a thread has started, and carries out when it waits for them.
void copy_later(void* to, const void* from, size_t bytes);
void finish_copies();

unsigned lane();

// The block's array for this place in the source, the same for all of its threads.
void* shared_memory_at(const void* site, size_t bytes);
template <typename T>
T* shared_memory(const void* site, size_t count) {
  return static_cast<T*>(shared_memory_at(site, count * sizeof(T)));
}
void* dynamic_shared_memory();

}  // namespace menet::shim
