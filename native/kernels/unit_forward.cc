#include <memory>

#include "kernels/conv3x3.h"
#include "kernels/depthwise.h"
#include "kernels/gate.h"
#include "kernels/join.h"
#include "kernels/pointwise.h"
#include "kernels/unit.h"

namespace menet {

template <typename T>
int64_t Unit<T>::statistics_size() const {
  return 2 * (compress.bn.channels + bn_depthwise.channels + merge.bn.channels + conv.bn.channels +
              evolve.bn.channels + expand.bn.channels);
}

std::vector<int32_t> shuffle_order(int64_t channels, int64_t groups) {
  std::vector<int32_t> order(static_cast<size_t>(channels));
  const int64_t each = channels / groups;
  for (int64_t c = 0; c < channels; ++c) {
    order[static_cast<size_t>(c)] = static_cast<int32_t>(c % each * groups + c / each);
  }
  return order;
}

template <typename S>
Source<S> residual_source(const Unit<Compute<S>>& unit, const UnitTensors<S>& t,
                          const UnitNormalizations<Compute<S>>& n) {
  Source<S> source = normalized<S>(t.z2, unit.width, n.depthwise, false);
  if (unit.side > 0) {
    source.gate = t.ze;
    source.gate_mean = n.evolve.mean.data();
    source.gate_scale = n.evolve.scale.data();
    source.gate_offset = n.evolve.offset.data();
  }
  return source;
}

template <typename S>
Source<S> shuffled_source(const Unit<Compute<S>>& unit, const UnitTensors<S>& t,
                          const UnitNormalizations<Compute<S>>& n) {
  return t.h != nullptr ? raw<S>(t.h, unit.width)
                        : normalized<S>(t.z1, unit.width, n.shuffled, true);
}

namespace {

// The passes of the forward form. Weights are packed once; `normalizations` are known
// beforehand in inference form and follow each pass in training form.
template <typename S>
class Forward {
 public:
  using T = Compute<S>;

  Forward(const Unit<T>& unit, Device& device, bool training)
      : unit_(unit), device_(device), training_(training) {
    order_ = shuffle_order(unit.width, unit.groups);
    for (auto* convolution :
         {&unit.compress, &unit.merge, &unit.conv, &unit.evolve, &unit.expand}) {
      packed_.push_back(packed(*convolution));
    }
    if (unit.depthwise != nullptr) {
      const WeightLayout taps{1, 9, unit.width};
      depthwise_ = std::make_unique<Scratch<T>>(device, packed_size(taps));
      pack(taps, unit.depthwise, depthwise_->data());
    }
    if (!training) know_normalizations();
  }

  // `batch` images whose tensors are `t`.
  void run(const UnitTensors<S>& t, int64_t batch, const Runner& runner) {
    UnitNormalizations<T> measured_here;
    UnitNormalizations<T>& n = training_ ? measured_here : known_;  // inference only reads it
    const int64_t pixels = batch * unit_.map.height * unit_.map.width;
    const int64_t out_pixels = batch * unit_.map.out_height * unit_.map.out_width;
    const int64_t out_rows = batch * unit_.map.out_height;
    if (t.x != nullptr) compress(t, n, pixels, runner);
    if (unit_.depthwise != nullptr) depthwise(t, n, out_rows, runner);
    if (t.h != nullptr && training_) measure_residual(t, n, out_pixels, runner);
    if (unit_.side > 0) branch(t, n, pixels, out_rows, out_pixels, runner);
    if (unit_.expanded > 0) {
      expand(t, n, out_pixels, out_rows, runner);
    } else if (t.y != nullptr) {
      const Source<S> source = residual_source(unit_, t, n);
      runner.run<T>(out_pixels, kTileRows, 0, [&](int64_t begin, int64_t end, int, T*) {
        MENET_SIMD(gate<S>)(source, t.y, begin, end);
      });
    }
    if (t.statistics != nullptr) save_statistics(n, t.statistics);
  }

 private:
  using Convolution = typename Unit<T>::Convolution;
  enum { kCompress, kMerge, kConv, kEvolve, kExpand };

  std::unique_ptr<Scratch<T>> packed(const Convolution& convolution) const {
    if (convolution.weights == nullptr) return nullptr;
    auto scratch = std::make_unique<Scratch<T>>(device_, packed_size(convolution.layout));
    pack(convolution.layout, convolution.weights, scratch->data());
    return scratch;
  }

  void know_normalizations() {
    known_.compress = running_normalization(unit_.compress.bn);
    known_.shuffled = known_.compress.shuffled(order_);
    known_.depthwise = running_normalization(unit_.bn_depthwise);
    known_.merge = running_normalization(unit_.merge.bn);
    known_.conv = running_normalization(unit_.conv.bn);
    known_.evolve = running_normalization(unit_.evolve.bn);
    known_.expand = running_normalization(unit_.expand.bn);
  }

  // Runs a pass over `count` rows of `pixels` pixels; in training form with the sums
  // that give `normalization`.
  template <typename Body>
  void measured(const BatchNorm<T>& bn, Normalization<T>& normalization, int64_t count,
                int64_t grain, int64_t pixels, int64_t scratch_size, const Runner& runner,
                const Body& body) const {
    const bool measure = training_ && bn.channels > 0;
    ThreadSums<T> sums(measure ? runner.threads() : 0, bn.channels);
    runner.run<T>(count, grain, scratch_size, [&](int64_t begin, int64_t end, int thread, T* s) {
      body(begin, end, measure ? &sums[thread] : nullptr, s);
    });
    if (measure) normalization = batch_normalization(bn, sums, pixels);
  }

  void pointwise(const PointwiseForward<S>& args, const BatchNorm<T>& bn,
                 Normalization<T>& normalization, int64_t pixels, const Runner& runner) const {
    const int64_t scratch =
        pointwise_forward_scratch(args.in.channels, args.out_channels, args.groups);
    measured(bn, normalization, pixels, kTileRows, pixels, scratch, runner,
             [&](int64_t begin, int64_t end, Sums<T>* sums, T* tile) {
               MENET_SIMD(pointwise_forward<S>)(args, begin, end, sums, tile);
             });
  }

  void compress(const UnitTensors<S>& t, UnitNormalizations<T>& n, int64_t pixels,
                const Runner& runner) const {
    const PointwiseForward<S> args{raw<S>(t.x, unit_.in_channels),
                                   unit_.width,
                                   unit_.compress.layout.groups,
                                   packed_[kCompress]->data(),
                                   order_.data(),
                                   t.z1,
                                   unit_.width,
                                   nullptr,
                                   nullptr,
                                   nullptr,
                                   nullptr};
    pointwise(args, unit_.compress.bn, n.compress, pixels, runner);
    if (training_) n.shuffled = n.compress.shuffled(order_);
  }

  void depthwise(const UnitTensors<S>& t, UnitNormalizations<T>& n, int64_t out_rows,
                 const Runner& runner) const {
    const DepthwiseForward<S> args{shuffled_source(unit_, t, n), unit_.map, depthwise_->data(),
                                   t.z2};
    measured(unit_.bn_depthwise, n.depthwise, out_rows, 1, out_rows * unit_.map.out_width,
             depthwise_forward_scratch(unit_.map, unit_.width), runner,
             [&](int64_t begin, int64_t end, Sums<T>* sums, T* tile) {
               MENET_SIMD(depthwise_forward<S>)(args, begin, end, sums, tile);
             });
  }

  // The op merge_evolve gets z2 from outside: its statistics are a pass of their own.
  void measure_residual(const UnitTensors<S>& t, UnitNormalizations<T>& n, int64_t out_pixels,
                        const Runner& runner) const {
    measured(unit_.bn_depthwise, n.depthwise, out_pixels, kTileRows, out_pixels, 0, runner,
             [&](int64_t begin, int64_t end, Sums<T>* sums, T*) {
               MENET_SIMD(moments<S>)(t.z2, unit_.width, begin, end, *sums);
             });
  }

  void branch(const UnitTensors<S>& t, UnitNormalizations<T>& n, int64_t pixels, int64_t out_rows,
              int64_t out_pixels, const Runner& runner) const {
    const int64_t side = unit_.side;
    const PointwiseForward<S> merge{shuffled_source(unit_, t, n),
                                    side,
                                    1,
                                    packed_[kMerge]->data(),
                                    nullptr,
                                    t.zm,
                                    side,
                                    nullptr,
                                    nullptr,
                                    nullptr,
                                    nullptr};
    pointwise(merge, unit_.merge.bn, n.merge, pixels, runner);
    const Conv3x3Forward<S, S> conv{normalized<S>(t.zm, side, n.merge, true), unit_.map, side,
                                    packed_[kConv]->data(), t.zs};
    measured(unit_.conv.bn, n.conv, out_rows, 1, out_pixels,
             conv3x3_forward_scratch(unit_.map, side, side), runner,
             [&](int64_t begin, int64_t end, Sums<T>* sums, T* tile) {
               MENET_SIMD(conv3x3_forward<S, S>)(conv, begin, end, sums, tile);
             });
    const PointwiseForward<S> evolve{normalized<S>(t.zs, side, n.conv, true),
                                     unit_.width,
                                     1,
                                     packed_[kEvolve]->data(),
                                     nullptr,
                                     t.ze,
                                     unit_.width,
                                     nullptr,
                                     nullptr,
                                     nullptr,
                                     nullptr};
    pointwise(evolve, unit_.evolve.bn, n.evolve, out_pixels, runner);
  }

  void expand(const UnitTensors<S>& t, UnitNormalizations<T>& n, int64_t out_pixels,
              int64_t out_rows, const Runner& runner) const {
    const bool down = unit_.map.stride == 2;
    const int64_t y_stride = unit_.expanded + (down ? unit_.in_channels : 0);
    const S* shortcut = down ? nullptr : t.x;
    PointwiseForward<S> args{residual_source(unit_, t, n),
                             unit_.expanded,
                             unit_.expand.layout.groups,
                             packed_[kExpand]->data(),
                             nullptr,
                             t.z3,
                             unit_.expanded,
                             nullptr,
                             nullptr,
                             nullptr,
                             nullptr};
    if (!training_) {
      args.out = t.y;
      args.out_stride = y_stride;
      args.out_mean = n.expand.mean.data();
      args.out_scale = n.expand.scale.data();
      args.out_offset = n.expand.offset.data();
      args.residual = shortcut;
    }
    pointwise(args, unit_.expand.bn, n.expand, out_pixels, runner);
    if (training_) {
      const Join<S> joined{normalized<S>(t.z3, unit_.expanded, n.expand, false), shortcut, t.y,
                           y_stride};
      runner.run<T>(out_pixels, kTileRows, 0, [&](int64_t begin, int64_t end, int, T*) {
        MENET_SIMD(join<S>)(joined, begin, end);
      });
    }
    if (!down) return;
    const AveragePool<S> pool{t.x, unit_.in_channels, unit_.map, t.y + unit_.expanded, y_stride};
    runner.run<T>(out_rows, 1, 0, [&](int64_t begin, int64_t end, int, T*) {
      MENET_SIMD(average_pool<S>)(pool, begin, end);
    });
  }

  void save_statistics(const UnitNormalizations<T>& n, T* statistics) const {
    for (const auto* each : {&n.compress, &n.depthwise, &n.merge, &n.conv, &n.evolve, &n.expand}) {
      statistics = save(*each, statistics);
    }
  }

  const Unit<T>& unit_;
  Device& device_;
  bool training_;
  std::vector<int32_t> order_;
  std::vector<std::unique_ptr<Scratch<T>>> packed_;
  std::unique_ptr<Scratch<T>> depthwise_;
  UnitNormalizations<T> known_;
};

// Sizes of an inference unit's z tensors in scratch.
template <typename T>
struct UnitScratch {
  explicit UnitScratch(const Unit<T>& unit, int64_t batch)
      : pixels(batch * unit.map.height * unit.map.width),
        out_pixels(batch * unit.map.out_height * unit.map.out_width),
        z1(unit.compress.weights != nullptr ? pad(pixels * unit.width) : 0),
        z2(unit.depthwise != nullptr && unit.expanded > 0 ? pad(out_pixels * unit.width) : 0),
        zm(pad(pixels * unit.side)),
        zs(pad(out_pixels * unit.side)),
        ze(unit.side > 0 ? pad(out_pixels * unit.width) : 0) {}

  int64_t size() const { return z1 + z2 + zm + zs + ze; }

  template <typename S>
  void place(S* memory, UnitTensors<S>& t) const {
    if (z1 > 0) t.z1 = memory;
    if (z2 > 0) t.z2 = memory + z1;
    t.zm = memory + z1 + z2;
    t.zs = t.zm + zm;
    t.ze = t.zs + zs;
  }

  int64_t pixels, out_pixels;
  int64_t z1, z2, zm, zs, ze;
};

}  // namespace

template <typename S>
void unit_forward_training(const Unit<Compute<S>>& unit, const UnitTensors<S>& tensors,
                           Device& device) {
  Forward<S>(unit, device, true).run(tensors, unit.batch, Runner{device});
}

template <typename S>
void unit_forward_inference(const Unit<Compute<S>>& unit, const UnitTensors<S>& tensors,
                            Device& device) {
  Forward<S> forward(unit, device, false);
  if (unit.batch < thread_count()) {
    const UnitScratch<Compute<S>> sizes(unit, unit.batch);
    const Scratch<S> scratch(device, sizes.size());
    UnitTensors<S> t = tensors;
    sizes.place(scratch.data(), t);
    return forward.run(t, unit.batch, Runner{device});
  }
  const UnitScratch<Compute<S>> sizes(unit, 1);
  const int64_t y_channels = unit.expanded > 0
                                 ? unit.expanded + (unit.map.stride == 2 ? unit.in_channels : 0)
                                 : unit.width;
  Runner{device}.run<S>(unit.batch, 1, sizes.size(),
                        [&](int64_t begin, int64_t end, int, S* memory) {
                          for (int64_t image = begin; image < end; ++image) {
                            UnitTensors<S> t = tensors;
                            sizes.place(memory, t);
                            if (t.x != nullptr) t.x += image * sizes.pixels * unit.in_channels;
                            if (t.h != nullptr) t.h += image * sizes.pixels * unit.width;
                            if (t.y != nullptr) t.y += image * sizes.out_pixels * y_channels;
                            if (sizes.z2 == 0) t.z2 += image * sizes.out_pixels * unit.width;
                            forward.run(t, 1, Runner{device, false});
                          }
                        });
}

template <typename T>
UnitNormalizations<T> saved_normalizations(const Unit<T>& unit, const T* statistics) {
  UnitNormalizations<T> n;
  const auto next = [&](const BatchNorm<T>& bn) {
    Normalization<T> normalization = saved_normalization(bn, statistics);
    statistics += 2 * bn.channels;
    return normalization;
  };
  n.compress = next(unit.compress.bn);
  n.depthwise = next(unit.bn_depthwise);
  n.merge = next(unit.merge.bn);
  n.conv = next(unit.conv.bn);
  n.evolve = next(unit.evolve.bn);
  n.expand = next(unit.expand.bn);
  n.shuffled = n.compress.shuffled(shuffle_order(unit.width, unit.groups));
  return n;
}

#define INSTANTIATE(S)                                                                          \
  template Source<S> residual_source(const Unit<Compute<S>>&, const UnitTensors<S>&,            \
                                     const UnitNormalizations<Compute<S>>&);                    \
  template Source<S> shuffled_source(const Unit<Compute<S>>&, const UnitTensors<S>&,            \
                                     const UnitNormalizations<Compute<S>>&);                    \
  template void unit_forward_training(const Unit<Compute<S>>&, const UnitTensors<S>&, Device&); \
  template void unit_forward_inference(const Unit<Compute<S>>&, const UnitTensors<S>&, Device&);
MENET_FOR_STORAGE(INSTANTIATE)

#define INSTANTIATE_PARAMETERS(T) \
  template struct Unit<T>;        \
  template UnitNormalizations<T> saved_normalizations(const Unit<T>&, const T*);
MENET_FOR_FLOATS(INSTANTIATE_PARAMETERS)

}  // namespace menet
