import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';

/** A package to be installed. */
export interface TreePackage {
  readonly name: string;
  readonly version: string;
  /** What package.json holds besides name and version. */
  readonly manifest?: object;
  /** Text by path, besides package.json. */
  readonly files?: Readonly<Record<string, string>>;
  /** Dependencies as `name@version`. */
  readonly dependencies?: readonly string[];
  /** What pnpm adds to a folder's name for a set of peers, such as `_react@19.0.0`. */
  readonly peers?: string;
}

/** A small workspace in a temporary folder, installed the way pnpm does it. */
export class PackageTree {
  readonly root: string = realpathSync(mkdtempSync(join(tmpdir(), 'package-tree-')));

  /** Installs a package. Returns its folder. */
  install({ name, version, manifest = {}, files = {}, dependencies = [], peers = '' }: TreePackage): string {
    const modules = this.#modules(name, `${version}${peers}`);
    const folder = join(modules, name);
    this.write(join(folder, 'package.json'), JSON.stringify({ name, version, ...manifest }));
    for (const [path, text] of Object.entries(files)) this.write(join(folder, path), text);
    this.#link(modules, dependencies);
    return folder;
  }

  /** Adds a project of the workspace. */
  addProject(path: string, name: string, dependencies: readonly string[]): void {
    const folder = join(this.root, path);
    this.write(join(folder, 'package.json'), JSON.stringify({ name }));
    this.#link(join(folder, 'node_modules'), dependencies);
  }

  write(path: string, text: string): void {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }

  remove(): void {
    rmSync(this.root, { recursive: true, force: true });
  }

  #modules(name: string, version: string): string {
    return join(this.root, 'node_modules', '.pnpm', `${name.replace('/', '+')}@${version}`, 'node_modules');
  }

  #link(modules: string, dependencies: readonly string[]): void {
    for (const dependency of dependencies) {
      const at = dependency.lastIndexOf('@');
      const name = dependency.slice(0, at);
      const link = join(modules, name);
      mkdirSync(dirname(link), { recursive: true });
      symlinkSync(relative(dirname(link), join(this.#modules(name, dependency.slice(at + 1)), name)), link);
    }
  }
}
