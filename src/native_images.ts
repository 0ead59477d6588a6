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
}
