/**
 * Runs a few ops and prints the instruction set and the results, for isa.test.ts:
 * node run_ops.js ADDON. A process has one instruction set, so each needs its own.
 */
import { createRequire } from 'node:module';

const door = createRequire(import.meta.url)(process.argv[2]);

function tensor(shape, seed) {
  const values = new Float32Array(shape.reduce((a, b) => a * b, 1));
  for (let i = 0; i < values.length; i++) values[i] = Math.sin(seed + i * 1.37);
  const id = door.allocate(values.byteLength);
  door.write(id, values);
  return { id, shape, dtype: 'float32' };
}

const window = { strides: [1, 1], dilations: [1, 1], pad: [1, 1, 1, 1] };
const images = [2, 7, 6, 37];
const update = { learningRate: 0.1, gradientScale: 0.5, weightDecay: 0.01 };
const cases = [
  ['Exp', [[1003]], {}],
  ['Sigmoid', [[1003]], {}],
  ['Multiply', [[50, 37], [37]], {}],
  ['Maximum', [[1003], [1003]], {}],
  ['Sum', [[41, 37]], { axes: [0], keepDims: false }],
  ['Softmax', [[9, 101]], {}],
  [
    'BatchMatMul',
    [
      [1, 33, 70],
      [1, 70, 45],
    ],
    { transposeA: false, transposeB: false },
  ],
  ['Conv2D', [images, [3, 3, 37, 19]], window],
  ['Conv2DBackpropFilter', [images, [2, 7, 6, 19]], { ...window, filterShape: [3, 3, 37, 19] }],
  ['DepthwiseConv2dNative', [images, [3, 3, 37, 1]], window],
  [
    'DepthwiseConv2dNative',
    [
      [2, 7, 6, 3],
      [3, 3, 3, 1],
    ],
    window,
  ],
  [
    'DepthwiseConv2dNativeBackpropFilter',
    [images, images],
    { ...window, filterShape: [3, 3, 37, 1] },
  ],
  ['MaxPool', [images], { ...window, filterSize: [3, 3] }],
  ['AvgPool', [images], { ...window, filterSize: [3, 3] }],
  ['FusedBatchNorm', [images, [37], [37], [37], [37]], { varianceEpsilon: 2 }],
  ['GradientNorm', [images, [37]], {}],
  ['BlendUpdate', [images, images], { keep: 0.9, share: 0.1 }],
  ['SgdUpdate', [images, images, images], { ...update, momentum: 0.9, nesterov: true }],
  [
    'RmspropUpdate',
    [images, images, images, images],
    { ...update, alpha: 0, epsilon: 1, momentum: 0.9, centered: false },
  ],
  [
    'AdamUpdate',
    [images, images, images, images],
    {
      ...{ ...update, beta1: 0.9, beta2: 0, epsilon: 1, decoupled: true },
      ...{ correction1: 0.1, correction2: 1 },
    },
  ],
  ['AdadeltaUpdate', [images, images, images, images], { ...update, rho: 0, epsilon: 2 }],
  [
    'DepthwiseSeparable',
    [images, [3, 3, 37, 1], ...Array(4).fill([37]), [1, 1, 37, 19], ...Array(4).fill([19])],
    { strides: 1, training: true },
  ],
];

const cast = (input, dtype) => door.run('Cast', [input], { dtype })[0];
const size = (shape) => shape.reduce((a, b) => a * b, 1);

function run([op, shapes, attributes], dtype = 'float32') {
  const inputs = shapes.map((shape, i) => tensor(shape, i + 1));
  if (dtype !== 'float32') inputs[0] = cast(inputs[0], dtype);
  const [y = inputs[0]] = door.run(op, inputs, attributes); // updates are in place
  const values = new Float32Array(size(y.shape));
  door.read((dtype === 'float32' ? y : cast(y, 'float32')).id, values);
  return { op, dtype, values: [...values] };
}

const results = cases.map((each) => run(each));

/** Bits with every NaN the same. */
const oneNaN = (bits, infinity, mask) => bits.map((b) => ((b & mask) > infinity ? -1 : b));

/** Of every 16-bit pattern, and of floats between any two of them. */
function conversions(dtype) {
  const bits = Uint16Array.from({ length: 65536 }, (_, i) => i);
  const id = door.allocate(bits.byteLength);
  door.write(id, bits);
  const floats = cast({ id, shape: [bits.length], dtype }, 'float32');
  const values = new Uint32Array(bits.length);
  door.read(floats.id, values);
  const results = oneNaN([...values], 0x7f800000, 0x7fffffff);
  values.set(results); // those of NaN are one
  for (const change of [0, 1, 0x1000, 0x1001, 0x7fff, 0x8000, 0x8001]) {
    door.write(
      floats.id,
      values.map((value) => value + change),
    );
    const back = cast(floats, dtype);
    door.read(back.id, bits);
    results.push(...oneNaN([...bits], dtype === 'float16' ? 0x7c00 : 0x7f80, 0x7fff));
  }
  return { op: 'Cast', dtype, values: results };
}

const separable = cases.at(-1);
for (const dtype of ['bfloat16', 'float16']) {
  results.push(run(separable, dtype), conversions(dtype));
}

/** What kernels make of an image of which no row is whole vectors; each byte counts. */
const imageSize = { width: 61, height: 37 };
const crop = { left: 2, top: 1, width: 23, height: 19 };
const imageCases = {
  resample({ data }) {
    const out = new Uint8Array(crop.width * crop.height * 3);
    const placement = { source: { left: 3, top: 2, width: 55, height: 34 }, crop, flip: true };
    placement.resized = { width: 29, height: 21 };
    door.images.resample({ data, ...imageSize }, placement, out);
    return out;
  },
  adjustBrightness: ({ data }) => door.images.adjustBrightness(data, 1.07),
  adjustContrast: ({ data }) => door.images.adjustContrast(data, 0.93),
  adjustSaturation: ({ data }) => door.images.adjustSaturation(data, 1.07),
  adjustHue: ({ data }) => door.images.adjustHue(data, -0.07),
  sharpen: (image) => door.images.sharpen(image, 1.6),
};
for (const [op, change] of Object.entries(imageCases)) {
  const data = Uint8Array.from(
    { length: imageSize.width * imageSize.height * 3 },
    (_, i) => (i * i) >> 3,
  );
  results.push({ op, values: [...(change({ data, ...imageSize }) ?? data)] });
}
console.log(JSON.stringify({ isa: door.isa(), results }));
