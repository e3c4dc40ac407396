import type { LoadEvent, LoadState } from '../src/load-path.ts';

/** What a writer does after it has changed the source. */
export type WriterKind = 'remove' | 'tag';

export interface Request {
  readonly kind: 'read' | 'lease' | 'load' | 'fill' | 'release';
  readonly token?: number;
  readonly version?: number;
}

/** A caller who asks while the reader's flight is under way, and joins it. */
interface Joiner {
  /** The newest invalidation that was acknowledged when it joined. */
  acked: number;
  /** What the flight has sent since: proof of its answer for this caller. */
  readonly sent: { request: boolean; load: boolean; fill: boolean };
}

export interface Reader {
  /** `undefined` before it begins. */
  state: LoadState<number> | undefined;
  /** Sent, and not yet carried out. */
  requests: Request[];
  /** Carried out, and not yet delivered. */
  reply: LoadEvent<number> | undefined;
  hasPollTimer: boolean;
  hasLockTimer: boolean;
  /** What the production fence knows of this reader's registration. */
  isRegistered: boolean;
  isPoisoned: boolean;
  isLate: boolean;
  /** The newest invalidation that was acknowledged when the read began. */
  acked: number;
  answer: number | undefined;
  joiner: Joiner | 'none' | 'gone';
}

type WriterStep = 'start' | 'changed' | 'removed' | 'acked';

export interface Process {
  isAlive: boolean;
  /** True while the bus proves the copy. */
  isLive: boolean;
  /** The version that the first level holds. */
  copy: number | undefined;
  /** Messages on their way here. */
  inbox: { readonly kind: WriterKind; readonly version: number }[];
  writer: { step: WriterStep; version: number };
  reader: Reader;
}

/** One key, one source, one shared store with leases, two processes with a first level, a reader and a writer each. */
export interface World {
  /** The source's version: how many changes it has seen. */
  source: number;
  value: { readonly version: number; readonly stamp: number } | undefined;
  lease: { readonly token: number; readonly stamp: number } | undefined;
  tagSequence: number;
  grants: number;
  /** Crashes, lost replies and the like that may still happen. */
  faults: number;
  violation: string | undefined;
  readonly processes: readonly [Process, Process];
}

export function initialWorld(faults: number): World {
  return {
    source: 0,
    value: undefined,
    lease: undefined,
    tagSequence: 0,
    grants: 0,
    faults,
    violation: undefined,
    processes: [initialProcess(), initialProcess()],
  };
}

function initialProcess(): Process {
  return {
    isAlive: true,
    isLive: true,
    copy: undefined,
    inbox: [],
    writer: { step: 'start', version: 0 },
    reader: {
      state: undefined,
      requests: [],
      reply: undefined,
      hasPollTimer: false,
      hasLockTimer: false,
      isRegistered: false,
      isPoisoned: false,
      isLate: false,
      acked: 0,
      answer: undefined,
      joiner: 'none',
    },
  };
}

/** A copy in which `changed` may be changed, and the inbox of the other process. What is never changed in place is shared. */
export function copyOf(world: World, changed: 0 | 1): World {
  const [one, two] = world.processes;
  return {
    ...world,
    processes: changed === 0 ? [copyOfProcess(one), copyToTell(two)] : [copyToTell(one), copyOfProcess(two)],
  };
}

function copyToTell(process: Process): Process {
  return { ...process, inbox: process.inbox.slice() };
}

function copyOfProcess(process: Process): Process {
  const { reader } = process;
  const { joiner } = reader;
  return {
    ...process,
    inbox: process.inbox.slice(),
    writer: { ...process.writer },
    reader: {
      ...reader,
      requests: reader.requests.slice(),
      joiner: typeof joiner === 'string' ? joiner : { acked: joiner.acked, sent: { ...joiner.sent } },
    },
  };
}

/** The version that the store would answer with. */
export function storedVersion({ value, tagSequence }: World): number | undefined {
  return value !== undefined && value.stamp >= tagSequence ? value.version : undefined;
}

/** The newest version whose invalidation is acknowledged. */
export function acknowledged({ processes: [one, two] }: World): number {
  const first = one.writer.step === 'acked' ? one.writer.version : 0;
  const second = two.writer.step === 'acked' ? two.writer.version : 0;
  return Math.max(first, second);
}

/**
 * What tells two worlds apart. Left out, since nothing that can still happen depends on it:
 * - the names of lease tokens: they are only ever compared, so they are numbered in the order in which they are found;
 * - the distance of stamps from zero: they are only ever compared with the sequence;
 * - how often a waiter has polled, beyond whether it has: only the first poll starts the lock timer;
 * - everything of a process that has crashed, and of a reader that has answered but for what it leaves on its way;
 * - which of two processes is which, where both do the same.
 */
export function nameOf(world: World, isSymmetric: boolean): string {
  const ofTokens = (first: 0 | 1): string => {
    const found: number[] = [];
    const token = (given: number | undefined): string => {
      if (given === undefined) return '-';
      const number = found.indexOf(given);
      return `${number >= 0 ? number : found.push(given) - 1}`;
    };
    const { value, lease, tagSequence } = world;
    const isValid = value !== undefined && value.stamp >= tagSequence;
    const store = `${world.source}/${isValid ? value.version : '-'}/${
      lease === undefined ? '-' : `${token(lease.token)}${lease.stamp >= tagSequence ? 'v' : 'x'}`
    }/${world.faults}`;
    const one = nameOfProcess(world.processes[first], token);
    const two = nameOfProcess(world.processes[first === 0 ? 1 : 0], token);
    return `${store}|${one}|${two}`;
  };
  const name = ofTokens(0);
  if (!isSymmetric) return name;
  const mirrored = ofTokens(1);
  if (mirrored < name) return mirrored;
  return name;
}

function nameOfProcess(process: Process, token: (given: number | undefined) => string): string {
  const { isAlive, isLive, copy, inbox, writer, reader } = process;
  const written = `${writer.step}${writer.version}`;
  if (!isAlive) return `dead ${written}`;
  const { state, requests, reply, joiner } = reader;
  const sent = requests.map((request) => `${request.kind}${token(request.token)}${request.version ?? ''}`).join(',');
  const messages = inbox.map(({ kind, version }) => `${kind}${version}`).join(',');
  const common = `${isLive}${copy ?? '-'} ${messages} ${written} ${sent}`;
  if (state === undefined) return `${common} new`;
  if (state.phase === 'done') return `${common} done ${typeof joiner === 'string' ? joiner : ''}`;
  const { hasPollTimer, hasLockTimer, isPoisoned, isLate } = reader;
  const flags = `${bit(hasPollTimer)}${bit(hasLockTimer)}${bit(isPoisoned)}${bit(isLate)}${bit(state.mustNotWait)}`;
  const replied = reply === undefined ? '-' : nameOfReply(reply);
  const polled = bit(state.pollAttempt > 0);
  const lease = token(state.lease === undefined ? undefined : +state.lease.token);
  return `${common} ${state.phase}${lease} ${String(state.loaded)} ${polled} ${flags} ${replied} ${reader.acked} ${nameOfJoiner(joiner)}`;
}

function nameOfJoiner(joiner: Reader['joiner']): string {
  if (typeof joiner === 'string') return joiner;
  const { request, load, fill } = joiner.sent;
  return `${joiner.acked}${bit(request)}${bit(load)}${bit(fill)}`;
}

function bit(flag: boolean): string {
  return flag ? '1' : '0';
}

function nameOfReply(reply: LoadEvent<number>): string {
  if (reply.type === 'entry') return reply.entry.state === 'fresh' ? `fresh${reply.entry.value}` : reply.entry.state;
  return reply.type;
}
