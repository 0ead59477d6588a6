import { reject } from '../errors.js';
import { randomInteger, uniform, type RandomStream } from '../random.js';
import type { Placement, Size } from '../native_images.js';

/** How an image becomes a sample of `imageSize` × `imageSize` pixels. */
export interface Transform {
  /** Chooses crop, size and flip for an image of a given size. */
  place(image: Size, imageSize: number, random: RandomStream): Placement;
  /** Whether brightness, contrast, saturation and hue are varied afterwards. */
  colorJitter: boolean;
}

type Place = Transform['place'];

const aspectRatios = { low: Math.log(3 / 4), high: Math.log(4 / 3) };

/** What `evaluate` and `conservative` resize the shorter side to: 256 for 224, in proportion for others. */
export function evaluationSide(imageSize: number): number {
  return Math.round((imageSize * 256) / 224);
}

/** Shorter side to 256, then the centre. */
const evaluate: Place = (image, imageSize) => {
  const resized = shorterSideTo(image, evaluationSide(imageSize));
  const left = roundHalfEven((resized.width - imageSize) / 2);
  const top = roundHalfEven((resized.height - imageSize) / 2);
  return {
    source: whole(image),
    resized,
    crop: { left, top, width: imageSize, height: imageSize },
    flip: false,
  };
};

/** As `evaluate`, but a random position and a random flip. */
const conservative: Place = (image, imageSize, random) => {
  const { source, resized } = evaluate(image, imageSize, random);
  const top = randomInteger(random, resized.height - imageSize + 1);
  const left = randomInteger(random, resized.width - imageSize + 1);
  const crop = { left, top, width: imageSize, height: imageSize };
  return { source, resized, crop, flip: random() < 0.5 };
};

/** torchvision's RandomResizedCrop of at least the share `smallest` of the area, and a random flip. */
function randomResizedCrop(smallest: number): Place {
  return (image, imageSize, random) => {
    const resized = { width: imageSize, height: imageSize };
    return {
      source: randomBox(image, smallest, random) ?? centralBox(image),
      resized,
      crop: { left: 0, top: 0, ...resized },
      flip: random() < 0.5,
    };
  };
}

function randomBox(image: Size, smallest: number, random: RandomStream) {
  for (let attempt = 0; attempt < 10; attempt++) {
    const area = image.width * image.height * uniform(random, smallest, 1);
    const ratio = Math.exp(uniform(random, aspectRatios.low, aspectRatios.high));
    const width = roundHalfEven(Math.sqrt(area * ratio));
    const height = roundHalfEven(Math.sqrt(area / ratio));
    if (width < 1 || height < 1 || width > image.width || height > image.height) continue;
    const top = randomInteger(random, image.height - height + 1);
    const left = randomInteger(random, image.width - width + 1);
    return { left, top, width, height };
  }
  return undefined;
}

/** The largest central part of an admissible aspect ratio: what is left when no random box fits. */
function centralBox(image: Size) {
  const width = Math.min(image.width, Math.max(1, roundHalfEven((image.height * 4) / 3)));
  const height = Math.min(image.height, Math.max(1, roundHalfEven((image.width * 4) / 3)));
  const left = Math.floor((image.width - width) / 2);
  const top = Math.floor((image.height - height) / 2);
  return { left, top, width, height };
}

/** torchvision's Resize: the longer side is truncated to an integer. */
export function shorterSideTo({ width, height }: Size, shorter: number): Size {
  if (width <= height) return { width: shorter, height: Math.trunc((shorter * height) / width) };
  return { width: Math.trunc((shorter * width) / height), height: shorter };
}

function whole({ width, height }: Size) {
  return { left: 0, top: 0, width, height };
}

/** Python's `round`, which torchvision uses: halves go to the even neighbour. */
export function roundHalfEven(value: number): number {
  const below = Math.floor(value);
  const rest = value - below;
  return rest > 0.5 || (rest === 0.5 && below % 2 !== 0) ? below + 1 : below;
}

const trainingPlaces: Record<string, Place> = {
  more_aggressive: randomResizedCrop(0.08),
  aggressive: randomResizedCrop(0.36),
  less_aggressive: randomResizedCrop(0.64),
  conservative,
};

/** Every transform by its name, the training ones as the published data configurations name them. */
export const transforms: ReadonlyMap<string, Transform> = new Map([
  ['evaluate', { place: evaluate, colorJitter: false }],
  ...Object.entries(trainingPlaces).flatMap(([name, place]): [string, Transform][] => [
    [name, { place, colorJitter: false }],
    [`${name}_with_color_jitter`, { place, colorJitter: true }],
  ]),
]);

/** Looks a transform up. @throws InputError listing the names there are. */
export function findTransform(name: string): Transform {
  return (
    transforms.get(name) ?? reject('transform', `one of ${[...transforms.keys()].join(', ')}`, name)
  );
}
