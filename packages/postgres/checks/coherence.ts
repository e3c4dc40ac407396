import { DatabaseCache, migrate } from '@cache/postgres';
import { startPostgres } from '@cache/test-servers';
import postgres from 'postgres';
import { maintain, RACES, type RaceGround, race } from '../test/coherence-races.ts';

/**
 * Each race 1,000 rounds, on both profiles, with and without removals being carried out and logs being trimmed; zero
 * stale. Then the control, which must not come out clean: `npm run check:coherence`.
 */
const ROUNDS = Number(process.env['ROUNDS'] ?? 1_000);
const enough = ({ rounds }: { readonly rounds: number }): boolean => rounds < ROUNDS;
let failures = 0;

const server = await startPostgres();
const sql = postgres(server.url, { max: 40, onnotice: () => {} });
try {
  for (const profile of ['standard', 'lean'] as const) {
    await migrate(sql, { schema: profile, profile });
    await sql.unsafe(`CREATE TABLE ${profile}.race_source (key text PRIMARY KEY, version int NOT NULL)`);
    const cache = new DatabaseCache<number>(sql, { schema: profile, readTimeoutMs: 20_000, writeTimeoutMs: 20_000 });
    const ground: RaceGround = { sql, schema: profile, cache };
    for (const [name, writer] of Object.entries(RACES)) {
      report(`${profile}: ${name}`, await race(ground, writer, 'fill', enough), 'clean');
      let isOver = false;
      const maintenance = maintain(ground, () => isOver);
      const result = await race(ground, writer, 'fill', enough);
      isOver = true;
      await maintenance;
      report(`${profile}: ${name}, with maintenance`, result, 'clean');
    }
    const control = RACES['removal after the commit'] as (typeof RACES)[string];
    report(`${profile}: control, set in place of fill`, await race(ground, control, 'set', enough), 'stale');
    await cache.close();
  }
} finally {
  await sql.end({ timeout: 1 });
  await server.close();
}
process.exitCode = failures > 0 ? 1 : 0;

function report(name: string, result: Awaited<ReturnType<typeof race>>, expected: 'clean' | 'stale'): void {
  const isGood = expected === 'clean' ? result.stale + result.lost === 0 && result.hits > 0 : result.stale > 0;
  if (!isGood) failures += 1;
  const { rounds, hits, stale, lost } = result;
  console.log(`${isGood ? 'ok  ' : 'FAIL'} ${name}: ${rounds} rounds, ${hits} hits, ${stale} stale, ${lost} lost`);
}
