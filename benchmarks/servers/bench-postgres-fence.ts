import { writeFileSync } from 'node:fs';
import { DatabaseCache, migrate } from '@cache/postgres';
import postgres, { type Sql } from 'postgres';
import { type Spread, spreadOf } from './comparison.ts';
import { describeMachine, describePackages } from './machine.ts';
import { unfenced } from './postgres/unfenced.ts';
import { providePostgresServer } from './postgres-server.ts';
import { Progress } from './progress.ts';
import { runName } from './run-name.ts';
import { SampleValues } from './sample-values.ts';

/*
 * What the fence costs a read: the statement that DatabaseCache sends, taken from the driver as it goes by, against the
 * one for untagged items without the part that asks for tags and logs. One connection, one statement at a time, turn by
 * turn. A cache that has met a tagged item, or a log that is not empty, asks the logs at once: what is compared is the
 * statement that it has settled on.
 */
const IS_QUICK = process.argv.includes('--quick');
const ROUNDS = IS_QUICK ? 5 : 21;
const SLICE_MS = IS_QUICK ? 15 : 40;
const ITEMS = 1_024;
const SIZE_BYTES = 200;
const BATCHES = [1, 64] as const;
const TAGS = ['bench-even', 'bench-odd'] as const;
const TAGS_PER_CALL = 1_000;
const LIMIT_MS = 60_000;

/** What the logs hold when a read comes, in the order in which it piles up. */
const LOGS = [
  { name: 'both logs empty', removals: 0, tags: 0 },
  { name: '1,000 tags invalidated', removals: 0, tags: 1_000 },
  { name: '20 removals pending, 1,000 tags invalidated', removals: 20, tags: 1_000 },
  { name: '20 removals pending, 100,000 tags invalidated', removals: 20, tags: 100_000 },
] as const;

interface Query {
  readonly text: string;
  readonly parameters: readonly unknown[];
}

const machine = describeMachine();
const progress = new Progress();
progress.show('starting a PostgreSQL');
const server = await providePostgresServer();
const schema = runName();
let lastQuery: Query | undefined;
const sql = postgres(server.url, {
  max: 1,
  onnotice: () => {},
  debug: (_connection, text, parameters) => {
    lastQuery = { text, parameters };
  },
});
const logging = postgres(server.url, { max: 1, onnotice: () => {} });

try {
  await sql.unsafe(`CREATE SCHEMA ${schema}`);
  await migrate(sql, { schema });
  const cache = new DatabaseCache(logging, { schema, writeTimeoutMs: LIMIT_MS });
  const values = new SampleValues(SIZE_BYTES, ITEMS);
  const entries = values.keys.map((key, index) => [key, values.value(index, 1)] as const);
  await cache.mset(
    entries.map(([key, value]) => [`untagged ${key}`, value]),
    { expirationInSeconds: null },
  );
  await cache.mset(
    entries.map(([key, value]) => [`tagged ${key}`, value]),
    { expirationInSeconds: null, tags: TAGS },
  );

  const bare = {
    1: unfenced((await settledQuery([`untagged ${values.keys[0]}`])).text),
    64: unfenced((await settledQuery(values.keys.slice(0, 64).map((key) => `untagged ${key}`))).text),
  };

  const rows: string[][] = [];
  let tags = 0;
  for (const [step, state] of LOGS.entries()) {
    progress.step(step, LOGS.length, state.name);
    for (; tags < state.tags; tags += TAGS_PER_CALL) await cache.invalidateTags(tagNames(tags));
    await logging.unsafe(`VACUUM ANALYZE ${schema}.cache, ${schema}.cache_removal, ${schema}.cache_tag`);
    const figures: Spread[] = [];
    for (const kind of ['untagged', 'tagged']) {
      for (const batch of BATCHES) {
        const keys = values.keys.slice(0, batch).map((key) => `${kind} ${key}`);
        await logRemovals(state.removals);
        const fenced = await settledQuery(keys);
        const parameters = [...fenced.parameters.slice(0, -1), batch === 1 ? keys[0] : JSON.stringify(keys)];
        await logRemovals(state.removals);
        figures.push(await compare(fenced, { text: bare[batch], parameters }, batch));
        await expectRemovals(state.removals);
      }
    }
    rows.push([
      state.name,
      ...figures.map(({ low, median, high }) => `${median.toFixed(2)} (${low.toFixed(2)}–${high.toFixed(2)})`),
    ]);
  }
  progress.end();
  const report = markdown(rows);
  if (!IS_QUICK) writeFileSync(new URL('../results/postgres-fence.md', import.meta.url), report);
  console.log(report);
} finally {
  await logging.unsafe(`DROP SCHEMA IF EXISTS ${schema} CASCADE`);
  await Promise.all([sql.end(), logging.end()]);
  await server.close();
}

/** The statement with which a cache of its own comes to read `keys` in one tick, once it knows what they are like. */
async function settledQuery(keys: readonly string[]): Promise<Query> {
  const cache = new DatabaseCache(sql, { schema, readTimeoutMs: LIMIT_MS });
  for (let read = 0; read < 2; read++) {
    const found = await Promise.all(keys.map((key) => cache.get(key)));
    if (found.includes(undefined)) throw new Error('An item that was stored is not found.');
  }
  await cache.close();
  if (lastQuery === undefined) throw new Error('The driver did not tell of any statement.');
  return lastQuery;
}

/** How many times as fast the fenced statement is as the unfenced one: at most 1, but for noise. */
async function compare(fenced: Query, bareQuery: Query, expectedRows: number): Promise<Spread> {
  const queries = [fenced, bareQuery] as const;
  const ratios: number[] = [];
  for (let round = 0; round <= ROUNDS; round++) {
    const rates = [0, 0];
    for (const turn of [round % 2, 1 - (round % 2)]) {
      rates[turn] = await rateOf(sql, queries[turn] as Query, expectedRows);
    }
    // The first round is not counted: its statements were prepared and planned in it.
    if (round > 0) ratios.push((rates[0] as number) / (rates[1] as number));
  }
  return spreadOf(ratios);
}

async function rateOf(connection: Sql, { text, parameters }: Query, expectedRows: number): Promise<number> {
  const startedAt = performance.now();
  let calls = 0;
  let elapsedMs = 0;
  for (; elapsedMs < SLICE_MS; elapsedMs = performance.now() - startedAt) {
    const found = await connection.unsafe(text, parameters as string[], { prepare: true }).values();
    if (found.length !== expectedRows) throw new Error(`${found.length} rows instead of ${expectedRows}.`);
    calls++;
  }
  return calls / elapsedMs;
}

/** Puts so many removals of other keys into the log, as transactions do. A cache that meets them carries them out soon. */
async function logRemovals(count: number): Promise<void> {
  await logging.unsafe(`DELETE FROM ${schema}.cache_removal`);
  await logging.unsafe(
    `INSERT INTO ${schema}.cache_removal (key) SELECT sha256(convert_to('never read ' || n, 'UTF8')) FROM generate_series(1, ${count}) n`,
  );
}

/** @throws Error when something was measured on a log that did not stay as it was said to be */
async function expectRemovals(count: number): Promise<void> {
  const [row] = await logging.unsafe(`SELECT count(*)::int AS count FROM ${schema}.cache_removal`);
  if (row?.['count'] !== count) throw new Error(`${row?.['count']} removals are pending, not ${count}.`);
}

function tagNames(first: number): readonly string[] {
  return Array.from({ length: TAGS_PER_CALL }, (_, index) => `unrelated ${first + index}`);
}

function markdown(rows: readonly (readonly string[])[]): string {
  const head = ['the logs hold', 'untagged, 1 key', 'untagged, 64 keys', '2 tags, 1 key', '2 tags, 64 keys'];
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return `# PostgreSQL: what the fence costs a read

\`npm run bench:postgres:fence\` · ${machine.takenAt.slice(0, 16).replace('T', ' ')} UTC · Node ${machine.node} · ${machine.processors} · PostgreSQL on ${server.origin} · load before the run ${machine.loadBefore}

Packages: ${describePackages(['@cache/postgres', 'postgres']).join(', ')}.

The statement that \`get\` has settled on, times as fast as the one for untagged items without the part that asks for tags
and logs; 1.00 is no cost. Median of ${ROUNDS} rounds of two slices of ${SLICE_MS} ms, in brackets the middle half. One connection, one statement at
a time, ${ITEMS} items of ${SIZE_BYTES} bytes each with and without tags.

${[line(head), line(head.map((_, column) => (column === 0 ? '---' : '--:'))), ...rows.map(line)].join('\n')}
`;
}
