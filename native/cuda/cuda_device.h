// NVIDIA GPUs as devices.
#pragma once

#include <string>
#include <vector>

#include "core/device.h"

namespace menet {

// Why there is no GPU to use: the driver's or the machine's reason. Empty where there is one.
std::string why_no_cuda();

std::vector<DeviceInfo> cuda_devices();  // empty where there is none

Device& cuda_device(int ordinal);  // throws where there is none, or none that this build is for

}  // namespace menet
