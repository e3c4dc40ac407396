import { join } from 'node:path';
import postgres from 'postgres';
import { getPostgres } from './postgres-programs.ts';
import { runPostgres, temporaryFolderOf, unprivilegedAccount } from './postgres-server.ts';
import { runProgram } from './run-program.ts';
import type { Server } from './server.ts';
import { startOnFreePort } from './start-on-free-port.ts';
import { waitUntil } from './wait-until.ts';
import { removeFolder } from './watched.ts';

/** How {@link startPostgresStandby} starts a standby. */
export interface StartPostgresStandbyOptions {
  /** Server settings. A standby refuses to start with less than its primary's `max_connections`. @default those of `startPostgres` */
  readonly settings?: Readonly<Record<string, string | number>>;
}

/** Starts a hot standby of a server of `startPostgres`: it answers queries, refuses writes, and follows the primary's log. */
export async function startPostgresStandby(
  primary: Pick<Server, 'port' | 'url'>,
  options: StartPostgresStandbyOptions = {},
): Promise<Server> {
  const programs = await getPostgres(['postgres', 'pg_basebackup']);
  const account = unprivilegedAccount();
  const standby = await startOnFreePort(async (port) => {
    const folder = temporaryFolderOf(account, 'standby');
    const source = ['-h', '127.0.0.1', '-p', `${primary.port}`, '-U', 'postgres'];
    try {
      await runProgram(
        join(programs, 'pg_basebackup'),
        [...source, '-D', join(folder, 'data'), '-X', 'stream', '-c', 'fast', '-R', '--no-sync'],
        { limitMs: 120_000, cwd: folder, account },
      );
    } catch (error) {
      removeFolder(folder);
      throw error;
    }
    return runPostgres({ programs, folder, port, settings: options.settings ?? {} });
  });
  const sql = postgres(primary.url, { max: 1, connect_timeout: 5 });
  try {
    await waitUntil('A standby that follows', 60_000, async () => {
      const [row] = await sql`select count(*)::int as streaming from pg_stat_replication where state = 'streaming'`;
      return row?.['streaming'] > 0;
    });
    return standby;
  } catch (error) {
    await standby.close();
    throw error;
  } finally {
    await sql.end({ timeout: 1 });
  }
}
