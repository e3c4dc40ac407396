/** A bus behind a pooler that others use too: `pooled-bus.ts <pooler's url> <server's url>`. */
import { setTimeout as pause } from 'node:timers/promises';
import { postgresBus } from '@cache/postgres';
import { openPool } from '../cache-pools.ts';
import { answerQuestions } from './answer-questions.ts';

const [pooled = '', direct = ''] = process.argv.slice(2);
const sql = openPool(pooled, { max: 4, prepare: false });
const publishersSql = openPool(direct, { max: 1 });
const bus = postgresBus(sql, { pollIntervalMs: 20, namespace: 'pooled' });
const publisher = postgresBus(publishersSql, { namespace: 'pooled' });
let heard = 0;
let gaps = 0;
bus.subscribe({
  onInvalidation: () => {
    heard += 1;
  },
  onGap: () => {
    heard += 1;
    gaps += 1;
  },
});

// Others take and return the server's processes, so the bus gets another one now and then.
let isBusy = true;
const others = Array.from({ length: 6 }, async () => {
  while (isBusy) await sql`SELECT pg_sleep(0.005 * random())`.catch(() => {});
});

await answerQuestions({
  'publish and hear': async () => {
    for (let round = 0; round < 5; round += 1) {
      const before = heard;
      await publisher.publish([{ kind: 'key', key: `k${round}` }]);
      while (heard === before) await pause(10);
    }
    return 'heard';
  },
  gaps: () => gaps,
});
isBusy = false;
await Promise.all(others);
await Promise.all([bus.close(), publisher.close(), sql.end({ timeout: 1 }), publishersSql.end({ timeout: 1 })]);
