import * as z from 'zod';
import { checkConfig, readConfigFile } from '../config_file.js';
import { precisions } from '../precision.js';

const positive = z.number().positive();
const nonNegative = z.number().min(0);
const fraction = z.number().min(0).lt(1);
const count = z.int().min(1);

/** What every optimizer has. */
const common = { learning_rate: positive, weight_decay: nonNegative, epochs: count };

/** The parts of a modern recipe, off by default. */
const recipe = {
  /** Whether norms and biases decay too. */
  weight_decay_norms: z.boolean().default(true),
  /** Share of the target that is spread over all classes. */
  label_smoothing: fraction.default(0),
  /** Decay of the exponential moving average of weights, per step. */
  ema_decay: fraction.default(0),
  /** Batches whose gradients are averaged for one step. */
  accumulate_steps: count.default(1),
  /** Largest global L2 norm of the gradients; 0 does not clip. */
  clip_norm: nonNegative.default(0),
  /** Epochs without a better validation top-1 after which the run ends; 0 never ends it. */
  early_stopping_epochs: z.int().min(0).default(0),
  /** What the learning rate of all layers but the classifier is multiplied by. */
  backbone_rate_factor: positive.default(1),
  /** Trains the classifier alone. */
  freeze_backbone: z.boolean().default(false),
  /** What activations and their gradients are stored as. */
  precision: z.enum(precisions).default('float32'),
};

const sgd = z.strictObject({
  name: z.literal('SGD'),
  ...common,
  momentum: fraction,
  nesterov: z.boolean(),
  ...recipe,
});

const rmsprop = z.strictObject({
  name: z.literal('RMSprop'),
  ...common,
  alpha: fraction,
  epsilon: positive,
  momentum: fraction,
  centered: z.boolean(),
  ...recipe,
});

const adamFields = {
  ...common,
  betas: z.tuple([fraction, fraction]),
  epsilon: positive,
  ...recipe,
};

const adadelta = z.strictObject({
  name: z.literal('Adadelta'),
  ...common,
  rho: fraction,
  epsilon: positive,
  ...recipe,
});

/** O: the optimizer, as PyTorch defines it, how many epochs it runs, and the recipe around it. */
const optimizerSchema = z.discriminatedUnion('name', [
  sgd.refine(({ nesterov, momentum }) => !nesterov || momentum > 0, {
    path: ['momentum'],
    message: 'more than 0 for nesterov',
  }),
  rmsprop,
  z.strictObject({ name: z.literal('Adam'), ...adamFields }),
  z.strictObject({ name: z.literal('AdamW'), ...adamFields }),
  adadelta,
]);

export type OptimizerConfig = z.output<typeof optimizerSchema>;

type RuleOf<Config> = Config extends unknown
  ? Omit<Config, keyof typeof common | keyof typeof recipe>
  : never;

/** The part of O that says how a step updates parameters. */
export type UpdateRuleConfig = RuleOf<OptimizerConfig>;

/** Reads O; throws an InputError naming file, field, expected and found. */
export function readOptimizerConfig(file: string): OptimizerConfig {
  return readConfigFile(file, optimizerSchema);
}

/** Checks an O that is in memory already; `where` names its source in errors. */
export function checkOptimizerConfig(where: string, value: unknown): OptimizerConfig {
  return checkConfig(where, optimizerSchema, value);
}
