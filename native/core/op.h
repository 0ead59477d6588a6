// Ops: a name, a check that infers the outputs, and a function per device. An op
// registers itself from its own files (native/ops/NAME.cc and NAME.cu); nothing lists ops.
#pragma once

#include <map>
#include <string>
#include <variant>
#include <vector>

#include "core/device.h"
#include "core/error.h"
#include "core/scratch.h"
#include "core/tensor.h"

namespace menet {

// Numbers, flags, names and lists of numbers, by name.
class Attributes {
 public:
  using Value = std::variant<double, bool, std::string, std::vector<double>>;

  void set(std::string name, Value value) { values_[std::move(name)] = std::move(value); }
  bool has(const char* name) const { return values_.count(name) > 0; }
  const std::map<std::string, Value>& values() const { return values_; }

  // These throw when the attribute is missing or of another kind.
  double number(const char* name) const;
  int64_t integer(const char* name) const;
  bool flag(const char* name) const;
  const std::string& text(const char* name) const;
  std::vector<int64_t> integers(const char* name) const;

 private:
  const Value& get(const char* name) const;
  std::map<std::string, Value> values_;
};

class Call;

struct Op {
  using Infer = std::vector<TensorType> (*)(const Call&);
  using Run = void (*)(Call&);

  const char* name = nullptr;
  Infer infer = nullptr;  // checks inputs and attributes, throws, returns the outputs' types
  Run cpu = nullptr;
  Run cuda = nullptr;
  bool takes_half = false;  // inputs that are activations may be bfloat16 or float16
};

constexpr bool kTakesHalf = true;  // for Op::takes_half

// One run of an op: what it reads, what it writes and where. Inputs that an op
// documents as updated in place are written too.
class Call {
 public:
  Call(const Op& op, Device& device, std::vector<Tensor> inputs, const Attributes& attributes)
      : inputs(std::move(inputs)), attributes(attributes), op_(op), device_(device) {}
  ~Call() { free_scratch(); }
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  std::vector<Tensor> inputs;
  std::vector<Tensor> outputs;
  const Attributes& attributes;

  const char* name() const { return op_.name; }
  std::vector<TensorType> infer() const { return op_.infer(*this); }
  Op::Run function() const;  // for the call's device; throws where there is none
  Device& device() const { return device_; }
  size_t bytes() const;  // of its outputs and its scratch, so far

  void run();

  // Device memory that lives until run() ends, not initialised.
  template <typename T>
  T* scratch(int64_t count) {
    return static_cast<T*>(scratch_bytes(static_cast<size_t>(count) * sizeof(T)));
  }

  // Throw naming the op and the input: "Relu: input 0 (x): expected ..., got ...".
  void expect_inputs(size_t count) const;
  void expect_rank(size_t input, const char* argument, int rank) const;
  void expect_dtype(size_t input, const char* argument, DType dtype) const;
  void expect_shape(size_t input, const char* argument, const Shape& shape) const;
  void expect_float(size_t input,
                    const char* argument) const;  // float32; float64 in the test build
  void expect_activation(size_t input, const char* argument) const;  // those, bfloat16, float16
  template <typename... Parts>
  void expect(bool condition, const Parts&... what) const {
    if (!condition) throw_error(name(), ": ", what...);
  }

 private:
  void* scratch_bytes(size_t bytes);
  void free_scratch();

  const Op& op_;
  Device& device_;
  std::vector<void*> scratch_;
  size_t scratch_bytes_ = 0;
};

// Device memory for a part of a call, not initialised.
template <typename T>
class Scratch {
 public:
  Scratch(Device& device, int64_t count)
      : device_(device),
        data_(static_cast<T*>(allocate_scratch(device, static_cast<size_t>(count) * sizeof(T)))) {}
  ~Scratch() { free_scratch(device_, data_); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  T* data() const { return data_; }

 private:
  Device& device_;
  T* data_;
};

// static const RegisterOp relu({"Relu", infer, cpu}); a function that is made of others which
// know the call's device is given twice: {"Slice", infer, run, run}.
struct RegisterOp {
  explicit RegisterOp(const Op& op);
};

// The same op's function on CUDA: static const RegisterCuda relu("Relu", cuda);
struct RegisterCuda {
  RegisterCuda(const char* name, Op::Run run);
};

const Op& op_named(const std::string& name);  // throws on an unknown name
std::vector<std::string> op_names();
std::vector<std::string> half_op_names();  // those that take 16-bit tensors

// What attributes, tensors, the allocator and CUDA throw in `body` does not know the op, or how
// much memory it is about: both are added.
template <typename Body>
auto with_name_of(const Call& call, Body&& body) {
  const auto with_name = [&](const Error& error) {
    const std::string message = error.what(), name = call.name();
    return message.rfind(name + ":", 0) == 0 ? message : name + ": " + message;
  };
  try {
    return body();
  } catch (const DeviceError& error) {
    throw_error(with_name(error), "; ", call.bytes(), " bytes asked for, ",
                call.device().allocator().statistics().bytes_in_use, " held on ",
                call.device().name());
  } catch (const Error& error) {
    throw_error(with_name(error));
  }
}

// Calls body(float{}) or, in the test build and for float64, body(double{}).
template <typename Body>
void with_float_type(DType dtype, Body&& body) {
#ifdef MENET_FLOAT64
  if (dtype == DType::kFloat64) return body(double{});
#endif
  if (dtype != DType::kFloat32) throw_error("expected dtype float32, got ", name_of(dtype));
  body(float{});
}

// The same for what activations may be stored as: body(BFloat16{}) and body(Float16{}), too.
template <typename Body>
void with_activation_type(DType dtype, Body&& body) {
  if (dtype == DType::kBFloat16) return body(BFloat16{});
  if (dtype == DType::kFloat16) return body(Float16{});
  with_float_type(dtype, body);
}

inline bool is_half(DType dtype) { return dtype == DType::kBFloat16 || dtype == DType::kFloat16; }

}  // namespace menet
