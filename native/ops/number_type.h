// From element types at run time to template arguments.
#pragma once

#include "core/op.h"

namespace menet {

// Calls body(T{}) for int32 and the float types.
template <typename Body>
void with_number_type(DType dtype, Body&& body) {
  if (dtype == DType::kInt32) return body(int32_t{});
  with_float_type(dtype, body);
}

// Calls body(T{}) for any type by what its elements are stored as: bytes for bool and uint8.
template <typename Body>
void with_storage_type(DType dtype, Body&& body) {
  if (bytes_per_element(dtype) == 1) return body(uint8_t{});
  with_number_type(dtype, body);
}

// Calls body(T{}) with an integer as wide as the elements, for ops that only move them.
template <typename Body>
void with_element_size(DType dtype, Body&& body) {
  switch (bytes_per_element(dtype)) {
    case 1:
      return body(uint8_t{});
    case 2:
      return body(uint16_t{});
    case 4:
      return body(uint32_t{});
    case 8:
      return body(uint64_t{});
    default:
      throw_error("expected elements of 1, 2, 4 or 8 bytes, got dtype ", name_of(dtype));
  }
}

}  // namespace menet
