import { DeadlineQueue } from './deadline-queue.ts';
import { Flight } from './flight.ts';
import { MultiGet, type ReadCall, type StoredReplies } from './multi-get.ts';
import { type CommandSettings, type PendingCommand, SimpleCommand } from './pending-command.ts';
import type { RedisArgument } from './redis-client.ts';
import type { RedisNode, RedisNodes } from './redis-node.ts';
import type { RedisScript } from './redis-script.ts';
import { ReplyPortions } from './reply-portions.ts';
import { ScriptBatch, type ScriptCall } from './script-batch.ts';
import { TooManyPending } from './server-error.ts';
import type { StandInUser } from './stand-in.ts';

/** How a {@link CommandBatch} behaves. */
export interface CommandBatchSettings {
  readonly readTimeoutMs: number;
  readonly writeTimeoutMs: number;
  /** How many calls may be outstanding. */
  readonly maxPending: number;
  /** How many keys one MGET has. */
  readonly maxBatchSize: number;
  /** Told when a deadline passed without any answer to any command; `answerCount` says which silence it is. */
  readonly onSilence?: (answerCount: number) => void;
}

/** What reads that meet a frame need besides, asked for in the same tick. */
export interface ReadCompanions {
  /** Called before the reads of a tick are sent. */
  accompany(reads: readonly MultiGet[]): void;
  /** Settles what was read. */
  settle(command: MultiGet, replies: StoredReplies): void;
}

/** Long enough that what follows from an answer has been sent. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, 5);
  });
}

const SETTLED: Promise<void> = Promise.resolve();

/**
 * Sends commands so that those of one tick travel together: the client gets each at once and writes them when the event
 * loop turns. Reads gather first, and so do calls of a script that takes many keys.
 *
 * **Order.** Invariant: for each key, commands reach the server in the order in which they were called.
 * - Commands go to the client in the order of the calls, and a connection is first in, first out.
 * - Gets on a single server gather in one open MGET, which is sent at the end of the tick, after all promise jobs and
 *   before the client writes. A get that comes after a write of its key still sees it, since the MGET goes after. A get
 *   that comes before a write of its key must not, so that write closes the open MGET and sends it first. Keys are looked
 *   up in a set that is filled only when a tick mixes both.
 * - A set that takes a second round trip holds its key in a `KeyGate` meanwhile. `increment` and `setWithNx` take one only
 *   when they meet an item with tags, and hold nothing: a hot counter would wait for itself.
 *
 * **Isolation.** Values are serialised before they get here, a pipelined command fails alone, and MGET answers nil for
 * what is no string.
 *
 * **Deadline.** One per tick and kind, from a {@link DeadlineQueue}.
 */
export class CommandBatch implements StandInUser {
  readonly nodes: RedisNodes;
  /** Grows at the end of each tick: what was added under one number travels together. */
  flushCount = 0;
  readonly #settings: CommandBatchSettings;
  readonly #reads: DeadlineQueue;
  readonly #writes: DeadlineQueue;
  readonly #replies = new ReplyPortions();
  #companions: ReadCompanions | undefined;
  #openRead: MultiGet | undefined;
  #readCommands: MultiGet[] = [];
  #openScript: ScriptBatch | undefined;
  #isArmed = false;
  /** How many calls wait for the server, those included that were given up. */
  #outstandingCount = 0;
  /** As `maxPending`, and room for what waits for a connection that was given up. */
  #maxOutstanding: number;
  #answerCount = 0;
  #readFlight: Flight | undefined;
  #writeFlight: Flight | undefined;

  constructor(nodes: RedisNodes, settings: CommandBatchSettings) {
    this.nodes = nodes;
    this.#settings = settings;
    this.#maxOutstanding = settings.maxPending;
    this.#reads = new DeadlineQueue(settings.readTimeoutMs);
    this.#writes = new DeadlineQueue(settings.writeTimeoutMs);
  }

  /** Fulfils when nothing waits for the server, or when every deadline must have passed. */
  async atRest(): Promise<void> {
    const { readTimeoutMs, writeTimeoutMs } = this.#settings;
    const giveUpAtMs = performance.now() + Math.max(readTimeoutMs, writeTimeoutMs);
    while (this.#outstandingCount > 0 && performance.now() < giveUpAtMs) await nextTurn();
  }

  giveUpOutstanding(): void {
    this.#maxOutstanding = this.#settings.maxPending + this.#outstandingCount;
  }

  forgetGivenUp(): void {
    this.#maxOutstanding = this.#settings.maxPending;
  }

  set companions(companions: ReadCompanions) {
    this.#companions = companions;
  }

  /** Reads one key; `call` is told of the outcome. */
  read(call: ReadCall): void {
    if (!this.#admit(call.callCount, call)) return;
    const open = this.#openRead;
    if (open !== undefined && open.calls.length < this.#settings.maxBatchSize && !this.nodes.isCluster) {
      open.add(call);
      return;
    }
    if (open !== undefined) this.#closeRead(open);
    this.#openRead = new MultiGet(call, this.#settleRead);
    this.#readCommands.push(this.#openRead);
    this.#arm();
  }

  /** Runs a script on one key; `call` is told of the outcome. */
  run(script: RedisScript, call: ScriptCall): void {
    if (!this.#admit(1, call)) return;
    if (this.#openRead?.has(call.key)) this.#closeRead(this.#openRead);
    const open = this.#openScript;
    if (open?.takes(script, call) && !this.nodes.isCluster) {
      open.add(call);
      return;
    }
    this.#closeScript();
    this.#openScript = new ScriptBatch(script, call, this.#addAgain);
    this.#arm();
  }

  /** Sends a command. */
  add(command: PendingCommand): void {
    if (!this.#admit(command.callCount, command)) return;
    this.#closeScript();
    if (command.isWrite && this.#openRead?.has(command.key)) this.#closeRead(this.#openRead);
    this.#arm();
    this.#dispatch(command);
  }

  /** Sends a command and gives its reply. */
  send(args: readonly RedisArgument[], settings: CommandSettings): Promise<unknown> {
    return new Promise((resolve, reject) => this.add(new SimpleCommand(args, settings, resolve, reject)));
  }

  #admit(callCount: number, call: { fail(reason: unknown): void }): boolean {
    if (this.#outstandingCount < this.#maxOutstanding) {
      this.#outstandingCount += callCount;
      return true;
    }
    call.fail(new TooManyPending(this.#settings.maxPending));
    return false;
  }

  #closeRead(open: MultiGet): void {
    this.#closeScript();
    this.#openRead = undefined;
    this.#dispatch(open);
  }

  #closeScript(): void {
    const open = this.#openScript;
    if (open === undefined) return;
    this.#openScript = undefined;
    this.#dispatch(open);
  }

  #arm(): void {
    if (this.#isArmed) return;
    this.#isArmed = true;
    SETTLED.then(this.#afterPromiseJobs);
  }

  readonly #afterPromiseJobs = (): void => {
    process.nextTick(this.#flush);
  };

  readonly #flush = (): void => {
    this.#closeScript();
    if (this.#openRead !== undefined) this.#closeRead(this.#openRead);
    if (this.#readCommands.length > 0) this.#companions?.accompany(this.#readCommands);
    this.#readCommands = [];
    this.#isArmed = false;
    this.flushCount += 1;
    this.#replies.startTurn();
    this.#readFlight?.depart();
    this.#writeFlight?.depart();
    this.#readFlight = undefined;
    this.#writeFlight = undefined;
  };

  /** The commands of this tick that share a deadline with this one. */
  #flightOf({ isWrite }: PendingCommand): Flight {
    if (isWrite) {
      this.#writeFlight ??= this.#newFlight(this.#writes, this.#settings.writeTimeoutMs);
      return this.#writeFlight;
    }
    this.#readFlight ??= this.#newFlight(this.#reads, this.#settings.readTimeoutMs);
    return this.#readFlight;
  }

  #newFlight(deadlines: DeadlineQueue, timeoutMs: number): Flight {
    return new Flight(deadlines, timeoutMs, this.#answerCount, this.#onExpire);
  }

  /** Hands a command to the client, which writes whatever it has got when the event loop turns. */
  #dispatch(command: PendingCommand): void {
    const flight = this.#flightOf(command);
    flight.add(command);
    let sent: Promise<unknown>;
    try {
      const node: RedisNode = command.node ?? this.nodes.nodeOf(command.key);
      sent = node.send(command.args(node), command.format, command.key);
    } catch (error) {
      this.#land(command, flight);
      command.fail(error);
      return;
    }
    sent.then(
      (reply) => {
        this.#land(command, flight);
        this.#answerCount += 1;
        this.#replies.tell(command, reply, this.#outstandingCount);
      },
      (error: unknown) => {
        this.#land(command, flight);
        command.fail(error);
      },
    );
  }

  #land(command: PendingCommand, flight: Flight): void {
    flight.land();
    this.#outstandingCount -= command.callCount;
  }

  readonly #addAgain = (batch: ScriptBatch): void => this.add(batch);

  readonly #settleRead = (command: MultiGet, replies: StoredReplies): void => {
    this.#companions?.settle(command, replies);
  };

  readonly #onExpire = (flight: Flight): void => {
    // They were answered in time.
    this.#replies.tellRest();
    if (flight.answerCount === this.#answerCount) this.#settings.onSilence?.(this.#answerCount);
  };
}
