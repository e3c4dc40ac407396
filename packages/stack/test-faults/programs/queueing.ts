import { spawnSync } from 'node:child_process';
import { openSync, writeSync } from 'node:fs';
import { InMemoryCache } from '@cache/memory';
import { createCache, FileJournal, writeBehind } from '@cache/stack';
import postgres from 'postgres';
import { PostgresStore } from '../postgres-store.ts';
import { answerQuestions } from './answer-questions.ts';

// A service with a write-behind cache: the database, the journal's directory ('' for none), how long writes wait, a file for
// what was acknowledged.
const [url = '', directory = '', maxDelayMs = '50', acknowledgedFile = ''] = process.argv.slice(2);

const sql = postgres(url, { max: 2, onnotice: () => {} });
const journal = directory === '' ? undefined : await FileJournal.open<string>({ directory });
const cache = createCache<string>({ l1: new InMemoryCache<string>() });
const entries = writeBehind<string>(cache, new PostgresStore(sql), {
  ...(journal !== undefined && { journal }),
  maxDelayMs: Number(maxDelayMs),
  maxBatch: 1_000,
  hooks: { onRetry: () => {}, onError: () => {} },
});

let isStorming = false;

/** Writes without end, and notes each write the moment it counts, in a file that outlives the process. */
async function storm(): Promise<void> {
  const file = openSync(acknowledgedFile, 'a');
  let version = 0;
  const writer = async (key: string): Promise<void> => {
    while (isStorming) {
      version += 1;
      const mine = version;
      await entries.set(key, `${mine}`);
      writeSync(file, `${key} ${mine}\n`);
    }
  };
  await Promise.all(Array.from({ length: 20 }, (_, index) => writer(`key ${index}`)));
}

/** Of util-linux: how large a file this process may make, which it may change again. */
const LIMITER = 'prlimit';

function limitFileSize(limit: string): void {
  const { status } = spawnSync(LIMITER, ['--pid', `${process.pid}`, `--fsize=${limit}:`]);
  if (status !== 0) throw new Error('prlimit failed.');
}

async function end(): Promise<void> {
  await entries.close();
  await journal?.close();
  await cache.close();
  await sql.end({ timeout: 1 });
}

process.once('SIGTERM', () => {
  isStorming = false;
  void end().then(() => process.exit(0));
});

await answerQuestions({
  'write-500': async () => {
    for (const round of ['old', 'new']) {
      await Promise.all(Array.from({ length: 500 }, (_, index) => entries.set(`key ${index}`, `${round} ${index}`)));
    }
    return entries.statistics.depth;
  },
  storm: () => {
    isStorming = true;
    void storm();
  },
  drain: () => entries.flush({ withinMs: 50_000 }),
  statistics: () => entries.statistics,
  'disk-full': () => limitFileSize('4096'),
  'disk-free': () => limitFileSize('unlimited'),
  'fill-the-disk': async () => {
    const codes: string[] = [];
    for (let index = 0; index < 100; index += 1) {
      const code = await entries.set(`fill ${index}`, 'x'.repeat(100)).then(
        () => 'kept',
        (error: { code: string; cause?: { code?: string } }) => `${error.code} ${error.cause?.code}`,
      );
      codes.push(code);
    }
    return codes;
  },
  'write-one-more': () => entries.set('one more', 'kept').then(() => 'kept'),
  'open-as-nobody': async () => {
    if (process.getuid?.() === 0) process.setuid?.(65_534);
    return FileJournal.open({ directory: acknowledgedFile }).then(
      () => 'opened',
      (error: { code: string; cause?: { code?: string } }) => `${error.code} ${error.cause?.code}`,
    );
  },
  terminate: () => {
    setImmediate(() => process.kill(process.pid, 'SIGTERM'));
  },
  end,
});
await end();
