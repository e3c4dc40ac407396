import { readlink } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { entriesOf, unlessMissing } from './read-while-changing.ts';

/** One copy of a package in a virtual store: pnpm keeps one for every version and set of peers. */
export interface InstalledCopy {
  readonly name: string;
  readonly folder: string;
}

/** How deep below the root projects are looked for: `packages/core` is two. */
const PROJECT_DEPTH = 2;

/**
 * Every copy that pnpm keeps below `root`, in `node_modules/.pnpm/<name>@<version>…/node_modules/<name>`, where `+` stands
 * for the `/` of a scope. Nothing if there is no such folder.
 */
export async function readInstalledCopies(root: string): Promise<InstalledCopy[]> {
  const store = join(root, 'node_modules', '.pnpm');
  const copies: InstalledCopy[] = [];
  for (const entry of await entriesOf(store)) {
    const end = entry.name.indexOf('@', 1);
    if (!entry.isDirectory() || end === -1) continue;
    const name = entry.name.slice(0, end).replace('+', '/');
    copies.push({ name, folder: join(store, entry.name, 'node_modules', name) });
  }
  return copies;
}

/**
 * Who depends on what below `root`: for each package's folder, the folders of the packages and projects that link to it.
 * A dependency is a symbolic link: beside a copy in the virtual store, or in a project's `node_modules`.
 */
export async function readDependents(root: string): Promise<Map<string, Set<string>>> {
  const copies = await readInstalledCopies(root);
  const projects = await findProjects(root, PROJECT_DEPTH);
  const dependents = new Map<string, Set<string>>();
  const addLinks = async (modules: string, dependent: string): Promise<void> => {
    for (const target of await linkTargets(modules)) {
      const known = dependents.get(target) ?? new Set();
      dependents.set(target, known.add(dependent));
    }
  };
  await Promise.all([
    ...copies.map(({ name, folder }) => addLinks(folder.slice(0, -name.length - 1), folder)),
    ...projects.map((project) => addLinks(join(project, 'node_modules'), project)),
  ]);
  return dependents;
}

/** The folders that lead to `folders` over any number of links, without `folders` themselves. */
export function transitiveDependents(
  dependents: ReadonlyMap<string, ReadonlySet<string>>,
  folders: readonly string[],
): Set<string> {
  const found = new Set(folders);
  for (const folder of found) {
    for (const dependent of dependents.get(folder) ?? []) found.add(dependent);
  }
  for (const folder of folders) found.delete(folder);
  return found;
}

/** The folders that the symbolic links of a `node_modules` folder, scopes included, point to. */
async function linkTargets(modules: string): Promise<string[]> {
  const entries = await entriesOf(modules);
  const targets = await Promise.all(
    entries.map(async (entry): Promise<string[]> => {
      const path = join(modules, entry.name);
      if (entry.isSymbolicLink()) {
        const target = await unlessMissing(readlink(path), undefined);
        return target === undefined ? [] : [resolve(dirname(path), target)];
      }
      return entry.isDirectory() && entry.name.startsWith('@') && !basename(modules).startsWith('@')
        ? linkTargets(path)
        : [];
    }),
  );
  return targets.flat();
}

async function findProjects(folder: string, depth: number): Promise<string[]> {
  const entries = await entriesOf(folder);
  const here = entries.some(({ name }) => name === 'package.json') ? [folder] : [];
  if (depth === 0) return here;
  const below = entries.filter((entry) => entry.isDirectory() && !/^\.|^node_modules$/.test(entry.name));
  const found = await Promise.all(below.map((entry) => findProjects(join(folder, entry.name), depth - 1)));
  return [...here, ...found.flat()];
}
