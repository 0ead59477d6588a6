// MaxPool, AvgPool (x [N, H, W, C]; filterSize [h, w], strides, dilations, pad) -> y;
// MaxPoolGrad(dy, x; ...), AvgPoolGrad(dy; inputShape, ...) -> dx. As in tfjs, the average is
// over the taps inside the image, while its gradient divides by the size of the filter.
#include "core/thread_pool.h"
#include "ops/grain.h"
#include "ops/pool_window.h"
#include "ops/taps.simd.h"

namespace menet {

Window pool_window(const Call& call, const Shape& images) {
  const auto filter = call.attributes.integers("filterSize");
  call.expect(filter.size() == 2, "filterSize: expected 2 sizes, got ", filter.size());
  const Window window = window_of(call, images, filter[0], filter[1]);
  constexpr int64_t kMostTaps = 1 << 20;  // each output pixel looks for those inside the image
  call.expect(window.rows.filter <= kMostTaps && window.columns.filter <= kMostTaps &&
                  window.taps() <= kMostTaps,
              "filterSize: expected at most ", kMostTaps, " taps, got ", filter[0], " by ",
              filter[1]);
  return window;
}

namespace {

Shape output_shape(const Window& w, int64_t channels) {
  return {w.batch, w.rows.output, w.columns.output, channels};
}

// The taps of the window at output pixel (row, column) that lie inside: sources and indices.
template <typename T>
struct Taps {
  explicit Taps(const Window& window)
      : sources(static_cast<size_t>(window.taps())), index(sources.size()) {}

  void find(const Window& window, const T* x, int64_t channels, int64_t n, int64_t row,
            int64_t column) {
    const WindowAxis &rows = window.rows, &columns = window.columns;
    count = 0;
    for (int64_t h = 0; h < rows.filter; ++h) {
      const int64_t i = rows.input_at(row, h);
      if (i < 0 || i >= rows.input) continue;
      for (int64_t w = 0; w < columns.filter; ++w) {
        const int64_t j = columns.input_at(column, w);
        if (j < 0 || j >= columns.input) continue;
        index[count] = static_cast<int32_t>(h * columns.filter + w);
        sources[count++] = x + ((n * rows.input + i) * columns.input + j) * channels;
      }
    }
  }

  size_t count = 0;
  std::vector<const T*> sources;
  std::vector<int32_t> index;
};

std::vector<TensorType> infer(const Call& call) {
  call.expect_inputs(1);
  call.expect_float(0, "x");
  const Tensor& x = call.inputs[0];
  const Window window = pool_window(call, x.shape);
  return {{x.dtype, output_shape(window, x.dim(3))}};
}

// Calls body(taps, output pixel) for all output pixels.
template <typename T, typename Body>
void for_each_window(const Window& window, const T* x, int64_t channels, Body&& body) {
  parallel_for(window.output_pixels(), grain_of(channels * window.taps()),
               [&](int64_t begin, int64_t end, int) {
                 Taps<T> taps(window);
                 for_each_pixel(begin, end, window.rows.output, window.columns.output,
                                [&](int64_t n, int64_t row, int64_t column, int64_t pixel) {
                                  taps.find(window, x, channels, n, row, column);
                                  body(taps, pixel);
                                });
               });
}

// The greatest of each window to y, and which tap it is to `which`, both [output pixels, C].
template <typename T>
void find_maxima(const Window& window, const Tensor& x, T* y, int32_t* which) {
  const int64_t channels = x.dim(3);
  for_each_window(window, x.as<T>(), channels, [&](const Taps<T>& taps, int64_t pixel) {
    MENET_SIMD(max_taps<T>)
    (static_cast<int64_t>(taps.count), taps.sources.data(), taps.index.data(), channels,
     y + pixel * channels, which + pixel * channels);
  });
}

void cpu_max(Call& call) {
  const Tensor &x = call.inputs[0], &y = call.outputs[0];
  const Window window = pool_window(call, x.shape);
  int32_t* which = call.scratch<int32_t>(y.size());
  with_float_type(x.dtype,
                  [&](auto zero) { find_maxima(window, x, y.as<decltype(zero)>(), which); });
}

void cpu_average(Call& call) {
  const Tensor &x = call.inputs[0], &y = call.outputs[0];
  const int64_t channels = x.dim(3);
  with_float_type(x.dtype, [&](auto zero) {
    using T = decltype(zero);
    for_each_window(pool_window(call, x.shape), x.as<T>(), channels,
                    [&](const Taps<T>& taps, int64_t pixel) {
                      MENET_SIMD(sum_taps<T>)
                      (static_cast<int64_t>(taps.count), taps.sources.data(),
                       T(1) / static_cast<T>(taps.count), channels, y.as<T>() + pixel * channels);
                    });
  });
}

// The output pixels whose windows hold an input pixel: their gradients, which taps they chose
// (`which` as find_maxima leaves it, or null), and through which tap each holds the pixel.
template <typename T>
struct InputTaps {
  explicit InputTaps(const Window& window)
      : gradients(static_cast<size_t>(window.taps())),
        choices(gradients.size()),
        index(gradients.size()) {}

  void find(const Window& window, const T* dy, const int32_t* which, int64_t channels, int64_t n,
            int64_t row, int64_t column) {
    const WindowAxis &rows = window.rows, &columns = window.columns;
    count = 0;
    for (int64_t h = 0; h < rows.filter; ++h) {
      const int64_t i = rows.output_at(row, h);
      if (i < 0) continue;
      for (int64_t w = 0; w < columns.filter; ++w) {
        const int64_t j = columns.output_at(column, w);
        if (j < 0) continue;
        const int64_t start = ((n * rows.output + i) * columns.output + j) * channels;
        index[count] = static_cast<int32_t>(h * columns.filter + w);
        choices[count] = which == nullptr ? nullptr : which + start;
        gradients[count++] = dy + start;
      }
    }
  }

  size_t count = 0;
  std::vector<const T*> gradients;
  std::vector<const int32_t*> choices;
  std::vector<int32_t> index;
};

// Calls body(taps, input pixel) for all input pixels.
template <typename T, typename Body>
void for_each_input(const Window& window, const T* dy, const int32_t* which, int64_t channels,
                    Body&& body) {
  parallel_for(window.input_pixels(), grain_of(channels * window.taps()),
               [&](int64_t begin, int64_t end, int) {
                 InputTaps<T> taps(window);
                 for_each_pixel(begin, end, window.rows.input, window.columns.input,
                                [&](int64_t n, int64_t row, int64_t column, int64_t pixel) {
                                  taps.find(window, dy, which, channels, n, row, column);
                                  body(taps, pixel);
                                });
               });
}

std::vector<TensorType> infer_max_grad(const Call& call) {
  call.expect_inputs(2);
  call.expect_float(0, "dy");
  const Tensor& x = call.inputs[1];
  call.expect_dtype(1, "x", call.inputs[0].dtype);
  call.expect_rank(1, "x", 4);
  call.expect_shape(0, "dy", output_shape(pool_window(call, x.shape), x.dim(3)));
  return {x};
}

template <typename T>
void max_gradient(Call& call) {
  const Tensor &dy = call.inputs[0], &x = call.inputs[1];
  const Window window = pool_window(call, x.shape);
  const int64_t channels = x.dim(3);
  int32_t* which = call.scratch<int32_t>(dy.size());
  find_maxima(window, x, call.scratch<T>(dy.size()), which);
  T* dx = call.outputs[0].as<T>();
  for_each_input(window, dy.as<T>(), which, channels, [&](const InputTaps<T>& taps, int64_t pixel) {
    MENET_SIMD(chosen_taps<T>)
    (static_cast<int64_t>(taps.count), taps.gradients.data(), taps.choices.data(),
     taps.index.data(), channels, dx + pixel * channels);
  });
}

void cpu_max_grad(Call& call) {
  with_float_type(call.inputs[0].dtype, [&](auto zero) { max_gradient<decltype(zero)>(call); });
}

std::vector<TensorType> infer_average_grad(const Call& call) {
  call.expect_inputs(1);
  call.expect_float(0, "dy");
  const Shape shape = call.attributes.integers("inputShape");
  const Window window = pool_window(call, shape);
  call.expect_shape(0, "dy", output_shape(window, shape[3]));
  return {{call.inputs[0].dtype, shape}};
}

template <typename T>
void average_gradient(Call& call) {
  const Tensor &dy = call.inputs[0], &dx = call.outputs[0];
  const Window window = pool_window(call, dx.shape);
  const int64_t channels = dx.dim(3);
  const T factor = T(1) / static_cast<T>(window.taps());
  for_each_input(window, dy.as<T>(), nullptr, channels,
                 [&](const InputTaps<T>& taps, int64_t pixel) {
                   MENET_SIMD(sum_taps<T>)
                   (static_cast<int64_t>(taps.count), taps.gradients.data(), factor, channels,
                    dx.as<T>() + pixel * channels);
                 });
}

void cpu_average_grad(Call& call) {
  with_float_type(call.inputs[0].dtype, [&](auto zero) { average_gradient<decltype(zero)>(call); });
}

const RegisterOp ops[] = {
    RegisterOp({"MaxPool", infer, cpu_max}),
    RegisterOp({"AvgPool", infer, cpu_average}),
    RegisterOp({"MaxPoolGrad", infer_max_grad, cpu_max_grad}),
    RegisterOp({"AvgPoolGrad", infer_average_grad, cpu_average_grad}),
};

}  // namespace

}  // namespace menet
