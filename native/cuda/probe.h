// Whether the kernels of this build run on a GPU at all.
#pragma once

#include <string>

namespace menet {

// Throws naming `device`, the current one, and the architectures of the build.
void probe_kernels(const std::string& device);

}  // namespace menet
