#include "kernels/unit_call.h"

#include "kernels/input_reader.h"
#ifdef MENET_CUDA
#include "kernels/unit_cuda.h"
#endif

namespace menet {

namespace {

// A unit and where its tensors begin among the inputs.
template <typename S>
struct UnitCall {
  Unit<Compute<S>> unit;
  const S* x = nullptr;
  const S* h = nullptr;
  S* residual = nullptr;
  size_t after = 0;  // the input behind the parameters
};

template <typename S>
void read_compress(const Call& call, InputReader<S>& reader, Unit<Compute<S>>& u) {
  u.compress = reader.pointwise("compress", u.in_channels, "bnCompress");
  u.width = u.compress.layout.groups * u.compress.layout.channels;
  u.groups = call.attributes.integer("groups");
  call.expect(u.groups > 0 && u.width % u.groups == 0, "groups: expected a divisor of ", u.width,
              " channels, got ", u.groups);
  u.depthwise = reader.parameter("depthwise", {3, 3, u.width, 1});
}

template <typename S>
void read_branch(const Call& call, InputReader<S>& reader, Unit<Compute<S>>& u) {
  const Shape shape = reader.peek("merge");
  u.side = shape[3];
  call.expect(shape[2] == u.width, "merge: expected ", u.width, " input channels, got shape ",
              to_string(shape));
  u.merge = reader.pointwise("merge", u.width, "bnMerge");
  const Compute<S>* conv = reader.parameter("conv", {3, 3, u.side, u.side});
  u.conv = {conv, {1, 9 * u.side, u.side}, reader.batch_norm("bnConv", u.side)};
  const Compute<S>* evolve = reader.parameter("evolve", {1, 1, u.side, u.width});
  u.evolve = {evolve, {1, u.side, u.width}, reader.batch_norm("bnEvolve", u.width)};
}

template <typename S>
UnitCall<S> read_unit(const Call& call, UnitParts parts, size_t first) {
  UnitCall<S> result;
  Unit<Compute<S>>& u = result.unit;
  InputReader<S> reader(call, first);
  const Shape shape = reader.peek(parts.compress ? "x" : "h");
  const S* input = reader.activation(parts.compress ? "x" : "h", shape);
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
    result.residual = reader.activation("residual", out);
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

// What the training form saves, in order and before the statistics; a tensor the op does not
// have is left out.
template <typename S>
struct Saved {
  Shape shape;
  S* UnitTensors<S>::*member;
};

template <typename S>
std::vector<Saved<S>> saved_tensors(const Unit<Compute<S>>& u, UnitParts parts) {
  using Tensors = UnitTensors<S>;
  const auto in = [&](int64_t c) { return Shape{u.batch, u.map.height, u.map.width, c}; };
  const auto out = [&](int64_t c) { return Shape{u.batch, u.map.out_height, u.map.out_width, c}; };
  std::vector<Saved<S>> saved;
  if (parts.compress) saved.push_back({in(u.width), &Tensors::z1});
  if (parts.compress && parts.expand) saved.push_back({out(u.width), &Tensors::z2});
  if (parts.branch) {
    saved.push_back({in(u.side), &Tensors::zm});
    saved.push_back({out(u.side), &Tensors::zs});
    saved.push_back({out(u.width), &Tensors::ze});
  }
  if (parts.expand) saved.push_back({out(u.expanded), &Tensors::z3});
  return saved;
}

// Where `tensors`, from index `next` on, are those that the training form saves.
template <typename S>
void set_saved(UnitTensors<S>& t, const Unit<Compute<S>>& u, UnitParts parts,
               const std::vector<Tensor>& tensors, size_t next) {
  for (const Saved<S>& saved : saved_tensors<S>(u, parts)) {
    t.*saved.member = tensors[next++].as<S>();
  }
  t.statistics = tensors[next].as<Compute<S>>();
}

template <typename S>
UnitTensors<S> given_tensors(const UnitCall<S>& c) {
  UnitTensors<S> t;
  t.x = c.x;
  t.h = c.h;
  t.z2 = c.residual;
  return t;
}

// The op's output is y, or the depthwise convolution's where nothing follows it.
template <typename S>
void set_output(UnitTensors<S>& t, UnitParts parts, S* output) {
  if (parts.branch || parts.expand) {
    t.y = output;
  } else {
    t.z2 = output;
  }
}

template <typename S>
void run_typed(Call& call, UnitParts parts) {
  const UnitCall<S> c = read_unit<S>(call, parts, 0);
  UnitTensors<S> t = given_tensors(c);
  set_output(t, parts, call.outputs[0].as<S>());
  const bool training = call.attributes.flag("training");
  if (training) set_saved(t, c.unit, parts, call.outputs, 1);
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
template <typename S>
class GradientOutputs {
 public:
  explicit GradientOutputs(const std::vector<Tensor>& outputs) : outputs_(outputs) {}

  S* activation() { return outputs_[next_++].as<S>(); }
  Compute<S>* parameter() { return outputs_[next_++].as<Compute<S>>(); }
  void batch_norm(typename UnitGradients<S>::Convolution& g) {
    g.scale = parameter();
    g.offset = parameter();
  }
  void convolution(typename UnitGradients<S>::Convolution& g) {
    g.weights = parameter();
    batch_norm(g);
  }

 private:
  const std::vector<Tensor>& outputs_;
  size_t next_ = 0;
};

template <typename S>
UnitGradients<S> gradient_outputs(const Call& call, UnitParts parts) {
  UnitGradients<S> g;
  GradientOutputs<S> outputs(call.outputs);
  if (parts.compress) {
    g.x = outputs.activation();
    outputs.convolution(g.compress);
    g.depthwise.weights = outputs.parameter();
  } else {
    g.h = outputs.activation();
    g.z2 = outputs.activation();
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

template <typename S>
std::vector<TensorType> infer_gradient_typed(const Call& call, UnitParts parts) {
  const UnitCall<S> c = read_unit<S>(call, parts, 2);
  InputReader<S> outputs(call, 0);
  outputs.activation("dy", output_shape(c.unit, parts));
  outputs.activation("y", output_shape(c.unit, parts));
  InputReader<S> reader(call, c.after);
  for (const Saved<S>& saved : saved_tensors<S>(c.unit, parts)) {
    reader.activation("saved", saved.shape);
  }
  reader.parameter("statistics", {c.unit.statistics_size()});
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

template <typename S>
void run_gradient_typed(Call& call, UnitParts parts) {
  const UnitCall<S> c = read_unit<S>(call, parts, 2);
  UnitTensors<S> t = given_tensors(c);
  set_output(t, parts, call.inputs[1].as<S>());
  set_saved(t, c.unit, parts, call.inputs, c.after);
  const S* dy = call.inputs[0].as<S>();
  const UnitGradients<S> gradients = gradient_outputs<S>(call, parts);
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
  by_storage_type(call, [&](auto type) {
    using S = decltype(type);
    const UnitCall<S> c = read_unit<S>(call, parts, 0);
    call.expect_inputs(c.after);
    types.push_back({DTypeOf<S>::value, output_shape(c.unit, parts)});
    if (!call.attributes.flag("training")) return;
    for (const Saved<S>& saved : saved_tensors<S>(c.unit, parts)) {
      types.push_back({DTypeOf<S>::value, saved.shape});
    }
    types.push_back({DTypeOf<Compute<S>>::value, {c.unit.statistics_size()}});
  });
  return types;
}

void run_unit(Call& call, UnitParts parts) {
  by_storage_type(call, [&](auto type) { run_typed<decltype(type)>(call, parts); });
}

std::vector<TensorType> infer_unit_gradient(const Call& call, UnitParts parts) {
  std::vector<TensorType> types;
  by_storage_type(call,
                  [&](auto type) { types = infer_gradient_typed<decltype(type)>(call, parts); });
  return types;
}

void run_unit_gradient(Call& call, UnitParts parts) {
  by_storage_type(call, [&](auto type) { run_gradient_typed<decltype(type)>(call, parts); });
}

}  // namespace menet
