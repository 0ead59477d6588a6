#include "cuda/profile.h"

#include <cxxabi.h>

#include <cstdlib>
#include <cstring>
#include <memory>

#include "cuda/check.h"

namespace menet {

namespace {

// "menet::(anonymous namespace)::product<...>(...)" without namespaces and parameters.
std::string kernel_name(const void* kernel) {
  const char* mangled = nullptr;
  check(cudaFuncGetName(&mangled, kernel), "profile");
  int status = 0;
  const std::unique_ptr<char, void (*)(void*)> text(
      abi::__cxa_demangle(mangled, nullptr, nullptr, &status), std::free);
  std::string name = status == 0 ? text.get() : mangled;
  for (const std::string part : {"void ", "menet::", "(anonymous namespace)::"}) {
    for (size_t at = name.find(part); at != std::string::npos; at = name.find(part)) {
      name.erase(at, part.size());
    }
  }
  int depth = 0;
  for (size_t i = 0; i < name.size(); ++i) {
    if (name[i] == '<') ++depth;
    if (name[i] == '>') --depth;
    if (name[i] == '(' && depth == 0) return name.substr(0, i);
  }
  return name;
}

}  // namespace

Profile::~Profile() {
  for (const Launch& launch : launches_) {
    cudaEventDestroy(launch.before);  // a lost device has none any more
    cudaEventDestroy(launch.after);
  }
}

void Profile::begin(const char* op, const void* kernel) {
  launches_.emplace_back();
  Launch& launch = launches_.back();
  launch.op = op;
  launch.kernel = kernel_name(kernel);
  check(cudaEventCreate(&launch.before), "profile");
  check(cudaEventCreate(&launch.after), "profile");
  check(cudaEventRecord(launch.before, stream_), "profile");
}

void Profile::scan(const char* bytes, size_t size) {
  for (size_t at = 0; at + sizeof(void*) <= size; at += sizeof(void*)) {
    const void* pointer = nullptr;
    std::memcpy(&pointer, bytes + at, sizeof pointer);
    const auto block = device_.allocator().block_at(pointer);
    if (block.second > 0) launches_.back().blocks.insert(block);
  }
}

void Profile::end() { check(cudaEventRecord(launches_.back().after, stream_), "profile"); }

std::vector<KernelTime> Profile::finish() {
  std::map<std::pair<std::string, std::string>, KernelTime> kernels;
  if (!launches_.empty()) check(cudaEventSynchronize(launches_.back().after), "profile");
  for (const Launch& launch : launches_) {
    float milliseconds = 0;
    check(cudaEventElapsedTime(&milliseconds, launch.before, launch.after), "profile");
    KernelTime& kernel = kernels[{launch.op, launch.kernel}];
    kernel.op = launch.op;
    kernel.kernel = launch.kernel;
    ++kernel.launches;
    kernel.milliseconds += milliseconds;
    for (const auto& block : launch.blocks) kernel.bytes += static_cast<double>(block.second);
  }
  std::vector<KernelTime> times;
  for (const auto& entry : kernels) times.push_back(entry.second);
  return times;
}

}  // namespace menet
