// Stands in for libtensorflow in tests: the ops and kernels that are registered with its C API
// (fake_tensorflow.cc), and what runs them (fake_tensorflow_door.cc).
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "tensorflow/c_api.h"

namespace menet::tensorflow {

// Memory of tensors: this library's, full of NaN whenever it is handed out, or another's, which
// `deallocate` gets back.
struct Block {
  Block(void* data, size_t bytes, bool on_device);
  ~Block();
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;

  void* data;
  size_t bytes;
  bool on_device;
  std::vector<char> own;
  void (*deallocate)(void* data, size_t bytes, void* argument) = nullptr;
  void* argument = nullptr;
};

struct TF_Tensor {
  TF_DataType type;
  std::vector<int64_t> dims;
  std::shared_ptr<Block> block;
};

struct TF_Status {
  TF_Code code = TF_OK;
  std::string message;
};

struct TF_OpDefinitionBuilder {
  std::string name;
  std::vector<std::string> inputs, outputs, attributes;  // as they were given
};

struct TF_KernelBuilder {
  std::string op, device;
  void (*compute)(void*, TF_OpKernelContext*);
  std::vector<std::string> host_arguments;
};

struct TF_OpKernelContext {
  bool on_gpu = false;
  std::vector<TF_Tensor> inputs, outputs;  // an output has no block until it is set
  std::string failure;                     // empty: none
};

struct Registry {
  std::mutex mutex;
  std::map<std::string, TF_OpDefinitionBuilder> ops;
  std::map<std::string, int> definitions;  // of each name; TensorFlow ends the process at two
  std::vector<TF_KernelBuilder> kernels;
  std::map<std::string, int> calls;           // of functions that tests count
  std::string refuses;                        // the function that fails next
  int tensors = 0, blocks = 0, statuses = 0;  // that live
};

Registry& registry();
size_t size_of(TF_DataType type);
std::shared_ptr<Block> make_block(size_t bytes, bool on_device);

}  // namespace menet::tensorflow
