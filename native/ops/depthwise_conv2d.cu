// DepthwiseConv2dNative and its gradients on CUDA: neighbouring threads have neighbouring channels.
#include "cuda/partial_sums.h"
#include "ops/convolution.h"

namespace menet {

namespace {

// One element of y for each thread; `to_input` gathers dx from dy instead.
template <bool to_input, typename T>
__global__ void convolve(const T* x, const T* filter, T* y, Window window, int64_t channels,
                         int64_t count) {
  const WindowAxis &rows = window.rows, &columns = window.columns;
  const int64_t height = to_input ? rows.input : rows.output;
  const int64_t width = to_input ? columns.input : columns.output;
  const int64_t from_height = to_input ? rows.output : rows.input;
  const int64_t from_width = to_input ? columns.output : columns.input;
  for (int64_t e = grid_begin(); e < count; e += grid_step()) {
    const int64_t c = e % channels, pixel = e / channels;
    const int64_t column = pixel % width, row = pixel / width % height, n = pixel / width / height;
    T sum = 0;
    for (int64_t h = 0; h < rows.filter; ++h) {
      const int64_t i = to_input ? rows.output_at(row, h) : rows.input_at(row, h);
      if (i < 0 || i >= from_height) continue;
      for (int64_t w = 0; w < columns.filter; ++w) {
        const int64_t j = to_input ? columns.output_at(column, w) : columns.input_at(column, w);
        if (j < 0 || j >= from_width) continue;
        sum += x[((n * from_height + i) * from_width + j) * channels + c] *
               filter[(h * columns.filter + w) * channels + c];
      }
    }
    y[e] = sum;
  }
}

constexpr int kColumns = 32;  // channels of a block
constexpr int kLines = 8;

// partials [range][tap][channel]: a block for each range of output pixels, 32 channels and tap.
template <typename T>
__global__ void filter_gradient(const T* x, const T* dy, T* partials, Window window,
                                int64_t channels, int64_t range) {
  MENET_SHARED(T, lines, kColumns * kLines);
  const WindowAxis &rows = window.rows, &columns = window.columns;
  const int tx = static_cast<int>(threadIdx.x), ty = static_cast<int>(threadIdx.y);
  const int64_t c = static_cast<int64_t>(blockIdx.y) * kColumns + tx;
  const int64_t h = blockIdx.z / columns.filter, w = blockIdx.z % columns.filter;
  const int64_t pixels = window.batch * rows.output * columns.output;
  const int64_t begin = blockIdx.x * range;
  const int64_t end = begin + range < pixels ? begin + range : pixels;
  T sum = 0;
  for (int64_t p = begin + ty; c < channels && p < end; p += kLines) {
    const int64_t n = p / columns.output / rows.output;
    const int64_t i = rows.input_at(p / columns.output % rows.output, h);
    const int64_t j = columns.input_at(p % columns.output, w);
    if (i < 0 || i >= rows.input || j < 0 || j >= columns.input) continue;
    sum += x[((n * rows.input + i) * columns.input + j) * channels + c] * dy[p * channels + c];
  }
  lines[ty * kColumns + tx] = sum;
  __syncthreads();
  if (ty > 0 || c >= channels) return;
  for (int k = 1; k < kLines; ++k) sum += lines[k * kColumns + tx];
  partials[(static_cast<int64_t>(blockIdx.x) * gridDim.z + blockIdx.z) * channels + c] = sum;
}

template <bool to_input, typename T>
void run(Call& call, const Shape& images) {
  const Tensor& y = call.outputs[0];
  const Window window = depthwise_window(call, images, call.inputs[1].shape);
  launch(call, convolve<to_input, T>, grid_for(y.size()), call.inputs[0].as<T>(),
         call.inputs[1].as<T>(), y.as<T>(), window, images[3], y.size());
}

template <typename T>
void run_filter(Call& call) {
  const Tensor &x = call.inputs[0], &dy = call.inputs[1], &dw = call.outputs[0];
  const Window window = depthwise_window(call, x.shape, dw.shape);
  const int64_t channels = x.dim(3), pixels = window.output_pixels();
  const int64_t across = ceil_div(channels, kColumns) * window.taps();
  const int64_t wanted = std::max<int64_t>(1, kMostBlocks / std::max<int64_t>(across, 1));
  const int64_t range = std::max<int64_t>(64, ceil_div(pixels, wanted));
  const int64_t ranges = std::max<int64_t>(1, ceil_div(pixels, range));
  T* partials = call.scratch<T>(ranges * dw.size());
  const Grid grid{
      dim3(static_cast<unsigned>(ranges), static_cast<unsigned>(ceil_div(channels, kColumns)),
           static_cast<unsigned>(window.taps())),
      dim3(kColumns, kLines)};
  launch(call, filter_gradient<T>, grid, x.as<T>(), dy.as<T>(), partials, window, channels, range);
  sum_partials(call, static_cast<const T*>(partials), ranges, dw.size(), dw.as<T>());
}

const RegisterCuda ops[] = {
    {"DepthwiseConv2dNative",
     [](Call& call) {
       with_float_type(call.inputs[0].dtype,
                       [&](auto t) { run<false, decltype(t)>(call, call.inputs[0].shape); });
     }},
    {"DepthwiseConv2dNativeBackpropInput",
     [](Call& call) {
       with_float_type(call.inputs[0].dtype,
                       [&](auto t) { run<true, decltype(t)>(call, call.outputs[0].shape); });
     }},
    {"DepthwiseConv2dNativeBackpropFilter",
     [](Call& call) {
       with_float_type(call.inputs[0].dtype, [&](auto t) { run_filter<decltype(t)>(call); });
     }},
};

}  // namespace

}  // namespace menet
