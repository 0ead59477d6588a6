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

// The device that memory of another library lies on; the first where the pointer is null.
Device& cuda_device_of(const void* pointer);

void wait_for_device(const char* what);  // of the calling thread, for all that was started there
void wait_for_stream(void* stream, const char* what);

}  // namespace menet
