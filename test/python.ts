import { spawnSync } from 'node:child_process';

/**
 * The Python of the environment variable MENET_PYTHON, if it has some modules; else why tests that
 * need them are skipped, for their names.
 */
export function pythonWith(...modules: string[]): { python: string | undefined; skipped: string } {
  const python = process.env.MENET_PYTHON;
  const skipped = ` (skipped: MENET_PYTHON is no Python with ${modules.join(' and ')})`;
  if (!python) return { python: undefined, skipped };
  const code = 'import importlib.util as u, sys; sys.exit(not all(map(u.find_spec, sys.argv[1:])))';
  const found = spawnSync(python, ['-c', code, ...modules]).status === 0;
  return found ? { python, skipped: '' } : { python: undefined, skipped };
}
