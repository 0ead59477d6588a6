#include "cuda/shim/fiber.h"

#include <sys/mman.h>

#include <cstdint>
#include <cstring>
#include <new>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#if !defined(__x86_64__)
#include <ucontext.h>
#endif

namespace menet::shim {

namespace {

constexpr size_t kStack = size_t{256} << 10;  // addresses: pages are backed as they are used
constexpr uint64_t kCanary = 0x5ca1ab1e0ddba115;

}  // namespace

#if defined(__x86_64__)

// Saves the registers that a call preserves on the stack, the stack pointer at *from, and
// continues where `to` was saved. (swapcontext asks the system twice for each switch.)
extern "C" void menet_switch_stack(void** from, void* to) __attribute__((visibility("hidden")));
// Where a new fiber's first switch returns to: calls r12 with rbx, which reset() has put there.
extern "C" void menet_start_fiber() __attribute__((visibility("hidden")));
asm(R"(
.text
.globl menet_switch_stack
.hidden menet_switch_stack
.type menet_switch_stack, @function
menet_switch_stack:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size menet_switch_stack, .-menet_switch_stack

.globl menet_start_fiber
.hidden menet_start_fiber
.type menet_start_fiber, @function
menet_start_fiber:
  movq %rbx, %rdi
  jmp *%r12
.size menet_start_fiber, .-menet_start_fiber
)");

#endif

struct Fiber::Context {
  char* stack = nullptr;
  Entry entry = nullptr;
  void* argument = nullptr;
#if defined(__x86_64__)
  void* inside = nullptr;
  void* outside = nullptr;
#else
  ucontext_t inside, outside;
#endif
#if defined(__SANITIZE_ADDRESS__)
  void* fake_inside = nullptr;
  void* fake_outside = nullptr;
  const void* outside_stack = nullptr;
  size_t outside_size = 0;
#endif

  void switch_in() {
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_start_switch_fiber(&fake_outside, stack, kStack);
#endif
#if defined(__x86_64__)
    menet_switch_stack(&outside, inside);
#else
    swapcontext(&outside, &inside);
#endif
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_finish_switch_fiber(fake_outside, nullptr, nullptr);
#endif
  }

  void switch_out() {
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_start_switch_fiber(&fake_inside, outside_stack, outside_size);
#endif
#if defined(__x86_64__)
    menet_switch_stack(&inside, outside);
#else
    swapcontext(&inside, &outside);
#endif
    arrived(fake());
  }

  void* fake() const {
#if defined(__SANITIZE_ADDRESS__)
    return fake_inside;
#else
    return nullptr;
#endif
  }

  // Inside the fiber, after every switch to it.
  void arrived([[maybe_unused]] void* fake_stack) {
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_finish_switch_fiber(fake_stack, &outside_stack, &outside_size);
#endif
  }
};

void Fiber::begin(Context* context) {
  context->arrived(nullptr);
  context->entry(context->argument);
}

Fiber::~Fiber() {
  if (context_ == nullptr) return;
  munmap(context_->stack, kStack);
  delete context_;
}

void Fiber::reset(Entry entry, void* argument) {
  if (context_ == nullptr) {
    void* stack = mmap(nullptr, kStack, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (stack == MAP_FAILED) throw std::bad_alloc();
    context_ = new Context;
    context_->stack = static_cast<char*>(stack);
  }
  context_->entry = entry;
  context_->argument = argument;
#if defined(__SANITIZE_ADDRESS__)
  __asan_unpoison_memory_region(context_->stack, kStack);  // left by an abandoned run
  context_->fake_inside = nullptr;
#endif
  std::memcpy(context_->stack, &kCanary, sizeof kCanary);
#if defined(__x86_64__)
  auto* top = reinterpret_cast<uint64_t*>(context_->stack + kStack) - 2;
  *--top = 0;  // where begin would return to; keeps the stack as aligned as after a call
  *--top = reinterpret_cast<uint64_t>(&menet_start_fiber);
  *--top = 0;                                          // rbp
  *--top = reinterpret_cast<uint64_t>(context_);       // rbx
  *--top = reinterpret_cast<uint64_t>(&Fiber::begin);  // r12
  top -= 3;                                            // r13 to r15
  context_->inside = top;
#else
  getcontext(&context_->inside);
  context_->inside.uc_stack.ss_sp = context_->stack;
  context_->inside.uc_stack.ss_size = kStack;
  context_->inside.uc_link = nullptr;
  makecontext(&context_->inside, reinterpret_cast<void (*)()>(&Fiber::begin), 1, context_);
#endif
}

void Fiber::resume() { context_->switch_in(); }

void Fiber::suspend() { context_->switch_out(); }

bool Fiber::overflowed() const {
  return std::memcmp(context_->stack, &kCanary, sizeof kCanary) != 0;
}

}  // namespace menet::shim
