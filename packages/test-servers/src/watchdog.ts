import { rmSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { isRunning, killTree } from './process-tree.ts';
import type { WatchedThing } from './watched.ts';

/**
 * A process of its own that outlives its owner: when the pipe on its standard input ends, however its owner ended, `kill -9`
 * and Ctrl-C included, it kills the servers and removes the folders that it was told of and that are still there.
 */
const processes = new Set<number>();
const folders = new Set<string>();

for await (const line of createInterface({ input: process.stdin })) {
  const { action, pid, folder } = JSON.parse(line) as WatchedThing;
  if (pid !== undefined) processes[action](pid);
  if (folder !== undefined) folders[action](folder);
}

const killed = [...processes].flatMap((pid) => (isRunning(pid) ? killTree(pid) : []));
const giveUpAt = performance.now() + 5_000;
while (killed.some(isRunning) && performance.now() < giveUpAt) await new Promise((done) => setTimeout(done, 20));
for (const folder of folders) rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
