#include "tensorflow/registration.h"

#ifdef __linux__
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>
#endif

#include <cctype>
#include <mutex>
#include <set>

#include "core/device.h"
#include "core/op.h"
#include "tensorflow/c_api.h"
#include "tensorflow/kernel.h"

namespace menet::tensorflow {

namespace {

// All that copies of this package in one process have in common is TensorFlow, so that they take
// turns by a lock on its file. Where it cannot be had, as on some network file systems, two copies
// in two threads could still register one op twice, which nobody does.
class TurnOfThisCopy {
 public:
#ifdef __linux__
  TurnOfThisCopy() : file_(open(api().file.c_str(), O_RDONLY | O_CLOEXEC)) {
    if (file_ >= 0) flock(file_, LOCK_EX);
  }
  ~TurnOfThisCopy() {
    if (file_ >= 0) close(file_);
  }
  TurnOfThisCopy(const TurnOfThisCopy&) = delete;
  TurnOfThisCopy& operator=(const TurnOfThisCopy&) = delete;

 private:
  int file_;
#endif
};

// TensorFlow ends the process at the next op where one was registered twice.
bool is_registered(const std::string& name) {
  const Status status;
  TF_Buffer* kernels = api().GetRegisteredKernelsForOp(name.c_str(), status);
  status.check("looking for an operation");
  const bool found = kernels->length > 0;
  api().DeleteBuffer(kernels);
  return found;
}

void register_definition(const std::string& name) {
  TF_OpDefinitionBuilder* definition = api().NewOpDefinitionBuilder(name.c_str());
  for (const char* count : {"floats", "ints", "bytes", "outputs"}) {
    const std::string specification = std::string(count) + ": int >= 0";
    api().OpDefinitionBuilderAddAttr(definition, specification.c_str());
  }
  for (const char* input :
       {"call: int32", "x: floats * float32", "i: ints * int32", "b: bytes * bool"}) {
    api().OpDefinitionBuilderAddInput(definition, input);
  }
  api().OpDefinitionBuilderAddOutput(definition, "y: outputs * float32");
  const Status status;
  api().RegisterOpDefinition(definition, status);
  status.check("registering an operation");
}

void register_kernel(const std::string& name, const char* device,
                     void (*compute)(void*, TF_OpKernelContext*)) {
  TF_KernelBuilder* kernel =
      api().NewKernelBuilder(name.c_str(), device, nullptr, compute, nullptr);
  api().KernelBuilder_HostMemory(kernel, "call");
  const Status status;
  api().RegisterKernelBuilder((name + device).c_str(), kernel, status);
  status.check("registering a kernel");
}

}  // namespace

std::string register_op(const std::string& op, const std::string& version) {
  std::string name = "Menet" + op + "_" + version;
  for (char& letter : name) {
    if (std::isalnum(static_cast<unsigned char>(letter)) == 0) letter = '_';
  }
  static std::mutex& mutex = *new std::mutex;
  static auto& registered = *new std::set<std::string>;
  const std::lock_guard<std::mutex> lock(mutex);
  if (registered.count(name) > 0) return name;
  const TurnOfThisCopy turn;
  if (!is_registered(name)) {
    register_definition(name);
    register_kernel(name, "CPU", compute_on_cpu);
#ifdef MENET_CUDA
    const bool has_gpu = list_devices().why_no_cuda.empty();
    if (has_gpu && op_named(op).cuda != nullptr) register_kernel(name, "GPU", compute_on_gpu);
#endif
  }
  registered.insert(name);
  return name;
}

}  // namespace menet::tensorflow
