import type { CacheEntry } from '@cache/core';
import { type InFlight, InstallFence } from '../src/install-fence.ts';
import {
  type AnswerProof,
  advance,
  initialLoadState,
  type LoadEffect,
  type LoadEvent,
  type LoadPolicy,
} from '../src/load-path.ts';
import {
  acknowledged,
  copyOf,
  type Process,
  type Reader,
  type Request,
  storedVersion,
  type World,
  type WriterKind,
} from './coherence-world.ts';

/**
 * Every step that a small world can take, with the load path and the fence of production: requests, replies, messages,
 * timers, crashes and losses are steps of their own, so that taking them in every order is taking every interleaving.
 *
 * Steps that commute with everything that others can do are not taken apart (partial-order reduction):
 * - a reply that keeps nothing locally is delivered with being made: it only leads to the process's own next request, and that
 *   may be delayed as long as the delivery could have been. Replies that keep a value are steps of their own, since the
 *   process's own forgetting may come before them;
 * - a poll is sent with being carried out, for the same reason;
 * - a writer forgets locally for the first time at the moment at which it changes the source: the earliest forgetting poisons
 *   least, and what it drops nobody is promised yet, so a later one breaks nothing that this one does not;
 * - it forgets for the second time, tells, and is acknowledged in one step: the first is its own process's matter, and an
 *   acknowledgement that comes sooner only promises more.
 */

/** Parts replaced by what people write without thinking: each must be caught. */
export type Naivety =
  | 'none'
  | 'keeps without a fence'
  | 'fills without a lease'
  | 'tells before it removes'
  | 'forgets once'
  | 'takes silence for health'
  | 'lets everybody join';

export interface Scenario {
  readonly writers: readonly [WriterKind, WriterKind];
  /** What may go wrong, once: `nothing` but the order of things if empty. */
  readonly faults: readonly ('crash' | 'lost message' | 'expired lease' | 'lost reply')[];
  readonly hasJoiner?: boolean;
  /** What readers ask the store first: `'read'` unless told. */
  readonly first?: 'lease';
  readonly naivety: Naivety;
}

const KEY = 'k';
const TAG = 't';
const POLICY: LoadPolicy<number> = { stale: 'never', isEarly: () => false };

/** Every world that one step can lead to. */
export function successors(world: World, scenario: Scenario): World[] {
  const next: World[] = [];
  const take = (index: 0 | 1, run: (step: Step) => void): void => {
    const step = new Step(copyOf(world, index), scenario);
    run(step);
    next.push(step.finished());
  };
  const fault = (kind: Scenario['faults'][number]): boolean => world.faults > 0 && scenario.faults.includes(kind);
  for (const index of [0, 1] as const) {
    const process = world.processes[index];
    if (!process.isAlive) continue;
    const { reader, writer } = process;
    if (reader.state === undefined) take(index, (step) => step.begin(index));
    const canJoin = scenario.hasJoiner === true && index === 0 && reader.joiner === 'none' && reader.isRegistered;
    if (canJoin && !reader.isPoisoned && !reader.isLate) take(index, (step) => step.join(index));
    reader.requests.forEach((request, at) => {
      take(index, (step) => step.carryOut(index, at));
      if (fault('lost reply') && request.kind !== 'load') take(index, (step) => step.loseReply(index, at));
    });
    if (reader.reply !== undefined) take(index, (step) => step.deliver(index));
    if (reader.hasPollTimer) take(index, (step) => step.poll(index));
    if (reader.hasLockTimer) take(index, (step) => step.lockTimeout(index));
    if (writer.step !== 'acked') take(index, (step) => step.write(index));
    if (process.inbox.length > 0) take(index, (step) => step.receive(index));
    if (process.inbox.length > 0 && fault('lost message')) take(index, (step) => step.loseMessages(index));
    if (!process.isLive) take(index, (step) => step.reconnect(index));
    if (fault('crash') && (reader.state !== undefined || writer.step !== 'start'))
      take(index, (step) => step.crash(index));
  }
  if (fault('expired lease') && world.lease !== undefined) take(0, (step) => step.expireLease());
  return next;
}

class Step {
  readonly #world: World;
  readonly #scenario: Scenario;

  constructor(world: World, scenario: Scenario) {
    this.#world = world;
    this.#scenario = scenario;
  }

  /** The world after the step, with what is wrong in it. */
  finished(): World {
    const world = this.#world;
    const acked = acknowledged(world);
    const stored = storedVersion(world);
    if (stored !== undefined && stored < acked) {
      world.violation ??= `the store holds version ${stored}, and the invalidation of ${acked} was acknowledged`;
    }
    for (const process of world.processes) {
      const floor = knownTo(process, world);
      const isServed = process.isLive || this.#scenario.naivety === 'takes silence for health';
      if (process.isAlive && isServed && process.copy !== undefined && process.copy < floor) {
        world.violation ??= `a process serves version ${process.copy}, and was told of ${floor}`;
      }
    }
    return world;
  }

  begin(index: 0 | 1): void {
    const { reader } = this.#process(index);
    reader.state = initialLoadState();
    reader.acked = acknowledged(this.#world);
    reader.isRegistered = true;
    this.#dispatch(index, { type: 'start', first: this.#scenario.first ?? 'read' });
  }

  join(index: 0 | 1): void {
    const sent = { request: false, load: false, fill: false };
    this.#process(index).reader.joiner = { acked: acknowledged(this.#world), sent };
  }

  carryOut(index: 0 | 1, at: number): void {
    const { reader } = this.#process(index);
    const [request] = reader.requests.splice(at, 1);
    if (request !== undefined) this.#reply(index, this.#answer(request));
  }

  /** The store has done it, or not heard of it; the process hears nothing within the deadline. */
  loseReply(index: 0 | 1, at: number): void {
    const { reader } = this.#process(index);
    const [request] = reader.requests.splice(at, 1);
    if (request === undefined) return;
    this.#world.faults -= 1;
    this.#answer(request);
    if (request.kind !== 'release') {
      this.#dispatch(index, { type: request.kind === 'fill' ? 'fillFailed' : 'storeFailed' });
    }
  }

  deliver(index: 0 | 1): void {
    const { reader } = this.#process(index);
    const { reply } = reader;
    reader.reply = undefined;
    if (reply !== undefined) this.#dispatch(index, reply);
  }

  poll(index: 0 | 1): void {
    const { reader } = this.#process(index);
    reader.hasPollTimer = false;
    this.#dispatch(index, { type: 'pollDue' });
    const at = reader.requests.findIndex(({ kind }) => kind === 'lease');
    if (at >= 0) this.carryOut(index, at);
  }

  lockTimeout(index: 0 | 1): void {
    const { reader } = this.#process(index);
    reader.hasLockTimer = false;
    reader.hasPollTimer = false;
    this.#dispatch(index, { type: 'lockTimeout' });
  }

  write(index: 0 | 1): void {
    const world = this.#world;
    const { writer } = this.#process(index);
    const kind = this.#scenario.writers[index];
    const { naivety } = this.#scenario;
    switch (writer.step) {
      case 'start':
        world.source += 1;
        writer.version = world.source;
        this.#forget(index, kind);
        if (naivety === 'tells before it removes') this.#tell(index, kind, writer.version);
        writer.step = 'changed';
        break;
      case 'changed':
        if (kind === 'tag') world.tagSequence += 1;
        else world.value = undefined;
        if (kind === 'remove') world.lease = undefined;
        writer.step = 'removed';
        break;
      case 'removed':
        if (naivety !== 'forgets once') this.#forget(index, kind);
        if (naivety !== 'tells before it removes') this.#tell(index, kind, writer.version);
        writer.step = 'acked';
        break;
      case 'acked':
        break;
    }
  }

  receive(index: 0 | 1): void {
    const message = this.#process(index).inbox.shift();
    if (message !== undefined) this.#forget(index, message.kind);
  }

  /** The connection breaks with what is on it: from here on nothing proves the copy. */
  loseMessages(index: 0 | 1): void {
    const process = this.#process(index);
    this.#world.faults -= 1;
    process.inbox = [];
    process.isLive = false;
  }

  /** Back again is a gap: everything is forgotten first, and what is told from here on arrives. */
  reconnect(index: 0 | 1): void {
    const process = this.#process(index);
    process.copy = undefined;
    onFence(process.reader, (fence) => fence.poisonAll());
    process.isLive = true;
  }

  crash(index: 0 | 1): void {
    const process = this.#process(index);
    this.#world.faults -= 1;
    process.isAlive = false;
    process.copy = undefined;
    process.inbox = [];
    process.reader.requests = [];
  }

  expireLease(): void {
    this.#world.faults -= 1;
    this.#world.lease = undefined;
  }

  #process(index: 0 | 1): Process {
    return this.#world.processes[index];
  }

  #dispatch(index: 0 | 1, event: LoadEvent<number>): void {
    const { reader } = this.#process(index);
    if (reader.state === undefined || reader.state.phase === 'done') return;
    const [state, effects] = advance(reader.state, event, POLICY);
    reader.state = state;
    for (const effect of effects) this.#perform(index, effect);
  }

  #perform(index: 0 | 1, effect: LoadEffect<number>): void {
    const { reader } = this.#process(index);
    switch (effect.do) {
      case 'read':
      case 'lease':
      case 'load':
      case 'fill':
        markSent(reader, effect.do === 'read' || effect.do === 'lease' ? 'request' : effect.do);
        reader.requests.push(requestOf(effect));
        break;
      case 'release':
        reader.requests.push({ kind: 'release', token: Number(effect.lease.token) });
        break;
      case 'startLockTimer':
        reader.hasLockTimer = true;
        break;
      case 'poll':
        reader.hasPollTimer = true;
        break;
      case 'install':
        this.#keep(index, effect.entry.value);
        break;
      case 'installLoaded':
        this.#keep(index, effect.value);
        break;
      case 'answer':
        this.#answered(reader, effect.answer.kind === 'value' ? effect.answer.value : undefined, effect.proof);
        break;
      case 'finish':
        if (reader.answer === undefined) this.#world.violation ??= 'a reader ended without an answer';
        reader.isRegistered = false;
        reader.hasPollTimer = false;
        reader.hasLockTimer = false;
        break;
      case 'startSoftTimer':
      case 'backOff':
        throw new Error(`${effect.do} without stale copies`);
    }
  }

  #answered(reader: Reader, version: number | undefined, proof: AnswerProof): void {
    const world = this.#world;
    if (version === undefined || reader.answer !== undefined) {
      world.violation ??= 'a reader had no answer, or two';
      return;
    }
    reader.answer = version;
    if (version < reader.acked) {
      world.violation ??= `answered ${version}, and ${reader.acked} was acknowledged before it asked`;
    }
    const { joiner } = reader;
    if (typeof joiner === 'string') return;
    // One whose answer is not proven asks again, and is then a reader of its own.
    const isProven = joiner.sent[proof] || this.#scenario.naivety === 'lets everybody join';
    if (isProven && version < joiner.acked) {
      world.violation ??= `a joiner took ${version}, and ${joiner.acked} was acknowledged before it asked`;
    }
    reader.joiner = 'gone';
  }

  #keep(index: 0 | 1, version: number): void {
    const process = this.#process(index);
    const isAdmitted = onFence(process.reader, (fence, own) => own !== undefined && fence.admits(own, [TAG]));
    const isKept = isAdmitted || this.#scenario.naivety === 'keeps without a fence';
    if (isKept && process.isLive) process.copy = version;
  }

  #forget(index: 0 | 1, kind: WriterKind): void {
    const process = this.#process(index);
    process.copy = undefined;
    onFence(process.reader, (fence) => {
      if (kind === 'remove') fence.poisonKey(KEY);
      else fence.poisonTags([TAG]);
    });
  }

  #tell(index: 0 | 1, kind: WriterKind, version: number): void {
    const other = this.#process(index === 0 ? 1 : 0);
    if (other.isAlive && other.isLive) other.inbox.push({ kind, version });
  }

  #reply(index: 0 | 1, reply: LoadEvent<number> | undefined): void {
    if (reply === undefined) return;
    const keeps =
      (reply.type === 'entry' && reply.entry.state === 'fresh') || (reply.type === 'filled' && reply.isStored);
    if (keeps) this.#process(index).reader.reply = reply;
    else this.#dispatch(index, reply);
  }

  #answer(request: Request): LoadEvent<number> | undefined {
    const world = this.#world;
    switch (request.kind) {
      case 'read':
        return { type: 'entry', entry: entryOf(world) };
      case 'lease':
        return { type: 'entry', entry: this.#grant(entryOf(world)) };
      case 'load':
        return { type: 'loaded', loaded: { value: world.source, isStored: true } };
      case 'fill':
        return { type: 'filled', isStored: this.#fill(request) };
      case 'release':
        if (world.lease?.token === request.token) world.lease = undefined;
        return undefined;
    }
  }

  #grant(entry: CacheEntry<number>): CacheEntry<number> {
    const world = this.#world;
    // A tag's invalidation does not end a lease in the store: its stamp does not admit the fill.
    if (entry.state === 'fresh' || world.lease !== undefined) return entry;
    world.grants += 1;
    world.lease = { token: world.grants, stamp: world.tagSequence };
    return { state: 'missing', lease: { key: KEY, token: String(world.grants) } };
  }

  #fill({ token, version = 0 }: Request): boolean {
    const world = this.#world;
    if (this.#scenario.naivety === 'fills without a lease') {
      world.value = { version, stamp: world.tagSequence };
      return true;
    }
    if (world.lease === undefined || world.lease.token !== token) return false;
    const { stamp } = world.lease;
    world.lease = undefined;
    if (stamp < world.tagSequence) return false;
    world.value = { version, stamp };
    return true;
  }
}

function entryOf(world: World): CacheEntry<number> {
  const version = storedVersion(world);
  if (version === undefined) return { state: 'missing' };
  return {
    state: 'fresh',
    value: version,
    ageInSeconds: undefined,
    remainingInSeconds: null,
    loadDurationMs: undefined,
    tags: [TAG],
  };
}

function requestOf(effect: Extract<LoadEffect<number>, { do: 'read' | 'lease' | 'load' | 'fill' }>): Request {
  if (effect.do !== 'fill') return { kind: effect.do };
  return { kind: 'fill', token: Number(effect.lease.token), version: Number(effect.value) };
}

function markSent({ joiner }: Reader, proof: AnswerProof): void {
  if (typeof joiner !== 'string') joiner.sent[proof] = true;
}

/** The newest version whose invalidation the process must know of: acknowledged, and no message of it on its way. */
function knownTo({ inbox }: Process, { processes: [one, two] }: World): number {
  const known = ({ writer: { step, version } }: Process): number =>
    step === 'acked' && !inbox.some((message) => message.version === version) ? version : 0;
  const first = known(one);
  const second = known(two);
  return Math.max(first, second);
}

/** Runs something on the production fence as it stands for this reader, and keeps what it says after. */
function onFence<T>(reader: Reader, run: (fence: InstallFence, own: InFlight | undefined) => T): T | undefined {
  if (!reader.isRegistered) return undefined;
  const fence = new InstallFence();
  const own = fence.register(KEY);
  if (reader.isPoisoned) fence.poisonKey(KEY);
  if (reader.isLate) fence.poisonTags([TAG]);
  const result = run(fence, own);
  reader.isPoisoned = !fence.admits(own, []);
  reader.isLate = !fence.admits(own, [TAG]) && !reader.isPoisoned;
  return result;
}
