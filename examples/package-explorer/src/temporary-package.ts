import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A package of the demo's own, installed in a temporary folder the way pnpm would, to be changed at will. */
export class TemporaryPackage {
  readonly name = 'changing-package';
  /** The folder with the `node_modules/.pnpm`. */
  readonly root: string = mkdtempSync(join(tmpdir(), 'package-explorer-'));
  readonly #folder: string;
  #fileCount = 0;

  constructor() {
    this.#folder = join(this.root, 'node_modules', '.pnpm', `${this.name}@1.0.0`, 'node_modules', this.name);
    mkdirSync(this.#folder, { recursive: true });
    this.#write('package.json', JSON.stringify({ name: this.name, version: '1.0.0', license: 'MIT' }));
    this.addFile(1_000);
  }

  /** How many files there are now. */
  get fileCount(): number {
    return this.#fileCount;
  }

  /** Really writes one more file. */
  addFile(sizeInBytes: number): void {
    this.#write(`file-${this.#fileCount}.js`, '/'.repeat(sizeInBytes));
  }

  /** Removes the folder. */
  remove(): void {
    rmSync(this.root, { recursive: true, force: true });
  }

  #write(name: string, text: string): void {
    writeFileSync(join(this.#folder, name), text);
    this.#fileCount += 1;
  }
}
