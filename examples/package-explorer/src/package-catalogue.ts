import { realpathSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { type InstalledCopy, readDependents, readInstalledCopies, transitiveDependents } from './dependency-graph.ts';
import { measureFolders } from './folder-size.ts';
import { unlessMissing } from './read-while-changing.ts';

/** One installed version of a package. */
interface PackageVersion {
  readonly version: string;
  /** As package.json says it; `undeclared` if it does not. */
  readonly licence: string;
}

/** A line of the inventory. */
export interface PackageSummary {
  readonly name: string;
  readonly versions: readonly PackageVersion[];
  readonly fileCount: number;
  readonly sizeInBytes: number;
}

/** Everything there is to know about one package. */
export interface PackageReport extends PackageSummary {
  /** Who links to it, as `name@version`; a project without a version by its name. */
  readonly directDependents: readonly string[];
  /** Who needs it only because a dependency of theirs does. */
  readonly indirectDependents: readonly string[];
}

/**
 * Answers questions about the packages that pnpm installed below some folders. It remembers nothing: each answer is a
 * walk of the file system as it is now, and is plain JSON.
 */
export class PackageCatalogue {
  readonly #roots: readonly string[];
  #walks = 0;

  /** @param roots folders with a `node_modules/.pnpm` */
  constructor(roots: readonly string[]) {
    this.#roots = roots.map((root) => realpathSync(root));
  }

  /** How many times an answer was taken from the file system. */
  get walks(): number {
    return this.#walks;
  }

  /** The names of all installed packages, in order. */
  async names(): Promise<string[]> {
    const copies = await this.#copies();
    return [...new Set(copies.map(({ name }) => name))].sort();
  }

  /** What is installed under this name, in all its versions; `undefined` if nothing is. */
  async describe(name: string): Promise<PackageReport | undefined> {
    this.#walks += 1;
    const copies = (await this.#copies()).filter((copy) => copy.name === name);
    if (copies.length === 0) return undefined;
    const folders = copies.map(({ folder }) => folder);
    const [summary, dependents] = await Promise.all([summarise(name, folders), this.#dependents()]);
    const direct = new Set(folders.flatMap((folder) => [...(dependents.get(folder) ?? [])]));
    const indirect = transitiveDependents(dependents, folders);
    for (const folder of direct) indirect.delete(folder);
    const [directDependents, indirectDependents] = await Promise.all([titles(direct), titles(indirect)]);
    return { ...summary, directDependents, indirectDependents };
  }

  /** Every installed package, the largest first. */
  async inventory(): Promise<PackageSummary[]> {
    this.#walks += 1;
    const folders = new Map<string, string[]>();
    for (const { name, folder } of await this.#copies()) folders.set(name, [...(folders.get(name) ?? []), folder]);
    const summaries = await Promise.all([...folders].map(([name, copies]) => summarise(name, copies)));
    return summaries.sort((a, b) => b.sizeInBytes - a.sizeInBytes || a.name.localeCompare(b.name));
  }

  async #copies(): Promise<InstalledCopy[]> {
    return (await Promise.all(this.#roots.map(readInstalledCopies))).flat();
  }

  async #dependents(): Promise<Map<string, Set<string>>> {
    const graphs = await Promise.all(this.#roots.map(readDependents));
    return new Map(graphs.flatMap((graph) => [...graph]));
  }
}

async function summarise(name: string, folders: readonly string[]): Promise<PackageSummary> {
  const [size, manifests] = await Promise.all([measureFolders(folders), Promise.all(folders.map(readManifest))]);
  const versions = new Map(manifests.map((manifest) => [manifest.version, manifest]));
  return { name, versions: [...versions.values()].map(({ version, licence }) => ({ version, licence })), ...size };
}

async function titles(folders: Iterable<string>): Promise<string[]> {
  const manifests = await Promise.all([...folders].map(readManifest));
  return [...new Set(manifests.map(({ name, version }) => (version === '' ? name : `${name}@${version}`)))].sort();
}

interface Manifest extends PackageVersion {
  readonly name: string;
}

async function readManifest(folder: string): Promise<Manifest> {
  const { name, version, license, licenses } = parseObject(
    await unlessMissing(readFile(join(folder, 'package.json'), 'utf8'), '{}'),
  );
  return {
    name: typeof name === 'string' ? name : basename(folder),
    version: typeof version === 'string' ? version : '',
    licence: licenceName(license) ?? licenceName(licenses) ?? 'undeclared',
  };
}

/** What the text holds, or an empty object if that is no object: a package.json that is damaged or half written. */
function parseObject(text: string): Readonly<Record<string, unknown>> {
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === 'object' && parsed !== null ? { ...parsed } : {};
  } catch {
    return {};
  }
}

/** `"MIT"`, and the older `{ "type": "MIT" }` and `[{ "type": "MIT" }, …]`. */
function licenceName(declared: unknown): string | undefined {
  if (typeof declared === 'string') return declared === '' ? undefined : declared;
  if (Array.isArray(declared)) return declared.map(licenceName).filter(Boolean).join(' OR ') || undefined;
  const type = typeof declared === 'object' && declared !== null && 'type' in declared ? declared.type : undefined;
  return typeof type === 'string' ? type : undefined;
}
