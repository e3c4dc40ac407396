import { connect } from 'node:net';
import { aptInstall, mayUseApt } from './apt.ts';
import { findProgram } from './find-program.ts';
import type { Server } from './server.ts';
import { ServerProcess } from './server-process.ts';
import { startOnFreePort } from './start-on-free-port.ts';
import { temporaryFolder } from './watched.ts';

/** How {@link startRedis} starts a server. */
export interface StartRedisOptions {
  /** More of redis-server's own arguments, for instance `['--maxmemory', '2mb']`; a later one wins over ours. @default [] */
  readonly args?: readonly string[];
  /** The port. @default a free one */
  readonly port?: number;
  /** The program, a name on PATH or a full path; `valkey-server` will do. @default redis-server, then valkey-server, or `REDIS_SERVER` */
  readonly program?: string;
}

/** redis-server or a program that speaks like it, from PATH; `REDIS_SERVER` names another one. */
export function findRedis(): string | undefined {
  const named = process.env['REDIS_SERVER'];
  return named ? (findProgram([named]) ?? named) : findProgram(['redis-server', 'valkey-server']);
}

/** As {@link findRedis}, but installs it where that is allowed, and otherwise throws with what to do. */
export async function getRedis(): Promise<string> {
  const found = findRedis();
  if (found !== undefined) return found;
  if (mayUseApt()) await aptInstall(['redis-server']);
  const installed = findRedis();
  if (installed === undefined) {
    throw new Error(
      'These tests start a Redis of their own: install redis-server or valkey-server, so that it is on PATH.',
    );
  }
  return installed;
}

/** True once somebody answers PING in Redis's protocol, be it with `-LOADING` or `-NOAUTH`: the server takes commands. */
export function answersPing(port: number, limitMs = 1_000): Promise<boolean> {
  return new Promise((settle) => {
    const socket = connect({ port, host: '127.0.0.1' });
    const end = (answer: boolean): void => {
      socket.destroy();
      settle(answer);
    };
    socket.setTimeout(limitMs, () => end(false));
    socket.once('error', () => end(false));
    socket.once('close', () => end(false));
    socket.once('connect', () => socket.write('PING\r\n'));
    socket.once('data', (reply) => end(/^[+-]/.test(reply.toString())));
  });
}

/**
 * Starts a Redis on the loopback address that keeps nothing on disk: after `restart()` it is empty.
 *
 * @throws Error with the server's last words, or with what to install.
 */
export async function startRedis(options: StartRedisOptions = {}): Promise<Server> {
  const { args = [], port, program } = options;
  const command = program ?? (await getRedis());
  const start = (chosen: number): Promise<Server> => {
    const folder = temporaryFolder('redis');
    return ServerProcess.start({
      url: `redis://127.0.0.1:${chosen}`,
      port: chosen,
      folder,
      command,
      args: [
        '--port',
        `${chosen}`,
        '--bind',
        '127.0.0.1',
        '--dir',
        folder,
        '--save',
        '',
        '--appendonly',
        'no',
        ...args,
      ],
      stopSignal: 'SIGTERM',
      isReady: () => answersPing(chosen),
    });
  };
  return port === undefined ? startOnFreePort(start) : start(port);
}
