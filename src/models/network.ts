import * as tf from '@tensorflow/tfjs';
import { reject } from '../errors.js';
import { checkTensor } from '../ops/checks.js';
import { checkPrecision } from '../precision.js';
import type { ForwardOptions, Layer, MapShape, StateEntry } from './block.js';
import { initialState } from './initialise.js';
import type { Model } from './model.js';
import type { Architecture, ModelConfig } from './registry.js';
import { toTfjs } from './state.js';

/** Smaller images leave the last stage less than one pixel per five halvings. */
const SMALLEST_IMAGE = 32;

/** Default height and width of {@link Network.layers}. */
const PUBLISHED_IMAGE = 224;

/** A {@link Model} made of an architecture's blocks. */
export class Network implements Model {
  readonly name: string;
  readonly numClasses: number;
  readonly entries: readonly StateEntry[];
  readonly classifierEntries: readonly StateEntry[];
  readonly variables: ReadonlyMap<string, tf.Variable>;
  private readonly blocks: ((x: tf.Tensor4D, options: ForwardOptions) => tf.Tensor4D)[];
  private readonly classifier: (x: tf.Tensor4D, options: ForwardOptions) => tf.Tensor2D;

  constructor(
    readonly config: ModelConfig,
    private readonly architecture: Architecture,
    seed: number,
  ) {
    this.name = config.name;
    this.numClasses = config.num_classes;
    const { features, classifier } = architecture;
    this.entries = [...features, classifier].flatMap((block) => block.entries);
    this.variables = makeVariables(this.entries, config.init_mode, seed);
    this.classifierEntries = classifier.entries;
    this.blocks = features.map((block) => block.bind(this.variables));
    this.classifier = classifier.bind(this.variables);
  }

  apply(x: tf.Tensor4D, options: ForwardOptions = {}): tf.Tensor2D {
    return tf.tidy(() => this.classify(this.features(x, options), options));
  }

  features(x: tf.Tensor4D, options: ForwardOptions = {}): tf.Tensor4D {
    const where = `${this.name}: images`;
    checkTensor(where, x, ['N', 'H', 'W', 3]);
    checkImageSize(where, Math.min(x.shape[1], x.shape[2]));
    checkPrecision(`${this.name}: precision`, options.precision ?? 'float32');
    return tf.tidy(() => this.blocks.reduce((y, block) => block(y, options), x));
  }

  classify(features: tf.Tensor4D, options: ForwardOptions = {}): tf.Tensor2D {
    return tf.tidy(() => this.classifier(features, options));
  }

  layers(imageSize = PUBLISHED_IMAGE): Layer[] {
    checkImageSize(`${this.name}: image size`, imageSize);
    const layers: Layer[] = [];
    let shape: MapShape = [imageSize, imageSize, 3];
    let from = 'input';
    for (const block of [...this.architecture.features, this.architecture.classifier]) {
      layers.push(...block.layers(shape, from));
      const last = layers.at(-1) as Layer;
      shape = last.output as MapShape;
      from = last.name;
    }
    return layers;
  }

  dispose(): void {
    for (const variable of this.variables.values()) variable.dispose();
  }
}

function checkImageSize(where: string, size: number): void {
  if (!Number.isInteger(size) || size < SMALLEST_IMAGE) {
    reject(where, `height and width of at least ${SMALLEST_IMAGE} pixels`, size);
  }
}

function makeVariables(
  entries: readonly StateEntry[],
  mode: 'fan_in' | 'fan_out',
  seed: number,
): Map<string, tf.Variable> {
  const initial = initialState(entries, mode, seed);
  const variables = new Map<string, tf.Variable>();
  tf.tidy(() => {
    for (const entry of entries) {
      const trainable = entry.role !== 'mean' && entry.role !== 'variance';
      const values = initial.get(entry.name);
      if (values) variables.set(entry.name, tf.variable(toTfjs(entry, values), trainable));
    }
  });
  return variables;
}
