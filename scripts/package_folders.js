import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';

/** Where npm has put the package that one in `from` (a key of the lock file) means by a name. */
function resolvePackage(locked, from, name) {
  for (let folder = from; ; folder = folder.replace(/(^|\/)node_modules\/(@[^/]+\/)?[^/]+$/, '')) {
    const found = path.posix.join(folder, 'node_modules', name);
    if (locked[found]) return found;
    if (folder === '') return undefined;
  }
}

/**
 * The installed folders (`node_modules/...`) of some packages and of all that they need, by the
 * lock file.
 */
export function packageFolders(root, names) {
  const { packages } = JSON.parse(readFileSync(path.join(root, 'package-lock.json'), 'utf8'));
  const found = new Set();
  const visit = (from, name) => {
    const folder = resolvePackage(packages, from, name);
    if (!folder || found.has(folder) || !existsSync(path.join(root, folder))) return;
    found.add(folder);
    const { dependencies, optionalDependencies, peerDependencies, peerDependenciesMeta } =
      packages[folder];
    const peers = Object.keys(peerDependencies ?? {});
    for (const needed of [
      ...Object.keys({ ...dependencies, ...optionalDependencies }),
      ...peers.filter((peer) => !peerDependenciesMeta?.[peer]?.optional),
    ]) {
      visit(folder, needed);
    }
  };
  for (const name of names) visit('', name);
  return [...found];
}
