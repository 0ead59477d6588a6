import { InputError, reject } from './errors.js';
import { findNative, native, nativeFailure, type NativeDevice } from './native.js';

/** A device that the backend `menet` can compute on. */
export interface DeviceInfo {
  /** What MENET_DEVICE and `--device` call it: `cpu`, `cuda:0`, ... */
  readonly name: string;
  /** The GPU's model. */
  readonly description?: string;
  /** Bytes of the GPU's memory. */
  readonly memory?: number;
  /** The GPU's compute capability, such as `9.0`. */
  readonly computeCapability?: string;
  /** The newest version of CUDA that the driver knows, such as `13.0`. */
  readonly driver?: string;
  /** NVIDIA's libraries that were found and are used beside the built-in kernels. */
  readonly libraries?: string;
}

export interface Devices {
  readonly devices: readonly DeviceInfo[];
  /** Why there is no GPU among them. */
  readonly whyNoCuda?: string;
}

/**
 * The devices of this machine that the backend `menet` can compute on.
 *
 * Where no native binary loads there are none, and `whyNoCuda` says why.
 */
export function devices(): Devices {
  if (findNative() === undefined) return { devices: [], whyNoCuda: nativeFailure()! };
  const { devices: found, whyNoCuda } = native().devices();
  return { devices: found.map(describe), ...(whyNoCuda ? { whyNoCuda } : {}) };
}

function describe({ libraries, ...device }: NativeDevice): DeviceInfo {
  if (device.name === 'cpu') return { name: device.name };
  return libraries ? { ...device, libraries } : device;
}

let chosen: string | undefined;

/** The device that the backend computes on: what was chosen, MENET_DEVICE or else `cpu`. */
export function currentDevice(): string {
  return chosen ?? parseDevice('MENET_DEVICE', process.env.MENET_DEVICE || 'cpu');
}

/**
 * Chooses the device of the backend `menet`, before it is first used.
 * @param where what names the device, for the message: a flag or a variable
 * @throws InputError where there is no such device, saying what was found
 */
export function chooseDevice(where: string, name: string): void {
  chosen = parseDevice(where, name);
}

function parseDevice(where: string, name: string): string {
  if (name === 'cpu') return name;
  if (!/^cuda(:\d{1,3})?$/.test(name)) reject(where, 'cpu, cuda or cuda:N', name);
  const { devices: found, whyNoCuda } = devices();
  if (whyNoCuda !== undefined) {
    throw new InputError(`${where}: expected a CUDA device for ${name}, found ${whyNoCuda}`);
  }
  const full = name === 'cuda' ? 'cuda:0' : `cuda:${Number(name.slice(5))}`;
  const names = found.map((device) => device.name);
  if (!names.includes(full)) reject(where, names.join(' or '), name);
  return full;
}
