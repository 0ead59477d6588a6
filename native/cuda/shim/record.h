// What the host asked the device for, in its order, for tests of who waits for what.
#pragma once

#include <vector>

namespace menet::shim {

enum class Event { kLaunch = 1, kDeviceWait, kStreamWait };

void start_record();
std::vector<Event> finish_record();
void note(Event event);  // recorded between those two

}  // namespace menet::shim
