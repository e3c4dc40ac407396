/** Three buses that listen, and are closed when asked; nothing else keeps the process alive: `buses.ts <url> <client name>`. */
import { setTimeout as pause } from 'node:timers/promises';
import { redisBus } from '@cache/redis';
import { createClient } from 'redis';
import { answerQuestions } from './answer-questions.ts';

const [url = '', name = ''] = process.argv.slice(2);
const client = createClient({ url, name, socket: { reconnectStrategy: 50 } });
client.on('error', () => {});
let isClosed = false;
// Destroyed while it dials, a client of node-redis connects all the same.
client.on('connect', () => {
  if (isClosed) client.destroy();
});
await client.connect();
const buses = Array.from({ length: 3 }, (_, index) => redisBus(client, { name: `bus-${index}`, pollMs: 50 }));
for (const bus of buses) bus.subscribe({ onInvalidation: () => {}, onGap: () => {} });

await answerQuestions({
  live: async () => {
    while (buses.some(({ liveAtMs }) => liveAtMs === undefined)) await pause(10);
    return true;
  },
  close: async () => {
    await Promise.all(buses.map((bus) => bus.close()));
    isClosed = true;
    client.destroy();
    return 'closed';
  },
  left: () => process.getActiveResourcesInfo().filter((resource) => /^(TCP|Timeout)/.test(resource)),
});
