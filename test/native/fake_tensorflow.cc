// The functions of TensorFlow's C API that native/tensorflow uses. A build with
// FAKE_TENSORFLOW_OLD lacks one of them.
#include "fake_tensorflow.h"

#include <chrono>
#include <thread>

namespace menet::tensorflow {

Registry& registry() {
  static Registry& the_registry = *new Registry;
  return the_registry;
}

size_t size_of(TF_DataType type) { return type == TF_FLOAT || type == TF_INT32 ? 4 : 1; }

Block::Block(void* data, size_t bytes, bool on_device)
    : data(data), bytes(bytes), on_device(on_device) {
  const std::lock_guard<std::mutex> lock(registry().mutex);
  ++registry().blocks;
}

Block::~Block() {
  if (deallocate != nullptr) deallocate(data, bytes, argument);
  const std::lock_guard<std::mutex> lock(registry().mutex);
  --registry().blocks;
}

std::shared_ptr<Block> make_block(size_t bytes, bool on_device) {
  constexpr size_t kAlignment = 256;  // of a GPU's memory; TensorFlow's on the CPU is 64
  auto block = std::make_shared<Block>(nullptr, bytes, on_device);
  block->own.assign(bytes + kAlignment, '\xff');
  size_t space = block->own.size();
  block->data = block->own.data();
  std::align(kAlignment, bytes, block->data, space);
  return block;
}

namespace {

TF_Tensor* new_tensor(TF_Tensor tensor) {
  const std::lock_guard<std::mutex> lock(registry().mutex);
  ++registry().tensors;
  return new TF_Tensor(std::move(tensor));
}

// Counts a call; false, with a failure in the status, where it is to fail.
bool reach(const char* function, TF_Status* status) {
  const std::lock_guard<std::mutex> lock(registry().mutex);
  ++registry().calls[function];
  *status = {};
  if (registry().refuses != function) return true;
  registry().refuses.clear();
  *status = {TF_INTERNAL, "the stand-in refuses"};
  return false;
}

bool refuse(TF_Status* status, const char* message) {
  *status = {TF_INTERNAL, message};
  return false;
}

bool has_output(const TF_OpKernelContext* context, int i, TF_Status* status) {
  if (i < 0 || static_cast<size_t>(i) >= context->outputs.size()) {
    return refuse(status, "there is no such output");
  }
  return true;
}

}  // namespace

extern "C" {

TF_Status* TF_NewStatus() {
  const std::lock_guard<std::mutex> lock(registry().mutex);
  ++registry().statuses;
  return new TF_Status;
}
void TF_DeleteStatus(TF_Status* status) {
  const std::lock_guard<std::mutex> lock(registry().mutex);
  --registry().statuses;
  delete status;
}
void TF_SetStatus(TF_Status* status, TF_Code code, const char* message) {
  *status = {code, message};
}
TF_Code TF_GetCode(const TF_Status* status) { return status->code; }
const char* TF_Message(const TF_Status* status) { return status->message.c_str(); }

TF_OpDefinitionBuilder* TF_NewOpDefinitionBuilder(const char* op) {
  return new TF_OpDefinitionBuilder{op, {}, {}, {}};
}
void TF_OpDefinitionBuilderAddInput(TF_OpDefinitionBuilder* op, const char* specification) {
  op->inputs.emplace_back(specification);
}
void TF_OpDefinitionBuilderAddOutput(TF_OpDefinitionBuilder* op, const char* specification) {
  op->outputs.emplace_back(specification);
}
void TF_OpDefinitionBuilderAddAttr(TF_OpDefinitionBuilder* op, const char* specification) {
  op->attributes.emplace_back(specification);
}

// Slow, so that two threads that do not take turns meet here.
void TF_RegisterOpDefinition(TF_OpDefinitionBuilder* builder, TF_Status* status) {
  const std::unique_ptr<TF_OpDefinitionBuilder> op(builder);
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  if (!reach("TF_RegisterOpDefinition", status)) return;
  const std::lock_guard<std::mutex> lock(registry().mutex);
  ++registry().definitions[op->name];
  registry().ops[op->name] = *op;
}

TF_KernelBuilder* TF_NewKernelBuilder(const char* op, const char* device,
                                      void* (*)(TF_OpKernelConstruction*),
                                      void (*compute)(void*, TF_OpKernelContext*),
                                      void (*)(void*)) {
  return new TF_KernelBuilder{op, device, compute, {}};
}
void TF_KernelBuilder_HostMemory(TF_KernelBuilder* kernel, const char* argument) {
  kernel->host_arguments.emplace_back(argument);
}
void TF_RegisterKernelBuilder(const char*, TF_KernelBuilder* builder, TF_Status* status) {
  const std::unique_ptr<TF_KernelBuilder> kernel(builder);
  if (!reach("TF_RegisterKernelBuilder", status)) return;
  const std::lock_guard<std::mutex> lock(registry().mutex);
  registry().kernels.push_back(*kernel);
}

#ifndef FAKE_TENSORFLOW_OLD
// A list of kernels, whose length alone is read.
TF_Buffer* TF_GetRegisteredKernelsForOp(const char* op, TF_Status* status) {
  if (!reach("TF_GetRegisteredKernelsForOp", status)) return nullptr;
  const std::lock_guard<std::mutex> lock(registry().mutex);
  size_t length = 0;
  for (const TF_KernelBuilder& kernel : registry().kernels) length += kernel.op == op;
  return new TF_Buffer{nullptr, length, nullptr};
}
#endif
void TF_DeleteBuffer(TF_Buffer* buffer) { delete buffer; }

int TF_NumInputs(TF_OpKernelContext* context) { return static_cast<int>(context->inputs.size()); }
void TF_GetInput(TF_OpKernelContext* context, int i, TF_Tensor** tensor, TF_Status* status) {
  if (reach("TF_GetInput", status)) *tensor = new_tensor(context->inputs.at(i));
}
void TF_SetOutput(TF_OpKernelContext* context, int i, const TF_Tensor* tensor, TF_Status* status) {
  if (!reach("TF_SetOutput", status) || !has_output(context, i, status)) return;
  context->outputs[i] = *tensor;
}
TF_Tensor* TF_AllocateOutput(TF_OpKernelContext* context, int i, TF_DataType type,
                             const int64_t* dims, int rank, size_t bytes, TF_Status* status) {
  if (!reach("TF_AllocateOutput", status) || !has_output(context, i, status)) return nullptr;
  context->outputs[i] = {type, {dims, dims + rank}, make_block(bytes, context->on_gpu)};
  return new_tensor(context->outputs[i]);
}
TF_Tensor* TF_AllocateTemp(TF_OpKernelContext* context, TF_DataType type, const int64_t* dims,
                           int rank, TF_AllocatorAttributes* attributes, TF_Status* status) {
  if (!reach("TF_AllocateTemp", status)) return nullptr;
  if (attributes->struct_size != sizeof *attributes) {
    refuse(status, "attributes of another size");
    return nullptr;
  }
  const bool on_device = context->on_gpu && attributes->on_host == 0;
  size_t bytes = size_of(type);
  for (int i = 0; i < rank; ++i) bytes *= static_cast<size_t>(dims[i]);
  return new_tensor({type, {dims, dims + rank}, make_block(bytes, on_device)});
}
void TF_OpKernelContext_Failure(TF_OpKernelContext* context, TF_Status* status) {
  context->failure = status->message;
}

TF_Tensor* TF_NewTensor(TF_DataType type, const int64_t* dims, int rank, void* data, size_t bytes,
                        void (*deallocate)(void*, size_t, void*), void* argument) {
  auto block = std::make_shared<Block>(data, bytes, false);
  block->deallocate = deallocate;
  block->argument = argument;
  return new_tensor({type, {dims, dims + rank}, std::move(block)});
}
void TF_DeleteTensor(TF_Tensor* tensor) {
  {
    const std::lock_guard<std::mutex> lock(registry().mutex);
    --registry().tensors;
  }
  delete tensor;
}
TF_DataType TF_TensorType(const TF_Tensor* tensor) { return tensor->type; }
int TF_NumDims(const TF_Tensor* tensor) { return static_cast<int>(tensor->dims.size()); }
int64_t TF_Dim(const TF_Tensor* tensor, int i) { return tensor->dims.at(i); }
// As TensorFlow's, null where there are no elements.
void* TF_TensorData(const TF_Tensor* tensor) {
  return tensor->block->bytes == 0 ? nullptr : tensor->block->data;
}
}

}  // namespace menet::tensorflow
