import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
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

function isThere(pid: number): boolean {
  try {
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
  await waitUntil('The end of both servers and folders', 20_000, () =>
    servers.every(({ pid, folder }) => !isThere(pid) && !existsSync(folder)),
  );
});
