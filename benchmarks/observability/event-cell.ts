import { createHookDispatcher, type HookDispatcher } from '@cache/core';
import { hookSetups } from './hook-roster.ts';

/**
 * In a process of its own: the nanoseconds for telling hooks of one get that found its item, as a cache in Redis tells of so
 * many that end together; by their number, on standard output. No server and no clock is in it.
 */
const [name, ...counts] = process.argv.slice(2);
const setup = hookSetups.find((candidate) => candidate.name === name);
if (setup === undefined) throw new Error(`There are no hooks "${name}".`);

const CALLS = 64_000;
const ROUNDS = 30;
const PAYLOAD_BYTES = 200;

const { hooks, close } = await setup.open();
const dispatcher = createHookDispatcher(hooks, { cache: 'users', backend: 'redis' });

function tell(told: HookDispatcher, count: number, durationMs: number): void {
  if (told.takesReadsTogether) {
    told.reads('get', count, 0, durationMs, () => count * PAYLOAD_BYTES);
    return;
  }
  for (let call = 0; call < count; call += 1) {
    told.hit('get', 'user:7', durationMs, PAYLOAD_BYTES);
    told.operation('get', 'hit', durationMs);
  }
}

function nanosecondsPerGet(told: HookDispatcher, count: number): number {
  const startedAt = process.hrtime.bigint();
  for (let call = 0; call < CALLS; call += count) tell(told, count, 0.1 + (call % 1_000) / 1_000);
  return Number(process.hrtime.bigint() - startedAt) / CALLS;
}

// What else the machine does can only make a loop slower.
const least = (count: number): number =>
  dispatcher === undefined
    ? 0
    : Math.min(...Array.from({ length: ROUNDS }, () => nanosecondsPerGet(dispatcher, count)));
console.log(JSON.stringify(counts.map((count) => least(Number(count)))));
await close();
process.exit(0);
