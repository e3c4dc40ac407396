import { ClosedLoop, WrongAnswerError } from './closed-loop.ts';
import type { Contestant, OpenContestant, Place } from './contestant.ts';
import type { Slice, Workload } from './workload.ts';

/** What the parent asks of a contestant's process, one thing at a time. */
export type HostRequest =
  | { readonly do: 'open'; readonly roster: string; readonly name: string; readonly place: Place }
  | { readonly do: 'fill'; readonly sizeBytes: number; readonly keyCount: number }
  | { readonly do: 'warmUp'; readonly workload: Workload; readonly calls: number }
  | { readonly do: 'measure'; readonly workload: Workload; readonly durationMs: number }
  | { readonly do: 'close' };

/** The answer: a slice after `measure`, and for everything else that it is done, or why it is not. */
export type HostReply = { readonly slice?: Slice } | { readonly failure: string; readonly isWrongAnswer: boolean };

/*
 * A process that runs one contestant, so that none pays for another's garbage, compiled code or open handles.
 */
let cache: OpenContestant | undefined;
let loop: ClosedLoop | undefined;

async function carryOut(request: HostRequest): Promise<HostReply> {
  switch (request.do) {
    case 'open': {
      const { contestants } = (await import(request.roster)) as { contestants: readonly Contestant[] };
      const contestant = contestants.find(({ name }) => name === request.name);
      if (contestant === undefined) throw new Error(`There is no contestant '${request.name}'.`);
      cache = await contestant.open(request.place);
      return {};
    }
    case 'fill':
      if (cache === undefined) throw new Error('Filled before it was opened.');
      loop = await ClosedLoop.fill(cache, request.sizeBytes, request.keyCount);
      return {};
    case 'warmUp':
      if (loop === undefined) throw new Error('Warmed up before it was filled.');
      await loop.warmUp(request.workload, request.calls);
      return {};
    case 'measure':
      if (loop === undefined) throw new Error('Measured before it was filled.');
      return { slice: await loop.measure(request.workload, request.durationMs) };
    case 'close':
      await cache?.close();
      return {};
  }
}

process.on('message', async (request: HostRequest) => {
  let reply: HostReply;
  try {
    reply = await carryOut(request);
  } catch (error) {
    const failure = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    reply = { failure, isWrongAnswer: error instanceof WrongAnswerError };
  }
  process.send?.(reply, undefined, {}, () => {
    // A library that keeps a handle open must not keep the process: with `--cpu-prof` this also writes the profile.
    if (request.do === 'close') process.exit();
  });
});
