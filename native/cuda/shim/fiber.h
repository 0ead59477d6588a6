// A thread of a kernel on the CPU: a stack of its own and a switch to and from it.
#pragma once

#include <cstddef>

namespace menet::shim {

class Fiber {
 public:
  using Entry = void (*)(void* argument);  // never returns

  Fiber() = default;
  ~Fiber();
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  // Makes resume() enter `entry` anew, wherever the fiber was.
  void reset(Entry entry, void* argument);

  void resume();   // from the scheduler, until the fiber suspends itself
  void suspend();  // from within the fiber

  // Whether the stack was written to its very end, which it must not.
  bool overflowed() const;

 private:
  struct Context;
  static void begin(Context* context);
  Context* context_ = nullptr;
};

}  // namespace menet::shim
