import { type BusGap, type Invalidation, withDeadline } from '@cache/core';
import { decodeInvalidations } from './bus-message.ts';
import type { RedisClient } from './redis-client.ts';
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
  const connection = ownConnection(client);
  const connecting = connection.connect();
  const abort = (): Promise<void> => destroyOnceConnected(connection, connecting, timeoutMs);
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
function ownConnection(client: RedisClient): OwnConnection {
  const { options } = client as { options?: { readonly socket?: object } };
  const connection = client.duplicate(
    options?.socket === undefined ? undefined : { socket: { ...options.socket, reconnectStrategy: false } },
  ) as OwnConnection;
  connection.on('error', () => {});
  return connection;
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

/** node-redis 5 forgets a socket whose client is destroyed during the handshake: it stays open, and so does the process. */
async function destroyOnceConnected(
  connection: OwnConnection,
  connecting: Promise<unknown>,
  timeoutMs: number,
): Promise<void> {
  await within(connecting, timeoutMs).catch(() => {});
  try {
    // A Sentinel client answers with a promise.
    await connection.destroy();
  } catch {
    // It was closed before.
  }
}
