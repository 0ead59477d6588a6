#include "kernels/device_passes.h"
#include "kernels/unit_cuda.h"
#include "kernels/unit_sources.h"

namespace menet {

namespace {

template <typename T>
struct MaskedAt {
  Gradient<T> dz;
  __device__ T operator()(int64_t pixel, int64_t c) const { return masked_at(dz, pixel, c); }
};

template <typename T>
struct GradientAt {
  Gradient<T> dz;
  __device__ T operator()(int64_t pixel, int64_t c) const { return read(dz, pixel, c); }
};

// Of the shuffled activations: what the depthwise convolution and the merge branch make of them.
template <typename T>
struct ShuffledGradientAt {
  Gradient<T> dz;
  Map map;
  const T* weights;  // [9][channels]
  Gradient<T> merge;
  const T* merge_weights;  // [channels][side]
  int64_t side;            // 0: no branch

  __device__ T operator()(int64_t pixel, int64_t c) const {
    const MapPixel p(pixel, map.height, map.width);
    T sum = 0;
    for (int64_t tap = 0; tap < 9; ++tap) {
      const int64_t from = output_over(map, p, tap);
      if (from >= 0) sum += read(dz, from, c) * weights[tap * dz.channels + c];
    }
    for (int64_t s = 0; s < side; ++s) sum += read(merge, pixel, s) * merge_weights[c * side + s];
    return sum;
  }
};

// partials [range][9][channels] of a depthwise convolution's weights, over output pixels.
template <typename T>
__global__ void depthwise_weights(Source<T> in, Gradient<T> dz, Map map, int64_t pixels,
                                  int64_t range, T* partials) {
  MENET_SHARED(T, lines, kMapWidth * kMapLines);
  const int tx = static_cast<int>(threadIdx.x), ty = static_cast<int>(threadIdx.y);
  const int64_t c = static_cast<int64_t>(blockIdx.y) * kMapWidth + tx;
  const int64_t begin = blockIdx.x * range;
  const int64_t end = begin + range < pixels ? begin + range : pixels;
  T sums[9] = {};
  for (int64_t pixel = begin + ty; c < in.channels && pixel < end; pixel += kMapLines) {
    const MapPixel p(pixel, map.out_height, map.out_width);
    const T d = read(dz, pixel, c);
#pragma unroll
    for (int tap = 0; tap < 9; ++tap) {
      const int64_t from = input_under(map, p, tap);
      if (from >= 0) sums[tap] += d * read(in, from, c);
    }
  }
#pragma unroll
  for (int tap = 0; tap < 9; ++tap) {
    lines[ty * kMapWidth + tx] = sums[tap];
    __syncthreads();
    T total = 0;
    for (int k = 0; k < kMapLines; ++k) total += lines[k * kMapWidth + tx];
    if (ty == 0 && c < in.channels) {
      partials[(static_cast<int64_t>(blockIdx.x) * 9 + tap) * in.channels + c] = total;
    }
    __syncthreads();
  }
}

// d_x of average_pool: dy where y > 0, both of stride `stride` and from channel `first` on.
template <typename T>
__global__ void average_pool_gradient(const T* dy, const T* y, int64_t stride, int64_t first,
                                      int64_t channels, Map map, T* d_x, int64_t count) {
  for (int64_t e = grid_begin(); e < count; e += grid_step()) {
    const int64_t pixel = e / channels, c = e % channels;
    const MapPixel p(pixel, map.height, map.width);
    T sum = 0;
    for (int64_t tap = 0; tap < 9; ++tap) {
      const int64_t from = output_over(map, p, tap);
      if (from < 0) continue;
      const int64_t at = from * stride + first + c;
      if (y[at] > 0) sum += dy[at];
    }
    d_x[e] = sum / T(9);
  }
}

// The passes of the gradient, last convolution first.
template <typename T>
class Backward {
 public:
  Backward(Call& call, const Unit<T>& unit, const UnitTensors<T>& tensors, const T* dy,
           const UnitGradients<T>& gradients)
      : call_(call),
        u_(unit),
        t_(tensors),
        dy_(dy),
        g_(gradients),
        down_(unit.map.stride == 2),
        y_stride_(unit.expanded + (down_ ? unit.in_channels : 0)) {
    read_statistics();
  }

  void run() {
    Gradient<T> residual = plain(dy_, u_.width);
    Gradient<T> merged{};
    if (u_.expanded > 0 || u_.side > 0) residual = tail();
    if (u_.side > 0) merged = branch();
    if (u_.depthwise != nullptr) {
      compress(depthwise(residual, merged));
    } else {
      merge(merged);
      launch_tile_map<T>(call_, GradientAt<T>{residual},
                         StoreEnd<T>{g_.z2, u_.width, unshuffled(u_.width), {}}, u_.out_pixels(),
                         u_.width);
    }
  }

 private:
  using Convolution = typename Unit<T>::Convolution;
  using ConvolutionGradient = typename UnitGradients<T>::Convolution;

  void read_statistics() {
    const T* statistics = t_.statistics;
    const auto next = [&](const BatchNorm<T>& bn, const Shuffle& shuffle) {
      if (bn.channels == 0) return DeviceNormalization<T>{};
      const T* saved = statistics;
      statistics += 2 * bn.channels;
      return saved_normalization(call_, bn, shuffle, saved);
    };
    n_.compress = next(u_.compress.bn, shuffle_of(u_));
    n_.depthwise = next(u_.bn_depthwise, unshuffled(u_.width));
    n_.merge = next(u_.merge.bn, unshuffled(u_.side));
    n_.conv = next(u_.conv.bn, unshuffled(u_.side));
    n_.evolve = next(u_.evolve.bn, unshuffled(u_.width));
    n_.expand = next(u_.expand.bn, unshuffled(u_.expanded));
  }

  static Gradient<T> plain(const T* da, int64_t channels) {
    Gradient<T> gradient{};
    gradient.da = da;
    gradient.da_stride = channels;
    gradient.channels = channels;
    return gradient;
  }

  // dz behind a batch norm, from da and its sums.
  Gradient<T> behind(const BatchNorm<T>& bn, const DeviceNormalization<T>& n,
                     const TileSums<T>& sums, const Shuffle& shuffle,
                     const ConvolutionGradient& out, const T* da, const T* z) {
    Gradient<T> dz = batch_norm_gradient(call_, bn, n, sums, shuffle, out.scale, out.offset);
    dz.da = da;
    dz.da_stride = bn.channels;
    dz.z = z;
    return dz;
  }

  // The end of a pass whose input is normalised: da to d_in, and its sums.
  GradientEnd<T> end_at(const Source<T>& in, T* d_in, int64_t pixels) {
    GradientEnd<T> end{};
    end.in = in;
    end.d_in = d_in;
    if (in.scale != nullptr) end.sums = make_tile_sums<T>(call_, pixels, in.channels);
    return end;
  }

  // Both gradients of a 1x1 convolution of `in`.
  void pointwise(const Convolution& w, const GradientEnd<T>& end, const Gradient<T>& dz,
                 const Shuffle& shuffle, int64_t pixels, T* d_weights) {
    const WeightLayout& layout = w.layout;
    launch_product<T>(call_, GradientPixels<T>{dz, shuffle, layout.channels},
                      TransposedWeights<T>{w.weights, layout}, end,
                      {pixels, layout.depth, layout.channels, layout.groups});
    launch_weight_gradient(call_, SourceChannels<T>{end.in, layout.depth},
                           GradientColumns<T>{dz, shuffle, layout.channels}, layout, pixels,
                           d_weights);
  }

  // dy -> the gradients of the normalised z2 and of the gate; returns dz2.
  Gradient<T> tail() {
    const int64_t pixels = u_.out_pixels();
    d_residual_ = call_.scratch<T>(pixels * u_.width);
    GradientEnd<T> end = end_at(residual_source(u_, t_, n_), d_residual_, pixels);
    if (u_.side > 0) {
      end.d_gate = call_.scratch<T>(pixels * u_.width);
      end.gate_sums = make_tile_sums<T>(call_, pixels, u_.width);
    }
    if (u_.expanded > 0) {
      pointwise(u_.expand, end, joined(), unshuffled(u_.expanded), pixels, g_.expand.weights);
    } else {
      launch_tile_map<T>(call_, GradientAt<T>{plain(dy_, u_.width)}, end, pixels, u_.width);
    }
    if (u_.side > 0) {
      d_evolved_ = behind(u_.evolve.bn, n_.evolve, end.gate_sums, unshuffled(u_.width), g_.evolve,
                          end.d_gate, t_.ze);
    }
    return behind(u_.bn_depthwise, n_.depthwise, end.sums, unshuffled(u_.width), g_.depthwise,
                  d_residual_, t_.z2);
  }

  // dz3, from dy where y > 0.
  Gradient<T> joined() {
    Gradient<T> da = plain(dy_, u_.expanded);
    da.da_stride = y_stride_;
    da.mask = t_.y;
    da.z = t_.z3;
    da.mean = n_.expand.mean;
    const TileSums<T> sums = make_tile_sums<T>(call_, u_.out_pixels(), u_.expanded);
    launch_tile_map<T>(call_, MaskedAt<T>{da}, SumEnd<T>{da, sums}, u_.out_pixels(), u_.expanded);
    Gradient<T> dz =
        behind(u_.expand.bn, n_.expand, sums, unshuffled(u_.expanded), g_.expand, dy_, t_.z3);
    dz.da_stride = y_stride_;
    dz.mask = t_.y;
    return dz;
  }

  // dze -> dzs -> dzm.
  Gradient<T> branch() {
    const int64_t side = u_.side;
    T* d_mixed = call_.scratch<T>(u_.out_pixels() * side);
    const GradientEnd<T> evolve =
        end_at(normalized<T>(t_.zs, side, n_.conv, true), d_mixed, u_.out_pixels());
    pointwise(u_.evolve, evolve, d_evolved_, unshuffled(u_.width), u_.out_pixels(),
              g_.evolve.weights);
    const Gradient<T> dzs =
        behind(u_.conv.bn, n_.conv, evolve.sums, unshuffled(side), g_.conv, d_mixed, t_.zs);

    T* d_merged = call_.scratch<T>(u_.pixels() * side);
    const GradientEnd<T> conv =
        end_at(normalized<T>(t_.zm, side, n_.merge, true), d_merged, u_.pixels());
    launch_product<T>(call_, GradientPatches3x3<T>{dzs, u_.map},
                      TransposedWeights3x3<T>{u_.conv.weights, side, side}, conv,
                      {u_.pixels(), side, 9 * side});
    launch_weight_gradient(call_, SourcePatches<T, false>{conv.in, u_.map},
                           GradientColumns<T>{dzs, unshuffled(side), side}, u_.conv.layout,
                           u_.out_pixels(), g_.conv.weights);
    return behind(u_.merge.bn, n_.merge, conv.sums, unshuffled(side), g_.merge, d_merged, t_.zm);
  }

  // dz2 and dzm -> dz1, where z1's channels lie.
  Gradient<T> depthwise(const Gradient<T>& dz2, const Gradient<T>& dzm) {
    T* d_shuffled = call_.scratch<T>(u_.pixels() * u_.width);
    const GradientEnd<T> end = end_at(shuffled_source(u_, t_, n_), d_shuffled, u_.pixels());
    launch_tile_map<T>(
        call_, ShuffledGradientAt<T>{dz2, u_.map, u_.depthwise, dzm, u_.merge.weights, u_.side},
        end, u_.pixels(), u_.width);
    depthwise_gradient(end.in, dz2);
    if (u_.side > 0) {
      launch_weight_gradient(call_, SourceChannels<T>{end.in, u_.width},
                             GradientColumns<T>{dzm, unshuffled(u_.side), u_.side}, u_.merge.layout,
                             u_.pixels(), g_.merge.weights);
    }
    return behind(u_.compress.bn, n_.compress, end.sums, shuffle_of(u_), g_.compress, d_shuffled,
                  t_.z1);
  }

  void depthwise_gradient(const Source<T>& in, const Gradient<T>& dz) {
    const int64_t pixels = u_.out_pixels(), across = ceil_div(u_.width, kMapWidth);
    const int64_t wanted = std::max<int64_t>(1, kMostBlocks / 4 / across);
    const int64_t range = std::max<int64_t>(kTilePixels, ceil_div(pixels, wanted));
    const int64_t ranges = ceil_div(pixels, range);
    T* partials = call_.scratch<T>(ranges * 9 * u_.width);
    const Grid grid{dim3(static_cast<unsigned>(ranges), static_cast<unsigned>(across)),
                    dim3(kMapWidth, kMapLines)};
    launch(call_, depthwise_weights<T>, grid, in, dz, u_.map, pixels, range, partials);
    sum_partials(call_, static_cast<const T*>(partials), ranges, 9 * u_.width,
                 g_.depthwise.weights);
  }

  void compress(const Gradient<T>& dz1) {
    GradientEnd<T> end = end_at(raw<T>(t_.x, u_.in_channels), g_.x, u_.pixels());
    if (u_.expanded > 0 && down_) {
      const int64_t count = u_.pixels() * u_.in_channels;
      launch(call_, average_pool_gradient<T>, grid_for(count), dy_, static_cast<const T*>(t_.y),
             y_stride_, u_.expanded, u_.in_channels, u_.map, g_.x, count);
      end.accumulate = true;
    } else if (u_.expanded > 0) {
      end.residual = dy_;
      end.residual_mask = t_.y;
    }
    pointwise(u_.compress, end, dz1, shuffle_of(u_), u_.pixels(), g_.compress.weights);
  }

  // merge_evolve: the merge convolution's input h is a tensor of its own.
  void merge(const Gradient<T>& dzm) {
    pointwise(u_.merge, end_at(raw<T>(t_.h, u_.width), g_.h, u_.pixels()), dzm, unshuffled(u_.side),
              u_.pixels(), g_.merge.weights);
  }

  Call& call_;
  const Unit<T>& u_;
  const UnitTensors<T>& t_;
  const T* dy_;
  const UnitGradients<T>& g_;
  const bool down_;
  const int64_t y_stride_;
  DeviceNormalizations<T> n_;
  T* d_residual_ = nullptr;
  Gradient<T> d_evolved_{};
};

}  // namespace

template <typename T>
void unit_backward_cuda(Call& call, const Unit<T>& unit, const UnitTensors<T>& tensors, const T* dy,
                        const UnitGradients<T>& gradients) {
  Backward<T>(call, unit, tensors, dy, gradients).run();
}

template void unit_backward_cuda(Call&, const Unit<float>&, const UnitTensors<float>&, const float*,
                                 const UnitGradients<float>&);
#ifdef MENET_FLOAT64
template void unit_backward_cuda(Call&, const Unit<double>&, const UnitTensors<double>&,
                                 const double*, const UnitGradients<double>&);
#endif

}  // namespace menet
