import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { migrate } from '@cache/postgres';
import type { LoadOptions } from '@cache/stack';
import { databaseUrl, redisUrl, uniqueName } from '@cache/test-servers';
import postgres from 'postgres';
import { createClient } from 'redis';

/** What one process is told. */
export interface StampedeOptions {
  readonly name: string;
  readonly backend: 'redis' | 'postgres';
  readonly redisUrl: string;
  readonly databaseUrl: string;
  readonly callers: number;
  readonly loader: 'loads' | 'hangs once' | 'throws';
  readonly loadMs: number;
  readonly load: LoadOptions;
}

/** What came of it. */
export interface Stampede {
  readonly loads: number;
  /** What every caller got of every process that lived. */
  readonly outcomes: readonly string[];
}

const PROCESSES = 6;

/** Six processes ask for one cold key at once; with `hangs once`, the first to load is killed with -9. */
export async function stampede(
  options: Pick<StampedeOptions, 'backend' | 'loader' | 'load' | 'loadMs'>,
): Promise<Stampede> {
  const name = uniqueName('stampede');
  const counter = await createClient({ url: redisUrl() }).connect();
  const sql = postgres(databaseUrl(), { max: 1, onnotice: () => {} });
  await sql.unsafe(`CREATE SCHEMA ${name}`);
  await migrate(sql, { schema: name });
  const told: StampedeOptions = {
    ...options,
    name,
    redisUrl: redisUrl(),
    databaseUrl: databaseUrl(),
    callers: 25,
  };
  const members = Array.from({ length: PROCESSES }, () => new Member(told));
  try {
    await Promise.all(members.map((member) => member.ready));
    for (const member of members) member.go();
    if (options.loader === 'hangs once') {
      const holder = await Promise.race(members.map((member) => member.loading));
      holder.kill();
    }
    const outcomes = await Promise.all(members.map((member) => member.outcomes));
    return { loads: Number(await counter.get(`${name}-loads`)), outcomes: outcomes.flat() };
  } finally {
    for (const member of members) member.kill();
    await sql.unsafe(`DROP SCHEMA ${name} CASCADE`);
    await sql.end({ timeout: 1 });
    await counter.unlink([`${name}-loads`, `${name}:hot`]);
    await counter.close();
  }
}

class Member {
  readonly ready: Promise<void>;
  readonly loading: Promise<Member>;
  /** Empty if the process was killed. */
  readonly outcomes: Promise<readonly string[]>;
  readonly #child: ChildProcess;

  constructor(options: StampedeOptions) {
    const program = fileURLToPath(new URL('stampede-process.ts', import.meta.url));
    const typescript = new URL('../../../../tools/typescript.mjs', import.meta.url).href;
    const args = ['--conditions=@cache/source', '--import', typescript, program, JSON.stringify(options)];
    const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#child = child;
    let onReady: () => void = () => {};
    let onLoading: (member: Member) => void = () => {};
    let result: readonly string[] = [];
    this.ready = new Promise((resolve) => {
      onReady = resolve;
    });
    this.loading = new Promise((resolve) => {
      onLoading = resolve;
    });
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (line === 'ready') onReady();
      else if (line === 'loading') onLoading(this);
      else result = JSON.parse(line) as readonly string[];
    });
    this.outcomes = new Promise((resolve) => {
      child.on('close', () => {
        onReady();
        resolve(result);
      });
    });
  }

  go(): void {
    this.#child.stdin?.write('go\n');
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }
}
