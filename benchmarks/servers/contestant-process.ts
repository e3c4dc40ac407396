import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Contestant, Place } from './contestant.ts';
import type { HostReply, HostRequest } from './contestant-host.ts';
import type { Slice, Workload } from './workload.ts';

const HOST = fileURLToPath(new URL('./contestant-host.ts', import.meta.url));
const LOADER = new URL('../../tools/typescript.mjs', import.meta.url).href;
/** Beyond this a contestant hangs. It holds for starting, filling and a slice alike. */
const LIMIT_MS = 60_000;
const CLOSE_LIMIT_MS = 5_000;
const KEPT_OUTPUT_CHARS = 1_000;

/** How {@link ContestantProcess} starts. */
export interface ContestantProcessOptions {
  /** The module whose `contestants` the process finds this one in. */
  readonly roster: URL;
  readonly place: Place;
  /** A folder for a CPU profile of the whole run. @default no profile is taken */
  readonly profileFolder?: string | undefined;
}

/** Why a contestant is out of the run. */
export class ContestantFailure extends Error {
  override readonly name = 'ContestantFailure';
  /** It answered wrongly, so what it did before is worth nothing either. */
  readonly isWrongAnswer: boolean;

  constructor(message: string, isWrongAnswer = false) {
    super(message);
    this.isWrongAnswer = isWrongAnswer;
  }
}

/** A contestant in a process of its own. Whatever it does wrong is a {@link ContestantFailure} with words for the report. */
export class ContestantProcess {
  readonly contestant: Contestant;
  readonly #child: ChildProcess;
  #output = '';

  private constructor(contestant: Contestant, child: ChildProcess) {
    this.contestant = contestant;
    this.#child = child;
    const keep = (chunk: Buffer): void => {
      this.#output = (this.#output + chunk).slice(-KEPT_OUTPUT_CHARS);
    };
    child.stdout?.on('data', keep);
    child.stderr?.on('data', keep);
    child.on('error', () => {});
  }

  /** Starts the process and opens the contestant in it. */
  static async open(
    contestant: Contestant,
    { roster, place, profileFolder }: ContestantProcessOptions,
  ): Promise<ContestantProcess> {
    const profiling = profileFolder === undefined ? [] : ['--cpu-prof', '--cpu-prof-dir', profileFolder];
    const child = fork(HOST, {
      execArgv: ['--no-warnings', '--import', LOADER, ...profiling],
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    const started = new ContestantProcess(contestant, child);
    try {
      await started.#ask({ do: 'open', roster: roster.href, name: contestant.name, place });
      return started;
    } catch (error) {
      await started.close();
      throw error;
    }
  }

  async fill(sizeBytes: number, keyCount: number): Promise<void> {
    await this.#ask({ do: 'fill', sizeBytes, keyCount });
  }

  async warmUp(workload: Workload, calls: number): Promise<void> {
    await this.#ask({ do: 'warmUp', workload, calls });
  }

  async measure(workload: Workload, durationMs: number): Promise<Slice> {
    const reply = await this.#ask({ do: 'measure', workload, durationMs });
    if ('slice' in reply && reply.slice !== undefined) return reply.slice;
    throw new ContestantFailure('It was measured without a result.');
  }

  /** Ends the process, politely if it answers. */
  async close(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = new Promise<void>((resolve) => this.#child.once('exit', () => resolve()));
    await this.#ask({ do: 'close' }, CLOSE_LIMIT_MS).catch(() => this.#child.kill('SIGKILL'));
    const kill = setTimeout(() => this.#child.kill('SIGKILL'), CLOSE_LIMIT_MS);
    await ended;
    clearTimeout(kill);
  }

  #ask(request: HostRequest, limitMs = LIMIT_MS): Promise<HostReply> {
    return new Promise((resolve, reject) => {
      const settle = (act: () => void): void => {
        clearTimeout(timer);
        this.#child.off('message', onMessage).off('exit', onExit);
        act();
      };
      const onMessage = (reply: HostReply): void =>
        settle(() =>
          'failure' in reply ? reject(new ContestantFailure(reply.failure, reply.isWrongAnswer)) : resolve(reply),
        );
      const onExit = (code: number | null, signal: string | null): void =>
        settle(() => reject(new ContestantFailure(`its process ended (${signal ?? code}): ${this.#output.trim()}`)));
      const timer = setTimeout(
        () => settle(() => reject(new ContestantFailure(`no answer within ${limitMs / 1_000} s`))),
        limitMs,
      );
      this.#child.once('message', onMessage).once('exit', onExit);
      this.#child.send(request, (error) => error && settle(() => reject(new ContestantFailure(error.message))));
    });
  }
}
