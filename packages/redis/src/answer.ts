import { withDeadline } from '@cache/core';
import type { CommandTarget, RedisArgument } from './redis-client.ts';
import { URGENT } from './reply-format.ts';
import { isRefusal } from './server-error.ts';

/** What came of a question to a server. */
export type Answer =
  | { readonly kind: 'reply'; readonly text: string }
  /** An error of the server's: it may not say, or does not know the command. */
  | { readonly kind: 'refusal' }
  | { readonly kind: 'silence' };

/** How long an answer is waited for over a connection that was heard a moment ago. */
const ANSWER_LIMIT_MS = 500;

/** Asks before everything that waits to be written. */
export async function ask(
  client: CommandTarget,
  args: readonly RedisArgument[],
  limitMs: number = ANSWER_LIMIT_MS,
): Promise<Answer> {
  try {
    const reply = await withDeadline(client.sendCommand(args, URGENT), limitMs, notHeard);
    return { kind: 'reply', text: String(reply) };
  } catch (error) {
    return { kind: isRefusal(error) ? 'refusal' : 'silence' };
  }
}

/** What this says, or false if it does not say so in time. */
export function isHeard(saying: Promise<boolean>): Promise<boolean> {
  return withDeadline(saying, ANSWER_LIMIT_MS, notHeard).catch(() => false);
}

function notHeard(): Error {
  return new Error('Not heard.');
}
