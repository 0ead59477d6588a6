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
    {DType::kNone, "none", 0},       {DType::kFloat32, "float32", 4}, {DType::kInt32, "int32", 4},
    {DType::kBool, "bool", 1},       {DType::kUint8, "uint8", 1},
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

}  // namespace

size_t bytes_per_element(DType dtype) { return info_of(dtype).bytes; }

const char* name_of(DType dtype) { return info_of(dtype).name; }

DType dtype_from_name(const std::string& name) {
  for (const TypeInfo& info : kTypes) {
    if (name == info.name && info.dtype != DType::kNone) return info.dtype;
  }
  throw_error("expected dtype float32, int32, bool or uint8, got ", name);
}

int64_t size_of(const Shape& shape) {
  int64_t size = 1;
  for (int64_t d : shape) size *= d;
  return size;
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
