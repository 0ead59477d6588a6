#include "tensorflow/c_api.h"

#include <mutex>
#include <optional>
#include <vector>

#include "core/error.h"
#ifdef __linux__
#include <dlfcn.h>
#include <link.h>
#endif

namespace menet::tensorflow {

namespace {

#ifdef __linux__

// What a TensorFlow is called: libtensorflow*.so of tfjs-node, libtensorflow_{cc,framework}.so of
// Python's wheels, and the one extension module that wheels before 2.12 have instead.
bool is_tensorflow(const std::string& file) {
  const std::string name = file.substr(file.find_last_of('/') + 1);
  return name.find("libtensorflow") != std::string::npos ||
         name.find("_pywrap_tensorflow") != std::string::npos;
}

int collect(dl_phdr_info* info, size_t, void* files) {
  if (info->dlpi_name != nullptr && is_tensorflow(info->dlpi_name)) {
    static_cast<std::vector<std::string>*>(files)->emplace_back(info->dlpi_name);
  }
  return 0;
}

// The functions are spread over several libraries.
class Libraries {
 public:
  Libraries() {
    dl_iterate_phdr(collect, &files_);
    for (const std::string& file : files_) {
      if (void* handle = dlopen(file.c_str(), RTLD_LAZY | RTLD_NOLOAD)) handles_.push_back(handle);
    }
    if (handles_.empty()) throw_error("no libtensorflow is loaded in this process");
  }

  const std::string& file() const { return files_.front(); }

  template <typename Function>
  void find(const char* name, Function*& function) const {
    for (void* handle : handles_) {
      if (void* found = dlsym(handle, name)) {
        function = reinterpret_cast<Function*>(found);
        return;
      }
    }
    throw_error("the libtensorflow in this process has no ", name, ": it is too old");
  }

 private:
  std::vector<std::string> files_;
  std::vector<void*> handles_;  // never closed: what they found is used to the end
};

#else

class Libraries {
 public:
  Libraries() { throw_error("operations run inside TensorFlow on Linux alone"); }
  std::string file() const { return ""; }
  template <typename Function>
  void find(const char*, Function*&) const {}
};

#endif

Api find_api() {
  const Libraries in;
  Api a{};
  a.file = in.file();
  in.find("TF_NewStatus", a.NewStatus);
  in.find("TF_DeleteStatus", a.DeleteStatus);
  in.find("TF_SetStatus", a.SetStatus);
  in.find("TF_GetCode", a.GetCode);
  in.find("TF_Message", a.Message);
  in.find("TF_NewOpDefinitionBuilder", a.NewOpDefinitionBuilder);
  in.find("TF_OpDefinitionBuilderAddInput", a.OpDefinitionBuilderAddInput);
  in.find("TF_OpDefinitionBuilderAddOutput", a.OpDefinitionBuilderAddOutput);
  in.find("TF_OpDefinitionBuilderAddAttr", a.OpDefinitionBuilderAddAttr);
  in.find("TF_RegisterOpDefinition", a.RegisterOpDefinition);
  in.find("TF_NewKernelBuilder", a.NewKernelBuilder);
  in.find("TF_KernelBuilder_HostMemory", a.KernelBuilder_HostMemory);
  in.find("TF_RegisterKernelBuilder", a.RegisterKernelBuilder);
  in.find("TF_GetRegisteredKernelsForOp", a.GetRegisteredKernelsForOp);
  in.find("TF_DeleteBuffer", a.DeleteBuffer);
  in.find("TF_NumInputs", a.NumInputs);
  in.find("TF_GetInput", a.GetInput);
  in.find("TF_SetOutput", a.SetOutput);
  in.find("TF_AllocateOutput", a.AllocateOutput);
  in.find("TF_AllocateTemp", a.AllocateTemp);
  in.find("TF_OpKernelContext_Failure", a.OpKernelContext_Failure);
  in.find("TF_NewTensor", a.NewTensor);
  in.find("TF_DeleteTensor", a.DeleteTensor);
  in.find("TF_TensorType", a.TensorType);
  in.find("TF_NumDims", a.NumDims);
  in.find("TF_Dim", a.Dim);
  in.find("TF_TensorData", a.TensorData);
  return a;
}

}  // namespace

const Api& api() {
  static std::mutex& mutex = *new std::mutex;
  static auto& found = *new std::optional<Api>;
  const std::lock_guard<std::mutex> lock(mutex);
  if (!found) found = find_api();  // looked for again where it failed: it may be loaded later
  return *found;
}

void Status::check(const char* what) const {
  if (api().GetCode(status_) != TF_OK) throw_error(what, ": ", api().Message(status_));
}

}  // namespace menet::tensorflow
