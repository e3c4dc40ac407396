/** An application that ends its pool before its cache, and then does nothing more: `ends-its-pool.ts <url>`. */
import { DatabaseCache } from '@cache/postgres';
import { openPool } from '../cache-pools.ts';
import { answerQuestions } from './answer-questions.ts';

const [url = ''] = process.argv.slice(2);
const sql = openPool(url, { max: 1 });
const cache = new DatabaseCache<string>(sql, { hooks: { onError: () => {} } });

await answerQuestions({
  set: async () => {
    await cache.set('a', 'value', null);
    return 'done';
  },
  get: () => cache.get('a').catch((error: { code: string }) => error.code),
  'end the pool': async () => {
    await sql.end({ timeout: 0 });
    return 'done';
  },
});
