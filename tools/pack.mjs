import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { bin, root, run } from './run.mjs';
import { publishedPackages } from './workspace-packages.mjs';

/** Builds every published package and packs it into `folder`. Gives the tarball's path by package name. */
export function packAll(folder) {
  run(bin('turbo'), ['run', 'build', '--filter=./packages/*']);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const tarballs = new Map();
  for (const { folder: source, manifest } of publishedPackages()) {
    run('pnpm', ['pack', '--pack-destination', folder], { cwd: source });
    tarballs.set(
      manifest.name,
      join(folder, `${manifest.name.replace('@', '').replace('/', '-')}-${manifest.version}.tgz`),
    );
  }
  return tarballs;
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  for (const [name, tarball] of packAll(join(root, 'tarballs'))) console.log(`${name}  ${tarball}`);
}
