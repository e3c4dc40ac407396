import postgres from 'postgres';
import { readCommandLine } from './command-line.ts';
import { describeMachine } from './machine.ts';
import { contestants } from './postgres/contestants.ts';
import { postgresJsPools } from './postgres/postgres-js.ts';
import { providePostgresServer } from './postgres-server.ts';
import { Progress } from './progress.ts';
import { type Bar, writeReport } from './report.ts';
import { runName } from './run-name.ts';
import { runTournament } from './tournament.ts';

const OURS = '@cache/postgres';
const BARS: readonly Bar[] = [
  { operation: 'get', sizeBytes: 200, concurrency: 1, ours: OURS, atLeast: 0.9 },
  { operation: 'get', sizeBytes: 200, concurrency: 64, ours: OURS, atLeast: 2.3 },
  { operation: 'get', sizeBytes: 200, concurrency: 512, ours: OURS, atLeast: 3 },
  { operation: 'set', sizeBytes: 200, concurrency: 1, ours: OURS, atLeast: 0.9 },
  { operation: 'set', sizeBytes: 200, concurrency: 64, ours: OURS, atLeast: 2 },
];

const commandLine = readCommandLine(contestants, { whole: 5, quick: 4 });
const machine = describeMachine();
const progress = new Progress();
progress.show('starting a PostgreSQL');
const server = await providePostgresServer();
const sql = postgres(server.url, { max: 1, onnotice: () => {} });
const namespace = runName();
const schemaOf = (index: number): string => `${namespace}_${index}`;
try {
  const [version] = await sql`SHOW server_version`;
  const result = await runTournament(
    {
      ...commandLine,
      roster: new URL('./postgres/contestants.ts', import.meta.url),
      placeOf: (_, index) => ({ url: server.url, namespace: schemaOf(index) }),
    },
    progress,
  );
  const report = writeReport(
    {
      name: commandLine.isPartial ? 'postgres-partial' : 'postgres',
      title: 'PostgreSQL: get and set beside the drivers and the other caches',
      command: 'npm run bench:postgres',
      server: `PostgreSQL ${version?.['server_version']} on ${server.origin}`,
      contestants: commandLine.contestants,
      baseline: 'the fastest pool of postgres.js in that column (†), on the specification’s table',
      baselines: postgresJsPools.map(({ name }) => name),
      bars: BARS,
      machine,
    },
    result,
  );
  console.log(report);
} finally {
  for (const index of commandLine.contestants.keys()) {
    await sql.unsafe(`DROP SCHEMA IF EXISTS ${schemaOf(index)} CASCADE`);
  }
  await sql.end();
  await server.close();
}
