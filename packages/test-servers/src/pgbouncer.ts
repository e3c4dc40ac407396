import { chownSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { aptInstall, mayUseApt } from './apt.ts';
import { findProgram } from './find-program.ts';
import { answersQuery, temporaryFolderOf, unprivilegedAccount } from './postgres-server.ts';
import type { Server } from './server.ts';
import { ServerProcess } from './server-process.ts';
import { startOnFreePort } from './start-on-free-port.ts';

/** How {@link startPgBouncer} starts the pooler. */
export interface StartPgBouncerOptions {
  /** PgBouncer's own settings. @default `{ pool_mode: 'transaction', default_pool_size: 10, max_client_conn: 1000 }` */
  readonly settings?: Readonly<Record<string, string | number>>;
}

async function getPgBouncer(): Promise<string> {
  const found = findProgram(['pgbouncer']);
  if (found !== undefined) return found;
  if (mayUseApt()) await aptInstall(['pgbouncer']);
  const installed = findProgram(['pgbouncer']);
  if (installed === undefined)
    throw new Error('These tests start a PgBouncer of their own: install pgbouncer, so that it is on PATH.');
  return installed;
}

/**
 * Starts PgBouncer in front of a PostgreSQL, in transaction mode unless told otherwise. Its URL leads to the same database.
 *
 * @throws Error with its last words, or with what to install.
 */
export async function startPgBouncer(
  target: Pick<Server, 'port' | 'url'>,
  options: StartPgBouncerOptions = {},
): Promise<Server> {
  const command = await getPgBouncer();
  const account = unprivilegedAccount();
  const { username, pathname } = new URL(target.url);
  return startOnFreePort((port) => {
    const folder = temporaryFolderOf(account, 'pgbouncer');
    const settings = {
      pool_mode: 'transaction',
      default_pool_size: 10,
      max_client_conn: 1_000,
      ...options.settings,
      listen_addr: '127.0.0.1',
      listen_port: port,
      unix_socket_dir: folder,
      auth_type: 'any',
    };
    const file = join(folder, 'pgbouncer.ini');
    const lines = Object.entries(settings).map(([name, value]) => `${name} = ${value}`);
    writeFileSync(
      file,
      `[databases]\n* = host=127.0.0.1 port=${target.port} user=${username}\n[pgbouncer]\n${lines.join('\n')}\n`,
    );
    if (account !== undefined) chownSync(file, account.uid, account.gid);
    const url = `postgres://${username}@127.0.0.1:${port}${pathname}`;
    return ServerProcess.start({
      url,
      port,
      folder,
      command,
      args: [file],
      account,
      stopSignal: 'SIGTERM',
      isReady: () => answersQuery(url),
    });
  });
}
