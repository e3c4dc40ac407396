import { type ChildProcess, spawn } from 'node:child_process';
import { freezeTree, isRunning, killTree, processTree, resumeTree } from './process-tree.ts';
import type { Server } from './server.ts';
import { waitUntil } from './wait-until.ts';
import { removeFolder, tellWatchdog } from './watched.ts';

/** Two slow, busy cores included. */
const START_LIMIT_MS = 60_000;
const STOP_LIMIT_MS = 60_000;
const KEPT_OUTPUT_CHARS = 4_000;

/** What {@link ServerProcess} needs to know of a program. */
export interface ServerProgram {
  readonly url: string;
  readonly port: number;
  readonly folder: string;
  readonly command: string;
  readonly args: readonly string[];
  /** The account to run under, for programs that refuse root. */
  readonly account?: { readonly uid: number; readonly gid: number } | undefined;
  /** The signal for a polite, prompt end. */
  readonly stopSignal: NodeJS.Signals;
  /** True once the server takes commands. */
  isReady(): Promise<boolean>;
}

/** Starts a program as a child process and carries out what {@link Server} promises. */
export class ServerProcess implements Server {
  readonly url: string;
  readonly port: number;
  readonly folder: string;
  readonly #program: ServerProgram;
  #child: ChildProcess | undefined;
  #output = '';

  private constructor(program: ServerProgram) {
    this.url = program.url;
    this.port = program.port;
    this.folder = program.folder;
    this.#program = program;
  }

  /** Resolves once the server is ready; if it never is, removes the folder and throws with the last words it printed. */
  static async start(program: ServerProgram): Promise<ServerProcess> {
    const server = new ServerProcess(program);
    try {
      await server.#start();
      return server;
    } catch (error) {
      await server.close();
      throw error;
    }
  }

  get pid(): number {
    const pid = this.#child?.pid;
    if (pid === undefined) throw new Error(`${this.#program.command} has not been started.`);
    return pid;
  }

  async freeze(): Promise<void> {
    freezeTree(this.pid);
  }

  async resume(): Promise<void> {
    resumeTree(this.pid);
  }

  async kill(): Promise<void> {
    if (!this.#isUp) return;
    const members = killTree(this.pid);
    await waitUntil(
      `The end of ${this.#program.command}`,
      STOP_LIMIT_MS,
      () => !members.some(isRunning) && !this.#isUp,
    );
  }

  async stop(): Promise<void> {
    if (!this.#isUp) return;
    const members = processTree(this.pid);
    await this.resume();
    this.#child?.kill(this.#program.stopSignal);
    try {
      await waitUntil(
        `The end of ${this.#program.command}`,
        STOP_LIMIT_MS,
        () => !members.some(isRunning) && !this.#isUp,
      );
    } catch (error) {
      await this.kill();
      throw error;
    }
  }

  async restart(): Promise<void> {
    await this.stop();
    await this.#start();
  }

  async close(): Promise<void> {
    await this.kill();
    removeFolder(this.folder);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  get #isUp(): boolean {
    return this.#child?.pid !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  async #start(): Promise<void> {
    const { command, args, folder, account } = this.#program;
    this.#output = '';
    const child = spawn(command, args, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'], ...account });
    this.#child = child;
    const keep = (chunk: Buffer): void => {
      this.#output = (this.#output + chunk.toString()).slice(-KEPT_OUTPUT_CHARS);
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    let spawnError: Error | undefined;
    child.on('error', (error) => {
      spawnError = error;
    });
    const { pid } = child;
    if (pid !== undefined) {
      tellWatchdog({ action: 'add', pid });
      child.once('exit', () => tellWatchdog({ action: 'delete', pid }));
    }
    let ended = false;
    try {
      await waitUntil('An answer', START_LIMIT_MS, async () => {
        ended = !this.#isUp;
        return ended || (await this.#program.isReady());
      });
    } catch (error) {
      throw this.#startError('did not answer in time', error);
    }
    if (ended)
      throw this.#startError(
        `ended at once (${child.exitCode ?? child.signalCode ?? spawnError?.message})`,
        spawnError,
      );
  }

  #startError(what: string, cause: unknown): Error {
    return new Error(`${this.#program.command} on port ${this.port} ${what}. Its last words:\n${this.#output.trim()}`, {
      cause,
    });
  }
}
