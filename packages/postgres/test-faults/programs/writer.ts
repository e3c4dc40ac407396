/** Writes ten chunks of ten items, each chunk in one statement with one value, over and over: `writer.ts <url>`. */
import { DatabaseCache } from '@cache/postgres';
import { answerQuestions } from './answer-questions.ts';

const [url = ''] = process.argv.slice(2);
const cache = await DatabaseCache.connect<string>(url, { namespace: 'chunks', hooks: { onError: () => {} } });
let rounds = 0;
let isStopped = false;

async function write(): Promise<void> {
  while (!isStopped) {
    try {
      for (let chunk = 0; chunk < 10; chunk += 1) {
        const value = `${process.pid} ${rounds}`;
        await cache.mset(
          Array.from({ length: 10 }, (_, index) => [`${chunk}-${index}`, value]),
          null,
        );
      }
      rounds += 1;
    } catch {
      await new Promise((again) => setTimeout(again, 20));
    }
  }
}

const writing = write();
await answerQuestions({ rounds: () => rounds });
isStopped = true;
await writing;
await cache.close();
