/** How long after a value is there a caller of another process has it, who waited for it without the lease. */
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { RedisCache } from '@cache/redis';
import { createCache, type StackCache } from '@cache/stack';
import { provideServers, uniqueName } from '@cache/test-servers';
import { createClient } from 'redis';
import { publish, table } from '../memory/results.ts';

const { values } = parseArgs({ options: { keys: { type: 'string', default: '200' } } });
const KEYS = Number(values.keys);
const LOADS_MS = [5, 20, 50, 100, 300, 1_000] as const;
/** Keys begin apart, so that what is measured is the wait and not the queue for the processor. */
const APART_MS = 3;

const servers = await provideServers(['redis']);
const url = servers.env['REDIS_URL'] ?? '';
const name = uniqueName('waiting');
const clients = await Promise.all([createClient({ url }).connect(), createClient({ url }).connect()]);
/** Two stacks know of each other what two processes do: what is in Redis. */
const [holder, waiter] = clients.map((client) =>
  createCache({ l2: new RedisCache(client, { prefix: `${name}:` }) }),
) as [StackCache, StackCache];

/** Milliseconds from the holder's answer to the waiter's. */
async function extraWait(key: string, loadMs: number): Promise<number> {
  let begin: () => void = () => {};
  const hasBegun = new Promise<void>((resolve) => {
    begin = resolve;
  });
  const load = async (): Promise<string> => {
    begin();
    await pause(loadMs);
    return key;
  };
  const held = holder.getOrSet(key, load).then(() => performance.now());
  await hasBegun;
  const forbidden = (): never => {
    throw new Error('Two processes loaded one key.');
  };
  const waited = waiter.getOrSet(key, forbidden).then(() => performance.now());
  const [heldAtMs, waitedAtMs] = await Promise.all([held, waited]);
  return Math.max(0, Math.round((waitedAtMs - heldAtMs) * 100) / 100);
}

async function extraWaits(loadMs: number): Promise<number[]> {
  const waits: Promise<number>[] = [];
  for (let index = 0; index < KEYS; index += 1) {
    waits.push(extraWait(`${loadMs}:${index}`, loadMs));
    await pause(APART_MS);
  }
  return (await Promise.all(waits)).sort((one, other) => one - other);
}

// A first row that is not shown: code that has run little is still interpreted.
await extraWaits(30);
const rows: { readonly loadMs: number; readonly waits: readonly number[] }[] = [];
for (const loadMs of LOADS_MS) {
  rows.push({ loadMs, waits: await extraWaits(loadMs) });
  for await (const keys of clients[0].scanIterator({ MATCH: `${name}*`, COUNT: 1000 })) {
    if (keys.length > 0) await clients[0].unlink(keys);
  }
}

const at = (sorted: readonly number[], share: number): string =>
  (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN).toFixed(1);
publish(
  'stack-waiting',
  [
    '# Waiting for another process',
    'Run again with `npm run bench:stack:waiting` in `benchmarks`.',
    `One process loads a key, another asks for it right after the load began, over a Redis on the same machine. How much later than the first the second has the value, over ${KEYS} keys a row.`,
    table(
      ['the load takes', 'median', 'p90', 'worst'],
      rows.map(({ loadMs, waits }) => [`${loadMs} ms`, ...[0.5, 0.9, 1].map((share) => `${at(waits, share)} ms`)]),
    ),
  ],
  Object.fromEntries(rows.map(({ loadMs, waits }) => [loadMs, waits])),
);
await Promise.all([holder.close(), waiter.close()]);
await Promise.all(clients.map((client) => client.close()));
await servers.close();
