import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { waitUntil } from '@cache/test-servers';
import { expect, test } from '@jest/globals';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const script = `
  const { startRedis, startPostgres } = await import('./packages/test-servers/src/index.ts');
  const servers = await Promise.all([startRedis(), startPostgres()]);
  await servers[1].freeze();
  console.log(JSON.stringify(servers.map(({ pid, folder }) => ({ pid, folder }))));
  setInterval(() => {}, 1000);
`;

/** A zombie is not: where nobody looks after orphans, as in many containers, it stays for ever. */
function isThere(pid: number): boolean {
  try {
    if (process.platform === 'linux') return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

test('kill -9 of the process that started them ends its servers, frozen ones too, and removes their folders', async () => {
  const owner = spawn(process.execPath, ['--import', './tools/typescript.mjs', '--input-type=module', '-e', script], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = await new Promise<string[]>((resolve) =>
    createInterface({ input: owner.stdout }).once('line', (text) => resolve([text])),
  );
  const servers = JSON.parse(line ?? '[]') as { pid: number; folder: string }[];
  expect(servers.map(({ pid, folder }) => isThere(pid) && existsSync(folder))).toEqual([true, true]);
  owner.kill('SIGKILL');
  await waitUntil('The end of both servers and folders', 60_000, () =>
    servers.every(({ pid, folder }) => !isThere(pid) && !existsSync(folder)),
  );
});
