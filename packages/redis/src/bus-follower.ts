import { type BusGap, type Invalidation, withDeadline } from '@cache/core';
import { decodeInvalidations } from './bus-message.ts';
import { Dial } from './dial.ts';
import { isSentinelClient, isStandaloneClient, type RedisClient } from './redis-client.ts';
import type { RedisNodes } from './redis-node.ts';
import { nodesOf } from './redis-nodes.ts';

/** What a follower does with what it learns. All calls are synchronous. */
export interface FollowerEffects {
  gap(reason: BusGap): void;
  invalidation(invalidation: Invalidation, origin: string): void;
  /** Everything published before this moment, in monotonic ms, has been told. */
  liveAt(ms: number): void;
}

/** How a stream is followed. */
export interface FollowerSettings {
  readonly streamKey: string;
  readonly pollMs: number;
  readonly timeoutMs: number;
}

/** A connection of the bus's own. */
type OwnConnection = RedisClient & { connect(): Promise<unknown>; destroy(): unknown };

/** One message: its number, who sent it, what it says. */
interface Message {
  readonly number: number;
  readonly origin: string;
  readonly text: string;
}

const MESSAGES_PER_POLL = 1_000;

/**
 * Follows a stream over one connection, from its end at that moment, until the connection fails.
 *
 * - The position is read first, then listeners are told of the gap, then what follows the position is told. So what
 *   was published before the position is covered by the gap, and nothing after it is missed.
 * - Numbers are contiguous. A number that is missing, and a stream that ends before the position (it was restored from
 *   an older state, or lost), are gaps.
 * - Each poll asks for what follows and for the stream's end. `liveAt` is when the newest poll that was answered had been
 *   sent: silence is never taken for health, and a half-open connection ends it after the deadline.
 */
export async function followStream(
  client: RedisClient,
  settings: FollowerSettings,
  firstGap: BusGap,
  effects: FollowerEffects,
  signal: AbortSignal,
): Promise<void> {
  const { timeoutMs, pollMs } = settings;
  const dial = new Dial();
  const connection = ownConnection(client, dial);
  dial.begin();
  const connecting = connection.connect();
  const dialled = (): void => dial.end();
  connecting.then(dialled, dialled);
  const abort = (): Promise<void> => destroyOnceDialled(connection, dial, timeoutMs);
  signal.addEventListener('abort', abort, { once: true });
  try {
    await within(connecting, timeoutMs);
    const nodes = nodesOf(connection);
    let sentAtMs = performance.now();
    let position = await within(lastNumber(nodes, settings), timeoutMs);
    effects.gap(firstGap);
    effects.liveAt(sentAtMs);
    while (!signal.aborted) {
      sentAtMs = performance.now();
      const polled = Promise.all([messagesAfter(nodes, settings, position), lastNumber(nodes, settings)]);
      const [messages, last] = await within(polled, pollMs + timeoutMs);
      // A connection that was given up may still answer.
      if (signal.aborted) return;
      for (const message of messages) {
        deliver(message, position, effects);
        position = message.number;
      }
      if (last < position) {
        effects.gap('restored');
        position = last;
      }
      if (messages.length < MESSAGES_PER_POLL) effects.liveAt(sentAtMs);
    }
  } finally {
    signal.removeEventListener('abort', abort);
    void abort();
  }
}

/** Tells what a message says, and first that one is missing before it. */
function deliver({ number, origin, text }: Message, position: number, effects: FollowerEffects): void {
  if (number !== position + 1) effects.gap(position === 0 ? 'skipped' : 'trimmed');
  const invalidations = decodeInvalidations(text);
  if (invalidations === undefined) effects.gap('skipped');
  else for (const invalidation of invalidations) effects.invalidation(invalidation, origin);
}

/** A client of the same settings that does not reconnect by itself: each connection begins with a gap. */
function ownConnection(client: RedisClient, dial: Dial): OwnConnection {
  const connection = client.duplicate(withoutReconnecting(client, dial)) as OwnConnection;
  connection.on('error', () => {});
  if (isStandaloneClient(client)) dial.watch(connection);
  return connection;
}

/** Where node-redis keeps what a client is made of. */
interface MadeOf {
  readonly options?: { readonly socket?: object };
  /** Of a cluster's client. */
  readonly _options?: { readonly defaults?: { readonly socket?: object } };
}

function withoutReconnecting(client: RedisClient, dial: Dial): object {
  const { options, _options } = client as MadeOf;
  if (isStandaloneClient(client)) {
    const reconnectStrategy = (): false => {
      dial.end();
      return false;
    };
    return { socket: { ...options?.socket, reconnectStrategy } };
  }
  // Sentinel's reconnecting is how it finds the next master.
  if (isSentinelClient(client) || _options === undefined) return {};
  const { defaults } = _options;
  return { defaults: { ...defaults, socket: { ...defaults?.socket, reconnectStrategy: false } } };
}

async function lastNumber(nodes: RedisNodes, { streamKey }: FollowerSettings): Promise<number> {
  const args = ['XREVRANGE', streamKey, '+', '-', 'COUNT', '1'];
  const reply = await nodes.nodeOf(streamKey).send(args, 'text', streamKey);
  const [entry] = reply as [id: string, fields: string[]][];
  return entry === undefined ? 0 : numberOf(entry[0]);
}

async function messagesAfter(
  nodes: RedisNodes,
  { streamKey, pollMs }: FollowerSettings,
  position: number,
): Promise<Message[]> {
  const block = ['XREAD', 'COUNT', String(MESSAGES_PER_POLL), 'BLOCK', String(pollMs)];
  const reply = await nodes
    .nodeOf(streamKey)
    .send([...block, 'STREAMS', streamKey, `${position}-0`], 'text', streamKey);
  return streamEntries(reply).map(([id, fields]) => ({
    number: numberOf(id),
    origin: fields[fields.indexOf('o') + 1] ?? '',
    text: fields[fields.indexOf('m') + 1] ?? '',
  }));
}

/** The entries of the one stream asked for: RESP 2 gives an array of pairs, RESP 3 a map, both nothing for no entries. */
function streamEntries(reply: unknown): [id: string, fields: string[]][] {
  if (reply === null || typeof reply !== 'object') return [];
  const streams = Array.isArray(reply) ? reply.map((pair: unknown[]) => pair[1]) : Object.values(reply);
  return (streams[0] ?? []) as [id: string, fields: string[]][];
}

/** Our ids are `<number>-0`. Another program's id shows up as a gap, since its number does not follow ours. */
function numberOf(id: string): number {
  return Number.parseInt(id, 10);
}

function within<T>(work: Promise<T>, timeoutMs: number): Promise<T> {
  return withDeadline(work, timeoutMs, () => new Error('No answer in time.'));
}

/** {@link Dial} says why. A cluster's client and Sentinel's may dial for ever, and have hold of most of what they do. */
async function destroyOnceDialled(connection: OwnConnection, dial: Dial, timeoutMs: number): Promise<void> {
  const over = dial.over();
  if (!isStandaloneClient(connection)) {
    await within(over, timeoutMs).catch(() => {});
    await destroy(connection);
  }
  await over;
  await destroy(connection);
}

async function destroy(connection: OwnConnection): Promise<void> {
  try {
    // A Sentinel client answers with a promise.
    await connection.destroy();
  } catch {
    // It was closed before.
  }
}
