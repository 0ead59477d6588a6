// Native ops among TensorFlow's.
#pragma once

#include <string>

namespace menet::tensorflow {

// Registers the op with the libtensorflow of this process, if it is not there yet, and returns the
// name that it has there: "MenetStem_0_1_0" for version 0.1.0 of this package. Copies of this
// package of one version share their ops. On any thread. Throws where TensorFlow is missing, too
// old, or refuses.
std::string register_op(const std::string& op, const std::string& version);

}  // namespace menet::tensorflow
