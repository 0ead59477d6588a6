#include "image_door.h"

#include <cmath>
#include <string>

#include "core/error.h"
#include "host_bytes.h"
#include "image/color_jitter.h"
#include "image/resample.h"

namespace menet {

namespace {

constexpr double kLongestSide = 1 << 30;

using Function = void (*)(const Napi::CallbackInfo&);

template <Function function>
void guarded(const Napi::CallbackInfo& info) {
  try {
    function(info);
  } catch (const Napi::Error&) {
    throw;
  } catch (const std::exception& error) {
    throw Napi::Error::New(info.Env(), error.what());
  }
}

Napi::Object object_at(const Napi::CallbackInfo& info, size_t i, const char* name) {
  if (!info[i].IsObject()) throw_error(name, ": expected an object");
  return info[i].As<Napi::Object>();
}

Napi::Object object_in(const Napi::Object& object, const char* name) {
  const Napi::Value value = object.Get(name);
  if (!value.IsObject()) throw_error(name, ": expected an object");
  return value.As<Napi::Object>();
}

int64_t integer_in(const Napi::Object& object, const char* name, double least) {
  const Napi::Value value = object.Get(name);
  const double number = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : -1;
  if (!(number >= least && number <= kLongestSide) || number != std::floor(number)) {
    throw_error(name, ": expected a whole number of ", least, " to ", kLongestSide);
  }
  return static_cast<int64_t>(number);
}

Box box_in(const Napi::Object& object) {
  return {integer_in(object, "left", 0), integer_in(object, "top", 0),
          integer_in(object, "width", 1), integer_in(object, "height", 1)};
}

void expect_inside(const Box& box, int64_t width, int64_t height, const char* name) {
  if (box.left + box.width <= width && box.top + box.height <= height) return;
  throw_error(name, ": expected a box within ", width, " x ", height, ", got ", box.width, " x ",
              box.height, " at ", box.left, ", ", box.top);
}

Placement placement_of(const Napi::Object& object) {
  Placement placement;
  placement.source = box_in(object_in(object, "source"));
  const Napi::Object resized = object_in(object, "resized");
  placement.resized_width = integer_in(resized, "width", 1);
  placement.resized_height = integer_in(resized, "height", 1);
  placement.crop = box_in(object_in(object, "crop"));
  placement.flip = object.Get("flip").ToBoolean();
  return placement;
}

void expect_bytes(const HostBytes& bytes, int64_t expected, const char* name) {
  if (bytes.size == static_cast<size_t>(expected)) return;
  throw_error(name, ": expected ", expected, " bytes, got ", bytes.size);
}

// resample({data, width, height}, placement, out)
void resample_image(const Napi::CallbackInfo& info) {
  const Napi::Object pixels = object_at(info, 0, "image");
  Image image{nullptr, integer_in(pixels, "width", 1), integer_in(pixels, "height", 1)};
  const Napi::Value data = pixels.Get("data");
  const Placement placement = placement_of(object_at(info, 1, "placement"));
  expect_inside(placement.source, image.width, image.height, "source");
  expect_inside(placement.crop, placement.resized_width, placement.resized_height, "crop");
  // No property is read after this, so that no getter can take the memory away.
  const HostBytes in = host_bytes(data);
  const HostBytes out = host_bytes(info[2]);
  expect_bytes(in, image.width * image.height * 3, "image");
  expect_bytes(out, placement.crop.width * placement.crop.height * 3, "out");
  image.data = static_cast<const uint8_t*>(in.data);
  resample(image, placement, static_cast<uint8_t*>(out.data));
}

// What the adjustments take: (rgb, amount), changed in place.
struct Adjustment {
  uint8_t* rgb;
  int64_t pixels;
  double amount;
};

Adjustment adjustment_of(const Napi::CallbackInfo& info) {
  const double amount = info[1].IsNumber() ? info[1].As<Napi::Number>().DoubleValue() : NAN;
  if (!(std::abs(amount) <= 1e6)) throw_error("expected a number of -1e6 to 1e6");
  const HostBytes bytes = host_bytes(info[0]);
  if (bytes.size % 3 != 0) throw_error("expected 3 bytes per pixel, got ", bytes.size);
  return {static_cast<uint8_t*>(bytes.data), static_cast<int64_t>(bytes.size / 3), amount};
}

void adjust_brightness(const Napi::CallbackInfo& info) {
  const auto [rgb, pixels, factor] = adjustment_of(info);
  MENET_SIMD(blend_with_level)(rgb, pixels * 3, 0, static_cast<float>(factor));
}

void adjust_contrast(const Napi::CallbackInfo& info) {
  const auto [rgb, pixels, factor] = adjustment_of(info);
  if (pixels == 0) return;
  const auto sum = static_cast<double>(MENET_SIMD(sum_of_luminances)(rgb, pixels));
  const int mean = static_cast<int>(sum / static_cast<double>(pixels) + 0.5);
  MENET_SIMD(blend_with_level)(rgb, pixels * 3, mean, static_cast<float>(factor));
}

void adjust_saturation(const Napi::CallbackInfo& info) {
  const auto [rgb, pixels, factor] = adjustment_of(info);
  MENET_SIMD(blend_with_luminance)(rgb, pixels, static_cast<float>(factor));
}

void adjust_hue(const Napi::CallbackInfo& info) {
  const auto [rgb, pixels, turns] = adjustment_of(info);
  MENET_SIMD(turn_hues)(rgb, pixels, static_cast<int>(turns * 255));
}

}  // namespace

void define_image_door(Napi::Env env, Napi::Object exports) {
  Napi::Object images = Napi::Object::New(env);
  images.Set("resample", Napi::Function::New<guarded<resample_image>>(env, "resample"));
  images.Set("adjustBrightness", Napi::Function::New<guarded<adjust_brightness>>(env));
  images.Set("adjustContrast", Napi::Function::New<guarded<adjust_contrast>>(env));
  images.Set("adjustSaturation", Napi::Function::New<guarded<adjust_saturation>>(env));
  images.Set("adjustHue", Napi::Function::New<guarded<adjust_hue>>(env));
  exports.Set("images", images);
}

}  // namespace menet
