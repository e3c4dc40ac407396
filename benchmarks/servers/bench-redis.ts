import { startRedis } from '@cache/test-servers';
import { createClient } from 'redis';
import { readCommandLine } from './command-line.ts';
import { describeMachine } from './machine.ts';
import { Progress } from './progress.ts';
import { contestants } from './redis/contestants.ts';
import { nodeRedisTimeoutOff } from './redis/node-redis.ts';
import { type Bar, writeReport } from './report.ts';
import { runName } from './run-name.ts';
import { runTournament } from './tournament.ts';

const OURS = '@cache/redis';
const BARS: readonly Bar[] = [
  { operation: 'get', sizeBytes: 200, concurrency: 1, ours: OURS, atLeast: 0.95 },
  { operation: 'get', sizeBytes: 200, concurrency: 16, ours: OURS, atLeast: 1.2 },
  { operation: 'get', sizeBytes: 200, concurrency: 64, ours: OURS, atLeast: 1.5 },
  { operation: 'get', sizeBytes: 200, concurrency: 512, ours: OURS, atLeast: 1.7 },
  { operation: 'get', sizeBytes: 2_048, concurrency: 64, ours: OURS, atLeast: 1.1 },
  { operation: 'get', sizeBytes: 20_480, concurrency: 64, ours: OURS, atLeast: 1 },
  { operation: 'set', sizeBytes: 200, concurrency: 1, ours: OURS, atLeast: 0.95 },
  { operation: 'set', sizeBytes: 200, concurrency: 64, ours: OURS, atLeast: 1 },
  { operation: 'set', sizeBytes: 200, concurrency: 512, ours: OURS, atLeast: 1 },
];

const commandLine = readCommandLine(contestants, { whole: 11, quick: 5 });
const machine = describeMachine();
const progress = new Progress();
progress.show('starting a Redis');
const named = process.env['REDIS_URL'];
const server = named ? undefined : await startRedis();
const url = named ?? server?.url ?? '';
const namespace = runName();
try {
  const result = await runTournament(
    {
      ...commandLine,
      roster: new URL('./redis/contestants.ts', import.meta.url),
      placeOf: (_, index) => ({ url, namespace: `${namespace}_${index}` }),
    },
    progress,
  );
  const report = writeReport(
    {
      name: commandLine.isPartial ? 'redis-partial' : 'redis',
      title: 'Redis: get and set beside the raw clients and the other caches',
      command: 'npm run bench:redis',
      server: await describeServer(),
      contestants: commandLine.contestants,
      baseline: 'node-redis with its timeout off',
      baselines: [nodeRedisTimeoutOff.name],
      bars: BARS,
      machine,
    },
    result,
  );
  console.log(report);
} finally {
  if (server === undefined) await removeOurKeys();
  await server?.close();
}

async function describeServer(): Promise<string> {
  const client = await createClient({ url }).connect();
  const version = /redis_version:(\S+)/.exec(await client.info('server'))?.[1];
  await client.close();
  return `Redis ${version} on ${named ? 'REDIS_URL' : 'loopback, nothing on disk'}`;
}

/** On a server that is not our own, what this run stored and nothing else. */
async function removeOurKeys(): Promise<void> {
  const client = await createClient({ url }).connect();
  for await (const keys of client.scanIterator({ MATCH: `*${namespace}_*`, COUNT: 1_000 })) {
    if (keys.length > 0) await client.unlink(keys);
  }
  await client.close();
}
