#include "host_bytes.h"

#include "core/error.h"

namespace menet {

HostBytes host_bytes(const Napi::Value& value) {
  if (value.IsTypedArray()) {
    Napi::TypedArray array = value.As<Napi::TypedArray>();
    // Not through array.ArrayBuffer(): Node-API knows no SharedArrayBuffer, where batches lie.
    void* data = nullptr;
    napi_status status =
        napi_get_typedarray_info(value.Env(), value, nullptr, nullptr, &data, nullptr, nullptr);
    if (status != napi_ok) throw_error("expected a typed array with memory");
    return {data, array.ByteLength()};
  }
  if (value.IsDataView()) {
    void* data = nullptr;
    size_t size = 0;
    if (napi_get_dataview_info(value.Env(), value, &size, &data, nullptr, nullptr) != napi_ok) {
      throw_error("expected a DataView with memory");
    }
    return {data, size};
  }
  if (value.IsArrayBuffer()) {
    Napi::ArrayBuffer buffer = value.As<Napi::ArrayBuffer>();
    return {buffer.Data(), buffer.ByteLength()};
  }
  throw_error("expected a typed array, DataView or ArrayBuffer");
}

}  // namespace menet
