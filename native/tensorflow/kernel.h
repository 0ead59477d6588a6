// Native ops as TensorFlow's kernels.
#pragma once

#include "core/op.h"
#include "tensorflow/c_api.h"

namespace menet::tensorflow {

// The compute functions of every op's kernels: what an op is called and how is in its message
// (call_message.h), the first input.
void compute_on_cpu(void* kernel, TF_OpKernelContext* context);
void compute_on_gpu(void* kernel, TF_OpKernelContext* context);

// The types of a call's own outputs, behind which come the new values of updated inputs. Throws
// what the op finds wrong.
std::vector<TensorType> own_outputs(const Call& call);

}  // namespace menet::tensorflow
