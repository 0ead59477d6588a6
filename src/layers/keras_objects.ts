import * as tf from '@tensorflow/tfjs';
import { reject } from '../errors.js';
import { nearest } from '../nearest.js';

/** An initialiser or a regulariser as tfjs layers take it: its name, itself, or its serialised form. */
export type KerasObject<T extends tf.serialization.Serializable> =
  string | T | tf.serialization.ConfigDict;

type Initializer = ReturnType<typeof tf.initializers.zeros>;
type Regularizer = ReturnType<typeof tf.regularizers.l2>;
export type InitializerLike = KerasObject<Initializer>;
export type RegularizerLike = KerasObject<Regularizer>;

/** Resolves an initialiser: `heNormal`, `tf.initializers.heNormal({ seed: 1 })`, ... */
export function resolveInitializer(where: string, value: InitializerLike): Initializer {
  return resolve(where, value, tf.initializers) as Initializer;
}

/** Resolves a regulariser: `l1l2`, `tf.regularizers.l2({ l2: 1e-4 })`, ..., or none. */
export function resolveRegularizer(
  where: string,
  value: RegularizerLike | null | undefined,
): Regularizer | undefined {
  if (value === undefined || value === null) return undefined;
  return resolve(where, value, tf.regularizers) as Regularizer;
}

/** What a saved model holds of an initialiser or regulariser. */
export function serialize(
  object: tf.serialization.Serializable | undefined,
): tf.serialization.ConfigDict | null {
  return object ? { className: object.getClassName(), config: object.getConfig() } : null;
}

/** tfjs does not export its own resolution of names: its factories and class registry serve. */
function resolve(
  where: string,
  value: KerasObject<tf.serialization.Serializable>,
  factories: object,
): tf.serialization.Serializable {
  if (value instanceof tf.serialization.Serializable) return value;
  if (typeof value === 'string') return byName(where, value, factories);
  const { className, config } = (value ?? {}) as { className?: unknown; config?: unknown };
  const registered = tf.serialization.SerializationMap.getMap().classNameMap;
  const found = typeof className === 'string' ? registered[className] : undefined;
  if (!found) return reject(where, 'a name, an object or its serialised form', value);
  const [type, fromConfig] = found;
  return fromConfig(type, (config ?? {}) as tf.serialization.ConfigDict);
}

function byName(where: string, name: string, factories: object): tf.serialization.Serializable {
  const known = factories as Record<string, (config: object) => tf.serialization.Serializable>;
  const names = Object.keys(known).filter((key) => typeof known[key] === 'function');
  const factory = names.includes(name) ? known[name] : undefined;
  if (factory) return factory({});
  const meant = nearest(name, names);
  return reject(where, meant ? `a known name, perhaps ${meant}` : names.join(', '), name);
}
