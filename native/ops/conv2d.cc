// Conv2D(x [N, H, W, Cin], filter [h, w, Cin, Cout]; strides, dilations, pad) -> y;
// Conv2DBackpropInput(dy, filter; inputShape, ...) -> dx;
// Conv2DBackpropFilter(x, dy; filterShape, ...) -> dfilter.
// Matrix products over tiles of patches (im2col), which a 1x1 filter does not need.
#include "core/thread_pool.h"
#include "ops/convolution.h"
#include "ops/grain.h"
#include "simd/matmul.h"

namespace menet {

Convolution convolution_of(const Call& call, const Shape& images, const Shape& filter) {
  call.expect(filter.size() == 4, "filter: expected [h, w, Cin, Cout], got shape ",
              to_string(filter));
  const Window window = window_of(call, images, filter[0], filter[1]);
  call.expect(images[3] == filter[2], "filter: expected ", images[3], " input channels, got shape ",
              to_string(filter));
  return {window, filter[2], filter[3]};
}

namespace {

// Patches of at most this many elements are made at a time: half a second-level cache.
constexpr int64_t kPatchElements = 1 << 16;

int64_t tile_rows(int64_t depth) {
  return std::clamp<int64_t>(kPatchElements / std::max<int64_t>(depth, 1), 24, 256);
}

// patch [h * w * channels] of the input under one output pixel, 0 outside.
template <typename T>
void input_patch(const Convolution& c, const T* x, int64_t n, int64_t row, int64_t column,
                 T* patch) {
  const WindowAxis &rows = c.window.rows, &columns = c.window.columns;
  const int64_t channels = c.in_channels, width = columns.filter * channels;
  const int64_t left = columns.input_at(column, 0);
  const bool inside = columns.dilation == 1 && left >= 0 && left + columns.filter <= columns.input;
  for (int64_t h = 0; h < rows.filter; ++h, patch += width) {
    const int64_t i = rows.input_at(row, h);
    if (i < 0 || i >= rows.input) {
      std::fill_n(patch, width, T(0));
      continue;
    }
    const T* line = x + (n * rows.input + i) * columns.input * channels;
    if (inside) {
      std::copy_n(line + left * channels, width, patch);
      continue;
    }
    for (int64_t w = 0; w < columns.filter; ++w) {
      const int64_t j = columns.input_at(column, w);
      if (j < 0 || j >= columns.input) {
        std::fill_n(patch + w * channels, channels, T(0));
      } else {
        std::copy_n(line + j * channels, channels, patch + w * channels);
      }
    }
  }
}

// patch [h * w * channels] of dy that one input pixel contributed to through each tap.
template <typename T>
void gradient_patch(const Convolution& c, const T* dy, int64_t n, int64_t row, int64_t column,
                    T* patch) {
  const WindowAxis &rows = c.window.rows, &columns = c.window.columns;
  const int64_t channels = c.out_channels;
  for (int64_t h = 0; h < rows.filter; ++h) {
    const int64_t i = rows.output_at(row, h);
    for (int64_t w = 0; w < columns.filter; ++w, patch += channels) {
      const int64_t j = columns.output_at(column, w);
      if (i < 0 || j < 0) {
        std::fill_n(patch, channels, T(0));
      } else {
        std::copy_n(dy + ((n * rows.output + i) * columns.output + j) * channels, channels, patch);
      }
    }
  }
}

// Scratch of each thread: patches and what matmul needs.
template <typename T>
class Scratch {
 public:
  Scratch(Call& call, int64_t patches, int64_t depth)
      : patches_(patches), each_(patches + matmul_scratch(depth)) {
    data_ = call.scratch<T>(each_ * thread_count());
  }
  T* patches(int thread) const { return data_ + thread * each_; }
  T* matmul(int thread) const { return patches(thread) + patches_; }

 private:
  int64_t patches_, each_;
  T* data_;
};

// y [pixels, columns] = patches [pixels, depth] B, the patches being made tile by tile with
// make(n, row, column, patch) for the pixels of images [N, height, width].
template <typename T, typename Make>
void multiply_patches(Call& call, int64_t pixels, int64_t height, int64_t width, int64_t depth,
                      MatrixView<T> b, int64_t columns, T* y, Make&& make) {
  const int64_t tile = tile_rows(depth);
  const Scratch<T> scratch(call, tile * depth, depth);
  const int64_t tiles = (pixels + tile - 1) / tile;
  parallel_for(tiles, 1, [&](int64_t begin, int64_t end, int thread) {
    T* patches = scratch.patches(thread);
    for (int64_t t = begin; t < end; ++t) {
      const int64_t first = t * tile, rows = std::min(tile, pixels - first);
      for_each_pixel(first, first + rows, height, width,
                     [&](int64_t n, int64_t row, int64_t column, int64_t pixel) {
                       make(n, row, column, patches + (pixel - first) * depth);
                     });
      MENET_SIMD(matmul<T>)
      (rows, columns, depth, {patches, depth, 1}, b, y + first * columns, columns, false,
       scratch.matmul(thread));
    }
  });
}

// y [rows, columns] = a [rows, depth] B
template <typename T>
void multiply_rows(Call& call, int64_t rows, int64_t depth, const T* a, MatrixView<T> b,
                   int64_t columns, T* y) {
  const Scratch<T> scratch(call, 0, depth);
  parallel_for(rows, 32, [&](int64_t begin, int64_t end, int thread) {
    MENET_SIMD(matmul<T>)
    (end - begin, columns, depth, {a + begin * depth, depth, 1}, b, y + begin * columns, columns,
     false, scratch.matmul(thread));
  });
}

std::vector<TensorType> infer(const Call& call) {
  call.expect_inputs(2);
  call.expect_float(0, "x");
  call.expect_dtype(1, "filter", call.inputs[0].dtype);
  const Convolution c = convolution_of(call, call.inputs[0].shape, call.inputs[1].shape);
  return {{call.inputs[0].dtype, c.output_shape()}};
}

template <typename T>
void convolve(Call& call) {
  const Tensor &x = call.inputs[0], &filter = call.inputs[1];
  const Convolution c = convolution_of(call, x.shape, filter.shape);
  const int64_t depth = c.window.taps() * c.in_channels, columns = c.out_channels;
  const int64_t pixels = c.window.output_pixels();
  const MatrixView<T> b{filter.as<T>(), columns, 1};
  T* y = call.outputs[0].as<T>();
  if (c.is_pointwise()) return multiply_rows(call, pixels, depth, x.as<T>(), b, columns, y);
  multiply_patches(call, pixels, c.window.rows.output, c.window.columns.output, depth, b, columns,
                   y, [&](int64_t n, int64_t row, int64_t column, T* patch) {
                     input_patch(c, x.as<T>(), n, row, column, patch);
                   });
}

std::vector<TensorType> infer_backprop_input(const Call& call) {
  call.expect_inputs(2);
  call.expect_float(0, "dy");
  call.expect_dtype(1, "filter", call.inputs[0].dtype);
  const Shape shape = call.attributes.integers("inputShape");
  const Convolution c = convolution_of(call, shape, call.inputs[1].shape);
  call.expect_shape(0, "dy", c.output_shape());
  return {{call.inputs[0].dtype, shape}};
}

// The filter with its channels exchanged: [h, w, Cout, Cin].
template <typename T>
const T* exchange_channels(Call& call, const Convolution& c, const T* filter) {
  T* exchanged = call.scratch<T>(c.window.taps() * c.in_channels * c.out_channels);
  for (int64_t tap = 0; tap < c.window.taps(); ++tap) {
    const T* from = filter + tap * c.in_channels * c.out_channels;
    T* to = exchanged + tap * c.in_channels * c.out_channels;
    for (int64_t i = 0; i < c.in_channels; ++i) {
      for (int64_t o = 0; o < c.out_channels; ++o) {
        to[o * c.in_channels + i] = from[i * c.out_channels + o];
      }
    }
  }
  return exchanged;
}

template <typename T>
void backprop_input(Call& call) {
  const Tensor &dy = call.inputs[0], &filter = call.inputs[1], &dx = call.outputs[0];
  const Convolution c = convolution_of(call, dx.shape, filter.shape);
  const int64_t depth = c.window.taps() * c.out_channels, columns = c.in_channels;
  const int64_t pixels = c.window.input_pixels();
  if (c.is_pointwise()) {
    const MatrixView<T> transposed{filter.as<T>(), 1, c.out_channels};
    return multiply_rows(call, pixels, depth, dy.as<T>(), transposed, columns, dx.as<T>());
  }
  const MatrixView<T> b{exchange_channels(call, c, filter.as<T>()), columns, 1};
  multiply_patches(call, pixels, c.window.rows.input, c.window.columns.input, depth, b, columns,
                   dx.as<T>(), [&](int64_t n, int64_t row, int64_t column, T* patch) {
                     gradient_patch(c, dy.as<T>(), n, row, column, patch);
                   });
}

std::vector<TensorType> infer_backprop_filter(const Call& call) {
  call.expect_inputs(2);
  call.expect_float(0, "x");
  call.expect_dtype(1, "dy", call.inputs[0].dtype);
  const Shape shape = call.attributes.integers("filterShape");
  const Convolution c = convolution_of(call, call.inputs[0].shape, shape);
  call.expect_shape(1, "dy", c.output_shape());
  return {{call.inputs[0].dtype, shape}};
}

// Each thread sums over its own tiles of pixels, and the sums are added in order.
template <typename T>
void backprop_filter(Call& call) {
  const Tensor &x = call.inputs[0], &dy = call.inputs[1], &dw = call.outputs[0];
  const Convolution c = convolution_of(call, x.shape, dw.shape);
  const int64_t rows = c.window.taps() * c.in_channels, columns = c.out_channels;
  const int64_t pixels = c.window.output_pixels();
  const bool pointwise = c.is_pointwise();
  const int64_t tile = pointwise ? 512 : tile_rows(rows);
  const Scratch<T> scratch(call, pointwise ? 0 : tile * rows, tile);
  const int threads = thread_count();
  T* sums = call.scratch<T>(threads * dw.size());
  std::fill_n(sums, threads * dw.size(), T(0));
  parallel_for((pixels + tile - 1) / tile, 1, [&](int64_t begin, int64_t end, int thread) {
    for (int64_t t = begin; t < end; ++t) {
      const int64_t first = t * tile, count = std::min(tile, pixels - first);
      const T* patches = pointwise ? x.as<T>() + first * rows : scratch.patches(thread);
      if (!pointwise) {
        for_each_pixel(first, first + count, c.window.rows.output, c.window.columns.output,
                       [&](int64_t n, int64_t row, int64_t column, int64_t pixel) {
                         input_patch(c, x.as<T>(), n, row, column,
                                     scratch.patches(thread) + (pixel - first) * rows);
                       });
      }
      MENET_SIMD(matmul<T>)
      (rows, columns, count, {patches, 1, rows}, {dy.as<T>() + first * columns, columns, 1},
       sums + thread * dw.size(), columns, true, scratch.matmul(thread));
    }
  });
  parallel_for(dw.size(), grain_of(threads), [&](int64_t begin, int64_t end, int) {
    for (int64_t i = begin; i < end; ++i) {
      T total = sums[i];
      for (int thread = 1; thread < threads; ++thread) total += sums[thread * dw.size() + i];
      dw.as<T>()[i] = total;
    }
  });
}

void cpu(Call& call) {
  with_float_type(call.inputs[0].dtype, [&](auto zero) { convolve<decltype(zero)>(call); });
}

void cpu_backprop_input(Call& call) {
  with_float_type(call.inputs[0].dtype, [&](auto zero) { backprop_input<decltype(zero)>(call); });
}

void cpu_backprop_filter(Call& call) {
  with_float_type(call.inputs[0].dtype, [&](auto zero) { backprop_filter<decltype(zero)>(call); });
}

const RegisterOp ops[] = {
    RegisterOp({"Conv2D", infer, cpu}),
    RegisterOp({"Conv2DBackpropInput", infer_backprop_input, cpu_backprop_input}),
    RegisterOp({"Conv2DBackpropFilter", infer_backprop_filter, cpu_backprop_filter}),
};

}  // namespace

}  // namespace menet
