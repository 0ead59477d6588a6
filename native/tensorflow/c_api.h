// The part of TensorFlow's C API that the ops need, declared here and found at run time in the
// library that the process has loaded: no header of it, nothing linked.
// Source: tensorflow/c/{c_api,kernels,ops,tf_tensor,tf_status}.h of TensorFlow 2.9 to 2.21.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace menet::tensorflow {

struct TF_Status;
struct TF_Tensor;
struct TF_OpDefinitionBuilder;
struct TF_KernelBuilder;
struct TF_OpKernelConstruction;
struct TF_OpKernelContext;

struct TF_Buffer {
  const void* data;
  size_t length;
  void (*data_deallocator)(void* data, size_t length);
};

struct TF_AllocatorAttributes {
  size_t struct_size;
  unsigned char on_host;
};

enum TF_DataType : int { TF_FLOAT = 1, TF_INT32 = 3, TF_UINT8 = 4, TF_BOOL = 10 };
enum TF_Code : int { TF_OK = 0, TF_INTERNAL = 13 };

struct Api {
  TF_Status* (*NewStatus)();
  void (*DeleteStatus)(TF_Status*);
  void (*SetStatus)(TF_Status*, TF_Code, const char* message);
  TF_Code (*GetCode)(const TF_Status*);
  const char* (*Message)(const TF_Status*);

  TF_OpDefinitionBuilder* (*NewOpDefinitionBuilder)(const char* op);
  void (*OpDefinitionBuilderAddInput)(TF_OpDefinitionBuilder*, const char* specification);
  void (*OpDefinitionBuilderAddOutput)(TF_OpDefinitionBuilder*, const char* specification);
  void (*OpDefinitionBuilderAddAttr)(TF_OpDefinitionBuilder*, const char* specification);
  void (*RegisterOpDefinition)(TF_OpDefinitionBuilder*, TF_Status*);  // takes the builder

  TF_KernelBuilder* (*NewKernelBuilder)(const char* op, const char* device,
                                        void* (*create)(TF_OpKernelConstruction*),
                                        void (*compute)(void*, TF_OpKernelContext*),
                                        void (*destroy)(void*));
  void (*KernelBuilder_HostMemory)(TF_KernelBuilder*, const char* argument);
  void (*RegisterKernelBuilder)(const char* name, TF_KernelBuilder*, TF_Status*);  // takes it
  TF_Buffer* (*GetRegisteredKernelsForOp)(const char* op, TF_Status*);
  void (*DeleteBuffer)(TF_Buffer*);

  int (*NumInputs)(TF_OpKernelContext*);
  void (*GetInput)(TF_OpKernelContext*, int i, TF_Tensor** tensor, TF_Status*);
  void (*SetOutput)(TF_OpKernelContext*, int i, const TF_Tensor*, TF_Status*);
  TF_Tensor* (*AllocateOutput)(TF_OpKernelContext*, int i, TF_DataType, const int64_t* dims,
                               int rank, size_t bytes, TF_Status*);
  TF_Tensor* (*AllocateTemp)(TF_OpKernelContext*, TF_DataType, const int64_t* dims, int rank,
                             TF_AllocatorAttributes*, TF_Status*);
  void (*OpKernelContext_Failure)(TF_OpKernelContext*, TF_Status*);

  TF_Tensor* (*NewTensor)(TF_DataType, const int64_t* dims, int rank, void* data, size_t bytes,
                          void (*deallocate)(void* data, size_t bytes, void* argument),
                          void* argument);
  void (*DeleteTensor)(TF_Tensor*);
  TF_DataType (*TensorType)(const TF_Tensor*);
  int (*NumDims)(const TF_Tensor*);
  int64_t (*Dim)(const TF_Tensor*, int i);
  void* (*TensorData)(const TF_Tensor*);

  std::string file;  // the library's
};

// Throws saying why there is none: no TensorFlow in the process, or one without a function.
const Api& api();

// A status for a call, whose failure it throws.
class Status {
 public:
  Status() : status_(api().NewStatus()) {}
  ~Status() { api().DeleteStatus(status_); }
  Status(const Status&) = delete;
  Status& operator=(const Status&) = delete;

  operator TF_Status*() const { return status_; }
  void check(const char* what) const;  // throws where it holds a failure

 private:
  TF_Status* status_;
};

}  // namespace menet::tensorflow
