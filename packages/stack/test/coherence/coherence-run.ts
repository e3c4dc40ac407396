import { spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { migrate } from '@cache/postgres';
import { databaseUrl, redisUrl, type Server, startPostgres, startRedis, uniqueName } from '@cache/test-servers';
import postgres from 'postgres';
import { createClient } from 'redis';

/** What is compared: the stack over the shared store alone, with a first level in front, and plain cache-aside. */
export const DESIGNS = ['fenced', 'two levels', 'naive'] as const;
export type Design = (typeof DESIGNS)[number];

export type Backend = 'redis' | 'postgres';

/**
 * `calm`; `stormy`: every connection of every bus is killed each 1.5 seconds; `icy`: the server itself is frozen, and killed and
 * restarted, again and again while writers go on.
 */
export type Weather = 'calm' | 'stormy' | 'icy';

/** What was seen of one design. */
export interface Tally {
  reads: number;
  writes: number;
  refusedWrites: number;
  stale: number;
  worstAgeMs: number;
}

/** What one process is told. */
export interface ProcessOptions {
  readonly name: string;
  readonly busName: string;
  readonly backend: Backend;
  /** Where the source is, and what was acknowledged is written down: a server that nothing happens to. */
  readonly sourceUrl: string;
  readonly redisUrl: string;
  readonly databaseUrl: string;
  readonly schema: string;
  readonly durationMs: number;
  readonly writerPauseMs: number;
}

const PROCESSES = 4;
const STORM_MS = 1_500;

/** Runs four processes over one server and adds up what they saw. */
export async function runCoherence(
  backend: Backend,
  weather: Weather,
  seconds: number,
): Promise<Record<Design, Tally>> {
  const name = uniqueName('coherence');
  const busName = `${name}-bus`;
  const own = weather === 'icy' ? await startOwn(backend) : undefined;
  const urls = {
    redisUrl: backend === 'redis' && own !== undefined ? own.url : redisUrl(),
    databaseUrl: backend === 'postgres' && own !== undefined ? own.url : databaseUrl(),
  };
  const redis = await createClient({ url: redisUrl() }).connect();
  const sql = postgres(urls.databaseUrl, { max: 2, onnotice: () => {}, fetch_types: false, backoff: () => 0.1 });
  await sql.unsafe(`CREATE SCHEMA ${name}`);
  await migrate(sql, { schema: name });
  const ice = own === undefined ? undefined : new Ice(own);
  const storm = setInterval(() => {
    const struck = backend === 'redis' ? strikeRedis(redis, busName) : strikePostgres(sql, busName);
    struck.catch((error: unknown) => process.emitWarning(`The storm failed: ${String(error)}`));
  }, STORM_MS);
  if (weather !== 'stormy') clearInterval(storm);
  try {
    const options: ProcessOptions = {
      name,
      busName,
      backend,
      sourceUrl: redisUrl(),
      ...urls,
      schema: name,
      durationMs: seconds * 1000,
      writerPauseMs: 150,
    };
    return sum(await Promise.all(Array.from({ length: PROCESSES }, () => runProcess(options))));
  } finally {
    clearInterval(storm);
    await ice?.melt();
    if (own === undefined) await sql.unsafe(`DROP SCHEMA ${name} CASCADE`);
    await sql.end({ timeout: 1 });
    for await (const keys of redis.scanIterator({ MATCH: `${name}*`, COUNT: 1000 })) {
      if (keys.length > 0) await redis.unlink(keys);
    }
    await redis.close();
    await own?.close();
  }
}

/** A server that keeps what it acknowledged when it is killed, or begins empty: anything else takes removals back. */
function startOwn(backend: Backend): Promise<Server> {
  return backend === 'redis' ? startRedis() : startPostgres({ settings: { synchronous_commit: 'on' } });
}

/** How long the server is left alone between two blows, so that writes are acknowledged too. */
const THAW_MS = 1_500;

/** Longer than a deadline, and shorter than a lease. */
const FREEZE_MS = 900;

/** Freezes a server, and kills and restarts it, in turn, until it melts. */
class Ice {
  readonly #server: Server;
  readonly #freezing: Promise<void>;
  readonly #melting = new AbortController();

  constructor(server: Server) {
    this.#server = server;
    this.#freezing = this.#freeze();
  }

  async melt(): Promise<void> {
    this.#melting.abort();
    await this.#freezing;
  }

  async #freeze(): Promise<void> {
    const { signal } = this.#melting;
    const pause = (ms: number): Promise<void> => sleep(ms, undefined, { signal }).catch(() => {});
    while (!signal.aborted) {
      await pause(THAW_MS);
      await this.#server.freeze();
      await pause(FREEZE_MS);
      await this.#server.resume();
      await pause(THAW_MS);
      await this.#server.kill();
      await this.#server.restart();
    }
  }
}

/** What breaks the promise, or shows that nothing was tested: a check that finds nothing in the naive design finds nothing. */
export function complaints(tallies: Record<Design, Tally>, boundMs: number): string[] {
  const { fenced, 'two levels': two, naive } = tallies;
  const found: string[] = [];
  if (fenced.stale > 0) found.push(`fenced: ${fenced.stale} stale reads, the oldest ${fenced.worstAgeMs} ms`);
  if (two.worstAgeMs > boundMs) found.push(`two levels: a stale read of ${two.worstAgeMs} ms, over ${boundMs} ms`);
  if (naive.stale === 0) found.push('naive: no stale read at all, so the others were not tested either');
  for (const design of DESIGNS) {
    const { reads, writes } = tallies[design];
    if (reads === 0 || writes === 0) found.push(`${design}: ${reads} reads and ${writes} writes`);
  }
  return found;
}

async function runProcess(options: ProcessOptions): Promise<Record<Design, Tally>> {
  const program = fileURLToPath(new URL('coherence-process.ts', import.meta.url));
  const typescript = new URL('../../../../tools/typescript.mjs', import.meta.url).href;
  const args = ['--conditions=@cache/source', '--import', typescript, program, JSON.stringify(options)];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  let complaint = '';
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    complaint += chunk.toString();
  });
  const code = await new Promise<number | null>((resolve) => {
    child.on('close', resolve);
  });
  if (code !== 0) throw new Error(`A process ended with ${code}: ${complaint}`);
  return JSON.parse(output) as Record<Design, Tally>;
}

function sum(results: readonly Record<Design, Tally>[]): Record<Design, Tally> {
  const total = (design: Design): Tally =>
    results.reduce<Tally>(
      (all, { [design]: one }) => ({
        reads: all.reads + one.reads,
        writes: all.writes + one.writes,
        refusedWrites: all.refusedWrites + one.refusedWrites,
        stale: all.stale + one.stale,
        worstAgeMs: Math.max(all.worstAgeMs, one.worstAgeMs),
      }),
      { reads: 0, writes: 0, refusedWrites: 0, stale: 0, worstAgeMs: 0 },
    );
  return { fenced: total('fenced'), 'two levels': total('two levels'), naive: total('naive') };
}

interface Redis {
  sendCommand(args: readonly string[]): Promise<unknown>;
}

async function strikeRedis(redis: Redis, busName: string): Promise<void> {
  const clients = String(await redis.sendCommand(['CLIENT', 'LIST'])).split('\n');
  const ids = clients.filter((line) => line.includes(` name=${busName} `)).map((line) => /id=(\d+)/.exec(line)?.[1]);
  for (const id of ids) if (id !== undefined) await redis.sendCommand(['CLIENT', 'KILL', 'ID', id]);
}

async function strikePostgres(sql: postgres.Sql, busName: string): Promise<void> {
  await sql`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = ${busName}`;
}
