/**
 * `check-coherence.ts`: every schedule of the tests that play a sample in `npm test`, then each server in each weather for a
 * minute. `check-coherence.ts --seconds 5`: each server in each weather for so long. Fails if a promise is broken.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { provideServers } from '@cache/test-servers';
import { complaints, DESIGNS, runCoherence } from './coherence-run.ts';

const BOUND_MS = 2_000;
const { values } = parseArgs({ options: { seconds: { type: 'string' } }, strict: true });
const seconds = Number(values.seconds ?? 60);
if (!(seconds > 0)) throw new Error('--seconds is a number over 0.');

const servers = await provideServers();
Object.assign(process.env, servers.env);
const broken: string[] = values.seconds === undefined && !playsWhole() ? ['schedules'] : [];
let runs = 0;
console.log(`Redis and PostgreSQL, in three weathers each, for ${seconds} s each.`);
try {
  for (const backend of ['redis', 'postgres'] as const) {
    for (const weather of ['calm', 'stormy', 'icy'] as const) {
      if (process.stdout.isTTY) process.stdout.write(`${backend}, ${weather}: ${seconds} s …\r`);
      runs += 1;
      const tallies = await runCoherence(backend, weather, seconds);
      for (const design of DESIGNS) {
        const { reads, writes, refusedWrites, stale, worstAgeMs } = tallies[design];
        console.log(
          `${backend}, ${weather}, ${design}: ${reads} reads, ${writes} invalidations and ${refusedWrites} refused, ${stale} stale, the oldest ${worstAgeMs} ms`,
        );
      }
      broken.push(...complaints(tallies, BOUND_MS).map((complaint) => `${backend}, ${weather}, ${complaint}`));
    }
  }
} finally {
  await servers.close();
}
for (const complaint of broken) console.error(`BROKEN ${complaint}`);
console.log(
  broken.length === 0
    ? `KEPT in all ${runs} runs: nothing stale from the second level, nothing older than ${BOUND_MS} ms from the first, and cache-aside was caught each time.`
    : `BROKEN: ${broken.length} complaints in ${runs} runs.`,
);
process.exitCode = broken.length === 0 ? 0 : 1;

/** The tests whose number of runs is `runCount`'s, each with the whole. */
function playsWhole(): boolean {
  const jest = fileURLToPath(new URL('../../../../node_modules/jest/bin/jest.js', import.meta.url));
  const flags = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning'];
  const { status } = spawnSync(process.execPath, [...flags, jest, 'schedules', 'outage-model', 'file-journal'], {
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
    env: { ...process.env, CHECK_COHERENCE: 'all' },
    stdio: 'inherit',
  });
  return status === 0;
}
