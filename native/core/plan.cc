#include "core/plan.h"

#include <string>

#include "core/memory_planner.h"
#include "core/scratch.h"
#include "core/thread_pool.h"

namespace menet {

namespace {

bool in_arena(const Storage& storage) {
  return storage.kind == Storage::Kind::kInput || storage.kind == Storage::Kind::kComputed;
}

}  // namespace

Plan::Plan(Recording recording) : recording_(std::move(recording)) {
  lay_out();
  arena_ = static_cast<char*>(device().allocator().allocate(memory_.arena));
  try {
    make_calls();
    graph_ = device().capture([this] { run_steps(); });
  } catch (...) {
    device().allocator().free(arena_);
    throw;
  }
}

Plan::~Plan() {
  graph_.reset();
  device().allocator().free(arena_);
}

void Plan::lay_out() {
  std::vector<Span> spans;
  for (const Storage& storage : recording_.storages) {
    // Inputs are there before the first step, and a result that nobody reads is written all the
    // same.
    const bool own = in_arena(storage) && storage.first >= 0;
    spans.push_back(
        {own ? storage.bytes : 0, storage.first, std::max(storage.first, storage.last)});
    if (storage.kind == Storage::Kind::kConstant) memory_.constants += storage.bytes;
    if (!in_arena(storage)) outside_.insert(storage.memory.get());
  }
  for (size_t i = 0; i < recording_.steps.size(); ++i) {
    const int step = static_cast<int>(i);
    spans.push_back({recording_.steps[i].scratch, step, step});
  }
  const Placement placement = place(spans);
  offsets_ = placement.offsets;
  memory_.arena = placement.bytes;
  memory_.needed = needed_at_once(spans);
  memory_.steps = recording_.steps.size();
  for (const Span& span : spans) memory_.temporaries += span.bytes;
}

void* Plan::address(const Operand& operand) const {
  if (operand.storage < 0) return nullptr;
  const auto i = static_cast<size_t>(operand.storage);
  const Storage& storage = recording_.storages[i];
  char* base = in_arena(storage) ? arena_ + offsets_[i] : static_cast<char*>(storage.data);
  return base + operand.offset;
}

void Plan::make_calls() {
  const auto tensors = [this](const std::vector<Operand>& operands) {
    std::vector<Tensor> result;
    for (const Operand& operand : operands) {
      Tensor tensor;
      static_cast<TensorType&>(tensor) = operand.type;
      tensor.data = address(operand);
      result.push_back(std::move(tensor));
    }
    return result;
  };
  for (const Step& step : recording_.steps) {
    calls_.push_back(
        std::make_unique<Call>(*step.op, device(), tensors(step.inputs), step.attributes));
    calls_.back()->outputs = tensors(step.outputs);
  }
}

std::vector<size_t> Plan::bytes_of(const std::vector<Operand>& operands) const {
  std::vector<size_t> bytes;
  for (const Operand& operand : operands) {
    bytes.push_back(recording_.storages[static_cast<size_t>(operand.storage)].bytes -
                    operand.offset);
  }
  return bytes;
}

void Plan::replay(const std::vector<const void*>& inputs, const std::vector<void*>& outputs) {
  const std::vector<size_t> in = input_bytes(), out = output_bytes();
  for (size_t i = 0; i < inputs.size(); ++i) {
    device().copy(address(recording_.inputs[i]), inputs[i], in[i]);
  }
  if (graph_ != nullptr) {
    graph_->launch();
  } else {
    run_steps();
  }
  for (size_t i = 0; i < outputs.size(); ++i) {
    device().copy(outputs[i], address(recording_.outputs[i]), out[i]);
  }
}

void Plan::run_steps() {
  const FixedThreadCount threads;
  for (size_t i = 0; i < calls_.size(); ++i) run_step(i);
}

void Plan::run_step(size_t i) {
  const Step& step = recording_.steps[i];
  ScratchSpace scratch(arena_ + offsets_[recording_.storages.size() + i], step.scratch);
  with_name_of(*calls_[i], [&] { calls_[i]->run(); });
}

void Plan::fill_arena(uint8_t byte) {
  const std::vector<uint8_t> bytes(memory_.arena, byte);
  device().write(arena_, bytes.data(), bytes.size());
}

}  // namespace menet
