// A tensor as an op sees it: type, shape and a pointer on the device of the call.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/half.h"

namespace menet {

enum class DType : uint8_t {
  kNone,
  kFloat32,
  kInt32,
  kBool,
  kUint8,
  kFloat64,
  kBFloat16,
  kFloat16
};

size_t bytes_per_element(DType dtype);
const char* name_of(DType dtype);
DType dtype_from_name(const std::string& name);  // throws on an unknown name

using Shape = std::vector<int64_t>;

// The largest size of a dimension and of an integer attribute: products of two do not overflow.
constexpr int64_t kLargestSize = 2147483647;

int64_t size_of(const Shape& shape);
std::string to_string(const Shape& shape);  // "[2,3]"

struct TensorType {
  DType dtype = DType::kNone;
  Shape shape;

  int64_t size() const { return size_of(shape); }
  // Throws where a size is out of [0, kLargestSize] or all of them are more than can be addressed.
  size_t bytes() const;
};

template <typename T>
struct DTypeOf;
template <>
struct DTypeOf<float> {
  static constexpr DType value = DType::kFloat32;
};
template <>
struct DTypeOf<double> {
  static constexpr DType value = DType::kFloat64;
};
template <>
struct DTypeOf<BFloat16> {
  static constexpr DType value = DType::kBFloat16;
};
template <>
struct DTypeOf<Float16> {
  static constexpr DType value = DType::kFloat16;
};
template <>
struct DTypeOf<int32_t> {
  static constexpr DType value = DType::kInt32;
};
template <>
struct DTypeOf<uint8_t> {
  static constexpr DType value = DType::kUint8;
};
template <>
struct DTypeOf<bool> {
  static constexpr DType value = DType::kBool;
};

// data is null where an optional input was not given. The pointer belongs to the
// device of the call: only kernels of that device may follow it.
struct Tensor : TensorType {
  void* data = nullptr;

  explicit operator bool() const { return data != nullptr; }
  int rank() const { return static_cast<int>(shape.size()); }
  int64_t dim(int i) const { return shape[static_cast<size_t>(i)]; }
  template <typename T>
  T* as() const {
    return static_cast<T*>(data);
  }
};

}  // namespace menet
