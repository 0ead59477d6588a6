// Streams of the shim, and graphs captured from them.
#pragma once

#include <functional>

struct CUstream_st;

namespace menet::shim {

// Does the work at once or, on a stream that is being captured, adds it to the capture.
void start(CUstream_st* stream, const std::function<void()>& work);
bool captures(const CUstream_st* stream);

}  // namespace menet::shim
