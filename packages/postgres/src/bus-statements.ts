import type { Relations } from './relations.ts';

/** What the bus says to the server; every parameter and column is text. */
export interface BusStatements {
  /**
   * What has become visible since a snapshot. `$1` a number that comes back, `$2` the namespace, `$3` the snapshot, or
   * NULL for none. One row: number, this statement's snapshot, the server process, whether the log was trimmed beyond
   * `$3`, and the events as a JSON array of [origin, kind, subject].
   */
  readonly poll: string;
  /** `$1` a number, `$2` the namespace, `$3` origin, `$4` the events as a JSON array of [kind, subject]. One row: number. */
  readonly publish: string;
}

/**
 * Events are read by snapshot and not by number: transactions commit in another order than they draw numbers, so a
 * cursor on numbers skips what commits late. An event is new if the snapshot of the last poll does not see it.
 */
export function busStatements({ event, horizon }: Relations): BusStatements {
  return {
    poll: `SELECT $1::text, pg_current_snapshot()::text, pg_backend_pid()::text,
  ($3::text IS NOT NULL AND EXISTS (SELECT FROM ${horizon} h
    WHERE h.event_xid > pg_snapshot_xmin($3::text::pg_snapshot)))::text,
  (SELECT coalesce(json_agg(json_build_array(e.origin, e.kind, e.subject) ORDER BY e.seq), '[]')::text FROM ${event} e
   WHERE $3::text IS NOT NULL AND e.namespace = $2::text AND e.xid >= pg_snapshot_xmin($3::text::pg_snapshot)
     AND NOT pg_visible_in_snapshot(e.xid, $3::text::pg_snapshot))`,
    publish: `WITH told AS (INSERT INTO ${event} (namespace, origin, kind, subject)
  SELECT $2::text, $3::text, e->>0, e->>1 FROM jsonb_array_elements($4::text::jsonb) e RETURNING 1)
SELECT $1::text, count(*)::text FROM told`,
  };
}
