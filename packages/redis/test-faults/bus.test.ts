import { type RedisBus, redisBus } from '@cache/redis';
import {
  type Server,
  startLoad,
  startProgram,
  startProxy,
  startRedis,
  type TcpProxy,
  waitUntil,
} from '@cache/test-servers';
import { describe, expect, test } from '@jest/globals';
import { createClient } from 'redis';
import { type Administrator, administer } from './administrator.ts';

const LIMIT_MS = 20_000;

/** The name that a listening process's connections have on the server: its client's, and its bus's own. */
const LISTENER = 'listener';

/** What a listener was told, and when. */
interface Told {
  readonly atMs: number;
  /** The key of a message; otherwise it was a gap. */
  readonly key?: string;
}

interface OpenBus extends AsyncDisposable {
  readonly bus: RedisBus;
  readonly told: readonly Told[];
}

/** A bus over a client of its own that reconnects at once; somebody listens to it. */
async function openBus(url: string, clientName: string): Promise<OpenBus> {
  const client = createClient({ url, name: clientName, socket: { reconnectStrategy: 50 } });
  client.on('error', () => {});
  await client.connect();
  const bus = redisBus(client, { pollMs: 50, timeoutMs: 500 });
  const told: Told[] = [];
  bus.subscribe({
    onInvalidation: (invalidation) => {
      if (invalidation.kind === 'key') told.push({ atMs: performance.now(), key: invalidation.key });
    },
    onGap: () => void told.push({ atMs: performance.now() }),
  });
  await waitUntil('The bus being live', LIMIT_MS, () => bus.liveAtMs !== undefined);
  return {
    bus,
    told,
    async [Symbol.asyncDispose]() {
      await bus.close();
      client.destroy();
    },
  };
}

async function killListeners(admin: Administrator): Promise<void> {
  const clients = String(await admin.send('CLIENT', 'LIST')).split('\n');
  for (const client of clients.filter((line) => line.includes(` name=${LISTENER} `))) {
    await admin.send('CLIENT', 'KILL', 'ID', /^id=(\d+)/.exec(client)?.[1] ?? '');
  }
}

interface Scene {
  readonly server: Server;
  readonly proxy: TcpProxy;
}

interface Fault {
  readonly row: string;
  readonly fault: string;
  /** Over once every connection of the listener's is hit. */
  strike(scene: Scene): unknown;
  /** What ends it; without one new connections are welcome at once. */
  mend?(scene: Scene): unknown;
}

const FAULTS: readonly Fault[] = [
  {
    row: 'row 36',
    fault: 'its connection is killed',
    async strike({ server }) {
      await using admin = await administer(server);
      await killListeners(admin);
    },
  },
  {
    row: 'row 36',
    fault: 'the server is killed and comes back empty',
    strike: ({ server }) => server.kill(),
    mend: ({ server }) => server.restart(),
  },
  { row: 'row 37', fault: 'its connection is half open', strike: ({ proxy }) => proxy.halfOpen() },
  {
    row: 'row 37',
    fault: 'the network swallows everything',
    strike: ({ proxy }) => proxy.blackhole(),
    mend: ({ proxy }) => proxy.restore(),
  },
  {
    row: 'row 37',
    fault: 'the server is frozen',
    strike: ({ server }) => server.freeze(),
    mend: ({ server }) => server.resume(),
  },
];

const ROUNDS = 3;

test.each(FAULTS)(
  '$row: while messages are published, $fault: there is a gap, liveAtMs stands still until it was told, and nothing is missed',
  async ({ strike, mend }) => {
    await using server = await startRedis();
    await using proxy = await startProxy(server.port);
    await using listening = await openBus(proxy.urlFor(server.url), LISTENER);
    await using publishing = await openBus(server.url, 'publisher');
    const { bus, told } = listening;
    const acknowledged: { readonly key: string; readonly sentAtMs: number; readonly atMs: number }[] = [];
    const load = startLoad(1, async () => {
      const sentAtMs = performance.now();
      const key = `sent at ${sentAtMs}`;
      await publishing.bus.publish([{ kind: 'key', key }]);
      acknowledged.push({ key, sentAtMs, atMs: performance.now() });
    });
    const moreMessages = async (): Promise<void> => {
      const { length } = acknowledged;
      await waitUntil('More messages', LIMIT_MS, () => acknowledged.length > length + 20);
    };

    for (let round = 0; round < ROUNDS; round += 1) {
      await moreMessages();
      const beforeMs = performance.now();
      await strike({ server, proxy });
      const struckAtMs = performance.now();
      if (mend !== undefined) {
        const { accepted } = proxy;
        await waitUntil('Two attempts to connect again', LIMIT_MS, () => proxy.accepted > accepted + 1);
        expect(bus.liveAtMs).toBeLessThanOrEqual(struckAtMs);
        expect(bus.liveAtMs).toBeGreaterThan(0);
        await mend({ server, proxy });
      }
      await waitUntil('A bus that is live again', LIMIT_MS, () => (bus.liveAtMs ?? 0) > struckAtMs);
      expect(told.some(({ atMs, key }) => key === undefined && atMs > beforeMs)).toBe(true);
    }
    await moreMessages();
    await load.stop();

    const lastAtMs = acknowledged.at(-1)?.atMs ?? 0;
    await waitUntil('A bus that was live after the last message', LIMIT_MS, () => (bus.liveAtMs ?? 0) > lastAtMs);
    const heard = new Set(told.map(({ key }) => key));
    const gapsAtMs = told.filter(({ key }) => key === undefined).map(({ atMs }) => atMs);
    const missed = acknowledged.filter(
      ({ key, sentAtMs }) => !heard.has(key) && !gapsAtMs.some((atMs) => atMs > sentAtMs),
    );
    expect(missed).toEqual([]);
    // A bus that told of gaps alone would miss nothing either.
    expect(acknowledged.filter(({ key }) => heard.has(key)).length).toBeGreaterThan(20 * ROUNDS);
  },
);

test('row 36: control: pub/sub loses what is published while the subscriber’s connection is killed, without a word', async () => {
  await using server = await startRedis();
  await using proxy = await startProxy(server.port);
  await using admin = await administer(server);
  const subscriber = createClient({ url: proxy.urlFor(server.url), socket: { reconnectStrategy: 50 } });
  subscriber.on('error', () => {});
  const heard: string[] = [];
  try {
    await subscriber.connect();
    await subscriber.subscribe('channel', (message) => void heard.push(message));
    await proxy.refuse();
    // The server has seen the end of the connection only once nobody is told.
    await waitUntil(
      'Nobody being told',
      LIMIT_MS,
      async () => Number(await admin.send('PUBLISH', 'channel', 'killed')) === 0,
    );
    expect(await admin.send('PUBLISH', 'channel', 'meanwhile')).toBe(0);
    await proxy.restore();
    await waitUntil(
      'A subscriber again',
      LIMIT_MS,
      async () => Number(await admin.send('PUBLISH', 'channel', 'x')) > 0,
    );
    await waitUntil('What came after', LIMIT_MS, () => heard.length > 0);
    expect(heard).not.toContain('meanwhile');
  } finally {
    subscriber.destroy();
  }
});

describe('row 61: buses closed while', () => {
  test.each<Fault>([{ row: '', fault: 'all is well', strike: () => {} }, ...FAULTS])(
    '$fault leave no connection and no timer, and their process ends by itself',
    async ({ strike, mend }) => {
      await using server = await startRedis();
      await using proxy = await startProxy(server.port);
      const program = new URL('./programs/buses.ts', import.meta.url);
      await using buses = startProgram(program, proxy.urlFor(server.url), LISTENER);
      expect(await buses.ask('live')).toBe(true);
      const { accepted } = proxy;
      await strike({ server, proxy });
      // In the middle of connecting, and of waiting for that.
      if (mend !== undefined) await waitUntil('New attempts', LIMIT_MS, () => proxy.accepted > accepted + 3);
      expect(await buses.ask('close')).toBe('closed');
      await waitUntil('Nothing being left', LIMIT_MS, async () => ((await buses.ask('left')) as string[]).length === 0);
      expect(await buses.end()).toEqual({ code: 0, signal: null, stderr: '' });
      await mend?.({ server, proxy });
    },
  );
});
