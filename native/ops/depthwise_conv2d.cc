// DepthwiseConv2dNative(x [N, H, W, C], filter [h, w, C, 1]; strides, dilations, pad) -> y;
// DepthwiseConv2dNativeBackpropInput(dy, filter; inputShape, ...) -> dx;
// DepthwiseConv2dNativeBackpropFilter(x, dy; filterShape, ...) -> dfilter.
#include "core/thread_pool.h"
#include "ops/convolution.h"
#include "ops/grain.h"
#include "ops/taps.simd.h"

namespace menet {

Window depthwise_window(const Call& call, const Shape& images, const Shape& filter) {
  call.expect(filter.size() == 4 && filter[3] == 1, "filter: expected [h, w, C, 1], got shape ",
              to_string(filter));
  const Window window = window_of(call, images, filter[0], filter[1]);
  call.expect(images[3] == filter[2], "filter: expected ", images[3], " channels, got shape ",
              to_string(filter));
  return window;
}

namespace {

Shape output_shape(const Window& w, int64_t channels) {
  return {w.batch, w.rows.output, w.columns.output, channels};
}

std::vector<TensorType> infer(const Call& call) {
  call.expect_inputs(2);
  call.expect_float(0, "x");
  call.expect_dtype(1, "filter", call.inputs[0].dtype);
  const Tensor& x = call.inputs[0];
  const Window window = depthwise_window(call, x.shape, call.inputs[1].shape);
  return {{x.dtype, output_shape(window, x.dim(3))}};
}

// y[pixel] = sum over the taps that lie inside of x[at(tap)] * filter[tap], for the pixels of
// images [N, height, width]; row_at and column_at say where, in images of source_height and
// source_width, outside being not in [0, size).
template <typename T, typename RowAt, typename ColumnAt>
void convolve(const Window& window, int64_t channels, const T* x, int64_t source_height,
              int64_t source_width, const T* filter, T* y, int64_t height, int64_t width,
              RowAt&& row_at, ColumnAt&& column_at) {
  const int64_t pixels = window.batch * height * width;
  parallel_for(pixels, grain_of(channels * window.taps()), [&](int64_t begin, int64_t end, int) {
    std::vector<const T*> sources(static_cast<size_t>(window.taps()));
    std::vector<const T*> weights(static_cast<size_t>(window.taps()));
    for_each_pixel(
        begin, end, height, width, [&](int64_t n, int64_t row, int64_t column, int64_t pixel) {
          size_t taps = 0;
          for (int64_t h = 0; h < window.rows.filter; ++h) {
            const int64_t i = row_at(row, h);
            if (i < 0 || i >= source_height) continue;
            for (int64_t w = 0; w < window.columns.filter; ++w) {
              const int64_t j = column_at(column, w);
              if (j < 0 || j >= source_width) continue;
              sources[taps] = x + ((n * source_height + i) * source_width + j) * channels;
              weights[taps++] = filter + (h * window.columns.filter + w) * channels;
            }
          }
          MENET_SIMD(weighted_taps<T>)
          (static_cast<int64_t>(taps), sources.data(), weights.data(), channels,
           y + pixel * channels);
        });
  });
}

void cpu(Call& call) {
  const Tensor &x = call.inputs[0], &filter = call.inputs[1];
  const Window window = depthwise_window(call, x.shape, filter.shape);
  const WindowAxis &rows = window.rows, &columns = window.columns;
  with_float_type(x.dtype, [&](auto zero) {
    using T = decltype(zero);
    convolve(
        window, x.dim(3), x.as<T>(), rows.input, columns.input, filter.as<T>(),
        call.outputs[0].as<T>(), rows.output, columns.output,
        [&](int64_t o, int64_t k) { return rows.input_at(o, k); },
        [&](int64_t o, int64_t k) { return columns.input_at(o, k); });
  });
}

std::vector<TensorType> infer_backprop_input(const Call& call) {
  call.expect_inputs(2);
  call.expect_float(0, "dy");
  call.expect_dtype(1, "filter", call.inputs[0].dtype);
  const Shape shape = call.attributes.integers("inputShape");
  const Window window = depthwise_window(call, shape, call.inputs[1].shape);
  call.expect_shape(0, "dy", output_shape(window, shape[3]));
  return {{call.inputs[0].dtype, shape}};
}

void cpu_backprop_input(Call& call) {
  const Tensor &dy = call.inputs[0], &filter = call.inputs[1], &dx = call.outputs[0];
  const Window window = depthwise_window(call, dx.shape, filter.shape);
  const WindowAxis &rows = window.rows, &columns = window.columns;
  with_float_type(dy.dtype, [&](auto zero) {
    using T = decltype(zero);
    convolve(
        window, dx.dim(3), dy.as<T>(), rows.output, columns.output, filter.as<T>(), dx.as<T>(),
        rows.input, columns.input, [&](int64_t i, int64_t k) { return rows.output_at(i, k); },
        [&](int64_t i, int64_t k) { return columns.output_at(i, k); });
  });
}

std::vector<TensorType> infer_backprop_filter(const Call& call) {
  call.expect_inputs(2);
  call.expect_float(0, "x");
  call.expect_dtype(1, "dy", call.inputs[0].dtype);
  const Shape shape = call.attributes.integers("filterShape");
  const Window window = depthwise_window(call, call.inputs[0].shape, shape);
  call.expect_shape(1, "dy", output_shape(window, shape[2]));
  return {{call.inputs[0].dtype, shape}};
}

// Adds the products of one row of dy and the row of x under each tap.
template <typename T>
void add_row(const Window& window, int64_t channels, const T* x, const T* dy, int64_t n,
             int64_t row, T* sums) {
  const WindowAxis &rows = window.rows, &columns = window.columns;
  const T* dy_row = dy + (n * rows.output + row) * columns.output * channels;
  for (int64_t h = 0; h < rows.filter; ++h) {
    const int64_t i = rows.input_at(row, h);
    if (i < 0 || i >= rows.input) continue;
    const T* x_row = x + (n * rows.input + i) * columns.input * channels;
    for (int64_t w = 0; w < columns.filter; ++w) {
      const int64_t first = columns.first_output(w), last = columns.last_output(w);
      if (first >= last) continue;
      MENET_SIMD(tap_gradient<T>)
      (last - first, x_row + columns.input_at(first, w) * channels, columns.stride * channels,
       dy_row + first * channels, channels, channels, sums + (h * columns.filter + w) * channels);
    }
  }
}

// Each thread sums over its own rows, and the sums are added in order.
template <typename T>
void backprop_filter(Call& call) {
  const Tensor &x = call.inputs[0], &dy = call.inputs[1], &dw = call.outputs[0];
  const Window window = depthwise_window(call, x.shape, dw.shape);
  const int64_t channels = x.dim(3), size = dw.size();
  const int threads = thread_count();
  T* sums = call.scratch<T>(threads * size);
  std::fill_n(sums, threads * size, T(0));
  const int64_t cost = window.taps() * window.columns.output * channels;
  parallel_for(window.batch * window.rows.output, grain_of(cost),
               [&](int64_t begin, int64_t end, int thread) {
                 for (int64_t i = begin; i < end; ++i) {
                   add_row(window, channels, x.as<T>(), dy.as<T>(), i / window.rows.output,
                           i % window.rows.output, sums + thread * size);
                 }
               });
  for (int64_t i = 0; i < size; ++i) {
    T total = sums[i];
    for (int thread = 1; thread < threads; ++thread) total += sums[thread * size + i];
    dw.as<T>()[i] = total;
  }
}

void cpu_backprop_filter(Call& call) {
  with_float_type(call.inputs[0].dtype, [&](auto zero) { backprop_filter<decltype(zero)>(call); });
}

const RegisterOp ops[] = {
    RegisterOp({"DepthwiseConv2dNative", infer, cpu}),
    RegisterOp({"DepthwiseConv2dNativeBackpropInput", infer_backprop_input, cpu_backprop_input}),
    RegisterOp({"DepthwiseConv2dNativeBackpropFilter", infer_backprop_filter, cpu_backprop_filter}),
};

}  // namespace

}  // namespace menet
