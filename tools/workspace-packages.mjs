import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const workspace = fileURLToPath(new URL('..', import.meta.url));

/** Every package of the workspace, or of a copy of it: its folder, its path from the root and its package.json. */
export function workspacePackages(root = workspace) {
  const parents = ['packages', 'examples'].filter((parent) => existsSync(join(root, parent)));
  const paths = parents.flatMap((parent) => readdirSync(join(root, parent)).map((name) => join(parent, name)));
  return [...paths, 'benchmarks']
    .filter((path) => existsSync(join(root, path, 'package.json')))
    .map((path) => {
      const folder = join(root, path);
      return { folder, path, manifest: JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) };
    });
}

/** The packages that go to the registry, of the workspace or of a copy of it. */
export function publishedPackages(root = workspace) {
  return workspacePackages(root).filter(({ manifest }) => manifest.private !== true);
}
