import type { CacheEngine } from './cache-engine.ts';
import { textAt } from './row.ts';
import { read } from './statement.ts';

/**
 * One row: number, identity. What it is made of, each readable by every role:
 *
 * - the cluster of databases and its timeline, which a promotion and a restore to a point in time change;
 * - when the postmaster started;
 * - when the statistics began, which are thrown away when a process crashed and the postmaster began anew without being
 *   started: with `synchronous_commit = off` what was acknowledged last is lost then. Somebody who resets them looks like
 *   that too.
 */
const IDENTITY = read(
  'serverIdentity',
  `SELECT $1::text, concat_ws(' ', s.system_identifier, c.timeline_id, date_part('epoch', pg_postmaster_start_time()),
  date_part('epoch', b.stats_reset))
FROM (SELECT $2::text) one, pg_control_system() s, pg_control_checkpoint() c, pg_stat_bgwriter b`,
);

/** Names the server that answers, from its start to its end. */
export async function runningServer({ runner, prefix, options }: CacheEngine): Promise<string> {
  const row = await runner.callOne('ping', IDENTITY, [prefix], options.readTimeoutMs);
  return textAt(row, 1) ?? '';
}
