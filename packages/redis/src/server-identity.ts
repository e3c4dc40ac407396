import { CacheOptionError } from '@cache/core';
import type { CacheParts } from './cache-parts.ts';
import { NotConnected } from './server-error.ts';

/** The run ids of all masters: Redis and Valkey draw one at random whenever they start. */
export async function serverIdentity({ batch, keys }: CacheParts): Promise<string> {
  const masters = batch.nodes.masters();
  if (masters.length === 0) throw new NotConnected();
  const settings = { operation: 'ping', isWrite: false, key: keys.prefix } as const;
  const replies = await Promise.all(masters.map((node) => batch.send(['INFO', 'server'], { ...settings, node })));
  return replies.map(runIdOf).sort().join(' ');
}

function runIdOf(info: unknown): string {
  const runId = /^run_id:(\w+)/m.exec(String(info))?.[1];
  if (runId !== undefined) return runId;
  throw new CacheOptionError('INFO of this server has no run_id: a restart cannot be told.', {
    operation: 'ping',
    backend: 'redis',
  });
}
