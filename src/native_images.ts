/** An 8-bit RGB image, row by row, three bytes per pixel. */
export interface Pixels {
  data: Uint8Array;
  width: number;
  height: number;
}

export interface Size {
  width: number;
  height: number;
}

export interface Box extends Size {
  left: number;
  top: number;
}

/** Which part of an image becomes the sample: `source` is resized to `resized`, of which `crop` is kept. */
export interface Placement {
  source: Box;
  resized: Size;
  crop: Box;
  /** Mirror left and right. */
  flip: boolean;
}

/** Where an output pixel (x, y) comes from: (a x + b y + c, d x + e y + f). */
export type Affine = readonly [a: number, b: number, c: number, d: number, e: number, f: number];

/**
 * Kernels on 8-bit RGB images, Pillow's to the bit. They run in the calling thread;
 * adjustments work in place.
 */
export interface ImageKernels {
  /**
   * Crops, resizes and flips into `out` (`[crop.height, crop.width, 3]`) as Pillow's
   * `resize(..., BILINEAR)` does, which filters when shrinking (antialiasing).
   */
  resample(image: Pixels, placement: Placement, out: Uint8Array): void;
  /** Blends with black; factor 1 changes nothing. */
  adjustBrightness(rgb: Uint8Array, factor: number): void;
  /** Blends with the grey of the mean luminance; factor 1 changes nothing. */
  adjustContrast(rgb: Uint8Array, factor: number): void;
  /** Blends each pixel with its luminance; factor 1 changes nothing. */
  adjustSaturation(rgb: Uint8Array, factor: number): void;
  /** Turns the hue by `turns` (-0.5 to 0.5; 0 only rounds to 8-bit HSV and back). */
  adjustHue(rgb: Uint8Array, turns: number): void;
  /** Each pixel takes the value of the nearest one that `matrix` sends it to, black outside. */
  transformNearest(image: Pixels, matrix: Affine): void;
  /** Blends with the smoothed image: factor 0 smooths, 1 changes nothing. Outermost pixels stay. */
  sharpen(image: Pixels, factor: number): void;
  /** Sets `counts` ([3, 256]) to how often each channel has each level. */
  countLevels(rgb: Uint8Array, counts: Uint32Array): void;
  /** Replaces each channel's levels by what `table` ([3, 256]) says. */
  mapLevels(rgb: Uint8Array, table: Uint8Array): void;
}

/** Where an image lies in an {@link ImageFile}. */
export interface StoredImage extends Size {
  /** Of its first byte in the file. */
  offset: number;
}

/** A file of raw images, 8-bit RGB. Reading beyond its end throws, also if it was cut meanwhile. */
export interface ImageFile {
  resample(image: StoredImage, placement: Placement, out: Uint8Array): void;
}

/** What the binary has for images. */
export interface NativeImages extends ImageKernels {
  /**
   * Maps an open file into memory, read-only; threads and processes that map the same share its
   * pages. It stays mapped when the descriptor is closed. `path` names it in errors.
   */
  readonly ImageFile: new (descriptor: number, path: string) => ImageFile;
}
