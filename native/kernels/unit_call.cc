#include "kernels/unit_call.h"

#include "kernels/input_reader.h"
#ifdef MENET_CUDA
#include "kernels/unit_cuda.h"
#endif

namespace menet {

namespace {

// A unit and where its tensors begin among the inputs.
template <typename T>
struct UnitCall {
  Unit<T> unit;
  const T* x = nullptr;
  const T* h = nullptr;
  T* residual = nullptr;
  size_t after = 0;  // the input behind the parameters
};

template <typename T>
void read_compress(const Call& call, InputReader<T>& reader, Unit<T>& u) {
  u.compress = reader.pointwise("compress", u.in_channels, "bnCompress");
  u.width = u.compress.layout.groups * u.compress.layout.channels;
  u.groups = call.attributes.integer("groups");
  call.expect(u.groups > 0 && u.width % u.groups == 0, "groups: expected a divisor of ", u.width,
              " channels, got ", u.groups);
  u.depthwise = reader.take("depthwise", {3, 3, u.width, 1}).template as<T>();
}

template <typename T>
void read_branch(const Call& call, InputReader<T>& reader, Unit<T>& u) {
  const Shape shape = reader.peek("merge");
  u.side = shape[3];
  call.expect(shape[2] == u.width, "merge: expected ", u.width, " input channels, got shape ",
              to_string(shape));
  u.merge = reader.pointwise("merge", u.width, "bnMerge");
  const T* conv = reader.take("conv", {3, 3, u.side, u.side}).template as<T>();
  u.conv = {conv, {1, 9 * u.side, u.side}, reader.batch_norm("bnConv", u.side)};
  const T* evolve = reader.take("evolve", {1, 1, u.side, u.width}).template as<T>();
  u.evolve = {evolve, {1, u.side, u.width}, reader.batch_norm("bnEvolve", u.width)};
}

template <typename T>
UnitCall<T> read_unit(const Call& call, UnitParts parts, size_t first) {
  UnitCall<T> result;
  Unit<T>& u = result.unit;
  InputReader<T> reader(call, first);
  const Shape shape = reader.peek(parts.compress ? "x" : "h");
  const T* input = reader.take(parts.compress ? "x" : "h", shape).template as<T>();
  u.map = read_map(call, shape);
  u.batch = shape[0];
  if (parts.compress) {
    result.x = input;
    u.in_channels = shape[3];
    read_compress(call, reader, u);
  } else {
    result.h = input;
    u.width = shape[3];
    const Shape out{u.batch, u.map.out_height, u.map.out_width, u.width};
    result.residual = reader.take("residual", out).template as<T>();
  }
  if (parts.branch || parts.expand) u.bn_depthwise = reader.batch_norm("bnDepthwise", u.width);
  if (parts.branch) read_branch(call, reader, u);
  if (parts.expand) {
    u.expand = reader.pointwise("expand", u.width, "bnExpand");
    u.expanded = u.expand.layout.groups * u.expand.layout.channels;
    call.expect(u.map.stride == 2 || u.expanded == u.in_channels, "expand: expected ",
                u.in_channels, " output channels, those of x, got ", u.expanded);
  }
  result.after = reader.next();
  return result;
}

template <typename T>
Shape output_shape(const Unit<T>& u, UnitParts parts) {
  int64_t channels = u.width;
  if (parts.expand) channels = u.expanded + (u.map.stride == 2 ? u.in_channels : 0);
  return {u.batch, u.map.out_height, u.map.out_width, channels};
}

// What the training form saves, in order; a tensor the op does not have is left out.
template <typename T>
struct Saved {
  Shape shape;
  T* UnitTensors<T>::*member;
};

template <typename T>
std::vector<Saved<T>> saved_tensors(const Unit<T>& u, UnitParts parts) {
  using Tensors = UnitTensors<T>;
  const auto in = [&](int64_t c) { return Shape{u.batch, u.map.height, u.map.width, c}; };
  const auto out = [&](int64_t c) { return Shape{u.batch, u.map.out_height, u.map.out_width, c}; };
  std::vector<Saved<T>> saved;
  if (parts.compress) saved.push_back({in(u.width), &Tensors::z1});
  if (parts.compress && parts.expand) saved.push_back({out(u.width), &Tensors::z2});
  if (parts.branch) {
    saved.push_back({in(u.side), &Tensors::zm});
    saved.push_back({out(u.side), &Tensors::zs});
    saved.push_back({out(u.width), &Tensors::ze});
  }
  if (parts.expand) saved.push_back({out(u.expanded), &Tensors::z3});
  saved.push_back({{u.statistics_size()}, &Tensors::statistics});
  return saved;
}

template <typename T>
UnitTensors<T> given_tensors(const UnitCall<T>& c) {
  UnitTensors<T> t;
  t.x = c.x;
  t.h = c.h;
  t.z2 = c.residual;
  return t;
}

// The op's output is y, or the depthwise convolution's where nothing follows it.
template <typename T>
void set_output(UnitTensors<T>& t, UnitParts parts, T* output) {
  if (parts.branch || parts.expand) {
    t.y = output;
  } else {
    t.z2 = output;
  }
}

template <typename T>
void run_typed(Call& call, UnitParts parts) {
  const UnitCall<T> c = read_unit<T>(call, parts, 0);
  UnitTensors<T> t = given_tensors(c);
  set_output(t, parts, call.outputs[0].as<T>());
  const bool training = call.attributes.flag("training");
  size_t next = 1;
  if (training) {
    for (const Saved<T>& saved : saved_tensors(c.unit, parts)) {
      t.*saved.member = call.outputs[next++].as<T>();
    }
  }
#ifdef MENET_CUDA
  if (call.device().kind() == DeviceKind::kCuda) return unit_forward_cuda(call, c.unit, t);
#endif
  if (training) {
    unit_forward_training(c.unit, t, call.device());
  } else {
    unit_forward_inference(c.unit, t, call.device());
  }
}

// Gradient outputs in the order of the inputs that have one.
template <typename T>
class GradientOutputs {
 public:
  explicit GradientOutputs(const std::vector<Tensor>& outputs) : outputs_(outputs) {}

  T* next() { return outputs_[next_++].as<T>(); }
  void batch_norm(typename UnitGradients<T>::Convolution& g) {
    g.scale = next();
    g.offset = next();
  }
  void convolution(typename UnitGradients<T>::Convolution& g) {
    g.weights = next();
    batch_norm(g);
  }

 private:
  const std::vector<Tensor>& outputs_;
  size_t next_ = 0;
};

template <typename T>
UnitGradients<T> gradient_outputs(const Call& call, UnitParts parts) {
  UnitGradients<T> g;
  GradientOutputs<T> outputs(call.outputs);
  if (parts.compress) {
    g.x = outputs.next();
    outputs.convolution(g.compress);
    g.depthwise.weights = outputs.next();
  } else {
    g.h = outputs.next();
    g.z2 = outputs.next();
  }
  if (parts.branch || parts.expand) outputs.batch_norm(g.depthwise);
  if (parts.branch) {
    outputs.convolution(g.merge);
    outputs.convolution(g.conv);
    outputs.convolution(g.evolve);
  }
  if (parts.expand) outputs.convolution(g.expand);
  return g;
}

template <typename T>
std::vector<TensorType> infer_gradient_typed(const Call& call, UnitParts parts) {
  const UnitCall<T> c = read_unit<T>(call, parts, 2);
  InputReader<T> outputs(call, 0);
  outputs.take("dy", output_shape(c.unit, parts));
  outputs.take("y", output_shape(c.unit, parts));
  InputReader<T> reader(call, c.after);
  for (const Saved<T>& saved : saved_tensors(c.unit, parts)) reader.take("saved", saved.shape);
  call.expect_inputs(reader.next());

  std::vector<TensorType> types;
  const auto gradient_of = [&](size_t input) { types.push_back(call.inputs[input]); };
  size_t i = 2;
  const auto take = [&](int64_t gradients, int64_t others) {
    for (; gradients > 0; --gradients) gradient_of(i++);
    i += static_cast<size_t>(others);
  };
  if (parts.compress) {
    take(4, 2);  // x, compress, scale, offset | mean, variance
    take(1, 0);  // depthwise
  } else {
    take(2, 0);  // h, residual
  }
  if (parts.branch || parts.expand) take(2, 2);
  for (int k = 0; k < (parts.branch ? 3 : 0) + (parts.expand ? 1 : 0); ++k) take(3, 2);
  return types;
}

template <typename T>
void run_gradient_typed(Call& call, UnitParts parts) {
  const UnitCall<T> c = read_unit<T>(call, parts, 2);
  UnitTensors<T> t = given_tensors(c);
  set_output(t, parts, call.inputs[1].as<T>());
  size_t next = c.after;
  for (const Saved<T>& saved : saved_tensors(c.unit, parts)) {
    t.*saved.member = call.inputs[next++].as<T>();
  }
  const T* dy = call.inputs[0].as<T>();
  const UnitGradients<T> gradients = gradient_outputs<T>(call, parts);
#ifdef MENET_CUDA
  if (call.device().kind() == DeviceKind::kCuda) {
    return unit_backward_cuda(call, c.unit, t, dy, gradients);
  }
#endif
  unit_backward(c.unit, t, dy, gradients, call.device());
}

}  // namespace

std::vector<TensorType> infer_unit(const Call& call, UnitParts parts) {
  std::vector<TensorType> types;
  by_float_type(call, [&](auto type) {
    using T = decltype(type);
    const UnitCall<T> c = read_unit<T>(call, parts, 0);
    call.expect_inputs(c.after);
    types.push_back({DTypeOf<T>::value, output_shape(c.unit, parts)});
    if (!call.attributes.flag("training")) return;
    for (const Saved<T>& saved : saved_tensors(c.unit, parts)) {
      types.push_back({DTypeOf<T>::value, saved.shape});
    }
  });
  return types;
}

void run_unit(Call& call, UnitParts parts) {
  by_float_type(call, [&](auto type) { run_typed<decltype(type)>(call, parts); });
}

std::vector<TensorType> infer_unit_gradient(const Call& call, UnitParts parts) {
  std::vector<TensorType> types;
  by_float_type(call,
                [&](auto type) { types = infer_gradient_typed<decltype(type)>(call, parts); });
  return types;
}

void run_unit_gradient(Call& call, UnitParts parts) {
  by_float_type(call, [&](auto type) { run_gradient_typed<decltype(type)>(call, parts); });
}

}  // namespace menet
