import { parseArgs } from 'node:util';
import { DatabaseCache, migrate } from '@cache/postgres';
import { startPostgres } from '@cache/test-servers';
import postgres from 'postgres';
import { maintain, RACES, type RaceGround, type RaceResult, race } from '../test/coherence-races.ts';

/**
 * `npm run check:coherence`: each race 1,000 rounds, on both profiles, with and without removals being carried out and
 * logs being trimmed; zero stale. Then the control, which must not come out clean. `-- --rounds 200`: so many rounds.
 * `-- --seconds 20`: all of it in about so long, each race until it has proven something.
 */
const { values } = parseArgs({
  options: { seconds: { type: 'string' }, rounds: { type: 'string', default: '1000' } },
  strict: true,
});
const rounds = Number(values.rounds);
const seconds = values.seconds === undefined ? undefined : Number(values.seconds);
if (!(Number.isInteger(rounds) && rounds > 0)) throw new Error('--rounds is a whole number over 0.');
if (seconds !== undefined && !(seconds > 0)) throw new Error('--seconds is a number over 0.');

const PROFILES = ['standard', 'lean'] as const;
const CONTROL = 'removal after the commit';
/** Every race with and without maintenance, and the control. */
const RUNS = PROFILES.length * (2 * Object.keys(RACES).length + 1);
/** With `--seconds` a race that has proven nothing yet goes on for at most this many rounds. */
const MOST_ROUNDS = 5_000;

type Expectation = 'clean' | 'stale';

function isGood({ stale, lost, hits }: RaceResult, expected: Expectation): boolean {
  return expected === 'clean' ? stale + lost === 0 && hits > 0 : stale > 0;
}

/** How long one race goes on. */
function enoughFor(expected: Expectation): (soFar: RaceResult) => boolean {
  if (seconds === undefined) return (soFar) => soFar.rounds < rounds;
  const end = performance.now() + (seconds * 1_000) / RUNS;
  return (soFar) => performance.now() < end || (!isGood(soFar, expected) && isOpen(soFar, expected));
}

/** What is not good may still become so: a race without hits, a control that has found nothing. */
function isOpen({ rounds: played, stale, lost }: RaceResult, expected: Expectation): boolean {
  return played < MOST_ROUNDS && (expected === 'stale' || stale + lost === 0);
}

let failures = 0;

const server = await startPostgres();
const sql = postgres(server.url, { max: 40, onnotice: () => {} });
try {
  for (const profile of PROFILES) {
    const before = failures;
    let played = 0;
    const report = (name: string, result: RaceResult, expected: Expectation): void => {
      const { rounds: count, hits, stale, lost } = result;
      played += count;
      if (!isGood(result, expected)) failures += 1;
      const mark = isGood(result, expected) ? 'ok  ' : 'FAIL';
      console.log(`${mark} ${profile}: ${name}: ${count} rounds, ${hits} hits, ${stale} stale, ${lost} lost`);
    };
    await migrate(sql, { schema: profile, profile });
    await sql.unsafe(`CREATE TABLE ${profile}.race_source (key text PRIMARY KEY, version int NOT NULL)`);
    const cache = new DatabaseCache<number>(sql, { schema: profile, readTimeoutMs: 20_000, writeTimeoutMs: 20_000 });
    const ground: RaceGround = { sql, schema: profile, cache };
    for (const [name, writer] of Object.entries(RACES)) {
      report(name, await race(ground, writer, 'fill', enoughFor('clean')), 'clean');
      let isOver = false;
      const maintenance = maintain(ground, () => isOver);
      const result = await race(ground, writer, 'fill', enoughFor('clean'));
      isOver = true;
      await maintenance;
      report(`${name}, with maintenance`, result, 'clean');
    }
    const control = RACES[CONTROL] as (typeof RACES)[string];
    report('control, set in place of fill', await race(ground, control, 'set', enoughFor('stale')), 'stale');
    await cache.close();
    const verdict = failures === before ? 'coherent: none stale, none lost, and the control is stale' : 'FAILED';
    console.log(`${profile}: ${verdict}, ${played} rounds`);
  }
} finally {
  await sql.end({ timeout: 1 });
  await server.close();
}
process.exitCode = failures > 0 ? 1 : 0;
