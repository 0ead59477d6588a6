import type * as tf from '@tensorflow/tfjs';
import * as z from 'zod';
import type { Block } from './block.js';

/** Fields that every model configuration has. */
export const commonFields = {
  /** which fan scales the initial weights, as Kaiming initialisation names them */
  init_mode: z.enum(['fan_in', 'fan_out']),
  num_classes: z.int().min(1).max(1_000_000).default(1000),
};

/** A checked model configuration; each family adds its fields. */
export interface ModelConfig {
  name: string;
  init_mode: 'fan_in' | 'fan_out';
  num_classes: number;
  [familyField: string]: unknown;
}

/** A network as the blocks that images pass through. */
export interface Architecture {
  features: Block[];
  classifier: Block<tf.Tensor2D>;
}

/** A family of networks: how its configurations look and what they build. */
export interface Family<Config extends ModelConfig = ModelConfig> {
  /** describes the whole configuration; its field `name` is a literal */
  schema: z.ZodType<Config>;
  build(config: Config): Architecture;
}

/** A configuration's schema, of which the field `name` says whose it is. */
type NamedSchema = z.core.$ZodTypeDiscriminable & z.ZodType<ModelConfig>;

const families = new Map<string, Family>();

/** Makes configurations called `name` known; called once by each family's file. */
export function registerFamily<Config extends ModelConfig>(
  name: string,
  family: Family<Config>,
): void {
  families.set(name, family);
}

/** The family of a checked configuration. */
export function findFamily(name: string): Family {
  const family = families.get(name);
  if (!family) throw new Error(`no model family is called ${name}`);
  return family;
}

/** Schema of the configurations of all registered families, told apart by `name`. */
export function modelSchema(): z.ZodType<ModelConfig> {
  const schemas = [...families.values()].map((family) => family.schema as NamedSchema);
  return z.discriminatedUnion('name', schemas as [NamedSchema, ...NamedSchema[]]);
}
