/**
 * Closes what dials, in a process of its own: `close-while-dialling.ts <url> <kind> <client name>`. The name server takes as
 * long as it is told, and dialling with it. The address has a host name.
 */
import dns from 'node:dns';
import { setTimeout as pause } from 'node:timers/promises';
import { type RedisBus, RedisCache, redisBus } from '@cache/redis';
import { createClient, createCluster } from 'redis';
import { answerQuestions } from './answer-questions.ts';

const [url = '', kind = '', name = ''] = process.argv.slice(2);
const lookup = dns.lookup as (...args: unknown[]) => unknown;
const waiting: (() => void)[] = [];
let isSlow = false;
Object.assign(dns, {
  lookup: (...args: unknown[]) => {
    if (isSlow) waiting.push(() => lookup(...args));
    else lookup(...args);
  },
});

const TIMEOUT_MS = 100;

interface Connected {
  close(): Promise<unknown>;
}

async function listen(bus: RedisBus): Promise<void> {
  bus.subscribe({ onInvalidation: () => {}, onGap: () => {} });
  while (bus.liveAtMs === undefined) await pause(5);
}

const CONNECT: Readonly<Record<string, () => Promise<Connected>>> = {
  'a cache': () => RedisCache.connect(url),
  'a cache that never was connected': async () => {
    isSlow = true;
    return RedisCache.connect(url, { connectTimeoutMs: 50 });
  },
  'a bus': async () => {
    const client = createClient({ url });
    await client.connect();
    const bus = redisBus(client, { timeoutMs: TIMEOUT_MS });
    await listen(bus);
    return {
      close: async () => {
        await bus.close();
        client.destroy();
        // Dialling outlasts every deadline of the bus's.
        await pause(4 * TIMEOUT_MS);
      },
    };
  },
  'a bus over a cluster': async () => {
    const toName = (address: string) => ({ host: 'localhost', port: Number(address.split(':')[1]) });
    const client = createCluster({ rootNodes: [{ url }], nodeAddressMap: toName });
    client.on('error', () => {});
    await client.connect();
    const bus = redisBus(client, { name });
    await listen(bus);
    return {
      close: async () => {
        await bus.close();
        client.destroy();
      },
    };
  },
  'a client of node-redis': async () => {
    const client = createClient({ url });
    client.on('error', () => {});
    await client.connect();
    return { close: async () => client.destroy() };
  },
};

let connected: Connected | undefined;
await answerQuestions({
  connect: async () => {
    connected = await CONNECT[kind]?.();
    isSlow = true;
    return true;
  },
  dialling: () => waiting.length > 0,
  close: async () => {
    await connected?.close();
    isSlow = false;
    for (const proceed of waiting.splice(0)) proceed();
    return true;
  },
  left: () => process.getActiveResourcesInfo().filter((resource) => /^(TCP|Timeout|GetAddrInfo)/.test(resource)),
});
