// Logs what goes through the door while a function runs: the steps of a plan, and what each
// buffer is to it.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/buffers.h"
#include "core/op.h"

namespace menet {

// Memory that steps read and write.
struct Storage {
  enum class Kind {
    kInput,     // filled before each replay
    kComputed,  // an op's output
    kConstant,  // written by the host
    kOutside,   // was there before: weights, slots, running statistics
  };

  Kind kind;
  size_t bytes = 0;
  std::shared_ptr<void> memory = nullptr;  // of constants and what was there before
  void* data = nullptr;                    // theirs
  const char* writer = nullptr;            // the op that computes it
  int live_handles = 0;                    // of what was made during the recording
  int first = -1, last = -1;               // steps that need it
};

// A tensor of a step: a part of a storage; storage -1 for an optional input that is not given.
struct Operand {
  TensorType type;
  int storage = -1;
  size_t offset = 0;
};

struct Step {
  const Op* op;
  std::vector<Operand> inputs, outputs;
  Attributes attributes;
  size_t scratch = 0;  // bytes
};

struct Recording {
  Device* device;
  std::vector<Storage> storages;
  std::vector<Step> steps;
  std::vector<Operand> inputs, outputs;  // without types
  // Buffers of constants and of what was there before, as far as they live.
  std::vector<Buffers::Handle> bound;
  std::string kept;  // what the function left behind beside its outputs
};

class Recorder {
 public:
  using Handle = Buffers::Handle;

  // `inputs` are buffers of `buffers`, on `device`.
  Recorder(const Buffers& buffers, Device& device, const std::vector<Handle>& inputs);

  void allocated(Handle handle);
  void viewed(Handle handle, Handle of, size_t offset);
  void freed(Handle handle);
  void written(Handle handle);                   // throws where it is no constant
  [[noreturn]] void reject_read(Handle handle);  // naming the op that made the values
  // Runs the call and logs it.
  void run(Call& call, const Op& op, const std::vector<Handle>& inputs,
           const std::vector<Handle>& outputs);
  void expect_device(const Device& device, const char* op) const;

  Recording finish(const std::vector<Handle>& outputs);  // the last call

 private:
  struct Place {
    int storage;
    size_t offset;
  };

  Place place_of(Handle handle);  // notes one that was there before
  int add(Storage storage);
  Operand used(Handle handle, const TensorType& type);
  std::string name_of_writer(Handle handle) const;
  std::vector<Handle> bound() const;

  const Buffers& buffers_;
  Recording recording_;
  std::unordered_map<Handle, Place> places_;
};

}  // namespace menet
