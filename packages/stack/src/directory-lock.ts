import { randomBytes } from 'node:crypto';
import { readdir, stat, unlink } from 'node:fs/promises';
import { createConnection, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { CacheOptionError, CacheUnavailableError } from '@cache/core';

const FLAG = /^owner-[0-9a-f]{8}$/;

/** The shortest that any system allows for the path of a socket. */
const MAX_SOCKET_PATH_BYTES = 103;
const PAUSE_MS = 50;

/**
 * One owner at a time for a directory, among the processes of one machine. Each raises a flag of its own, a listening Unix
 * socket, and then looks for others: whoever sees another one up takes its own down. So two may both withdraw and try
 * again, but never both stay. The kernel takes the flag of a dead process down, so no process number is believed: in a
 * container every process is number 1.
 */
export class DirectoryLock {
  readonly #flag: Flag;

  private constructor(flag: Flag) {
    this.#flag = flag;
  }

  /**
   * @param timeoutMs how long to wait for another owner to end
   * @throws CacheUnavailableError when another one still has it then
   */
  static async take(directory: string, timeoutMs: number): Promise<DirectoryLock> {
    const giveUpAtMs = performance.now() + timeoutMs;
    for (;;) {
      const flag = await Flag.raise(directory);
      if (await isAlone(directory, flag)) return new DirectoryLock(flag);
      await flag.lower();
      if (performance.now() >= giveUpAtMs) {
        const message =
          'Another process has this journal open, and it takes one at a time: give each its own directory.';
        throw new CacheUnavailableError(message, { operation: 'open', backend: 'journal' });
      }
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS * (0.5 + Math.random())));
    }
  }

  async release(): Promise<void> {
    await this.#flag.lower();
  }
}

class Flag {
  readonly name: string;
  readonly path: string;
  readonly #server: Server;

  private constructor(name: string, path: string, server: Server) {
    this.name = name;
    this.path = path;
    this.#server = server;
  }

  static async raise(directory: string): Promise<Flag> {
    const name = `owner-${randomBytes(4).toString('hex')}`;
    const path = join(directory, name);
    if (Buffer.byteLength(path) > MAX_SOCKET_PATH_BYTES) {
      const longest = MAX_SOCKET_PATH_BYTES - name.length - 1;
      const message = `The path of a journal's directory has at most ${longest} bytes: its lock is a Unix socket.`;
      throw new CacheOptionError(message, { operation: 'open', backend: 'journal' });
    }
    const server = createServer((socket) => socket.destroy());
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      // A worker of a cluster must not share it with the others.
      server.listen({ path, exclusive: true }, resolve);
    });
    // A call that cannot be taken, for want of file descriptors, is the caller's failure.
    server.on('error', () => {});
    server.unref();
    return new Flag(name, path, server);
  }

  async lower(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}

async function isAlone(directory: string, own: Flag): Promise<boolean> {
  const others = (await readdir(directory)).filter((name) => FLAG.test(name) && name !== own.name);
  const answers = await Promise.all(others.map((name) => isUp(join(directory, name))));
  if (answers.includes(true)) return false;
  // Between its birth and its first ear a flag looks dead, and another process may just have cleared it away.
  return stat(own.path).then(
    () => true,
    () => false,
  );
}

async function isUp(path: string): Promise<boolean> {
  const code = await new Promise<string | undefined>((resolve) => {
    const socket = createConnection({ path });
    socket.once('connect', () => {
      socket.destroy();
      resolve(undefined);
    });
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? ''));
  });
  if (code === 'ENOENT') return false;
  // What cannot be asked may well be alive.
  if (code !== 'ECONNREFUSED') return true;
  await unlink(path).catch(() => {});
  return false;
}
