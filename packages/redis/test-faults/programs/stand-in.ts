/** A cache on a client of this program's own, which ends the one or the other when asked: `stand-in.ts <url>`. */
import { RedisCache } from '@cache/redis';
import { createClient } from 'redis';
import { answerQuestions } from './answer-questions.ts';

const [url = ''] = process.argv.slice(2);
const client = createClient({ url });
const cache = new RedisCache(client, { prefix: 'app:', hooks: { onError: () => {} } });
await client.connect();

await answerQuestions({
  ready: () => cache.set('a', 1),
  async recover() {
    for (;;) {
      const value = await cache.get('a').catch(() => undefined);
      if (value !== undefined) return value;
    }
  },
  'destroys the client': () => client.destroy(),
  async 'closes the cache'() {
    await cache.close();
    // Its socket is dead, and would be all that is left.
    client.unref();
  },
});
