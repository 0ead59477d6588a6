#include "core/recorder.h"

#include <algorithm>

namespace menet {

Recorder::Recorder(const Buffers& buffers, Device& device, const std::vector<Handle>& inputs)
    : buffers_(buffers) {
  recording_.device = &device;
  for (const Handle handle : inputs) {
    const int storage = add({Storage::Kind::kInput, buffers.get(handle).bytes});
    recording_.storages[static_cast<size_t>(storage)].first = 0;
    places_[handle] = {storage, 0};
    recording_.inputs.push_back({{}, storage, 0});
  }
}

int Recorder::add(Storage storage) {
  recording_.storages.push_back(std::move(storage));
  return static_cast<int>(recording_.storages.size()) - 1;
}

void Recorder::allocated(Handle handle) {
  Storage storage{Storage::Kind::kComputed, buffers_.get(handle).bytes};
  storage.live_handles = 1;
  places_[handle] = {add(std::move(storage)), 0};
}

void Recorder::viewed(Handle handle, Handle of, size_t offset) {
  Place place = place_of(of);
  place.offset += offset;
  ++recording_.storages[static_cast<size_t>(place.storage)].live_handles;
  places_[handle] = place;
}

void Recorder::freed(Handle handle) {
  const auto found = places_.find(handle);
  if (found == places_.end()) return;
  --recording_.storages[static_cast<size_t>(found->second.storage)].live_handles;
  places_.erase(found);
}

void Recorder::written(Handle handle) {
  Storage& storage = recording_.storages[static_cast<size_t>(place_of(handle).storage)];
  const bool fresh = storage.kind == Storage::Kind::kComputed && storage.writer == nullptr;
  if (!fresh && storage.kind != Storage::Kind::kConstant) {
    throw_error("compile: expected the host to write new constants alone, got a write to ",
                name_of_writer(handle));
  }
  const Buffer& buffer = buffers_.get(handle);
  storage.kind = Storage::Kind::kConstant;
  storage.memory = buffer.memory;
  storage.data = buffer.memory.get();
}

void Recorder::reject_read(Handle handle) {
  throw_error("compile: expected values that stay on the device, got a read of ",
              name_of_writer(handle));
}

std::string Recorder::name_of_writer(Handle handle) const {
  const auto found = places_.find(handle);
  if (found == places_.end()) return "a tensor that was there before";
  const Storage& storage = recording_.storages[static_cast<size_t>(found->second.storage)];
  switch (storage.kind) {
    case Storage::Kind::kInput:
      return "input " + std::to_string(found->second.storage);
    case Storage::Kind::kOutside:
      return "a tensor that was there before";
    case Storage::Kind::kConstant:
      return "a constant";
    case Storage::Kind::kComputed:
      break;
  }
  return std::string("the output of ") + (storage.writer == nullptr ? "nothing" : storage.writer);
}

void Recorder::expect_device(const Device& device, const char* op) const {
  if (&device == recording_.device) return;
  throw_error(op, ": expected tensors on ", recording_.device->name(),
              ", where the recording is, got some on ", device.name());
}

Recorder::Place Recorder::place_of(Handle handle) {
  const auto found = places_.find(handle);
  if (found != places_.end()) return found->second;
  const Buffer& buffer = buffers_.get(handle);
  Storage storage{Storage::Kind::kOutside, buffer.bytes, buffer.memory, buffer.data()};
  storage.live_handles = 1;
  return places_[handle] = {add(std::move(storage)), 0};
}

Operand Recorder::used(Handle handle, const TensorType& type) {
  if (handle == 0) return {};
  const Place place = place_of(handle);
  Storage& storage = recording_.storages[static_cast<size_t>(place.storage)];
  const int step = static_cast<int>(recording_.steps.size());
  if (storage.first < 0) storage.first = step;
  storage.last = step;
  return {type, place.storage, place.offset};
}

void Recorder::run(Call& call, const Op& op, const std::vector<Handle>& inputs,
                   const std::vector<Handle>& outputs) {
  Step step{&op, {}, {}, call.attributes, 0};
  {
    const ScratchSpace space;
    call.run();
    step.scratch = space.peak();
  }
  for (size_t i = 0; i < inputs.size(); ++i) step.inputs.push_back(used(inputs[i], call.inputs[i]));
  for (size_t i = 0; i < outputs.size(); ++i) {
    allocated(outputs[i]);
    recording_.storages.back().writer = op.name;
    step.outputs.push_back(used(outputs[i], call.outputs[i]));
  }
  recording_.steps.push_back(std::move(step));
}

Recording Recorder::finish(const std::vector<Handle>& outputs) {
  const int end = static_cast<int>(recording_.steps.size());
  std::vector<int> returned;
  for (const Handle handle : outputs) {
    const Place place = place_of(handle);
    Storage& storage = recording_.storages[static_cast<size_t>(place.storage)];
    if (storage.first < 0) storage.first = end;
    storage.last = end;
    returned.push_back(place.storage);
    recording_.outputs.push_back({{}, place.storage, place.offset});
  }
  for (size_t i = 0; i < recording_.storages.size(); ++i) {
    Storage& storage = recording_.storages[i];
    // What lives on is a tensor that was there before, and has only now come from the host.
    if (storage.kind == Storage::Kind::kConstant && storage.live_handles > 0) {
      storage.kind = Storage::Kind::kOutside;
    }
    const bool kept = storage.kind == Storage::Kind::kComputed && storage.live_handles > 0;
    if (!kept || std::count(returned.begin(), returned.end(), static_cast<int>(i)) > 0) continue;
    recording_.kept =
        std::string("the output of ") + (storage.writer == nullptr ? "nothing" : storage.writer);
  }
  recording_.bound = bound();
  return std::move(recording_);
}

std::vector<Buffers::Handle> Recorder::bound() const {
  std::vector<Handle> handles;
  for (const auto& [handle, place] : places_) {
    const Storage::Kind kind = recording_.storages[static_cast<size_t>(place.storage)].kind;
    if (kind == Storage::Kind::kConstant || kind == Storage::Kind::kOutside) {
      handles.push_back(handle);
    }
  }
  return handles;
}

}  // namespace menet
