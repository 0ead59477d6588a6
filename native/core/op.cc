#include "core/op.h"

#include <cmath>

namespace menet {

namespace {

std::map<std::string, Op>& registry() {
  static std::map<std::string, Op>& ops = *new std::map<std::string, Op>;
  return ops;
}

template <typename T>
const T& get_as(const Attributes::Value& value, const char* name, const char* kind) {
  const T* typed = std::get_if<T>(&value);
  if (typed == nullptr) throw_error("attribute ", name, ": expected ", kind);
  return *typed;
}

int64_t to_integer(double value, const char* name) {
  if (!(value == std::floor(value))) {
    throw_error("attribute ", name, ": expected an integer, got ", value);
  }
  if (std::abs(value) > kLargestSize) {
    throw_error("attribute ", name, ": expected an integer of at most ", kLargestSize, ", got ",
                value);
  }
  return static_cast<int64_t>(value);
}

}  // namespace

const Attributes::Value& Attributes::get(const char* name) const {
  const auto found = values_.find(name);
  if (found == values_.end()) throw_error("attribute ", name, ": expected a value, got nothing");
  return found->second;
}

double Attributes::number(const char* name) const {
  return get_as<double>(get(name), name, "a number");
}

int64_t Attributes::integer(const char* name) const { return to_integer(number(name), name); }

bool Attributes::flag(const char* name) const { return get_as<bool>(get(name), name, "a boolean"); }

const std::string& Attributes::text(const char* name) const {
  return get_as<std::string>(get(name), name, "a string");
}

std::vector<int64_t> Attributes::integers(const char* name) const {
  std::vector<int64_t> integers;
  for (double value : get_as<std::vector<double>>(get(name), name, "a list of integers")) {
    integers.push_back(to_integer(value, name));
  }
  return integers;
}

Op::Run Call::function() const {
  const Op::Run function = device_.kind() == DeviceKind::kCpu ? op_.cpu : op_.cuda;
  expect(function != nullptr, "expected a kernel for ", device_.name(), ", found none");
  return function;
}

void Call::run() {
  struct Ending {
    Call& call;
    ~Ending() { call.free_scratch(); }
  } const ending{*this};
  function()(*this);
}

size_t Call::bytes() const {
  size_t bytes = scratch_bytes_;
  for (const Tensor& output : outputs) bytes += output.bytes();
  return bytes;
}

void Call::free_scratch() {
  for (void* pointer : scratch_) {
    if (pointer != nullptr) menet::free_scratch(device_, pointer);
  }
  scratch_.clear();
}

void* Call::scratch_bytes(size_t bytes) {
  scratch_bytes_ += bytes;
  scratch_.push_back(nullptr);  // so that nothing can fail once there is memory
  scratch_.back() = allocate_scratch(device_, bytes);
  return scratch_.back();
}

void Call::expect_inputs(size_t count) const {
  expect(inputs.size() == count, "expected ", count, " inputs, got ", inputs.size());
}

void Call::expect_rank(size_t input, const char* argument, int rank) const {
  const Tensor& t = inputs[input];
  expect(t.rank() == rank, argument, ": expected rank ", rank, ", got shape ", to_string(t.shape));
}

void Call::expect_dtype(size_t input, const char* argument, DType dtype) const {
  const Tensor& t = inputs[input];
  expect(t.dtype == dtype, argument, ": expected dtype ", name_of(dtype), ", got ",
         name_of(t.dtype));
}

void Call::expect_shape(size_t input, const char* argument, const Shape& shape) const {
  const Tensor& t = inputs[input];
  expect(t.shape == shape, argument, ": expected shape ", to_string(shape), ", got ",
         to_string(t.shape));
}

void Call::expect_float(size_t input, const char* argument) const {
  const DType dtype = inputs[input].dtype;
#ifdef MENET_FLOAT64
  if (dtype == DType::kFloat64) return;
#endif
  expect(dtype == DType::kFloat32, argument, ": expected dtype float32, got ", name_of(dtype));
}

void Call::expect_activation(size_t input, const char* argument) const {
  const DType dtype = inputs[input].dtype;
#ifdef MENET_FLOAT64
  if (dtype == DType::kFloat64) return;
#endif
  expect(dtype == DType::kFloat32 || is_half(dtype), argument,
         ": expected dtype float32, bfloat16 or float16, got ", name_of(dtype));
}

// In either order: it is the linker's.
RegisterOp::RegisterOp(const Op& op) {
  Op& registered = registry()[op.name];
  const Op::Run cuda = registered.cuda;
  registered = op;
  if (op.cuda == nullptr) registered.cuda = cuda;
}

RegisterCuda::RegisterCuda(const char* name, Op::Run run) { registry()[name].cuda = run; }

const Op& op_named(const std::string& name) {
  const auto found = registry().find(name);
  if (found == registry().end()) throw_error("expected the name of a native op, got ", name);
  return found->second;
}

std::vector<std::string> op_names() {
  std::vector<std::string> names;
  for (const auto& entry : registry()) names.push_back(entry.first);
  return names;
}

std::vector<std::string> half_op_names() {
  std::vector<std::string> names;
  for (const auto& [name, op] : registry()) {
    if (op.takes_half) names.push_back(name);
  }
  return names;
}

}  // namespace menet
