import { randomInteger, uniform, type RandomStream } from '../random.js';
import type { Box, Pixels, Size } from '../native_images.js';
import { roundHalfEven } from './transforms.js';

/** Share of the area, and height over width, of an erased box: torchvision's defaults. */
const areas = { low: 0.02, high: 0.33 };
const aspectRatios = { low: Math.log(0.3), high: Math.log(3.3) };

/** ImageNet's mean colour, as bytes: what normalisation makes (nearly) zero. */
const meanColor = [124, 116, 104] as const;

/** torchvision's RandomErasing: a random box of the mean colour, in place, with the given probability. */
export function eraseRandomBox(image: Pixels, probability: number, random: RandomStream): void {
  if (random() >= probability) return;
  const box = randomErasingBox(image, random);
  if (box) eraseBox(image, box);
}

/** Draws the box; none where ten attempts fail, as in images of a few pixels. */
export function randomErasingBox(image: Size, random: RandomStream): Box | undefined {
  for (let attempt = 0; attempt < 10; attempt++) {
    const area = image.width * image.height * uniform(random, areas.low, areas.high);
    const ratio = Math.exp(uniform(random, aspectRatios.low, aspectRatios.high));
    const height = roundHalfEven(Math.sqrt(area * ratio));
    const width = roundHalfEven(Math.sqrt(area / ratio));
    if (height >= image.height || width >= image.width) continue;
    const top = randomInteger(random, image.height - height + 1);
    const left = randomInteger(random, image.width - width + 1);
    return { left, top, width, height };
  }
  return undefined;
}

function eraseBox({ data, width }: Pixels, box: Box): void {
  for (let y = box.top; y < box.top + box.height; y++) {
    const begin = (y * width + box.left) * 3;
    for (let p = begin; p < begin + box.width * 3; p++) data[p] = meanColor[(p - begin) % 3]!;
  }
}
