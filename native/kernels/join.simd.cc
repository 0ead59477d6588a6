#include "kernels/join.h"

#include "kernels/tiles.h"

namespace menet {
namespace MENET_ISA {

template <typename S>
void join(const Join<S>& args, int64_t begin, int64_t end) {
  using T = Compute<S>;
  for (int64_t p = begin; p < end; ++p) {
    const int64_t row = p * args.y_stride;
    for_vectors<T>(args.in.channels, [&](int64_t c, auto width) {
      Vector<T> y = read(args.in, p, c, width);
      if (args.residual != nullptr) y += load(args.residual + row + c, width);
      store(args.y + row + c, relu<T>(y), width);
    });
  }
}

namespace {

// The taps of one output pixel's window that lie inside the image.
struct Window {
  int64_t corner;  // pixel of tap (0, 0), which may lie outside
  int64_t width;
  int64_t first_row, last_row, first_column, last_column;

  Window(const Map& map, int64_t image, int64_t oy, int64_t ox)
      : corner((image * map.height + oy * 2 - 1) * map.width + ox * 2 - 1),
        width(map.width),
        first_row(oy == 0 ? 1 : 0),
        last_row(oy * 2 + 1 < map.height ? 3 : 2),
        first_column(ox == 0 ? 1 : 0),
        last_column(ox * 2 + 1 < map.width ? 3 : 2) {}

  // body(pixel) in row order
  template <typename Body>
  void for_each(Body body) const {
    for (int64_t y = first_row; y < last_row; ++y) {
      for (int64_t x = first_column; x < last_column; ++x) body(corner + y * width + x);
    }
  }
};

// body(output pixel, window) for output rows [begin, end).
template <typename Body>
inline void for_windows(const Map& map, int64_t begin, int64_t end, Body body) {
  for (int64_t row = begin; row < end; ++row) {
    for (int64_t ox = 0; ox < map.out_width; ++ox) {
      body(row * map.out_width + ox, Window(map, row / map.out_height, row % map.out_height, ox));
    }
  }
}

}  // namespace

template <typename S>
void average_pool(const AveragePool<S>& args, int64_t begin, int64_t end) {
  using T = Compute<S>;
  for_windows(args.map, begin, end, [&](int64_t out, const Window& window) {
    for_vectors<T>(args.channels, [&](int64_t c, auto width) {
      Vector<T> total = {};
      window.for_each([&](int64_t p) { total += load(args.x + p * args.channels + c, width); });
      store(args.y + out * args.y_stride + c, relu<T>(total / T(9)), width);
    });
  });
}

template <typename S>
void average_pool_gradient(const AveragePoolGradient<S>& args, int64_t begin, int64_t end) {
  using T = Compute<S>;
  const Map& map = args.map;
  for (int64_t row = begin; row < end; ++row) {
    const int64_t image = row / map.height;
    const int64_t y = row % map.height;
    for (int64_t x = 0; x < map.width; ++x) {
      for_vectors<T>(args.channels, [&](int64_t c, auto width) {
        Vector<T> total = {};
        // Outputs whose windows hold (y, x): one where the coordinate is even, else two.
        for (int64_t oy = y / 2; oy <= (y + 1) / 2 && oy < map.out_height; ++oy) {
          for (int64_t ox = x / 2; ox <= (x + 1) / 2 && ox < map.out_width; ++ox) {
            const int64_t pixel = (image * map.out_height + oy) * map.out_width + ox;
            const int64_t offset = pixel * args.y_stride + c;
            const Vector<T> d = load(args.dy + offset, width);
            total += load(args.y + offset, width) > 0 ? d : Vector<T>{};
          }
        }
        store(args.d_x + (row * map.width + x) * args.channels + c, total / T(9), width);
      });
    }
  }
}

namespace {

// relu: nothing is below zero.
template <typename S, typename Width, typename T = Compute<S>>
inline Vector<T> window_maximum(const Source<S>& in, const Window& window, int64_t c, Width width) {
  Vector<T> best = {};
  window.for_each([&](int64_t p) { best = maximum<T>(best, read(in, p, c, width)); });
  return best;
}

}  // namespace

template <typename S>
void max_pool(const MaxPool<S>& args, int64_t begin, int64_t end) {
  using T = Compute<S>;
  for_windows(args.map, begin, end, [&](int64_t out, const Window& window) {
    for_vectors<T>(args.in.channels, [&](int64_t c, auto width) {
      store(args.y + out * args.in.channels + c, window_maximum(args.in, window, c, width), width);
    });
  });
}

namespace {

// Routes one output pixel's gradient to the first of its window's maxima above zero; d_image
// begins with pixel `first`.
template <typename S, typename T = Compute<S>>
void route_gradient(const MaxPoolGradient<S>& args, int64_t out, const Window& window, T* d_image,
                    int64_t first) {
  const int64_t channels = args.in.channels;
  for_vectors<T>(channels, [&](int64_t c, auto width) {
    const Vector<T> best = window_maximum(args.in, window, c, width);
    Vector<T> rest = load(args.dy + out * channels + c, width);
    rest = best > 0 ? rest : Vector<T>{};
    window.for_each([&](int64_t p) {
      T* d = d_image + (p - first) * channels + c;
      const auto here = read(args.in, p, c, width) == best;
      store(d, load(d, width) + (here ? rest : Vector<T>{}), width);
      rest = here ? Vector<T>{} : rest;
    });
  });
}

}  // namespace

template <typename S>
void max_pool_gradient(const MaxPoolGradient<S>& args, int64_t begin, int64_t end,
                       Sums<Compute<S>>& sums, Compute<S>* scratch) {
  using T = Compute<S>;
  const Map& map = args.map;
  const int64_t channels = args.in.channels;
  const int64_t image_size = map.height * map.width;
  const BlockSums<T> image_sums{scratch, scratch + pad(channels)};
  for (int64_t image = begin; image < end; ++image) {
    const int64_t first = image * image_size;
    S* d_in = args.d_in + first * channels;
    T* d_image;
    if constexpr (kIsHalf<S>) {
      d_image = scratch + 2 * pad(channels);
    } else {
      d_image = d_in;
    }
    __builtin_memset(d_image, 0, static_cast<size_t>(image_size * channels) * sizeof(T));
    for_windows(map, image * map.out_height, (image + 1) * map.out_height,
                [&](int64_t out, const Window& window) {
                  route_gradient(args, out, window, d_image, first);
                });
    image_sums.clear(channels);
    for (int64_t p = 0; p < image_size; ++p) {
      for_vectors<T>(channels, [&](int64_t c, auto width) {
        const int64_t at = p * channels + c;
        Vector<T> d = load(d_image + at, width);
        if constexpr (kIsHalf<S>) d = store_rounded(d_in + at, d, width);
        image_sums.add(c, d, load(args.in.z + first * channels + at, width), args.in.mean, width);
      });
    }
    image_sums.flush(channels, sums);
  }
}

template <typename S>
void gradient_sums(const Gradient<S>& gradient, int64_t begin, int64_t end,
                   Sums<Compute<S>>& sums) {
  using T = Compute<S>;
  constexpr int64_t kRows = 256;  // added up in T before going to double
  const int64_t channels = gradient.channels;
  for (int64_t top = begin; top < end; top += kRows) {
    const int64_t bottom = end - top < kRows ? end : top + kRows;
    for_vectors<T>(channels, [&](int64_t c, auto width) {
      const Vector<T> mean = load(gradient.mean + c, width);
      Vector<T> first = {};
      Vector<T> second = {};
      for (int64_t p = top; p < bottom; ++p) {
        Vector<T> d = load(gradient.da + p * gradient.da_stride + c, width);
        if (gradient.mask != nullptr) {
          d = load(gradient.mask + p * gradient.da_stride + c, width) > 0 ? d : Vector<T>{};
        }
        first += d;
        second += d * (load(gradient.z + p * channels + c, width) - mean);
      }
      add_lanes(first, sums.first + c, width);
      add_lanes(second, sums.second + c, width);
    });
  }
}

#define INSTANTIATE(S)                                                                     \
  template void join<S>(const Join<S>&, int64_t, int64_t);                                 \
  template void average_pool<S>(const AveragePool<S>&, int64_t, int64_t);                  \
  template void average_pool_gradient<S>(const AveragePoolGradient<S>&, int64_t, int64_t); \
  template void max_pool<S>(const MaxPool<S>&, int64_t, int64_t);                          \
  template void max_pool_gradient<S>(const MaxPoolGradient<S>&, int64_t, int64_t,          \
                                     Sums<Compute<S>>&, Compute<S>*);                      \
  template void gradient_sums<S>(const Gradient<S>&, int64_t, int64_t, Sums<Compute<S>>&);
MENET_FOR_STORAGE(INSTANTIATE)

}  // namespace MENET_ISA
}  // namespace menet
