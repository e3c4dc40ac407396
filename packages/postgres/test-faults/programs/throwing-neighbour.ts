/** An application whose queries throw in their serialiser, on the pool that it shares with its cache: `throwing-neighbour.ts <url>`. */
import { DatabaseCache } from '@cache/postgres';
import { openPool } from '../cache-pools.ts';
import { DEADLINES } from '../failures.ts';
import { answerQuestions } from './answer-questions.ts';

const [url = ''] = process.argv.slice(2);
const sql = openPool(url, { max: 2 });
const options = { ...DEADLINES, namespace: 'neighbour', maxBatchSize: 1, hooks: { onError: () => {} } };
const cache = new DatabaseCache<number>(sql, options);
await sql`CREATE TABLE IF NOT EXISTS neighbours (value jsonb)`;

function insert(value: unknown): Promise<unknown> {
  return sql`INSERT INTO neighbours VALUES (${sql.json(value as never)})`.catch(() => undefined);
}

async function mix(): Promise<unknown> {
  const cyclic: { self?: unknown } = {};
  cyclic.self = cyclic;
  await cache.mset(Array.from({ length: 40 }, (_, index) => [`k${index}`, index]));
  await insert({ fine: true });
  const tally = { right: 0, wrong: 0, failed: 0, unsettled: 0 };
  for (let round = 0; round < 40; round += 1) {
    const reads = Array.from({ length: 8 }, async (_, offset) => {
      const index = (round + offset) % 40;
      tally.unsettled += 1;
      try {
        const value = await cache.get(`k${index}`);
        if (value === index) tally.right += 1;
        else if (value !== undefined) tally.wrong += 1;
      } catch {
        tally.failed += 1;
      }
      tally.unsettled -= 1;
    });
    void insert(cyclic);
    await Promise.race([Promise.all(reads), new Promise((give) => setTimeout(give, 20_000).unref())]);
  }
  return tally;
}

await answerQuestions({ mix });
await cache.close();
await sql.end({ timeout: 0 });
// A connection that postgres.js has mixed up is the application's own to wait for.
process.exit();
