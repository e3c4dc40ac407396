/** Three buses that listen, and are closed when asked; nothing else keeps the process alive: `buses.ts <url>`. */
import { setTimeout as pause } from 'node:timers/promises';
import { postgresBus } from '@cache/postgres';
import { openPool } from '../cache-pools.ts';
import { answerQuestions } from './answer-questions.ts';

const [url = ''] = process.argv.slice(2);
const buses = Array.from({ length: 3 }, () => postgresBus(openPool(url, { max: 1 }), { pollIntervalMs: 50 }));
for (const bus of buses) bus.subscribe({ onInvalidation: () => {}, onGap: () => {} });

await answerQuestions({
  live: async () => {
    while (buses.some(({ liveAtMs }) => liveAtMs === undefined)) await pause(10);
    return true;
  },
  wait: () => pause(1_500, 'waited'),
  close: async () => {
    await Promise.all(buses.map((bus) => bus.close()));
    return 'closed';
  },
});
