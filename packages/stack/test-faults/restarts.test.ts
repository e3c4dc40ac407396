import { execFile } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createCache, type StackCache, type StackOptions } from '@cache/stack';
import { type Server, settle, waitUntil } from '@cache/test-servers';
import { describe, expect, test } from '@jest/globals';
import { createClient } from 'redis';
import { BACKENDS, type Backend, type BackendName } from './backends.ts';

/** Files keep their owner, which PostgreSQL insists on. */
const copyFolder = (from: string, to: string): Promise<unknown> => promisify(execFile)('cp', ['-a', from, to]);

/** Two seconds are promised, and proven by manual time in test/circuit-breaker.test.ts; the rest is room for a busy machine. */
const RECOVERY_LIMIT_MS = 30_000;

/** The server as it is now is what it comes back with; `end` ends it, and puts that in the place of what it wrote since. */
interface Snapshot {
  end(): Promise<void>;
}

const SNAPSHOTS: Readonly<Record<BackendName, (server: Server) => Promise<Snapshot>>> = {
  async redis(server) {
    const client = createClient({ url: server.url });
    await client.connect();
    await client.sendCommand(['SAVE']);
    client.destroy();
    return { end: () => server.kill() };
  },
  async postgres(server) {
    const data = join(server.folder, 'data');
    const copy = join(server.folder, 'copy');
    await server.stop();
    await copyFolder(data, copy);
    await server.restart();
    return {
      async end() {
        await server.stop();
        await rm(data, { recursive: true });
        await copyFolder(copy, data);
      },
    };
  },
};

/** With two items in it. */
async function snapshotOf(backend: Backend, server: Server): Promise<Snapshot> {
  const writer = await backend.open<string>(server.url);
  try {
    await writer.set('removed', 'old', 600);
    await writer.set('kept', 'here', 600);
  } finally {
    await writer.close();
  }
  return SNAPSHOTS[backend.backend](server);
}

/** Two items, one of them removed after the snapshot, and a server that was restarted from it. */
async function afterRestart(
  backend: Backend,
  onRestart: StackOptions['onRestart'],
  check: (cache: StackCache<string>) => Promise<void>,
): Promise<void> {
  await using server = await backend.start();
  const snapshot = await snapshotOf(backend, server);
  const l2 = await backend.open<string>(server.url);
  try {
    await using cache = createCache<string>({ l2, hooks: { onError: () => {} }, ...(onRestart && { onRestart }) });
    await waitUntil('The server answering', RECOVERY_LIMIT_MS, async () => (await cache.get('kept')) === 'here');
    expect(await cache.get('removed')).toBe('old');
    expect(await cache.removeItem('removed')).toBe(true);
    await snapshot.end();
    expect(await settle(cache.get('kept'), 5_000)).toMatchObject({ state: 'fulfilled', value: undefined });
    await server.restart();
    await check(cache);
  } finally {
    await l2.close();
  }
}

describe.each(BACKENDS)('$backend, restarted from an older snapshot', (backend) => {
  test('row 25: control: with onRestart: "trust", what was removed is there again', async () => {
    await afterRestart(backend, undefined, async (cache) => {
      await waitUntil('The second level', RECOVERY_LIMIT_MS, async () => (await cache.get('kept')) === 'here');
      expect(await cache.get('removed')).toBe('old');
    });
  });

  test('row 25: with onRestart: "clear", what was removed is never read, and the second level is used again, empty', async () => {
    await afterRestart(backend, 'clear', async (cache) => {
      const read = new Set<unknown>();
      await waitUntil('The second level', RECOVERY_LIMIT_MS, async () => {
        read.add(await cache.get('removed'));
        return (await cache.set('new', 'here').catch(() => false)) === undefined;
      });
      expect(read).toEqual(new Set([undefined]));
      expect(await cache.get('new')).toBe('here');
      expect(await cache.mget(['removed', 'kept'])).toEqual([undefined, undefined]);
    });
  });
});
