import { chmod, mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InMemoryCache } from '@cache/memory';
import {
  createCache,
  FileJournal,
  type PoisonWrite,
  type WriteBehindCache,
  type WriteBehindOptions,
  writeBehind,
} from '@cache/stack';
import {
  type ChildProgram,
  type Server,
  settle,
  startLateLink,
  startPostgres,
  startProgram,
  waitUntil,
} from '@cache/test-servers';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import postgres from 'postgres';
import { PostgresStore } from './postgres-store.ts';

const PROGRAM = new URL('./programs/queueing.ts', import.meta.url);
const NEVER_MS = '600000';

let server: Server;
let folder: string;

beforeAll(async () => {
  server = await startPostgres({ settings: { synchronous_commit: 'on' } });
});

afterAll(() => server.close());

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'queue-'));
  await query(async (sql) => {
    await sql.unsafe('DROP TABLE IF EXISTS entry, history; DROP FUNCTION IF EXISTS note');
    await new PostgresStore(sql).create();
  });
});

afterEach(() => rm(folder, { recursive: true }));

async function query<T>(ask: (sql: postgres.Sql) => Promise<T>): Promise<T> {
  const sql = postgres(server.url, { max: 1, onnotice: () => {} });
  try {
    return await ask(sql);
  } finally {
    await sql.end({ timeout: 1 });
  }
}

function stored(): Promise<Map<string, string>> {
  return query(async (sql) => {
    const rows = await sql<{ key: string; value: string }[]>`SELECT key, value FROM entry`;
    return new Map(rows.map(({ key, value }) => [key, value]));
  });
}

/** Keys of which an older version was written after a newer one. */
function reordered(): Promise<string[]> {
  return query(async (sql) => {
    const rows = await sql<{ key: string }[]>`SELECT DISTINCT key FROM (
      SELECT key, value::int < lag(value::int) OVER (PARTITION BY key ORDER BY at) AS back FROM history) AS step
      WHERE back`;
    return rows.map(({ key }) => key);
  });
}

function start(...args: string[]): ChildProgram {
  return startProgram(PROGRAM, server.url, ...args);
}

describe('row 58: kill -9 with 500 queued writes', () => {
  const expected = new Map(Array.from({ length: 500 }, (_, index) => [`key ${index}`, `new ${index}`]));

  it('loses none with a file journal, and the last of each key is what the store gets', async () => {
    {
      await using program = start(join(folder, 'journal'), NEVER_MS);
      expect(await program.ask('write-500')).toBe(500);
    }
    expect((await stored()).size).toBe(0);
    await using program = start(join(folder, 'journal'), NEVER_MS);
    expect(await program.ask('statistics')).toMatchObject({ replayed: 500, depth: 500 });
    await program.ask('drain');
    expect(await stored()).toEqual(expected);
    expect((await program.end()).code).toBe(0);
    await using journal = await FileJournal.open({ directory: join(folder, 'journal') });
    expect(journal.replay()).toEqual([]);
  });

  it('control: loses all 500 without one', async () => {
    {
      await using program = start('', NEVER_MS);
      expect(await program.ask('write-500')).toBe(500);
    }
    await using program = start('', NEVER_MS);
    await program.ask('drain');
    expect((await stored()).size).toBe(0);
  });

  it('again and again in the middle of the work: what was acknowledged is there, and no key goes back', async () => {
    const acknowledgedFile = join(folder, 'acknowledged');
    for (let round = 1; round <= 4; round += 1) {
      await using program = start(join(folder, 'journal'), '5', acknowledgedFile);
      const acknowledged = async (): Promise<string[]> =>
        (await readFile(acknowledgedFile, 'utf8').catch(() => '')).split('\n').slice(0, -1);
      const before = (await acknowledged()).length;
      // Each process counts from one.
      await query((sql) => sql`TRUNCATE history`);
      await query((sql) => sql`TRUNCATE entry`);
      await program.ask('storm');
      await waitUntil('Some writes', 30_000, async () => (await acknowledged()).length > before + 500);
      await program[Symbol.asyncDispose]();
      await using next = start(join(folder, 'journal'), '5');
      await next.ask('drain');
      const newest = new Map<string, number>();
      for (const line of (await acknowledged()).slice(before)) {
        const at = line.lastIndexOf(' ');
        newest.set(line.slice(0, at), Number(line.slice(at + 1)));
      }
      const found = await stored();
      for (const [key, version] of newest) expect(Number(found.get(key) ?? -1)).toBeGreaterThanOrEqual(version);
      expect(await reordered()).toEqual([]);
      expect(newest.size).toBe(20);
      expect((await next.end()).code).toBe(0);
    }
  });
});

describe('row 58: a journal', () => {
  it('that finds its disk full rejects the write and keeps the others, and goes on when there is room', async () => {
    {
      await using program = start(join(folder, 'journal'), NEVER_MS);
      await program.ask('disk-full');
      const codes = (await program.ask('fill-the-disk')) as string[];
      const kept = codes.filter((code) => code === 'kept').length;
      expect(kept).toBeGreaterThan(0);
      expect(codes).toEqual([
        ...Array.from({ length: kept }, () => 'kept'),
        ...Array.from({ length: 100 - kept }, () => 'ERR_CACHE_UNAVAILABLE EFBIG'),
      ]);
      expect(await program.ask('statistics')).toMatchObject({ depth: kept });
      await program.ask('disk-free');
      expect(await program.ask('write-one-more')).toBe('kept');
      await program[Symbol.asyncDispose]();
      await using next = start(join(folder, 'journal'), NEVER_MS);
      expect(await next.ask('statistics')).toMatchObject({ replayed: kept + 1 });
    }
    expect((await readdir(join(folder, 'journal'))).filter((name) => name.endsWith('draft'))).toEqual([]);
  });

  it('in a directory that may not be written to is a named error', async () => {
    const forbidden = join(folder, 'forbidden');
    await mkdir(forbidden);
    await chmod(forbidden, 0o500);
    await chmod(folder, 0o755);
    await using program = start('', NEVER_MS, forbidden);
    expect(await program.ask('open-as-nobody')).toBe('ERR_CACHE_OPTION EACCES');
  });

  it('belongs to a living process, and to the next one as soon as that is killed', async () => {
    const directory = join(folder, 'journal');
    {
      await using program = start(directory, NEVER_MS);
      await program.ask('write-500');
      const refused = await settle(FileJournal.open({ directory, lockTimeoutMs: 0 }), 30_000);
      expect(refused).toMatchObject({ reason: { code: 'ERR_CACHE_UNAVAILABLE' } });
    }
    await using journal = await FileJournal.open({ directory, lockTimeoutMs: 0 });
    expect(journal.replay()).toHaveLength(500);
  });
});

interface Service extends AsyncDisposable {
  readonly entries: WriteBehindCache<string>;
}

function startService(
  options: WriteBehindOptions<string>,
  order: ConstructorParameters<typeof PostgresStore>[1] = 'compares versions',
  port: number = server.port,
): Service {
  const url = new URL(server.url);
  url.port = `${port}`;
  const sql = postgres(url.href, { max: 1, onnotice: () => {}, backoff: () => 0.01 });
  const cache = createCache<string>({ l1: new InMemoryCache<string>() });
  const entries = writeBehind<string>(cache, new PostgresStore(sql, order), {
    storeTimeoutMs: 200,
    retry: { minDelayMs: 20, maxDelayMs: 200 },
    hooks: { onRetry: () => {}, onError: () => {} },
    ...options,
  });
  return {
    entries,
    async [Symbol.asyncDispose]() {
      await settle(entries.close({ withinMs: 100 }), 30_000);
      await sql.end({ timeout: 0 });
    },
  };
}

/** What a restart with recovery takes, and more than any pause or deadline here. */
const OUTAGE_MS = 10_000;

describe('row 58: a database that is down', () => {
  it.each([
    ['frozen', { down: () => server.freeze(), up: () => server.resume() }],
    ['killed', { down: () => server.kill(), up: () => server.restart() }],
  ])(
    '%s for ten seconds: writes go on being taken and read, and all are there after it comes back',
    async (_, { down, up }) => {
      await using service = startService({});
      const { entries } = service;
      await entries.set('before', 'here');
      await entries.flush({ withinMs: 120_000 });
      await down();
      const downAtMs = performance.now();
      try {
        for (let index = 0; index < 300; index += 1) {
          const set = await settle(entries.set(`key ${index % 150}`, `${index}`), 20_000);
          expect(set.state).toBe('fulfilled');
        }
        const failuresSeen = entries.statistics.retries;
        await waitUntil('Some attempts, and ten seconds', 120_000, () => {
          const isLongAgo = performance.now() - downAtMs >= OUTAGE_MS;
          return isLongAgo && entries.statistics.retries >= failuresSeen + 300;
        });
        expect(await entries.get('key 149')).toBe('299');
        expect(entries.statistics.depth).toBe(150);
      } finally {
        await up();
      }
      await entries.flush({ withinMs: 120_000 });
      const found = await stored();
      expect(found.size).toBe(151);
      for (let index = 0; index < 150; index += 1) expect(found.get(`key ${index}`)).toBe(`${index + 150}`);
      await query((sql) => sql`DELETE FROM history WHERE key = 'before'`);
      expect(await reordered()).toEqual([]);
      expect(entries.statistics.poisoned).toBe(0);
    },
  );

  it('at the bound: what has no room in time rejects by name, and what was taken is all there afterwards', async () => {
    await using service = startService({ maxQueue: 50, roomTimeoutMs: 300 });
    const { entries } = service;
    await entries.set('before', 'here');
    await entries.flush();
    await server.freeze();
    const ends = await Promise.all(
      Array.from({ length: 120 }, (_, index) => settle(entries.set(`key ${index}`, `${index}`), 20_000)),
    );
    expect(entries.statistics.depth).toBe(50);
    await server.resume();
    const codes = ends.map((end) => (end.state === 'rejected' ? (end.reason as { code: string }).code : 'taken'));
    expect(codes.filter((code) => code === 'taken')).toHaveLength(50);
    expect(codes.filter((code) => code === 'ERR_CACHE_TIMEOUT')).toHaveLength(50);
    expect(codes.filter((code) => code === 'ERR_CACHE_UNAVAILABLE')).toHaveLength(20);
    await entries.flush({ withinMs: 120_000 });
    const found = await stored();
    expect([...found.keys()].sort()).toEqual(
      ['before', ...codes.flatMap((code, index) => (code === 'taken' ? [`key ${index}`] : []))].sort(),
    );
  });
});

describe('A write that the network delivers after newer ones', () => {
  async function valueAfterLateDelivery(order: ConstructorParameters<typeof PostgresStore>[1]): Promise<unknown> {
    await using link = await startLateLink(server.port);
    await using service = startService({ storeTimeoutMs: 10_000 }, order, link.port);
    const { entries } = service;
    await entries.mset([
      ['key', 'first'],
      ['other', 'first'],
    ]);
    await entries.flush();
    link.holdRequests();
    await entries.mset([
      ['key', 'old'],
      ['other', 'old'],
    ]);
    await waitUntil('The write in the network', 30_000, () => link.heldBytes > 0);
    link.dropClients();
    await entries.flush({ withinMs: 120_000 });
    await entries.set('key', 'new');
    await entries.flush({ withinMs: 120_000 });
    expect((await stored()).get('key')).toBe('new');
    await link.deliverHeld();
    return (await stored()).get('key');
  }

  it('changes nothing in a store that compares versions', async () => {
    expect(await valueAfterLateDelivery('compares versions')).toBe('new');
  });

  it('control: undoes them in one that does not', async () => {
    expect(await valueAfterLateDelivery('takes what comes')).toBe('old');
  });
});

it('control: postgres.js hands the reply to a cancelled query to the next one, so that no store may cancel', async () => {
  const sql = postgres(server.url, { max: 1, onnotice: () => {} });
  const locker = postgres(server.url, { max: 1, onnotice: () => {} });
  try {
    await locker`SELECT pg_advisory_lock(58)`;
    await sql`SELECT 0`;
    const first = sql`SELECT pg_advisory_xact_lock(58)`.execute();
    const second = sql`SELECT 2 AS number`.execute();
    const third = sql`SELECT 3 AS number`.execute();
    const fourth = sql`SELECT 4 AS number`.execute();
    await waitUntil('The first one waiting', 30_000, async () => {
      const [row] = await query((admin) => admin`SELECT count(*)::int AS waiting FROM pg_locks WHERE NOT granted`);
      return row?.['waiting'] === 1;
    });
    second.cancel();
    await locker`SELECT pg_advisory_unlock(58)`;
    await first;
    expect(await third).toEqual([{ number: 2 }]);
    expect(await fourth).toEqual([{ number: 3 }]);
  } finally {
    await Promise.all([sql.end({ timeout: 0 }), locker.end({ timeout: 0 })]);
  }
});

it('row 58: a poison row among 200 goes to its handler with PostgreSQL’s own error, and the others are stored', async () => {
  const poison: PoisonWrite<string>[] = [];
  await using service = startService({ onPoison: (write) => void poison.push(write), storeTimeoutMs: 10_000 });
  const { entries } = service;
  await entries.mset(
    Array.from({ length: 200 }, (_, index) => [`key ${index}`, index === 77 ? 'poison' : `${index}`] as const),
  );
  await entries.flush({ withinMs: 120_000 });
  expect(poison).toEqual([
    {
      key: 'key 77',
      kind: 'write',
      value: 'poison',
      attempts: 5,
      error: expect.objectContaining({ code: '23514', constraint_name: 'entry_value_check' }),
    },
  ]);
  expect((await stored()).size).toBe(199);
});

describe('row 58: SIGTERM', () => {
  it.each(['', 'journal'])('drains the queue before the process ends: journal "%s"', async (name) => {
    await using program = start(name && join(folder, name), NEVER_MS);
    await program.ask('write-500');
    await program.ask('terminate');
    expect(await program.end()).toMatchObject({ code: 0, signal: null });
    expect((await stored()).size).toBe(500);
  });
});
