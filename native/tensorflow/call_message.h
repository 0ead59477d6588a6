// A call as it travels through TensorFlow, beside the tensors: the op, the order of its inputs
// and its attributes, in an int32 tensor, which lies in host memory on every device. TensorFlow's
// own attributes are part of a cache key, so that a learning rate must not be one.
#pragma once

#include <string>
#include <vector>

#include "core/op.h"

namespace menet::tensorflow {

struct CallMessage {
  std::string op;
  // One letter for each input: f(loat32), i(nt32), b(ytes, as TensorFlow's bool), - for one that
  // is not given, F for float32 that the op updates in place. TensorFlow's tensors are never
  // written once they are made: such an input's new values are one more output.
  std::string inputs;
  Attributes attributes;
};

constexpr char kFloat = 'f', kUpdated = 'F', kInt = 'i', kBytes = 'b', kAbsent = '-';

std::vector<int32_t> encode(const CallMessage& message);
CallMessage decode(const int32_t* words, int64_t count);  // throws on what encode() cannot make

}  // namespace menet::tensorflow
