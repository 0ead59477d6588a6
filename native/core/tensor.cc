#include "core/tensor.h"

#include "core/error.h"

namespace menet {

namespace {

struct TypeInfo {
  DType dtype;
  const char* name;
  size_t bytes;
};

constexpr TypeInfo kTypes[] = {
    {DType::kNone, "none", 0},       {DType::kFloat32, "float32", 4},
    {DType::kInt32, "int32", 4},     {DType::kBool, "bool", 1},
    {DType::kUint8, "uint8", 1},     {DType::kBFloat16, "bfloat16", 2},
    {DType::kFloat16, "float16", 2},
#ifdef MENET_FLOAT64
    {DType::kFloat64, "float64", 8},
#endif
};

const TypeInfo& info_of(DType dtype) {
  for (const TypeInfo& info : kTypes) {
    if (info.dtype == dtype) return info;
  }
  throw_error("expected a dtype of this build, got number ", static_cast<int>(dtype));
}

constexpr int64_t kLargestBytes = int64_t{1} << 40;  // 1 TiB, the addresses of an arena

}  // namespace

size_t bytes_per_element(DType dtype) { return info_of(dtype).bytes; }

const char* name_of(DType dtype) { return info_of(dtype).name; }

DType dtype_from_name(const std::string& name) {
  for (const TypeInfo& info : kTypes) {
    if (name == info.name && info.dtype != DType::kNone) return info.dtype;
  }
  throw_error("expected dtype float32, bfloat16, float16, int32, bool or uint8, got ", name);
}

int64_t size_of(const Shape& shape) {
  int64_t size = 1;
  for (int64_t d : shape) size *= d;
  return size;
}

size_t TensorType::bytes() const {
  // Empty dimensions count as 1: the products of the others occur in strides and outputs.
  int64_t bytes = static_cast<int64_t>(bytes_per_element(dtype));
  bool empty = false;
  for (int64_t d : shape) {
    if (d < 0 || d > kLargestSize) {
      throw_error("expected sizes of 0 to ", kLargestSize, ", got shape ", to_string(shape));
    }
    empty = empty || d == 0;
    if (d > 0 && bytes > kLargestBytes / d) {
      throw_error("expected at most ", kLargestBytes, " bytes, got shape ", to_string(shape));
    }
    bytes *= d == 0 ? 1 : d;
  }
  return empty ? 0 : static_cast<size_t>(bytes);
}

std::string to_string(const Shape& shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i) {
    if (i > 0) text += ",";
    text += std::to_string(shape[i]);
  }
  return text + "]";
}

}  // namespace menet
