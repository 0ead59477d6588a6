// Conv2D and its gradients on CUDA: matrix products over patches that are never stored.
#include "cuda/matmul.h"
#include "ops/convolution.h"

namespace menet {

namespace {

// An index of images [N, height, width].
struct Pixel {
  int64_t n, row, column;

  __device__ Pixel(int64_t index, int64_t height, int64_t width)
      : n(index / width / height), row(index / width % height), column(index % width) {}
};

// x under output pixel p and weight (tap, input channel), 0 outside of the image.
template <typename T>
struct Patches {
  const T* x;
  Window window;
  int64_t channels;

  __device__ T at(int64_t pixel, int64_t weight) const {
    const WindowAxis &rows = window.rows, &columns = window.columns;
    const Pixel p(pixel, rows.output, columns.output);
    const int64_t tap = weight / channels;
    const int64_t i = rows.input_at(p.row, tap / columns.filter);
    const int64_t j = columns.input_at(p.column, tap % columns.filter);
    if (i < 0 || i >= rows.input || j < 0 || j >= columns.input) return 0;
    return x[((p.n * rows.input + i) * columns.input + j) * channels + weight % channels];
  }
  __device__ void select(int64_t) {}
};

template <typename T>
struct PatchRows : Patches<T> {
  static constexpr bool kAlongDepth = true;
  __device__ T operator()(int64_t pixel, int64_t weight) const { return this->at(pixel, weight); }
};
template <typename T>
struct PatchColumns : Patches<T> {
  static constexpr bool kAlongDepth = false;
  __device__ T operator()(int64_t weight, int64_t pixel) const { return this->at(pixel, weight); }
};

// dy that input pixel p contributed to, through weight (tap, output channel).
template <typename T>
struct GradientPatches {
  static constexpr bool kAlongDepth = true;
  const T* dy;
  Window window;
  int64_t channels;

  __device__ T operator()(int64_t pixel, int64_t weight) const {
    const WindowAxis &rows = window.rows, &columns = window.columns;
    const Pixel p(pixel, rows.input, columns.input);
    const int64_t tap = weight / channels;
    const int64_t i = rows.output_at(p.row, tap / columns.filter);
    const int64_t j = columns.output_at(p.column, tap % columns.filter);
    if (i < 0 || j < 0) return 0;
    return dy[((p.n * rows.output + i) * columns.output + j) * channels + weight % channels];
  }
  __device__ void select(int64_t) {}
};

// A dense matrix [k][columns].
template <typename T>
struct Matrix {
  static constexpr bool kAlongDepth = false;
  const T* x;
  int64_t columns;

  __device__ T operator()(int64_t k, int64_t column) const { return x[k * columns + column]; }
  __device__ void select(int64_t) {}
};

// The filter [tap][in][out] as a matrix [tap, out][in].
template <typename T>
struct ExchangedFilter {
  static constexpr bool kAlongDepth = true;
  const T* filter;
  int64_t in, out;

  __device__ T operator()(int64_t k, int64_t column) const {
    return filter[(k / out * in + column) * out + k % out];
  }
  __device__ void select(int64_t) {}
};

template <typename T>
void convolve(Call& call) {
  const Tensor &x = call.inputs[0], &filter = call.inputs[1];
  const Convolution c = convolution_of(call, x.shape, filter.shape);
  const PatchRows<T> patches{{x.as<T>(), c.window, c.in_channels}};
  const Matrix<T> weights{filter.as<T>(), c.out_channels};
  launch_matmul(call, patches, weights, call.outputs[0].as<T>(),
                {c.window.output_pixels(), c.out_channels, c.window.taps() * c.in_channels});
}

template <typename T>
void backprop_input(Call& call) {
  const Tensor &dy = call.inputs[0], &filter = call.inputs[1], &dx = call.outputs[0];
  const Convolution c = convolution_of(call, dx.shape, filter.shape);
  const GradientPatches<T> patches{dy.as<T>(), c.window, c.out_channels};
  const ExchangedFilter<T> weights{filter.as<T>(), c.in_channels, c.out_channels};
  launch_matmul(call, patches, weights, dx.as<T>(),
                {c.window.input_pixels(), c.in_channels, c.window.taps() * c.out_channels});
}

template <typename T>
void backprop_filter(Call& call) {
  const Tensor &x = call.inputs[0], &dy = call.inputs[1], &dw = call.outputs[0];
  const Convolution c = convolution_of(call, x.shape, dw.shape);
  const PatchColumns<T> patches{{x.as<T>(), c.window, c.in_channels}};
  const Matrix<T> gradients{dy.as<T>(), c.out_channels};
  launch_deep_matmul(call, patches, gradients, dw.as<T>(),
                     {c.window.taps() * c.in_channels, c.out_channels, c.window.output_pixels()});
}

const RegisterCuda ops[] = {
    {"Conv2D",
     [](Call& call) {
       with_float_type(call.inputs[0].dtype, [&](auto zero) { convolve<decltype(zero)>(call); });
     }},
    {"Conv2DBackpropInput",
     [](Call& call) {
       with_float_type(call.inputs[0].dtype,
                       [&](auto zero) { backprop_input<decltype(zero)>(call); });
     }},
    {"Conv2DBackpropFilter",
     [](Call& call) {
       with_float_type(call.inputs[0].dtype,
                       [&](auto zero) { backprop_filter<decltype(zero)>(call); });
     }},
};

}  // namespace

}  // namespace menet
