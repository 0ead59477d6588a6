// Memory of JavaScript that native code reads and writes.
#pragma once

#include <napi.h>

namespace menet {

// Bytes of a typed array, DataView, Buffer or ArrayBuffer. Valid until JavaScript runs again:
// a getter could detach them.
struct HostBytes {
  void* data;
  size_t size;
};

HostBytes host_bytes(const Napi::Value& value);  // throws for anything else

}  // namespace menet
