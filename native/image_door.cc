#include "image_door.h"

#include <cmath>
#include <memory>
#include <string>

#include "core/error.h"
#include "host_bytes.h"
#include "image/alter.h"
#include "image/color_jitter.h"
#include "image/mapped_file.h"
#include "image/resample.h"
#include "js_values.h"

namespace menet {

namespace {

constexpr double kLongestSide = 1 << 30;

Napi::Object object_at(const Napi::CallbackInfo& info, size_t i, const char* name) {
  if (!info[i].IsObject()) throw_error(name, ": expected an object");
  return info[i].As<Napi::Object>();
}

Napi::Object object_in(const Napi::Object& object, const char* name) {
  const Napi::Value value = object.Get(name);
  if (!value.IsObject()) throw_error(name, ": expected an object");
  return value.As<Napi::Object>();
}

int64_t integer_in(const Napi::Object& object, const char* name, double least,
                   double most = kLongestSide) {
  const Napi::Value value = object.Get(name);
  const double number = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : -1;
  if (!(number >= least && number <= most) || number != std::floor(number)) {
    throw_error(name, ": expected a whole number of ", least, " to ", most);
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

// What both kinds of resampling take, but for where the pixels are: ({width, height, ...},
// placement, out).
struct Resampling {
  Image image;
  Placement placement;

  explicit Resampling(const Napi::CallbackInfo& info) {
    const Napi::Object pixels = object_at(info, 0, "image");
    image = {nullptr, integer_in(pixels, "width", 1), integer_in(pixels, "height", 1)};
    placement = placement_of(object_at(info, 1, "placement"));
    expect_inside(placement.source, image.width, image.height, "source");
    expect_inside(placement.crop, placement.resized_width, placement.resized_height, "crop");
  }

  int64_t bytes() const { return image.width * image.height * 3; }

  // Last, after all properties have been read: no getter can take the memory away any more.
  void run(const uint8_t* data, const Napi::Value& target) {
    const HostBytes out = host_bytes(target);
    expect_bytes(out, placement.crop.width * placement.crop.height * 3, "out");
    image.data = data;
    resample(image, placement, static_cast<uint8_t*>(out.data));
  }
};

// resample({data, width, height}, placement, out)
void resample_image(const Napi::CallbackInfo& info) {
  const Napi::Value data = object_at(info, 0, "image").Get("data");
  Resampling resampling(info);
  const HostBytes in = host_bytes(data);
  expect_bytes(in, resampling.bytes(), "image");
  resampling.run(static_cast<const uint8_t*>(in.data), info[2]);
}

// new ImageFile(descriptor, path): raw images in a file that is mapped into memory.
class ImageFile : public Napi::ObjectWrap<ImageFile> {
 public:
  static Napi::Function Define(Napi::Env env) {
    return DefineClass(env, "ImageFile", {InstanceMethod("resample", &ImageFile::Resample)});
  }

  explicit ImageFile(const Napi::CallbackInfo& info) : Napi::ObjectWrap<ImageFile>(info) {
    try {
      if (!info[0].IsNumber() || !info[1].IsString()) {
        throw_error("expected the descriptor of a file and its path");
      }
      const int descriptor = info[0].As<Napi::Number>().Int32Value();
      file_ = std::make_unique<MappedFile>(descriptor, info[1].As<Napi::String>());
    } catch (const std::exception& error) {
      throw Napi::Error::New(info.Env(), error.what());
    }
  }

 private:
  // resample({offset, width, height}, placement, out)
  void Resample(const Napi::CallbackInfo& info) {
    constexpr double kLargest = 9007199254740991.0;
    try {
      const int64_t offset = integer_in(object_at(info, 0, "image"), "offset", 0, kLargest);
      Resampling resampling(info);
      const auto bytes = static_cast<uint64_t>(resampling.bytes());
      resampling.run(file_->range(static_cast<uint64_t>(offset), bytes), info[2]);
    } catch (const Napi::Error&) {
      throw;
    } catch (const std::exception& error) {
      throw Napi::Error::New(info.Env(), error.what());
    }
  }

  std::unique_ptr<MappedFile> file_;
};

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

// An image that is changed in place.
struct Target {
  int64_t width, height;
  uint8_t* rgb;
};

// Reads the image last, so that no getter can take the memory away.
Target target_of(const Napi::CallbackInfo& info) {
  const Napi::Object pixels = object_at(info, 0, "image");
  Target target{integer_in(pixels, "width", 1), integer_in(pixels, "height", 1), nullptr};
  if (target.width > kLongestAlteredSide || target.height > kLongestAlteredSide) {
    throw_error("image: expected sides of at most ", kLongestAlteredSide);
  }
  const HostBytes bytes = host_bytes(pixels.Get("data"));
  expect_bytes(bytes, target.width * target.height * 3, "image");
  target.rgb = static_cast<uint8_t*>(bytes.data);
  return target;
}

double number_at(const Napi::Value& value, double largest) {
  const double number = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : NAN;
  if (!(std::abs(number) <= largest)) {
    throw_error("expected a number of -", largest, " to ", largest);
  }
  return number;
}

// transformNearest({data, width, height}, [a, b, c, d, e, f])
void transform_image(const Napi::CallbackInfo& info) {
  if (!info[1].IsArray()) throw_error("matrix: expected six numbers");
  const Napi::Array list = info[1].As<Napi::Array>();
  double m[6];
  for (uint32_t i = 0; i < 6; ++i) m[i] = number_at(list.Get(i), kLargestCoefficient);
  const Target image = target_of(info);
  transform_nearest(image.rgb, image.width, image.height, {m[0], m[1], m[2], m[3], m[4], m[5]});
}

// sharpen({data, width, height}, factor)
void sharpen_image(const Napi::CallbackInfo& info) {
  const double factor = number_at(info[1], 1e6);
  const Target image = target_of(info);
  sharpen(image.rgb, image.width, image.height, static_cast<float>(factor));
}

// Bytes of whole pixels, and a table of one entry for each channel's levels.
struct Levels {
  HostBytes rgb, table;
  int64_t pixels;
};

Levels levels_of(const Napi::CallbackInfo& info, size_t entry_bytes) {
  const HostBytes rgb = host_bytes(info[0]), table = host_bytes(info[1]);
  if (rgb.size % 3 != 0) throw_error("expected 3 bytes per pixel, got ", rgb.size);
  expect_bytes(table, static_cast<int64_t>(3 * kLevels * entry_bytes), "table");
  if (reinterpret_cast<uintptr_t>(table.data) % entry_bytes != 0) {
    throw_error("table: expected entries of ", entry_bytes, " bytes");
  }
  return {rgb, table, static_cast<int64_t>(rgb.size / 3)};
}

// countLevels(rgb, counts): counts is a Uint32Array
void count_image_levels(const Napi::CallbackInfo& info) {
  const Levels levels = levels_of(info, sizeof(uint32_t));
  count_levels(static_cast<const uint8_t*>(levels.rgb.data), levels.pixels,
               static_cast<uint32_t*>(levels.table.data));
}

// mapLevels(rgb, table)
void map_image_levels(const Napi::CallbackInfo& info) {
  const Levels levels = levels_of(info, sizeof(uint8_t));
  map_levels(static_cast<uint8_t*>(levels.rgb.data), levels.pixels,
             static_cast<const uint8_t*>(levels.table.data));
}

}  // namespace

void define_image_door(Napi::Env env, Napi::Object exports) {
  Napi::Object images = Napi::Object::New(env);
  images.Set("resample", Napi::Function::New<guarded<resample_image>>(env, "resample"));
  images.Set("adjustBrightness", Napi::Function::New<guarded<adjust_brightness>>(env));
  images.Set("adjustContrast", Napi::Function::New<guarded<adjust_contrast>>(env));
  images.Set("adjustSaturation", Napi::Function::New<guarded<adjust_saturation>>(env));
  images.Set("adjustHue", Napi::Function::New<guarded<adjust_hue>>(env));
  images.Set("transformNearest", Napi::Function::New<guarded<transform_image>>(env));
  images.Set("sharpen", Napi::Function::New<guarded<sharpen_image>>(env));
  images.Set("countLevels", Napi::Function::New<guarded<count_image_levels>>(env));
  images.Set("mapLevels", Napi::Function::New<guarded<map_image_levels>>(env));
  images.Set("ImageFile", ImageFile::Define(env));
  exports.Set("images", images);
}

}  // namespace menet
