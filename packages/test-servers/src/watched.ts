import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** One line to the watchdog. */
export interface WatchedThing {
  readonly action: 'add' | 'delete';
  readonly pid?: number;
  readonly folder?: string;
}

const loader = new URL('../../../tools/typescript.mjs', import.meta.url).href;
const program = fileURLToPath(new URL('./watchdog.ts', import.meta.url));
let watchdog: ChildProcess | undefined;

/** Tells this process's watchdog, which is started with the first thing to watch. */
export function tellWatchdog(thing: WatchedThing): void {
  if (watchdog === undefined) {
    const { NODE_OPTIONS: _, ...env } = process.env;
    watchdog = spawn(process.execPath, ['--no-warnings', '--import', loader, program], {
      detached: true,
      env,
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    watchdog.on('error', () => {});
    watchdog.stdin?.on('error', () => {});
    watchdog.unref();
    (watchdog.stdin as unknown as { unref(): void }).unref();
  }
  watchdog.stdin?.write(`${JSON.stringify(thing)}\n`);
}

/** A new folder under the system's temporary one, removed when its owner says so or ends. */
export function temporaryFolder(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), `cache-tests-${name}-`));
  tellWatchdog({ action: 'add', folder });
  return folder;
}

/** Removes a folder of {@link temporaryFolder}. */
export function removeFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  tellWatchdog({ action: 'delete', folder });
}
