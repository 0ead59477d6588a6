// MaxPool, AvgPool and their gradients on CUDA: one element of the result for each thread.
#include <limits>

#include "cuda/launch.h"
#include "ops/pool_window.h"

namespace menet {

namespace {

struct Place {
  int64_t n, row, column, channel;

  __device__ Place(int64_t element, int64_t height, int64_t width, int64_t channels)
      : n(element / channels / width / height),
        row(element / channels / width % height),
        column(element / channels % width),
        channel(element % channels) {}
};

// Calls body(tap, offset in x) for the taps of an output pixel's window that lie in the image.
template <typename Body>
__device__ void for_each_tap(const Window& window, const Place& p, int64_t channels,
                             const Body& body) {
  const WindowAxis &rows = window.rows, &columns = window.columns;
  for (int64_t h = 0; h < rows.filter; ++h) {
    const int64_t i = rows.input_at(p.row, h);
    if (i < 0 || i >= rows.input) continue;
    for (int64_t w = 0; w < columns.filter; ++w) {
      const int64_t j = columns.input_at(p.column, w);
      if (j < 0 || j >= columns.input) continue;
      body(static_cast<int32_t>(h * columns.filter + w),
           ((p.n * rows.input + i) * columns.input + j) * channels + p.channel);
    }
  }
}

// y and, where it is not null, which tap was the greatest; NaN left out.
template <typename T>
__global__ void max_pool(const T* x, T* y, int32_t* which, Window window, int64_t channels,
                         int64_t count, T lowest) {
  for (int64_t e = grid_begin(); e < count; e += grid_step()) {
    T best = lowest;
    int32_t at = -1;
    const Place place(e, window.rows.output, window.columns.output, channels);
    for_each_tap(window, place, channels, [&](int32_t tap, int64_t from) {
      if (!(x[from] > best)) return;
      best = x[from];
      at = tap;
    });
    if (y != nullptr) y[e] = best;
    if (which != nullptr) which[e] = at;
  }
}

template <typename T>
__global__ void average_pool(const T* x, T* y, Window window, int64_t channels, int64_t count) {
  for (int64_t e = grid_begin(); e < count; e += grid_step()) {
    T sum = 0;
    int taps = 0;
    const Place place(e, window.rows.output, window.columns.output, channels);
    for_each_tap(window, place, channels, [&](int32_t, int64_t from) {
      sum += x[from];
      ++taps;
    });
    y[e] = sum * (T(1) / static_cast<T>(taps));
  }
}

// dx gathers dy of the windows that hold it; of those alone that chose it, where `which` is given.
template <typename T>
__global__ void pool_gradient(const T* dy, const int32_t* which, T* dx, Window window,
                              int64_t channels, int64_t count, T factor) {
  const WindowAxis &rows = window.rows, &columns = window.columns;
  for (int64_t e = grid_begin(); e < count; e += grid_step()) {
    const Place p(e, rows.input, columns.input, channels);
    T sum = 0;
    for (int64_t h = 0; h < rows.filter; ++h) {
      const int64_t i = rows.output_at(p.row, h);
      if (i < 0) continue;
      for (int64_t w = 0; w < columns.filter; ++w) {
        const int64_t j = columns.output_at(p.column, w);
        if (j < 0) continue;
        const int64_t from = ((p.n * rows.output + i) * columns.output + j) * channels + p.channel;
        if (which == nullptr || which[from] == h * columns.filter + w) sum += dy[from];
      }
    }
    dx[e] = sum * factor;
  }
}

template <typename T>
void find_maxima(Call& call, const Window& window, const Tensor& x, int64_t count, T* y,
                 int32_t* which) {
  launch(call, max_pool<T>, grid_for(count), x.as<T>(), y, which, window, x.dim(3), count,
         -std::numeric_limits<T>::infinity());
}

template <typename T>
void average(Call& call) {
  const Tensor &x = call.inputs[0], &y = call.outputs[0];
  launch(call, average_pool<T>, grid_for(y.size()), x.as<T>(), y.as<T>(),
         pool_window(call, x.shape), x.dim(3), y.size());
}

template <typename T>
void gather_gradient(Call& call, const int32_t* which, T factor) {
  const Tensor& dx = call.outputs[0];
  launch(call, pool_gradient<T>, grid_for(dx.size()), call.inputs[0].as<T>(), which, dx.as<T>(),
         pool_window(call, dx.shape), dx.dim(3), dx.size(), factor);
}

template <typename T>
void max_gradient(Call& call) {
  const Tensor &dy = call.inputs[0], &x = call.inputs[1];
  int32_t* which = call.scratch<int32_t>(dy.size());
  find_maxima<T>(call, pool_window(call, x.shape), x, dy.size(), nullptr, which);
  gather_gradient(call, which, T(1));
}

const RegisterCuda ops[] = {
    {"MaxPool",
     [](Call& call) {
       const Tensor &x = call.inputs[0], &y = call.outputs[0];
       with_float_type(x.dtype, [&](auto zero) {
         using T = decltype(zero);
         find_maxima(call, pool_window(call, x.shape), x, y.size(), y.as<T>(), nullptr);
       });
     }},
    {"AvgPool",
     [](Call& call) {
       with_float_type(call.inputs[0].dtype, [&](auto zero) { average<decltype(zero)>(call); });
     }},
    {"MaxPoolGrad",
     [](Call& call) {
       with_float_type(call.inputs[0].dtype,
                       [&](auto zero) { max_gradient<decltype(zero)>(call); });
     }},
    {"AvgPoolGrad",
     [](Call& call) {
       const int64_t taps = pool_window(call, call.outputs[0].shape).taps();
       with_float_type(call.inputs[0].dtype, [&](auto zero) {
         using T = decltype(zero);
         gather_gradient(call, nullptr, T(1) / static_cast<T>(taps));
       });
     }},
};

}  // namespace

}  // namespace menet
