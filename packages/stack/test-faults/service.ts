import type { StackHealth } from '@cache/stack';
import { type ChildProgram, type ProgramEnd, startProgram, waitUntil } from '@cache/test-servers';
import type { BackendName, YourBackendName } from './backends.ts';

/** What a service under load says of itself. */
export interface Report {
  readonly answers: number;
  readonly failures: number;
  readonly wrong: number;
  readonly slowestMs: number;
  /** `removed`, `queued`, or the code of another error, with how often. */
  readonly removals: Readonly<Record<string, number>>;
  readonly breaker: string;
  readonly queuedInvalidations: number;
  readonly l2Hits: number;
  readonly refusedCalls: number;
  /** Calls of the second level that failed. */
  readonly unansweredCalls: number;
  readonly heapBytes: number;
}

/** A service under load in a process of its own. */
export interface Service extends AsyncDisposable {
  report(): Promise<Report>;
  health(): Promise<StackHealth>;
  /** Waits until its reports are so. */
  until(what: string, limitMs: number, isSo: (report: Report) => boolean): Promise<void>;
  end(): Promise<ProgramEnd>;
}

/** Starts one over a server, which need not be there. */
export function startService(backend: BackendName | YourBackendName, url: string): Service {
  const program: ChildProgram = startProgram(new URL('./programs/service.ts', import.meta.url), backend, url);
  const report = async (): Promise<Report> => (await program.ask('report')) as Report;
  return {
    report,
    health: async () => (await program.ask('health')) as StackHealth,
    until: (what, limitMs, isSo) => waitUntil(what, limitMs, async () => isSo(await report())),
    end: () => program.end(),
    [Symbol.asyncDispose]: () => program[Symbol.asyncDispose](),
  };
}
