// What a function did, to be done again without it: its steps with their memory laid out.
#pragma once

#include <memory>
#include <unordered_set>
#include <vector>

#include "core/recorder.h"

namespace menet {

struct PlanMemory {
  size_t arena = 0;        // bytes of inputs, temporaries, scratch and outputs together
  size_t temporaries = 0;  // bytes that they would have side by side
  size_t needed = 0;       // bytes that they have at once: the arena cannot be smaller
  size_t constants = 0;    // bytes of constants
  size_t steps = 0;
};

// Replays of one plan must follow each other; otherwise any thread may do them.
class Plan {
 public:
  explicit Plan(Recording recording);
  ~Plan();
  Plan(const Plan&) = delete;
  Plan& operator=(const Plan&) = delete;

  Device& device() const { return *recording_.device; }
  std::vector<size_t> input_bytes() const { return bytes_of(recording_.inputs); }
  std::vector<size_t> output_bytes() const { return bytes_of(recording_.outputs); }

  // Copies the inputs in, does the steps and copies the outputs out; on a GPU all that is only
  // started. What a step throws names its op.
  void replay(const std::vector<const void*>& inputs, const std::vector<void*>& outputs);

  // Whether steps use this memory, which is not the plan's own: variables.
  bool uses(const void* memory) const { return outside_.count(memory) > 0; }

  const PlanMemory& memory() const { return memory_; }
  // Fills the arena: a replay must not depend on what the one before left there.
  void fill_arena(uint8_t byte);

 private:
  std::vector<size_t> bytes_of(const std::vector<Operand>& operands) const;
  void lay_out();
  void make_calls();
  void* address(const Operand& operand) const;
  void run_steps();
  void run_step(size_t i);

  Recording recording_;
  PlanMemory memory_;
  std::unordered_set<const void*> outside_;
  char* arena_ = nullptr;
  std::vector<size_t> offsets_;  // in the arena: of each storage, and behind them of scratch
  std::vector<std::unique_ptr<Call>> calls_;
  std::unique_ptr<Graph> graph_;  // where the device has graphs
};

}  // namespace menet
