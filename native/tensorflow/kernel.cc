#include "tensorflow/kernel.h"

#include <exception>
#include <memory>

#include "core/thread_pool.h"
#include "tensorflow/call_message.h"
#ifdef MENET_CUDA
#include "tensorflow/gpu_place.h"
#endif

namespace menet::tensorflow {

namespace {

struct DeleteTensor {
  void operator()(TF_Tensor* tensor) const { api().DeleteTensor(tensor); }
};
using OwnedTensor = std::unique_ptr<TF_Tensor, DeleteTensor>;

TF_DataType type_of(char letter) {
  switch (letter) {
    case kInt:
      return TF_INT32;
    case kBytes:
      return TF_BOOL;
    default:
      return TF_FLOAT;
  }
}

DType dtype_of(char letter) {
  switch (letter) {
    case kInt:
      return DType::kInt32;
    case kBytes:
      return DType::kUint8;
    default:
      return DType::kFloat32;
  }
}

// The tensors that TensorFlow gives: the message, then all float32, all int32 and all bytes.
class Given {
 public:
  explicit Given(TF_OpKernelContext* context) {
    const Status status;
    const int count = api().NumInputs(context);
    for (int i = 0; i < count; ++i) {
      TF_Tensor* tensor = nullptr;
      api().GetInput(context, i, &tensor, status);
      status.check("reading an input");
      tensors_.emplace_back(tensor);
    }
  }

  CallMessage message() const {
    const TF_Tensor* words = tensors_.at(0).get();
    return decode(static_cast<const int32_t*>(api().TensorData(words)), api().Dim(words, 0));
  }

  // In the order of the op's inputs.
  std::vector<Tensor> in_order(const std::string& letters) const {
    const auto count = [&](TF_DataType type) {
      size_t of_type = 0;
      for (const char letter : letters) of_type += letter != kAbsent && type_of(letter) == type;
      return of_type;
    };
    size_t next_float = 1;
    size_t next_int = next_float + count(TF_FLOAT);
    size_t next_bytes = next_int + count(TF_INT32);
    std::vector<Tensor> inputs;
    for (const char letter : letters) {
      if (letter == kAbsent) {
        inputs.emplace_back();
        continue;
      }
      const TF_DataType type = type_of(letter);
      size_t& next = type == TF_FLOAT ? next_float : type == TF_INT32 ? next_int : next_bytes;
      inputs.push_back(tensor(tensors_.at(next++).get(), letter));
    }
    return inputs;
  }

 private:
  static Tensor tensor(const TF_Tensor* from, char letter) {
    if (api().TensorType(from) != type_of(letter)) throw_error("an input is of another type");
    Tensor tensor;
    tensor.dtype = dtype_of(letter);
    for (int i = 0; i < api().NumDims(from); ++i) tensor.shape.push_back(api().Dim(from, i));
    tensor.data = api().TensorData(from);
    // Null means that an input is not given; one without elements is.
    static char nothing;
    if (tensor.data == nullptr) tensor.data = &nothing;
    return tensor;
  }

  std::vector<OwnedTensor> tensors_;
};

// Where a call runs and its outputs lie: the CPU's come from this core's own allocator, which
// keeps what TensorFlow frees, pages and all, for the next call.
class CpuPlace {
 public:
  CpuPlace(TF_OpKernelContext* context, const std::vector<Tensor>&) : context_(context) {}

  Device& device() const { return device_named("cpu"); }
  void finish() const {}

  void* output(int i, const TensorType& type) const {
    const size_t bytes = type.bytes();
    void* data = device().allocator().allocate(bytes);
    const OwnedTensor tensor(api().NewTensor(TF_FLOAT, type.shape.data(),
                                             static_cast<int>(type.shape.size()), data, bytes,
                                             release, nullptr));
    const Status status;
    api().SetOutput(context_, i, tensor.get(), status);
    status.check("setting an output");
    return data;
  }

 private:
  static void release(void* data, size_t, void*) { device_named("cpu").allocator().free(data); }

  TF_OpKernelContext* context_;
};

template <typename Place>
void run(Place& place, const CallMessage& message, Call& call) {
  int made = 0;
  const auto output = [&](const TensorType& type) {
    Tensor tensor;
    static_cast<TensorType&>(tensor) = type;
    tensor.data = place.output(made++, type);
    return tensor;
  };
  for (const TensorType& type : own_outputs(call)) call.outputs.push_back(output(type));
  const Op& identity = op_named("Identity");
  const Attributes none;
  for (size_t i = 0; i < message.inputs.size(); ++i) {
    if (message.inputs[i] != kUpdated) continue;
    Call copy(identity, place.device(), {call.inputs[i]}, none);
    copy.outputs = {output(call.inputs[i])};
    copy.function()(copy);
    call.inputs[i].data = copy.outputs[0].data;
  }
  call.function()(call);
  place.finish();
}

void fail(TF_OpKernelContext* context, const char* message) {
  TF_Status* status = api().NewStatus();
  api().SetStatus(status, TF_INTERNAL, message);
  api().OpKernelContext_Failure(context, status);
  api().DeleteStatus(status);
}

// Nothing that is thrown may reach TensorFlow.
template <typename Place>
void compute(TF_OpKernelContext* context) {
  try {
    const Given given(context);
    const CallMessage message = given.message();
    std::vector<Tensor> inputs = given.in_order(message.inputs);
    Place place(context, inputs);
    const FixedThreadCount threads;
    Call call(op_named(message.op), place.device(), std::move(inputs), message.attributes);
    with_name_of(call, [&] { run(place, message, call); });
  } catch (const std::exception& error) {
    fail(context, error.what());
  } catch (...) {
    fail(context, "an error without a message");
  }
}

}  // namespace

std::vector<TensorType> own_outputs(const Call& call) {
  std::vector<TensorType> types = call.infer();
  for (const TensorType& type : types) {
    call.expect(type.dtype == DType::kFloat32, "expected outputs of float32, got ",
                name_of(type.dtype));
  }
  return types;
}

void compute_on_cpu(void*, TF_OpKernelContext* context) { compute<CpuPlace>(context); }
#ifdef MENET_CUDA
void compute_on_gpu(void*, TF_OpKernelContext* context) { compute<GpuPlace>(context); }
#endif

}  // namespace menet::tensorflow
