// Errors: native code throws, the addon turns what was thrown into JavaScript exceptions.
#pragma once

#include <sstream>
#include <stdexcept>
#include <string>

namespace menet {

class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// A device failed at something that its caller may well ask for: no memory, a fault of a kernel.
class DeviceError : public Error {
 public:
  using Error::Error;
};

// throw_error("Conv2D: expected rank ", 4, ", got ", rank)
template <typename... Parts>
[[noreturn]] void throw_error(const Parts&... parts) {
  std::ostringstream message;
  (message << ... << parts);
  throw Error(message.str());
}

}  // namespace menet
