#include "cuda/shim/grid.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "core/error.h"
#include "cuda/shim/fiber.h"

namespace menet::shim {

Index thread_index, block_index, block_size, grid_size;

namespace {

constexpr unsigned kLanes = 32;
constexpr unsigned kMostThreads = 1024;
constexpr size_t kMostShared = size_t{227} << 10;  // of a block on sm_90
constexpr int kPoison = 0xff;                      // NaN in every float type

enum class State { kReady, kAtWarp, kAtBlock, kDone };

struct Copy {
  void* to;
  const void* from;
  size_t bytes;
};

struct Thread {
  Fiber fiber;
  State state = State::kDone;
  bool parked = false;  // its fiber waits for the next block, not somewhere inside a kernel
  Place place{};
  Index index;
  std::vector<Copy> copies;
};

struct Warp {
  unsigned waiting = 0;
  unsigned size = 0;
  unsigned round = 0;    // which of the two sets of values is filled
  WarpValues values[2];  // one is read while threads that are ahead fill the other
  WarpFragments fragments[2];
};

struct SharedArray {
  const void* site;
  size_t bytes;
  std::unique_ptr<char[]> memory;
  bool poisoned;  // in this block
};

// An order that differs from block to block, and is the same for the same seed.
std::minstd_rand& random_order() {
  static std::minstd_rand generator([] {
    const char* text = std::getenv("MENET_SHIM_SEED");
    return text == nullptr ? 1u : static_cast<unsigned>(std::strtoul(text, nullptr, 10));
  }());
  return generator;
}

std::string to_string(Place place) {
  return std::string(place.file) + ":" + std::to_string(place.line);
}

class Block {
 public:
  void start_grid(Index threads, size_t dynamic_bytes, const std::function<void()>& body) {
    count_ = threads.x * threads.y * threads.z;
    body_ = &body;
    while (threads_.size() < count_) threads_.push_back(std::make_unique<Thread>());
    warps_.resize((count_ + kLanes - 1) / kLanes);
    order_.resize(count_);
    for (unsigned i = 0; i < count_; ++i) {
      threads_[i]->index = {i % threads.x, i / threads.x % threads.y, i / threads.x / threads.y};
      if (!threads_[i]->parked) threads_[i]->fiber.reset(&Block::thread_main, this);
      order_[i] = i;
    }
    dynamic_.reset(new char[dynamic_bytes]);
    dynamic_bytes_ = dynamic_bytes;
    arrays_.clear();
  }

  void run() {
    std::memset(dynamic_.get(), kPoison, dynamic_bytes_);
    for (SharedArray& array : arrays_) array.poisoned = false;
    for (unsigned i = 0; i < count_; ++i) {
      threads_[i]->state = State::kReady;
      threads_[i]->copies.clear();
    }
    for (size_t w = 0; w < warps_.size(); ++w) {
      warps_[w].waiting = 0;
      warps_[w].size = std::min(kLanes, count_ - static_cast<unsigned>(w) * kLanes);
    }
    done_ = 0;
    while (done_ < count_) run_round();
  }

  void wait(State state, Place place) {
    Thread& self = *threads_[current_];
    self.place = place;
    if (state == State::kAtWarp && ++warp().waiting == warp().size) return release_warp();
    self.state = state;
    self.fiber.suspend();
  }

  unsigned current() const { return current_; }
  std::vector<Copy>& copies() { return threads_[current_]->copies; }
  // Thrown by the next round: this may be on a fiber's stack.
  void note(const std::string& mistake) {
    if (mistake_.empty()) mistake_ = mistake;
  }
  Warp& warp() { return warps_[current_ / kLanes]; }
  void* dynamic() const { return dynamic_.get(); }

  void* array_at(const void* site, size_t bytes) {
    const auto same = [&](const SharedArray& a) { return a.site == site && a.bytes == bytes; };
    auto found = std::find_if(arrays_.begin(), arrays_.end(), same);
    if (found == arrays_.end()) {
      arrays_.push_back({site, bytes, std::unique_ptr<char[]>(new char[bytes]), false});
      found = arrays_.end() - 1;
    }
    if (!found->poisoned) std::memset(found->memory.get(), kPoison, bytes);
    found->poisoned = true;
    return found->memory.get();
  }

 private:
  static void thread_main(void* argument) {
    Block& block = *static_cast<Block*>(argument);
    for (;;) {
      Thread& self = *block.threads_[block.current_];
      self.parked = false;
      (*block.body_)();
      self.state = State::kDone;
      self.parked = true;
      ++block.done_;
      self.fiber.suspend();
    }
  }

  // Every thread that is ready, once.
  void run_round() {
    std::shuffle(order_.begin(), order_.end(), random_order());
    bool progress = false;
    for (unsigned i : order_) {
      Thread& thread = *threads_[i];
      if (thread.state != State::kReady) continue;
      progress = true;
      current_ = i;
      thread_index = thread.index;
      thread.fiber.resume();
      if (thread.fiber.overflowed()) fail("a thread's stack ran over");
    }
    if (!mistake_.empty()) fail(std::exchange(mistake_, std::string()));
    if (!progress) release_block();
  }

  void release_warp() {
    Warp& released = warp();
    released.waiting = 0;
    const unsigned first = current_ / kLanes * kLanes;
    for (unsigned i = first; i < std::min(first + kLanes, count_); ++i) {
      if (threads_[i]->state == State::kAtWarp) {
        expect_same_place(*threads_[i], *threads_[current_]);
        threads_[i]->state = State::kReady;
      }
    }
  }

  void release_block() {
    for (unsigned i = 0; i < count_; ++i) {
      const Thread& thread = *threads_[i];
      if (thread.state == State::kAtWarp) {
        fail("a warp waits for threads that have ended or wait elsewhere, at " +
             to_string(thread.place));
      }
      if (thread.state == State::kDone) fail("a thread ended while others wait at a barrier");
      expect_same_place(thread, *threads_[0]);
    }
    for (unsigned i = 0; i < count_; ++i) threads_[i]->state = State::kReady;
  }

  void expect_same_place(const Thread& a, const Thread& b) {
    if (a.place.line == b.place.line && std::strcmp(a.place.file, b.place.file) == 0) return;
    note("threads wait at different barriers, " + to_string(a.place) + " and " +
         to_string(b.place));
  }

  [[noreturn]] static void fail(const std::string& what) { throw_error("kernel: ", what); }

  unsigned count_ = 0;
  unsigned done_ = 0;
  unsigned current_ = 0;
  const std::function<void()>* body_ = nullptr;
  std::string mistake_;
  std::vector<std::unique_ptr<Thread>> threads_;
  std::vector<Warp> warps_;
  std::vector<unsigned> order_;
  std::unique_ptr<char[]> dynamic_;
  size_t dynamic_bytes_ = 0;
  std::vector<SharedArray> arrays_;
};

Block& block() {
  static Block& the_block = *new Block;
  return the_block;
}

}  // namespace

void run_grid(Index blocks, Index threads, size_t shared_bytes, const std::function<void()>& body) {
  static std::mutex one_grid;  // JavaScript workers have threads of their own
  const std::lock_guard<std::mutex> lock(one_grid);
  const size_t count = size_t{threads.x} * threads.y * threads.z;
  if (count == 0 || count > kMostThreads || shared_bytes > kMostShared || blocks.y > 65535 ||
      blocks.z > 65535) {
    throw_error("kernel: expected 1 to ", kMostThreads, " threads and at most ", kMostShared,
                " bytes of shared memory, got ", count, " and ", shared_bytes);
  }
  block_size = threads;
  grid_size = blocks;
  block().start_grid(threads, shared_bytes, body);
  std::vector<unsigned> order(size_t{blocks.x} * blocks.y * blocks.z);
  for (unsigned i = 0; i < order.size(); ++i) order[i] = i;
  std::shuffle(order.begin(), order.end(), random_order());
  for (unsigned i : order) {
    block_index = {i % blocks.x, i / blocks.x % blocks.y, i / blocks.x / blocks.y};
    block().run();
  }
}

void block_barrier(Place place) { block().wait(State::kAtBlock, place); }

void warp_barrier(Place place) { block().wait(State::kAtWarp, place); }

// The set that is filled is the same for all threads until the last of them arrives.
template <typename Values, typename Fill>
const Values& exchange_in(Values (&sets)[2], Place place, const Fill& fill) {
  Warp& warp = block().warp();
  Values& values = sets[warp.round % 2];
  fill(values);
  if (warp.waiting + 1 == warp.size) ++warp.round;
  block().wait(State::kAtWarp, place);
  return values;
}

const WarpValues& exchange(unsigned long long mine, Place place) {
  return exchange_in(block().warp().values, place,
                     [&](WarpValues& values) { values.of_lane[lane()] = mine; });
}

const WarpFragments& exchange_fragments(const unsigned long long (&mine)[3], Place place) {
  return exchange_in(block().warp().fragments, place, [&](WarpFragments& values) {
    std::memcpy(values.of_lane[lane()], mine, sizeof mine);
  });
}

void copy_later(void* to, const void* from, size_t bytes) {
  const auto address = reinterpret_cast<uintptr_t>(to) | reinterpret_cast<uintptr_t>(from);
  if (address % bytes != 0) block().note("a copy that is not aligned");
  block().copies().push_back({to, from, bytes});
}

void finish_copies() {
  for (const Copy& copy : block().copies()) std::memcpy(copy.to, copy.from, copy.bytes);
  block().copies().clear();
}

unsigned lane() { return block().current() % kLanes; }

void* shared_memory_at(const void* site, size_t bytes) { return block().array_at(site, bytes); }

void* dynamic_shared_memory() { return block().dynamic(); }

}  // namespace menet::shim
