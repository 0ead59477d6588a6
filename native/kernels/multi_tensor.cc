#include "kernels/multi_tensor.h"

namespace menet {

void check_lists(const Call& call, size_t lists) {
  const size_t count = call.inputs.size() / lists;
  call.expect(call.inputs.size() == count * lists, "expected ", lists,
              " lists of as many tensors each, got ", call.inputs.size(), " inputs");
  for (size_t i = 0; i < call.inputs.size(); ++i) {
    call.expect_float(i, "tensor");
    call.expect_dtype(i, "tensor", call.inputs[0].dtype);
    const Shape& shape = call.inputs[i % count].shape;
    call.expect(call.inputs[i].shape == shape, "input ", i, ": expected shape ", to_string(shape),
                ", got ", to_string(call.inputs[i].shape));
  }
}

Pieces::Pieces(const std::vector<Tensor>& tensors, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    const int64_t size = tensors[i].size();
    for (int64_t begin = 0; begin < size; begin += kLength)
      pieces_.push_back({i, begin, std::min(kLength, size - begin), elements_ + begin});
    elements_ += size;
  }
}

}  // namespace menet
